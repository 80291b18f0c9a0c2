//! Who runs a server. PostgreSQL refuses to be run by root.

use crate::service::Place;
use anyhow::{Context, Result};
use nix::unistd::{Uid, User};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The accounts that may run a server in root's stead; every system has the second.
const UNPRIVILEGED: &[&str] = &["postgres", "nobody"];

/// The account to run a server as: the caller's, or another that is no root.
#[derive(Clone, Debug)]
pub struct Account(Option<User>);

impl Account {
    /// The caller's own.
    #[must_use]
    pub fn caller() -> Self {
        Self(None)
    }

    /// One that is not root: the caller's, if that is none.
    ///
    /// # Errors
    /// If the system has none.
    pub(crate) fn unprivileged() -> Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self(None));
        }
        for name in UNPRIVILEGED {
            if let Some(user) = User::from_name(name)? {
                return Ok(Self(Some(user)));
            }
        }
        anyhow::bail!("this is root, and there is no unprivileged account ({})", UNPRIVILEGED.join(", "))
    }

    /// Runs `command` as this account.
    pub(crate) fn run_as(&self, command: &mut Command) {
        if let Some(user) = &self.0 {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).env("HOME", "/");
        }
    }

    /// Makes a file this account's.
    ///
    /// # Errors
    /// If it cannot be given away.
    pub(crate) fn own_file(&self, path: &Path) -> Result<()> {
        let Some(user) = &self.0 else { return Ok(()) };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .with_context(|| format!("cannot give {} to {}", path.display(), user.name))
    }

    /// Makes a server's folder, which becomes this account's.
    ///
    /// # Errors
    /// If it cannot be made, given away, or reached by the account.
    pub(crate) fn own(&self, place: &Place) -> Result<()> {
        let folder = place.folder();
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let Some(user) = &self.0 else { return Ok(()) };
        self.own_file(folder)?;
        let mut look = Command::new("ls");
        self.run_as(look.arg("-d").arg(folder.join(".")));
        let seen = look.output().context("cannot run ls")?;
        anyhow::ensure!(
            seen.status.success(),
            "{} cannot be reached by {}, who runs the server in root's stead: choose another folder",
            folder.display(),
            user.name
        );
        Ok(())
    }
}
