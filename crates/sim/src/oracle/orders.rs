//! What clients were told of each order, and what may still be said of it.

use super::breach::{Docket, Promise, id, named, or_none};
use super::register::Moment;
use super::words;
use crate::clients::{Amount, Id, Line, Millis, Order, Payment, Status, Step, StepStatus};
use std::collections::BTreeMap;

/// One order, as clients know it.
pub(super) struct OrderBook {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) lines: Vec<Line>,
    pub(super) total: Amount,
    /// When it was first told of.
    pub(super) seen: Millis,
    /// What its key asked for, once that is known.
    pub(super) wanted: Option<Wanted>,
    /// How it is paid, once it is no longer CREATED.
    pub(super) terms: Option<Terms>,
    /// The first cause, once it is failing.
    pub(super) reason: Option<String>,
    /// Its planned steps, once there are any.
    steps: Vec<String>,
    /// What it was told to be when: each further on than the one before.
    sights: Vec<Sight>,
    /// Payments that were asked for, of an order made without.
    pub(super) payments: Vec<(Moment, Payment)>,
    /// When a cancel was first asked for.
    pub(super) cancel_asked: Option<Moment>,
    /// When a shipment was first asked for, and when it was first told done.
    pub(super) ship_asked: Option<Moment>,
    pub(super) shipped: Option<Moment>,
    /// What has been judged of it against what was asked for.
    pub(super) judged: Judged,
}

/// What has been judged of an order: each is judged once.
#[derive(Clone, Copy, Default)]
pub(super) struct Judged {
    pub(super) lines: bool,
    pub(super) payment: bool,
    pub(super) confirmed: bool,
    pub(super) cause: bool,
}

/// What an order's key asked for.
pub(super) struct Wanted {
    pub(super) lines: BTreeMap<Id, Amount>,
    pub(super) payment: Option<Payment>,
    /// When it was first asked for.
    pub(super) asked: Moment,
    pub(super) at: Millis,
}

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) discount: Amount,
    pub(super) points_used: Amount,
    pub(super) card_amount: Amount,
    pub(super) coupon: Option<Id>,
    pub(super) payment: Option<Id>,
}

impl Terms {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            discount: order.discount,
            points_used: order.points_used,
            card_amount: order.card_amount,
            coupon: order.coupon,
            payment: order.payment,
        }
    }
}

/// What an order was told to be.
struct Sight {
    told: Moment,
    status: Status,
    /// By the place of the step in the plan; empty if the answer showed none.
    steps: Vec<StepStatus>,
}

/// Whether an order that is `from` can be `to` now or later.
pub(super) fn leads_to(from: Status, to: Status) -> bool {
    use Status::{Cancelled, Cancelling, Confirmed, Created, Failed, Failing, Pending};
    match from {
        Created => true,
        Pending => to != Created,
        Confirmed => matches!(to, Confirmed | Cancelling | Cancelled),
        Failing => matches!(to, Failing | Failed),
        Cancelling => matches!(to, Cancelling | Cancelled),
        Failed | Cancelled => to == from,
    }
}

/// Whether a step that is `from` can be `to` now or later.
fn step_leads_to(from: StepStatus, to: StepStatus) -> bool {
    match from {
        StepStatus::Unknown => true,
        StepStatus::Done | StepStatus::Refused => to == from || to == StepStatus::Compensated,
        StepStatus::Compensated => to == StepStatus::Compensated,
    }
}

/// Whether one of two answers can come before the other.
fn on_one_way(one: Status, other: Status) -> bool {
    leads_to(one, other) || leads_to(other, one)
}

impl OrderBook {
    pub(super) fn new(order: &Order, now: Millis) -> Self {
        Self {
            id: order.id,
            user: order.user,
            lines: order.lines.clone(),
            total: order.total,
            seen: now,
            wanted: None,
            terms: None,
            reason: None,
            steps: Vec::new(),
            sights: Vec::new(),
            payments: Vec::new(),
            cancel_asked: None,
            ship_asked: None,
            shipped: None,
            judged: Judged::default(),
        }
    }

    pub(super) fn name(&self) -> String {
        named("order", self.id)
    }

    /// The furthest that it was told to be.
    pub(super) fn status(&self) -> Option<Status> {
        self.sights.last().map(|sight| sight.status)
    }

    /// The furthest that it was told to be before `moment`.
    pub(super) fn status_before(&self, moment: Moment) -> Option<Status> {
        self.before(moment).map(|sight| sight.status)
    }

    fn before(&self, moment: Moment) -> Option<&Sight> {
        self.sights.iter().rev().find(|sight| sight.told < moment)
    }

    /// Whether this step is planned.
    pub(super) fn has_step(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step == name)
    }

    /// It was refused at the quote, or ended before it was paid: it has no plan.
    pub(super) fn never_began(&self) -> bool {
        self.steps.is_empty()
    }

    /// It is shown by its owner, to a question asked at `asked`.
    pub(super) fn shown(&mut self, order: &Order, asked: Moment, told: Moment, docket: &mut Docket) {
        self.stays_the_same(order, docket);
        let steps: Vec<StepStatus> = order.steps.iter().map(|step| step.status).collect();
        if let Some(before) = self.before(asked) {
            let (name, was) = (self.name(), before.status);
            docket.check(leads_to(was, order.status), Promise::AcknowledgedIsDurable, || {
                (name.clone(), format!("{was}, as it was told, or what follows"), order.status.to_string())
            });
            for (step, (was, is)) in order.steps.iter().zip(before.steps.iter().zip(&steps)) {
                docket.check(step_leads_to(*was, *is), Promise::AcknowledgedIsDurable, || {
                    let about = format!("step {} of {name}", step.name);
                    (about, format!("{was}, as it was told, or what follows"), is.to_string())
                });
            }
        }
        self.implied(order.status, steps, told, docket);
    }

    /// It is shown by a read model, which may be behind.
    pub(super) fn listed(&mut self, order: &Order, told: Moment, docket: &mut Docket) {
        self.stays_the_same(order, docket);
        self.implied(order.status, Vec::new(), told, docket);
    }

    /// An answer says, or lets conclude, that it was `status` at some time before `told`.
    pub(super) fn is_said_to_be(&mut self, status: Status, told: Moment, docket: &mut Docket) {
        self.implied(status, Vec::new(), told, docket);
    }

    fn implied(&mut self, status: Status, steps: Vec<StepStatus>, told: Moment, docket: &mut Docket) {
        let Some(last) = self.sights.last() else {
            self.sights.push(Sight { told, status, steps });
            return;
        };
        let was = last.status;
        docket.check(on_one_way(was, status), Promise::AcknowledgedIsDurable, || {
            (self.name(), format!("{was}, as it was told, or what follows"), status.to_string())
        });
        if !leads_to(was, status) {
            return;
        }
        // An answer that was overtaken may show less of the steps than is known.
        let grew = match (last.steps.as_slice(), steps.as_slice()) {
            (_, []) => false,
            ([], _) => true,
            (was, is) => was != is && was.iter().zip(is).all(|(was, is)| step_leads_to(*was, *is)),
        };
        if was != status || grew {
            let steps = if grew { steps } else { last.steps.clone() };
            self.sights.push(Sight { told, status, steps });
        }
    }

    /// What is frozen stays as it was first told.
    fn stays_the_same(&mut self, order: &Order, docket: &mut Docket) {
        let name = self.name();
        docket.check(self.user == order.user, Promise::AcknowledgedIsDurable, || {
            (format!("the customer of {name}"), id(self.user), id(order.user))
        });
        docket.check(
            self.lines == order.lines && self.total == order.total,
            Promise::AcknowledgedIsDurable,
            || {
                let was = format!("{}, total {}", words::lines(&self.lines), self.total);
                (
                    format!("what {name} is for"),
                    was,
                    format!("{}, total {}", words::lines(&order.lines), order.total),
                )
            },
        );
        if order.status != Status::Created {
            let terms = Terms::of(order);
            let was = *self.terms.get_or_insert(terms);
            docket.check(was == terms, Promise::AcknowledgedIsDurable, || {
                (format!("how {name} is paid"), words::terms(was), words::terms(terms))
            });
        }
        if let Some(reason) = &order.reason {
            let was = self.reason.get_or_insert_with(|| reason.clone());
            docket.check(was == reason, Promise::AcknowledgedIsDurable, || {
                (format!("why {name} failed"), was.clone(), reason.clone())
            });
        }
        if !order.steps.is_empty() {
            let names: Vec<String> = order.steps.iter().map(|step| step.name.clone()).collect();
            if self.steps.is_empty() {
                self.steps.clone_from(&names);
            }
            docket.check(self.steps == names, Promise::AcknowledgedIsDurable, || {
                (format!("the plan of {name}"), words::list(&self.steps), words::list(&names))
            });
        }
    }
}

/// An order that is shown makes sense by itself.
pub(super) fn makes_sense(order: &Order, docket: &mut Docket) {
    let name = named("order", order.id);
    let sums = order.lines.iter().try_fold(0_i64, |sum, line| {
        let right = line.quantity >= 1 && line.unit_price.checked_mul(line.quantity) == Some(line.amount);
        right.then(|| sum.checked_add(line.amount)).flatten()
    });
    docket.check(sums == Some(order.total), Promise::AnswersMakeSense, || {
        (
            format!("the total of {name}"),
            format!("the sum of its lines, {}", or_none(sums)),
            order.total.to_string(),
        )
    });
    let Order { total, discount, points_used, card_amount, .. } = *order;
    let adds_up = total.checked_sub(discount) == points_used.checked_add(card_amount);
    let not_below = [discount, points_used, card_amount].iter().all(|amount| *amount >= 0);
    docket.check(adds_up && not_below, Promise::AnswersMakeSense, || {
        let saw = format!("{total} - {discount} against {points_used} + {card_amount}");
        (
            format!("the payment of {name}"),
            "total - discount = points + card, none below zero".to_owned(),
            saw,
        )
    });
    let fails = matches!(order.status, Status::Failing | Status::Failed);
    docket.check(order.reason.is_some() == fails, Promise::AnswersMakeSense, || {
        let expected = if fails { "there" } else { "absent" };
        let reason = or_none(order.reason.as_ref());
        (format!("the reason of {name}, which is {}", order.status), expected.to_owned(), reason)
    });
    steps_make_sense(order, &name, docket);
}

/// What is settled has its steps all done, or none.
fn steps_make_sense(order: &Order, name: &str, docket: &mut Docket) {
    let fits = |step: &Step| match order.status {
        Status::Confirmed => step.status == StepStatus::Done,
        Status::Failed | Status::Cancelled => {
            matches!(step.status, StepStatus::Refused | StepStatus::Compensated)
        }
        Status::Created | Status::Pending | Status::Failing | Status::Cancelling => true,
    };
    for step in &order.steps {
        docket.check(fits(step), Promise::AllOrNothing, || {
            let expected = if order.status == Status::Confirmed { "DONE" } else { "REFUSED or COMPENSATED" };
            let about = format!("step {} of {name}, which is {}", step.name, order.status);
            (about, expected.to_owned(), step.status.to_string())
        });
    }
    let began = !matches!(order.status, Status::Created | Status::Failed);
    let pays = order.steps.iter().any(|step| step.name == "payment");
    docket.check(!began || pays, Promise::AllOrNothing, || {
        let names: Vec<&str> = order.steps.iter().map(|step| step.name.as_str()).collect();
        (format!("the plan of {name}"), "one that ends with a payment".to_owned(), words::list(names))
    });
}
