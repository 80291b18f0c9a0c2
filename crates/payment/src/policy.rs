//! How patient payment is. Every value is configurable; the defaults are the documented ones.

use kernel::Currency;
use kernel::time::Backoff;
use smol_str::SmolStr;
use std::time::Duration;

/// The patience of payment with its PG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentPolicy {
    /// The PG's name, as configured: shown on payments, and the key of its reconciliation row.
    pub pg: SmolStr,
    /// The deployment's one currency.
    pub currency: Currency,
    /// How long one PG call may take.
    pub call_timeout: Duration,
    /// How long a call may wait before it starts. One that starts later must be answered as not sent: otherwise a charge
    /// could reach the PG after its settling time was thought over.
    pub slack: Duration,
    /// How long after a send the PG may still say "not found" about a charge that it has.
    pub settling: Duration,
    /// How long a charge is tried, and an unknown outcome is asked about eagerly.
    pub budget: Duration,
    /// How long the PG remembers an idempotency key. A charge is re-sent only within half of it.
    pub key_lifetime: Duration,
    /// Waits between the calls of one charge or one cancel.
    pub backoff: Backoff,
    /// The wait between calls once a budget is spent.
    pub slow: Duration,
    /// How long a cancel is tried before an operator is asked.
    pub cancel_budget: Duration,
    /// How many calls a cancel is tried for at least, however slow they are.
    pub cancel_calls: u32,
    /// Waits between asking for a top-up's credit again.
    pub credit_resend: Backoff,
    /// After how many asks an unanswered credit becomes a dead letter; asking goes on slowly.
    pub credit_budget: u32,
    /// How often the PG's book is read from where the last reading ended.
    pub reconcile_every: Duration,
    /// How often the PG's book is read again from its beginning.
    pub sweep_every: Duration,
    /// How many charges one page of the book holds at most.
    pub page_limit: u32,
}

impl PaymentPolicy {
    /// The documented defaults for the PG called `pg`.
    #[must_use]
    pub fn new(pg: &str, currency: Currency) -> Self {
        Self {
            pg: SmolStr::new(pg),
            currency,
            call_timeout: Duration::from_secs(3),
            slack: Duration::from_secs(2),
            settling: Duration::from_secs(10),
            budget: Duration::from_secs(60),
            key_lifetime: Duration::from_secs(15 * 86_400),
            backoff: Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(5) },
            slow: Duration::from_secs(60),
            cancel_budget: Duration::from_secs(60),
            cancel_calls: 8,
            credit_resend: Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(15) },
            credit_budget: 10,
            reconcile_every: Duration::from_secs(60),
            sweep_every: Duration::from_secs(86_400),
            page_limit: 100,
        }
    }
}
