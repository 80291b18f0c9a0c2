//! `jumun migrate`.

use super::{Ended, SystemArgs, say};
use anyhow::Context;
use clap::Args;
use jumun::databases::{self, Storage};
use jumun::folder::Folder;
use shop::Domains;

/// Make a topology's databases, or bring their tables up to date, and do nothing else
///
/// Every start does the same; this is for whoever wants it done before, or under a role that may do more. Tables, columns that may
/// be empty, and indexes are added; whatever else differs is refused by name, and nothing is changed.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    system: SystemArgs,
}

impl Migrate {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.system.load(None, None, None)?;
        let text = jumun::topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
        let (topology, registry) = Domains::new(config.policies.clone())
            .place(&text)
            .with_context(|| format!("topology {}", config.file.topology))?;
        // Files have one writer; a server's databases are locked while their tables change.
        let _folder = match config.storage() {
            Storage::Folder(path) => Some(Folder::take(path)?),
            Storage::Postgres(_) | Storage::Memory => None,
        };
        for name in databases::migrate(&config.storage(), &topology, &registry)? {
            say(format_args!("{name}: up to date"))?;
        }
        Ok(Ended::Well)
    }
}
