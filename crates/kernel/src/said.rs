//! What is said: the messages of the saga, and the log rows they travel in.

use crate::judge::StepState;
use crate::names::{DomainName, Reason, Step};
use crate::plan::Plan;
use crate::time::Timestamp;
use crate::trace::Trace;
use serde::{Deserialize, Deserializer, Serialize};
use smol_str::{SmolStr, SmolStrBuilder};
use std::sync::Arc;
use uuid::Uuid;

/// One thing that a domain said. The same words are the messages that others act on and the events of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// The order exists but is not yet to be paid.
    Created,
    /// The order is to be carried out: in a choreography this starts the steps.
    Placed,
    /// The judge asks for a step's action (orchestration, inquiry).
    Asked {
        /// Which step.
        step: Step,
    },
    /// The judge asks for a step's compensation, again if need be.
    UndoAsked {
        /// Which step.
        step: Step,
        /// How many times it was asked before.
        attempt: u32,
    },
    /// The order is failing: every planned step is to be compensated.
    Failing {
        /// The first cause.
        reason: Reason,
        /// What the judge knows of each step.
        #[serde(default)]
        steps: Vec<StepState>,
    },
    /// The customer cancels a confirmed order: every planned step is to be compensated.
    Cancelling,
    /// Final: every planned step is done.
    Confirmed {
        /// When it settled: the day of its sale.
        settled_at: Timestamp,
    },
    /// Final: every planned step is refused or compensated.
    Failed {
        /// The first cause.
        reason: Reason,
        /// How each step ended.
        #[serde(default)]
        steps: Vec<StepState>,
    },
    /// Final: a confirmed order was taken back.
    Cancelled {
        /// When it had been confirmed: the day its sale is taken back from.
        confirmed_at: Timestamp,
        /// How each step ended.
        #[serde(default)]
        steps: Vec<StepState>,
    },
    /// A step's action took effect.
    Done {
        /// Which step.
        step: Step,
        /// The steps that were done before it in a chain.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        prior: Vec<Step>,
    },
    /// A step refused: nothing of it took effect.
    Refused {
        /// Which step.
        step: Step,
        /// Why.
        reason: Reason,
    },
    /// A step started an outside call; its answer will come.
    Pending {
        /// Which step.
        step: Step,
    },
    /// Nothing of this step is in effect, now or ever.
    Compensated {
        /// Which step.
        step: Step,
        /// What made it compensate, where it knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Reason>,
    },
    /// A step's compensation cannot go on by itself; a dead letter stands for it.
    Stuck {
        /// Which step.
        step: Step,
        /// What is wrong, for operators.
        error: SmolStr,
    },
    /// Something that is no part of a saga: `product.changed`, `coupon.issued`, ….
    Fact {
        /// `domain.what`.
        kind: SmolStr,
        /// The facts themselves.
        body: serde_json::Value,
    },
}

impl Said {
    /// The name that topologies, subscriptions and timelines use: `order.placed`, `stock.done`, `product.changed`.
    #[must_use]
    pub fn name(&self) -> SmolStr {
        match self {
            Self::Created => SmolStr::new_static("order.created"),
            Self::Placed => SmolStr::new_static("order.placed"),
            Self::Asked { step } => word(step, "asked"),
            Self::UndoAsked { step, .. } => word(step, "undo_asked"),
            Self::Failing { .. } => SmolStr::new_static("order.failing"),
            Self::Cancelling => SmolStr::new_static("order.cancelling"),
            Self::Confirmed { .. } => SmolStr::new_static("order.confirmed"),
            Self::Failed { .. } => SmolStr::new_static("order.failed"),
            Self::Cancelled { .. } => SmolStr::new_static("order.cancelled"),
            Self::Done { step, .. } => word(step, "done"),
            Self::Refused { step, .. } => word(step, "refused"),
            Self::Pending { step } => word(step, "pending"),
            Self::Compensated { step, .. } => word(step, "compensated"),
            Self::Stuck { step, .. } => word(step, "stuck"),
            Self::Fact { kind, .. } => kind.clone(),
        }
    }

    /// The step it is about, if it is about one.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        match self {
            Self::Asked { step }
            | Self::UndoAsked { step, .. }
            | Self::Done { step, .. }
            | Self::Refused { step, .. }
            | Self::Pending { step }
            | Self::Compensated { step, .. }
            | Self::Stuck { step, .. } => Some(step),
            Self::Created
            | Self::Placed
            | Self::Failing { .. }
            | Self::Cancelling
            | Self::Confirmed { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. }
            | Self::Fact { .. } => None,
        }
    }

    /// Why, where something was refused, failed or compensated.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Failing { reason, .. } | Self::Failed { reason, .. } | Self::Refused { reason, .. } => {
                Some(reason)
            }
            Self::Compensated { cause, .. } => cause.as_ref(),
            _ => None,
        }
    }
}

/// `step.what`. It is asked for with every message, so no formatter is troubled.
fn word(step: &Step, what: &str) -> SmolStr {
    let mut word = SmolStrBuilder::new();
    for part in [step.as_str(), ".", what] {
        word.push_str(part);
    }
    word.finish()
}

/// One event of a log row: who said what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidEvent {
    /// Who said it.
    pub by: DomainName,
    /// What.
    #[serde(flatten)]
    pub said: Said,
}

/// What a log row holds: one saga's (or thing's) events of one batch, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Format version of this document; another than [`Entry::VERSION`] is not read.
    #[serde(deserialize_with = "known_version")]
    pub v: u8,
    /// The order's id, the top-up's, or the id of the thing a fact is about. Same-key entries keep their order.
    pub key: Uuid,
    /// When the deciding batch ran.
    pub at: Timestamp,
    /// The trace that caused it.
    pub trace: Trace,
    /// The saga's plan; absent on facts. Before an order is to be paid it is a draft without steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Arc<Plan>>,
    /// What was said, in order.
    pub events: Vec<SaidEvent>,
}

impl Entry {
    /// The format version written today.
    pub const VERSION: u8 = 1;
}

/// A later format may mean something else by the same fields: it is refused, not guessed at.
fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u8::deserialize(deserializer)? {
        Entry::VERSION => Ok(Entry::VERSION),
        other => Err(serde::de::Error::custom(format_args!(
            "a log entry of version {other}, and this program reads version {}",
            Entry::VERSION
        ))),
    }
}
