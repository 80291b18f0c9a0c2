//! A whole server in this process: data folder, payment gateway, shop, HTTP.

use crate::aids;
use crate::compose::{Setup, compose};
use crate::config::{Config, PG_NAME};
use crate::folder::Folder;
use crate::kafka::Kafka;
use crate::outside::delivery::{FileSink, HttpSink};
use crate::outside::pg::GatewayCalls;
use crate::spread::{self, Spread};
use crate::topologies;
use anyhow::{Context, bail};
use http_api::app::Behind;
use http_api::{AppState, Draining, HttpConfig};
use kernel::{DomainName, Trace};
use payment::StartReconciling;
use pg::simulator::{DEFAULT_SECRET_KEY, Simulator, SimulatorConfig, WebhookConfig};
use pg::webhook::StandardWebhook;
use pg::{PaymentGateway, SimulatorClient, SimulatorClientConfig};
use redis_adapters::ranking::Following;
use runtime::WorkerConfig;
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use shop::{Domains, Shop};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::api::ApiParts;
use user::{EnsureAdmin, Ensured};

/// A running server.
pub struct Server {
    shop: Arc<Shop>,
    address: SocketAddr,
    simulator: Option<Simulator>,
    /// The administrator made at first start, and the password if it was made up.
    first_admin: Option<FirstAdmin>,
    draining: Draining,
    drain: Duration,
    closing: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    best_sellers: Option<Following>,
    spread: Option<Spread>,
    kafka: Option<Arc<Kafka>>,
    _folder: Arc<Folder>,
}

/// The administrator that was made at first start.
#[derive(Clone, Debug)]
pub struct FirstAdmin {
    /// The address.
    pub email: String,
    /// The password, if it was made up here: shown once.
    pub made_up: Option<String>,
}

/// How often the horizon is computed and old rows are pruned.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// How often a database that others may serve too is looked at for work that they left.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often its log is looked at for rows that they committed: clients here may wait for those.
const LISTEN_EVERY: Duration = Duration::from_millis(100);
/// How long open requests may take once the server is asked to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

impl Server {
    /// Starts everything that `config` names. `domains` adds an application's own participants: usually
    /// `Domains::new(config.policies.clone())`.
    ///
    /// # Errors
    /// What cannot be started, and why.
    pub async fn start(config: &Config, domains: Domains) -> anyhow::Result<Self> {
        Self::start_units(config, domains, &[]).await
    }

    /// Starts `units` of the system that `config` names, and reaches the others where it says. None named: all are in this process.
    ///
    /// # Errors
    /// What cannot be started, and why.
    pub async fn start_units(config: &Config, domains: Domains, units: &[String]) -> anyhow::Result<Self> {
        let folder = Arc::new(match units {
            [] => Folder::take(&config.file.data)?,
            units => Folder::take_units(&config.file.data, units, config.servers.is_some())?,
        });
        let (listener, address) = listen(config.file.listen).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let text = topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
        let context = || format!("topology {}", config.file.topology);
        let (topology, _) = domains.place(&text).with_context(context)?;
        let spread = match units {
            [] => None,
            units => Some(Spread::new(config, &folder, &topology, units, Arc::clone(&clock))?),
        };
        let here = spread::domains_of(&topology, units);
        let webhook_secret = webhook_secret(config, &folder)?;
        let (simulator, outside) = outside(config, &folder, address, &webhook_secret, &clock, &here).await?;
        let kafka = config.kafka.clone().map(Kafka::new);
        let (shop, workers) = compose(Setup {
            topology: &text,
            domains,
            storage: config.storage(),
            outside,
            clock: Arc::clone(&clock),
            locks: config.locks.clone(),
            spread: spread.as_ref(),
            kafka: kafka.clone(),
            config: worker_config(config),
        })
        .with_context(context)?;
        let best_sellers = aids::best_sellers(config, &shop, &clock)?;
        shop.start(workers, config.file.batch_cap)?;
        let (closing, closed) = watch::channel(false);
        let draining = Draining::default();
        let behind = behind(config, &folder, units)?;
        let state = AppState::new(HttpConfig {
            rate_limits: config.rate_limits,
            webhook_secrets: BTreeMap::from([(PG_NAME.to_owned(), webhook_secret)]),
            admin_metrics_only: !address.ip().is_loopback(),
            draining: draining.clone(),
            behind: behind.clone(),
            ..HttpConfig::new(Arc::clone(&shop), spread::signing_key(config, &folder)?)
        })?;
        let first_admin = begin(config, &shop, &here).await?;
        let app = http_api::app(state.clone()).merge(internal(&shop, behind, &closed));
        let mut tasks = vec![serve(listener, app, closed.clone())];
        if let Some(admin) = config.file.admin_listen {
            let (listener, _) = listen(admin).await?;
            tasks.push(serve(listener, http_api::metrics_app(state), closed.clone()));
        }
        tasks.push(housekeep(Arc::clone(&shop), Duration::from_secs(config.file.log_retention_s), closed));
        let drain = Duration::from_secs(config.file.drain_s);
        Ok(Self {
            shop,
            address,
            simulator,
            first_admin,
            draining,
            drain,
            closing,
            tasks,
            best_sellers,
            spread,
            kafka,
            _folder: folder,
        })
    }

    /// Where HTTP listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The shop behind it.
    #[must_use]
    pub fn shop(&self) -> &Arc<Shop> {
        &self.shop
    }

    /// The embedded payment-gateway simulator, if one runs.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// The administrator made at this start, if one was.
    #[must_use]
    pub fn first_admin(&self) -> Option<&FirstAdmin> {
        self.first_admin.as_ref()
    }

    /// Says that it is not ready, stops taking requests, lets open ones end, decides what waits, and closes everything.
    pub async fn stop(self) {
        self.draining.begin();
        tokio::time::sleep(self.drain).await;
        self.draining.end();
        // If nobody listens any more, everything has ended already.
        let _ = self.closing.send(true);
        for mut task in self.tasks {
            if tokio::time::timeout(DRAIN, &mut task).await.is_err() {
                tracing::warn!("open requests did not end in time; they are cut");
                task.abort();
            }
        }
        let (shop, best_sellers) = (self.shop, self.best_sellers);
        let stop = move || {
            drop(best_sellers);
            shop.stop();
        };
        if tokio::task::spawn_blocking(stop).await.is_err() {
            tracing::error!("the shop ended by a panic");
        }
        if let Some(spread) = &self.spread {
            spread.close();
        }
        if let Some(kafka) = self.kafka
            && tokio::task::spawn_blocking(move || kafka.stop()).await.is_err()
        {
            tracing::error!("what Kafka carries ended by a panic");
        }
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
    }
}

/// Where a server holds the databases, others may serve them too: now and then each looks for what another has left.
fn worker_config(config: &Config) -> WorkerConfig {
    let usual = WorkerConfig { batch_cap: config.file.batch_cap, ..WorkerConfig::default() };
    match config.servers {
        Some(_) => WorkerConfig { look_every: LOOK_EVERY, listen_every: Some(LISTEN_EVERY), ..usual },
        None => usual,
    }
}

/// Listens at `address`; and where that is, if it left the port open.
///
/// # Errors
/// If it cannot.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// What a unit believes its gateway and the other units by; nothing, where all are in this process.
fn behind(config: &Config, folder: &Folder, units: &[String]) -> anyhow::Result<Option<Behind>> {
    if units.is_empty() {
        return Ok(None);
    }
    Ok(Some(Behind { key: spread::service_key(config, folder)?, units: units.to_vec() }))
}

/// What a unit answers to the others; nothing, where all are in this process.
fn internal(shop: &Shop, behind: Option<Behind>, closed: &watch::Receiver<bool>) -> axum::Router {
    let Some(Behind { key, units }) = behind else { return axum::Router::new() };
    units::api::router(ApiParts {
        system: Arc::clone(shop.system()),
        registry: shop.registry().clone(),
        units,
        key,
        closing: closed.clone(),
    })
}

/// What begins with a process: the first administrator where the users are, the reconciliation where the payments are.
async fn begin(config: &Config, shop: &Shop, here: &[DomainName]) -> anyhow::Result<Option<FirstAdmin>> {
    if here.contains(&payment::PAYMENT) {
        shop.system().ask(StartReconciling, Trace::default()).await?.map_err(anyhow::Error::new)?;
    }
    if here.contains(&DomainName::of("user")) { first_admin(config, shop).await } else { Ok(None) }
}

/// Runs `app` until `closed` says that it is over, and what was asked before that is answered.
pub(crate) fn serve(
    listener: TcpListener,
    app: axum::Router,
    mut closed: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let closing = async move {
            // An error means that the server is gone: close, too.
            let _ = closed.wait_for(|closed| *closed).await;
        };
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(closing).await {
            tracing::error!(%error, "the HTTP server ended");
        }
    })
}

fn housekeep(shop: Arc<Shop>, log_retention: Duration, mut closed: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(HOUSEKEEPING);
        loop {
            tokio::select! {
                _ = closed.wait_for(|closed| *closed) => return,
                _ = ticks.tick() => {}
            }
            let shop = Arc::clone(&shop);
            let kept =
                tokio::task::spawn_blocking(move || shop.system().housekeep(shop.registry(), log_retention))
                    .await;
            if let Ok(Err(error)) = kept {
                tracing::warn!(%error, "housekeeping failed; it is tried again");
            }
        }
    })
}

/// The secret that the PG's webhooks are signed with: configured, or made once for the simulator.
///
/// # Errors
/// If it cannot be read or made.
pub fn webhook_secret(config: &Config, folder: &Folder) -> anyhow::Result<String> {
    use base64::Engine as _;
    match &config.file.pg.webhook_secret {
        Some(secret) => Ok(secret.0.clone()),
        None => {
            let secret = folder.secret("webhook.key")?;
            Ok(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(secret)))
        }
    }
}

/// The payment gateway: the configured one, or a simulator started inside.
async fn gateway(
    config: &Config,
    folder: &Folder,
    address: SocketAddr,
    webhook_secret: &str,
) -> anyhow::Result<(Option<Simulator>, Arc<dyn PaymentGateway>)> {
    let secret_key =
        config.file.pg.secret_key.as_ref().map_or(DEFAULT_SECRET_KEY.to_owned(), |secret| secret.0.clone());
    let (simulator, base_url) = match &config.file.pg.url {
        Some(url) => (None, url.clone()),
        None => {
            let webhook = WebhookConfig {
                url: format!("http://127.0.0.1:{}/v1/webhooks/pg/{PG_NAME}", address.port()),
                secret: webhook_secret.to_owned(),
                // As real gateways do: they only wake a query, so nothing may depend on their number or order.
                duplicate_percent: 10,
                reorder_percent: 10,
            };
            let simulator = Simulator::start(SimulatorConfig {
                secret_key: secret_key.clone(),
                webhook: Some(webhook),
                ..SimulatorConfig::new(folder.path())
            })
            .await?;
            let base_url = simulator.base_url();
            (Some(simulator), base_url)
        }
    };
    let timeout = config.policies.payment.call_timeout;
    let client = SimulatorClient::new(SimulatorClientConfig { base_url, secret_key, timeout })?;
    Ok((simulator, Arc::new(client)))
}

/// Who performs the outside calls of the domains that are `here`; and the payment gateway, if one was started for them.
async fn outside(
    config: &Config,
    folder: &Folder,
    address: SocketAddr,
    webhook_secret: &str,
    clock: &Arc<dyn Clock>,
    here: &[DomainName],
) -> anyhow::Result<(Option<Simulator>, BTreeMap<DomainName, Arc<dyn Outside>>)> {
    let runtime = tokio::runtime::Handle::current();
    let mut outside: BTreeMap<DomainName, Arc<dyn Outside>> = BTreeMap::new();
    let mut started = None;
    if here.contains(&payment::PAYMENT) {
        let (simulator, gateway) = gateway(config, folder, address, webhook_secret).await?;
        let calls = GatewayCalls::new(gateway, Arc::clone(clock), runtime.clone());
        outside.insert(payment::PAYMENT, Arc::new(calls));
        started = simulator;
    }
    if here.contains(&data_platform::NAME) {
        outside.insert(data_platform::NAME, deliveries(config, folder, clock, runtime)?);
    }
    Ok((started, outside))
}

/// Who carries deliveries to the data platform.
fn deliveries(
    config: &Config,
    folder: &Folder,
    clock: &Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
) -> anyhow::Result<Arc<dyn Outside>> {
    Ok(match (&config.file.delivery.url, &config.file.delivery.secret) {
        (None, _) => Arc::new(FileSink::open(&deliveries_file(folder.path()))?),
        (Some(_), None) => {
            bail!("delivery.secret: deliveries are signed; give the key that the receiver knows (whsec_…)")
        }
        (Some(url), Some(secret)) => {
            let webhook = StandardWebhook::new(&[&secret.0]).context("delivery.secret")?;
            HttpSink::check(url, config.file.delivery.allow_private).map_err(anyhow::Error::msg)?;
            let client = HttpSink::client(config.file.delivery.allow_private)?;
            Arc::new(HttpSink::new(client, url, webhook, Arc::clone(clock), runtime))
        }
    })
}

/// The file that deliveries are appended to by default.
#[must_use]
pub fn deliveries_file(data: &Path) -> std::path::PathBuf {
    data.join("deliveries.ndjson")
}

/// Makes the first administrator where there is none.
async fn first_admin(config: &Config, shop: &Shop) -> anyhow::Result<Option<FirstAdmin>> {
    let (email, password, made_up) = match (&config.file.admin_email, &config.file.admin_password) {
        (Some(email), Some(password)) => (email.clone(), password.0.clone(), false),
        _ => ("admin@localhost".to_owned(), random_password(), true),
    };
    let text = password.clone();
    let password_hash = tokio::task::spawn_blocking(move || http_api::auth::hash(&text))
        .await?
        .map_err(|error| anyhow::anyhow!("the first administrator's password cannot be hashed: {error}"))?;
    let ensure = EnsureAdmin { email: email.as_str().into(), name: "Administrator".into(), password_hash };
    Ok(match shop.ask(ensure, Trace::default()).await.context("the first administrator")? {
        Ensured::Made(_) => Some(FirstAdmin { email, made_up: made_up.then_some(password) }),
        Ensured::Exists(_) => None,
    })
}

fn random_password() -> String {
    use base64::Engine as _;
    let bytes: [u8; 15] = rand::random();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
