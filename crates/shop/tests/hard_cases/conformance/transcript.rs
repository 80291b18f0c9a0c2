//! A transcript: who said what in which database, and whom it reached how. A reader sees the message sequence that the topology's
//! seed draws.

use crate::support::{Happened, World};
use kernel::routing::{Role, Routing};
use kernel::topology::Database;
use kernel::{DomainName, Entry, Said, SaidEvent, Timestamp};
use std::fmt::Write as _;
use uuid::Uuid;

/// How a word reaches somebody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// In a further round of the same transaction.
    Within,
    /// Through the log, to another database of the same unit.
    Beside,
    /// Through the log, to another unit: a message on the wire where units are spread out.
    Across,
}

/// Writes what happened to one order as lines of text: no ids, and no times but for waits.
pub(super) struct Scribe {
    routing: Routing,
    databases: Vec<Database>,
}

impl Scribe {
    pub(super) fn of(world: &World) -> Self {
        Self { routing: world.routing(), databases: world.system().topology().databases() }
    }

    pub(super) fn write(&self, tape: &[Happened], order: Uuid) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut last: Option<Timestamp> = None;
        for happened in tape {
            match happened {
                Happened::Committed { database, entries } => {
                    for entry in entries.iter().filter(|entry| entry.key == order) {
                        lines.extend(last.and_then(|last| waited(last, entry.at)));
                        last = Some(entry.at);
                        lines.extend(self.commit(database, entry));
                    }
                }
                Happened::Called { by, about, what } if *about == Some(order) => {
                    lines.push(format!("{:19}  asks the {what}", self.home(by).name));
                }
                Happened::Called { .. } => {}
            }
        }
        text_of(&lines)
    }

    /// The lines of one transaction: its database is named once.
    fn commit(&self, database: &str, entry: &Entry) -> Vec<String> {
        let places = std::iter::once(database).chain(std::iter::repeat(""));
        let line = |(place, event): (&str, &SaidEvent)| {
            format!("{place:19}  {:41} {}", words(&event.said), self.reached(database, entry, event))
        };
        places.zip(&entry.events).map(line).collect()
    }

    /// Whom a word reaches, nearest first.
    fn reached(&self, database: &str, entry: &Entry, event: &SaidEvent) -> String {
        let mut reached: Vec<(Way, Vec<String>)> = Vec::new();
        for role in self.routing.roles(&event.said, entry.plan.as_deref()) {
            let Some(domain) = self.routing.addressee(&role) else { continue };
            let (way, what) = (self.way(database, domain), what(&role));
            match reached.iter_mut().find(|(known, _)| *known == way) {
                Some((_, whats)) => whats.push(what),
                None => reached.push((way, vec![what])),
            }
        }
        reached.sort_unstable();
        let groups = reached.iter().map(|(way, whats)| format!("{} {}", way.arrow(), whats.join(", ")));
        groups.collect::<Vec<_>>().join("  ")
    }

    fn way(&self, database: &str, to: &DomainName) -> Way {
        let (from, to) = (self.databases.iter().find(|known| known.name == database), self.home(to));
        match from {
            Some(from) if from.name == to.name => Way::Within,
            Some(from) if from.unit == to.unit => Way::Beside,
            Some(_) | None => Way::Across,
        }
    }

    fn home(&self, domain: &DomainName) -> &Database {
        self.databases.iter().find(|database| database.domains.contains(domain)).unwrap()
    }
}

impl Way {
    fn arrow(self) -> &'static str {
        match self {
            Self::Within => "->",
            Self::Beside => "~>",
            Self::Across => "=>",
        }
    }
}

fn waited(from: Timestamp, to: Timestamp) -> Option<String> {
    let seconds = (to.0 - from.0) / 1_000;
    (seconds > 0).then(|| format!("… {seconds} s"))
}

/// The lines. A call after a call to the same outside is one more try, or a look at how the last one went: they are counted.
fn text_of(lines: &[String]) -> String {
    let call = |line: &String| {
        line.split_once("  asks the ").map(|(_, call)| call.split(':').next().map(str::to_owned))
    };
    let mut text = String::new();
    for same in lines.chunk_by(|one, next| call(one).is_some() && call(one) == call(next)) {
        let again =
            if same.len() > 1 { format!(" (and {} calls more)", same.len() - 1) } else { String::new() };
        let _ = writeln!(text, "{}{again}", same[0].trim_end());
    }
    text
}

fn what(role: &Role) -> String {
    match role {
        Role::Act(steps) => {
            let steps: Vec<&str> = steps.iter().map(kernel::Step::as_str).collect();
            steps.join("+")
        }
        Role::Compensate(step) => format!("undo {step}"),
        Role::Hear(domain) if domain.as_str() == "order" => "judge".to_owned(),
        Role::Hear(domain) => domain.to_string(),
    }
}

/// What was said, with its reason and with what it carries.
fn words(said: &Said) -> String {
    let mut words = said.name().to_string();
    if let Said::Done { prior, .. } = said
        && !prior.is_empty()
    {
        let prior: Vec<&str> = prior.iter().map(kernel::Step::as_str).collect();
        let _ = write!(words, " after {}", prior.join(", "));
    }
    if let Some(reason) = said.reason() {
        let _ = write!(words, " {reason}");
    }
    words
}
