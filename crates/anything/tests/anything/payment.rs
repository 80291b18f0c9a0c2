//! Money at the PG: one key to a payment, nothing cancelled that was not charged, and what has ended stays ended, whatever a PG answers.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{START, int, money, nth, payment_of, reason, said, text, user_id};
use kernel::ids::{ChargeId, PaymentId, SagaId};
use kernel::plan::CardToken;
use kernel::testbed::Testbed;
use kernel::{Currency, DecideError, Money, Said, Step};
use payment::books::{LedgerEntry, PgBook, UnknownCharge};
use payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use payment::leg::Leg;
use payment::{
    Charge, ChargeStatus, Payment, PaymentPolicy, PaymentRow, PaymentStatus, PgAnswered, PgCall,
    StartReconciling, TopUp, Webhook,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What a PG says, before it is known which call it answers.
#[derive(Clone, Debug)]
enum Says {
    /// It has a charge: of that status, perhaps of another amount or under another key.
    Found {
        status: PgChargeStatus,
        amount: Option<i64>,
        key: Option<String>,
        at_ms: i64,
    },
    NotFound,
    CancelRefused,
    NotSent,
    Unknown,
    /// A page of its book: charges under these keys.
    Page {
        charges: Vec<(String, PgChargeStatus, i64)>,
        next: Option<String>,
    },
}

#[derive(Clone, Debug)]
enum Asked {
    TopUp(TopUp),
    Answer { call: Index, says: Says },
    Webhook(Webhook),
    Start,
}

fn status() -> impl Strategy<Value = PgChargeStatus> {
    select(vec![PgChargeStatus::Approved, PgChargeStatus::Declined, PgChargeStatus::Cancelled])
}

fn key() -> impl Strategy<Value = String> {
    let ours = (1_u64..9).prop_map(nth);
    let payments = ours.clone().prop_map(|saga| payment_of(saga).to_string());
    prop_oneof![3 => ours.prop_map(|top_up| top_up.to_string()), 3 => payments, 1 => text()]
}

fn says() -> BoxedStrategy<Says> {
    let found = (status(), option::weighted(0.1, int()), option::weighted(0.1, key()), int())
        .prop_map(|(status, amount, key, at_ms)| Says::Found { status, amount, key, at_ms });
    let page = (vec((key(), status(), int()), 0..4), option::of(text()))
        .prop_map(|(charges, next)| Says::Page { charges, next });
    prop_oneof![
        6 => found,
        2 => Just(Says::NotFound),
        1 => Just(Says::CancelRefused),
        1 => Just(Says::NotSent),
        2 => Just(Says::Unknown),
        1 => page,
    ]
    .boxed()
}

fn asked() -> impl Strategy<Value = Asked> {
    let currency = prop_oneof![9 => Just(Currency::KRW), 1 => Just("GBP".parse().unwrap())];
    let hash = || (0_u8..6).prop_map(|n| [n; 32]);
    let amount = prop_oneof![4 => (1_i64..9_000).prop_map(|more| Money::new(more).unwrap()), 1 => money()];
    let top_up = (user_id(), amount, currency, text(), hash(), hash()).prop_map(
        |(user, amount, currency, card, key_hash, body_hash)| {
            let card_token = CardToken(card.into());
            Asked::TopUp(TopUp { user, amount, currency, card_token, key_hash, body_hash })
        },
    );
    prop_oneof![
        2 => top_up,
        8 => (any::<Index>(), says()).prop_map(|(call, says)| Asked::Answer { call, says }),
        1 => key().prop_map(|key| Asked::Webhook(Webhook { key })),
        1 => Just(Asked::Start),
    ]
}

fn credit() -> BoxedStrategy<Said> {
    prop_oneof![
        Just(Said::Done { step: Step::CREDIT, prior: Vec::new() }),
        reason().prop_map(|reason| Said::Refused { step: Step::CREDIT, reason }),
        Just(Said::Compensated { step: Step::CREDIT, cause: None }),
        said(),
    ]
    .boxed()
}

/// What an outsider keeps of what went to the PG and came from it.
#[derive(Clone, Default)]
struct Cashier {
    calls: Vec<PgCall>,
    keys: BTreeMap<(SagaId, Step), Uuid>,
    /// The key that each charge was sent under, whatever its leg says.
    sent: BTreeMap<(SagaId, Step), String>,
    charges: BTreeMap<String, (i64, String)>,
    /// Keys of which the PG has said that it holds money.
    approved: BTreeSet<String>,
    payments: BTreeMap<PaymentId, PaymentStatus>,
    top_ups: BTreeMap<ChargeId, ChargeStatus>,
}

impl Cashier {
    fn answer(&mut self, call: PgCall, says: &Says) -> PgAnswered {
        let (own, sum) = match &call.request {
            PgRequest::Charge { key, amount, .. } => (key.clone(), *amount),
            PgRequest::Query { key } | PgRequest::Cancel { key, .. } => {
                (key.clone(), self.charges.get(key).map_or(0, |(amount, _)| *amount))
            }
            PgRequest::List { .. } => (String::new(), 0),
        };
        let charge = |key: &str, amount, status, created_at_ms| PgCharge {
            key: key.to_owned(),
            transaction: format!("tx-{key}"),
            amount,
            currency: "KRW".to_owned(),
            status,
            created_at_ms,
        };
        let answer = match says {
            Says::Found { status, amount, key, at_ms } => {
                let key = key.clone().unwrap_or(own);
                if *status == PgChargeStatus::Approved {
                    self.approved.insert(key.clone());
                }
                PgAnswer::Found(charge(&key, amount.unwrap_or(sum), *status, *at_ms))
            }
            Says::NotFound => PgAnswer::NotFound,
            Says::CancelRefused => PgAnswer::CancelRefused { code: "NO".to_owned() },
            Says::NotSent => PgAnswer::NotSent { detail: String::new() },
            Says::Unknown => PgAnswer::Unknown { detail: String::new() },
            Says::Page { charges, next } => PgAnswer::Page {
                charges: charges.iter().map(|(key, status, sum)| charge(key, *sum, *status, *sum)).collect(),
                next: next.clone(),
            },
        };
        call.answered(answer)
    }

    /// What has just been asked for.
    fn note(&mut self, bed: &Testbed<Payment>) -> Result<(), TestCaseError> {
        for call in bed.calls.iter().filter_map(|call| call.request.downcast_ref::<PgCall>()) {
            match &call.request {
                PgRequest::Charge { key, amount, currency, .. } => {
                    let sum = (*amount, currency.clone());
                    let before = self.charges.insert(key.clone(), sum.clone());
                    prop_assert!(before.is_none_or(|before| before == sum), "another sum under one key");
                    prop_assert!(*amount > 0);
                    if let Some(leg) = &call.leg {
                        let first = self.sent.entry(leg.clone()).or_insert_with(|| key.clone());
                        prop_assert_eq!(first, key, "a second key for one charge");
                    }
                }
                PgRequest::Cancel { key, .. } => {
                    prop_assert!(self.approved.contains(key), "cancelled what nobody said was charged");
                }
                PgRequest::Query { .. } | PgRequest::List { .. } => {}
            }
            self.calls.push(call.clone());
        }
        Ok(())
    }
}

impl Subject for Cashier {
    type Domain = Payment;
    type Command = Asked;

    fn send(
        &mut self,
        bed: &mut Testbed<Payment>,
        command: &Asked,
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        Ok(match command.clone() {
            Asked::TopUp(command) => bed.ask(command).map(drop),
            Asked::Webhook(command) => bed.ask(command).map(drop),
            Asked::Start => bed.ask(StartReconciling).map(drop),
            Asked::Answer { .. } if self.calls.is_empty() => Ok(()),
            Asked::Answer { call, says } => {
                let call = call.get(&self.calls).clone();
                let answered = self.answer(call, &says);
                bed.ask(answered).map(drop)
            }
        })
    }

    /// An answer of another kind than was asked for is the adapter's fault.
    fn may_fault(&self, command: &Asked, fault: &DecideError) -> bool {
        matches!((command, fault), (Asked::Answer { .. }, DecideError::Impossible(_)))
    }

    fn check(&mut self, bed: &Testbed<Payment>) -> Result<(), TestCaseError> {
        reads::<_, Leg>(bed)?;
        reads::<_, PaymentRow>(bed)?;
        reads::<_, Charge>(bed)?;
        reads::<_, LedgerEntry>(bed)?;
        reads::<_, UnknownCharge>(bed)?;
        reads::<_, PgBook>(bed)?;
        self.note(bed)?;
        for leg in bed.all::<Leg>() {
            let key = *self.keys.entry((leg.saga, leg.step.clone())).or_insert(leg.pg_key);
            prop_assert_eq!(leg.pg_key, key, "a second key for one charge");
            prop_assert!(leg.state.is_at_rest() || leg.next_at.is_some(), "stuck: {:?}", leg);
        }
        for payment in bed.all::<PaymentRow>() {
            let before = self.payments.insert(payment.id, payment.status);
            let ended = |status| matches!(status, PaymentStatus::Declined | PaymentStatus::Cancelled);
            if let Some(before) = before.filter(|before| ended(*before)) {
                // A charge that turns up late is taken back: that much an ended payment may still do.
                let back = matches!(payment.status, PaymentStatus::Cancelling | PaymentStatus::Cancelled);
                prop_assert!(before == payment.status || back, "{} -> {}", before, payment.status);
            }
        }
        for charge in bed.all::<Charge>() {
            let before = self.top_ups.insert(charge.id, charge.status);
            let before = before.filter(|before| *before != ChargeStatus::Pending);
            prop_assert!(before.is_none_or(|before| before == charge.status), "{:?}", before);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn money_is_charged_once_and_taken_back_only_if_it_was_whatever_a_pg_says(script in script(asked(), credit())) {
        let policy = PaymentPolicy::new("any", Currency::KRW);
        play(&mut Cashier::default(), &mut Testbed::new(Payment::new(policy), START), &script)?;
    }
}
