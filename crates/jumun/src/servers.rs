//! Databases on PostgreSQL servers: which one holds which of a topology's databases.

use anyhow::bail;
use kernel::topology::Database;
use std::collections::BTreeMap;
use store::postgres::{self, Server};

/// Where the databases of a topology are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// One database each, named after this one and the topology's.
    common: Option<Server>,
    /// Those that are elsewhere.
    own: BTreeMap<String, Server>,
}

impl Servers {
    /// What is configured: a URL whose database's name begins the names of all, and URLs of databases that are elsewhere.
    /// `None` if nothing is.
    ///
    /// # Errors
    /// The setting that is wrong, without its value.
    pub fn parse<'u>(
        common: Option<&str>,
        own: impl Iterator<Item = (&'u str, &'u str)>,
    ) -> anyhow::Result<Option<Self>> {
        let read = |setting: &str, url: &str| {
            Server::parse(url).map_err(|error| anyhow::anyhow!("{setting}: {error}"))
        };
        let common = common.map(|url| read("database", url)).transpose()?;
        let own = own
            .map(|(name, url)| Ok((name.to_owned(), read(&format!("databases.{name}"), url)?)))
            .collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        Ok((common.is_some() || !own.is_empty()).then_some(Self { common, own }))
    }

    /// Where the database called `name` is.
    ///
    /// # Errors
    /// If neither its own URL nor that of all is configured.
    pub fn of(&self, name: &str) -> anyhow::Result<Server> {
        match (self.own.get(name), &self.common) {
            (Some(own), _) => Ok(own.clone()),
            (None, Some(common)) => Ok(common.with_database(&format!("{}_{name}", common.database()))),
            (None, None) => {
                bail!("databases: there is no URL for `{name}`; give it one, or set `database` for all")
            }
        }
    }

    /// Another topology's databases under the same name mean that its data are live.
    ///
    /// # Errors
    /// If there are any, if a setting names a database that `databases` lacks, or if the server cannot be asked.
    pub fn refuse_strangers(&self, databases: &[Database]) -> anyhow::Result<()> {
        let is_known = |name: &str| databases.iter().any(|database| database.name == name);
        if let Some(stranger) = self.own.keys().find(|name| !is_known(name)) {
            bail!("databases.{stranger}: this topology has no such database");
        }
        let Some(common) = &self.common else { return Ok(()) };
        let prefix = format!("{}_", common.database());
        for name in postgres::databases(common, &prefix)? {
            let rest = name.strip_prefix(&prefix).unwrap_or_default();
            // What has a further `_` is under a longer name of its own: no database of a topology has one.
            if !is_known(rest) && !rest.contains('_') {
                bail!(
                    "the server holds a database {name} that this topology has not: its data belong to another topology; \
                     serve them with that one, or begin under another name"
                );
            }
        }
        Ok(())
    }

    /// The same servers, with names of their own for databases that are to be thrown away.
    #[must_use]
    pub fn throwaway(&self, mark: u64) -> Option<Self> {
        let common = self.common.as_ref()?;
        let common = common.with_database(&format!("{}_{mark:x}", common.database()));
        Some(Self { common: Some(common), own: BTreeMap::new() })
    }

    /// Removes all of `databases`, with what is in them.
    ///
    /// # Errors
    /// If one is there and cannot be removed.
    pub fn remove(&self, databases: &[Database]) -> anyhow::Result<()> {
        for database in databases {
            postgres::remove(&self.of(&database.name)?)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Servers {
    /// Where they are, without passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let common = self.common.iter().map(|common| format!("{common}_…"));
        let own = self.own.iter().map(|(name, server)| format!("{name} in {server}"));
        f.write_str(&common.chain(own).collect::<Vec<_>>().join(", "))
    }
}
