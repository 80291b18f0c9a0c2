//! An order that goes well.

use super::Stage;
use super::opening::{Cast, Holdings};
use super::story::amount;
use serde_json::json;

/// Coupon, points and card in one order.
pub(super) async fn happy_order(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let holder = &cast.holders[0];
    stage.story.chapter("An order goes well");
    stage.story.tell(&format!(
        "{} buys two mugs and a tea: a coupon, 7,500 points, and the rest by card.",
        holder.person.name
    ));
    let before = cast.holdings(&api, holder, "MUG").await?;
    let rest = json!({"user_coupon_id": holder.coupon, "points": 7_500, "card_token": "tok_ok"});
    let body = cast.order(&[("MUG", 2), ("TEA", 1)], rest)?;
    let order = api.settled(&holder.person, "happy", &body).await?;
    let after = cast.holdings(&api, holder, "MUG").await?;
    stage.story.timeline(&api.timeline(&stage.admin, &order).await?);
    stage.story.expect("the order is", order.outcome(), "CONFIRMED");
    let done = order.steps.iter().filter(|step| step.status == "DONE").count();
    stage.story.expect("steps done: stock, coupon, points, payment", done, 4);
    let bill = format!("{} − {}", amount(order.total), amount(order.discount));
    let paid = format!("{} points + {} card", amount(order.points_used), amount(order.card_amount));
    stage.story.expect(
        &format!("{bill} = {paid}"),
        order.total - order.discount,
        order.points_used + order.card_amount,
    );
    stage.story.table(&["before", "after"], &Holdings::rows(&[&before, &after]));
    let taken = format!("{}, {}, USED", amount(before.stock - 2), amount(before.points - 7_500));
    stage.story.expect("stock of mugs, points, coupon", after.shown(), taken);
    let charges = api.pg_charges(order.id).await?;
    let charged: Vec<String> =
        charges.iter().map(|charge| format!("{} {}", charge.status, amount(charge.amount))).collect();
    let expected = format!("APPROVED {}", amount(order.card_amount));
    stage.story.expect("the payment gateway's book", charged.join(", "), expected);
    Ok(())
}
