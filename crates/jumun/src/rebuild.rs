//! Views rebuilt: from the orders as they stand, and from the log after that.

use kernel::ids::{OrderId, UserId};
use kernel::judge::{SagaStatus, StepState, StepStatus};
use kernel::state::Write;
use kernel::topology::Topology;
use kernel::{Doc, Key, Plan, Record};
use order::Order;
use read_model::{OrderHead, OrderTrace, OrderView};
use runtime::ports::store::{Cursor, Intent, Query, Reader, Store};
use runtime::system::Opened;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Orders read at a time.
const PAGE: u32 = 2_000;

/// Fills a read model that has a store of its own and was begun anew (its file was deleted), where the log of the orders no longer
/// reaches back to the first of them. Views that only lag are left to the log.
///
/// # Errors
/// If a database cannot be read or written.
pub fn views(opened: &mut [Opened], topology: &Topology) -> anyhow::Result<()> {
    let home = |name: &str| {
        opened.iter().position(|one| one.database.domains.iter().any(|domain| domain.as_str() == name))
    };
    let (Some(orders), Some(views)) = (home("order"), home("read-model")) else { return Ok(()) };
    if orders == views {
        return Ok(());
    }
    let source = SmolStr::new(&opened[orders].database.name);
    let snapshot = opened[orders].reader.snapshot()?;
    let log = snapshot.log_state()?;
    let known = opened[views].reader.load(Cursor::TABLE, &[(source.clone(),).into()])?;
    if !known.is_empty() || log.first.0 <= 1 {
        return Ok(());
    }
    tracing::info!(position = log.head.0, "the read model is rebuilt from the orders");
    fill(snapshot.as_ref(), opened[views].store.as_mut(), topology)?;
    let position = i64::try_from(log.head.0)?;
    let cursor = Cursor { source, epoch: log.epoch.0, position }.to_row();
    let write = Write { table: Cursor::TABLE, key: Key::of_row(Cursor::TABLE, &cursor), row: Some(cursor) };
    // Last: if this is cut short, it begins anew.
    let store = &mut opened[views].store;
    store.begin()?;
    store.commit(&[write], &[])?;
    Ok(())
}

fn fill(orders: &dyn Reader, views: &mut dyn Store, topology: &Topology) -> anyhow::Result<()> {
    let mut query = Query::of(Order::TABLE, PAGE);
    loop {
        let rows = orders.query(&query)?;
        let page = rows.iter().map(Order::from_row).collect::<Result<Vec<_>, _>>()?;
        views.begin()?;
        let mut chains = Chains::load(views, &page)?;
        let mut writes = Vec::with_capacity(2 * page.len());
        for order in &page {
            writes.push(put(&OrderTrace { order_id: order.id, trace: order.trace }));
            writes.push(put(&OrderView { previous: chains.previous(order), ..view(order, topology)? }));
        }
        writes.extend(chains.latest.into_iter().map(|(user_id, latest)| put(&OrderHead { user_id, latest })));
        writes.sort_unstable_by(|a, b| (a.table.name, &a.key).cmp(&(b.table.name, &b.key)));
        views.commit(&writes, &[])?;
        match rows.last().filter(|_| rows.len() == PAGE as usize) {
            Some(last) => query = Query::of(Order::TABLE, PAGE).after(Key::of_row(Order::TABLE, last)),
            None => return Ok(()),
        }
    }
}

/// The chains of the customers of one page of orders: in the order of ids, which is that in which orders were made.
struct Chains {
    latest: BTreeMap<UserId, OrderId>,
    /// Orders that have a view from a rebuild that was cut short: they stay where they stand in their chains.
    known: BTreeMap<OrderId, Option<OrderId>>,
}

impl Chains {
    fn load(views: &mut dyn Store, page: &[Order]) -> anyhow::Result<Self> {
        let heads = load::<OrderHead>(views, page.iter().map(|order| (order.user_id,).into()))?;
        let known = load::<OrderView>(views, page.iter().map(|order| (order.id,).into()))?;
        Ok(Self {
            latest: heads.into_iter().map(|head| (head.user_id, head.latest)).collect(),
            known: known.into_iter().map(|view| (view.order_id, view.previous)).collect(),
        })
    }

    /// The order before `order`, which has its place in the chain now.
    fn previous(&mut self, order: &Order) -> Option<OrderId> {
        match self.known.get(&order.id) {
            Some(previous) => *previous,
            None => self.latest.insert(order.user_id, order.id),
        }
    }
}

fn load<R: Record>(store: &mut dyn Store, keys: impl Iterator<Item = Key>) -> anyhow::Result<Vec<R>> {
    let mut keys: Vec<Key> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    let rows = store.load(R::TABLE, &keys, Intent::Change)?;
    Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
}

fn put<R: Record>(record: &R) -> Write {
    let row = record.to_row();
    Write { table: R::TABLE, key: Key::of_row(R::TABLE, &row), row: Some(row) }
}

fn view(order: &Order, topology: &Topology) -> anyhow::Result<OrderView> {
    let waits_for = topology.listed_after.as_ref();
    let done = |step: &StepState| Some(&step.name) == waits_for && step.status == StepStatus::Done;
    let is_saved = waits_for.is_none() || order.steps.0.iter().any(done);
    let plan = Plan { card: None, ..order.plan()?.as_ref().clone() };
    Ok(OrderView {
        order_id: order.id,
        user_id: order.user_id,
        status: order.status,
        reason: order.reason.clone(),
        plan: Doc::new(Arc::new(plan)),
        steps: order.steps.clone(),
        trace: order.trace,
        topology: SmolStr::new(&topology.name),
        payment_id: order.payment_id,
        created_at: order.created_at,
        updated_at: order.updated_at,
        settled_at: order.settled_at,
        fulfilled: order.fulfilled,
        unlisted: (matches!(order.status, SagaStatus::Pending | SagaStatus::Failing) && !is_saved)
            .then_some(true),
        previous: None,
    })
}
