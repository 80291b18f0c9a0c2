//! The payment domain's promises, each kept against a PG that misbehaves.

mod payments;
mod reconciliation;
mod support;
mod top_ups;
