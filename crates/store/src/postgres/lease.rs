//! A lock that a session keeps for as long as it lives: of several instances, one does what need not be done twice.

use super::driver::Driver;
use super::error::store_error;
use super::server::{Role, Server};
use super::session::Session;
use parking_lot::Mutex;
use runtime::ports::guard::{Guard, Hold};
use runtime::ports::store::StoreError;
use std::time::Duration;

/// How long whoever finds it held waits before asking again.
const AGAIN: Duration = Duration::from_secs(1);

/// An advisory lock of a PostgreSQL database. It goes with the connection: with its holder, or with the server.
pub struct PostgresLease {
    server: Server,
    name: String,
    driver: Driver,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The connection, whether or not it has the lock.
    session: Option<Session>,
    held: bool,
}

impl PostgresLease {
    /// The lock called `name` in the database of `server`. Nobody is asked yet.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if the system has no thread left for it.
    pub fn new(server: &Server, name: &str) -> Result<Self, StoreError> {
        let driver = Driver::start("postgres-lease")?;
        Ok(Self { server: server.clone(), name: name.to_owned(), driver, state: Mutex::default() })
    }

    /// Tries to take it by `session`, or by a new one.
    fn take(&self, session: Option<Session>) -> Result<(Session, bool), StoreError> {
        let (server, name) = (self.server.clone(), self.name.clone());
        self.driver.run(async move {
            let mut session = match session {
                Some(session) => session,
                None => Session::open(&server, Role::Reader).await?,
            };
            let row = session.row("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", &[&name]).await?;
            let taken = row.try_get(0).map_err(store_error)?;
            Ok((session, taken))
        })
    }
}

impl Guard for PostgresLease {
    fn hold(&self) -> Hold {
        let mut state = self.state.lock();
        let session = state.session.take().filter(|session| !session.is_lost());
        match (session, state.held) {
            (Some(session), true) => {
                state.session = Some(session);
                Hold::Kept
            }
            (session, _) => {
                state.held = false;
                match self.take(session) {
                    Ok((session, taken)) => {
                        *state = State { session: Some(session), held: taken };
                        if taken { Hold::Taken } else { Hold::Elsewhere(AGAIN) }
                    }
                    Err(_) => Hold::Away,
                }
            }
        }
    }

    fn release(&self) {
        *self.state.lock() = State::default();
    }
}
