//! Configuration: flags over `JUMUN_…` environment over a TOML file over defaults, parsed into types that hold what they need.

use crate::aids::Locks;
use crate::databases::Storage;
use crate::kafka::KafkaFile;
use crate::servers::Servers;
use anyhow::{Context, bail};
use data_platform::StepPolicy;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use http_api::{RateLimit, RateLimits};
use kernel::Currency;
use pg::simulator::DEFAULT_SECRET_KEY;
use redis_adapters::Target;
use serde::{Deserialize, Serialize};
use shop::Policies;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The configuration as files and environment spell it; durations in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// A shipped topology's name, or a file.
    pub topology: String,
    /// The data folder.
    pub data: PathBuf,
    /// Where the databases are: a PostgreSQL URL (`postgres://user@host:5432/shop`) whose database's name begins those of all
    /// (`shop_order`, …); else they are SQLite files in the data folder.
    pub database: Option<Secret>,
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// Where `/metrics` listens if the main address is public.
    pub admin_listen: Option<SocketAddr>,
    /// ISO 4217 code of every amount.
    pub currency: String,
    /// `on`, `off`, or requests a minute per client and per user (sign-up and log-in get a tenth).
    pub rate_limit: String,
    /// The most messages in one batch.
    pub batch_cap: usize,
    /// A saga's deadline.
    pub deadline_s: u64,
    /// How long an order made with `pay: false` waits to be paid.
    pub created_expiry_s: u64,
    /// How long after its confirmation an order can be cancelled.
    pub cancel_window_s: u64,
    /// How long log rows are kept after everybody has read them.
    pub log_retention_s: u64,
    /// The first administrator's address.
    pub admin_email: Option<String>,
    /// The first administrator's password.
    pub admin_password: Option<Secret>,
    /// What access tokens are signed with, at least 32 characters; else one is made and kept in the data folder.
    pub signing_key: Option<Secret>,
    /// URLs of databases that are elsewhere, by the topology's names for them.
    pub databases: BTreeMap<String, Secret>,
    /// What units believe each other by, at least 32 characters; else one is made and kept in the data folder, which is then to be the
    /// same for all.
    pub service_key: Option<Secret>,
    /// Where the units are that run in other processes: `http://host:port` by their names, with commas between those of several
    /// instances.
    pub units: BTreeMap<String, String>,
    /// How long a server that is asked to stop says that it is not ready before it takes no more requests.
    pub drain_s: u64,
    /// The payment gateway.
    pub pg: PgFile,
    /// The data platform.
    pub delivery: DeliveryFile,
    /// Best sellers.
    pub ranking: RankingFile,
    /// The lock of units of which several instances run.
    pub guard: GuardFile,
    /// Kafka between units, and for readers outside.
    pub kafka: KafkaFile,
}

/// The payment gateway's settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PgFile {
    /// A running PG simulator's address; else one is started inside.
    pub url: Option<String>,
    /// Its secret key.
    pub secret_key: Option<Secret>,
    /// What its webhooks are signed with (`whsec_…`).
    pub webhook_secret: Option<Secret>,
    /// How long one call may take.
    pub call_timeout_s: u64,
    /// How long after a send "not found" becomes final.
    pub settling_s: u64,
    /// How long a payment is tried; and its cancel, before an operator is asked.
    pub budget_s: u64,
}

/// The data platform's settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryFile {
    /// Where deliveries are posted; else they are appended to `deliveries.ndjson` in the data folder.
    pub url: Option<String>,
    /// What they are signed with (`whsec_…`).
    pub secret: Option<Secret>,
    /// Whether the receiver may have a private address.
    pub allow_private: bool,
    /// Where delivery is a step of the saga (a topology's `payment_delivery = "inline"`): how often it is sent before the order
    /// fails.
    pub inline_sendings: u32,
    /// And how long the receiver may take to answer each of them. All of it has to fit well inside `deadline_s`.
    pub inline_call_timeout_s: u64,
}

/// How best sellers are answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankingFile {
    /// The URL of a Redis that keeps a copy of the book of sales; else the book itself answers.
    pub redis: Option<Secret>,
}

/// The lock that keeps instances of a unit from fighting over rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardFile {
    /// The URL of a Redis that keeps it; else row locks alone keep them apart.
    pub redis: Option<Secret>,
    /// How long it outlives an instance that ends without giving it up.
    pub ttl_s: u64,
}

impl Default for GuardFile {
    fn default() -> Self {
        Self { redis: None, ttl_s: 5 }
    }
}

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `String::deserialize`: its complaint about a number would repeat the number.
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a text in quotes is expected")),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(secret)")
    }
}

impl Default for File {
    fn default() -> Self {
        Self {
            topology: "seven-services".to_owned(),
            data: PathBuf::from("./data"),
            database: None,
            databases: BTreeMap::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: None,
            currency: "KRW".to_owned(),
            rate_limit: "on".to_owned(),
            batch_cap: 250,
            deadline_s: 30,
            created_expiry_s: 30 * 60,
            cancel_window_s: 7 * 24 * 3_600,
            log_retention_s: 7 * 24 * 3_600,
            admin_email: None,
            admin_password: None,
            signing_key: None,
            service_key: None,
            units: BTreeMap::new(),
            drain_s: 0,
            pg: PgFile::default(),
            delivery: DeliveryFile::default(),
            ranking: RankingFile::default(),
            guard: GuardFile::default(),
            kafka: KafkaFile::default(),
        }
    }
}

impl Default for DeliveryFile {
    fn default() -> Self {
        Self { url: None, secret: None, allow_private: false, inline_sendings: 3, inline_call_timeout_s: 1 }
    }
}

impl Default for PgFile {
    fn default() -> Self {
        Self {
            url: None,
            secret_key: None,
            webhook_secret: None,
            call_timeout_s: 3,
            settling_s: 10,
            budget_s: 60,
        }
    }
}

/// What the command line says over file and environment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flags {
    /// `--topology`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<String>,
    /// `--data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// `--database`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// `--listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// `--admin-listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_listen: Option<SocketAddr>,
    /// `--currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// `--rate-limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<String>,
    /// `--kafka`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaFlag>,
}

/// What the command line says about Kafka.
#[derive(Clone, Debug, Serialize)]
pub struct KafkaFlag {
    /// Where clients begin.
    pub brokers: String,
}

/// The configuration, parsed.
#[derive(Clone, Debug)]
pub struct Config {
    /// As spelled.
    pub file: File,
    /// The currency.
    pub currency: Currency,
    /// The rate limits.
    pub rate_limits: RateLimits,
    /// How the domains are set.
    pub policies: Policies,
    /// The servers that hold the databases, if they are not files.
    pub servers: Option<Servers>,
    /// The Redis that keeps a copy of best sellers.
    pub best_sellers: Option<Target>,
    /// Where the locks of guarded units are kept.
    pub locks: Option<Locks>,
    /// How Kafka is reached, if it is used.
    pub kafka: Option<bus::Settings>,
}

/// The name that the built-in PG adapter goes by, in payments and in its webhook's path.
pub const PG_NAME: &str = "simulator";

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// The first fault, naming the setting and where it came from.
    pub fn load(path: Option<&Path>, flags: &Flags) -> anyhow::Result<Self> {
        let defaults = Figment::from(Serialized::defaults(File::default()));
        let figment = match path {
            None => defaults,
            Some(path) if !path.is_file() => {
                bail!("configuration file {}: there is no such file", path.display())
            }
            Some(path) => {
                let named = || format!("configuration file {}", path.display());
                check_syntax(&std::fs::read_to_string(path).with_context(named)?).with_context(named)?;
                defaults.merge(Toml::file_exact(path))
            }
        };
        let figment = environment(figment).merge(Serialized::defaults(flags));
        Self::parse(figment.extract().context("configuration")?)
    }

    /// Parses settings into what they mean.
    ///
    /// # Errors
    /// The first fault, naming the setting.
    pub fn parse(file: File) -> anyhow::Result<Self> {
        let currency: Currency =
            file.currency.parse().map_err(|error| anyhow::anyhow!("currency: {error}"))?;
        let rate_limits = rate_limits(&file.rate_limit)?;
        if !(1..=10_000).contains(&file.batch_cap) {
            bail!("batch_cap: {} is not between 1 and 10000", file.batch_cap);
        }
        for (name, seconds) in [
            ("deadline_s", file.deadline_s),
            ("created_expiry_s", file.created_expiry_s),
            ("guard.ttl_s", file.guard.ttl_s),
            ("delivery.inline_call_timeout_s", file.delivery.inline_call_timeout_s),
        ] {
            if seconds == 0 {
                bail!("{name}: must be at least one second");
            }
        }
        if file.delivery.inline_sendings == 0 {
            bail!("delivery.inline_sendings: must be at least one");
        }
        let is_default = |key: &Secret| key.0 == DEFAULT_SECRET_KEY;
        if !file.listen.ip().is_loopback() && file.pg.secret_key.as_ref().is_none_or(is_default) {
            bail!(
                "listen: {} is public, and the payment gateway is asked with the simulator's default secret; set \
                 pg.secret_key (JUMUN_PG__SECRET_KEY) first",
                file.listen
            );
        }
        for (name, key) in [("signing_key", &file.signing_key), ("service_key", &file.service_key)] {
            if key.as_ref().is_some_and(|key| key.0.len() < 32) {
                bail!("{name}: needs at least 32 characters");
            }
        }
        let addresses = |(unit, several): (&'_ String, &'_ String)| -> Vec<(String, String)> {
            several.split(',').map(|address| (unit.clone(), address.trim().to_owned())).collect()
        };
        for (unit, address) in file.units.iter().flat_map(addresses) {
            let scheme = ["http://", "https://"].iter().find_map(|scheme| address.strip_prefix(scheme));
            if scheme.is_none_or(str::is_empty) {
                bail!("units.{unit}: `{address}` is not http://host:port");
            }
        }
        if file.admin_email.is_some() != file.admin_password.is_some() {
            bail!("admin_email and admin_password: give both or neither");
        }
        let own = file.databases.iter().map(|(name, url)| (name.as_str(), url.0.as_str()));
        let servers = Servers::parse(file.database.as_ref().map(|url| url.0.as_str()), own)?;
        let mut policies = Policies::new(currency, PG_NAME);
        policies.order.deadline = Duration::from_secs(file.deadline_s);
        policies.order.created_expiry = Duration::from_secs(file.created_expiry_s);
        policies.order.cancel_window = Duration::from_secs(file.cancel_window_s);
        policies.payment.call_timeout = Duration::from_secs(file.pg.call_timeout_s);
        policies.payment.settling = Duration::from_secs(file.pg.settling_s);
        policies.payment.budget = Duration::from_secs(file.pg.budget_s);
        policies.payment.cancel_budget = policies.payment.budget;
        let call_timeout = Duration::from_secs(file.delivery.inline_call_timeout_s);
        policies.delivery.step = StepPolicy::new(file.delivery.inline_sendings, call_timeout);
        let best_sellers = redis("ranking.redis", file.ranking.redis.as_ref())?;
        let ttl = Duration::from_secs(file.guard.ttl_s);
        let locks = redis("guard.redis", file.guard.redis.as_ref())?.map(|redis| Locks { redis, ttl });
        let kafka = file.kafka.parse(servers.is_none())?;
        Ok(Self { file, currency, rate_limits, policies, servers, best_sellers, locks, kafka })
    }

    /// Where the databases are.
    #[must_use]
    pub fn storage(&self) -> Storage<'_> {
        match &self.servers {
            Some(servers) => Storage::Postgres(servers),
            None => Storage::Folder(&self.file.data),
        }
    }
}

/// Whether `text` is TOML. The parser's own complaint would show the line, with any password that stands there.
fn check_syntax(text: &str) -> anyhow::Result<()> {
    let Err(error) = toml::from_str::<toml::Table>(text) else { return Ok(()) };
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    bail!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

/// The settings that are texts, whatever they look like: a password of digits is no number.
const TEXTS: &[&str] = &[
    "topology",
    "data",
    "database",
    "listen",
    "admin_listen",
    "currency",
    "rate_limit",
    "admin_email",
    "admin_password",
    "signing_key",
    "service_key",
    "pg.url",
    "pg.secret_key",
    "pg.webhook_secret",
    "delivery.url",
    "delivery.secret",
    "ranking.redis",
    "guard.redis",
    "kafka.brokers",
    "kafka.prefix",
    "kafka.compression",
];

/// `figment`, and over it what the environment says.
fn environment(figment: Figment) -> Figment {
    let setting = |name: &str| match name.to_ascii_lowercase().replace("__", ".") {
        // What there is most to say about it.
        name if name == "kafka" => "kafka.brokers".to_owned(),
        name => name,
    };
    // These two are the command line's own.
    let given = Env::prefixed("JUMUN_").ignore(&["config", "log"]);
    let is_text = move |name: &str| TEXTS.contains(&setting(name).as_str());
    let others = given.clone().filter(move |name| !is_text(name.as_str()));
    let figment = figment.merge(others.map(move |name| setting(name.as_str()).into()).split("."));
    let texts = given.iter().filter(|(name, _)| is_text(name.as_str()));
    texts.fold(figment, |figment, (name, text)| {
        figment.merge(Serialized::global(&setting(name.as_str()), text))
    })
}

/// The Redis that the setting called `name` says.
fn redis(name: &str, url: Option<&Secret>) -> anyhow::Result<Option<Target>> {
    url.map(|url| url.0.parse().with_context(|| name.to_owned())).transpose()
}

fn rate_limits(text: &str) -> anyhow::Result<RateLimits> {
    match text {
        "on" => Ok(RateLimits::default()),
        "off" => Ok(RateLimits::Off),
        number => {
            let a_minute: NonZeroU32 = number
                .parse()
                .ok()
                .with_context(|| format!("rate_limit: `{text}` is not on, off or requests a minute"))?;
            let tenth = NonZeroU32::new(a_minute.get() / 10).unwrap_or(NonZeroU32::MIN);
            let limit = RateLimit::per_minute(a_minute);
            Ok(RateLimits::On { client: limit, user: limit, sign_in: RateLimit::per_minute(tenth) })
        }
    }
}

#[cfg(test)]
mod tests;
