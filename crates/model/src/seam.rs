//! Where a bug can be planted: between the batch loop and its store, and around a domain. The real thing has none.

use kernel::Domain;
use kernel::state::Write;
use kernel::table::{Row, Table};
use std::sync::Arc;

/// What stands between the model and the real rule. Every method has the honest answer as its default.
pub trait Seam: Send + Sync {
    /// Whether a load shows this row; `acting` says that an action is being decided.
    fn shows(&self, _table: &Table, _row: &Row, _acting: bool) -> bool {
        true
    }

    /// Whether a commit keeps this write over what was there before.
    fn keeps(&self, _write: &Write, _before: Option<&Row>) -> bool {
        true
    }

    /// The domain that is asked in place of `domain`.
    fn domain(&self, domain: Arc<dyn Domain>) -> Arc<dyn Domain> {
        domain
    }
}

/// Nothing stands between.
#[derive(Clone, Copy, Debug)]
pub struct Honest;

impl Seam for Honest {}
