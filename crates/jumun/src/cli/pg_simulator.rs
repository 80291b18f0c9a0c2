//! `jumun pg-simulator`.

use super::serve::{Farewell, say_ready};
use super::{Ended, block_on, say};
use clap::Args;
use jumun::config::Secret;
use pg::simulator::{DEFAULT_SECRET_KEY, Simulator, SimulatorConfig, WebhookConfig};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Run the payment-gateway simulator alone, until Ctrl-C or SIGTERM
///
/// An HTTP server with its own ledger (DIR/pg-simulator.db), committed before it answers. Point a server at it with
/// JUMUN_PG__URL, and `jumun audit --pg-data DIR` at its ledger.
///
/// Cards: tok_ok, tok_decline, tok_slow, tok_error (5xx, not charged), tok_timeout_charged (charges, never answers),
/// tok_timeout_uncharged, tok_cancel_error (approves; its cancel fails five times).
#[derive(Debug, Args)]
pub(crate) struct PgSimulator {
    /// The folder of its ledger, made if it is missing
    #[arg(long, value_name = "DIR", default_value = "./data")]
    data: PathBuf,
    /// Where it listens; port 0 takes any free one. A public address needs --secret-key
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// The secret key that callers authenticate with (HTTP Basic, as the user name); a local default unless given
    #[arg(long, value_name = "KEY", env = "JUMUN_PG__SECRET_KEY", hide_env_values = true, value_parser = secret)]
    secret_key: Option<Secret>,
    /// Where to tell of changes, such as http://127.0.0.1:8080/v1/webhooks/pg/simulator
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// What webhooks are signed with (whsec_…): the receiver's pg.webhook_secret
    #[arg(long, value_name = "SECRET", env = "JUMUN_PG__WEBHOOK_SECRET", hide_env_values = true, value_parser = secret)]
    webhook_secret: Option<Secret>,
    /// So many in a hundred webhooks arrive twice
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    duplicate_percent: u8,
    /// So many in a hundred webhooks are overtaken by the next
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    reorder_percent: u8,
    /// How long tok_slow takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    slow_ms: u64,
    /// What faults by chance are drawn from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// End when standard input does: who started this process has ended
    #[arg(long, hide = true)]
    with_parent: bool,
}

/// Held as a secret from the start: clap shows arguments in its errors and debug output.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret(text.to_owned()))
}

impl PgSimulator {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        block_on(async {
            let (data, with_parent) = (self.data.display().to_string(), self.with_parent);
            let simulator = Simulator::start(self.into_config()).await?;
            let mut farewell = Farewell::listen()?;
            if with_parent {
                farewell.hear_parent()?;
            }
            say(format_args!("the PG simulator listens on {} (ledger in {data})", simulator.base_url()))?;
            say_ready(with_parent);
            farewell.heard().await;
            eprintln!("stopping: what is under way is answered");
            simulator.stop().await;
            Ok(Ended::Well)
        })
    }

    fn into_config(self) -> SimulatorConfig {
        let webhook = self.webhook_url.zip(self.webhook_secret).map(|(url, secret)| WebhookConfig {
            url,
            secret: secret.0,
            duplicate_percent: self.duplicate_percent,
            reorder_percent: self.reorder_percent,
        });
        SimulatorConfig {
            listen: self.listen,
            secret_key: self.secret_key.map_or_else(|| DEFAULT_SECRET_KEY.to_owned(), |secret| secret.0),
            webhook,
            slow: Duration::from_millis(self.slow_ms),
            seed: self.seed,
            ..SimulatorConfig::new(self.data)
        }
    }
}
