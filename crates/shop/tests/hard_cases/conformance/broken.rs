//! Topologies with one rule broken: somebody must notice, or the rule is there for nothing.

use super::flows::{Flow, transcript};
use super::stepped::Stepped;
use crate::support::Setting;
use conformance::{Scene, check_scenes, scenes};
use jumun_shop::Domains;
use std::panic::{AssertUnwindSafe, catch_unwind};
use toml::{Table, Value};

/// Scenes that between them say every word of a saga: few, for they are played once per broken rule.
const SCENES: [&str; 5] = [
    "coupon, points and card together",
    "out of stock",
    "a declined card",
    "a confirmed order is cancelled",
    "a platform that refuses the payment's delivery",
];

/// A word that no order says before it is over.
const NEVER: &str = "order.failed";

/// Which rule is not as it was.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// What kind of rule: `acts`, `compensates`, `judge`, `saga`.
    pub(super) kind: &'static str,
    /// What became of it.
    pub(super) what: String,
}

/// A topology in which one rule is not as it was.
pub(super) struct Broken {
    pub(super) rule: Rule,
    /// The file.
    pub(super) text: String,
}

/// Who notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Noticed {
    /// It is refused when it is loaded.
    WhenLoaded,
    /// The books are not what they must be.
    ByBooks,
    /// The books are right all the same; this flow's transcript is another.
    ByTranscript(&'static str),
    /// Nobody.
    ByNobody,
}

/// The topology with each of its rules broken, one at a time.
pub(super) fn each_broken(topology: &str) -> Vec<Broken> {
    let whole = as_set(topology.parse().unwrap());
    let mut broken = Vec::new();
    for kind in ["step", "follower"] {
        let routes = whole[kind].as_table().unwrap();
        for (name, route) in routes {
            for word in list(route.get("acts_on")) {
                let rule = Rule { kind: "acts", what: format!("{name} acts on {NEVER} instead of {word}") };
                broken.push(edited(&whole, rule, |file| {
                    replace(&mut file[kind][name]["acts_on"], &word, NEVER);
                }));
            }
            for word in list(route.get("compensates_on")) {
                let rule =
                    Rule { kind: "compensates", what: format!("{name} does not compensate on {word}") };
                broken.push(edited(&whole, rule, |file| {
                    remove(&mut file[kind][name]["compensates_on"], &word);
                }));
            }
        }
    }
    broken.extend(judges_hearing(&whole));
    let saga = whole["saga"].as_table().unwrap();
    for setting in ["groups", "always", "inquiry", "listed_after"] {
        if saga.contains_key(setting) {
            let rule = Rule { kind: "saga", what: format!("no {setting}") };
            broken.push(edited(&whole, rule, |file| {
                file["saga"].as_table_mut().unwrap().remove(setting);
            }));
        }
    }
    broken
}

/// The file without the rules about delivery, where its setting leaves them out: nobody could notice that they are broken.
fn as_set(mut file: Table) -> Table {
    let is_inline = file.get("payment_delivery").and_then(Value::as_str) == Some("inline");
    if !is_inline && file["step"].as_table_mut().unwrap().remove("delivery").is_some() {
        remove(&mut file["saga"]["order"], "delivery");
        for (_, route) in file["step"].as_table_mut().unwrap().iter_mut() {
            remove(&mut route["compensates_on"], "delivery.refused");
        }
    }
    file
}

/// The judge no longer hears one step's success, or one step's refusal.
fn judges_hearing(whole: &Table) -> Vec<Broken> {
    let order = list(whole["saga"].get("order"));
    let mut broken = Vec::new();
    for hears in ["judged_on", "refusals_judged_on"] {
        let heard = Some(list(whole["saga"].get(hears))).filter(|heard| !heard.is_empty());
        for deaf_to in heard.as_ref().unwrap_or(&order) {
            // Nobody at all cannot be said: an empty list means all. Then it hears the first step instead of this one.
            let mut left: Vec<String> =
                heard.as_ref().unwrap_or(&order).iter().filter(|step| *step != deaf_to).cloned().collect();
            if left.is_empty() {
                left.push(order[0].clone());
            }
            let rule = Rule { kind: "judge", what: format!("{hears} without {deaf_to}") };
            broken.push(edited(whole, rule, |file| {
                let left = left.iter().cloned().map(Value::String).collect();
                file["saga"].as_table_mut().unwrap().insert(hears.to_owned(), Value::Array(left));
            }));
        }
    }
    broken
}

fn edited(whole: &Table, rule: Rule, edit: impl FnOnce(&mut Table)) -> Broken {
    let mut file = whole.clone();
    edit(&mut file);
    Broken { rule, text: toml::to_string(&file).unwrap() }
}

fn list(value: Option<&Value>) -> Vec<String> {
    let words = value.and_then(Value::as_array).into_iter().flatten();
    words.map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn replace(words: &mut Value, word: &str, by: &str) {
    let known = words.as_array_mut().unwrap().iter_mut().find(|known| known.as_str() == Some(word));
    *known.unwrap() = Value::String(by.to_owned());
}

fn remove(words: &mut Value, word: &str) {
    words.as_array_mut().unwrap().retain(|known| known.as_str() != Some(word));
}

impl std::fmt::Display for Noticed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WhenLoaded => f.write_str("refused when loaded"),
            Self::ByBooks => f.write_str("the books go wrong"),
            Self::ByTranscript(flow) => write!(f, "another transcript ({flow})"),
            Self::ByNobody => f.write_str("NOBODY NOTICES"),
        }
    }
}

/// Who notices that `broken` is not the topology that has these transcripts.
pub(super) fn noticed(whole: &[(Flow, String)], broken: &str) -> Noticed {
    if Domains::new(Setting::default().policies).place(broken).is_err() {
        return Noticed::WhenLoaded;
    }
    let scenes: Vec<Scene> = scenes().into_iter().filter(|scene| SCENES.contains(&scene.name)).collect();
    let books = || check_scenes(&scenes, |terms| Stepped::new(broken, terms)).findings.is_empty();
    // What goes so wrong that the play cannot go on is noticed, too.
    if !catch_unwind(AssertUnwindSafe(books)).unwrap_or(false) {
        return Noticed::ByBooks;
    }
    let differing = whole.iter().find(|(flow, text)| transcript(broken, flow) != *text);
    differing.map_or(Noticed::ByNobody, |(flow, _)| Noticed::ByTranscript(flow.name))
}
