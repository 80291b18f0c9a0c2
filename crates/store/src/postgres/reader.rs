//! The reading side: a few connections that many threads share, and snapshots on connections of their own.

use super::driver::Driver;
use super::read::{self, Read};
use super::schema::{self, Layout};
use super::server::{Role, Server};
use super::session::Session;
use super::{log, values};
use kernel::table::{Key, Row, Table};
use kernel::time::Backoff;
use parking_lot::Mutex;
use runtime::ports::store::{Chain, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

/// Waits before a server that is away is tried again; who asks meanwhile is told so at once.
const AWAY: Backoff = Backoff { first: Duration::from_millis(20), cap: Duration::from_secs(1) };

/// Reads one PostgreSQL database.
pub struct PostgresReader {
    driver: Arc<Driver>,
    layout: Arc<Layout>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// Whichever connection is free.
    Pool(Arc<Pool>),
    /// A connection that stays at one moment.
    Moment(Arc<tokio::sync::Mutex<Session>>),
}

impl PostgresReader {
    /// Opens a database beside whoever writes it: nothing is changed. For an audit.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if there is no such database, or its layout is not that of `tables`.
    pub fn open_readonly(server: &Server, tables: &[&'static Table]) -> Result<Self, StoreError> {
        let layout = Arc::new(schema::layout(tables)?);
        let reader = Self::over(server.clone(), Arc::clone(&layout), 1)?;
        let server = server.clone();
        reader.driver.run(async move {
            let mut session = Session::open(&server, Role::Reader).await?;
            schema::check(&mut session, &layout).await
        })?;
        Ok(reader)
    }

    pub(super) fn over(server: Server, layout: Arc<Layout>, connections: usize) -> Result<Self, StoreError> {
        let driver = Arc::new(Driver::start("postgres-reader")?);
        let pool = Pool {
            server,
            permits: Semaphore::new(connections.max(1)),
            free: Mutex::default(),
            away: Mutex::default(),
        };
        Ok(Self { driver, layout, source: Source::Pool(Arc::new(pool)) })
    }

    fn run(&self, read: Read) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let source = self.source.clone();
        self.driver.run(async move {
            match source {
                Source::Pool(pool) => pool.run(&read).await,
                Source::Moment(session) => read.run(&mut *session.lock().await).await,
            }
        })
    }

    fn rows(&self, table: &Table, read: Read) -> Result<Vec<Row>, StoreError> {
        self.run(read)?.iter().map(|row| values::row(table, row)).collect()
    }

    fn log_rows(&self, read: Read) -> Result<Vec<StoredLogRow>, StoreError> {
        Ok(self.run(read)?.iter().map(log::stored).collect())
    }
}

impl Reader for PostgresReader {
    fn is_remote(&self) -> bool {
        true
    }

    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.rows(table, Read::keys(&self.layout, table, keys)?)
    }

    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.rows(query.table, Read::query(&self.layout, query)?)
    }

    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError> {
        self.run(Read::top(&self.layout, top)?)?.iter().map(|row| read::group(top, row)).collect()
    }

    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError> {
        self.rows(chain.table, Read::chain(&self.layout, chain)?)
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        self.log_rows(Read::log_after(after, limit))
    }

    fn log_of(&self, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        self.log_rows(Read::log_of(key))
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        let rows = self.run(Read::log_state())?;
        rows.first()
            .map(log::state)
            .ok_or_else(|| StoreError::Unusable("the log has lost its state".to_owned()))
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        let source = match &self.source {
            Source::Moment(session) => Source::Moment(Arc::clone(session)),
            Source::Pool(pool) => {
                let server = pool.server.clone();
                let session = self.driver.run(async move {
                    let mut session = Session::open(&server, Role::Moment).await?;
                    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
                    // The first read pins the moment: it is this call's.
                    Read::log_state().run(&mut session).await?;
                    Ok(session)
                })?;
                Source::Moment(Arc::new(tokio::sync::Mutex::new(session)))
            }
        };
        Ok(Box::new(Self { driver: Arc::clone(&self.driver), layout: Arc::clone(&self.layout), source }))
    }
}

struct Pool {
    server: Server,
    permits: Semaphore,
    /// The last used on top.
    free: Mutex<Vec<Session>>,
    away: Mutex<Away>,
}

/// What is known of a server that is away.
#[derive(Default)]
struct Away {
    tries: u32,
    until: Option<Instant>,
}

impl Pool {
    async fn run(&self, read: &Read) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let ended = |_| StoreError::Retry("the reader has ended".to_owned());
        let _permit = self.permits.acquire().await.map_err(ended)?;
        while let Some(mut session) = self.free_session() {
            let rows = read.run(&mut session).await;
            if !session.is_lost() {
                self.free.lock().push(session);
                return rows;
            }
            // It was lost while it waited, and with it perhaps all of them: a read may be asked again.
        }
        let mut session = self.connect().await?;
        let rows = read.run(&mut session).await;
        if !session.is_lost() {
            self.free.lock().push(session);
        }
        rows
    }

    fn free_session(&self) -> Option<Session> {
        let mut free = self.free.lock();
        free.retain(|session| !session.is_lost());
        free.pop()
    }

    async fn connect(&self) -> Result<Session, StoreError> {
        if self.away.lock().until.is_some_and(|until| Instant::now() < until) {
            return Err(StoreError::Retry(format!("{} is away", self.server)));
        }
        let connected = Session::open(&self.server, Role::Reader).await;
        let mut away = self.away.lock();
        match &connected {
            Ok(_) => *away = Away::default(),
            Err(_) => {
                away.until = Some(Instant::now() + AWAY.wait(away.tries));
                away.tries = away.tries.saturating_add(1);
            }
        }
        connected
    }
}
