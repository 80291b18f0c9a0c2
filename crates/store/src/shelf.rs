//! A table for tests of what only one engine promises.

use kernel::table::{Record, Table};
use runtime::ports::store::Epoch;
use smol_str::SmolStr;
use uuid::Uuid;

kernel::record! {
    /// A shelf.
    pub struct Shelf in "shelves" key 1 {
        /// Which.
        pub id: i64,
        /// What stands on it.
        pub label: SmolStr,
        /// How often it was counted, or when to look again.
        pub due: Option<i64>,
    }
    index "shelves_by_due" (due);
}

pub(crate) const TABLES: &[&Table] = &[Shelf::TABLE];
pub(crate) const EPOCH: Epoch = Epoch(Uuid::from_u128(7));
