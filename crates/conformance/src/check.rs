//! Every scene played, and the books held against what they must say.

use crate::books::Books;
use crate::deployment::{Deployment, Terms};
use crate::scene::{Scene, Stage};
use crate::scenes;
use std::collections::BTreeMap;
use std::fmt;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which scene; `None`: of the deployment as a whole.
    pub scene: Option<&'static str>,
    /// What.
    pub what: String,
}

/// What a check came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Everything that is not as it must be.
    pub findings: Vec<Finding>,
    /// The scenes that were played.
    pub played: Vec<&'static str>,
    /// The scenes whose needs were not met.
    pub left_out: Vec<&'static str>,
}

/// Plays every scene; see [`check_scenes`].
pub fn check<D: Deployment>(open: impl FnMut(Terms) -> D) -> Report {
    check_scenes(&scenes::all(), open)
}

/// Plays those of `scenes` that can be played on deployments that `open` makes, one for each of the terms. The books are looked at
/// when all is over: what is right must stay right while others buy.
pub fn check_scenes<D: Deployment>(scenes: &[Scene], mut open: impl FnMut(Terms) -> D) -> Report {
    let mut report = Report::default();
    for terms in Terms::ALL {
        let scenes: Vec<&Scene> = scenes.iter().filter(|scene| scene.terms == terms).collect();
        if scenes.is_empty() {
            continue;
        }
        let mut deployment = open(terms);
        let (played, left_out): (Vec<&Scene>, Vec<&Scene>) =
            scenes.into_iter().partition(|scene| deployment.meets(scene.needs));
        for scene in &played {
            (scene.play)(&mut Stage::new(&mut deployment, scene.name));
            deployment.rest();
        }
        let books = deployment.books();
        for scene in &played {
            let differences = differences(scene, &books).into_iter();
            report.findings.extend(differences.map(|what| Finding { scene: Some(scene.name), what }));
        }
        report.findings.extend(books.odd.into_iter().map(|what| Finding { scene: None, what }));
        report.played.extend(played.iter().map(|scene| scene.name));
        report.left_out.extend(left_out.iter().map(|scene| scene.name));
    }
    report
}

/// What differs between the books and what they must say of `scene`.
fn differences(scene: &Scene, books: &Books) -> Vec<String> {
    let expected = by_subject(scene.expect.lines());
    let found = books.lines(scene.name);
    let found = by_subject(found.iter().map(String::as_str));
    let mut differences = Vec::new();
    for (subject, alternatives) in &expected {
        match found.get(subject) {
            Some(says) if alternatives.split(" | ").any(|right| right == *says) => {}
            Some(says) => differences.push(format!("{subject}: {says}; it must be: {alternatives}")),
            None => differences.push(format!("missing: {}", line(subject, alternatives))),
        }
    }
    let unexpected = found.iter().filter(|(subject, _)| !expected.contains_key(*subject));
    differences.extend(unexpected.map(|(subject, says)| format!("unexpected: {}", line(subject, says))));
    differences
}

/// Lines by what they are about. What is said of a crowd has no other subject than itself: `3 × order buyer: CONFIRMED`.
fn by_subject<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, &'a str> {
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once(": ") {
            Some((subject, says)) if !subject.starts_with(|first: char| first.is_ascii_digit()) => {
                (subject.to_owned(), says)
            }
            Some(_) | None => (line.to_owned(), ""),
        })
        .collect()
}

fn line(subject: &str, says: &str) -> String {
    if says.is_empty() { subject.to_owned() } else { format!("{subject}: {says}") }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.scene.unwrap_or("at the end"), self.what)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        write!(f, "{} scenes played, {} findings", self.played.len(), self.findings.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::{OrderBook, ProductBook};

    fn confirmed(id: &str, points: i64) -> OrderBook {
        let steps = vec![("stock".to_owned(), "DONE".to_owned())];
        OrderBook {
            id: Some(id.to_owned()),
            status: "CONFIRMED".to_owned(),
            points,
            steps,
            ..OrderBook::default()
        }
    }

    fn books(orders: Vec<(&str, OrderBook)>) -> Books {
        let product = ProductBook { stock: 3, sold: 2, ranked: 2 };
        Books {
            orders: orders.into_iter().map(|(name, order)| (format!("here/{name}"), order)).collect(),
            products: BTreeMap::from([
                ("here/mug".to_owned(), product),
                ("elsewhere/mug".to_owned(), product),
            ]),
            ..Books::default()
        }
    }

    fn compare(expect: &'static str, orders: Vec<(&str, OrderBook)>) -> Vec<String> {
        differences(&Scene::new("here", |_| {}, expect), &books(orders))
    }

    const MUG: &str = "product mug: stock 3, sold 2, best sellers 2";

    #[test]
    fn what_is_as_it_must_be_is_no_finding() {
        let order = || vec![("one", confirmed("1", 400))];
        let expected = "order one: CONFIRMED, points 400\nproduct mug: stock 3, sold 2, best sellers 2";
        assert_eq!(compare(expected, order()), [""; 0]);
        let either =
            "order one: CANCELLED | CONFIRMED, points 400\nproduct mug: stock 3, sold 2, best sellers 2";
        assert_eq!(compare(either, order()), [""; 0]);
    }

    #[test]
    fn what_is_missing_unexpected_or_different_is_a_finding() {
        assert_eq!(compare(MUG, vec![("one", confirmed("1", 0))]), ["unexpected: order one: CONFIRMED"]);
        let expected = "order one: FAILED POINTS_SHORT\nproduct mug: stock 3, sold 2, best sellers 2";
        assert_eq!(
            compare(expected, vec![("one", confirmed("1", 0))]),
            ["order one: CONFIRMED; it must be: FAILED POINTS_SHORT"]
        );
        assert_eq!(compare(expected, Vec::new()), ["missing: order one: FAILED POINTS_SHORT"]);
    }

    #[test]
    fn a_crowd_is_counted_whoever_wins() {
        let crowd = |winner: &str| {
            let lost = |id: &str| OrderBook { turned_down: vec!["SOLD_OUT".to_owned()], ..confirmed(id, 0) };
            let one = |name| (name, if name == winner { confirmed(name, 0) } else { lost(name) });
            vec![one("one#1"), one("one#2"), one("one#3")]
        };
        let expected = "
            1 × order one: CONFIRMED
            2 × order one: CONFIRMED, SOLD_OUT
            product mug: stock 3, sold 2, best sellers 2";
        for winner in ["one#1", "one#2", "one#3"] {
            assert_eq!(compare(expected, crowd(winner)), [""; 0]);
        }
        let nobody = compare(expected, crowd("one#4"));
        let findings = [
            "missing: 1 × order one: CONFIRMED",
            "missing: 2 × order one: CONFIRMED, SOLD_OUT",
            "unexpected: 3 × order one: CONFIRMED, SOLD_OUT",
        ];
        assert_eq!(nobody, findings);
    }

    #[test]
    fn a_step_that_is_not_at_rest_with_its_order_shows() {
        let failed = |step: &str| OrderBook {
            status: "FAILED TIMED_OUT".to_owned(),
            steps: vec![("stock".to_owned(), step.to_owned())],
            ..confirmed("1", 400)
        };
        let expected = "order one: FAILED TIMED_OUT\nproduct mug: stock 3, sold 2, best sellers 2";
        assert_eq!(compare(expected, vec![("one", failed("COMPENSATED"))]), [""; 0]);
        assert_eq!(
            compare(expected, vec![("one", failed("DONE"))]),
            ["order one: FAILED TIMED_OUT, step stock DONE; it must be: FAILED TIMED_OUT"]
        );
    }

    #[test]
    fn the_same_order_under_another_name_is_said_to_be_the_first() {
        let expected =
            "order one: CONFIRMED\norder again: is one\nproduct mug: stock 3, sold 2, best sellers 2";
        assert_eq!(
            compare(expected, vec![("one", confirmed("1", 0)), ("again", confirmed("1", 0))]),
            [""; 0]
        );
        assert_eq!(
            compare(expected, vec![("one", confirmed("1", 0)), ("again", confirmed("2", 0))]),
            ["order again: CONFIRMED; it must be: is one"]
        );
    }
}
