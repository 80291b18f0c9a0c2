//! A tiny PG with a book, and faults played from a script.

use jumun_payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What happens to the next charge or cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The card is refused.
    Decline,
    /// Done at once, but the answer is a timeout.
    DoneThenTimeout,
    /// Not done, and the answer is a timeout.
    TimeoutNotDone,
    /// A 5xx at once; not done.
    Error,
    /// The request never leaves.
    NotSent,
    /// Done after so many milliseconds; the answer is a timeout.
    Late(i64),
    /// The answer is lost on our side, done or not.
    Lost(bool),
    /// A cancel is refused.
    Refuse,
}

/// An answer, and how long it takes.
pub(crate) type Reply = Option<(PgAnswer, i64)>;

#[derive(Default)]
pub(crate) struct Pg {
    pub(crate) book: BTreeMap<String, PgCharge>,
    order: Vec<String>,
    /// For charges and cancels, in turn; then nothing goes wrong.
    pub(crate) script: VecDeque<Fault>,
    /// Nothing reaches it; from our side: connection refused.
    pub(crate) down: bool,
    /// Everything times out and nothing is done.
    pub(crate) silent: bool,
    late: Vec<(i64, PgRequest)>,
    pub(crate) charge_keys: BTreeSet<String>,
    pub(crate) charge_calls: u32,
    pub(crate) cancel_calls: u32,
    /// Why each cancel was asked for.
    pub(crate) cancel_reasons: Vec<String>,
    /// Cancels of what was never charged: must stay none.
    pub(crate) wrong_cancels: u32,
}

fn timeout() -> Reply {
    Some((PgAnswer::Unknown { detail: "timeout".to_owned() }, 3_000))
}

impl Pg {
    /// Lets late requests arrive.
    pub(crate) fn catch_up(&mut self, now: i64) {
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = late;
        let due: Vec<(i64, PgRequest)> = due;
        for (at, request) in due {
            self.perform(&request, at, PgChargeStatus::Approved);
        }
    }

    pub(crate) fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    pub(crate) fn answer(&mut self, request: &PgRequest, now: i64) -> Reply {
        self.catch_up(now);
        match request {
            PgRequest::Charge { key, .. } => {
                self.charge_keys.insert(key.clone());
                self.charge_calls += 1;
            }
            PgRequest::Cancel { key, reason } => {
                self.cancel_calls += 1;
                self.cancel_reasons.push(reason.clone());
                self.wrong_cancels += u32::from(!self.book.contains_key(key));
            }
            PgRequest::Query { .. } | PgRequest::List { .. } => {}
        }
        if self.down {
            return Some((PgAnswer::NotSent { detail: "connection refused".to_owned() }, 0));
        }
        if self.silent {
            return timeout();
        }
        match request {
            PgRequest::Charge { .. } | PgRequest::Cancel { .. } => self.write(request, now),
            PgRequest::Query { key } => Some((self.look(key), 1)),
            PgRequest::List { after, limit } => Some((self.page(after.as_deref(), *limit), 1)),
        }
    }

    fn write(&mut self, request: &PgRequest, now: i64) -> Reply {
        match self.script.pop_front().unwrap_or(Fault::None) {
            Fault::None => Some((self.perform(request, now, PgChargeStatus::Approved), 1)),
            Fault::Decline => Some((self.perform(request, now, PgChargeStatus::Declined), 1)),
            Fault::DoneThenTimeout => {
                self.perform(request, now, PgChargeStatus::Approved);
                timeout()
            }
            Fault::TimeoutNotDone => timeout(),
            Fault::Error => Some((PgAnswer::Unknown { detail: "HTTP 500".to_owned() }, 1)),
            Fault::NotSent => Some((PgAnswer::NotSent { detail: "breaker open".to_owned() }, 0)),
            Fault::Late(after) => {
                self.late.push((now + after, request.clone()));
                timeout()
            }
            Fault::Lost(done) => {
                if done {
                    self.perform(request, now, PgChargeStatus::Approved);
                }
                None
            }
            Fault::Refuse => match request {
                PgRequest::Cancel { .. } => {
                    Some((PgAnswer::CancelRefused { code: "NOT_CANCELABLE".to_owned() }, 1))
                }
                _ => timeout(),
            },
        }
    }

    fn perform(&mut self, request: &PgRequest, now: i64, status: PgChargeStatus) -> PgAnswer {
        match request {
            PgRequest::Charge { key, amount, currency, .. } => {
                let charge = self.book.entry(key.clone()).or_insert_with(|| {
                    self.order.push(key.clone());
                    PgCharge {
                        key: key.clone(),
                        transaction: format!("tx-{key}"),
                        amount: *amount,
                        currency: currency.clone(),
                        status,
                        created_at_ms: now,
                    }
                });
                PgAnswer::Found(charge.clone())
            }
            PgRequest::Cancel { key, .. } => match self.book.get_mut(key) {
                Some(charge) => {
                    if charge.status == PgChargeStatus::Approved {
                        charge.status = PgChargeStatus::Cancelled;
                    }
                    PgAnswer::Found(charge.clone())
                }
                None => PgAnswer::NotFound,
            },
            PgRequest::Query { key } => self.look(key),
            PgRequest::List { after, limit } => self.page(after.as_deref(), *limit),
        }
    }

    fn look(&self, key: &str) -> PgAnswer {
        self.book.get(key).map_or(PgAnswer::NotFound, |charge| PgAnswer::Found(charge.clone()))
    }

    fn page(&self, after: Option<&str>, limit: u32) -> PgAnswer {
        let from: usize = after.map_or(0, |after| after.parse().unwrap());
        let to = (from + limit as usize).min(self.order.len());
        let charges = self.order[from..to].iter().map(|key| self.book[key].clone()).collect();
        PgAnswer::Page { charges, next: (to < self.order.len()).then(|| to.to_string()) }
    }

    /// Puts a charge into the book that nobody here asked for.
    pub(crate) fn plant(&mut self, key: &str, amount: i64, now: i64) {
        let currency = "KRW".to_owned();
        let card_token = "tok_ok".to_owned();
        let reference = String::new();
        let request = PgRequest::Charge { key: key.to_owned(), amount, currency, card_token, reference };
        self.perform(&request, now, PgChargeStatus::Approved);
    }

    /// Money held, by key.
    pub(crate) fn held(&self) -> BTreeMap<String, i64> {
        let approved = self.book.values().filter(|charge| charge.status == PgChargeStatus::Approved);
        approved.map(|charge| (charge.key.clone(), charge.amount)).collect()
    }
}
