//! Opening a topology's databases, each knowing which topology it belongs to.

use crate::folder::{self, Folder};
use anyhow::{Context, bail};
use kernel::state::Write;
use kernel::topology::{Database, Topology};
use kernel::{Key, Record};
use runtime::Registry;
use runtime::ports::store::{Epoch, Meta, Reader, Store};
use runtime::system::Opened;
use smol_str::SmolStr;
use std::path::Path;
use std::sync::Arc;
use store::sqlite::{Durability, Options, SqliteReader, SqliteStore};
use uuid::Uuid;

/// Where a system keeps its databases.
#[derive(Clone, Debug)]
pub enum Storage<'a> {
    /// SQLite files in this folder.
    Folder(&'a Path),
    /// In memory; gone with the process.
    Memory,
}

/// Page cache of all databases of a process together, in KiB.
const CACHE_KIB: u32 = 32 * 1024;

/// Opens every database of `topology`.
///
/// # Errors
/// If one cannot be opened, or belongs to another topology.
pub fn open(storage: &Storage<'_>, topology: &Topology, registry: &Registry) -> anyhow::Result<Vec<Opened>> {
    let databases = topology.databases();
    if let Storage::Folder(path) = storage {
        refuse_strangers(path, &databases)?;
    }
    let count = u32::try_from(databases.len()).unwrap_or(1).max(1);
    databases
        .into_iter()
        .map(|database| {
            let name = database.name.clone();
            open_one(storage, topology, registry, database, CACHE_KIB / count)
                .with_context(|| format!("database {name}"))
        })
        .collect()
}

fn open_one(
    storage: &Storage<'_>,
    topology: &Topology,
    registry: &Registry,
    database: Database,
    cache_kib: u32,
) -> anyhow::Result<Opened> {
    let tables = registry.tables(&database);
    let epoch = Epoch(Uuid::from_u128(rand::random()));
    let mut store = match storage {
        Storage::Memory => SqliteStore::open_in_memory(&tables, epoch)?,
        Storage::Folder(path) => {
            let derived = database.domains.iter().all(|domain| domain.as_str() == "read-model");
            let options = Options {
                // Views can be rebuilt from the logs: losing the last moments of them loses nothing.
                durability: if derived { Durability::Normal } else { Durability::Full },
                cache_kib,
                ..Options::new(epoch)
            };
            SqliteStore::open(&folder::database(path, &database.name), &tables, &options)?
        }
    };
    let reader = store.reader();
    mark(&mut store, reader.as_ref(), topology, &database)?;
    Ok(Opened { database, store: Box::new(store), reader })
}

/// Opens the databases of `topology` in a folder for reading only: beside a running server, or without one.
///
/// # Errors
/// If one is missing or unreadable, or belongs to another topology.
pub fn open_readonly(
    path: &Path,
    topology: &Topology,
    registry: &Registry,
) -> anyhow::Result<Vec<(Database, Arc<dyn Reader>)>> {
    let databases = topology.databases();
    refuse_strangers(path, &databases)?;
    databases
        .into_iter()
        .map(|database| {
            let file = folder::database(path, &database.name);
            let context = || format!("database {}: {}", database.name, file.display());
            let reader = SqliteReader::open_readonly(&file, &registry.tables(&database), 4 * 1024)
                .with_context(context)?;
            missing_marks(&reader, topology, &database).with_context(context)?;
            Ok((database, Arc::new(reader) as Arc<dyn Reader>))
        })
        .collect()
}

/// What a database says of itself: its topology, and which domains it holds.
fn description(topology: &Topology, database: &Database) -> [(&'static str, String); 2] {
    let domains: Vec<&str> = database.domains.iter().map(kernel::DomainName::as_str).collect();
    [("topology", topology.name.clone()), ("domains", domains.join(" "))]
}

/// A new database is told what it is; an older one must be what it is taken for.
fn mark(
    store: &mut dyn Store,
    reader: &dyn Reader,
    topology: &Topology,
    database: &Database,
) -> anyhow::Result<()> {
    let mut writes = missing_marks(reader, topology, database)?;
    if !writes.is_empty() {
        writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        store.begin()?;
        store.commit(&writes, &[])?;
    }
    Ok(())
}

/// What a database does not yet say of itself. What it does say must be so.
fn missing_marks(
    reader: &dyn Reader,
    topology: &Topology,
    database: &Database,
) -> anyhow::Result<Vec<Write>> {
    let mut missing = Vec::new();
    for (name, value) in description(topology, database) {
        let key = Key::from((SmolStr::new(name),));
        match reader.load(Meta::TABLE, std::slice::from_ref(&key))?.first() {
            None => {
                let row = Meta { name: SmolStr::new(name), value: SmolStr::new(&value) }.to_row();
                missing.push(Write { table: Meta::TABLE, key, row: Some(row) });
            }
            Some(row) => {
                let found = Meta::from_row(row)?.value;
                if found != value {
                    bail!(
                        "it holds the {name} `{found}`, not `{value}`: these data belong to another topology; \
                         serve them with that one, or begin with an empty --data folder"
                    );
                }
            }
        }
    }
    Ok(missing)
}

/// Databases of another topology in the folder mean that its data are live under other names.
fn refuse_strangers(path: &Path, databases: &[Database]) -> anyhow::Result<()> {
    let Ok(files) = std::fs::read_dir(path) else { return Ok(()) };
    for file in files.filter_map(Result::ok) {
        let file = file.path();
        let known =
            |name: &str| name == "pg-simulator" || databases.iter().any(|database| database.name == name);
        let is_database = file.extension().is_some_and(|extension| extension == "db");
        if let Some(name) =
            file.file_stem().and_then(|stem| stem.to_str()).filter(|name| is_database && !known(name))
        {
            bail!(
                "the data folder {} holds a database `{name}` that this topology has not: its data belong to another \
                 topology; serve them with that one, or begin with an empty --data folder",
                path.display()
            );
        }
    }
    Ok(())
}

/// Starts a new epoch in the named databases: the operator's word that their present state is to be believed, although others
/// have read further in their logs.
///
/// # Errors
/// If there is no such database (then no other's epoch is begun either), a server runs on the folder, or it cannot be written.
pub fn start_epochs(config: &crate::Config, names: &[String]) -> anyhow::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let text = crate::topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
    let (topology, registry) = shop::Domains::new(config.policies.clone()).place(&text)?;
    for name in names {
        if !topology.databases().iter().any(|database| database.name == *name) {
            bail!("--new-epoch {name}: topology {} has no such database", topology.name);
        }
        let file = folder::database(&config.file.data, name);
        if !file.is_file() {
            bail!("--new-epoch {name}: {} does not exist", file.display());
        }
    }
    let folder = Folder::take(&config.file.data)?;
    let mut stores = Vec::new();
    for database in topology.databases().iter().filter(|database| names.contains(&database.name)) {
        let options = Options::new(Epoch(Uuid::from_u128(rand::random())));
        let store =
            SqliteStore::open(&folder.database(&database.name), &registry.tables(database), &options)?;
        missing_marks(store.reader().as_ref(), &topology, database)
            .with_context(|| format!("--new-epoch {}", database.name))?;
        stores.push(store);
    }
    for mut store in stores {
        store.new_epoch(Epoch(Uuid::from_u128(rand::random())))?;
    }
    Ok(())
}
