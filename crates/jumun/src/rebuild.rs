//! Views rebuilt: from the orders as they stand, and from the log after that.

use kernel::judge::{SagaStatus, StepState, StepStatus};
use kernel::state::Write;
use kernel::topology::Topology;
use kernel::{Doc, Key, Plan, Record};
use order::Order;
use read_model::{OrderTrace, OrderView};
use runtime::ports::store::{Cursor, Query, Reader, Store};
use runtime::system::Opened;
use smol_str::SmolStr;
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
        let mut writes = Vec::with_capacity(rows.len());
        for row in &rows {
            let order = Order::from_row(row)?;
            writes.push(put(&OrderTrace { order_id: order.id, trace: order.trace }));
            writes.push(put(&view(&order, topology)?));
        }
        writes.sort_unstable_by(|a, b| (a.table.name, &a.key).cmp(&(b.table.name, &b.key)));
        views.begin()?;
        views.commit(&writes, &[])?;
        match rows.last().filter(|_| rows.len() == PAGE as usize) {
            Some(last) => query = Query::of(Order::TABLE, PAGE).after(Key::of_row(Order::TABLE, last)),
            None => return Ok(()),
        }
    }
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
    })
}
