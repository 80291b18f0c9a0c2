//! The event log: one row that counts, partitions by position, and what each session has committed last.

use super::session::Session;
use kernel::Timestamp;
use runtime::ports::store::{Epoch, LogRow, LogState, Position, StoreError, StoredLogRow};
use std::sync::Arc;
use tokio_postgres::Row;

/// The log's tables. The two that count are rewritten with every commit: their pages keep room for that.
pub(super) const TABLES: &str = r#"
CREATE TABLE "event_log" ("position" BIGINT PRIMARY KEY, "key" UUID NOT NULL, "at" BIGINT NOT NULL, "body" TEXT COLLATE "C" NOT NULL)
    PARTITION BY RANGE ("position");
CREATE INDEX "event_log_by_key" ON "event_log" ("key");
CREATE TABLE "log_state" ("one" INTEGER PRIMARY KEY CHECK ("one" = 1),
    "epoch" UUID NOT NULL, "head" BIGINT NOT NULL, "first" BIGINT NOT NULL) WITH (fillfactor = 10);
CREATE TABLE "log_sessions" ("id" INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "batch" BIGINT NOT NULL DEFAULT 0,
    "position" BIGINT NOT NULL DEFAULT 0, "at" TIMESTAMPTZ NOT NULL DEFAULT now()) WITH (fillfactor = 10);
"#;

/// Appends rows with consecutive positions, and notes the batch as its session's last. The counter's row is locked from here to the
/// end, which is the next statement: log order is commit order, and a rolled back batch leaves no gap.
pub(super) const APPEND: &str = r#"
WITH "counted" AS (UPDATE "log_state" SET "head" = "head" + $1 RETURNING "head" - $1 AS "before"),
"appended" AS (INSERT INTO "event_log" ("position", "key", "at", "body")
    SELECT "before" + "nth", "key", "at", "body"
    FROM "counted", unnest($2::uuid[], $3::bigint[], $4::text[]) WITH ORDINALITY AS "given" ("key", "at", "body", "nth")),
"noted" AS (UPDATE "log_sessions" SET "batch" = $5, "position" = "before" + 1, "at" = now() FROM "counted" WHERE "id" = $6)
SELECT "before" + 1 FROM "counted""#;

/// Notes a batch that says nothing: it takes no position, and waits for nobody who does.
pub(super) const NOTE: &str = r#"
UPDATE "log_sessions" SET "batch" = $1, "position" = (SELECT "head" + 1 FROM "log_state" WHERE "one" = 1), "at" = now() WHERE "id" = $2
RETURNING "position""#;

/// Log rows after a position.
pub(super) const AFTER: &str = r#"
SELECT "position", "key", "at", "body" FROM "event_log"
WHERE "position" > $1 AND "position" >= (SELECT "first" FROM "log_state" WHERE "one" = 1) ORDER BY "position" LIMIT $2"#;

/// The log rows of one key.
pub(super) const OF: &str = r#"
SELECT "position", "key", "at", "body" FROM "event_log"
WHERE "key" = $1 AND "position" >= (SELECT "first" FROM "log_state" WHERE "one" = 1) ORDER BY "position""#;

/// Where the log stands.
pub(super) const STATE: &str = r#"SELECT "epoch", "head", "first" FROM "log_state""#;

/// Replaces the epoch.
pub(super) const NEW_EPOCH: &str = r#"UPDATE "log_state" SET "epoch" = $1"#;

/// Forgets rows: readers look at none below `first`. Their partitions are dropped later.
const FORGET: &str = r#"
UPDATE "log_state" SET "first" = LEAST($1, "head") + 1 WHERE "first" <= LEAST($1, "head")"#;

/// Sessions that ended this long ago have nobody left who asks what became of their last commit. `CASE`, for the lock of a session
/// that lives must not even be tried: its owner would take us for its own last connection, and end us.
const FORGET_SESSIONS: &str = r#"
DELETE FROM "log_sessions" WHERE CASE WHEN "at" < now() - INTERVAL '30 days'
THEN pg_try_advisory_xact_lock('log_sessions'::regclass::oid::int, "id") ELSE FALSE END"#;

/// How long a partition that is made or dropped may make others wait.
const BRIEFLY: &str = "SET LOCAL lock_timeout = '200ms'";

/// A position as a column holds it; what no column can hold is beyond every row.
pub(super) fn column(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

fn position(column: i64) -> Position {
    Position(u64::try_from(column).unwrap_or_default())
}

/// The position in the only column of a statement's only row.
pub(super) fn placed(rows: &[Row]) -> Result<Position, StoreError> {
    let row = rows.first().ok_or_else(|| StoreError::Unusable("the log has lost its state".to_owned()))?;
    Ok(position(row.get(0)))
}

/// A log row.
pub(super) fn stored(row: &Row) -> StoredLogRow {
    let body: &str = row.get(3);
    let (key, at) = (row.get(1), Timestamp(row.get(2)));
    StoredLogRow { position: position(row.get(0)), row: LogRow { key, at, body: Arc::from(body) } }
}

/// Where the log stands, from the row of [`STATE`].
pub(super) fn state(row: &Row) -> LogState {
    LogState { epoch: Epoch(row.get(0)), head: position(row.get(1)), first: position(row.get(2)) }
}

/// A partition's name says which positions it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Partition {
    first: u64,
    last: u64,
}

impl Partition {
    fn read(name: &str) -> Option<Self> {
        let (first, last) = name.strip_prefix("event_log_")?.split_once('_')?;
        Some(Self { first: first.parse().ok()?, last: last.parse().ok()? })
    }

    fn name(self) -> String {
        format!("event_log_{}_{}", self.first, self.last)
    }

    /// Made beside the log and then attached: that stands in nobody's way.
    fn make(self) -> String {
        let (name, end) = (self.name(), self.last + 1);
        format!(
            "CREATE TABLE \"{name}\" (LIKE \"event_log\" INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES); \
             ALTER TABLE \"event_log\" ATTACH PARTITION \"{name}\" FOR VALUES FROM ({}) TO ({end})",
            self.first
        )
    }
}

async fn partitions(session: &mut Session) -> Result<Vec<Partition>, StoreError> {
    const NAMES: &str = "\
        SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
        WHERE i.inhparent = to_regclass('event_log')";
    let rows = session.query(NAMES, &[]).await?;
    let mut found: Vec<Partition> = rows.iter().filter_map(|row| Partition::read(row.get(0))).collect();
    found.sort_unstable();
    Ok(found)
}

/// Sees to it that partitions of `size` rows are there for `ahead` rows beyond the head; up to which position they are.
pub(super) async fn make_room(session: &mut Session, size: u64, ahead: u64) -> Result<Position, StoreError> {
    session.execute("BEGIN").await?;
    let made = make_room_within(session, size.max(1), ahead).await;
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.execute(end).await;
    made.and_then(|through| ended.map(|()| through))
}

async fn make_room_within(session: &mut Session, size: u64, ahead: u64) -> Result<Position, StoreError> {
    session.execute("SELECT pg_advisory_xact_lock('event_log'::regclass::oid::int, 0)").await?;
    // One instance after the other; what comes now is not to make batches wait.
    session.execute(BRIEFLY).await?;
    session.query(FORGET_SESSIONS, &[]).await?;
    let head = state(&session.row(STATE, &[]).await?).head.0;
    let mut through = partitions(session).await?.last().map_or(0, |last| last.last);
    while through < head + ahead {
        let next = Partition { first: through + 1, last: through + size };
        session.execute(&next.make()).await?;
        through = next.last;
    }
    Ok(Position(through))
}

/// Forgets the rows up to `through`, and drops the partitions that hold nothing else. One that is being read stays until the next call.
pub(super) async fn prune(session: &mut Session, through: Position) -> Result<(), StoreError> {
    session.query(FORGET, &[&column(through)]).await?;
    let first = state(&session.row(STATE, &[]).await?).first.0;
    for partition in partitions(session).await?.into_iter().filter(|partition| partition.last < first) {
        let drop = format!("BEGIN; {BRIEFLY}; DROP TABLE \"{}\"; COMMIT", partition.name());
        if let Err(error) = session.execute(&drop).await {
            session.execute("ROLLBACK").await?;
            tracing::debug!(partition = partition.name(), %error, "the partition is dropped at the next pruning");
            break;
        }
    }
    Ok(())
}
