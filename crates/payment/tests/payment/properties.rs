//! Whatever the PG, the network and the customer do: one key, no wrong cancel, and at rest the books agree.

use crate::support::pg::Fault;
use crate::support::{START, Shop, key_of, order, policy};
use jumun_payment::gateway::{PgAnswer, PgCharge, PgChargeStatus};
use jumun_payment::leg::{self, Intent, Leg, LegEvent, Moment};
use jumun_payment::{ChargeStatus, StartReconciling, is_final};
use kernel::ids::{SagaId, UserId};
use kernel::judge::letters::LetterStatus;
use kernel::participation::InboxState;
use kernel::plan::CardToken;
use kernel::{Currency, Money, Reason, Step, Timestamp, Trace};
use proptest::prelude::*;
use smol_str::SmolStr;
use uuid::Uuid;

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let one = prop_oneof![
        3 => Just(Fault::None),
        1 => Just(Fault::Decline),
        2 => Just(Fault::DoneThenTimeout),
        2 => Just(Fault::TimeoutNotDone),
        1 => Just(Fault::Error),
        1 => Just(Fault::NotSent),
        2 => (0_i64..90_000).prop_map(Fault::Late),
        1 => any::<bool>().prop_map(Fault::Lost),
        2 => Just(Fault::Refuse),
    ];
    proptest::collection::vec(one, 0..25)
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Pass(i64),
    Undo,
    PayAgain,
    Crash,
    Down(bool),
    Silent(bool),
    Redrive,
    Webhook,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => (0_i64..100).prop_map(Happening::Pass),
        2 => Just(Happening::Undo),
        1 => Just(Happening::PayAgain),
        1 => Just(Happening::Crash),
        1 => any::<bool>().prop_map(Happening::Down),
        1 => any::<bool>().prop_map(Happening::Silent),
        1 => Just(Happening::Redrive),
        1 => Just(Happening::Webhook),
    ];
    proptest::collection::vec(one, 0..20)
}

fn redrive(shop: &mut Shop) {
    let open = shop.rows::<kernel::judge::letters::DeadLetter>();
    for letter in open.into_iter().filter(|letter| letter.status == LetterStatus::Open) {
        shop.handle(&letter, true);
    }
}

/// The PG works again, operators redrive, time passes.
fn come_to_rest(shop: &mut Shop) {
    shop.pg.script.clear();
    (shop.pg.down, shop.pg.silent) = (false, false);
    shop.pass(200);
    redrive(shop);
    shop.pass(200);
    assert!(!shop.pg.has_late());
}

fn happen(shop: &mut Shop, plan: &std::sync::Arc<kernel::Plan>, what: Happening) {
    match what {
        Happening::Pass(seconds) => shop.pass(seconds),
        Happening::Undo => shop.undo(plan),
        Happening::PayAgain => shop.pay(plan),
        Happening::Crash => shop.crash(),
        Happening::Down(down) => shop.pg.down = down,
        Happening::Silent(silent) => shop.pg.silent = silent,
        Happening::Redrive => redrive(shop),
        Happening::Webhook => {
            shop.command(&jumun_payment::Webhook { key: key_of(plan) }).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_orders_money_is_held_exactly_while_its_inbox_row_is_done(
        script in faults(), story in happenings(), copies in 1_u32..3
    ) {
        let mut shop = Shop::default();
        shop.copies = copies;
        shop.pg.script.extend(script);
        shop.command(&StartReconciling).unwrap();
        let plan = order(1, 500, 100);
        shop.pay(&plan);
        for what in story {
            happen(&mut shop, &plan, what);
        }
        come_to_rest(&mut shop);
        prop_assert!(shop.leg_state(&plan).is_at_rest(), "{:?}", shop.leg(&plan));
        let row = shop.inbox(&plan);
        prop_assert!(matches!(row, InboxState::Done | InboxState::Refused | InboxState::Compensated), "{row}");
        prop_assert_eq!(shop.done(), shop.pg.held());
        prop_assert!(shop.pg.charge_keys.len() <= 1);
        prop_assert_eq!(shop.pg.wrong_cancels, 0);
        prop_assert!(shop.letters().iter().all(|letter| letter.ends_with("REDRIVEN")), "{:?}", shop.letters());
        let finals = shop.said.iter().filter(|said| *said == "payment.done").count();
        prop_assert!(finals <= 1 + usize::try_from(copies).unwrap() * 20);
    }

    #[test]
    fn a_top_ups_money_is_held_exactly_while_it_is_completed(
        script in faults(), credited in any::<bool>(), outage in 0_i64..300, crash in any::<bool>()
    ) {
        let mut shop = Shop::default();
        shop.pg.script.extend(script);
        shop.command(&StartReconciling).unwrap();
        shop.credit = Some(if credited { Ok(()) } else { Err(Reason::of("CREDIT_REFUSED")) });
        let id = shop.top_up(1_000, 1, 1).unwrap().charge;
        shop.pg.silent = true;
        shop.pass(outage);
        shop.pg.silent = false;
        if crash {
            shop.crash();
        }
        shop.pass(100);
        come_to_rest(&mut shop);
        let charge = shop.charge(id);
        prop_assert!(is_final(&charge), "{charge:?}");
        let held = shop.pg.held().values().sum::<i64>();
        prop_assert_eq!(held, if charge.status == ChargeStatus::Completed { 1_000 } else { 0 });
        prop_assert_eq!(shop.done(), shop.pg.held());
        prop_assert!(credited || held == 0);
        prop_assert_eq!(shop.pg.wrong_cancels, 0);
    }

    #[test]
    fn no_event_whatever_makes_a_leg_panic(
        events in proptest::collection::vec((any_event(), any::<bool>(), -100_i64..100_000_000), 0..40)
    ) {
        let policy = policy();
        let mut leg = begin();
        for (event, wanted, after) in events {
            let now = Timestamp(START + after);
            if let Ok(moved) = leg::step(leg.clone(), event, &Moment { now, wanted, policy: &policy }) {
                prop_assert_eq!(moved.leg.pg_key, leg.pg_key);
                prop_assert!(!moved.leg.calling || moved.leg.next_at.is_some(), "a call that nobody waits for");
                prop_assert!(moved.leg.state.is_at_rest() || moved.leg.next_at.is_some(), "stuck: {:?}", moved.leg);
                leg = moved.leg;
            }
        }
    }
}

fn begin() -> Leg {
    let intent = Intent {
        saga: SagaId(Uuid::from_u128(1)),
        step: Step::PAYMENT,
        pg_key: Uuid::from_u128(5),
        user_id: UserId(Uuid::from_u128(7)),
        amount: Money::MAX,
        currency: Currency::KRW,
        points: Money::ZERO,
        discount: Money::ZERO,
        card: CardToken(SmolStr::new("tok_ok")),
        trace: Trace::default(),
    };
    leg::begin(intent, &Moment { now: Timestamp(START), wanted: true, policy: &policy() }).leg
}

fn any_answer() -> impl Strategy<Value = PgAnswer> {
    let status = prop_oneof![
        Just(PgChargeStatus::Approved),
        Just(PgChargeStatus::Declined),
        Just(PgChargeStatus::Cancelled)
    ];
    let amount = prop_oneof![4 => Just(Money::MAX.minor()), 1 => any::<i64>()];
    let charge = (status, amount, any::<bool>()).prop_map(|(status, amount, mine)| PgCharge {
        key: if mine { Uuid::from_u128(5).to_string() } else { "x".to_owned() },
        transaction: "tx".to_owned(),
        amount,
        currency: "KRW".to_owned(),
        status,
        created_at_ms: START,
    });
    prop_oneof![
        4 => charge.prop_map(PgAnswer::Found),
        2 => Just(PgAnswer::NotFound),
        1 => Just(PgAnswer::CancelRefused { code: "NO".to_owned() }),
        1 => Just(PgAnswer::NotSent { detail: String::new() }),
        1 => Just(PgAnswer::Unknown { detail: String::new() }),
        1 => Just(PgAnswer::Page { charges: Vec::new(), next: None }),
    ]
}

fn any_event() -> impl Strategy<Value = LegEvent> {
    prop_oneof![
        4 => (1_u32..20, any_answer()).prop_map(|(attempt, answer)| LegEvent::Answered { attempt, answer }),
        2 => (0_i64..100_000_000, any_answer()).prop_map(|(after, answer)| LegEvent::Seen {
            asked_at: Timestamp(START + after),
            answer,
        }),
        4 => Just(LegEvent::Due),
        1 => any::<bool>().prop_map(|stray| LegEvent::Undo { reason: SmolStr::new("why"), stray }),
    ]
}
