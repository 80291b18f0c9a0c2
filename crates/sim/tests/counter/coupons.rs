//! Campaigns, and the coupons that users hold.

use crate::world::{ADMIN, World, both, no, order};
use jumun_sim::clients::{
    Answer, Ask, Caller, Campaign, Coupon, CouponStatus, Discount, Id, Page, Payment, Points, Show, Terms,
};

fn terms(world: &World, name: &str, quantity: i64) -> Terms {
    Terms {
        name: name.to_owned(),
        discount: Discount::Fixed(500),
        quantity,
        least_total: None,
        opens: world.now(),
        closes: world.now() + 3_600_000,
    }
}

fn campaign(answer: Answer) -> Campaign {
    match answer {
        Answer::Campaign(campaign) => campaign,
        other => panic!("no campaign: {other:?}"),
    }
}

fn coupon(answer: Answer) -> Coupon {
    match answer {
        Answer::Coupon(coupon) => coupon,
        other => panic!("no coupon: {other:?}"),
    }
}

fn made(world: &mut World, quantity: i64) -> Id {
    let terms = terms(world, "Spring", quantity);
    campaign(world.told(ADMIN, Ask::CreateCampaign(terms))).id
}

#[test]
fn campaigns_are_made_as_asked_for_and_listed_newest_first() {
    for mut world in both() {
        let fixed = Terms { least_total: Some(900), ..terms(&world, "Spring", 3) };
        let percent = Terms { discount: Discount::Percent(10, Some(70)), ..terms(&world, "Autumn", 4) };
        let uncapped = Terms { discount: Discount::Percent(15, None), ..terms(&world, "Winter", 5) };
        let mut listed = Vec::new();
        for terms in [fixed, percent, uncapped] {
            let made = campaign(world.told(ADMIN, Ask::CreateCampaign(terms.clone())));
            assert_eq!(made, Campaign { id: made.id, terms, issued: 0, stopped: false });
            listed.insert(0, made);
        }
        match world.show(Caller::Anyone, Show::Campaigns(Page::FIRST)) {
            Answer::Campaigns(page) => assert_eq!((page.items, page.next), (listed, None)),
            other => panic!("no campaigns: {other:?}"),
        }
        for terms in [
            Terms { quantity: 0, ..terms(&world, "None", 1) },
            Terms { discount: Discount::Fixed(0), ..terms(&world, "Nothing", 1) },
            Terms { discount: Discount::Percent(101, None), ..terms(&world, "More", 1) },
            Terms { closes: 0, ..terms(&world, "Past", 1) },
            Terms { least_total: Some(i64::MIN), ..terms(&world, "Huge", 1) },
        ] {
            assert_eq!(
                world.refused(ADMIN, Ask::CreateCampaign(terms.clone())),
                no(422, "INVALID_FIELD"),
                "{terms:?}"
            );
        }
    }
}

#[test]
fn coupons_are_given_out_one_each_until_there_are_none() {
    for mut world in both() {
        let (kim, lee, park) = (world.customer(0), world.customer(0), world.customer(0));
        let spring = made(&mut world, 1);
        let take = Ask::TakeCoupon { campaign: spring };
        let held = coupon(world.told(kim, take.clone()));
        assert_eq!(held, Coupon { id: held.id, campaign: spring, status: CouponStatus::Issued, order: None });
        assert_eq!(world.refused(kim, take.clone()), no(409, "COUPON_ALREADY_ISSUED"));
        assert_eq!(world.refused(lee, take.clone()), no(409, "COUPON_SOLD_OUT"));
        assert_eq!(world.refused(kim, Ask::TakeCoupon { campaign: 5 }), no(404, "NOT_FOUND"));

        let patch = |quantity, stopped| Ask::PatchCampaign { campaign: spring, quantity, stopped };
        let patched = campaign(world.told(ADMIN, patch(Some(2), None)));
        assert_eq!((patched.terms.quantity, patched.issued, patched.stopped), (2, 1, false));
        world.told(lee, take.clone());
        assert_eq!(world.refused(ADMIN, patch(Some(1), None)), no(409, "QUANTITY_BELOW_ISSUED"));
        assert_eq!(world.refused(ADMIN, patch(Some(0), None)), no(422, "INVALID_FIELD"));
        assert!(campaign(world.told(ADMIN, patch(Some(9), Some(true)))).stopped);
        assert_eq!(world.refused(park, take.clone()), no(409, "COUPON_NOT_OPEN"));
        assert!(!campaign(world.told(ADMIN, patch(None, Some(false)))).stopped);
        world.told(park, take);
        let unknown = Ask::PatchCampaign { campaign: 5, quantity: None, stopped: None };
        assert_eq!(world.refused(ADMIN, unknown), no(404, "NOT_FOUND"));
    }
}

#[test]
fn a_coupon_is_used_by_one_order_and_expires_unused() {
    for mut world in both() {
        let (kim, mug) = (world.customer(9_000), world.product(1_500, 9));
        let (used, kept) = (made(&mut world, 1), made(&mut world, 1));
        let used = coupon(world.told(kim, Ask::TakeCoupon { campaign: used }));
        let kept = coupon(world.told(kim, Ask::TakeCoupon { campaign: kept }));
        let payment = Payment { coupon: Some(used.id), points: Points::All, card: None };
        let place = world.place(mug, 1, Some(payment));
        let order = order(world.told(kim, place));
        assert_eq!((order.total, order.discount, order.points_used), (1_500, 500, 1_000));
        assert_eq!((order.card_amount, order.coupon), (0, Some(used.id)));
        world.run();
        world.pass(3_600_000);
        world.run();
        let held = match world.show(kim, Show::Coupons(Page::FIRST)) {
            Answer::Coupons(listed) => listed.items,
            other => panic!("no coupons: {other:?}"),
        };
        let expired = Coupon { status: CouponStatus::Expired, ..kept };
        assert_eq!(held, [expired, Coupon { status: CouponStatus::Used, order: Some(order.id), ..used }]);
    }
}
