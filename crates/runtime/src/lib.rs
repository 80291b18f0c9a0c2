//! The batching runtime: one loop per database takes whatever waits, loads the rows touched in one call per table, decides in
//! memory, and writes rows, inbox, events and cursors in one transaction.

pub mod ports;
