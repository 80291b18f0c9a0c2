//! PostgreSQL: a database per unit, several writers beside each other, any number of readers.
//!
//! A batch is a transaction of few round trips: its loads, and one flight of everything that is written, with the commit at its end.

mod driver;
mod error;
mod lease;
mod log;
mod read;
mod reader;
mod schema;
mod server;
mod session;
mod tls;
mod values;
mod write;

pub use lease::PostgresLease;
pub use reader::PostgresReader;
pub use server::Server;

use crate::{Durability, checks};
use driver::Driven;
use kernel::state::Write;
use kernel::table::{Key, Row, Table};
use runtime::ports::store::{Epoch, Intent, LogRow, Position, Reader, Store, StoreError};
use schema::Layout;
use server::Role;
use session::{Call, Frame, Parameter, Session};
use std::sync::Arc;
use write::{Ending, Seen};

/// How a database is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What a commit survives.
    pub durability: Durability,
    /// Connections for reading at most, beside those of snapshots.
    pub readers: usize,
    /// Rows in one partition of the event log.
    pub log_partition: u64,
    /// The epoch of a database that is new; an older one keeps its own.
    pub epoch_if_new: Epoch,
}

impl Options {
    /// Durable, with few connections.
    #[must_use]
    pub const fn new(epoch_if_new: Epoch) -> Self {
        Self { durability: Durability::Full, readers: 4, log_partition: 1_000_000, epoch_if_new }
    }
}

/// The writing side of one PostgreSQL database. Several may write the same one, in one process or in many.
pub struct PostgresStore {
    driven: Driven,
    writer: Writer,
    reader: Arc<PostgresReader>,
}

/// What is driven: everything but the executor.
struct Writer {
    server: Server,
    options: Options,
    layout: Arc<Layout>,
    session: Option<Session>,
    /// Which row of `log_sessions` is ours, whatever connection we have.
    id: i32,
    /// The last batch that was to be committed.
    batch: i64,
    /// Whether that ended without a word.
    in_doubt: bool,
    transaction: Transaction,
    seen: Seen,
    /// Where the log stood when we last knew.
    head: u64,
    /// Up to which position its partitions are there.
    room: Position,
    /// For how many more rows they are to be: a whole partition, and the largest batch yet.
    ahead: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    /// Begun as far as the batch knows; the server hears of it with the first statement.
    Wanted,
    Open,
}

impl PostgresStore {
    /// Opens a database for writing, made if it is missing and we may, with its layout brought up to `tables`.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if the server is away; [`StoreError::Unusable`] if it does not let us in, if the database is not ours, or
    /// if its layout differs by more than missing tables, nullable columns and indexes.
    pub fn open(server: &Server, tables: &[&'static Table], options: &Options) -> Result<Self, StoreError> {
        let layout = Arc::new(schema::layout(tables)?);
        let driven = Driven::new()?;
        let mut writer = Writer::new(server.clone(), options.clone(), Arc::clone(&layout));
        driven.wait(writer.open())?;
        let reader = PostgresReader::over(server.clone(), layout, options.readers)?;
        Ok(Self { driven, writer, reader: Arc::new(reader) })
    }

    /// The reading side, to be shared by all who read.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.reader) as Arc<dyn Reader>
    }
}

/// The names of the databases on `server` that begin with `prefix`.
///
/// # Errors
/// [`StoreError`], if it is away or does not let us in.
pub fn databases(server: &Server, prefix: &str) -> Result<Vec<String>, StoreError> {
    Driven::new()?.wait(server.databases(prefix))
}

/// Removes a database and all that is in it, whoever is connected to it; one that is not there is removed already.
///
/// # Errors
/// [`StoreError`], if the server is away or does not let us.
pub fn remove(server: &Server) -> Result<(), StoreError> {
    Driven::new()?.wait(server.remove())
}

impl Writer {
    fn new(server: Server, options: Options, layout: Arc<Layout>) -> Self {
        let ahead = options.log_partition;
        Self {
            ahead,
            server,
            options,
            layout,
            session: None,
            id: 0,
            batch: 0,
            in_doubt: false,
            transaction: Transaction::None,
            seen: Seen::default(),
            head: 0,
            room: Position(0),
        }
    }

    async fn open(&mut self) -> Result<(), StoreError> {
        self.server.ensure().await?;
        let mut session = Session::open(&self.server, Role::Layout).await?;
        schema::prepare(&mut session, &self.layout, self.options.epoch_if_new).await?;
        let id = session.row("INSERT INTO \"log_sessions\" DEFAULT VALUES RETURNING \"id\"", &[]).await?;
        self.id = id.get(0);
        let (size, ahead) = (self.options.log_partition, self.ahead);
        self.room = log::make_room(self.connected().await?, size, ahead).await?;
        Ok(())
    }

    /// The session, a new one if the last is lost. Whatever the last one was doing has ended before the new one does anything: it
    /// holds a lock for as long as it lives, and is ended if it still does.
    async fn connected(&mut self) -> Result<&mut Session, StoreError> {
        const OWN: &str = "('log_sessions'::regclass::oid::int, $1)";
        const END_THE_LAST: &str = "\
            SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
            AND classid = 'log_sessions'::regclass::oid AND objid::bigint = $1::int AND pid <> pg_backend_pid()";
        if self.session.as_ref().is_some_and(Session::is_lost) {
            self.session = None;
        }
        if self.session.is_none() {
            self.transaction = Transaction::None;
            let mut session = Session::open(&self.server, Role::Writer(self.options.durability)).await?;
            session.query(END_THE_LAST, &[&self.id]).await?;
            session.query(&format!("SELECT pg_advisory_lock{OWN}"), &[&self.id]).await?;
            self.room = Position(0);
            self.session = Some(session);
        }
        self.session.as_mut().ok_or_else(|| StoreError::Retry("there is no session".to_owned()))
    }
}

impl Writer {
    /// What every statement of a batch begins with: whether it has to begin the transaction too.
    async fn within(&mut self) -> Result<bool, StoreError> {
        match self.transaction {
            Transaction::None => Err(StoreError::Unusable("nothing was begun".to_owned())),
            Transaction::Open if self.session.as_ref().is_some_and(|session| !session.is_lost()) => Ok(false),
            Transaction::Open => Err(StoreError::Retry("the transaction was lost".to_owned())),
            Transaction::Wanted => {
                let (head, size, ahead) = (self.head, self.options.log_partition, self.ahead);
                let (is_there, session) = (self.room.0, self.connected().await?);
                // A whole partition is kept ahead, so that the others may go on meanwhile.
                if is_there < head + ahead {
                    self.room = log::make_room(session, size, ahead).await?;
                }
                // A new session has begun nothing, and is to.
                self.transaction = Transaction::Wanted;
                Ok(true)
            }
        }
    }

    fn session(&mut self) -> Result<&mut Session, StoreError> {
        self.session.as_mut().ok_or_else(|| StoreError::Retry("there is no session".to_owned()))
    }

    async fn load(&mut self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        let layout = Arc::clone(&self.layout);
        let text = &layout.get(table)?.lock;
        for key in keys {
            checks::whole_key(table, key)?;
            values::fit(table, &key.0)?;
        }
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let begin = self.within().await?;
        let session = self.session()?;
        let statement = session.prepared(text).await?;
        let arrays = read::arrays_of(table, keys);
        let parameters = arrays.iter().map(|array| array as Parameter<'_>).collect();
        self.transaction = Transaction::Open;
        let found = self.session()?.fly(Frame { begin, commit: false }, &[(statement, parameters)]).await?;
        let rows: Vec<Row> = found.iter().map(|row| values::row(table, row)).collect::<Result<_, _>>()?;
        for row in &rows {
            self.seen.note(table, Key::of_row(table, row), true);
        }
        for key in keys {
            self.seen.note(table, key.clone(), false);
        }
        Ok(rows)
    }

    async fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        let layout = Arc::clone(&self.layout);
        // Whoever begins another batch has given up asking about the last one.
        self.in_doubt = false;
        self.ahead = self.ahead.max(self.options.log_partition + log.len() as u64);
        let changes = write::changes(&layout, &self.seen, writes)?;
        self.batch += 1;
        let ending = Ending::of(log, self.batch, self.id)?;
        let begin = self.within().await?;
        let session = self.session()?;
        let mut calls: Vec<Call<'_>> = Vec::with_capacity(changes.len() + 1);
        for change in &changes {
            calls.push(change.call(session).await?);
        }
        calls.push(ending.call(session).await?);
        let flown = session.fly(Frame { begin, commit: true }, &calls).await;
        // An error that leaves the session is told by a server that rolled back.
        let over = flown.is_err() && !session.is_lost();
        (self.transaction, self.in_doubt) = (Transaction::None, !over);
        let first = log::placed(&flown.inspect_err(|error| self.note_room(error))?)?;
        self.in_doubt = false;
        self.head = first.0 - 1 + log.len() as u64;
        Ok(first)
    }

    /// Another instance may have filled the partitions that we know of.
    fn note_room(&mut self, failed: &StoreError) {
        if matches!(failed, StoreError::Retry(why) if why == error::NO_PARTITION) {
            self.room = Position(0);
        }
    }

    async fn settle(&mut self) -> Result<Option<Position>, StoreError> {
        const LAST: &str = "SELECT \"batch\", \"position\" FROM \"log_sessions\" WHERE \"id\" = $1";
        if !self.in_doubt {
            return Ok(None);
        }
        let (id, batch) = (self.id, self.batch);
        let row = self.connected().await?.row(LAST, &[&id]).await?;
        self.in_doubt = false;
        let happened = row.get::<_, i64>(0) == batch;
        Ok(happened.then(|| Position(u64::try_from(row.get::<_, i64>(1)).unwrap_or_default())))
    }

    async fn roll_back(&mut self) {
        let was = std::mem::replace(&mut self.transaction, Transaction::None);
        self.seen.clear();
        if let (Transaction::Open, Some(session)) = (was, &mut self.session)
            && session.execute("ROLLBACK").await.is_err()
        {
            // With its connection the transaction ends.
            self.session = None;
        }
    }
}

impl Store for PostgresStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.writer.transaction != Transaction::None {
            self.roll_back();
            return Err(StoreError::Unusable("the last batch's transaction is still open".to_owned()));
        }
        self.writer.seen.clear();
        self.writer.transaction = Transaction::Wanted;
        Ok(())
    }

    fn load(&mut self, table: &'static Table, keys: &[Key], _: Intent) -> Result<Vec<Row>, StoreError> {
        self.driven.wait(self.writer.load(table, keys))
    }

    fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        let committed = self.driven.wait(self.writer.commit(writes, log));
        if committed.is_err() {
            self.roll_back();
        }
        committed
    }

    fn settle(&mut self) -> Result<Option<Position>, StoreError> {
        self.driven.wait(self.writer.settle())
    }

    fn roll_back(&mut self) {
        let rolled_back = self.driven.wait(async {
            self.writer.roll_back().await;
            Ok(())
        });
        // Without an executor there is no connection either.
        drop(rolled_back);
    }

    fn prune_log(&mut self, through: Position) -> Result<(), StoreError> {
        self.writer.idle()?;
        self.driven.wait(async { log::prune(self.writer.connected().await?, through).await })
    }

    fn new_epoch(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.writer.idle()?;
        let change = async { self.writer.connected().await?.query(log::NEW_EPOCH, &[&epoch.0]).await };
        self.driven.wait(change).map(drop)
    }
}

impl Writer {
    fn idle(&self) -> Result<(), StoreError> {
        match self.transaction {
            Transaction::None => Ok(()),
            _ => Err(StoreError::Unusable("a batch's transaction is open".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
