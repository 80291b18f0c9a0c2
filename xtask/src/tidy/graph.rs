//! The crate graph that cargo resolved, reduced to what the checks ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{
    CargoOpt, DependencyKind, Metadata, MetadataCommand, Node, Package, PackageId, TargetKind,
};

use super::modules::Root;

/// The crates of this workspace whose code is decisions over values.
pub(super) const DOMAINS: &[&str] = &[
    "jumun-user",
    "jumun-product",
    "jumun-point",
    "jumun-coupon",
    "jumun-order",
    "jumun-payment",
    "jumun-ranking",
    "jumun-data-platform",
    "jumun-read-model",
    "jumun-replica",
];

/// What the domains are written in; pure as they are.
pub(super) const KERNEL: &str = "jumun-kernel";

/// Crates by package name. Where the tree holds two versions of a crate, their edges are taken together.
#[derive(Default)]
pub(super) struct Graph {
    /// The workspace's own crates.
    pub(super) members: BTreeMap<String, Member>,
    /// What every package, ours or not, is built from: its normal and build dependencies.
    pub(super) built_from: BTreeMap<String, BTreeSet<String>>,
}

/// One crate of the workspace.
#[derive(Default)]
pub(super) struct Member {
    /// Path from the workspace root.
    pub(super) directory: String,
    pub(super) roots: Vec<Root>,
    /// The workspace crates it is built from.
    pub(super) uses: BTreeSet<String>,
    /// The workspace crates that its tests need besides.
    pub(super) dev_uses: BTreeSet<String>,
}

impl Member {
    pub(super) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.directory)
    }
}

impl Graph {
    /// Asks cargo for the graph with every feature on, so that optional edges are seen too.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let mut command = MetadataCommand::new();
        command.current_dir(root).features(CargoOpt::AllFeatures).other_options(vec!["--locked".to_owned()]);
        let metadata = command.exec().context("cannot read the crate graph")?;
        let resolve = metadata.resolve.as_ref().context("cargo resolved no crate graph")?;
        let names: BTreeMap<&PackageId, String> =
            metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
        let ours: BTreeSet<&PackageId> = metadata.workspace_members.iter().collect();
        let mut graph = Self::default();
        for node in &resolve.nodes {
            let Some(name) = names.get(&node.id) else {
                continue;
            };
            let built_from = dependencies(node, &names, |_| true, is_built);
            graph.built_from.entry(name.clone()).or_default().extend(built_from);
        }
        for package in metadata.workspace_packages() {
            let node =
                resolve.nodes.iter().find(|node| node.id == package.id).context("an unresolved crate")?;
            let mut member = describe(package, &metadata);
            member.uses = dependencies(node, &names, |id| ours.contains(id), is_built);
            member.dev_uses = dependencies(
                node,
                &names,
                |id| ours.contains(id),
                |kind| kind == DependencyKind::Development,
            );
            graph.members.insert(package.name.to_string(), member);
        }
        Ok(graph)
    }

    /// Where the compiler starts reading, over all members.
    pub(super) fn roots(&self) -> Vec<Root> {
        self.members.values().flat_map(|member| member.roots.clone()).collect()
    }

    /// Whether the file belongs to a crate that must stay pure. Its integration tests may do what they like.
    pub(super) fn is_pure_source(&self, path: &str) -> bool {
        let pure = std::iter::once(&KERNEL).chain(DOMAINS).filter_map(|name| self.members.get(*name));
        pure.map(|member| format!("{}/src/", member.directory)).any(|sources| path.starts_with(&sources))
    }
}

fn is_built(kind: DependencyKind) -> bool {
    matches!(kind, DependencyKind::Normal | DependencyKind::Build)
}

fn dependencies(
    node: &Node,
    names: &BTreeMap<&PackageId, String>,
    wanted: impl Fn(&PackageId) -> bool,
    of_kind: impl Fn(DependencyKind) -> bool,
) -> BTreeSet<String> {
    let wanted = node.deps.iter().filter(|dependency| {
        wanted(&dependency.pkg) && dependency.dep_kinds.iter().any(|info| of_kind(info.kind))
    });
    wanted.filter_map(|dependency| names.get(&dependency.pkg).cloned()).collect()
}

fn describe(package: &Package, metadata: &Metadata) -> Member {
    let relative = |path: &cargo_metadata::camino::Utf8Path| {
        path.strip_prefix(&metadata.workspace_root).unwrap_or(path).to_string()
    };
    let is_test = |kind: &TargetKind| matches!(kind, TargetKind::Test | TargetKind::Bench);
    let roots = package
        .targets
        .iter()
        .map(|target| Root { path: relative(&target.src_path), test: target.kind.iter().any(is_test) });
    Member {
        directory: package.manifest_path.parent().map(relative).unwrap_or_default(),
        roots: roots.collect(),
        ..Member::default()
    }
}

#[cfg(test)]
impl Graph {
    /// A graph for a test: each crate with what it is built from. Crates named `jumun…` are the workspace's own.
    pub(super) fn of(crates: &[(&str, &[&str])]) -> Self {
        let ours = |name: &str| name.starts_with("jumun");
        let mut graph = Self::default();
        for (name, uses) in crates {
            let uses: BTreeSet<String> = uses.iter().map(|used| (*used).to_owned()).collect();
            if ours(name) {
                let directory = format!("crates/{}", name.trim_start_matches("jumun-"));
                let uses = uses.iter().filter(|used| ours(used)).cloned().collect();
                graph.members.insert((*name).to_owned(), Member { directory, uses, ..Member::default() });
            }
            graph.built_from.insert((*name).to_owned(), uses);
        }
        graph
    }
}
