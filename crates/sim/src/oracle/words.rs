//! What a breach is told in: orders, payments and the like as people read them.

use super::breach::{id, or_none};
use super::orders::Terms;
use crate::clients::{Amount, Ask, Caller, Change, Delivery, Id, Line, Order, Payment, Points, Show};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Several things in one line.
pub(super) fn list<T: Display>(things: impl IntoIterator<Item = T>) -> String {
    let things: Vec<String> = things.into_iter().map(|thing| thing.to_string()).collect();
    if things.is_empty() { "nothing".to_owned() } else { things.join(", ") }
}

pub(super) fn lines(lines: &[Line]) -> String {
    let line = |line: &Line| format!("{} of {} at {}", line.quantity, id(line.product), line.unit_price);
    list(lines.iter().map(line))
}

pub(super) fn wanted(lines: &BTreeMap<Id, Amount>) -> String {
    list(lines.iter().map(|(product, quantity)| format!("{quantity} of {}", id(*product))))
}

pub(super) fn terms(terms: Terms) -> String {
    let Terms { discount, points_used, card_amount, coupon, payment } = terms;
    let (coupon, payment) = (or_none(coupon.map(id)), or_none(payment.map(id)));
    format!("{discount} off by coupon {coupon}, {points_used} points, {card_amount} by card under {payment}")
}

pub(super) fn payment(payment: Payment) -> String {
    let points = match payment.points {
        Points::Amount(amount) => format!("{amount} points"),
        Points::All => "all points".to_owned(),
    };
    let card = payment.card.map(|card| format!("a card that is {card:?}"));
    format!("coupon {}, {points} and {}", or_none(payment.coupon.map(id)), or_none(card))
}

pub(super) fn payments(payments: impl IntoIterator<Item = Payment>) -> String {
    list(payments.into_iter().map(payment))
}

pub(super) fn order(order: &Order) -> String {
    let why = order.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    let steps = list(order.steps.iter().map(|step| format!("{} {}", step.name, step.status)));
    let (lines, terms) = (lines(&order.lines), terms(Terms::of(order)));
    let user = id(order.user);
    format!("{}{why} of user {user}: {lines}, total {}, {terms}, steps: {steps}", order.status, order.total)
}

pub(super) fn delivery(delivery: &Delivery) -> String {
    let Delivery { word, reason, total, discount, points_used, card_amount, .. } = delivery;
    let (of, user, lines) = (id(delivery.order), id(delivery.user), lines(&delivery.lines));
    let why = or_none(reason.as_ref());
    format!(
        "{word} of order {of} of user {user} for {why}: {lines}, total {total}, {discount} off, {points_used} points, \
         {card_amount} by card"
    )
}

pub(super) fn change(change: &Change) -> String {
    let Change { kind, amount, balance, order, reason, .. } = change;
    let (order, reason) = (or_none(order.map(id)), or_none(reason.as_ref()));
    format!("{kind:?} {amount} to {balance}, by order {order}, for {reason}")
}

pub(super) fn caller(caller: Caller) -> String {
    match caller {
        Caller::Anyone => "anyone".to_owned(),
        Caller::Admin => "the administrator".to_owned(),
        Caller::Customer(user) => format!("user {}", id(user)),
    }
}

/// A request, shortly.
pub(super) fn ask(ask: &Ask) -> String {
    match ask {
        Ask::SignUp { email } => format!("the sign-up of {email}"),
        Ask::SetSuspended { user, suspended } => {
            format!("the {} of user {}", if *suspended { "suspension" } else { "re-activation" }, id(*user))
        }
        Ask::AdjustPoints { user, adjust, .. } => {
            format!("the grant of {adjust} points to user {}", id(*user))
        }
        Ask::CreateProduct { sku, .. } => format!("the making of {sku}"),
        Ask::SetPrice { product, price } => format!("the price of {price} for product {}", id(*product)),
        Ask::AdjustStock { product, adjust } => {
            format!("the adjustment by {adjust} of product {}", id(*product))
        }
        Ask::CreateCampaign(terms) => format!("the making of {}", terms.name),
        Ask::PatchCampaign { campaign, .. } => format!("the change of campaign {}", id(*campaign)),
        Ask::TakeCoupon { campaign } => format!("the taking of a coupon of campaign {}", id(*campaign)),
        Ask::Place { key, .. } => format!("the placing of an order under {key}"),
        Ask::Pay { order, key, .. } => format!("the payment of order {} under {key}", id(*order)),
        Ask::Cancel { order } => format!("the cancel of order {}", id(*order)),
        Ask::TopUp { key, .. } => format!("the top-up under {key}"),
        Ask::Fulfil { order } => format!("the shipment of order {}", id(*order)),
        Ask::Redrive { letter } => format!("the redrive of letter {}", id(*letter)),
        Ask::Show(what) => show(*what),
    }
}

/// What is looked at.
pub(super) fn show(show: Show) -> String {
    match show {
        Show::Order(order) => format!("a look at order {}", id(order)),
        Show::Orders(_) => "a look at the customer's orders".to_owned(),
        Show::AllOrders(_) => "a look at all orders".to_owned(),
        Show::Product(product) => format!("a look at product {}", id(product)),
        Show::Balance => "a look at the balance".to_owned(),
        Show::History(_) => "a look at the points history".to_owned(),
        Show::TopUp(top_up) => format!("a look at top-up {}", id(top_up)),
        Show::Campaigns(_) => "a look at the campaigns".to_owned(),
        Show::Coupons(_) => "a look at the customer's coupons".to_owned(),
        Show::BestSellers => "a look at the best sellers".to_owned(),
        Show::OpenLetters(_) => "a look at the dead letters".to_owned(),
    }
}
