//! What waits at a database, and what one decision is asked.

use crate::door::Reply;
use crate::ports::store::{Epoch, Position};
use kernel::ids::{LetterId, UserId};
use kernel::routing::Role;
use kernel::said::Entry;
use kernel::{DomainName, Heard, Key, Plan, Said, SaidEvent, Table, Timestamp, Trace};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::any::Any;
use std::sync::Arc;
use uuid::Uuid;

/// One thing that waits at a database: through its door, from another's log, or because its time has come.
pub enum Work {
    /// A command.
    Command {
        /// Whose.
        domain: DomainName,
        /// The domain's own command type.
        body: Arc<dyn Any + Send + Sync>,
        /// What caused it.
        trace: Trace,
        /// Where its answer goes, after commit.
        reply: Option<Reply>,
    },
    /// A row of another database's log.
    Delivery(Delivery),
    /// A row that has fallen due.
    Due {
        /// Whose.
        domain: DomainName,
        /// The table.
        table: &'static Table,
        /// The row.
        key: Key,
        /// What its column said when the timer was set: if it says otherwise now, the timer is stale.
        at: Timestamp,
    },
    /// An operator handles a dead letter.
    Letter {
        /// Which.
        id: LetterId,
        /// How.
        order: LetterOrder,
        /// Who.
        by: UserId,
        /// Where the letter as it then stands goes; `None` inside: no such open letter.
        reply: Option<Reply>,
    },
}

impl Work {
    /// Whether somebody waits for its answer.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Command { reply: Some(_), .. } | Self::Letter { reply: Some(_), .. })
    }

    /// The delivery, if it is one.
    #[must_use]
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Delivery(delivery) => Some(delivery),
            Self::Command { .. } | Self::Due { .. } | Self::Letter { .. } => None,
        }
    }
}

/// A row of another database's log.
#[derive(Clone)]
pub struct Delivery {
    /// The cursor that follows its log.
    pub source: SmolStr,
    /// That database's epoch.
    pub epoch: Epoch,
    /// How far the log is taken in once this row is.
    pub through: Position,
    /// The row.
    pub entry: Arc<Entry>,
}

/// What an operator orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterOrder {
    /// Try again, with the same message id, through the inbox.
    Redrive,
    /// End it by this note.
    Resolve(SmolStr),
}

/// One message, as it is decided and as a dead letter keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The order, top-up or thing it is about.
    pub key: Uuid,
    /// When it was said.
    pub at: Timestamp,
    /// Its trace.
    pub trace: Trace,
    /// The saga's plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Arc<Plan>>,
    /// Who said it.
    pub by: DomainName,
    /// What.
    pub said: Said,
}

impl Message {
    /// As a hearer sees it.
    #[must_use]
    pub fn heard(&self) -> Heard<'_> {
        Heard { key: self.key, at: self.at, by: &self.by, said: &self.said, plan: self.plan.as_ref() }
    }

    /// The message of an event about `key`.
    #[must_use]
    pub fn of_event(
        event: &SaidEvent,
        key: Uuid,
        at: Timestamp,
        trace: Trace,
        plan: Option<&Arc<Plan>>,
    ) -> Self {
        Self { key, at, trace, plan: plan.cloned(), by: event.by.clone(), said: event.said.clone() }
    }
}

/// What a dead letter keeps of a message: enough to decide it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The message.
    pub message: Message,
    /// What it was to make its addressee do.
    pub role: StoredRole,
}

/// [`Role`] as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredRole {
    /// Run the actions of these steps.
    Act(Vec<kernel::Step>),
    /// Compensate this step.
    Compensate(kernel::Step),
    /// Hear it.
    Hear(DomainName),
}

impl From<&Role> for StoredRole {
    fn from(role: &Role) -> Self {
        match role {
            Role::Act(steps) => Self::Act(steps.clone()),
            Role::Compensate(step) => Self::Compensate(step.clone()),
            Role::Hear(domain) => Self::Hear(domain.clone()),
        }
    }
}

impl From<StoredRole> for Role {
    fn from(role: StoredRole) -> Self {
        match role {
            StoredRole::Act(steps) => Self::Act(steps),
            StoredRole::Compensate(step) => Self::Compensate(step),
            StoredRole::Hear(domain) => Self::Hear(domain),
        }
    }
}
