//! Calls that leave the database: started after commit, answered by a command to the domain that asked.

use crate::door::Door;
use std::any::Any;
use std::sync::Arc;

/// Performs a domain's outside calls (a payment gateway, the data platform).
pub trait Outside: Send + Sync {
    /// Starts the call and returns at once; its answer goes to `door` as a command. A call whose answer never comes is the
    /// domain's business: its row falls due.
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>);
}
