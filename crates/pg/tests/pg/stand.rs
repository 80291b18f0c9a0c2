//! A simulator on a throwaway folder, a client of it, and short words for calls.

use jumun_pg::simulator::{DEFAULT_SECRET_KEY, LEDGER_FILE, SimulatorConfig};
use jumun_pg::{Ledger, Simulator, SimulatorClient, SimulatorClientConfig};
use payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use std::time::Duration;
use tempfile::TempDir;

/// Long enough for any answer that comes on a loaded machine.
pub(crate) const PATIENT: Duration = Duration::from_secs(30);
/// For answers that are not to come.
pub(crate) const BRIEF: Duration = Duration::from_millis(400);

pub(crate) struct Stand {
    pub(crate) simulator: Simulator,
    pub(crate) folder: TempDir,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut SimulatorConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = SimulatorConfig::new(folder.path());
        change(&mut config);
        Self { simulator: Simulator::start(config).await.unwrap(), folder }
    }

    pub(crate) async fn restart(self) -> Self {
        self.simulator.stop().await;
        let simulator = Simulator::start(SimulatorConfig::new(self.folder.path())).await.unwrap();
        Self { simulator, folder: self.folder }
    }

    pub(crate) fn client(&self) -> SimulatorClient {
        self.client_with(PATIENT)
    }

    pub(crate) fn client_with(&self, timeout: Duration) -> SimulatorClient {
        client(self.simulator.base_url(), timeout)
    }

    /// The book as an audit reads it, from the file.
    pub(crate) fn book(&self) -> Vec<PgCharge> {
        let ledger = Ledger::open_readonly(&self.folder.path().join(LEDGER_FILE)).unwrap();
        let charges = ledger.charges().unwrap();
        charges.collect::<Result<_, _>>().unwrap()
    }
}

pub(crate) fn client(base_url: String, timeout: Duration) -> SimulatorClient {
    let secret_key = DEFAULT_SECRET_KEY.to_owned();
    SimulatorClient::new(SimulatorClientConfig { base_url, secret_key, timeout }).unwrap()
}

pub(crate) fn charge(key: &str, card: &str) -> PgRequest {
    charge_of(key, card, 12_000)
}

pub(crate) fn charge_of(key: &str, card: &str, amount: i64) -> PgRequest {
    PgRequest::Charge {
        key: key.to_owned(),
        amount,
        currency: "KRW".to_owned(),
        card_token: card.to_owned(),
        reference: "order-1".to_owned(),
    }
}

pub(crate) fn query(key: &str) -> PgRequest {
    PgRequest::Query { key: key.to_owned() }
}

pub(crate) fn cancel(key: &str) -> PgRequest {
    PgRequest::Cancel { key: key.to_owned(), reason: "the order failed".to_owned() }
}

/// An answer in a word, to compare with.
pub(crate) fn word(answer: &PgAnswer) -> &'static str {
    match answer {
        PgAnswer::Found(charge) => match charge.status {
            PgChargeStatus::Approved => "approved",
            PgChargeStatus::Declined => "declined",
            PgChargeStatus::Cancelled => "cancelled",
        },
        PgAnswer::NotFound => "not found",
        PgAnswer::CancelRefused { .. } => "cancel refused",
        PgAnswer::NotSent { .. } => "not sent",
        PgAnswer::Unknown { .. } => "unknown",
        PgAnswer::Page { .. } => "page",
    }
}

pub(crate) async fn check(client: &SimulatorClient, request: PgRequest, expected: &str) {
    let what = format!("{request:?}");
    let answer = client.call(request).await;
    assert_eq!(word(&answer), expected, "{what} was answered {answer:?}");
}

/// Asks until the answer is as expected.
pub(crate) async fn until(client: &SimulatorClient, request: PgRequest, expected: &str) {
    let asked = async { while word(&client.call(request.clone()).await) != expected {} };
    tokio::time::timeout(PATIENT, asked).await.unwrap();
}
