//! Opening a topology's databases, each knowing which topology it belongs to.

use crate::folder::{self, Folder};
use crate::servers::Servers;
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
use store::Durability;
use store::postgres::{self, PostgresReader, PostgresStore};
use store::sqlite::{Options, SqliteReader, SqliteStore};
use uuid::Uuid;

/// Where a system keeps its databases.
#[derive(Clone, Debug)]
pub enum Storage<'a> {
    /// SQLite files in this folder.
    Folder(&'a Path),
    /// PostgreSQL.
    Postgres(&'a Servers),
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
    open_those(storage, topology, registry, |_| true)
}

/// Opens those databases of `topology` that are `wanted`.
///
/// # Errors
/// If one cannot be opened, or belongs to another topology.
pub fn open_those(
    storage: &Storage<'_>,
    topology: &Topology,
    registry: &Registry,
    wanted: impl Fn(&Database) -> bool,
) -> anyhow::Result<Vec<Opened>> {
    let mut databases = topology.databases();
    refuse_strangers(storage, &databases)?;
    databases.retain(wanted);
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
    let (mut store, reader) = open_store(storage, registry, &database, cache_kib)?;
    mark(store.as_mut(), reader.as_ref(), topology, &database)?;
    Ok(Opened { database, store, reader })
}

/// Opens one database for writing.
///
/// # Errors
/// If it cannot be opened.
pub fn open_store(
    storage: &Storage<'_>,
    registry: &Registry,
    database: &Database,
    cache_kib: u32,
) -> anyhow::Result<(Box<dyn Store>, Arc<dyn Reader>)> {
    let tables = registry.tables(database);
    let epoch = Epoch(Uuid::from_u128(rand::random()));
    let derived = database.domains.iter().all(|domain| domain.as_str() == "read-model");
    // Views can be rebuilt from the logs: losing the last moments of them loses nothing.
    let durability = if derived { Durability::Normal } else { Durability::Full };
    Ok(match storage {
        Storage::Memory => {
            let store = SqliteStore::open_in_memory(&tables, epoch)?;
            let reader = store.reader();
            (Box::new(store), reader)
        }
        Storage::Folder(path) => {
            let options = Options { durability, cache_kib, ..Options::new(epoch) };
            let store = SqliteStore::open(&folder::database(path, &database.name), &tables, &options)?;
            let reader = store.reader();
            (Box::new(store), reader)
        }
        Storage::Postgres(servers) => {
            let options = postgres::Options { durability, ..postgres::Options::new(epoch) };
            let store = PostgresStore::open(&servers.of(&database.name)?, &tables, &options)?;
            let reader = store.reader();
            (Box::new(store), reader)
        }
    })
}

/// Makes or brings up to date every database of `topology`, and does nothing else: where it is, and its name.
///
/// # Errors
/// As [`open`].
pub fn migrate(
    storage: &Storage<'_>,
    topology: &Topology,
    registry: &Registry,
) -> anyhow::Result<Vec<String>> {
    let opened = open(storage, topology, registry)?;
    Ok(opened.into_iter().map(|opened| opened.database.name).collect())
}

/// Opens the databases of `topology` for reading only: beside a running server, or without one.
///
/// # Errors
/// If one is missing or unreadable, or belongs to another topology.
pub fn open_readonly(
    storage: &Storage<'_>,
    topology: &Topology,
    registry: &Registry,
) -> anyhow::Result<Vec<(Database, Arc<dyn Reader>)>> {
    let databases = topology.databases();
    refuse_strangers(storage, &databases)?;
    databases
        .into_iter()
        .map(|database| {
            let context = || format!("database {}{}", database.name, place(storage, &database.name));
            let reader = open_reader(storage, registry, &database).with_context(context)?;
            missing_marks(reader.as_ref(), topology, &database).with_context(context)?;
            Ok((database, reader))
        })
        .collect()
}

fn open_reader(
    storage: &Storage<'_>,
    registry: &Registry,
    database: &Database,
) -> anyhow::Result<Arc<dyn Reader>> {
    let tables = registry.tables(database);
    Ok(match storage {
        Storage::Folder(path) => {
            let file = folder::database(path, &database.name);
            Arc::new(SqliteReader::open_readonly(&file, &tables, 4 * 1024)?)
        }
        Storage::Postgres(servers) => {
            Arc::new(PostgresReader::open_readonly(&servers.of(&database.name)?, &tables)?)
        }
        Storage::Memory => bail!("what is in memory is only there for whoever opened it"),
    })
}

/// Where a database is, for who has to look for it.
fn place(storage: &Storage<'_>, name: &str) -> String {
    match storage {
        Storage::Folder(path) => format!(": {}", folder::database(path, name).display()),
        Storage::Postgres(servers) => {
            servers.of(name).map(|server| format!(": {server}")).unwrap_or_default()
        }
        Storage::Memory => String::new(),
    }
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

/// Databases of another topology in the same place mean that its data are live under other names.
fn refuse_strangers(storage: &Storage<'_>, databases: &[Database]) -> anyhow::Result<()> {
    let path = match storage {
        Storage::Memory => return Ok(()),
        Storage::Postgres(servers) => return servers.refuse_strangers(databases),
        Storage::Folder(path) => path,
    };
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
    }
    let storage = config.storage();
    let named = || topology.databases().into_iter().filter(|database| names.contains(&database.name));
    for database in named() {
        let missing =
            || format!("--new-epoch {}{} does not exist", database.name, place(&storage, &database.name));
        if let Storage::Folder(path) = &storage
            && !folder::database(path, &database.name).is_file()
        {
            bail!(missing());
        }
        // A server's database is looked at before another's epoch begins: opening one for writing would make it.
        if let Storage::Postgres(_) = &storage {
            open_reader(&storage, &registry, &database).with_context(missing)?;
        }
    }
    let _folder = Folder::take(&config.file.data)?;
    let mut stores = Vec::new();
    for database in named() {
        let (store, reader) = open_store(&storage, &registry, &database, CACHE_KIB)?;
        missing_marks(reader.as_ref(), &topology, &database)
            .with_context(|| format!("--new-epoch {}", database.name))?;
        stores.push(store);
    }
    for mut store in stores {
        store.new_epoch(Epoch(Uuid::from_u128(rand::random())))?;
    }
    Ok(())
}
