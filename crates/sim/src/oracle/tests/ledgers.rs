//! A shop whose books do not agree once it is at rest: found.

use super::run::{Lie, Run, Weather, is_closing, is_found};
use crate::clients::{
    Answer, Ask, Caller, Change, ChangeKind, Coupon, CouponStatus, Mix, Order, Request, TopUpStatus,
};
use crate::oracle::Promise;

/// A lie that is told once is found, as this promise broken.
fn told(promise: Promise, lie: Lie) {
    is_found(lie, |breach| breach.promise == promise);
}

#[test]
fn stock_that_is_one_off() {
    for off in [1, -1] {
        let mut run = Run::new(1, &Mix::of(60), Weather::STORM);
        run.tamper = Box::new(move |request, answer| match answer {
            Answer::Product(product) if is_closing(request) => {
                product.stock += off;
                true
            }
            _ => false,
        });
        run.finish();
        assert!(run.found().contains("the stock of"), "{}", run.found());
    }
}

#[test]
fn a_balance_that_is_not_its_historys() {
    told(Promise::Conservation, |request, answer| match answer {
        Answer::Balance(balance) if is_closing(request) => {
            *balance += 1;
            true
        }
        _ => false,
    });
}

/// The history of one user with one more change, and all balances right.
fn with_change(history: &mut Vec<Change>, from: usize, kind: ChangeKind, amount: i64) {
    let copied = Change { id: history[from].id + (1 << 90), kind, amount, ..history[from].clone() };
    history.insert(0, copied);
    let mut balance = 0;
    for change in history.iter_mut().rev() {
        balance += change.amount;
        change.balance = balance;
    }
}

#[test]
fn points_that_move_twice() {
    let moves = [
        (ChangeKind::Refunded, ChangeKind::Refunded, 1),
        (ChangeKind::Used, ChangeKind::Used, 1),
        (ChangeKind::Used, ChangeKind::Refunded, -1),
        (ChangeKind::Granted, ChangeKind::Granted, 1),
        (ChangeKind::ToppedUp, ChangeKind::ToppedUp, 1),
    ];
    for (from, to, sign) in moves {
        let mut run = Run::new(2, &Mix::of(240), Weather::STORM);
        let mut moved = None;
        run.tamper = Box::new(move |request, answer| match answer {
            Answer::History(listed) if is_closing(request) && moved.is_none() && listed.next.is_none() => {
                let place = listed.items.iter().position(|change| change.kind == from);
                let Some(place) = place else { return false };
                let amount = listed.items[place].amount * sign;
                moved = Some((request.from, amount));
                with_change(&mut listed.items, place, to, amount);
                true
            }
            _ => false,
        });
        run.finish();
        assert_eq!(run.tampered, 1, "{from:?} {to:?}");
        let found = run.oracle.breaches().iter().any(|breach| breach.promise == Promise::ExactlyOneEffect);
        assert!(found, "{from:?} {to:?}: {}", run.found());
    }
}

#[test]
fn a_grant_that_was_done_and_is_not_there() {
    told(Promise::ExactlyOneEffect, |request, answer| match answer {
        Answer::History(listed) if is_closing(request) => {
            let before = listed.items.len();
            listed.items.retain(|change| change.kind != ChangeKind::Granted);
            listed.items.len() < before
        }
        _ => false,
    });
}

#[test]
fn a_top_up_that_is_not_what_it_was() {
    told(Promise::AcknowledgedIsDurable, |request, answer| match answer {
        Answer::TopUp(top_up) if is_closing(request) && top_up.status == TopUpStatus::Completed => {
            top_up.status = TopUpStatus::Declined;
            true
        }
        _ => false,
    });
    told(Promise::ChargedOnce, |request, answer| match (answer, &request.ask) {
        (Answer::TopUp(top_up), Ask::TopUp { card, .. }) if !card.can_be_charged() => {
            top_up.status = TopUpStatus::Completed;
            true
        }
        _ => false,
    });
    told(Promise::AnsweredOnce, |request, answer| match answer {
        Answer::TopUp(top_up) if matches!(request.ask, Ask::TopUp { .. }) => {
            top_up.amount += 1;
            true
        }
        _ => false,
    });
}

fn some_coupon(request: &Request, answer: &mut Answer, lie: fn(&mut Coupon) -> bool) -> bool {
    match answer {
        Answer::Coupons(listed) if is_closing(request) => listed.items.iter_mut().any(lie),
        _ => false,
    }
}

#[test]
fn a_coupon_that_is_used_by_nobody() {
    told(Promise::Conservation, |request, answer| {
        some_coupon(request, answer, |coupon| {
            let lies = coupon.status == CouponStatus::Issued;
            (coupon.status, coupon.order) = (CouponStatus::Used, Some(5));
            lies
        })
    });
}

#[test]
fn a_coupon_that_is_free_again_while_its_order_stands() {
    told(Promise::Conservation, |request, answer| {
        some_coupon(request, answer, |coupon| {
            let lies = coupon.status == CouponStatus::Used;
            (coupon.status, coupon.order) = (CouponStatus::Issued, None);
            lies
        })
    });
}

#[test]
fn a_coupon_that_is_over_too_soon() {
    told(Promise::Conservation, |request, answer| {
        some_coupon(request, answer, |coupon| {
            let lies = coupon.status == CouponStatus::Issued;
            coupon.status = CouponStatus::Expired;
            lies
        })
    });
}

#[test]
fn a_coupon_that_is_gone() {
    told(Promise::AcknowledgedIsDurable, |request, answer| match answer {
        Answer::Coupons(listed) if is_closing(request) => listed.items.pop().is_some(),
        _ => false,
    });
}

#[test]
fn a_campaign_that_counts_wrong() {
    told(Promise::CouponsAreCounted, |request, answer| match answer {
        Answer::Campaigns(listed) if is_closing(request) => {
            listed.items[0].issued -= 1;
            true
        }
        _ => false,
    });
}

#[test]
fn a_list_that_leaves_an_order_out_or_shows_it_twice_or_otherwise() {
    let lies: [fn(&mut Vec<Order>); 3] = [
        |orders| drop(orders.pop()),
        |orders| orders.push(orders[0].clone()),
        |orders| orders.iter_mut().for_each(|order| order.steps.clear()),
    ];
    for lie in lies {
        for by_admin in [true, false] {
            let mut run = Run::new(3, &Mix::of(60), Weather::STORM);
            let mut done = false;
            run.tamper = Box::new(move |request, answer| match answer {
                Answer::Orders(listed)
                    if is_closing(request) && (request.from == Caller::Admin) == by_admin =>
                {
                    if !std::mem::replace(&mut done, !listed.items.is_empty()) && !listed.items.is_empty() {
                        lie(&mut listed.items);
                    }
                    true
                }
                _ => false,
            });
            run.finish();
            let found =
                run.oracle.breaches().iter().any(|breach| breach.promise == Promise::ReadModelsFollow);
            assert!(found, "{}", run.found());
        }
    }
}

#[test]
fn best_sellers_that_count_what_was_cancelled() {
    told(Promise::ReadModelsFollow, |request, answer| match answer {
        Answer::BestSellers(sold) if is_closing(request) => {
            sold[0].1 += 1;
            true
        }
        _ => false,
    });
    told(Promise::ReadModelsFollow, |request, answer| match answer {
        Answer::BestSellers(sold) if is_closing(request) => sold.pop().is_some(),
        _ => false,
    });
}
