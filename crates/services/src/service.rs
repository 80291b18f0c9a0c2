//! A kind of server: how it is made ready, run and asked. What holds for all kinds alike is beside this.

use anyhow::Result;
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How one kind of server runs.
pub trait Service: Send + Sync + Sized {
    /// Its name, in words to people and in names of folders.
    const NAME: &'static str;
    /// What asks it to end at once, but well.
    const STOP: Signal;

    /// Makes its folder ready to be run over, if it is not yet.
    ///
    /// # Errors
    /// What went wrong, and what the program that did it said.
    fn prepare(&self, place: &Place) -> Result<()>;

    /// What runs it, in the foreground.
    ///
    /// # Errors
    /// If this machine lacks something.
    fn command(&self, place: &Place) -> Result<Command>;

    /// Asks it, in its own language, something that only a server that takes work can answer.
    ///
    /// # Errors
    /// Why it does not answer so yet.
    fn ask(&self) -> Result<()>;

    /// Where its clients find it.
    fn url(&self) -> String;
}

/// Where a server keeps everything.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// A server's own folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it stores.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it says.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// The last lines of what it said, for people; empty if it said nothing.
    #[must_use]
    pub fn last_words(&self) -> String {
        const LINES: usize = 12;
        let said = std::fs::read(self.log()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}
