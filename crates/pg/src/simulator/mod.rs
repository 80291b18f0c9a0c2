//! A payment gateway to try everything against: its own HTTP server, its own book on disk, and faults at will.
//!
//! | route | does |
//! |---|---|
//! | `POST /v1/charges` | takes money once per `Idempotency-Key` |
//! | `GET /v1/charges/{key}` | what became of the charge with this key |
//! | `POST /v1/charges/{key}/cancel` | gives the whole charge back |
//! | `GET /v1/charges?after=&limit=` | the book, oldest first |
//! | `GET`, `PUT /v1/faults` | the [`Faults`] in force |
//!
//! HTTP Basic authentication, the secret key as the user name. What an answer says is on disk before it is sent. Reading
//! order: `card` and `faults` (what can go wrong) → `desk` (one charge, one cancel) → `book` and `teller` (the ledger's
//! writing side) → `ledger` (its reading side) → `routes`.

mod book;
mod card;
mod clock;
mod desk;
mod faults;
mod ledger;
mod notifier;
mod refusal;
mod routes;
mod teller;

pub use faults::{FaultSwitch, Faults};
pub use ledger::{Charges, LEDGER_FILE, Ledger, LedgerError};
pub use notifier::WebhookConfig;

use crate::webhook::WebhookError;
use axum::serve::ListenerExt as _;
use desk::Desk;
use notifier::Notifier;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use teller::Teller;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The secret key unless configured otherwise; refused on an address that others can reach.
pub const DEFAULT_SECRET_KEY: &str = "sk_sim_local";
/// How long `tok_slow` takes unless configured otherwise.
pub const DEFAULT_SLOW: Duration = Duration::from_secs(2);

/// How long open connections get to finish when the simulator is stopped.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How to start a [`Simulator`].
#[derive(Clone)]
pub struct SimulatorConfig {
    /// The folder of the book; made if it is not there.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The secret key that callers authenticate with.
    pub secret_key: String,
    /// Where to tell of changes, if anywhere.
    pub webhook: Option<WebhookConfig>,
    /// How long `tok_slow` takes to approve.
    pub slow: Duration,
    /// What faults by chance are drawn from.
    pub seed: u64,
}

impl SimulatorConfig {
    /// Any free port of this machine, the default secret key, no webhooks.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            secret_key: DEFAULT_SECRET_KEY.to_owned(),
            webhook: None,
            slow: DEFAULT_SLOW,
            seed: 0,
        }
    }
}

impl std::fmt::Debug for SimulatorConfig {
    /// Leaves the secret key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatorConfig")
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("webhook", &self.webhook)
            .field("slow", &self.slow)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// Others could charge with a key that everybody knows.
    #[error("the PG simulator does not listen on {listen} with the default secret key: set another")]
    DefaultSecret {
        /// The address that was asked for.
        listen: SocketAddr,
    },
    /// The book cannot be used, for one because another simulator has it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The webhook's secret is none.
    #[error("the PG simulator's webhook secret")]
    WebhookSecret(#[source] WebhookError),
    /// The webhook's URL is none, or its HTTP client does not start.
    #[error("the PG simulator's webhook URL `{url}` cannot be called: {reason}")]
    WebhookUrl {
        /// As configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("the PG simulator cannot listen on {listen}")]
    Listen {
        /// The address that was asked for.
        listen: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// A running simulator. Dropped without [`Simulator::stop`] it closes its book at once and waits for nobody: callers get an
/// error or a cut connection. The folder is free when the drop returns.
pub struct Simulator {
    address: SocketAddr,
    desk: Arc<Desk>,
    notifier: Option<Notifier>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Opens the book, listens, and serves in the background of the current tokio runtime.
    ///
    /// # Errors
    /// Everything that [`SimulatorError`] names. A second simulator on the same folder is refused.
    pub async fn start(config: SimulatorConfig) -> Result<Self, SimulatorError> {
        let listen = config.listen;
        if !listen.ip().is_loopback() && config.secret_key == DEFAULT_SECRET_KEY {
            return Err(SimulatorError::DefaultSecret { listen });
        }
        let notifier =
            config.webhook.as_ref().map(|webhook| Notifier::start(webhook, config.seed)).transpose()?;
        let teller = Teller::open(&config.data_dir, notifier.as_ref().map(Notifier::queue))?;
        let cannot_listen = |source| SimulatorError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let (stop, stopping) = watch::channel(false);
        let desk = Arc::new(Desk::new(teller, config.slow, config.seed, stopping.clone()));
        let app = routes::router(Arc::clone(&desk), &config.secret_key);
        let server = tokio::spawn(serve(listener, app, stopping));
        tracing::info!(%address, data_dir = %config.data_dir.display(), "the PG simulator listens");
        Ok(Self { address, desk, notifier, stop, server })
    }

    /// What callers put before `/v1/charges`, e.g. `http://127.0.0.1:41234`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The switch that sets faults while the simulator runs.
    #[must_use]
    pub fn faults(&self) -> FaultSwitch {
        self.desk.faults()
    }

    /// How many events were dropped because their receiver was slower than the charges.
    #[must_use]
    pub fn webhooks_dropped(&self) -> u64 {
        self.notifier.as_ref().map_or(0, Notifier::dropped)
    }

    /// Answers what is under way, ends what waits on purpose, and closes the book. Webhooks not yet delivered are lost,
    /// as a PG's may be.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(STOP_PATIENCE, &mut self.server).await.is_err() {
            tracing::warn!("the PG simulator's callers did not let go in time; it closes all the same");
            self.server.abort();
        }
        let desk = Arc::clone(&self.desk);
        // Closing the book writes it out: not on a thread that serves.
        let _ = tokio::task::spawn_blocking(move || desk.close()).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.server.abort();
        self.desk.close();
    }
}

async fn serve(listener: TcpListener, app: axum::Router, mut stopping: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        // Small answers go out at once. A connection that cannot be set so is merely slower.
        let _ = stream.set_nodelay(true);
    });
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the PG simulator no longer listens");
    }
}
