//! The patches: read, named, chosen.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// All patches, in the order in which they are applied.
pub(super) struct Series {
    /// The switch itself and what else is no bug, then the bugs.
    pub(super) patches: Vec<PathBuf>,
    /// The bugs.
    pub(super) mutants: Vec<Mutant>,
}

/// A deliberate bug, as its patch tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// What turns it on.
    pub(super) name: String,
    /// What is done wrong.
    pub(super) bug: String,
    /// The promise that it breaks.
    pub(super) breaks: String,
    /// Where the design says so.
    pub(super) design: String,
    /// The folders of the crates that it changes.
    pub(super) crates: Vec<String>,
}

impl Series {
    /// Reads `mutants/*.patch`.
    ///
    /// # Errors
    /// A patch that does not tell what it is, or has no switch of its own name.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let folder = root.join("mutants");
        let listing = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut patches: Vec<PathBuf> = listing.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        patches.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
        patches.sort();
        let mut mutants = Vec::new();
        for patch in &patches {
            let stem = patch.file_stem().unwrap_or_default().to_string_lossy();
            let Some((number, name)) = stem.split_once('-') else { bail!("{stem}: not NN-name") };
            if number != "00" {
                let text = fs::read_to_string(patch)?;
                mutants.push(Mutant::parse(name, &text).with_context(|| format!("mutants/{stem}.patch"))?);
            }
        }
        Ok(Self { patches, mutants })
    }

    /// The bugs called `names`; all if there are none.
    ///
    /// # Errors
    /// A name that no bug has.
    pub(super) fn chosen(&self, names: &[String]) -> Result<Vec<&Mutant>> {
        if names.is_empty() {
            return Ok(self.mutants.iter().collect());
        }
        let find = |name: &String| {
            self.mutants.iter().find(|mutant| mutant.name == *name).with_context(|| format!("no bug {name}"))
        };
        names.iter().map(find).collect()
    }
}

impl Mutant {
    fn parse(name: &str, text: &str) -> Result<Self> {
        let header = |word: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(": "));
            line.map(str::to_owned).with_context(|| format!("its header has no line `{word}: …`"))
        };
        ensure!(
            text.contains(&format!("jumun_switch::on(\"{name}\")")),
            "nothing in it asks for the switch `{name}`"
        );
        let mut crates: Vec<String> = touched(text)
            .filter_map(|path| path.strip_prefix("crates/")?.split('/').next())
            .map(str::to_owned)
            .collect();
        crates.dedup();
        Ok(Self {
            name: name.to_owned(),
            bug: header("Bug")?,
            breaks: header("Breaks")?,
            design: header("Design")?,
            crates,
        })
    }
}

/// The files that a patch changes.
pub(super) fn touched(patch: &str) -> impl Iterator<Item = &str> {
    patch.lines().filter_map(|line| line.strip_prefix("--- a/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "Bug: it forgets\nBreaks: a promise\nDesign: 3.2\n\n--- a/crates/kernel/src/a.rs\n\
                         +++ b/crates/kernel/src/a.rs\n@@ -1 +1 @@\n-x\n+jumun_switch::on(\"forgets\")\n";

    #[test]
    fn a_patch_tells_what_it_breaks_and_where() {
        let mutant = Mutant::parse("forgets", PATCH).unwrap();
        assert_eq!((mutant.bug.as_str(), mutant.breaks.as_str()), ("it forgets", "a promise"));
        assert_eq!((mutant.design.as_str(), mutant.crates), ("3.2", vec!["kernel".to_owned()]));
    }

    #[test]
    fn a_patch_without_its_own_switch_or_header_is_refused() {
        let error = Mutant::parse("other", PATCH).unwrap_err();
        assert_eq!(error.to_string(), "nothing in it asks for the switch `other`");
        let error = Mutant::parse("forgets", &PATCH.replace("Breaks", "breaks")).unwrap_err();
        assert_eq!(error.to_string(), "its header has no line `Breaks: …`");
    }
}
