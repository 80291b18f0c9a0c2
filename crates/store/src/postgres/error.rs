//! What PostgreSQL's errors mean to a batch.

use runtime::ports::store::StoreError;
use std::error::Error as _;
use std::io;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity};

/// What is said when the log's partitions do not reach far enough.
pub(super) const NO_PARTITION: &str = "the log's next partition is missing";

/// Classes `error`.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
pub(super) fn store_error(error: Error) -> StoreError {
    match error.as_db_error() {
        Some(said) => by_code(said),
        None => without_code(&error),
    }
}

/// Whether the session is gone with it; otherwise the connection may be used on.
pub(super) fn ends_session(error: &Error) -> bool {
    match error.as_db_error() {
        Some(said) => !matches!(said.parsed_severity(), Some(Severity::Error)),
        None => true,
    }
}

/// The server has answered. Its message names tables and columns; where it could show a value, only its code is told.
fn by_code(said: &DbError) -> StoreError {
    let code = said.code().code();
    let (class, _) = code.split_at_checked(2).unwrap_or_default();
    let told = || format!("{} ({code})", said.message());
    match (class, code) {
        // Whoever inserted first wins; run again, the batch finds its row. No table has another unique key.
        ("23", "23505") => StoreError::Retry(format!("{} was inserted by another transaction", place(said))),
        // The log's next partition is not there yet: it is made before the next run.
        ("23", "23514") if said.table() == Some("event_log") => StoreError::Retry(NO_PARTITION.to_owned()),
        ("22" | "23", _) => StoreError::Rejected(format!("{} (SQLSTATE {code})", place(said))),
        // A row too large for a page of an index, or too many columns.
        ("54", _) => StoreError::Rejected(told()),
        ("53", "53100") => StoreError::Full(told()),
        // Of a database that was dropped nothing will come back.
        ("57", "57P04") => StoreError::Unusable(told()),
        // Conflicts, locks, lost sessions, a standby, a server that ends or has too much to do, a disk that failed once.
        ("08" | "40" | "53" | "57", _)
        | (_, "25P02" | "25P03" | "25P04" | "25006" | "55P03" | "55006" | "58030") => {
            StoreError::Retry(told())
        }
        _ => StoreError::Unusable(told()),
    }
}

fn place(said: &DbError) -> String {
    match (said.table(), said.column()) {
        (Some(table), Some(column)) => format!("{table}.{column}"),
        (Some(table), None) => format!("a row of {table}"),
        (None, _) => "a value".to_owned(),
    }
}

/// The server has not answered, or could not be asked.
fn without_code(error: &Error) -> StoreError {
    if error.is_closed() {
        return StoreError::Retry("the connection is closed".to_owned());
    }
    let mut cause = error.source();
    while let Some(below) = cause {
        match below.downcast_ref::<io::Error>() {
            // What TLS says of a certificate that it does not believe.
            Some(fault) if fault.kind() == io::ErrorKind::InvalidData => break,
            Some(fault) => return StoreError::Retry(format!("{error}: {fault}")),
            None => cause = below.source(),
        }
    }
    let why = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    StoreError::Unusable(format!("{error}{why}"))
}
