//! End to end: the real binary as a process of its own, real HTTP, real files, in both topologies.
//!
//! Nothing here sleeps: a test waits on what it needs (`Prefer: wait`, an order's events, a process's output).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers, too")]

mod support;

/// The same promises in every topology: one test each.
macro_rules! in_every_topology {
    ($($promise:ident),+ $(,)?) => {
        mod monolith {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise("monolith").await;
            })+
        }
        mod seven_services {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise("seven-services").await;
            })+
        }
    };
}

mod damage;
mod http_flows;
mod http_hostile;
mod kill9;
mod restore;
mod rushes;
