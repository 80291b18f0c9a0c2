//! More customers than pieces.

use super::Stage;
use super::opening::{Cast, sign_up};
use futures::future::try_join_all;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::time::Instant;

const CROWD: usize = 50;
const LAMPS: usize = 10;

/// Everybody wants the limited lamp.
pub(super) async fn rush(stage: &mut Stage<'_>, cast: &Cast) -> anyhow::Result<()> {
    let api = stage.api().clone();
    stage.story.chapter("A rush: 50 customers, 10 lamps");
    let names: Vec<String> = (1..=CROWD).map(|number| format!("Guest{number}")).collect();
    let crowd = sign_up(&api, &names).await?;
    let body = cast.order(&[("LAMP", 1)], json!({"card_token": "tok_ok"}))?;
    stage.story.tell("Fifty more sign up, and each orders one lamp in the same moment.");
    let began = Instant::now();
    let orders = try_join_all(crowd.iter().map(|guest| api.settled(guest, "lamp", &body))).await?;
    stage.story.note("all answered after", format!("{} ms", began.elapsed().as_millis()));
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for order in &orders {
        *outcomes.entry(order.outcome()).or_default() += 1;
    }
    let of = |outcome: &str| outcomes.get(outcome).copied().unwrap_or_default();
    stage.story.expect("CONFIRMED", of("CONFIRMED"), LAMPS);
    stage.story.expect("FAILED OUT_OF_STOCK", of("FAILED OUT_OF_STOCK"), CROWD - LAMPS);
    stage.story.expect("lamps left", cast.stock(&api, &stage.admin, "LAMP").await?, 0);
    let book = api.pg_book().await?;
    let ids: Vec<String> = orders.iter().map(|order| order.id.to_string()).collect();
    let held = book.iter().filter(|charge| charge.status == "APPROVED" && ids.contains(&charge.reference));
    stage.story.expect("cards charged and not given back", held.count(), LAMPS);
    Ok(())
}
