//! The conformance suite on the stepped world, in every topology that ships, and where delivery is a step.

mod broken;
mod flows;
mod postgres;
mod stepped;
mod transcript;

use crate::support::{SHIPPED, inline};
use broken::{Broken, Noticed, each_broken, noticed};
use conformance::check;
use flows::{Flow, flows, transcript};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use stepped::Stepped;

#[test]
fn every_topology_ends_in_the_same_books_and_order_states() {
    for (name, topology) in SHIPPED {
        let report = check(|terms| Stepped::new(topology, terms));
        assert!(report.played.len() > 30, "{name}: {report}");
        assert!(report.findings.is_empty(), "{name}:\n{report}");
    }
}

#[test]
fn where_delivery_is_a_step_the_books_and_order_states_are_the_same() {
    for topology in inline() {
        let report = check(|terms| Stepped::new(&topology, terms));
        assert_eq!(report.left_out, [""; 0], "{report}");
        assert!(report.findings.is_empty(), "{report}");
    }
}

/// What is on record: every topology that ships, as it ships, and the one that can be set to deliver as a step, set so.
fn recorded() -> Vec<(String, String)> {
    let shipped = SHIPPED.into_iter().map(|(name, topology)| (name.to_owned(), topology.to_owned()));
    let [parallel, ..] = inline();
    shipped.chain([("choreographed-parallel inline".to_owned(), parallel)]).collect()
}

/// How the arrows of a transcript are read: it stands in every one.
const LEGEND: &str = "-> in the same transaction, ~> in another database of the unit, => in another unit";

#[test]
fn each_flow_of_each_topology_is_the_one_on_record() {
    for (name, topology) in recorded() {
        for flow in flows(&topology) {
            let file = format!("{name} {}", flow.name);
            on_record(
                &file,
                &format!("{name}, {}; heard {LEGEND}", flow.name),
                &transcript(&topology, &flow),
            );
        }
    }
}

/// Every rule of every topology is there for something: without it the file is refused, the books go wrong, or, where it only hastens
/// what the judge would see to, a transcript is another. Which of these it is stands on record.
#[test]
fn a_broken_rule_is_noticed() {
    for (name, topology) in recorded() {
        let with_transcript = |flow| {
            let text = transcript(&topology, &flow);
            (flow, text)
        };
        let whole: Vec<(Flow, String)> = flows(&topology).into_iter().map(with_transcript).collect();
        let mut record = String::new();
        let mut wrong_books = BTreeSet::new();
        for Broken { rule, text } in each_broken(&topology) {
            let noticed = noticed(&whole, &text);
            assert_ne!(noticed, Noticed::ByNobody, "{name}: {}", rule.what);
            if noticed == Noticed::ByBooks {
                wrong_books.insert(rule.kind);
            }
            let _ = writeln!(record, "{:60} {noticed}", rule.what);
        }
        // A file whose judge is deaf to what it has to hear is refused when it is loaded.
        let kinds = BTreeSet::from(["acts", "compensates"]);
        assert!(
            wrong_books.is_superset(&kinds),
            "{name}: of each kind the books need some rule: {wrong_books:?}"
        );
        on_record(&format!("{name} with a broken rule"), "each rule broken alone, and who notices", &record);
    }
}

/// Holds `text` against the file of that name in `transcripts/`.
fn on_record(name: &str, description: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "transcripts",
        prepend_module_to_snapshot => false,
        omit_expression => true,
        description => description,
    }, { insta::assert_snapshot!(name.replace(' ', "_"), text) });
}
