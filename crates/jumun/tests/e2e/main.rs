//! End to end: the real binary as a process of its own, real HTTP, real files, in every topology.
//!
//! Nothing here sleeps: a test waits on what it needs (`Prefer: wait`, an order's events, a process's output).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers, too")]

mod support;

/// The same promises in each of these topologies: one test each.
macro_rules! in_topologies {
    ([$($module:ident = $topology:literal),+ $(,)?], $promises:tt) => {
        $(in_topologies!(@one $module, $topology, $promises);)+
    };
    (@one $module:ident, $topology:literal, [$($promise:ident),+ $(,)?]) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise($topology).await;
            })+
        }
    };
}

/// The same promises in every topology that ships.
macro_rules! in_every_topology {
    ($($promise:ident),+ $(,)?) => {
        in_topologies!(
            [
                monolith = "monolith",
                orchestrated_calls = "orchestrated-calls",
                choreographed_parallel = "choreographed-parallel",
                validated_async = "validated-async",
                seven_services = "seven-services",
                orchestrated_messages = "orchestrated-messages",
            ],
            [$($promise),+]
        );
    };
}

/// The same with a process per unit and a gateway before them.
macro_rules! in_every_topology_spread_out {
    ($($promise:ident),+ $(,)?) => {
        in_topologies!(
            [
                spread_monolith = "spread:monolith",
                spread_orchestrated_calls = "spread:orchestrated-calls",
                spread_choreographed_parallel = "spread:choreographed-parallel",
                spread_validated_async = "spread:validated-async",
                spread_seven_services = "spread:seven-services",
                spread_orchestrated_messages = "spread:orchestrated-messages",
            ],
            [$($promise),+]
        );
    };
}

/// Promises of the doors, as they are kept by a gateway and the most units behind it.
macro_rules! in_the_most_processes {
    ($($promise:ident),+ $(,)?) => {
        in_topologies!([spread_seven_services = "spread:seven-services"], [$($promise),+]);
    };
}

/// Promises of the doors and the files, which no topology touches: in one database, and in the most.
macro_rules! in_the_smallest_and_the_largest {
    ($($promise:ident),+ $(,)?) => {
        in_topologies!([monolith = "monolith", seven_services = "seven-services"], [$($promise),+]);
    };
}

mod damage;
mod delivery;
mod ending;
mod http_flows;
mod http_hostile;
mod kafka;
mod kill9;
mod postgres;
mod redis;
mod restore;
mod rushes;
mod scenes;
mod spread;
