//! One final order against what everybody else has of it. Pure: rows in, differences out.

use crate::report::{Code, Discrepancy};
use crate::scene::{ORDER, Scene};
use data_platform::{Delivery, DeliveryEvent, DeliveryStatus};
use kernel::ids::made_at_ms;
use kernel::judge::SagaStatus;
use kernel::participation::{Inbox, InboxState};
use kernel::{DomainName, Plan, Record, Step, Timestamp};
use order::Order;
use payment::{PaymentRow, PaymentStatus};
use ranking::SalesReceipt;
use read_model::OrderView;
use std::sync::Arc;

/// What everybody else has of one order.
#[derive(Default)]
pub(crate) struct Rows {
    /// Inbox rows, and the database that each is in.
    pub(crate) inbox: Vec<(usize, Inbox)>,
    pub(crate) payment: Option<PaymentRow>,
    pub(crate) view: Option<OrderView>,
    pub(crate) deliveries: Vec<(DeliveryEvent, DeliveryStatus)>,
}

impl Rows {
    fn step(&self, home: usize, step: &Step) -> Option<&Inbox> {
        self.inbox.iter().find(|(at, row)| *at == home && row.step == *step).map(|(_, row)| row)
    }
}

/// A difference, and whose it is.
pub(crate) struct Difference {
    pub(crate) discrepancy: Discrepancy,
    pub(crate) domain: DomainName,
    pub(crate) step: Option<Step>,
    /// The domain only follows orders: it may not have heard yet.
    pub(crate) follows: bool,
}

/// A final order and its plan.
pub(crate) struct Final {
    pub(crate) order: Order,
    pub(crate) plan: Arc<Plan>,
}

/// Everything in which `rows` differ from what the order says.
pub(crate) fn judge(scene: &Scene<'_>, final_order: &Final, rows: &Rows) -> Vec<Difference> {
    let mut judge =
        Judge { scene, order: &final_order.order, plan: &final_order.plan, rows, found: Vec::new() };
    judge.planned_steps();
    judge.other_steps();
    judge.payment();
    judge.sales();
    judge.view();
    judge.deliveries();
    judge.found
}

/// Whether ranking counts sales after the fact, not as a planned step.
pub(crate) fn follows_sales(scene: &Scene<'_>) -> bool {
    scene.topology.route(&Step::SALES).is_some_and(|route| route.follower)
}

/// The words that are delivered about an order that ended so.
fn words(status: SagaStatus) -> &'static [DeliveryEvent] {
    match status {
        SagaStatus::Confirmed => &[DeliveryEvent::Confirmed],
        SagaStatus::Failed => &[DeliveryEvent::Failed],
        SagaStatus::Cancelled => &[DeliveryEvent::Confirmed, DeliveryEvent::Cancelled],
        SagaStatus::Created | SagaStatus::Pending | SagaStatus::Failing | SagaStatus::Cancelling => &[],
    }
}

struct Judge<'a> {
    scene: &'a Scene<'a>,
    order: &'a Order,
    plan: &'a Plan,
    rows: &'a Rows,
    found: Vec<Difference>,
}

impl Judge<'_> {
    fn planned_steps(&mut self) {
        for step in &self.plan.steps {
            // A step that nobody runs any more has no inbox to look into.
            let Some(runner) = self.scene.runners.get(step) else { continue };
            let state = self.rows.step(runner.home, step).map(|row| row.state);
            let is_pruned = self.scene.is_pruned(self.order.id.0);
            let difference = match (self.order.status, state) {
                (SagaStatus::Confirmed, None) if !is_pruned => {
                    Some((Code::OrderStepMissing, "done", "no inbox row".to_owned()))
                }
                (SagaStatus::Confirmed, Some(state)) if state != InboxState::Done => {
                    Some((Code::OrderStepNotDone, "done", state.to_string()))
                }
                (SagaStatus::Failed | SagaStatus::Cancelled, Some(state)) if is_in_effect(state) => {
                    Some((Code::OrderStepStillDone, "refused or compensated", state.to_string()))
                }
                (_, _) => None,
            };
            if let Some((code, expected, found)) = difference {
                self.step_differs(code, runner.home, &runner.name(), step, expected, found);
            }
        }
    }

    /// What took effect without being planned. Followers are not planned.
    fn other_steps(&mut self) {
        for (home, row) in &self.rows.inbox {
            let follower = self.scene.topology.route(&row.step).is_some_and(|route| route.follower);
            if !self.plan.has(&row.step) && !follower && is_in_effect(row.state) {
                let Some(runner) = self.scene.runners.get(&row.step) else { continue };
                let (expected, found) = ("nothing: it was not planned", row.state.to_string());
                let code = Code::OrderStepStillDone;
                self.step_differs(code, *home, &runner.name(), &row.step, expected, found);
            }
        }
    }

    fn step_differs(
        &mut self,
        code: Code,
        home: usize,
        domain: &DomainName,
        step: &Step,
        expected: &str,
        found: String,
    ) {
        let discrepancy = Discrepancy {
            code,
            database: self.scene.homes[home].name.clone(),
            table: Inbox::TABLE.name,
            key: format!("{}/{step}", self.order.id),
            expected: format!("{expected}, as the order is {}", self.order.status),
            found,
        };
        self.found.push(Difference {
            discrepancy,
            domain: domain.clone(),
            step: Some(step.clone()),
            follows: false,
        });
    }

    fn payment(&mut self) {
        if !self.plan.has(&Step::PAYMENT) || self.scene.home_of(&payment::PAYMENT).is_none() {
            return;
        }
        let is_confirmed = self.order.status == SagaStatus::Confirmed;
        let order = self.order;
        let expected =
            format!("{} {} + {} points − {}", order.id, order.card_amount, order.points_used, order.discount);
        let Some(row) = &self.rows.payment else {
            if is_confirmed {
                self.payment_differs(format!("{} of {expected}", PaymentStatus::Approved), "none".to_owned());
            }
            return;
        };
        let found = format!("{} {} + {} points − {}", row.order_id, row.amount, row.points, row.discount);
        if found != expected || row.user_id != order.user_id || row.currency != self.plan.currency {
            self.payment_differs(expected, found);
        } else if is_confirmed != (row.status == PaymentStatus::Approved) || !is_at_rest(row.status) {
            let expected = if is_confirmed { "APPROVED" } else { "DECLINED or CANCELLED" };
            let expected = format!("{expected}, as the order is {}", order.status);
            self.payment_differs(expected, row.status.to_string());
        }
    }

    fn payment_differs(&mut self, expected: String, found: String) {
        let (table, key) = (PaymentRow::TABLE.name, self.plan.payment.to_string());
        self.differs(
            Code::PaymentMismatch,
            &payment::PAYMENT,
            Some(Step::PAYMENT),
            table,
            key,
            expected,
            found,
        );
    }

    fn sales(&mut self) {
        let Some(runner) = self.scene.runners.get(&Step::SALES) else { return };
        let is_planned = self.plan.has(&Step::SALES);
        if !is_planned && !follows_sales(self.scene) {
            return;
        }
        let row = self.rows.step(runner.home, &Step::SALES);
        let done = row.filter(|row| is_in_effect(row.state));
        let (expected, found) = match (self.order.status, done) {
            (SagaStatus::Confirmed, None) if is_planned || self.scene.is_pruned(self.order.id.0) => return,
            (SagaStatus::Confirmed, None) => {
                ("counted".to_owned(), row.map_or("no inbox row", |row| row.state.word()).to_owned())
            }
            (SagaStatus::Confirmed, Some(row)) => {
                let expected = self.sold(is_planned);
                let receipt = row.receipt.as_deref().map(serde_json::from_str::<SalesReceipt>);
                match receipt {
                    Some(Ok(found)) if found == expected => return,
                    Some(Ok(found)) => (format!("{expected:?}"), format!("{found:?}")),
                    Some(Err(_)) | None => (format!("{expected:?}"), "no readable receipt".to_owned()),
                }
            }
            // A planned step that is still in effect is an ORDER_STEP_STILL_DONE.
            (_, Some(_)) if is_planned => return,
            (status, Some(row)) => (format!("not counted, as the order is {status}"), row.state.to_string()),
            (_, None) => return,
        };
        let (table, key) = (Inbox::TABLE.name, format!("{}/{}", self.order.id, Step::SALES));
        self.differs(Code::Ranking, &ranking::NAME, Some(Step::SALES), table, key, expected, found);
    }

    /// What ranking should have counted: on the day of the confirmation, or inside the saga on the day of the order.
    fn sold(&self, is_planned: bool) -> SalesReceipt {
        let made_at = made_at_ms(self.order.id.0).map(Timestamp);
        let at = if is_planned { made_at } else { self.order.confirmed_at.or(made_at) };
        let sold =
            |line: &kernel::PlanLine| ranking::SoldLine { product: line.product_id, quantity: line.quantity };
        SalesReceipt { day: at.map_or(0, Timestamp::day), lines: self.plan.lines.iter().map(sold).collect() }
    }

    fn view(&mut self) {
        let found = match &self.rows.view {
            Some(view) if view.status == self.order.status => return,
            Some(view) => view.status.to_string(),
            None => "no view".to_owned(),
        };
        let (table, key) = (OrderView::TABLE.name, self.order.id.to_string());
        self.differs(Code::View, &read_model::NAME, None, table, key, self.order.status.to_string(), found);
    }

    fn deliveries(&mut self) {
        let final_words = words(self.order.status).iter().copied();
        let of_payment = self.word_of_payment();
        for word in final_words.chain(of_payment) {
            if !self.rows.deliveries.iter().any(|(event, _)| *event == word) {
                let (table, key) = (Delivery::TABLE.name, format!("{}/{word}", self.order.id));
                let expected = "a delivery".to_owned();
                self.differs(
                    Code::Delivery,
                    &data_platform::NAME,
                    (of_payment == Some(word)).then_some(Step::DELIVERY),
                    table,
                    key,
                    expected,
                    "none".to_owned(),
                );
            }
        }
    }

    /// What was told of the payment, where that is a step: a confirmed order's approval, and that it does not hold if the receiver
    /// took it and the order ended otherwise.
    fn word_of_payment(&self) -> Option<DeliveryEvent> {
        let taken = (DeliveryEvent::PaymentApproved, DeliveryStatus::Delivered);
        match self.order.status {
            SagaStatus::Confirmed => self.plan.has(&Step::DELIVERY).then_some(DeliveryEvent::PaymentApproved),
            SagaStatus::Failed | SagaStatus::Cancelled => {
                self.rows.deliveries.contains(&taken).then_some(DeliveryEvent::PaymentCancelled)
            }
            SagaStatus::Created | SagaStatus::Pending | SagaStatus::Failing | SagaStatus::Cancelling => None,
        }
    }

    /// A difference of `domain`, if it is placed at all.
    #[expect(clippy::too_many_arguments, reason = "private: whose it is, and the discrepancy's own fields")]
    fn differs(
        &mut self,
        code: Code,
        domain: &DomainName,
        step: Option<Step>,
        table: &'static str,
        key: String,
        expected: String,
        found: String,
    ) {
        let Some(home) = self.scene.home_of(domain) else { return };
        let database = self.scene.homes[home].name.clone();
        let discrepancy = Discrepancy { code, database, table, key, expected, found };
        let follows = *domain != payment::PAYMENT && *domain != ORDER;
        self.found.push(Difference { discrepancy, domain: domain.clone(), step, follows });
    }
}

fn is_in_effect(state: InboxState) -> bool {
    match state {
        InboxState::Done | InboxState::Pending | InboxState::PendingUndo | InboxState::Undoing => true,
        InboxState::Refused | InboxState::Compensated => false,
    }
}

fn is_at_rest(status: PaymentStatus) -> bool {
    match status {
        PaymentStatus::Approved | PaymentStatus::Declined | PaymentStatus::Cancelled => true,
        PaymentStatus::Pending | PaymentStatus::Unknown | PaymentStatus::Cancelling => false,
    }
}
