//! Stores: what keeps a unit's rows and its event log, behind `runtime::ports::store`.
//!
//! An adapter knows nothing but [`Table`](kernel::table::Table)s: layout, statements and decoding follow from that data. What is
//! the same for every SQL engine stands in `sql` and `layout`.

pub mod checks;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod layout;
pub mod plain;
pub mod postgres;
#[cfg(test)]
mod shelf;
mod sql;
pub mod sqlite;

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Power loss: one fsync per commit.
    Full,
    /// A killed process; the last commits before a power loss may be gone. For what can be built again from logs.
    Normal,
}
