//! Small untruths, each told once, each found by the one check that is there for it.

use super::run::{Lie, is_closing, is_found};
use crate::clients::{Answer, Ask, Caller, ChangeKind, Status};

/// A lie that is told once is found, with these words.
fn told(words: &str, lie: Lie) {
    is_found(lie, |breach| breach.to_string().contains(words));
}

#[test]
fn about_orders() {
    told("the order of an answer should be", |request, answer| match answer {
        Answer::Order(order) if is_closing(request) => {
            order.id += 1 << 90;
            true
        }
        _ => false,
    });
    told(", shown to user", |request, answer| match answer {
        Answer::Order(order) if matches!(request.from, Caller::Customer(_)) => {
            order.user += 1;
            true
        }
        _ => false,
    });
    told("the customer of order", |request, answer| match answer {
        Answer::Order(order) if is_closing(request) => {
            order.user += 1;
            true
        }
        _ => false,
    });
    told("an order in the list of user", |request, answer| match answer {
        Answer::Orders(listed) if request.from != Caller::Admin && !listed.items.is_empty() => {
            listed.items[0].user += 1;
            true
        }
        _ => false,
    });
    told("the plan of order", |request, answer| match answer {
        Answer::Order(order) if is_closing(request) && order.status == Status::Confirmed => {
            order.steps[0].name = "gift".to_owned();
            true
        }
        _ => false,
    });
    told("the total of order", |_, answer| match answer {
        Answer::Order(order) => {
            (order.total, order.card_amount) = (order.total + 1, order.card_amount + 1);
            true
        }
        _ => false,
    });
    told("the reason of order", |_, answer| match answer {
        Answer::Order(order) => order.reason.take().is_some(),
        _ => false,
    });
}

#[test]
fn about_payments() {
    told("what was paid should be", |request, answer| match answer {
        Answer::Order(order) if matches!(request.ask, Ask::Pay { .. }) => {
            order.id += 1 << 90;
            true
        }
        _ => false,
    });
    told("whose payment was taken should be", |request, answer| match answer {
        Answer::Order(order) if matches!(request.ask, Ask::Pay { .. }) => {
            (order.status, order.payment) = (Status::Created, None);
            (order.reason, order.steps) = (None, Vec::new());
            true
        }
        _ => false,
    });
    told("a top-up should be made, but is refused", |request, answer| {
        let lies = matches!(request.ask, Ask::TopUp { .. });
        if lies {
            *answer = Answer::refused(422, "AMOUNT_INVALID");
        }
        lies
    });
}

#[test]
fn about_products() {
    told("the new product SKU", |_, answer| match answer {
        Answer::Product(product) => {
            product.price += 1;
            true
        }
        _ => false,
    });
    told("should be SKU-", |request, answer| match answer {
        Answer::Product(product) if is_closing(request) => {
            product.sku = "MUG".to_owned();
            true
        }
        _ => false,
    });
    told("the price of SKU", |request, answer| match answer {
        Answer::Product(product) if is_closing(request) => {
            product.price += 1;
            true
        }
        _ => false,
    });
    told("an adjustment by", |request, answer| {
        let lies = matches!(request.ask, Ask::AdjustStock { adjust, .. } if adjust > 0);
        if lies {
            *answer = Answer::refused(409, "STOCK_WOULD_BE_NEGATIVE");
        }
        lies
    });
    told("best first, each once", |_, answer| match answer {
        Answer::BestSellers(sold) => {
            sold.reverse();
            sold.len() > 1
        }
        _ => false,
    });
}

#[test]
fn about_users() {
    told("a grant of", |request, answer| {
        let lies = matches!(request.ask, Ask::AdjustPoints { adjust, .. } if adjust > 0);
        if lies {
            *answer = Answer::refused(409, "POINTS_WOULD_BE_NEGATIVE");
        }
        lies
    });
    told("a grant that was asked for and not refused", |request, answer| match answer {
        Answer::History(listed) if is_closing(request) => {
            let granted = listed.items.iter_mut().find(|change| change.kind == ChangeKind::Granted);
            granted.is_some_and(|change| change.reason.replace("no reason".to_owned()).is_some())
        }
        _ => false,
    });
    told("the points of an order of this user", |request, answer| match answer {
        Answer::History(listed) if is_closing(request) => {
            let used = listed.items.iter_mut().find(|change| change.kind == ChangeKind::Used);
            used.is_some_and(|change| change.order.take().is_some())
        }
        _ => false,
    });
}

#[test]
fn about_campaigns() {
    told("a change of campaign", |request, answer| {
        let lies = matches!(request.ask, Ask::PatchCampaign { stopped: Some(_), .. });
        if lies {
            *answer = Answer::refused(409, "QUANTITY_BELOW_ISSUED");
        }
        lies
    });
    told("should be of campaign", |_, answer| match answer {
        Answer::Coupon(coupon) => {
            coupon.campaign += 1;
            true
        }
        _ => false,
    });
    told("should be Terms", |request, answer| match answer {
        Answer::Campaigns(listed) if is_closing(request) => {
            listed.items[0].terms.closes += 1;
            true
        }
        _ => false,
    });
    told("in all, open unless stopped", |request, answer| match answer {
        Answer::Campaigns(listed) if is_closing(request) => {
            listed.items[0].terms.quantity += 1_000;
            true
        }
        _ => false,
    });
    told("should be listed, but is not listed", |request, answer| match answer {
        Answer::Campaigns(listed) if is_closing(request) => {
            listed.items.clear();
            true
        }
        _ => false,
    });
}

#[test]
fn about_coupons() {
    told("and user 00000000", |request, answer| match answer {
        Answer::Coupons(listed) if is_closing(request) && !listed.items.is_empty() => {
            listed.items[0].campaign += 1;
            true
        }
        _ => false,
    });
}
