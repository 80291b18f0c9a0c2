//! Orders: placed, paid, cancelled, looked at.

use super::caller::{Someone, signed_in};
use super::follow::followed;
use super::lists::chain;
use super::refusals::No;
use super::wait::{Slot, Turn, Wait, ask, reply};
use super::{Sight, render};
use crate::clients::{self, Amount, Answer, Ask, Caller, Id, Listed, Millis, Page};
use kernel::ids::{OrderId, ProductId, UserCouponId, UserId};
use kernel::judge::SagaStatus;
use kernel::plan::CardToken;
use kernel::{Money, topology};
use order::quote::{MOST_PIECES, Payment, Points};
use order::{Born, CancelOrder, KeyHash, Order};
use read_model::OrderView;
use runtime::watch::Watching;
use runtime::{CommandError, Watch};
use sha2::{Digest, Sha256};
use shop::poll::{LIMIT, Poll};
use shop::quoter;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// Places an order.
pub(super) fn place(
    sight: &Sight<'_>,
    from: Caller,
    asked: &Ask,
    lines: &[(Id, Amount)],
    payment: Option<&clients::Payment>,
) -> Result<Turn, No> {
    let someone = signed_in(sight, from)?;
    let key = hashes(someone.id, asked)?;
    // As the body's own field: the quote would say it of all lines at once.
    if lines.iter().any(|(_, quantity)| !(1..=MOST_PIECES).contains(quantity)) {
        return Err(No::invalid());
    }
    let place = quoter::Ask::Place {
        user: someone.id,
        lines: lines
            .iter()
            .map(|(product, quantity)| (ProductId(Uuid::from_u128(*product)), *quantity))
            .collect(),
        payment: payment.map(paid_so).transpose()?,
        extras: BTreeMap::new(),
    };
    quote(sight, place, key)
}

/// Pays an order that was made without.
pub(super) fn pay(
    sight: &Sight<'_>,
    from: Caller,
    asked: &Ask,
    order: Id,
    payment: &clients::Payment,
) -> Result<Turn, No> {
    let someone = signed_in(sight, from)?;
    let key = hashes(someone.id, asked)?;
    let (user, order, payment) = (someone.id, order_id(order), paid_so(payment)?);
    quote(sight, quoter::Ask::Pay { user, order, payment }, key)
}

/// Has the shop quote it, and shows the order that is born.
fn quote(sight: &Sight<'_>, asked: quoter::Ask, (key, body): Hashes) -> Result<Turn, No> {
    let shop = sight.units.shop().ok_or(No::Unavailable)?;
    let key = KeyHash { key: Arc::from(key), body: Arc::from(body) };
    let (slot, fill) = Slot::new();
    shop.quoter().ask(asked, key, sight.trace, fill);
    Ok(reply(slot, |answer: quoter::Answer, sight| {
        let Born { order, .. } = answer??;
        answer_with(sight, order)
    }))
}

/// Cancels an order: the caller's own, or any for an administrator.
pub(super) fn cancel(sight: &Sight<'_>, from: Caller, order: Id) -> Result<Turn, No> {
    let Someone { id, is_admin } = signed_in(sight, from)?;
    let (order, system) = (order_id(order), sight.system("order")?);
    let cancel = CancelOrder { order, customer: (!is_admin).then_some(id) };
    Ok(ask(sight, &system, cancel, move |(), sight| answer_with(sight, order)))
}

/// One order. Where the topology polls, its participants are asked what they did.
pub(super) fn show(sight: &Sight<'_>, from: Caller, order: Id) -> Result<Turn, No> {
    let someone = signed_in(sight, from)?;
    let order = found(sight, order_id(order))?;
    if !someone.owns(order.user_id) {
        return Err(No::not_found());
    }
    let system = sight.system("order")?;
    match Poll::of(&system, &order).and_then(|poll| poll.look(&system)) {
        None => told(&order),
        Some(inquired) => {
            let (slot, fill) = Slot::new();
            system.send(inquired, order.trace, fill);
            let limit = Millis::try_from(LIMIT.as_millis()).unwrap_or(Millis::MAX);
            Ok(Turn::Wait(Box::new(Inquiry { order: order.id, until: sight.now + limit, slot })))
        }
    }
}

/// The caller's orders.
pub(super) fn list(sight: &Sight<'_>, from: Caller, of: Page) -> Result<Turn, No> {
    let user = signed_in(sight, from)?.id;
    followed(sight, "order", "read-model", move |sight| {
        Ok(Turn::Told(Answer::Orders(orders_of(sight, user, of)?)))
    })
}

/// A page of `user`'s orders.
fn orders_of(sight: &Sight<'_>, user: UserId, of: Page) -> Result<Listed<clients::Order>, No> {
    // Where the topology saves an order provisionally, its customer's list shows it from then on.
    chain(sight, user, of, |view: &OrderView| view.unlisted.is_none(), render::view)
}

/// What the participants have said of an order is being judged.
struct Inquiry {
    order: OrderId,
    until: Millis,
    slot: Slot<Result<(), CommandError>>,
}

impl Wait for Inquiry {
    fn poll(&mut self, sight: &Sight<'_>) -> Result<Option<Turn>, No> {
        // In time or not, judged or not, the order is shown as it then is.
        if self.slot.take().is_none() && sight.now < self.until {
            return Ok(None);
        }
        shown(sight, self.order).map(Some)
    }

    fn until(&self) -> Option<Millis> {
        Some(self.until)
    }
}

/// The order as it is now; where the topology answers with settled orders, once it is settled or the patience is over.
fn answer_with(sight: &Sight<'_>, id: OrderId) -> Result<Turn, No> {
    let order = found(sight, id)?;
    // Made and not to be paid yet: that is all that was asked for.
    let is_awaited = order.status != SagaStatus::Created && !order.status.is_settled();
    let answer = sight.system("order")?.topology().answer;
    if is_awaited && answer == topology::Answer::Settled && sight.patience > 0 {
        let settling = Settling { order: id, until: sight.now.saturating_add(sight.patience), ear: None };
        return Ok(Turn::Wait(Box::new(settling)));
    }
    told(&order)
}

/// An order that is to settle. It is looked at again whenever something was said of it.
struct Settling {
    order: OrderId,
    until: Millis,
    ear: Option<Ear>,
}

/// Hears that something was said of an order, in one life of its unit.
struct Ear {
    watch: Arc<Watch>,
    _watching: Watching,
    heard: Arc<AtomicBool>,
}

impl Ear {
    fn of(watch: &Arc<Watch>, order: OrderId) -> Self {
        let heard = Arc::new(AtomicBool::new(true));
        let hears = Arc::clone(&heard);
        let watching = watch.add(order.0, Box::new(move |_, _| hears.store(true, Ordering::Relaxed)));
        Self { watch: Arc::clone(watch), _watching: watching, heard }
    }
}

impl Wait for Settling {
    fn poll(&mut self, sight: &Sight<'_>) -> Result<Option<Turn>, No> {
        let system = sight.system("order")?;
        let order = self.order;
        let ear = self.ear.take().filter(|ear| Arc::ptr_eq(&ear.watch, system.watch()));
        let ear = self.ear.insert(ear.unwrap_or_else(|| Ear::of(system.watch(), order)));
        let is_over = sight.now >= self.until;
        if !ear.heard.swap(false, Ordering::Relaxed) && !is_over {
            return Ok(None);
        }
        let order = found(sight, order)?;
        if is_over || order.status.is_settled() { told(&order).map(Some) } else { Ok(None) }
    }

    fn until(&self) -> Option<Millis> {
        Some(self.until)
    }
}

/// The order as it is now.
pub(super) fn shown(sight: &Sight<'_>, id: OrderId) -> Result<Turn, No> {
    told(&found(sight, id)?)
}

fn found(sight: &Sight<'_>, id: OrderId) -> Result<Order, No> {
    sight.get("order", (id,))?.ok_or_else(No::not_found)
}

fn told(order: &Order) -> Result<Turn, No> {
    Ok(Turn::Told(Answer::Order(Box::new(render::order(order)?))))
}

pub(super) fn order_id(id: Id) -> OrderId {
    OrderId(Uuid::from_u128(id))
}

/// How it is paid.
fn paid_so(payment: &clients::Payment) -> Result<Payment, No> {
    let points = match payment.points {
        clients::Points::All => Points::All,
        clients::Points::Amount(amount) => {
            Points::Amount(money(amount).ok().filter(|amount| !amount.is_negative()).ok_or_else(No::invalid)?)
        }
    };
    let user_coupon_id = payment.coupon.map(|coupon| UserCouponId(Uuid::from_u128(coupon)));
    Ok(Payment { user_coupon_id, points, card: payment.card.map(card_token) })
}

/// The card, as the gateway knows it.
pub(super) fn card_token(card: clients::Card) -> CardToken {
    CardToken(card.token().into())
}

/// An amount, as a body can hold it.
pub(super) fn money(minor: Amount) -> Result<Money, No> {
    Money::new(minor).map_err(|_| No::invalid())
}

/// SHA-256 of who asks for what under which key, and of what is asked.
pub(super) type Hashes = ([u8; 32], [u8; 32]);

/// What is stored of the idempotency key of `asked`, as the HTTP door makes it of header, path and body.
pub(super) fn hashes(user: UserId, asked: &Ask) -> Result<Hashes, No> {
    let (Some(key), Some(route), Some(body)) = (asked.key(), asked.route(), asked.body()) else {
        return Err(No::refused(400, "IDEMPOTENCY_KEY_REQUIRED"));
    };
    let mut scope = Sha256::new();
    scope.update(user.0.as_bytes());
    for part in [route, key.to_string()] {
        // Each part after its length: no two scopes run together into the same bytes.
        scope.update(part.len().to_be_bytes());
        scope.update(part);
    }
    Ok((scope.finalize().into(), Sha256::digest(body).into()))
}
