//! What a unit answers to the other units of its system. Never part of the public description, and closed to everyone without a service
//! token. It reads this process's own databases only: who answers never waits for another unit, so waiting forms no circle.

use crate::peer::DEADLINE_HEADER;
use crate::token::{ServiceKey, TokenFault};
use crate::wire::{
    AskLog, Cell, Fault, FaultKind, HandleLetter, Log, MOST_ROWS, Read, Rows, Tables, Understood, cells,
};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use kernel::Record;
use kernel::ids::{LetterId, UserId};
use kernel::said::Entry;
use runtime::message::LetterOrder;
use runtime::neighbour::UnitStatus;
use runtime::ports::store::{Position, Reader, StoreError};
use runtime::system::Handle;
use runtime::tail::Observer;
use runtime::{CommandError, Feed, Registry, System};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The largest question, in bytes: keys of a whole batch and more.
const LARGEST: usize = 8 * 1024 * 1024;
/// The longest that anything is worked on.
const LONGEST: Duration = Duration::from_secs(10);
/// The longest that a log is listened to at a time.
pub const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// What a unit's internal door is made of.
pub struct ApiParts {
    /// The unit's databases.
    pub system: Arc<System>,
    /// Their tables.
    pub registry: Registry,
    /// The names that this process answers to: its units'.
    pub units: Vec<String>,
    /// The key of all units.
    pub key: ServiceKey,
    /// True once the process is asked to end: nobody waits for news then.
    pub closing: watch::Receiver<bool>,
}

#[derive(Clone)]
struct Api(Arc<Inner>);

struct Inner {
    system: Arc<System>,
    books: BTreeMap<String, Book>,
    units: Vec<String>,
    key: ServiceKey,
    closing: watch::Receiver<bool>,
}

/// One database, as others ask about it.
struct Book {
    tables: Tables,
    reader: Arc<dyn Reader>,
    /// Changes with every row of its log.
    news: watch::Receiver<()>,
}

/// Tells those who wait that something was said.
struct News(watch::Sender<()>);

impl Observer for News {
    fn committed(&self, _: &[(Position, Arc<Entry>)]) {
        self.0.send_replace(());
    }
}

/// The internal door.
pub fn router(parts: ApiParts) -> Router {
    let ApiParts { system, registry, units, key, closing } = parts;
    let book = |handle: &Handle| {
        let (sender, news) = watch::channel(());
        handle.tail.observe(Arc::new(News(sender)));
        let tables = Tables::new(registry.tables(&handle.database));
        (handle.database.name.clone(), Book { tables, reader: Arc::clone(&handle.reader), news })
    };
    let books = system.databases().iter().map(book).collect();
    let api = Api(Arc::new(Inner { system, books, units, key, closing }));
    Router::new()
        .route("/internal/v1/status", post(status))
        .route("/internal/v1/{database}/read", post(read))
        .route("/internal/v1/{database}/log", post(log))
        .route("/internal/v1/{database}/letter", post(letter))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(from_fn_with_state(api.clone(), believed))
        .with_state(api)
}

/// Lets through who shows a token for one of our units.
async fn believed(State(api): State<Api>, request: Request, next: Next) -> Response {
    match shown(&api.0, request.headers()) {
        Ok(_) => next.run(request).await,
        Err(fault) => {
            tracing::warn!(%fault, path = request.uri().path(), "an internal call was refused");
            Fault { kind: FaultKind::Unauthorized, detail: fault.to_string() }.into_response()
        }
    }
}

fn shown(api: &Inner, headers: &HeaderMap) -> Result<String, TokenFault> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(TokenFault::Missing)?;
    let now = api.system.clock().now();
    let mut checked = Err(TokenFault::Invalid);
    for unit in &api.units {
        checked = api.key.check(token, unit, now);
        if checked.is_ok() {
            break;
        }
    }
    checked
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = match self.kind {
            FaultKind::Retry => StatusCode::SERVICE_UNAVAILABLE,
            FaultKind::Full => StatusCode::INSUFFICIENT_STORAGE,
            FaultKind::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
            FaultKind::Unusable => StatusCode::INTERNAL_SERVER_ERROR,
            FaultKind::Unauthorized => StatusCode::UNAUTHORIZED,
        };
        (status, Json(self)).into_response()
    }
}

impl Api {
    fn book(&self, database: &str) -> Result<&Book, Fault> {
        self.0.books.get(database).ok_or_else(|| Fault::rejected("this unit has no such database"))
    }
}

/// How long the caller waits for an answer.
fn patience(headers: &HeaderMap) -> Duration {
    let asked = headers.get(DEADLINE_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
    asked.map_or(LONGEST, Duration::from_millis).min(LONGEST)
}

/// Works on a thread that may block, no longer than the caller waits.
async fn work<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Fault> {
    let late = || Fault { kind: FaultKind::Retry, detail: "it took longer than the caller waits".to_owned() };
    let lost = || Fault { kind: FaultKind::Unusable, detail: "the answer was lost".to_owned() };
    let done = tokio::time::timeout(patience, tokio::task::spawn_blocking(work)).await;
    Ok(done.map_err(|_| late())?.map_err(|_| lost())??)
}

async fn read(
    State(api): State<Api>,
    Path(database): Path<String>,
    headers: HeaderMap,
    Json(question): Json<Read>,
) -> Result<Json<Rows>, Fault> {
    let book = api.book(&database)?;
    let (question, reader) = (question.understood(&book.tables)?, Arc::clone(&book.reader));
    let rows = work(patience(&headers), move || match question {
        Understood::Load(table, keys) => reader.load(table, &keys),
        Understood::Query(query) => reader.query(&query),
        Understood::Top(top) => reader.top(&top),
        Understood::Follow(chain) => reader.follow(&chain),
    });
    let rows = rows.await?.iter().map(|row| cells(row.iter())).collect();
    Ok(Json(Rows { rows }))
}

async fn log(
    State(api): State<Api>,
    Path(database): Path<String>,
    headers: HeaderMap,
    Json(question): Json<AskLog>,
) -> Result<Json<Log>, Fault> {
    let book = api.book(&database)?;
    let reader = Arc::clone(&book.reader);
    let read: Box<dyn FnOnce() -> Result<Log, StoreError> + Send> = match question {
        AskLog::Of { key } => Box::new(move || Ok(Log::new(reader.log_state()?, reader.log_of(key)?))),
        AskLog::After { after, limit, wait_ms } => {
            if limit > MOST_ROWS {
                return Err(Fault::rejected("too many rows"));
            }
            news_after(&api, &database, Position(after), Duration::from_millis(wait_ms)).await;
            Box::new(move || {
                let rows = if limit == 0 { Vec::new() } else { reader.log_after(Position(after), limit)? };
                // Asked after the rows, so that it is never behind them.
                Ok(Log::new(reader.log_state()?, rows))
            })
        }
    };
    work(patience(&headers), read).await.map(Json)
}

/// Waits until the log stands elsewhere than at `after`, the process is to end, or `at_most` is over.
async fn news_after(api: &Api, database: &str, after: Position, at_most: Duration) {
    let Some(book) = api.0.books.get(database) else { return };
    let handle = api.0.system.databases().iter().find(|handle| handle.database.name == database);
    let (mut news, mut closing) = (book.news.clone(), api.0.closing.clone());
    let heard = async {
        loop {
            news.borrow_and_update();
            if handle.is_none_or(|handle| handle.tail.head().1 != after) || news.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = heard => {}
        _ = closing.wait_for(|closing| *closing) => {}
        () = tokio::time::sleep(at_most.min(LONGEST_WAIT)) => {}
    }
}

async fn letter(
    State(api): State<Api>,
    Path(database): Path<String>,
    Json(asked): Json<HandleLetter>,
) -> Result<Json<Option<Vec<Cell>>>, Fault> {
    let handle = api.0.system.databases().iter().find(|handle| handle.database.name == database);
    let handle = handle.ok_or_else(|| Fault::rejected("this unit has no such database"))?;
    let order = asked.note.map_or(LetterOrder::Redrive, LetterOrder::Resolve);
    let (sender, receiver) = oneshot::channel();
    handle.door.letter(LetterId(asked.id), order, UserId(asked.by), move |answer| {
        // The operator may have gone; what was decided stands.
        let _ = sender.send(answer);
    });
    let lost = |_| CommandError::Fault("the answer was lost".to_owned());
    let answer = receiver.await.map_err(lost).and_then(|answer| answer).map_err(|error| match error {
        CommandError::Unavailable(..) | CommandError::Full(_) => {
            Fault { kind: FaultKind::Retry, detail: error.to_string() }
        }
        CommandError::Fault(_) => Fault { kind: FaultKind::Unusable, detail: error.to_string() },
    })?;
    Ok(Json(answer.map(|letter| cells(letter.to_row().iter()))))
}

async fn status(State(api): State<Api>) -> Json<UnitStatus> {
    Json(api.0.system.status())
}
