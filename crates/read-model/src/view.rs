//! One order's view, and how each word about the order moves it on. A view never falls back: words heard again change nothing.

use kernel::ids::{OrderId, PaymentId, UserId, made_at_ms};
use kernel::judge::{SagaStatus, StepState, StepStatus};
use kernel::{DecideError, Doc, Heard, Json, Plan, Reason, Record, Said, Step, Timestamp, Trace, record};
use smol_str::SmolStr;
use std::sync::Arc;

record! {
    /// An order as people look at it.
    pub struct OrderView in "order_views" key 1 {
        /// The order.
        pub order_id: OrderId,
        /// Whose.
        pub user_id: UserId,
        /// Where it stands.
        pub status: SagaStatus,
        /// Why it is failing or failed.
        pub reason: Option<Reason>,
        /// Its plan, never with a card token.
        pub plan: Doc<Plan>,
        /// What the judge last told of each planned step; none before the order is to be paid.
        pub steps: Json<Vec<StepState>>,
        /// The trace that made the order.
        pub trace: Trace,
        /// The topology that carries it out.
        pub topology: SmolStr,
        /// Its payment, once one is planned.
        pub payment_id: Option<PaymentId>,
        /// When it was made.
        pub created_at: Timestamp,
        /// When the last news of it was said.
        pub updated_at: Timestamp,
        /// When it was last settled; none while it is on its way.
        pub settled_at: Option<Timestamp>,
        /// Whether it has been sent out.
        pub fulfilled: bool,
        /// True while it is not yet to stand in its customer's list.
        pub unlisted: Option<bool>,
        /// Its customer's order that was heard of before it; none for their first.
        pub previous: Option<OrderId>,
    }
    index "order_views_by_status" (status, order_id);
}

record! {
    /// Where the orders of a customer begin: each view names the one before it ([`OrderView::previous`]). Views are added in the
    /// order of time only; an index by customer would cost every order a page of its own.
    pub struct OrderHead in "order_heads" key 1 {
        /// Whose.
        pub user_id: UserId,
        /// The order heard of last.
        pub latest: OrderId,
    }
}

record! {
    /// Which trace made which order. Narrow and in the order of time: a trace is found by reading it through, which takes a moment
    /// for a million orders. An index by trace would cost every order a page of its own.
    pub struct OrderTrace in "order_traces" key 1 {
        /// The order.
        pub order_id: OrderId,
        /// The trace that made it.
        pub trace: Trace,
    }
}

impl OrderView {
    /// The plan, without its card's token.
    ///
    /// # Errors
    /// If the stored document does not read.
    pub fn plan(&self) -> Result<Arc<Plan>, DecideError> {
        self.plan.get().map_err(|corrupt| DecideError::Corrupt { table: Self::TABLE.name, corrupt })
    }
}

/// What a word about an order means for its view.
pub(crate) enum News<'a> {
    /// The order stands here now.
    Stands {
        /// Where.
        status: SagaStatus,
        /// Why, where there is a reason.
        reason: Option<&'a Reason>,
        /// How its steps stand.
        steps: Steps<'a>,
        /// When it settled, where the word says so.
        settled_at: Option<Timestamp>,
    },
    /// It has been sent out.
    Fulfilled,
    /// It has its place in lists.
    Saved,
}

/// What a word says of the steps.
pub(crate) enum Steps<'a> {
    /// Nothing is planned yet.
    None,
    /// Every planned step stands so.
    All(StepStatus),
    /// As listed.
    Listed(&'a [StepState]),
    /// Nothing new.
    AsBefore,
}

impl<'a> News<'a> {
    /// What `said` means.
    ///
    /// # Errors
    /// [`DecideError::Impossible`] for a word that is not about where an order stands.
    pub(crate) fn of(said: &'a Said) -> Result<Self, DecideError> {
        let stands = |status, steps| Self::Stands { status, reason: None, steps, settled_at: None };
        Ok(match said {
            Said::Created => stands(SagaStatus::Created, Steps::None),
            Said::Placed => stands(SagaStatus::Pending, Steps::All(StepStatus::Unknown)),
            Said::Confirmed { settled_at } => Self::Stands {
                status: SagaStatus::Confirmed,
                reason: None,
                steps: Steps::All(StepStatus::Done),
                settled_at: Some(*settled_at),
            },
            Said::Failing { reason, steps } => Self::Stands {
                status: SagaStatus::Failing,
                reason: Some(reason),
                steps: Steps::Listed(steps),
                settled_at: None,
            },
            Said::Failed { reason, steps } => Self::Stands {
                status: SagaStatus::Failed,
                reason: Some(reason),
                steps: Steps::Listed(steps),
                settled_at: None,
            },
            Said::Cancelling => stands(SagaStatus::Cancelling, Steps::AsBefore),
            Said::Cancelled { steps, .. } => stands(SagaStatus::Cancelled, Steps::Listed(steps)),
            Said::Fact { kind, .. } if kind == "order.fulfilled" => Self::Fulfilled,
            Said::Fact { kind, .. } if kind == "order.saved" => Self::Saved,
            Said::Asked { .. }
            | Said::UndoAsked { .. }
            | Said::Done { .. }
            | Said::Refused { .. }
            | Said::Pending { .. }
            | Said::Compensated { .. }
            | Said::Stuck { .. }
            | Said::Fact { .. } => {
                return Err(DecideError::Impossible(format!("the read model heard {}", said.name())));
            }
        })
    }
}

/// The view of an order heard of for the first time; any word may be the first, since old logs are pruned.
///
/// # Errors
/// [`DecideError::Impossible`] if the word carries no plan: nothing can be shown then.
pub(crate) fn first(
    heard: &Heard<'_>,
    news: &News<'_>,
    trace: Trace,
    topology: SmolStr,
    lists_wait: bool,
    previous: Option<OrderId>,
) -> Result<OrderView, DecideError> {
    let plan = heard.need_plan()?;
    // An order's id may be a moment younger than the batch that made it, which is when the order itself says that it was made.
    let made_at = made_at_ms(heard.key).map_or(heard.at, Timestamp).min(heard.at);
    let blank = OrderView {
        order_id: OrderId(heard.key),
        user_id: plan.user,
        status: SagaStatus::Created,
        reason: None,
        plan: Doc::new(without_card(plan)),
        steps: Json(Vec::new()),
        trace,
        topology,
        payment_id: None,
        created_at: made_at,
        updated_at: heard.at,
        settled_at: None,
        fulfilled: false,
        unlisted: (lists_wait && matches!(heard.said, Said::Placed)).then_some(true),
        previous,
    };
    moved(blank, heard, news)
}

/// The view after `news`; `None` if it already shows it.
///
/// # Errors
/// [`DecideError::Impossible`] for news that cannot follow.
pub(crate) fn next(
    mut view: OrderView,
    heard: &Heard<'_>,
    news: &News<'_>,
) -> Result<Option<OrderView>, DecideError> {
    let is_new = match news {
        News::Stands { status, .. } => goes_on(view.status, *status)?,
        News::Fulfilled => !view.fulfilled,
        News::Saved => view.unlisted.is_some(),
    };
    if !is_new {
        return Ok(None);
    }
    // A draft is replaced by the plan that is paid; from then on the plan is frozen, and its text need not be written again.
    if let (SagaStatus::Created, Some(plan)) = (view.status, heard.plan) {
        view.plan = Doc::new(without_card(plan));
    }
    moved(view, heard, news).map(Some)
}

fn moved(view: OrderView, heard: &Heard<'_>, news: &News<'_>) -> Result<OrderView, DecideError> {
    let (status, reason, steps, settled_at) = match news {
        News::Stands { status, reason, steps, settled_at } => (status, reason, steps, settled_at),
        News::Fulfilled => return Ok(OrderView { fulfilled: true, updated_at: heard.at, ..view }),
        News::Saved => return Ok(OrderView { unlisted: None, ..view }),
    };
    let plan = match heard.plan {
        Some(plan) => Arc::clone(plan),
        None => view.plan()?,
    };
    let steps = match steps {
        Steps::None => Vec::new(),
        Steps::All(status) => plan.steps.iter().map(|step| step_at(step, *status)).collect(),
        Steps::Listed(steps) => steps.to_vec(),
        Steps::AsBefore => view.steps.0,
    };
    Ok(OrderView {
        status: *status,
        reason: reason.cloned(),
        payment_id: plan.has(&Step::PAYMENT).then_some(plan.payment),
        steps: Json(steps),
        updated_at: heard.at,
        settled_at: status.is_settled().then(|| settled_at.unwrap_or(heard.at)),
        unlisted: view.unlisted.filter(|_| !status.is_settled()),
        ..view
    })
}

/// Whether `to` is news for an order that stands at `from`: false for what it has already passed.
fn goes_on(from: SagaStatus, to: SagaStatus) -> Result<bool, DecideError> {
    use SagaStatus::{Cancelled, Cancelling, Confirmed, Created, Failed, Failing, Pending};
    match (from, to) {
        (Created, Pending | Confirmed | Failing | Failed | Cancelling | Cancelled)
        | (Pending, Confirmed | Failing | Failed | Cancelling | Cancelled)
        | (Confirmed, Cancelling | Cancelled)
        | (Failing, Failed)
        | (Cancelling, Cancelled) => Ok(true),
        (Created, Created)
        | (Pending, Created | Pending)
        | (Confirmed | Cancelling | Cancelled, Created | Pending | Confirmed)
        | (Failing | Failed, Created | Pending | Failing)
        | (Failed, Failed)
        | (Cancelling | Cancelled, Cancelling)
        | (Cancelled, Cancelled) => Ok(false),
        (Confirmed | Cancelling | Cancelled, Failing | Failed)
        | (Failing | Failed, Confirmed | Cancelling | Cancelled) => {
            Err(DecideError::Impossible(format!("an order that is {from} was said to be {to}")))
        }
    }
}

fn step_at(step: &Step, status: StepStatus) -> StepState {
    StepState { name: step.clone(), status, reason: None, attempts: 0, parked: false }
}

/// A view is for eyes: the card's token has no business in it.
fn without_card(plan: &Arc<Plan>) -> Arc<Plan> {
    match plan.card {
        None => Arc::clone(plan),
        Some(_) => Arc::new(Plan { card: None, ..Plan::clone(plan) }),
    }
}
