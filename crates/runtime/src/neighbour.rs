//! Another unit, where it is asked for more than the rows and the log of its databases: what an operator looks at and does.

use crate::door::CommandError;
use crate::message::LetterOrder;
use crate::ports::store::StoreError;
use crate::system::{Counts, Handle, Signals};
use kernel::ids::{LetterId, UserId};
use kernel::judge::letters::DeadLetter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A unit that runs in another process. Its methods wait for the answer: they belong on a thread that may block.
pub trait Neighbour: Send + Sync {
    /// The unit's name.
    fn unit(&self) -> &str;

    /// Handles a dead letter in its database `database`; none if that is not open.
    ///
    /// # Errors
    /// If the unit cannot be asked, or could not do it. After [`CommandError::Unavailable`] it may have happened all the same: look again.
    fn letter(
        &self,
        database: &str,
        id: LetterId,
        order: LetterOrder,
        by: UserId,
    ) -> Result<Option<DeadLetter>, CommandError>;

    /// How it is.
    ///
    /// # Errors
    /// If it cannot be asked.
    fn status(&self) -> Result<UnitStatus, StoreError>;

    /// How calls to it went.
    fn calls(&self) -> CallCounts;
}

/// Calls to another unit since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Answered, whatever the answer.
    pub answered: u64,
    /// Tried again after a failure.
    pub retried: u64,
    /// Given up.
    pub failed: u64,
    /// Not tried, because the unit had failed too often just before.
    pub spared: u64,
    /// Whether calls are being spared now.
    pub is_spared: bool,
}

/// How a unit is, as its neighbours are told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UnitStatus {
    /// By database.
    pub databases: BTreeMap<String, DatabaseStatus>,
    /// Alerts by kind since start.
    pub alerts: BTreeMap<String, u64>,
    /// The latest alerts, oldest first.
    pub recent: Vec<ToldAlert>,
}

/// One database of a unit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// Counts since start.
    pub counts: Counts,
    /// Commands that wait.
    pub door_depth: usize,
    /// Where its log stands.
    pub log_head: u64,
    /// How far it has followed other logs.
    pub followed: BTreeMap<String, u64>,
}

/// An alert, as it is told to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldAlert {
    /// The database that raised it.
    pub database: String,
    /// Its kind.
    pub kind: String,
    /// One sentence.
    pub detail: String,
    /// The order or top-up, if it is about one.
    pub saga: Option<Uuid>,
}

impl UnitStatus {
    /// How the unit is whose databases these are.
    #[must_use]
    pub fn of(databases: &[Handle], signals: &Signals) -> Self {
        let counts = signals.counts();
        let status = |handle: &Handle| DatabaseStatus {
            counts: counts.get(&handle.database.name).copied().unwrap_or_default(),
            door_depth: handle.door.depth(),
            log_head: handle.tail.head().1.0,
            followed: handle.progress.positions().into_iter().map(|(log, at)| (log, at.0)).collect(),
        };
        let told = |(database, alert): (String, kernel::domain::Alert)| ToldAlert {
            database,
            kind: alert.kind.to_owned(),
            detail: alert.detail,
            saga: alert.saga.map(|saga| saga.0),
        };
        Self {
            databases: databases.iter().map(|one| (one.database.name.clone(), status(one))).collect(),
            alerts: signals.alert_counts().into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect(),
            recent: signals.recent_alerts().into_iter().map(told).collect(),
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.databases.extend(other.databases);
        for (kind, count) in other.alerts {
            *self.alerts.entry(kind).or_default() += count;
        }
        self.recent.extend(other.recent);
        self
    }
}
