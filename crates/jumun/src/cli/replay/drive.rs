//! Runs a history's work against a shop, so many items at a time.

use super::front::{Front, Outcome, Placed};
use super::schedule::Schedule;
use anyhow::Context;
use history::{History, Work};
use indicatif::ProgressBar;
use kernel::judge::SagaStatus;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Does all of it, and tells how each item ended.
///
/// # Errors
/// If a task dies: a fault of ours.
pub(super) async fn drive<F: Front>(
    front: &Arc<F>,
    history: &Arc<History>,
    in_flight: usize,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<Option<Outcome>>> {
    let mut schedule = Schedule::of(history);
    let mut outcomes: Vec<Option<Outcome>> = vec![None; history.work.len()];
    let mut running = JoinSet::new();
    loop {
        while running.len() < in_flight
            && let Some(place) = schedule.next()
        {
            let (front, history) = (Arc::clone(front), Arc::clone(history));
            let cancels = order_of(&history.work[place], &outcomes);
            running.spawn(async move { (place, one(front.as_ref(), &history, place, cancels).await) });
        }
        let Some(ended) = running.join_next().await else { return Ok(outcomes) };
        let (place, outcome) = ended.context("a replayed item of work died")?;
        outcomes[place] = Some(outcome);
        schedule.done(place);
        progress.inc(1);
    }
}

/// The order that a cancel takes back, as it ended.
fn order_of(work: &Work, outcomes: &[Option<Outcome>]) -> Option<Placed> {
    match work {
        Work::Cancel { of, .. } => match outcomes.get(*of) {
            Some(Some(Outcome::Order(placed))) => Some(placed.clone()),
            Some(Some(Outcome::Priced | Outcome::Failed(_)) | None) | None => None,
        },
        Work::Price { .. } | Work::Order(_) => None,
    }
}

async fn one<F: Front>(front: &F, history: &History, place: usize, cancels: Option<Placed>) -> Outcome {
    let outcome = match &history.work[place] {
        Work::Price { sku, price } => front.price(sku, *price).await.map(|()| Outcome::Priced),
        Work::Order(order) => front.order(place, order).await.map(Outcome::Order),
        Work::Cancel { of, .. } => match (&history.work[*of], cancels) {
            (Work::Order(order), Some(placed)) if placed.status == SagaStatus::Confirmed => {
                front.cancel(placed.id, &order.customer).await.map(Outcome::Order)
            }
            _ => Err(anyhow::anyhow!("its order was not confirmed")),
        },
    };
    outcome.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
}
