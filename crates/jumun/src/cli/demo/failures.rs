//! Orders that fail or are cancelled: each gives back what it took.

use super::Stage;
use super::api::{Api, Charge, Order};
use super::opening::{Cast, Holder, Holdings, points};
use super::story::amount;
use anyhow::{Context, bail};
use futures::future::try_join;
use serde_json::{Value, json};

/// One line can be had, the other cannot.
pub(super) async fn out_of_stock(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let buyer = &cast.holders[0].person;
    stage.story.chapter("Out of stock: all lines or none");
    stage
        .story
        .tell(&format!("{} orders a tea, of which there is plenty, and 4 of the 3 kettles.", buyer.name));
    let before = cast.stock(&api, buyer, "TEA").await?;
    let body = cast.order(&[("TEA", 1), ("KETTLE", 4)], json!({"card_token": "tok_ok"}))?;
    let order = api.settled(buyer, "too-many-kettles", &body).await?;
    stage.story.flow(&api.timeline(&stage.admin, &order).await?);
    stage.story.expect("the order is", order.outcome(), "FAILED OUT_OF_STOCK");
    stage.story.expect("kettles left", cast.stock(&api, buyer, "KETTLE").await?, 3);
    stage.story.expect("teas left, as before", cast.stock(&api, buyer, "TEA").await?, before);
    // Where steps run side by side the card may have been charged meanwhile; then it was given back.
    let charges = api.pg_charges(order.id).await?;
    stage.story.expect("money that the PG holds for it", charged(&charges), 0);
    Ok(())
}

/// Two orders, points for one.
pub(super) async fn same_points_twice(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let buyer = cast.others.first().context("nobody is without a coupon")?;
    stage.story.chapter("The same points in two orders at once");
    let had = points(&api, buyer).await?;
    stage.story.tell(&format!("{} spends all {} points twice, at the same moment.", buyer.name, amount(had)));
    let body = cast.order(&[("TRAY", 1)], json!({"points": had, "card_token": "tok_ok"}))?;
    let orders =
        try_join(api.settled(buyer, "points-a", &body), api.settled(buyer, "points-b", &body)).await?;
    one_wins(stage, orders, "FAILED POINTS_SHORT").await?;
    stage.story.expect("points left", points(&api, buyer).await?, 0);
    Ok(())
}

/// Two orders, one coupon.
pub(super) async fn same_coupon_twice(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let holder = &cast.holders[1];
    stage.story.chapter("The same coupon in two orders at once");
    stage.story.tell(&format!("{} uses one coupon for two mugs, ordered apart.", holder.person.name));
    let before = cast.holdings(&api, holder, "MUG").await?;
    let rest = json!({"user_coupon_id": holder.coupon, "card_token": "tok_ok"});
    let body = cast.order(&[("MUG", 1)], rest)?;
    let orders = try_join(
        api.settled(&holder.person, "coupon-a", &body),
        api.settled(&holder.person, "coupon-b", &body),
    )
    .await?;
    one_wins(stage, orders, "FAILED COUPON_INVALID").await?;
    let after = cast.holdings(&api, holder, "MUG").await?;
    stage.story.expect("mugs sold", before.stock - after.stock, 1);
    stage.story.expect("the coupon is", after.coupon, "USED");
    Ok(())
}

/// Three steps are done when the fourth is refused.
pub(super) async fn card_declined(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let holder = &cast.holders[2];
    stage.story.chapter("A declined card: what was taken is given back");
    stage.story.tell(&format!(
        "{} buys a kettle with a coupon, 10,000 points and a card that the payment gateway declines.",
        holder.person.name
    ));
    let before = cast.holdings(&api, holder, "KETTLE").await?;
    let order = api.settled(&holder.person, "declined", &kettle(cast, holder, "tok_decline")?).await?;
    let after = cast.holdings(&api, holder, "KETTLE").await?;
    let events = api.timeline(&stage.admin, &order).await?;
    stage.story.flow(&events);
    stage.story.expect("the order is", order.outcome(), "FAILED PAYMENT_DECLINED");
    let given_back = ["stock.compensated", "coupon.compensated", "point.compensated"]
        .iter()
        .filter(|kind| events.iter().any(|event| event.kind == **kind))
        .count();
    stage.story.expect("steps compensated: stock, coupon, points", given_back, 3);
    stage.story.table(&["before", "after"], &Holdings::rows(&[&before, &after]));
    stage.story.expect("stock of kettles, points, coupon: as before", after.shown(), before.shown());
    Ok(())
}

/// The gateway charges and never answers.
pub(super) async fn outcome_unknown(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let buyer = &cast.holders[0].person;
    stage.story.chapter("A timeout after charging: neither success nor failure");
    stage.story.tell(&format!(
        "The payment gateway charges {}'s card and leaves the call hanging. Nobody guesses: the gateway is asked until the \
         outcome is known, and charged no second time. Its webhook, or else the timeout, is only a reason to ask.",
        buyer.name
    ));
    let body = cast.order(&[("TEA", 2)], json!({"card_token": "tok_timeout_charged"}))?;
    let order = api.settled(buyer, "timeout", &body).await?;
    stage.story.timeline(&api.timeline(&stage.admin, &order).await?);
    stage.story.expect("the order is", order.outcome(), "CONFIRMED");
    let charges = api.pg_charges(order.id).await?;
    stage.story.expect("charges in the PG's book", charges.len(), 1);
    stage.story.expect("charged in all", charged(&charges), order.card_amount);
    Ok(())
}

/// The same purchase as the declined one, with the coupon that came back: confirmed, then cancelled.
pub(super) async fn cancelled(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let holder = &cast.holders[2];
    stage.story.chapter("A confirmed order is cancelled: everything back");
    stage.story.tell(&format!(
        "{} tries again with a good card, the same points and the coupon that came back; then changes plans.",
        holder.person.name
    ));
    let before = cast.holdings(&api, holder, "KETTLE").await?;
    let order = api.settled(&holder.person, "second-try", &kettle(cast, holder, "tok_ok")?).await?;
    stage.story.expect("the order is", order.outcome(), "CONFIRMED");
    let meanwhile = cast.holdings(&api, holder, "KETTLE").await?;
    let order = cancel(&api, holder, &order).await?;
    let after = cast.holdings(&api, holder, "KETTLE").await?;
    stage.story.flow(&api.timeline(&stage.admin, &order).await?);
    stage.story.table(&["before", "confirmed", "cancelled"], &Holdings::rows(&[&before, &meanwhile, &after]));
    stage.story.expect("after the cancel the order is", order.status, "CANCELLED");
    stage.story.expect("stock of kettles, points, coupon: as before", after.shown(), before.shown());
    let charges = api.pg_charges(order.id).await?;
    stage.story.expect("charges in the PG's book, given back", charges.len(), 1);
    stage.story.expect("money that the PG still holds for it", charged(&charges), 0);
    Ok(())
}

/// A kettle with coupon, points and card.
fn kettle(cast: &Cast, holder: &Holder, card: &str) -> anyhow::Result<Value> {
    let rest = json!({"user_coupon_id": holder.coupon, "points": 10_000, "card_token": card});
    cast.order(&[("KETTLE", 1)], rest)
}

async fn cancel(api: &Api, holder: &Holder, order: &Order) -> anyhow::Result<Order> {
    match api.ask(&holder.person, &format!("/v1/orders/{}/cancel", order.id)).await? {
        Ok(order) => Ok(order),
        Err(problem) => bail!("the cancel was refused: {} {}", problem.status, problem.code),
    }
}

/// What the PG holds of these charges.
fn charged(charges: &[Charge]) -> i64 {
    charges.iter().filter(|charge| charge.status == "APPROVED").map(|charge| charge.amount).sum()
}

/// Of two orders at once one is confirmed; the other fails as `lost` says.
async fn one_wins(stage: &mut Stage<'_>, (a, b): (Order, Order), lost: &str) -> anyhow::Result<()> {
    let (winner, loser) = if a.status == "CONFIRMED" { (a, b) } else { (b, a) };
    let events = stage.api().timeline(&stage.admin, &loser).await?;
    stage.story.flow(&events);
    stage.story.expect("one of the two is", winner.outcome(), "CONFIRMED");
    stage.story.expect("the other is", loser.outcome(), lost.to_owned());
    // Which comes first, the loser's quote or the winner's step, is left to the race.
    let step = events.iter().find(|event| event.is_refusal());
    let place = step.map_or("its quote", |event| event.kind.trim_end_matches(".refused"));
    stage.story.note("refused at", place);
    Ok(())
}
