//! The dead letters of a data folder: listed whoever serves it, handled on a stopped system.

use super::{Action, Shown};
use crate::cli::{audit::must_exist, stopped};
use anyhow::{Context, bail};
use data_platform::{Delivery, DeliveryStatus};
use jumun::{Config, databases, topologies};
use kernel::ids::{ChargeId, LetterId, OrderId, SagaId};
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::{Field, Record, Value};
use order::Order;
use payment::leg::Leg;
use payment::{Charge, ChargeStatus};
use runtime::message::LetterOrder;
use runtime::ports::store::{Compare, Query};
use runtime::system::Handle;
use shop::facts::{load, read};
use shop::{Domains, Shop};
use smol_str::SmolStr;
use std::time::Duration;

/// The most letters of one database that are listed.
const MOST: u32 = 10_000;
const RUNNING: &str = "a server runs on this data folder: stop it, or let it do this with --url http://… and \
                       JUMUN_ADMIN_EMAIL / JUMUN_ADMIN_PASSWORD";
/// How often it is looked whether a letter's consequences are done.
const LOOK: Duration = Duration::from_millis(50);

impl From<DeadLetter> for Shown {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id.0,
            domain: letter.domain.to_string(),
            order_id: letter.order_id,
            step: letter.step.map(|step| step.to_string()),
            kind: letter.kind.to_string(),
            error: letter.error.to_string(),
            attempts: letter.attempts,
            first_at: letter.first_at.to_string(),
            last_at: letter.last_at.to_string(),
            status: letter.status.to_string(),
        }
    }
}

/// What came of it.
pub(super) struct After {
    letter: DeadLetter,
    order: Option<Order>,
    /// Letters about the same order or top-up that wait for an operator now, this one left out.
    others: Vec<LetterId>,
    /// What it stood for is done, and no letter is open about it.
    pub(super) is_over: bool,
}

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { letter, order, others, is_over } = self;
        write!(f, "dead letter {}: {}", letter.id, letter.status)?;
        if letter.status == LetterStatus::Open {
            write!(f, " still or again ({})", letter.error)?;
        }
        if let Some(order) = order {
            write!(f, ", order {} is {}", order.id, order.status)?;
        }
        if !is_over && letter.status != LetterStatus::Open && others.is_empty() {
            write!(f, "; it was still under way when the time was over")?;
        }
        others.iter().try_for_each(|other| write!(f, "\ndead letter {other} is open about the same"))
    }
}

pub(super) fn list(config: &Config, status: Option<LetterStatus>) -> anyhow::Result<Vec<Shown>> {
    must_exist(&config.file.data)?;
    let text = topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
    let (topology, registry) = Domains::new(config.policies.clone())
        .place(&text)
        .with_context(|| format!("topology {}", config.file.topology))?;
    let mut letters: Vec<DeadLetter> = Vec::new();
    for (_, reader) in databases::open_readonly(&config.storage(), &topology, &registry)? {
        let mut query = Query::of(DeadLetter::TABLE, MOST).sort("first_at", true);
        if let Some(status) = status {
            query = query.filter("status", Compare::Is, status.to_value());
        }
        for row in reader.query(&query)? {
            letters.push(read(&row)?);
        }
    }
    letters.sort_by_key(|letter| std::cmp::Reverse((letter.first_at, letter.id)));
    Ok(letters.into_iter().map(Shown::from).collect())
}

pub(super) async fn handle(
    config: &Config,
    id: LetterId,
    action: Action,
    wait: Duration,
) -> anyhow::Result<After> {
    let server = stopped::start(config, RUNNING).await?;
    let after = decide(server.shop(), id, action, wait).await;
    server.stop().await;
    after
}

async fn decide(shop: &Shop, id: LetterId, action: Action, wait: Duration) -> anyhow::Result<After> {
    let (holder, _) = find(shop, id)?;
    let by = stopped::administrator(shop)?;
    let order = match action {
        Action::Redrive => LetterOrder::Redrive,
        Action::Resolve(note) => LetterOrder::Resolve(SmolStr::new(note)),
    };
    let (sender, receiver) = tokio::sync::oneshot::channel();
    holder.door.letter(id, order, by, move |answer| {
        // Nobody waits only if this process is ending.
        let _ = sender.send(answer);
    });
    let Some(letter) = receiver.await.context("the answer was lost")?? else {
        let (_, letter) = find(shop, id)?;
        bail!("dead letter {id} is not open: it is {}", letter.status);
    };
    let looks = async {
        while is_under_way(shop, &letter)? {
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    let in_time = match tokio::time::timeout(wait, looks).await {
        Ok(looked) => looked.map(|()| true)?,
        Err(_) => false,
    };
    let (_, letter) = find(shop, id)?;
    let order = match letter.order_id {
        Some(id) => shop.get::<Order>("order", (OrderId(id),))?,
        None => None,
    };
    let others = open_about(shop, &letter)?;
    let is_over = in_time && letter.status != LetterStatus::Open && others.is_empty();
    Ok(After { letter, order, others, is_over })
}

fn find(shop: &Shop, id: LetterId) -> anyhow::Result<(&Handle, DeadLetter)> {
    for handle in shop.system().databases() {
        if let Some(letter) = load::<DeadLetter>(handle.reader.as_ref(), [(id,)])?.pop() {
            return Ok((handle, letter));
        }
    }
    bail!("there is no dead letter {id}")
}

/// The other open letters about what `letter` is about.
fn open_about(shop: &Shop, letter: &DeadLetter) -> anyhow::Result<Vec<LetterId>> {
    let Some(saga) = letter.order_id else { return Ok(Vec::new()) };
    let query = Query::of(DeadLetter::TABLE, MOST).filter("order_id", Compare::Is, Value::Id(saga)).filter(
        "status",
        Compare::Is,
        LetterStatus::Open.to_value(),
    );
    let mut open = Vec::new();
    for handle in shop.system().databases() {
        for row in handle.reader.query(&query)? {
            let other: DeadLetter = read(&row)?;
            open.extend((other.id != letter.id).then_some(other.id));
        }
    }
    Ok(open)
}

/// Whether something is still to happen by itself to what the letter is about: its order or top-up, its PG charges, its
/// deliveries.
fn is_under_way(shop: &Shop, letter: &DeadLetter) -> anyhow::Result<bool> {
    let (_, now) = find(shop, letter.id)?;
    if now.status == LetterStatus::Open {
        // What its own domain raised stays open until it went through; raised again, it waits for an operator and not for us.
        // A message that was set aside was decided with the operator's order: it failed again.
        let raised_again = now.attempts != letter.attempts || now.last_at != letter.last_at;
        return Ok(now.message.is_none() && !raised_again);
    }
    let Some(saga) = letter.order_id else { return Ok(false) };
    let order: Option<Order> = shop.get("order", (OrderId(saga),))?;
    let top_up: Option<Charge> = shop.get("payment", (ChargeId(saga),))?;
    let of_saga = |table, column| Query::of(table, MOST).filter(column, Compare::Is, Value::Id(saga));
    let legs: Vec<Leg> = shop.list("payment", &of_saga(Leg::TABLE, "saga"))?;
    let deliveries: Vec<Delivery> = shop.list("data-platform", &of_saga(Delivery::TABLE, "order_id"))?;
    let moving = |delivery: &Delivery| match delivery.status {
        DeliveryStatus::Pending => true,
        DeliveryStatus::Waiting
        | DeliveryStatus::Delivered
        | DeliveryStatus::Dead
        | DeliveryStatus::Resolved
        | DeliveryStatus::Refused => false,
    };
    Ok(order.is_some_and(|order| !order.status.is_settled())
        || top_up.is_some_and(|charge| charge.status == ChargeStatus::Pending)
        || legs.iter().any(|leg| leg.saga == SagaId(saga) && !leg.state.is_at_rest())
        || deliveries.iter().any(moving))
}
