//! `kill -9` in the middle of a burst: nothing acknowledged is lost, nothing is done twice.

use super::Stage;
use super::api::{Answer, Api, Order, Person};
use super::opening::Cast;
use super::process::Serving;
use anyhow::{Context, bail};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;
use uuid::Uuid;

const BURST: usize = 60;
/// How many orders are under way at once.
const AT_ONCE: usize = 20;
/// After how many answers the server is killed.
const KILL_AFTER: usize = 20;

/// Kills the server, starts it on the same data, and sends again what got no answer, under the same keys.
pub(super) async fn kill_in_a_burst(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    stage.story.chapter("kill -9 in the middle of 60 orders");
    let buyer = cast.others.last().context("nobody is without a coupon")?;
    let body = cast.order(&[("TRAY", 1)], json!({"card_token": "tok_ok"}))?;
    let stock = cast.stock(stage.api(), &stage.admin, "TRAY").await?;
    stage.story.tell(&format!(
        "{} sends {BURST} orders of one tray, {AT_ONCE} under way at a time, each with an Idempotency-Key of its own. After \
         {KILL_AFTER} answers the server gets SIGKILL. It starts again on the same data, and every order is sent again \
         with its key.",
        buyer.name
    ));
    let answered = burst_until_killed(&mut stage.server, buyer, &body).await?;
    let unanswered: Vec<usize> = (0..BURST).filter(|order| !answered.contains_key(order)).collect();
    stage.story.note("answered before the kill", answered.len());
    stage.story.note("without an answer", unanswered.len());
    let began = Instant::now();
    stage.server = Serving::start(stage.home).await?;
    stage.story.note("up again after", format!("{} ms", began.elapsed().as_millis()));
    let again = send_again(stage.api(), buyer, &body, &unanswered).await?;
    let survived = again.iter().filter(|answer| answer.replayed).count();
    stage.story.note("  of these, made before the kill all the same", survived);
    stage.story.note("  of these, made now", again.len() - survived);
    let known: Vec<usize> = answered.keys().copied().collect();
    let kept = send_again(stage.api(), buyer, &body, &known).await?;
    let same = |(answer, id): &(&Answer, &Uuid)| answer.replayed && answer.order.id == **id;
    let same = kept.iter().zip(answered.values()).filter(same).count();
    stage.story.expect("answered before: the same order for its key", same, answered.len());
    let orders: Vec<Order> = again.into_iter().chain(kept).map(|answer| answer.order).collect();
    check(stage, cast, buyer, &orders, stock).await
}

fn key(order: usize) -> String {
    format!("burst-{order}")
}

/// Posts the burst and kills the server in its middle; returns what was answered.
async fn burst_until_killed(
    server: &mut Serving,
    buyer: &Person,
    body: &Value,
) -> anyhow::Result<BTreeMap<usize, Uuid>> {
    let api = server.api.clone();
    let post = |order: usize| {
        let api = api.clone();
        async move { (order, api.order(buyer, &key(order), body).await) }
    };
    let mut answers = stream::iter(0..BURST).map(post).buffer_unordered(AT_ONCE);
    let mut answered = BTreeMap::new();
    while let Some((order, answer)) = answers.next().await {
        match answer {
            Ok(Ok(answer)) => {
                answered.insert(order, answer.order.id);
                if answered.len() == KILL_AFTER {
                    server.kill()?;
                }
            }
            Ok(Err(problem)) => bail!("order {order} of the burst was refused: {}", problem.code),
            // No answer: what became of it is not known to the client.
            Err(_) => {}
        }
    }
    Ok(answered)
}

/// Sends `orders` again; returns the answers in their order.
async fn send_again(
    api: &Api,
    buyer: &Person,
    body: &Value,
    orders: &[usize],
) -> anyhow::Result<Vec<Answer>> {
    let post = |order: usize| async move {
        match api.order(buyer, &key(order), body).await? {
            Ok(answer) => anyhow::Ok(answer),
            Err(problem) => bail!("order {order}, sent again, was refused: {}", problem.code),
        }
    };
    stream::iter(orders.iter().copied()).map(post).buffered(AT_ONCE).try_collect().await
}

/// None lost, none doubled: by the order list, the stock, and the PG's book.
async fn check(
    stage: &mut Stage<'_>,
    cast: &Cast,
    buyer: &Person,
    orders: &[Order],
    stock: i64,
) -> anyhow::Result<()> {
    let api = stage.api().clone();
    let confirmed = orders.iter().filter(|order| order.status == "CONFIRMED").count();
    stage.story.expect("orders CONFIRMED", confirmed, BURST);
    let ids: BTreeSet<Uuid> = orders.iter().map(|order| order.id).collect();
    let listed: Vec<Order> = api.all(buyer, "/v1/orders").await?;
    let listed: BTreeSet<Uuid> =
        listed.iter().filter(|order| is_of_the_burst(order)).map(|order| order.id).collect();
    stage.story.expect(
        "lost: orders that answer a key and are not listed",
        ids.difference(&listed).count(),
        0,
    );
    stage.story.expect("doubled: orders listed that answer no key", listed.difference(&ids).count(), 0);
    stage.story.expect("orders listed", listed.len(), BURST);
    let sold = stock - cast.stock(&api, &stage.admin, "TRAY").await?;
    stage.story.expect("trays taken from stock", sold, i64::try_from(BURST)?);
    let book = api.pg_book().await?;
    let ids: BTreeSet<String> = ids.iter().map(Uuid::to_string).collect();
    let charges = book.iter().filter(|charge| charge.status == "APPROVED" && ids.contains(&charge.reference));
    stage.story.expect("cards charged", charges.count(), BURST);
    Ok(())
}

/// One tray, all by card: the same customer may have ordered others before.
fn is_of_the_burst(order: &Order) -> bool {
    order.points_used == 0
        && matches!(order.lines.as_slice(), [line] if line.sku == "TRAY" && line.quantity == 1)
}
