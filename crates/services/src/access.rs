//! How a server is reached: its ports and its password, kept beside its data.

use crate::port;
use crate::service::Place;
use anyhow::{Context, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Ports on the loopback address, and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    ports: Vec<u16>,
    password: String,
}

impl Access {
    /// So many free ports, and a password of no meaning.
    ///
    /// # Errors
    /// If there is no free port.
    pub(crate) fn make_up(ports: usize) -> Result<Self> {
        let ports = (0..ports).map(|_| port::free()).collect::<Result<_>>()?;
        Ok(Self { ports, password: format!("{:032x}", rand::random::<u128>()) })
    }

    /// The port called `number`, from 0; 0 if it has none of that number.
    #[must_use]
    pub fn port(&self, number: usize) -> u16 {
        self.ports.get(number).copied().unwrap_or(0)
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// What is kept at `place`, or made up for it; ports that others have taken meanwhile are exchanged, and the first for `wanted`, if
    /// one is asked for.
    ///
    /// # Errors
    /// If it cannot be kept, or the wanted port is taken.
    pub(crate) fn at(place: &Place, ports: usize, wanted: Option<u16>) -> Result<Self> {
        let kept = Self::kept(place).filter(|access| access.ports.len() == ports);
        let mut access = kept.map_or_else(|| Self::make_up(ports), Ok)?;
        for port in &mut access.ports {
            if !port::is_free(*port) {
                *port = port::free()?;
            }
        }
        if let (Some(wanted), Some(first)) = (wanted, access.ports.first_mut()) {
            anyhow::ensure!(port::is_free(wanted), "port {wanted} is taken by another program");
            *first = wanted;
        }
        write_secret(&file(place), &access.text())?;
        Ok(access)
    }

    /// What is kept at `place`.
    pub(crate) fn kept(place: &Place) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(file(place)).ok()?)
    }

    fn text(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        format!("ports {}\npassword {}\n", ports.join(" "), self.password)
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let ports = line("ports")?.split_whitespace().map(|port| port.parse().ok()).collect::<Option<_>>()?;
        Some(Self { ports, password: line("password")?.to_owned() })
    }
}

fn file(place: &Place) -> PathBuf {
    place.folder().join("access")
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// If it cannot be written.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn how_a_server_is_reached_is_kept_and_only_a_taken_port_is_exchanged() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        let made = Access::at(&place, 2, None).unwrap();
        assert_eq!(Access::at(&place, 2, None).unwrap(), made);
        assert_eq!(Access::kept(&place), Some(made.clone()));

        let _taken = TcpListener::bind(("127.0.0.1", made.port(1))).unwrap();
        let changed = Access::at(&place, 2, None).unwrap();
        assert_eq!((changed.port(0), changed.password()), (made.port(0), made.password()));
        assert_ne!(changed.port(1), made.port(1));
        assert!(Access::at(&place, 2, Some(made.port(1))).is_err(), "it is taken");

        let wanted = port::free().unwrap();
        assert_eq!(Access::at(&place, 2, Some(wanted)).unwrap().port(0), wanted);
    }
}
