mod campaigns;
mod using;

use crate::*;
use kernel::ids::{CouponId, UserId};
use kernel::testbed::{Testbed, bare_plan};
use kernel::{Kind, Money, Plan, Refused, Step, Timestamp, plan::PlanCoupon};
use std::sync::Arc;
use uuid::Uuid;

const OPENS: Timestamp = Timestamp(1_000);
const CLOSES: Timestamp = Timestamp(2_000);

fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

fn won(minor: i64) -> Money {
    Money::new(minor).unwrap()
}

fn fixed(amount: i64) -> Discount {
    Discount::Fixed { amount: won(amount) }
}

fn percent(percent: u8, most: Option<i64>) -> Discount {
    Discount::Percent { percent, max_amount: most.map(won) }
}

fn create(quantity: i64) -> CreateCoupon {
    CreateCoupon {
        name: "Opening".into(),
        discount: fixed(500),
        quantity,
        min_order_amount: None,
        valid_from: OPENS,
        valid_until: CLOSES,
        by: user(9),
    }
}

fn patch(id: CouponId) -> PatchCoupon {
    PatchCoupon {
        id,
        name: None,
        quantity: None,
        status: None,
        valid_until: None,
        expected_version: None,
        by: user(9),
        reason: None,
    }
}

/// A bench, open for issue, with one campaign of `quantity`.
fn bench(quantity: i64) -> (Testbed<Coupons>, CouponId) {
    let mut bench = Testbed::new(Coupons, OPENS);
    let id = bench.ask(create(quantity)).unwrap().unwrap().id;
    (bench, id)
}

/// A bench on which user 1 holds a coupon of `command`'s campaign.
fn holding(command: CreateCoupon) -> (Testbed<Coupons>, UserCoupon) {
    let mut bench = Testbed::new(Coupons, OPENS);
    let coupon = bench.ask(command).unwrap().unwrap().id;
    let held = bench.ask(IssueCoupon { coupon, user: user(1) }).unwrap().unwrap();
    (bench, held)
}

/// Order number `saga` of user 1 over 1,000 won that uses `held`, quoted at `discount`.
fn order(saga: u128, held: &UserCoupon, discount: i64) -> Arc<Plan> {
    let coupon = Some(PlanCoupon { user_coupon_id: held.id, discount: won(discount) });
    Arc::new(Plan { coupon, total: won(1_000), steps: vec![Step::COUPON], ..bare_plan(saga, user(1)) })
}

fn shown<T>(reply: Result<T, Refused>) -> Option<(Kind, &'static str, Option<&'static str>)> {
    reply.err().map(|refused| (refused.kind, refused.code, refused.pointer))
}
