//! Topology files under any edit: a mistake is named by its line, and what is taken carries every order to an end.

use crate::shop::{known, routing, shipped};
use jumun_kernel::topology::{StepRoute, Topology, Unit};
use jumun_kernel::walk::{Flow, walk};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};
use std::fmt::Debug;

/// One edit of a file, by its lines or by its words.
#[derive(Clone, Debug)]
enum Edit {
    Delete(Index),
    Repeat(Index, Index),
    Swap(Index, Index),
    /// A line of any file that ships.
    Borrow(Index, Index),
    /// A word in quotes becomes another of those that ship.
    Reword(Index, Index),
    /// A word in quotes is left out.
    Drop(Index),
    /// Any text between any two characters.
    Type(Index, String),
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    prop_oneof![
        2 => index().prop_map(Edit::Delete),
        1 => (index(), index()).prop_map(|(from, to)| Edit::Repeat(from, to)),
        1 => (index(), index()).prop_map(|(one, other)| Edit::Swap(one, other)),
        2 => (index(), index()).prop_map(|(from, to)| Edit::Borrow(from, to)),
        6 => (index(), index()).prop_map(|(at, word)| Edit::Reword(at, word)),
        4 => index().prop_map(Edit::Drop),
        1 => (index(), ".{0,4}").prop_map(|(at, text)| Edit::Type(at, text)),
    ]
}

/// Where the words in quotes stand, with their quotes.
fn words(text: &str) -> Vec<std::ops::Range<usize>> {
    let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
    quotes.chunks_exact(2).map(|pair| pair[0]..pair[1] + 1).collect()
}

fn apply(text: &str, edit: &Edit, all: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let shipped: Vec<&str> = all.lines().collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let count = lines.len();
    match edit {
        Edit::Delete(at) => _ = lines.remove(at.index(count)),
        Edit::Repeat(from, to) => lines.insert(to.index(count), lines[from.index(count)]),
        Edit::Swap(one, other) => lines.swap(one.index(count), other.index(count)),
        Edit::Borrow(from, to) => lines.insert(to.index(count), shipped[from.index(shipped.len())]),
        Edit::Reword(at, by) => return replace(text, at, |_| by.get(&words(all)).clone(), all),
        Edit::Drop(at) => return replace(text, at, |_| 0..0, all),
        Edit::Type(at, typed) => {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let (before, after) = text.split_at(*at.get(&places));
            return format!("{before}{typed}{after}");
        }
    }
    lines.join("\n")
}

/// A word of `text` by what stands in `all` at the place that `by` says.
fn replace(text: &str, at: &Index, by: impl Fn(&str) -> std::ops::Range<usize>, all: &str) -> String {
    let places = words(text);
    if places.is_empty() {
        return text.to_owned();
    }
    let place = at.get(&places).clone();
    let new = &all[by(&text[place.clone()])];
    // A word that is left out takes its comma along.
    let rest = text[place.end..].strip_prefix(", ").filter(|_| new.is_empty());
    format!("{}{new}{}", &text[..place.start], rest.unwrap_or(&text[place.end..]))
}

/// A file that says what `topology` is.
fn written(topology: &Topology) -> String {
    let word = |word: &dyn Debug| format!("{word:?}").to_lowercase();
    let unit = |unit: &Unit| {
        json!({
            "name": unit.name, "domains": unit.domains, "own_store": unit.own_store, "guarded": unit.guarded,
        })
    };
    let routes = |follower| -> Json {
        let routes = topology.routes.iter().filter(|route| route.follower == follower);
        let route =
            |route: &StepRoute| json!({ "acts_on": route.acts_on, "compensates_on": route.compensates_on });
        routes.map(|each| (each.step.to_string(), route(each))).collect()
    };
    let mut file = json!({
        "name": topology.name,
        "summary": topology.summary,
        "answer": word(&topology.answer),
        "quote": topology.quote.word(),
        "payment_delivery": word(&topology.payment_delivery),
        "saga": {
            "order": topology.order,
            "always": topology.always,
            "groups": topology.groups,
            "judged_on": topology.judged_on,
            "refusals_judged_on": topology.refusals_judged_on,
            "inquiry": word(&topology.inquiry),
        },
        "unit": topology.units.iter().map(unit).collect::<Vec<_>>(),
        "step": routes(false),
        "follower": routes(true),
    });
    if let Some(step) = &topology.listed_after {
        file["saga"]["listed_after"] = step.as_str().into();
    }
    toml::to_string(&file).unwrap()
}

fn ends(text: &str, topology: &Topology, flow: &Flow, last: &str) -> Result<(), TestCaseError> {
    let told = walk(topology, &routing(topology), flow);
    let ended = told.iter().filter(|told| told.said.name() == last).count();
    prop_assert_eq!(ended, 1, "{:?} does not end once in {}\n{}", flow, last, text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_taken_carries_every_order_to_its_end(
        file in any::<Index>(),
        edits in proptest::collection::vec(edit(), 1..6),
    ) {
        let all: Vec<String> = shipped().into_iter().map(|(_, text)| text).collect();
        let everything = all.concat();
        let text = edits.iter().fold(file.get(&all).clone(), |text, edit| apply(&text, edit, &everything));
        match Topology::parse(&text, &known()) {
            Err(error) => {
                prop_assert!((1..=text.lines().count().max(1) + 1).contains(&error.line), "{error}\n{text}");
                prop_assert!(!error.message.is_empty());
            }
            Ok(topology) => {
                let said = written(&topology);
                prop_assert_eq!(Topology::parse(&said, &known()), Ok(topology.clone()), "{}\n---\n{}", said, text);
                ends(&text, &topology, &Flow::Success, "order.confirmed")?;
                ends(&text, &topology, &Flow::Cancelled, "order.cancelled")?;
                for step in topology.order.clone() {
                    ends(&text, &topology, &Flow::Refused(step), "order.failed")?;
                }
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\[\\[?[a-z.]{0,9}\\]?\\]|[a-z_]{0,8} ?= ?.{0,12}|.{0,20}|\n){0,12}") {
        if let Err(error) = Topology::parse(&text, &known()) {
            prop_assert!((1..=text.lines().count().max(1) + 1).contains(&error.line), "{error}\n{text}");
        }
    }
}
