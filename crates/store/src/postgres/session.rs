//! A session: one connection, its statements prepared once, several of them sent in one flight.

use super::error::{ends_session, store_error};
use super::server::{PATIENCE, Role, Server};
use futures::future::{BoxFuture, MaybeDone, join_all, maybe_done};
use futures::{FutureExt, TryFutureExt, poll};
use runtime::ports::store::StoreError;
use rustc_hash::FxHashMap;
use std::pin::Pin;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

/// A parameter of a statement.
pub(super) type Parameter<'p> = &'p (dyn ToSql + Sync);

/// One connection. After an error that says that it is gone it answers nothing more.
pub(super) struct Session {
    client: Client,
    statements: FxHashMap<String, Statement>,
    lost: bool,
}

/// A prepared statement with what it is run with.
pub(super) type Call<'p> = (Statement, Vec<Parameter<'p>>);

/// What a flight begins and ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// `BEGIN` first.
    pub(super) begin: bool,
    /// `COMMIT` last.
    pub(super) commit: bool,
}

impl Session {
    /// A new connection.
    ///
    /// # Errors
    /// As [`Server::connect`].
    pub(super) async fn open(server: &Server, role: Role) -> Result<Self, StoreError> {
        let client = server.connect(role).await?;
        Ok(Self { client, statements: FxHashMap::default(), lost: false })
    }

    /// Whether it has ended, as far as is known.
    pub(super) fn is_lost(&self) -> bool {
        self.lost || self.client.is_closed()
    }

    /// The statement of this text, prepared at its first use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn prepared(&mut self, text: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.statements.get(text) {
            return Ok(known.clone());
        }
        let statement = in_time(self.client.prepare(text)).await;
        let statement = self.heard(statement)?;
        self.statements.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The rows of one statement.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn query(
        &mut self,
        text: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepared(text).await?;
        let rows = in_time(self.client.query(&statement, parameters)).await;
        self.heard(rows)
    }

    /// The only row of one statement.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unusable`] if there is none.
    pub(super) async fn row(&mut self, text: &str, parameters: &[Parameter<'_>]) -> Result<Row, StoreError> {
        let row = self.query(text, parameters).await?.into_iter().next();
        row.ok_or_else(|| StoreError::Unusable("a row of the store's own is missing".to_owned()))
    }

    /// Statements without parameters or rows, as a text.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn execute(&mut self, text: &str) -> Result<(), StoreError> {
        let done = in_time(self.client.batch_execute(text)).await;
        self.heard(done)
    }

    /// Sends all calls at once and waits for all answers: one round trip, and one transaction's. The rows of the last call; an error
    /// is the first one.
    ///
    /// The server goes on after an error, and answers that the transaction is aborted; a `COMMIT` then rolls back. A call that
    /// cannot even be sent must not be followed by one.
    ///
    /// # Errors
    /// [`StoreError`]. With `commit`, the transaction is over unless the session is lost: then nobody knows.
    pub(super) async fn fly(&mut self, frame: Frame, calls: &[Call<'_>]) -> Result<Vec<Row>, StoreError> {
        let answers = in_time(send(&self.client, frame, calls).map(Ok)).await;
        let answers = self.heard(answers)?;
        let mut rows = Vec::new();
        for answer in answers {
            rows = self.heard(Ok(answer))?.unwrap_or(rows);
        }
        Ok(rows)
    }

    /// Notes whether the session is lost with this answer.
    fn heard<T>(&mut self, answer: Result<Result<T, Error>, StoreError>) -> Result<T, StoreError> {
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.lost |= ends_session(&error);
                Err(store_error(error))
            }
            Err(error) => {
                self.lost = true;
                Err(error)
            }
        }
    }
}

type Answer = Result<Option<Vec<Row>>, Error>;

/// A call on its way.
type Sent<'c> = Pin<Box<MaybeDone<BoxFuture<'c, Answer>>>>;

fn plain<'c>(client: &'c Client, text: &'static str) -> Sent<'c> {
    Box::pin(maybe_done(client.batch_execute(text).map_ok(|()| None).boxed()))
}

fn query<'c>(client: &'c Client, (statement, parameters): &'c Call<'c>) -> Sent<'c> {
    Box::pin(maybe_done(client.query(statement, parameters).map_ok(Some).boxed()))
}

/// The answers in the order of what was sent; `None` for the frame's.
async fn send(client: &Client, frame: Frame, calls: &[Call<'_>]) -> Vec<Answer> {
    let begin = frame.begin.then(|| plain(client, "BEGIN"));
    let mut sent: Vec<Sent<'_>> =
        begin.into_iter().chain(calls.iter().map(|call| query(client, call))).collect();
    let mut unsent = false;
    for call in &mut sent {
        // The first poll hands it to the connection; what is answered that soon was never sent.
        let _ = poll!(call.as_mut());
        unsent |= call.as_mut().output_mut().is_some_and(|answer: &mut Answer| answer.is_err());
    }
    match frame {
        Frame { commit: true, .. } if !unsent => sent.push(plain(client, "COMMIT")),
        Frame { begin: true, .. } | Frame { commit: true, .. } if unsent => {
            sent.push(plain(client, "ROLLBACK"));
        }
        _ => {}
    }
    join_all(sent.iter_mut().map(Pin::as_mut)).await;
    sent.iter_mut().filter_map(|call| call.as_mut().take_output()).collect()
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .map_err(|_| StoreError::Retry("the server does not answer".to_owned()))
}
