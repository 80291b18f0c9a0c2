//! The walk over all orders: each against its own lines and plan, and if it is final against everybody else. Everybody is read
//! in the order of ids, so that a page of each is all that is ever held.

use crate::AuditError;
use crate::findings::Findings;
use crate::followers;
use crate::judge::{Difference, Final, Rows, judge};
use crate::ledger::Movements;
use crate::letters;
use crate::pages::{Pages, show_key};
use crate::report::{Code, Discrepancy, Unsettled};
use crate::scene::{Again, Scene};
use crate::views;
use data_platform::{Delivery, DeliveryEvent};
use kernel::ids::{OrderId, SagaId, UserId};
use kernel::judge::SagaStatus;
use kernel::participation::{Inbox, InboxState};
use kernel::table::Key;
use kernel::{DecideError, DomainName, Money, Plan, Record, Step};
use order::{Order, OrderKey, OrderLine};
use payment::PaymentRow;
use read_model::OrderView;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Walks over all orders, and over everything that belongs to orders.
pub(crate) fn walk(
    scene: &Scene<'_>,
    movements: &mut Movements,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let mut orders = scene.orders().pages::<Order>();
    let mut streams = Streams::open(scene);
    let mut lag = followers::Lag::default();
    loop {
        let page = orders.page()?;
        let last = page.last().map(|order| order.id);
        let mut rows: BTreeMap<OrderId, Rows> =
            page.iter().map(|order| (order.id, Rows::default())).collect();
        let orphans = streams.take(scene, last, &mut rows, movements, findings)?;
        check_orphans(scene, orphans, findings)?;
        if last.is_none() {
            break;
        }
        streams.payments(scene, &page, &mut rows)?;
        let finals = check_page(&mut streams, page, findings)?;
        let differing = judge_page(scene, finals, &rows, findings);
        look_again(scene, &differing, &mut lag, findings)?;
    }
    streams.lines_left(findings)?;
    views::check(scene, std::mem::take(&mut streams.customers), findings)?;
    lag.note(scene, findings);
    Ok(())
}

/// Everybody else's tables, read along with the orders.
struct Streams<'a> {
    inboxes: Vec<Pages<'a, Inbox>>,
    views: Option<Pages<'a, OrderView>>,
    /// How many views each customer has.
    customers: BTreeMap<UserId, u64>,
    deliveries: Option<Pages<'a, Delivery>>,
    lines: Pages<'a, OrderLine>,
    database: &'a str,
}

impl<'a> Streams<'a> {
    fn open(scene: &'a Scene<'_>) -> Self {
        Self {
            inboxes: (0..scene.homes.len()).map(|home| scene.moment(home).pages()).collect(),
            views: scene.moment_of(&read_model::NAME).map(crate::pages::Moment::pages),
            customers: BTreeMap::new(),
            deliveries: scene.moment_of(&data_platform::NAME).map(crate::pages::Moment::pages),
            lines: scene.orders().pages(),
            database: scene.orders().name,
        }
    }

    /// Hands out everybody's rows up to order `last` (all that are left, without one); returns what took effect for sagas
    /// that are no orders.
    fn take(
        &mut self,
        scene: &Scene<'_>,
        last: Option<OrderId>,
        rows: &mut BTreeMap<OrderId, Rows>,
        movements: &mut Movements,
        findings: &mut Findings,
    ) -> Result<Vec<(usize, Key)>, AuditError> {
        let within = |id: Uuid| last.is_none_or(|last| id <= last.0);
        let mut orphans = Vec::new();
        for (home, inbox) in self.inboxes.iter_mut().enumerate() {
            while let Some(row) = inbox.next_if(|row| within(row.saga.0))? {
                findings.count_inbox_row();
                movements.take(scene, &scene.homes[home].name, &row, findings);
                match rows.get_mut(&OrderId(row.saga.0)) {
                    Some(rows) => rows.inbox.push((home, row)),
                    None if is_of_top_up(&row.step) => {}
                    None => {
                        findings.checked(Code::InboxWithoutOrder, 1);
                        if row.state == InboxState::Done {
                            orphans.push((home, (row.saga, row.step).into()));
                        }
                    }
                }
            }
        }
        if let Some(views) = &mut self.views {
            while let Some(view) = views.next_if(|view| within(view.order_id.0))? {
                *self.customers.entry(view.user_id).or_default() += 1;
                if let Some(rows) = rows.get_mut(&view.order_id) {
                    rows.view = Some(view);
                }
            }
        }
        if let Some(deliveries) = &mut self.deliveries {
            while let Some(delivery) = deliveries.next_if(|delivery| within(delivery.order_id.0))? {
                if let Some(rows) = rows.get_mut(&delivery.order_id) {
                    rows.deliveries.push((delivery.event, delivery.status));
                }
            }
        }
        Ok(orphans)
    }

    fn payments(
        &self,
        scene: &Scene<'_>,
        orders: &[Order],
        rows: &mut BTreeMap<OrderId, Rows>,
    ) -> Result<(), AuditError> {
        let Some(moment) = scene.moment_of(&payment::PAYMENT) else { return Ok(()) };
        let wanted: BTreeMap<_, _> =
            orders.iter().filter_map(|order| Some((order.payment_id?, order.id))).collect();
        for payment in moment.load::<PaymentRow>(wanted.keys().map(|id| (*id,).into()).collect())? {
            if let Some(rows) = wanted.get(&payment.id).and_then(|order| rows.get_mut(order)) {
                rows.payment = Some(payment);
            }
        }
        Ok(())
    }

    /// The lines of `order`; those of no order before it are reported.
    fn lines_of(&mut self, order: OrderId, findings: &mut Findings) -> Result<Vec<OrderLine>, AuditError> {
        let mut lines = Vec::new();
        while let Some(line) = self.lines.next_if(|line| line.order_id <= order)? {
            if line.order_id == order {
                lines.push(line);
            } else {
                self.lost_line(&line, findings);
            }
        }
        Ok(lines)
    }

    /// Lines beyond the last order.
    fn lines_left(&mut self, findings: &mut Findings) -> Result<(), AuditError> {
        while let Some(line) = self.lines.next_if(|_| true)? {
            self.lost_line(&line, findings);
        }
        Ok(())
    }

    fn lost_line(&self, line: &OrderLine, findings: &mut Findings) {
        findings.report(Discrepancy {
            code: Code::OrderMoney,
            database: self.database.to_owned(),
            table: OrderLine::TABLE.name,
            key: format!("{}/{}", line.order_id, line.line),
            expected: "an order".to_owned(),
            found: "none".to_owned(),
        });
    }
}

/// Steps of top-ups: their sagas are payment's charges.
fn is_of_top_up(step: &Step) -> bool {
    [Step::CHARGE, Step::CREDIT].contains(step)
}

/// Every order of a page against its own lines and plan; returns the final ones.
fn check_page(
    streams: &mut Streams<'_>,
    page: Vec<Order>,
    findings: &mut Findings,
) -> Result<Vec<Final>, AuditError> {
    let mut finals = Vec::with_capacity(page.len());
    for order in page {
        let lines = streams.lines_of(order.id, findings)?;
        let report = |code, expected: String, found: String| Discrepancy {
            code,
            database: streams.database.to_owned(),
            table: Order::TABLE.name,
            key: order.id.to_string(),
            expected,
            found,
        };
        findings.checked(Code::OrderMoney, 1);
        let plan = match order.plan() {
            Ok(plan) => plan,
            Err(error) => {
                findings.report(report(Code::Unreadable, "a plan".to_owned(), error.to_string()));
                continue;
            }
        };
        match money_differs(&order, &plan, &lines) {
            Ok(None) => {}
            Ok(Some((expected, found))) => findings.report(report(Code::OrderMoney, expected, found)),
            Err(error) => {
                findings.report(report(Code::OrderMoney, "amounts in range".to_owned(), error.to_string()));
            }
        }
        if order.status.is_settled() {
            findings.count_order();
            finals.push(Final { order, plan });
        } else {
            let Order { id, status, created_at, .. } = order;
            findings.in_flight().orders.add(Unsettled { id: id.0, status, created_at });
        }
    }
    Ok(finals)
}

/// Where an order's columns, plan and lines disagree.
fn money_differs(
    order: &Order,
    plan: &Plan,
    lines: &[OrderLine],
) -> Result<Option<(String, String)>, DecideError> {
    let shown = |total, discount, points, card| {
        format!("total {total}, discount {discount}, points {points}, card {card}")
    };
    let planned = shown(plan.total, plan.discount(), plan.points, plan.card_amount);
    let columns = shown(order.total, order.discount, order.points_used, order.card_amount);
    if planned != columns {
        return Ok(Some((planned, columns)));
    }
    let bought: Vec<_> = plan.lines.iter().map(|l| (l.product_id, l.quantity, l.unit_price)).collect();
    let kept: Vec<_> = lines.iter().map(|l| (l.product_id, l.quantity, l.unit_price)).collect();
    if bought != kept {
        return Ok(Some((
            format!("the plan's {} lines", bought.len()),
            format!("{} other lines", kept.len()),
        )));
    }
    let mut sum = Money::ZERO;
    for line in lines {
        let amount = line.unit_price.times(line.quantity)?;
        if amount != line.amount {
            let found = format!("{} on line {}", line.amount, line.line);
            return Ok(Some((format!("{amount} on line {}", line.line), found)));
        }
        sum = sum.plus(amount)?;
    }
    if sum != order.total {
        return Ok(Some((format!("total {sum}, the sum of its lines"), format!("total {}", order.total))));
    }
    // Before its plan is frozen an order is not yet to be paid.
    let (payable, paid) = (order.total.minus(order.discount)?, order.points_used.plus(order.card_amount)?);
    if !plan.steps.is_empty() && payable != paid {
        return Ok(Some((format!("{payable} paid by points and card"), format!("{paid} paid"))));
    }
    Ok(None)
}

/// Judges the final orders of a page; returns those in which something differs.
fn judge_page(
    scene: &Scene<'_>,
    finals: Vec<Final>,
    rows: &BTreeMap<OrderId, Rows>,
    findings: &mut Findings,
) -> Vec<Final> {
    let nothing = Rows::default();
    let places = |domain: &DomainName| usize::from(scene.home_of(domain).is_some());
    let mut differing = Vec::new();
    for order in finals {
        let rows = rows.get(&order.order.id).unwrap_or(&nothing);
        let steps = order.plan.steps.len();
        let codes: &[Code] = match order.order.status == SagaStatus::Confirmed {
            true => &[Code::OrderStepMissing, Code::OrderStepNotDone],
            false => &[Code::OrderStepStillDone],
        };
        codes.iter().for_each(|code| findings.checked(*code, steps));
        findings.checked(Code::InboxWithoutOrder, rows.inbox.len());
        findings.checked(Code::PaymentMismatch, usize::from(order.plan.has(&Step::PAYMENT)));
        findings.checked(Code::Ranking, places(&ranking::NAME));
        findings.checked(Code::View, places(&read_model::NAME));
        findings.checked(Code::Delivery, places(&data_platform::NAME));
        if !judge(scene, &order, rows).is_empty() {
            differing.push(order);
        }
    }
    differing
}

/// Reads the rows of orders that differ once more, and reports what differs still.
fn look_again(
    scene: &Scene<'_>,
    differing: &[Final],
    lag: &mut followers::Lag,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    if differing.is_empty() {
        return Ok(());
    }
    let again = scene.again()?;
    for order in differing {
        let rows = rows_again(scene, &again, order)?;
        let now = scene.later(&again, 0).get::<Order>((order.order.id,))?;
        let differences = match now {
            // It has gone on since: a cancel, most likely.
            Some(now) if now.status != order.order.status => Vec::new(),
            Some(_) | None => judge(scene, order, &rows),
        };
        if differences.is_empty() {
            findings.moving();
        }
        for difference in differences {
            report(scene, &again, order, difference, lag, findings)?;
        }
    }
    Ok(())
}

fn report(
    scene: &Scene<'_>,
    again: &Again,
    order: &Final,
    difference: Difference,
    lag: &mut followers::Lag,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let Difference { discrepancy, domain, step, follows } = difference;
    if follows && !lag.has_heard(scene, again, &domain, &order.order)? {
        findings.moving();
    } else if !letters::excuse(scene, order.order.id.0, &domain, step.as_ref())? {
        findings.report(discrepancy);
    }
    Ok(())
}

/// Everybody's rows of one order, by their keys.
fn rows_again(scene: &Scene<'_>, again: &Again, order: &Final) -> Result<Rows, AuditError> {
    let id = order.order.id;
    let mut rows = Rows::default();
    let steps: Vec<Key> = scene.runners.keys().map(|step| (SagaId(id.0), step.clone()).into()).collect();
    for home in 0..scene.homes.len() {
        let found = scene.later(again, home).load::<Inbox>(steps.clone())?;
        rows.inbox.extend(found.into_iter().filter(|row| !is_of_top_up(&row.step)).map(|row| (home, row)));
    }
    if let (Some(home), Some(payment)) = (scene.home_of(&payment::PAYMENT), order.order.payment_id) {
        rows.payment = scene.later(again, home).get((payment,))?;
    }
    if let Some(home) = scene.home_of(&read_model::NAME) {
        rows.view = scene.later(again, home).get((id,))?;
    }
    if let Some(home) = scene.home_of(&data_platform::NAME) {
        let keys = DeliveryEvent::ALL.iter().map(|event| (id, *event).into()).collect();
        let found = scene.later(again, home).load::<Delivery>(keys)?;
        rows.deliveries = found.into_iter().map(|delivery| (delivery.event, delivery.status)).collect();
    }
    Ok(rows)
}

/// What took effect for no order, if there is still none.
fn check_orphans(
    scene: &Scene<'_>,
    orphans: Vec<(usize, Key)>,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    if orphans.is_empty() {
        return Ok(());
    }
    let again = scene.again()?;
    for (home, key) in orphans {
        let moment = scene.later(&again, home);
        let row = moment.get::<Inbox>(key.clone())?.filter(|row| row.state == InboxState::Done);
        let Some(row) = row else {
            findings.moving();
            continue;
        };
        if scene.later(&again, 0).get::<Order>((OrderId(row.saga.0),))?.is_some() {
            findings.moving();
            continue;
        }
        findings.report(Discrepancy {
            code: Code::InboxWithoutOrder,
            database: moment.name.to_owned(),
            table: Inbox::TABLE.name,
            key: show_key(&key),
            expected: "an order".to_owned(),
            found: format!("none, but step {} is {}", row.step, row.state),
        });
    }
    Ok(())
}

/// Every idempotency key belongs to an order.
pub(crate) fn keys(scene: &Scene<'_>, findings: &mut Findings) -> Result<(), AuditError> {
    let moment = scene.orders();
    let mut pages = moment.pages::<OrderKey>();
    loop {
        let keys = pages.page()?;
        if keys.is_empty() {
            return Ok(());
        }
        findings.checked(Code::OrderKey, keys.len());
        let orders = moment.load::<Order>(keys.iter().map(|key| (key.order_id,).into()).collect())?;
        let known: BTreeSet<OrderId> = orders.into_iter().map(|order| order.id).collect();
        for key in keys.into_iter().filter(|key| !known.contains(&key.order_id)) {
            findings.report(Discrepancy {
                code: Code::OrderKey,
                database: moment.name.to_owned(),
                table: OrderKey::TABLE.name,
                key: show_key(&(Arc::clone(&key.hash),).into()),
                expected: format!("order {}", key.order_id),
                found: "none".to_owned(),
            });
        }
    }
}
