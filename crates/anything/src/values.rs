//! Values: likely ones mostly, so that something happens, and the extremes of their types.

use kernel::ids::{CountingIds, Ids, LetterId, OrderId, PaymentId, ProductId, SagaId, UserCouponId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::judge::{StepState, StepStatus};
use kernel::plan::{CardToken, PlanCoupon};
use kernel::{
    Currency, DomainName, Entry, Money, Plan, PlanLine, Reason, Said, SaidEvent, Step, Timestamp, Trace,
    Value,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

/// When testbeds begin.
pub const START: Timestamp = Timestamp(1_700_000_000_000);
/// The earliest time that RFC 3339 can write.
pub const EARLIEST: Timestamp = Timestamp(-62_135_596_800_000);
/// The latest.
pub const LATEST: Timestamp = Timestamp(253_402_207_200_000);
/// The price that most things have, so that quotes are often right.
pub const PRICE: i64 = 1_000;

/// The `n`th id (from 1) that a testbed which begins at [`START`] gives out.
#[must_use]
pub fn nth(n: u64) -> Uuid {
    let mut ids = CountingIds::new(START.0.unsigned_abs());
    (1..n).for_each(|_| _ = ids.next());
    ids.next()
}

/// An id. Most are among the first that a testbed gives out: what they name is often there, and often something else.
pub fn id() -> impl Strategy<Value = Uuid> + Clone {
    prop_oneof![
        40 => (1..9_u64).prop_map(nth),
        1 => Just(Uuid::nil()),
        1 => Just(Uuid::max()),
        1 => any::<u128>().prop_map(Uuid::from_u128),
    ]
}

/// Any 64-bit number; small ones, limits and their neighbours more often.
pub fn int() -> impl Strategy<Value = i64> + Clone {
    let exact = Money::MAX.minor();
    prop_oneof![
        12 => -3_i64..20,
        2 => select(vec![0, 1, -1, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1]),
        2 => select(vec![exact, exact + 1, -exact, -exact - 1]),
        1 => any::<i64>(),
    ]
}

/// Any amount, the extremes and small ones more often.
pub fn money() -> impl Strategy<Value = Money> + Clone {
    let top = Money::MAX.minor();
    let minor =
        prop_oneof![Just(0), Just(1), Just(-1), Just(top), Just(-top), -50_000..50_000_i64, -top..=top];
    minor.prop_map(|minor| Money::new(minor).unwrap_or(Money::ZERO))
}

/// An amount as people pay it, and any other now and then.
pub fn price() -> impl Strategy<Value = Money> + Clone {
    let usual = Money::new(PRICE).unwrap_or(Money::ZERO);
    prop_oneof![6 => Just(usual), 1 => Just(Money::ZERO), 1 => money()]
}

/// How many pieces.
pub fn quantity() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![6 => 1_i64..4, 1 => int()]
}

/// A time: about now, or anywhere that can be written.
pub fn time() -> impl Strategy<Value = Timestamp> + Clone {
    const WEEK_MS: i64 = 7 * 86_400_000;
    prop_oneof![
        6 => (-WEEK_MS..WEEK_MS).prop_map(|ms| Timestamp(START.0 + ms)),
        1 => select(vec![EARLIEST, LATEST, Timestamp(0), Timestamp(-1), START]),
        1 => (EARLIEST.0..=LATEST.0).prop_map(Timestamp),
    ]
}

/// A text as people type it: mostly a word, now and then nothing, blanks, what steers a terminal, or far too much.
pub fn text() -> impl Strategy<Value = String> + Clone {
    const ODD: &[&str] = &["", " ", "\0", "\n", "\u{202e}", "\u{feff}", "'; --", "\"\\", "👨‍👩‍👧‍👦"];
    let of = |chars: Vec<char>| chars.into_iter().collect::<String>();
    // Not by regular expressions: those are read again for every text.
    prop_oneof![
        30 => vec(proptest::char::range('a', 'e'), 1..4).prop_map(of),
        2 => vec(any::<char>(), 0..12).prop_map(of),
        1 => select(ODD).prop_map(str::to_owned),
        1 => (1_usize..600).prop_map(|length| "주".repeat(length)),
    ]
}

/// A JSON value, not very deep.
pub fn json() -> BoxedStrategy<serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        int().prop_map(Into::into),
        any::<i32>().prop_map(|float| f64::from(float).into()),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            btree_map(text(), inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
    .boxed()
}

/// `document` with `by` in any one place of it, the whole included.
#[must_use]
pub fn replaced(document: &serde_json::Value, at: Index, by: serde_json::Value) -> serde_json::Value {
    let mut places = Vec::new();
    pointers(document, String::new(), &mut places);
    let mut replaced = document.clone();
    let place: &String = at.get(&places);
    if let Some(place) = replaced.pointer_mut(place) {
        *place = by;
    }
    replaced
}

/// Every place in a document, the whole last, as JSON pointers.
fn pointers(at: &serde_json::Value, here: String, found: &mut Vec<String>) {
    use serde_json::Value::{Array, Object};
    if let Object(fields) = at {
        for (name, field) in fields {
            let name = name.replace('~', "~0").replace('/', "~1");
            pointers(field, format!("{here}/{name}"), found);
        }
    } else if let Array(items) = at {
        for (index, item) in items.iter().enumerate() {
            pointers(item, format!("{here}/{index}"), found);
        }
    }
    found.push(here);
}

/// What a column may be found to hold: the value of another type, NULL, or a document that is none.
pub fn value() -> BoxedStrategy<Value> {
    prop_oneof![
        1 => Just(Value::Null),
        4 => int().prop_map(Value::Int),
        2 => id().prop_map(Value::Id),
        2 => text().prop_map(|text| Value::Text(text.into())),
        2 => json().prop_map(|json| Value::Text(json.to_string().into())),
        1 => vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())),
    ]
    .boxed()
}

/// A trace, or none.
pub fn trace() -> impl Strategy<Value = Trace> + Clone {
    let some = (1..=u128::MAX, 1..=u64::MAX, any::<u8>());
    prop_oneof![Just(Trace::default()), some.prop_map(|(id, span, flags)| Trace { id, span, flags })]
}

/// A step: the shop's own, and now and then one that nobody has.
pub fn step() -> impl Strategy<Value = Step> + Clone {
    let known = [Step::STOCK, Step::COUPON, Step::POINT, Step::PAYMENT, Step::DELIVERY, Step::SALES];
    let top_up = [Step::CHARGE, Step::CREDIT];
    prop_oneof![8 => select(known.to_vec()), 1 => select(top_up.to_vec()), 1 => text().prop_map(|name| Step::new(&name))]
}

/// A domain's name, or one that is none.
pub fn domain() -> impl Strategy<Value = DomainName> + Clone {
    let known = ["order", "product", "point", "coupon", "payment", "user"].map(DomainName::of);
    prop_oneof![8 => select(known.to_vec()), 1 => text().prop_map(|name| DomainName::new(&name))]
}

/// Why something failed.
pub fn reason() -> impl Strategy<Value = Reason> + Clone {
    let known = [Reason::OUT_OF_STOCK, Reason::PRICE_CHANGED, Reason::PAYMENT_DECLINED, Reason::TIMED_OUT];
    prop_oneof![8 => select(known.to_vec()), 1 => text().prop_map(|name| Reason::new(&name))]
}

fn step_state() -> BoxedStrategy<StepState> {
    let status = select(StepStatus::ALL);
    (step(), status, option::of(reason()), any::<u32>(), any::<bool>())
        .prop_map(|(name, status, reason, attempts, parked)| StepState {
            name,
            status,
            reason,
            attempts,
            parked,
        })
        .boxed()
}

fn fact() -> BoxedStrategy<Said> {
    let kinds = select(vec!["order.fulfilled", "order.saved", "product.changed", "coupon.issued"]);
    let kind = prop_oneof![4 => kinds.prop_map(str::to_owned), 1 => text()];
    (kind, json()).prop_map(|(kind, body)| Said::Fact { kind: kind.into(), body }).boxed()
}

/// Any word.
pub fn said() -> BoxedStrategy<Said> {
    let of_order = prop_oneof![
        Just(Said::Created),
        Just(Said::Placed),
        Just(Said::Cancelling),
        (reason(), vec(step_state(), 0..3)).prop_map(|(reason, steps)| Said::Failing { reason, steps }),
        (reason(), vec(step_state(), 0..3)).prop_map(|(reason, steps)| Said::Failed { reason, steps }),
        time().prop_map(|settled_at| Said::Confirmed { settled_at }),
        (time(), vec(step_state(), 0..3))
            .prop_map(|(confirmed_at, steps)| Said::Cancelled { confirmed_at, steps }),
    ];
    let of_step = prop_oneof![
        step().prop_map(|step| Said::Asked { step }),
        (step(), any::<u32>()).prop_map(|(step, attempt)| Said::UndoAsked { step, attempt }),
        (step(), vec(step(), 0..3)).prop_map(|(step, prior)| Said::Done { step, prior }),
        (step(), reason()).prop_map(|(step, reason)| Said::Refused { step, reason }),
        step().prop_map(|step| Said::Pending { step }),
        (step(), option::of(reason())).prop_map(|(step, cause)| Said::Compensated { step, cause }),
        (step(), text()).prop_map(|(step, error)| Said::Stuck { step, error: error.into() }),
    ];
    prop_oneof![3 => of_order.boxed(), 3 => of_step.boxed(), 1 => fact()].boxed()
}

fn line() -> BoxedStrategy<PlanLine> {
    (id(), text(), quantity(), price())
        .prop_map(|(product, name, quantity, unit_price)| PlanLine {
            product_id: ProductId(product),
            sku: SmolStr::new(&name),
            name: SmolStr::new(name),
            quantity,
            unit_price,
        })
        .boxed()
}

/// The payment of the saga with this id: no two sagas were ever given the same one.
#[must_use]
pub fn payment_of(saga: Uuid) -> PaymentId {
    PaymentId(Uuid::from_u128(saga.as_u128() ^ 1 << 40))
}

/// Any plan, whether it adds up or not.
pub fn plan() -> BoxedStrategy<Plan> {
    let whose = (id(), id());
    let coupon = option::of((id(), price()));
    // None mostly, so that amounts add up now and then; or all that there is.
    let points = prop_oneof![2 => Just(Money::ZERO), 2 => price(), 3 => money()];
    let amounts = (price(), points, price());
    let card = option::of(text());
    let extras = btree_map(text(), json(), 0..2);
    (whose, vec(line(), 0..3), coupon, amounts, card, vec(step(), 0..4), extras)
        .prop_map(|((saga, user), lines, coupon, (total, points, card_amount), card, steps, extras)| Plan {
            saga: SagaId(saga),
            user: UserId(user),
            lines,
            coupon: coupon.map(|(id, discount)| PlanCoupon { user_coupon_id: UserCouponId(id), discount }),
            total,
            points,
            card_amount,
            currency: Currency::KRW,
            payment: payment_of(saga),
            card: card.map(|token| CardToken(token.into())),
            steps,
            extras: extras.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        })
        .boxed()
}

/// Any row of a log.
pub fn entry() -> BoxedStrategy<Entry> {
    let event = (domain(), said()).prop_map(|(by, said)| SaidEvent { by, said });
    (id(), time(), trace(), option::of(plan()), vec(event, 0..5))
        .prop_map(|(key, at, trace, plan, events)| Entry {
            v: Entry::VERSION,
            key,
            at,
            trace,
            plan: plan.map(Arc::new),
            events,
        })
        .boxed()
}

/// A dead letter that nobody may have raised.
pub fn letter() -> BoxedStrategy<DeadLetter> {
    let about = (id(), domain(), option::of(id()), option::of(step()));
    let stands = (select(LetterKind::ALL), select(LetterStatus::ALL), int());
    (about, stands, time(), option::of(text()))
        .prop_map(|((id, domain, order_id, step), (kind, status, attempts), at, message)| DeadLetter {
            id: LetterId(id),
            domain,
            order_id,
            step,
            kind,
            error: SmolStr::new_static("what went wrong"),
            attempts,
            first_at: at,
            last_at: at,
            status,
            message: message.map(Into::into),
            note: None,
            handled_by: None,
        })
        .boxed()
}

/// An order's id.
pub fn order_id() -> impl Strategy<Value = OrderId> + Clone {
    id().prop_map(OrderId)
}

/// A user's id.
pub fn user_id() -> impl Strategy<Value = UserId> + Clone {
    id().prop_map(UserId)
}
