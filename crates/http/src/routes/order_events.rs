//! An order followed as it moves: server-sent events, one a status.

use super::orders::visible;
use crate::app::AppState;
use crate::describe::{OrderEvent, SignedIn};
use crate::extract::{Caller, Id};
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::OrderBody;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use kernel::ids::OrderId;
use kernel::judge::{SagaStatus, StepState};
use kernel::{Entry, Said, Timestamp};
use order::Order;
use runtime::watch::Watching;
use shop::ShopError;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(follow_order))
}

/// Each status of an order as an event `order` that holds the whole order, beginning with the present one, until it is settled.
#[utoipa::path(
    get, path = "/v1/orders/{id}/events", tag = "orders", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Events; the data of each is an order", body = OrderEvent, content_type = "text/event-stream"),
        (status = 404, description = "No such order of the caller's", body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn
    )
)]
async fn follow_order(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, Problem> {
    let (sender, heard) = mpsc::unbounded_channel();
    let watcher = move |_, entry: &Arc<Entry>| {
        // The stream may have ended; it then drops its watch.
        let _ = sender.send(Arc::clone(entry));
    };
    let watching = state.shop().system().watch().add(id.0, Box::new(watcher));
    // Looked at after the watch began: what was committed before is seen here, what comes after is heard.
    let order = visible(&state, &caller, id).await?;
    let following = Following {
        state,
        id,
        heard,
        _watching: watching,
        seen: Some(order),
        waiting: VecDeque::new(),
        shown: None,
    };
    let stream = unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((event, following))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// An order as it was said to stand.
struct Moment {
    status: SagaStatus,
    reason: Option<String>,
    steps: Vec<StepState>,
    at: Timestamp,
}

/// Where an entry of the log says that its order stood, one after the other.
fn moments(entry: &Entry) -> Vec<Moment> {
    let moment = |said: &Said| {
        let (status, steps) = match said {
            Said::Created => (SagaStatus::Created, None),
            Said::Placed => (SagaStatus::Pending, None),
            Said::Failing { steps, .. } => (SagaStatus::Failing, Some(steps)),
            Said::Failed { steps, .. } => (SagaStatus::Failed, Some(steps)),
            Said::Cancelling => (SagaStatus::Cancelling, None),
            Said::Cancelled { steps, .. } => (SagaStatus::Cancelled, Some(steps)),
            Said::Confirmed { .. } => (SagaStatus::Confirmed, None),
            Said::Asked { .. }
            | Said::UndoAsked { .. }
            | Said::Done { .. }
            | Said::Refused { .. }
            | Said::Pending { .. }
            | Said::Compensated { .. }
            | Said::Stuck { .. }
            | Said::Fact { .. } => return None,
        };
        let reason = said.reason().map(ToString::to_string);
        Some(Moment { status, reason, steps: steps.cloned().unwrap_or_default(), at: entry.at })
    };
    entry.events.iter().filter_map(|event| moment(&event.said)).collect()
}

/// How far a status is along an order's way: it only ever moves up.
fn rank(status: SagaStatus) -> u8 {
    match status {
        SagaStatus::Created => 0,
        SagaStatus::Pending => 1,
        SagaStatus::Confirmed | SagaStatus::Failing => 2,
        SagaStatus::Cancelling | SagaStatus::Failed => 3,
        SagaStatus::Cancelled => 4,
    }
}

/// One client that follows one order.
struct Following {
    state: AppState,
    id: OrderId,
    heard: mpsc::UnboundedReceiver<Arc<Entry>>,
    _watching: Watching,
    /// The order as it stood when it began to be followed, until that is shown.
    seen: Option<Order>,
    waiting: VecDeque<Moment>,
    /// The last status that was shown.
    shown: Option<SagaStatus>,
}

impl Following {
    /// The next event; none after a settled order was shown, and where the process ends.
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        if let Some(order) = self.seen.take() {
            self.shown = Some(order.status);
            return self.tell(OrderBody::of(&order));
        }
        while !self.shown.is_some_and(SagaStatus::is_settled) {
            let Some(moment) = self.waiting.pop_front() else {
                let entry = tokio::select! {
                    entry = self.heard.recv() => entry?,
                    () = self.state.draining().ended() => return None,
                };
                self.waiting.extend(moments(&entry));
                continue;
            };
            // Heard and looked at both: shown once.
            if self.shown.is_none_or(|shown| rank(moment.status) > rank(shown)) {
                self.shown = Some(moment.status);
                let body = self.at(moment).await;
                return self.tell(body);
            }
        }
        None
    }

    /// The order as it stood at `moment`.
    async fn at(&self, moment: Moment) -> Result<OrderBody, ShopError> {
        let order = self.state.shop().find_order(self.id).await?;
        let (is_now, body) = (order.status == moment.status, OrderBody::of(&order)?);
        Ok(if is_now { body } else { body.at(moment.status, moment.reason, &moment.steps, moment.at) })
    }

    fn tell(&self, body: Result<OrderBody, ShopError>) -> Option<Result<Event, axum::Error>> {
        match body {
            Ok(body) => Some(Event::default().event("order").json_data(body)),
            Err(error) => {
                // The stream ends; the client asks again and is told why.
                tracing::warn!(%error, order_id = %self.id, "an order could not be followed");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{DomainName, Reason, SaidEvent, Step, Trace};

    fn entry(said: Vec<Said>) -> Entry {
        let events = said.into_iter().map(|said| SaidEvent { by: DomainName::of("order"), said }).collect();
        Entry {
            v: Entry::VERSION,
            key: uuid::Uuid::nil(),
            at: Timestamp(7),
            trace: Trace::default(),
            plan: None,
            events,
        }
    }

    #[test]
    fn one_row_of_the_log_may_tell_of_several_statuses() {
        let reason = Reason::OUT_OF_STOCK;
        let told = moments(&entry(vec![
            Said::Placed,
            Said::Refused { step: Step::STOCK, reason: reason.clone() },
            Said::Failing { reason: reason.clone(), steps: Vec::new() },
            Said::Failed { reason, steps: Vec::new() },
        ]));
        let told: Vec<_> =
            told.iter().map(|moment| (moment.status.word(), moment.reason.as_deref())).collect();
        let why = Some("OUT_OF_STOCK");
        assert_eq!(told, [("PENDING", None), ("FAILING", why), ("FAILED", why)]);
    }

    #[test]
    fn every_way_that_an_order_can_go_moves_up() {
        use SagaStatus::{Cancelled, Cancelling, Confirmed, Created, Failed, Failing, Pending};
        for way in [vec![Created, Pending, Failing, Failed], vec![Pending, Confirmed, Cancelling, Cancelled]]
        {
            assert!(way.is_sorted_by_key(|status| rank(*status)));
            assert!(way.windows(2).all(|pair| rank(pair[0]) < rank(pair[1])), "{way:?}");
        }
    }
}
