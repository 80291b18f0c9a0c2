//! The data folder: one system's databases, keys and locks.

use anyhow::{Context, bail};
use rand::RngCore;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A data folder that this process owns, or that it shares with the processes of other units.
pub struct Folder {
    path: PathBuf,
    _locks: Vec<File>,
}

impl Folder {
    /// Takes the folder at `path` for a whole system, made if it is missing.
    ///
    /// # Errors
    /// If another server holds it, or it cannot be made.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        make(path)?;
        let lock = lock_file(path, "jumun.lock")?;
        if lock.try_lock().is_err() {
            bail!(
                "another jumun serves the data folder {}; stop it first, or give another --data",
                path.display()
            );
        }
        Ok(Self { path: path.to_owned(), _locks: vec![lock] })
    }

    /// Takes what belongs to `units` in the folder at `path`, made if it is missing. Other units may be taken by other processes; these
    /// too, if there may be `several` instances of them.
    ///
    /// # Errors
    /// If another server holds the whole folder or one of the units, or it cannot be made.
    pub fn take_units(path: &Path, units: &[String], several: bool) -> anyhow::Result<Self> {
        make(path)?;
        let whole = lock_file(path, "jumun.lock")?;
        if whole.try_lock_shared().is_err() {
            bail!("another jumun serves all units of the data folder {}; stop it first", path.display());
        }
        let mut locks = vec![whole];
        for unit in units {
            let lock = lock_file(path, &format!("jumun-{unit}.lock"))?;
            let taken = if several { lock.try_lock_shared() } else { lock.try_lock() };
            if taken.is_err() {
                bail!(
                    "another jumun serves the unit {unit} of the data folder {}; stop it first",
                    path.display()
                );
            }
            locks.push(lock);
        }
        Ok(Self { path: path.to_owned(), _locks: locks })
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
        if path.try_exists().with_context(|| format!("{} cannot be read", path.display()))? {
            return read_secret(&path).with_context(|| format!("{} cannot be read", path.display()));
        }
        self.make_secret(&path)
    }

    /// Written whole before it has its name: a crash leaves no half key, and of two processes that make it at once both have the
    /// first one's.
    fn make_secret(&self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let mut secret = vec![0_u8; 32];
        rand::rng().fill_bytes(&mut secret);
        let half = path.with_extension(format!("half-{}", std::process::id()));
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&half)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        let named = std::fs::hard_link(&half, path);
        std::fs::remove_file(&half)?;
        match named {
            Ok(()) => {
                File::open(&self.path)?.sync_all()?;
                Ok(secret)
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read_secret(path),
            Err(error) => Err(error).with_context(|| format!("{} cannot be made", path.display())),
        }
    }
}

fn make(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path)
        .with_context(|| format!("the data folder {} cannot be made", path.display()))
}

fn lock_file(path: &Path, name: &str) -> anyhow::Result<File> {
    let path = path.join(name);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    opened.with_context(|| format!("{} cannot be opened", path.display()))
}

/// A secret that is there.
fn read_secret(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut file = File::open(path)?;
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

/// The file of the database called `name` in the folder at `path`.
#[must_use]
pub fn database(path: &Path, name: &str) -> PathBuf {
    path.join(format!("{name}.db"))
}
