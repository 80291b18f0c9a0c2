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
