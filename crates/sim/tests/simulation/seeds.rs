//! A fixed number of seeds over every topology, and that a seed is all there is to a run.

use jumun_sim::{Fault, Outcome, Setup, Sweep, Totals, run};

const SHIPPED: [(&str, &str); 6] = [
    ("monolith", include_str!("../../../../topologies/monolith.toml")),
    ("orchestrated-calls", include_str!("../../../../topologies/orchestrated-calls.toml")),
    ("choreographed-parallel", include_str!("../../../../topologies/choreographed-parallel.toml")),
    ("validated-async", include_str!("../../../../topologies/validated-async.toml")),
    ("seven-services", include_str!("../../../../topologies/seven-services.toml")),
    ("orchestrated-messages", include_str!("../../../../topologies/orchestrated-messages.toml")),
];

/// The topology file called `name`.
pub(crate) fn file(name: &str) -> &'static str {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap().1
}

/// What was broken, as people read it.
pub(crate) fn broken(outcome: &Outcome) -> Vec<String> {
    outcome.breaches.iter().map(ToString::to_string).collect()
}

#[test]
fn no_seed_breaks_a_promise() {
    let topologies = SHIPPED.map(|(name, file)| (name.to_owned(), file.to_owned())).to_vec();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let swept = Sweep { seeds: (1, 4), topologies, orders: 40, threads }.run(&|_| {}).unwrap();
    for found in &swept.broken {
        eprintln!("{} seed {}: {:#?}", found.topology, found.seed, broken(&found.outcome));
    }
    assert!(swept.broken.is_empty());
    let mut all = Totals::default();
    swept.totals.values().for_each(|totals| all.add(totals));
    for (fate, least) in
        [("CONFIRMED", 100), ("FAILED OUT_OF_STOCK", 20), ("FAILED TIMED_OUT", 5), ("CANCELLED", 5)]
    {
        let count = all.fates.get(fate).copied().unwrap_or(0);
        assert!(count >= least, "too mild to show anything: {count} {fate} of {:?}", all.fates);
    }
    let kinds = Fault::ALL.iter().zip(&all.faults).filter(|(_, count)| **count > 0).count();
    assert!(kinds >= 16, "too mild to show anything: {kinds} kinds of fault of {}", Fault::ALL.len());
}

#[test]
fn the_same_seed_is_the_same_run_to_the_last_message() {
    for (name, file) in SHIPPED {
        let once = |seed, tells| run(&Setup { seed, topology: file, orders: 20, tells }).unwrap();
        let (first, again) = (once(7, false), once(7, true));
        assert_eq!(first.hash, again.hash, "{name}");
        assert_eq!(first.fates, again.fates, "{name}");
        assert_ne!(first.hash, once(8, false).hash, "{name}: the hash tells runs apart");
    }
}
