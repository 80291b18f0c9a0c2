//! The saga kernel: what an order is made of, the rule every participant follows, and the judge that ends every saga.
//!
//! Nothing in this crate does I/O, reads a clock or draws a random number: time and ids are passed in, effects are
//! returned as values. That is what lets one code run over SQLite, over PostgreSQL, under a deterministic simulator and
//! inside a model checker.
//!
//! Reading order: [`plan`] (what an order will do) → [`participation`] (what one participant does with a message) →
//! [`judge`] (how the order ends) → [`topology`] and [`routing`] (who tells whom).

pub mod checks;
pub mod domain;
pub mod error;
pub mod ids;
pub mod inquiry;
pub mod judge;
pub mod ledger;
pub mod money;
pub mod names;
pub mod participation;
pub mod plan;
pub mod routing;
pub mod said;
pub mod state;
pub mod table;
pub mod testbed;
pub mod time;
pub mod topology;
pub mod trace;
pub mod walk;

pub use domain::{Command, Cx, Domain, Due, Effects, Heard, Input, Keys, Participant, Planned, SagaBook};
pub use error::{DecideError, Kind, Refused, Stop};
pub use money::{Currency, Money};
pub use names::{DomainName, Reason, Step};
pub use plan::{Plan, PlanLine};
pub use said::{Entry, Said, SaidEvent};
pub use state::WorkingSet;
pub use table::{Doc, Field, Json, Key, Record, Row, Table, Value};
pub use time::Timestamp;
pub use trace::Trace;
