//! What goes through a world, in the order in which it happens: every log row right after its commit, every call that leaves.

use data_platform::DeliveryCall;
use kernel::{DomainName, Entry};
use payment::PgCall;
use payment::gateway::PgRequest;
use runtime::Door;
use runtime::ports::outside::Outside;
use runtime::ports::store::Position;
use runtime::tail::Observer;
use std::any::Any;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// One thing that happened.
pub(crate) enum Happened {
    /// One transaction said this.
    Committed { database: String, entries: Vec<Arc<Entry>> },
    /// A call left for the outside.
    Called { by: DomainName, about: Option<Uuid>, what: String },
}

/// Takes down everything while it runs.
#[derive(Default)]
pub(crate) struct Tape(Mutex<Option<Vec<Happened>>>);

impl Tape {
    /// Begins, with nothing on it.
    pub(crate) fn start(&self) {
        *self.0.lock().unwrap() = Some(Vec::new());
    }

    /// Ends; what is on it.
    pub(crate) fn stop(&self) -> Vec<Happened> {
        self.0.lock().unwrap().take().unwrap_or_default()
    }

    fn note(&self, happened: Happened) {
        if let Some(tape) = self.0.lock().unwrap().as_mut() {
            tape.push(happened);
        }
    }
}

/// Hears one database's log.
pub(super) struct Ear {
    pub(super) database: String,
    pub(super) tape: Arc<Tape>,
}

impl Observer for Ear {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        let entries = rows.iter().map(|(_, entry)| Arc::clone(entry)).collect();
        self.tape.note(Happened::Committed { database: self.database.clone(), entries });
    }
}

/// Stands before an adapter, and hears what it is asked.
pub(super) struct Overheard {
    pub(super) by: DomainName,
    pub(super) outside: Arc<dyn Outside>,
    pub(super) tape: Arc<Tape>,
}

impl Outside for Overheard {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        let (about, what) = describe(request.as_ref());
        self.tape.note(Happened::Called { by: self.by.clone(), about, what });
        self.outside.start(request, door);
    }
}

/// Which order a call is about, and what it says.
fn describe(request: &(dyn Any + Send + Sync)) -> (Option<Uuid>, String) {
    if let Some(call) = request.downcast_ref::<PgCall>() {
        let what = match &call.request {
            PgRequest::Charge { amount, .. } => format!("PG: charge {amount}"),
            PgRequest::Query { .. } => "PG: what became of the charge?".to_owned(),
            PgRequest::Cancel { .. } => "PG: give the charge back".to_owned(),
            PgRequest::List { .. } => "PG: a page of your book".to_owned(),
        };
        return (call.leg.as_ref().map(|(saga, _)| saga.0), what);
    }
    match request.downcast_ref::<DeliveryCall>() {
        Some(call) => (Some(call.order_id.0), format!("platform: {}", call.event)),
        None => (None, "somebody unknown".to_owned()),
    }
}
