//! The data folder: one system's databases, keys and locks.

use anyhow::{Context, bail};
use rand::RngCore;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A data folder that this process owns.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder at `path`, made if it is missing.
    ///
    /// # Errors
    /// If another server holds it, or it cannot be made.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        let lock_path = path.join("jumun.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .with_context(|| format!("{} cannot be opened", lock_path.display()))?;
        if lock.try_lock().is_err() {
            bail!(
                "another jumun serves the data folder {}; stop it first, or give another --data",
                path.display()
            );
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the database called `name`.
    #[must_use]
    pub fn database(&self, name: &str) -> PathBuf {
        database(&self.path, name)
    }

    /// The secret called `name`: made on first use, 32 random bytes, readable by its owner only.
    ///
    /// # Errors
    /// If it cannot be read or made, or others can read it.
    pub fn secret(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.path.join(name);
        match File::open(&path) {
            Ok(mut file) => {
                let mode = file.metadata()?.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    bail!("{} can be read by others (mode {mode:o}); make it 0600", path.display());
                }
                let mut secret = Vec::new();
                file.read_to_end(&mut secret)?;
                if secret.len() < 32 {
                    bail!("{} is too short to be a key", path.display());
                }
                Ok(secret)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.make_secret(&path),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Written whole before it has its name: a crash leaves no half key.
    fn make_secret(&self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let mut secret = vec![0_u8; 32];
        rand::rng().fill_bytes(&mut secret);
        let half = path.with_extension("half");
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&half)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        std::fs::rename(&half, path)?;
        File::open(&self.path)?.sync_all()?;
        Ok(secret)
    }
}

/// The file of the database called `name` in the folder at `path`.
#[must_use]
pub fn database(path: &Path, name: &str) -> PathBuf {
    path.join(format!("{name}.db"))
}
