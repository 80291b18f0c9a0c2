//! One charge, one cancel, one query: the book, and the faults on the way to it.

use super::book::{Book, Cancelled, Entered, NewCharge};
use super::card::{Card, TOKEN_PREFIX};
use super::clock;
use super::faults::{Dice, FaultSwitch};
use super::refusal::Refusal;
use super::teller::Teller;
use crate::wire::{CancelOrder, Charge, ChargeOrder, Page};
use parking_lot::Mutex;
use payment::gateway::PgChargeStatus;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The longest that a connection is held without an answer. Any caller's own timeout is shorter.
const HOLD: Duration = Duration::from_secs(60);
/// Which of the seed's streams chance is drawn from here.
const STREAM: u64 = 0;

/// What a charge comes to.
pub(super) enum Charged {
    /// What the book says.
    Answered(Charge),
    /// There is to be no answer, whatever the book says.
    Silent,
}

/// Where calls are dealt with. Its charges and cancels are to be run to their end even if the caller goes away: a PG does
/// not stop half way because somebody hung up.
pub(super) struct Desk {
    teller: Teller,
    faults: FaultSwitch,
    dice: Dice,
    slow: Duration,
    under_way: UnderWay,
    stopping: watch::Receiver<bool>,
}

impl Desk {
    pub(super) fn new(teller: Teller, slow: Duration, seed: u64, stopping: watch::Receiver<bool>) -> Self {
        Self {
            teller,
            faults: FaultSwitch::default(),
            dice: Dice::new(seed, STREAM),
            slow,
            under_way: UnderWay::default(),
            stopping,
        }
    }

    pub(super) fn faults(&self) -> FaultSwitch {
        self.faults.clone()
    }

    /// Closes the book. Blocks until it is closed.
    pub(super) fn close(&self) {
        self.teller.close();
    }

    pub(super) async fn charge(&self, key: String, order: ChargeOrder) -> Result<Charged, Refusal> {
        let faults = self.faults.get();
        let _under_way = self.under_way.enter(&key).ok_or(Refusal::InProgress)?;
        let card = Card::of(&order.card_token);
        self.wait(faults.slow()).await?;
        match card {
            Card::ApprovesSlowly => self.wait(self.slow).await?,
            Card::Fails => return Err(Refusal::Fault),
            Card::Ignores => return Ok(Charged::Silent),
            Card::Approves | Card::Declines { .. } | Card::ChargesSilently | Card::CancelsBadly => {}
        }
        if self.dice.falls(faults.fail_percent) {
            return Err(Refusal::Fault);
        }
        let new = new_charge(key, order, card, faults.forget_keys);
        match self.teller.ask(move |book| book.charge(new)).await? {
            Entered::OtherBody => Err(Refusal::KeyReused),
            Entered::Before(charge) => Ok(Charged::Answered(charge)),
            Entered::New(_) if card == Card::ChargesSilently => Ok(Charged::Silent),
            Entered::New(_) if self.dice.falls(faults.charge_then_fail_percent) => Err(Refusal::Fault),
            Entered::New(charge) => Ok(Charged::Answered(charge)),
        }
    }

    pub(super) async fn cancel(&self, key: String, order: CancelOrder) -> Result<Charge, Refusal> {
        let faults = self.faults.get();
        self.wait(faults.slow()).await?;
        if self.dice.falls(faults.fail_percent) {
            return Err(Refusal::Fault);
        }
        if faults.cancel_refused {
            return self.refuse_cancel(key).await;
        }
        let cancel = move |book: &mut Book<'_>| book.cancel(&key, &order.reason, clock::now_ms());
        match self.teller.ask(cancel).await? {
            Cancelled::Done(charge) => Ok(charge),
            Cancelled::Failed => Err(Refusal::Fault),
            Cancelled::Declined => Err(Refusal::NotCancelable),
            Cancelled::NotFound => Err(Refusal::ChargeNotFound),
        }
    }

    /// What a PG that gives nothing back any more answers: what is already back stays back.
    async fn refuse_cancel(&self, key: String) -> Result<Charge, Refusal> {
        let found = self.teller.ask(move |book| book.find(&key)).await?;
        let charge = found.ok_or(Refusal::ChargeNotFound)?;
        match charge.status {
            PgChargeStatus::Cancelled => Ok(charge),
            PgChargeStatus::Approved | PgChargeStatus::Declined => Err(Refusal::NotCancelable),
        }
    }

    pub(super) async fn query(&self, key: String) -> Result<Charge, Refusal> {
        let faults = self.faults.get();
        self.wait(faults.slow()).await?;
        if faults.forget_keys {
            return Err(Refusal::ChargeNotFound);
        }
        self.teller.ask(move |book| book.find(&key)).await?.ok_or(Refusal::ChargeNotFound)
    }

    pub(super) async fn page(&self, after: i64, limit: u32) -> Result<Page, Refusal> {
        self.wait(self.faults.get().slow()).await?;
        Ok(self.teller.ask(move |book| book.page(after, limit)).await?)
    }

    /// Holds a connection without an answer, until the caller hangs up, the simulator stops, or it has been enough.
    pub(super) async fn hold(&self) -> Refusal {
        self.wait(HOLD).await.err().unwrap_or(Refusal::NoAnswer)
    }

    /// Waits on purpose; no longer than the simulator runs.
    async fn wait(&self, delay: Duration) -> Result<(), Refusal> {
        if delay.is_zero() {
            return Ok(());
        }
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            _ = stopping.wait_for(|stop| *stop) => Err(Refusal::Stopping),
        }
    }
}

fn new_charge(key: String, order: ChargeOrder, card: Card, forget_key: bool) -> NewCharge {
    NewCharge {
        fingerprint: fingerprint(&key, &order),
        key,
        amount: order.amount,
        currency: order.currency,
        reference: order.reference,
        decline_code: card.decline_code(),
        cancel_errors: card.cancel_errors(),
        at_ms: clock::now_ms(),
        forget_key,
    }
}

/// Tells bodies apart without keeping the card token. Each part goes in with its length, so that parts cannot flow into
/// each other; the key makes equal cards look different. What is no token may be a card number, and those are few enough to
/// be guessed from a digest: it stays out.
fn fingerprint(key: &str, order: &ChargeOrder) -> Vec<u8> {
    let amount = order.amount.to_string();
    let token = Some(order.card_token.as_str()).filter(|token| token.starts_with(TOKEN_PREFIX));
    let parts = [key, &amount, &order.currency, token.unwrap_or_default(), &order.reference];
    let digest = parts.into_iter().fold(Sha256::new(), |digest, part| {
        digest.chain_update(part.len().to_string()).chain_update(":").chain_update(part)
    });
    digest.finalize().to_vec()
}

/// The keys of charges that have not come to their end.
#[derive(Clone, Default)]
struct UnderWay {
    keys: Arc<Mutex<BTreeSet<String>>>,
}

impl UnderWay {
    /// Enters a key until the guard is dropped; none if it is under way already.
    fn enter(&self, key: &str) -> Option<UnderWayGuard> {
        let entered = self.keys.lock().insert(key.to_owned());
        entered.then(|| UnderWayGuard { under_way: self.clone(), key: key.to_owned() })
    }
}

struct UnderWayGuard {
    under_way: UnderWay,
    key: String,
}

impl Drop for UnderWayGuard {
    fn drop(&mut self) {
        self.under_way.keys.lock().remove(&self.key);
    }
}
