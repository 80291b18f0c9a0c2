//! The copy of the tree that the patches are applied to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::series::{Series, touched};
use crate::run;

/// What is copied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Every file.
    All,
    /// Those alone that the patches change: enough to see whether they fit.
    Touched,
}

/// Makes `place` a copy of the files that git knows or would add, with every patch applied.
///
/// # Errors
/// The patch and the place in it that no longer fits.
pub(super) fn patched(root: &Path, place: &Path, series: &Series, which: Which) -> Result<()> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::create_dir_all(place)?;
    let mut changed = BTreeSet::new();
    for patch in &series.patches {
        changed.extend(touched(&fs::read_to_string(patch)?).map(str::to_owned));
    }
    for path in files(root)? {
        let from = root.join(&path);
        // What git lists but a change under way has removed is not there.
        if (which == Which::All || changed.contains(&path)) && from.is_file() {
            let to = place.join(&path);
            fs::create_dir_all(to.parent().unwrap_or(place))?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {path}"))?;
        }
    }
    series.patches.iter().try_for_each(|patch| apply(place, patch))
}

fn files(root: &Path) -> Result<Vec<String>> {
    // A build machine may run as another user than the one who owns the clone; git then wants this said.
    let trust = format!("safe.directory={}", root.display());
    let mut git = Command::new("git");
    git.args(["-c", &trust, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root);
    Ok(run::capture(&mut git)?.split_terminator('\0').map(str::to_owned).collect())
}

/// Lines may have moved; what stands around a change must be as it was.
fn apply(place: &Path, patch: &Path) -> Result<()> {
    // Else git takes the copy for a folder of the repository around it, and skips what it does not find there.
    let above = place.parent().unwrap_or(place);
    let mut git = Command::new("git");
    git.arg("apply").arg(patch).current_dir(place).env("GIT_CEILING_DIRECTORIES", above);
    let output = git.output().context("cannot start git")?;
    if !output.status.success() {
        let name = patch.file_name().unwrap_or_default().to_string_lossy();
        bail!("mutants/{name} no longer fits: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Makes `to` what `from` is, and writes only what differs: what is built from the rest is not built again.
///
/// # Errors
/// If files cannot be read or written.
pub(super) fn sync(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let (wanted, there) = (listed(from)?, listed(to)?);
    for path in there.difference(&wanted) {
        fs::remove_file(to.join(path))?;
    }
    for path in &wanted {
        let text = fs::read(from.join(path))?;
        let target = to.join(path);
        if fs::read(&target).ok().as_deref() != Some(text.as_slice()) {
            fs::create_dir_all(target.parent().unwrap_or(to))?;
            fs::write(target, text)?;
        }
    }
    Ok(())
}

/// Every file under `folder`, by its path from there.
fn listed(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(folder)?.to_path_buf());
            }
        }
    }
    Ok(found)
}
