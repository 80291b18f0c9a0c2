//! Readers that show what a healthy database never would.

use kernel::table::Key;
use kernel::{Row, Table};
use runtime::ports::store::{Chain, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// A reader whose log has lost a row.
pub(crate) struct Lossy {
    pub(crate) inner: Arc<dyn Reader>,
    pub(crate) lost: Position,
}

/// A reader that shows one database when first looked at, and another from then on.
pub(crate) struct Moving {
    pub(crate) first: Arc<dyn Reader>,
    pub(crate) later: Arc<dyn Reader>,
    pub(crate) looked: AtomicBool,
}

macro_rules! reader_through {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {$(
        fn $name(&self, $($arg: $ty),*) -> Result<$out, StoreError> {
            self.through().$name($($arg),*)
        }
    )*};
}

impl Lossy {
    fn through(&self) -> &dyn Reader {
        self.inner.as_ref()
    }
}

impl Reader for Lossy {
    reader_through! {
        load(table: &'static Table, keys: &[Key]) -> Vec<Row>;
        query(query: &Query) -> Vec<Row>;
        top(top: &Top) -> Vec<Row>;
        follow(chain: &Chain) -> Vec<Row>;
        log_of(key: Uuid) -> Vec<StoredLogRow>;
        log_state() -> LogState;
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        let rows = self.inner.log_after(after, limit)?;
        Ok(rows.into_iter().filter(|row| row.position != self.lost).collect())
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(Self { inner: self.inner.snapshot()?.into(), lost: self.lost }))
    }
}

impl Moving {
    fn through(&self) -> &dyn Reader {
        self.later.as_ref()
    }
}

impl Reader for Moving {
    reader_through! {
        load(table: &'static Table, keys: &[Key]) -> Vec<Row>;
        query(query: &Query) -> Vec<Row>;
        top(top: &Top) -> Vec<Row>;
        follow(chain: &Chain) -> Vec<Row>;
        log_after(after: Position, limit: u32) -> Vec<StoredLogRow>;
        log_of(key: Uuid) -> Vec<StoredLogRow>;
        log_state() -> LogState;
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        if self.looked.swap(true, Ordering::Relaxed) { self.later.snapshot() } else { self.first.snapshot() }
    }
}
