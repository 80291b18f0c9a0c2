//! The conformance suite on the stepped world, in every topology that ships.

mod stepped;

use crate::support::SHIPPED;
use conformance::check;
use stepped::Stepped;

#[test]
fn every_topology_ends_in_the_same_books_and_order_states() {
    for (name, topology) in SHIPPED {
        let report = check(|terms| Stepped::new(topology, terms));
        assert!(report.played.len() > 30, "{name}: {report}");
        assert!(report.findings.is_empty(), "{name}:\n{report}");
    }
}
