//! Best sellers as the copy shows them.

use super::copy::{Copy, Trouble};
use super::follower::{Follower, Shared};
use crate::target::Target;
use parking_lot::Mutex;
use runtime::Progress;
use runtime::ports::store::Position;
use shop::aids::{Aid, BestSellersCopy};
use shop::reads::BestSeller;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// How long a reader waits for another one before it asks the book.
const QUEUE: Duration = Duration::from_millis(250);

/// The reading side of a copy that a [`Follower`] keeps.
pub struct View {
    copy: Mutex<Copy>,
    shared: Arc<Shared>,
}

impl View {
    /// The copy at `target`, kept by `follower`.
    #[must_use]
    pub fn new(target: Target, follower: &Follower) -> Self {
        Self { copy: Mutex::new(Copy::new(target)), shared: Arc::clone(follower.shared()) }
    }
}

impl Aid for View {
    fn name(&self) -> &'static str {
        "best sellers in Redis"
    }

    fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().clone()
    }
}

impl BestSellersCopy for View {
    fn progress(&self) -> &Progress {
        &self.shared.progress
    }

    fn best(&self, through: Position, days: RangeInclusive<i64>, limit: u32) -> Option<Vec<BestSeller>> {
        if self.trouble().is_some() {
            return None;
        }
        let mut copy = self.copy.try_lock_for(QUEUE)?;
        let asked = match copy.best(&days, limit) {
            // A connection that was kept may be one to a Redis that has gone since.
            Err(Trouble::Redis(error)) if !error.is_timeout() => copy.best(&days, limit),
            asked => asked,
        };
        drop(copy);
        match asked {
            Ok(Some((stands, mut sold))) => {
                let reached = stands.values().map(|stand| stand.position).min()?;
                // What was all taken back did not sell.
                sold.retain(|one| one.sold > 0);
                (reached >= through).then_some(sold)
            }
            Ok(None) => {
                self.shared.call();
                None
            }
            Err(trouble) => {
                tracing::debug!(%trouble, "best sellers are read from the book");
                self.shared.call();
                None
            }
        }
    }
}
