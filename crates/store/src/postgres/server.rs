//! Where a database is, and connections to it.

use super::error::store_error;
use super::tls::Roots;
use crate::Durability;
use percent_encoding::percent_decode_str;
use runtime::ports::store::StoreError;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

/// How long anything may take before the connection is given up: longer than the server itself gives a statement.
pub(super) const PATIENCE: Duration = Duration::from_secs(35);

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(5);

/// Every session's settings. Statements find their rows by key or by index, whatever the planner believes of a table that was
/// never analysed: a plan made once for all values, and never a pass over a whole table where an index would do.
const SETTINGS: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
     -c enable_mergejoin=off -c enable_bitmapscan=off -c jit=off -c client_min_messages=warning \
     -c default_transaction_isolation=read\\ committed -c lock_timeout=5s";

/// A database on a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    config: Config,
    roots: Roots,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Batches.
    Writer(Durability),
    /// Reads of committed rows.
    Reader,
    /// Reads of one moment, for as long as it takes.
    Moment,
    /// Databases themselves, and their layout.
    Layout,
}

impl Role {
    fn settings(self) -> &'static str {
        match self {
            Self::Writer(Durability::Full) => {
                "-c synchronous_commit=on -c statement_timeout=30s -c idle_in_transaction_session_timeout=5s"
            }
            Self::Writer(Durability::Normal) => {
                "-c synchronous_commit=off -c statement_timeout=30s -c idle_in_transaction_session_timeout=5s"
            }
            Self::Reader => "-c default_transaction_read_only=on -c statement_timeout=30s",
            Self::Moment => "-c default_transaction_read_only=on -c statement_timeout=0",
            Self::Layout => "-c statement_timeout=0",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Writer(_) => "writer",
            Self::Reader => "reader",
            Self::Moment => "snapshot",
            Self::Layout => "layout",
        }
    }
}

impl fmt::Debug for Server {
    /// Never a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Server {
    /// Host, port and database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        write!(f, "{host}:{port}/{}", self.database())
    }
}

impl Server {
    /// The database that a URL such as `postgres://user:password@host:5432/shop?sslmode=require` names. With `sslrootcert=FILE` the
    /// server is believed by the root certificates in there instead of the system's.
    ///
    /// # Errors
    /// What is wrong with it, without showing it: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("a database is named by a URL like postgres://user@host:5432/name".to_owned());
        }
        let (url, roots) = without_own_words(url)?;
        let config: Config =
            url.parse().map_err(|error: tokio_postgres::Error| match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            })?;
        if config.get_hosts().is_empty() {
            return Err("the URL names no host".to_owned());
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err("the URL names no database: postgres://user@host:5432/name".to_owned());
        }
        Ok(Self { config, roots })
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// Another database of the same server.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut config = self.config.clone();
        config.dbname(name);
        Self { config, roots: self.roots.clone() }
    }

    /// Whom it is believed by.
    #[cfg(test)]
    pub(super) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// The same database by another port.
    #[cfg(test)]
    pub(super) fn with_port(&self, port: u16) -> Self {
        // Hosts and ports can only be added to a configuration.
        let mut config = Config::new();
        let old = &self.config;
        config.host("127.0.0.1").port(port);
        config.user(old.get_user().unwrap_or_default()).password(old.get_password().unwrap_or_default());
        config.dbname(old.get_dbname().unwrap_or_default()).options(old.get_options().unwrap_or_default());
        Self { config, roots: self.roots.clone() }
    }

    /// The tables of a schema of this name within the database, made like that if it is missing. For tests that need many databases.
    #[must_use]
    pub fn with_schema(&self, name: &str) -> Self {
        let mut config = self.config.clone();
        let options = format!("{} -c search_path={name}", config.get_options().unwrap_or_default());
        config.options(options.trim());
        Self { config, roots: self.roots.clone() }
    }

    /// A connection, driven by a task of the executor that this is called on.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if the server is away; [`StoreError::Unusable`] if it does not let us in.
    pub(super) async fn connect(&self, role: Role) -> Result<Client, StoreError> {
        self.try_connect(role).await?.map_err(store_error)
    }

    /// As [`Self::connect`], with the driver's own error inside.
    async fn try_connect(&self, role: Role) -> Result<Result<Client, tokio_postgres::Error>, StoreError> {
        let mut config = self.config.clone();
        let own = config.get_options().unwrap_or_default();
        let options = format!("{SETTINGS} {} {own}", role.settings());
        config
            .options(&options)
            .application_name(format!("jumun {} {}", role.name(), self.database()))
            .connect_timeout(CONNECTING)
            .keepalives_idle(Duration::from_secs(30));
        let connected = if self.needs_tls() {
            config.ssl_mode(SslMode::Require);
            let tls = self.roots.connector()?;
            tokio::time::timeout(PATIENCE, config.connect(tls)).await.map(|connected| {
                connected.map(|(client, connection)| {
                    tokio::spawn(drive(connection));
                    client
                })
            })
        } else {
            config.ssl_mode(SslMode::Disable);
            tokio::time::timeout(PATIENCE, config.connect(NoTls)).await.map(|connected| {
                connected.map(|(client, connection)| {
                    tokio::spawn(drive(connection));
                    client
                })
            })
        };
        connected.map_err(|_| StoreError::Retry(format!("{self} does not answer")))
    }

    /// On this machine there is nobody in between; elsewhere `prefer` would let whoever is in between choose. Who names roots wants them used.
    pub(super) fn needs_tls(&self) -> bool {
        let is_here = |host: &Host| match host {
            Host::Tcp(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        };
        match self.config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Prefer => {
                let addresses = self.config.get_hostaddrs();
                let all_here =
                    self.config.get_hosts().iter().all(is_here) && addresses.iter().all(IpAddr::is_loopback);
                self.roots != Roots::System || !all_here
            }
            _ => true,
        }
    }

    /// Makes the database if there is none and we may.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if it is missing and we may not make it.
    pub(super) async fn ensure(&self) -> Result<(), StoreError> {
        let missing = match self.try_connect(Role::Layout).await? {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if missing.code() != Some(&SqlState::INVALID_CATALOG_NAME) {
            return Err(store_error(missing));
        }
        let name = self.database();
        let quoted = name.replace('"', "\"\"");
        let client = self.with_database("postgres").connect(Role::Layout).await?;
        let make = format!(
            "CREATE DATABASE \"{quoted}\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        match client.batch_execute(&make).await {
            Ok(()) => Ok(()),
            // Somebody else makes it at the same time.
            Err(error)
                if matches!(
                    error.code(),
                    Some(&SqlState::DUPLICATE_DATABASE | &SqlState::UNIQUE_VIOLATION)
                ) =>
            {
                Ok(())
            }
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                Err(StoreError::Unusable(format!(
                    "there is no database {name}, and this role may not make it: an administrator has to, as \
                     CREATE DATABASE \"{quoted}\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                )))
            }
            Err(error) => Err(store_error(error)),
        }
    }

    /// Removes the database, whoever is connected to it.
    ///
    /// # Errors
    /// [`StoreError`], if the server is away or does not let us.
    pub(super) async fn remove(&self) -> Result<(), StoreError> {
        let client = self.with_database("postgres").connect(Role::Layout).await?;
        let quoted = self.database().replace('"', "\"\"");
        let removed =
            client.batch_execute(&format!("DROP DATABASE IF EXISTS \"{quoted}\" WITH (FORCE)")).await;
        removed.map_err(store_error)
    }

    /// The names of this server's databases that begin with `prefix`.
    ///
    /// # Errors
    /// [`StoreError`], if the server is away or does not let us in.
    pub(super) async fn databases(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let client = self.with_database("postgres").connect(Role::Reader).await?;
        let rows = client
            .query(
                "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1) ORDER BY 1",
                &[&prefix],
            )
            .await
            .map_err(store_error)?;
        rows.iter().map(|row| row.try_get(0).map_err(store_error)).collect()
    }
}

/// The URL as the driver knows URLs, and what the rest of it means.
fn without_own_words(url: &str) -> Result<(String, Roots), String> {
    let host = url.find('@').unwrap_or(0);
    let Some(query) = url[host..].find('?').map(|at| host + at + 1) else {
        return Ok((url.to_owned(), Roots::System));
    };
    let (mut words, mut roots) = (Vec::new(), Roots::System);
    for word in url[query..].split('&') {
        match word.split_once('=') {
            // Certificates are always verified, names too: these mean the same here.
            Some(("sslmode", "verify-full" | "verify-ca")) => words.push("sslmode=require"),
            Some(("sslrootcert", "system")) => roots = Roots::System,
            Some(("sslrootcert", file)) => {
                let file = percent_decode_str(file).decode_utf8();
                roots = Roots::File(file.map_err(|_| "sslrootcert is not UTF-8")?.into_owned().into());
            }
            _ => words.push(word),
        }
    }
    Ok((format!("{}{}", &url[..query], words.join("&")), roots))
}

/// Carries a connection's bytes until it ends. What ended it, its statements hear.
async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // Its statements are told the same.
    let _ = connection.await;
}
