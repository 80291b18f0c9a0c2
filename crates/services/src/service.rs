//! A kind of server: how it is made ready, run and asked. What holds for all kinds alike is beside this.

use crate::access::Access;
use crate::account::Account;
use anyhow::Result;
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How one kind of server runs.
pub trait Service: Send + Sync + Sized {
    /// Its name, in words to people and in names of folders.
    const NAME: &'static str;
    /// How many ports it listens on; the first is its clients'.
    const PORTS: usize = 1;
    /// What asks it to end at once, but well.
    const STOP: Signal;

    /// The server that is reached by `access`, with `settings` over its defaults.
    ///
    /// # Errors
    /// If it is not installed: how to get it.
    fn new(access: Access, settings: &[(&str, &str)]) -> Result<Self>;

    /// How it is reached.
    fn access(&self) -> &Access;

    /// Who runs it: whoever starts it, unless it refuses to be run so.
    ///
    /// # Errors
    /// If the system has no such account.
    fn account(&self) -> Result<Account> {
        Ok(Account::caller())
    }

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

    /// Makes what clients expect to find in it, once it answers.
    ///
    /// # Errors
    /// If it cannot be made.
    fn furnish(&self) -> Result<()> {
        Ok(())
    }

    /// Where its clients find it.
    fn url(&self) -> String;

    /// The port that its clients connect to.
    fn port(&self) -> u16 {
        self.access().port(0)
    }
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

/// Settings, kept.
pub(crate) fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
