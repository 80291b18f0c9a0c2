//! Stores: what keeps a unit's rows and its event log, behind `runtime::ports::store`.
//!
//! An adapter knows nothing but [`Table`](kernel::table::Table)s: layout, statements and decoding follow from that data. What is
//! the same for every SQL engine stands in `sql`.

pub mod checks;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod plain;
mod sql;
pub mod sqlite;
