//! The text files of the work tree, read once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::run;

/// Every text file that git tracks or would add, by its path from the root.
#[derive(Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Lists the files with git. What is not UTF-8 is no text and is left out, as is what git lists but a change
    /// under way has removed.
    pub(super) fn load(root: &Path) -> Result<Self> {
        // A build machine may run as another user than the one who owns the clone; git then wants this said.
        let trust = format!("safe.directory={}", root.display());
        let mut git = Command::new("git");
        git.args(["-c", &trust, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root);
        let listing = run::capture(&mut git)?;
        let read = |path: &str| Some((path.to_owned(), fs::read_to_string(root.join(path)).ok()?));
        Ok(Self { files: listing.split_terminator('\0').filter_map(read).collect() })
    }

    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every path with its text, in path order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

#[cfg(test)]
impl Tree {
    /// A tree for a test: paths with their texts.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }
}
