//! Balances, their history, and top-ups.

use super::caller::{admin, signed_in};
use super::lists::chain;
use super::orders::{card_token, hashes, money};
use super::refusals::No;
use super::wait::{Turn, Wait, ask};
use super::{CURRENCY, Sight, render, users};
use crate::clients::{Amount, Answer, Ask, Caller, Card, Id, Millis, Page};
use kernel::ids::ChargeId;
use kernel::{DomainName, topology};
use payment::{Charge, ChargeStatus, TopUp, TopUpReply};
use point::{AdjustPoints, PointEntry, Points};
use runtime::ports::store::Position;
use uuid::Uuid;

/// Grants points, or takes them.
pub(super) fn adjust(
    sight: &Sight<'_>,
    from: Caller,
    user: Id,
    adjust: Amount,
    reason: &str,
) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let adjust = money(adjust)?;
    let user = users::find(sight, user)?.id;
    let command = AdjustPoints { user, adjust, reason: reason.to_owned(), by };
    let told = |points: Points, _: &Sight<'_>| Ok(Turn::Told(Answer::Balance(points.balance.minor())));
    Ok(ask(sight, &*sight.system("point")?, command, told))
}

/// The caller's balance.
pub(super) fn balance(sight: &Sight<'_>, from: Caller) -> Result<Turn, No> {
    let points: Option<Points> = sight.get("point", (signed_in(sight, from)?.id,))?;
    // A user without a row has nothing.
    Ok(Turn::Told(Answer::Balance(points.map_or(0, |points| points.balance.minor()))))
}

/// Every change of the caller's balance.
pub(super) fn history(sight: &Sight<'_>, from: Caller, of: Page) -> Result<Turn, No> {
    let user = signed_in(sight, from)?.id;
    let shown = |entry: &PointEntry| Ok(render::change(entry));
    Ok(Turn::Told(Answer::History(chain(sight, user, of, |_| true, shown)?)))
}

/// Buys points through the payment gateway.
pub(super) fn top_up(
    sight: &Sight<'_>,
    from: Caller,
    asked: &Ask,
    amount: Amount,
    card: Card,
) -> Result<Turn, No> {
    let user = signed_in(sight, from)?.id;
    let (key_hash, body_hash) = hashes(user, asked)?;
    let (amount, card_token) = (money(amount)?, card_token(card));
    let command = TopUp { user, amount, currency: CURRENCY, card_token, key_hash, body_hash };
    let system = sight.system("payment")?;
    Ok(ask(sight, &system, command, |TopUpReply { charge, .. }, sight| answer_with(sight, charge)))
}

/// The top-up as it is now; where the topology answers with settled orders, once it is settled or the patience is over.
fn answer_with(sight: &Sight<'_>, id: ChargeId) -> Result<Turn, No> {
    let charge = found(sight, id)?;
    let answer = sight.system("payment")?.topology().answer;
    if charge.status == ChargeStatus::Pending && answer == topology::Answer::Settled && sight.patience > 0 {
        let until = sight.now.saturating_add(sight.patience);
        return Ok(Turn::Wait(Box::new(Settling { charge: id, until, seen: None })));
    }
    Ok(told(&charge))
}

/// A top-up that is to settle. It is looked at again whenever payments have said something.
struct Settling {
    charge: ChargeId,
    until: Millis,
    seen: Option<Position>,
}

impl Wait for Settling {
    fn poll(&mut self, sight: &Sight<'_>) -> Result<Option<Turn>, No> {
        let system = sight.system("payment")?;
        let home = system.home(&DomainName::of("payment")).ok_or(No::Unavailable)?;
        let (_, head) = home.tail.head();
        let is_over = sight.now >= self.until;
        if self.seen.replace(head) == Some(head) && !is_over {
            return Ok(None);
        }
        let charge = found(sight, self.charge)?;
        Ok((is_over || charge.status != ChargeStatus::Pending).then(|| told(&charge)))
    }

    fn until(&self) -> Option<Millis> {
        Some(self.until)
    }
}

/// One top-up of the caller's.
pub(super) fn show_top_up(sight: &Sight<'_>, from: Caller, charge: Id) -> Result<Turn, No> {
    let user = signed_in(sight, from)?.id;
    let charge = found(sight, ChargeId(Uuid::from_u128(charge)))?;
    if charge.user_id == user { Ok(told(&charge)) } else { Err(No::not_found()) }
}

fn found(sight: &Sight<'_>, id: ChargeId) -> Result<Charge, No> {
    sight.get("payment", (id,))?.ok_or_else(No::not_found)
}

fn told(charge: &Charge) -> Turn {
    Turn::Told(Answer::TopUp(render::top_up(charge)))
}
