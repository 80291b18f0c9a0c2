//! Coupons: no more are given out than there are, one to a user, and each is used by one order at most.

use coupon::{
    Coupon, CouponHolder, CouponStatus, Coupons, CreateCoupon, Discount, IssueCoupon, PatchCoupon,
    UserCoupon, UserCouponStatus,
};
use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{PRICE, START, id, int, money, nth, price, said, text, time, user_id};
use kernel::ids::{CouponId, UserId};
use kernel::participation::{Inbox, InboxState};
use kernel::testbed::Testbed;
use kernel::{DecideError, Money, Timestamp};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Asked {
    Create(CreateCoupon),
    Patch(PatchCoupon),
    Issue(IssueCoupon),
}

fn discount() -> impl Strategy<Value = Discount> {
    let fixed = price().prop_map(|amount| Discount::Fixed { amount });
    let percent = (any::<u8>(), option::of(money()))
        .prop_map(|(percent, max_amount)| Discount::Percent { percent, max_amount });
    prop_oneof![4 => fixed, 1 => percent]
}

fn asked() -> impl Strategy<Value = Asked> {
    let terms = (discount(), int(), option::weighted(0.2, money()), time(), time());
    let create = (text(), terms, user_id()).prop_map(
        |(name, (discount, quantity, min_order_amount, valid_from, valid_until), by)| {
            let name = name.into();
            Asked::Create(CreateCoupon {
                name,
                discount,
                quantity,
                min_order_amount,
                valid_from,
                valid_until,
                by,
            })
        },
    );
    let changes = (option::of(text()), option::of(int()), option::of(time()));
    let status = option::of(select(CouponStatus::ALL));
    let patch = (id(), changes, status, option::weighted(0.2, int()), user_id(), option::of(text()))
        .prop_map(|(id, (name, quantity, valid_until), status, expected_version, by, reason)| {
            let (id, name) = (CouponId(id), name.map(Into::into));
            Asked::Patch(PatchCoupon {
                id,
                name,
                quantity,
                status,
                valid_until,
                expected_version,
                by,
                reason,
            })
        });
    let issue = (1_u64..4, user_id())
        .prop_map(|(coupon, user)| Asked::Issue(IssueCoupon { coupon: CouponId(nth(coupon)), user }));
    prop_oneof![1 => create, 1 => patch, 5 => issue]
}

#[derive(Clone)]
struct Campaigns;

impl Subject for Campaigns {
    type Domain = Coupons;
    type Command = Asked;

    fn send(
        &mut self,
        bed: &mut Testbed<Coupons>,
        command: &Asked,
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        Ok(match command.clone() {
            Asked::Create(command) => bed.ask(command).map(drop),
            Asked::Patch(command) => bed.ask(command).map(drop),
            Asked::Issue(command) => bed.ask(command).map(drop),
        })
    }

    fn check(&mut self, bed: &Testbed<Coupons>) -> Result<(), TestCaseError> {
        reads::<_, Coupon>(bed)?;
        reads::<_, UserCoupon>(bed)?;
        let (held, holders) = (bed.all::<UserCoupon>(), bed.all::<CouponHolder>());
        prop_assert_eq!(held.len(), holders.len());
        let owners: BTreeSet<_> = held.iter().map(|coupon| (coupon.coupon_id, coupon.user_id)).collect();
        prop_assert_eq!(owners.len(), held.len(), "one to a user");
        for campaign in bed.all::<Coupon>() {
            let given = held.iter().filter(|coupon| coupon.coupon_id == campaign.id).count();
            prop_assert_eq!(i64::try_from(given).unwrap(), campaign.issued);
            prop_assert!(campaign.issued <= campaign.quantity);
        }
        let books = bed.books().unwrap();
        let done = bed.all::<Inbox>().into_iter().filter(|inbox| inbox.state == InboxState::Done);
        let done: BTreeSet<_> = done.map(|inbox| inbox.saga.0).collect();
        for coupon in held {
            let used = coupon.status == UserCouponStatus::Used;
            let moved = books.get(format!("user_coupon:{}", coupon.id).as_str()).copied().unwrap_or(0);
            prop_assert_eq!(moved, -i64::from(used), "used by one order, or by none");
            prop_assert_eq!(coupon.order_id.is_some(), used);
            prop_assert!(coupon.order_id.is_none_or(|order| done.contains(&order.0)));
            prop_assert_eq!(coupon.expires_at.is_some(), coupon.status == UserCouponStatus::Issued);
        }
        Ok(())
    }
}

fn bed() -> Testbed<Coupons> {
    let mut bed = Testbed::new(Coupons, START);
    for quantity in [1, 3, 100] {
        let command = CreateCoupon {
            name: "campaign".into(),
            discount: Discount::Fixed { amount: Money::new(PRICE).unwrap() },
            quantity,
            min_order_amount: None,
            valid_from: Timestamp(START.0 - 1_000),
            valid_until: Timestamp(START.0 + 3_000_000),
            by: UserId(nth(1)),
        };
        bed.ask(command).unwrap().unwrap();
    }
    // The coupons that plans name by the next ids.
    for n in 1..6 {
        bed.ask(IssueCoupon { coupon: CouponId(nth(3)), user: UserId(nth(n)) }).unwrap().unwrap();
    }
    bed
}

proptest! {
    #[test]
    fn coupons_are_counted_whatever_comes(script in script(asked(), said())) {
        play(&mut Campaigns, &mut bed(), &script)?;
    }

    #[test]
    fn no_discount_is_more_than_the_total_or_below_nothing(discount in discount(), total in money()) {
        if let Some(off) = discount.off(total) {
            prop_assert!(off <= total, "{:?} of {}", discount, total);
        }
    }
}
