//! The page stands alone, says what was measured, and stays markup whatever names it is given.

mod outline;
mod sample;

use jumun_report::{Comparison, Entry, html};
use outline::{Page, outline};
use sample::{SIX, comparison, document, measured};
use serde_json::json;

#[test]
fn the_page_of_two_topologies_has_this_structure() {
    let made = [SIX[0], SIX[4]];
    insta::assert_snapshot!(outline(&html(&comparison(&made, 3)).unwrap()));
}

#[test]
fn the_page_asks_nobody_for_anything() {
    for topologies in 0..=SIX.len() {
        Page::parse(&html(&comparison(&SIX[..topologies], 2)).unwrap()).stands_alone();
    }
}

#[test]
fn a_page_of_no_topology_says_so() {
    let page = html(&comparison(&[], 1)).unwrap();
    assert!(page.contains("<h1>No topologies</h1>"), "{page}");
    assert!(page.contains("Nothing was measured."), "{page}");
    assert!(!page.contains("<svg"), "{page}");
}

#[test]
fn a_topology_alone_is_compared_with_nothing() {
    let page = html(&comparison(&SIX[..1], 1)).unwrap().replace('\u{a0}', " ");
    assert!(page.contains("monolith settled 9,214 orders a second."), "{page}");
    assert!(!page.contains("class=\"best\""), "{page}");
}

#[test]
fn every_topology_keeps_its_colour_through_the_page() {
    let page = Page::parse(&html(&comparison(&SIX, 1)).unwrap());
    for (place, (name, ..)) in SIX.iter().enumerate() {
        assert_eq!(page.colours_of(name), [format!("k{place}")], "{name}");
    }
}

#[test]
fn names_stay_names() {
    let mut document = document(&SIX[0], 0);
    document["reasons"] = json!({ "</svg><script>alert(1)</script>": 3_996 });
    document["databases"][0]["name"] = json!("<img src=x onerror=alert(1)>");
    let name = "\"><script src='http://evil.test/x.js'></script>&\u{1b}".to_owned();
    let entry = Entry::new(name.clone(), name.clone(), name.clone(), vec![measured(document)]);
    let page = html(&Comparison { command: name, rounds: 1, entries: vec![entry] }).unwrap();
    Page::parse(&page).stands_alone();
}

#[test]
fn what_was_not_measured_is_a_dash_and_no_fault() {
    let mut document = document(&SIX[0], 0);
    document["per_order"] = json!({ "messages": 9.1, "commits": null });
    document["answer_us"]["buckets"] = json!([]);
    document["compensations"] = json!(null);
    document["audit"] = json!(null);
    document["rss_mb"] = json!({ "start": null });
    document["over_time"] = json!([]);
    let partly = Entry::new("partly".to_owned(), String::new(), String::new(), vec![measured(document)]);
    let never = Entry::new("never".to_owned(), String::new(), String::new(), Vec::new());
    let comparison =
        Comparison { command: "jumun compare".to_owned(), rounds: 1, entries: vec![partly, never] };
    assert!(!comparison.is_clean(), "a topology that could not be measured is not clean");
    let page = Page::parse(&html(&comparison).unwrap());
    page.stands_alone();
    let dash = "–";
    let row = ["9,214", "100 %", dash, dash, "96.0 ms", "219 ms", "9.10", dash, dash, dash, "20.0 %", dash];
    assert_eq!(page.cells_of("partly"), row);
    assert_eq!(page.cells_of("never"), [dash; 12]);
}

#[test]
fn discrepancies_are_named_first() {
    let mut wrong = document(&SIX[0], 0);
    wrong["audit"] = json!({ "clean": false, "discrepancies": 2 });
    let entry = Entry::new("monolith".to_owned(), String::new(), String::new(), vec![measured(wrong)]);
    let comparison = Comparison { command: String::new(), rounds: 1, entries: vec![entry] };
    assert!(!comparison.is_clean());
    let page = html(&comparison).unwrap();
    assert!(page.contains("<dt>Books</dt><dd>The audit found discrepancies in monolith (2)"), "{page}");
    assert!(page.contains("<td class=\"unclean\">2 wrong</td>"), "{page}");
}

#[test]
fn asks_that_made_no_order_are_told() {
    let mut failing = document(&SIX[0], 0);
    failing["errors"] = json!({ "count": 3, "first": ["503 UNAVAILABLE"] });
    let entry = Entry::new("monolith".to_owned(), String::new(), String::new(), vec![measured(failing)]);
    let page = html(&Comparison { command: String::new(), rounds: 1, entries: vec![entry] }).unwrap();
    let page = page.replace('\u{a0}', " ");
    assert!(page.contains("3 asks of monolith made no order: 503 UNAVAILABLE."), "{page}");
}
