//! What SQLite's errors mean to a batch.

use runtime::ports::store::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

/// Classes `error`. SQLite's messages name tables and columns, never values.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
pub(super) fn store_error(error: Error) -> StoreError {
    let text = error.to_string();
    let Error::SqliteFailure(failure, _) = error else { return StoreError::Unusable(text) };
    match failure.code {
        // The file system says that its own data is damaged: no retry mends that.
        ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_CORRUPTFS => {
            StoreError::Unusable(text)
        }
        // A failed fsync may be retried: the frames of a rolled back commit are written again before they count.
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted => StoreError::Retry(text),
        ErrorCode::DiskFull => StoreError::Full(text),
        ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::TooBig
        | ErrorCode::ParameterOutOfRange => StoreError::Rejected(text),
        _ => StoreError::Unusable(text),
    }
}
