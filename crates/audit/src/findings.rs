//! What the checks find, as they go.

use crate::Audit;
use crate::report::{Code, Discrepancy, InFlight, Listed, Report, Seen};
use crate::scene::Scene;

/// A report under construction.
pub(crate) struct Findings {
    report: Report,
}

impl Findings {
    pub(crate) fn new(audit: &Audit<'_>, scene: &Scene<'_>) -> Self {
        let databases = scene.homes.iter().map(|home| Seen {
            name: home.name.clone(),
            epoch: home.log.epoch.0,
            first: home.log.first.0,
            head: home.log.head.0,
            follows: home.cursors.iter().map(|c| (c.source.to_string(), c.position)).collect(),
        });
        Self {
            report: Report {
                topology: audit.topology.name.clone(),
                at: audit.now,
                databases: databases.collect(),
                checked: std::collections::BTreeMap::new(),
                orders: 0,
                inbox_rows: 0,
                discrepancies: crate::report::Listing::default(),
                in_flight: InFlight::default(),
                listed: Listed::default(),
                notes: Vec::new(),
            },
        }
    }

    /// `code` was checked on `rows` more rows.
    pub(crate) fn checked(&mut self, code: Code, rows: usize) {
        *self.report.checked.entry(code).or_insert(0) += rows as u64;
    }

    /// `found` does not hold.
    pub(crate) fn report(&mut self, found: Discrepancy) {
        self.report.discrepancies.add(found);
    }

    /// Something was not checked.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.report.notes.push(note.into());
    }

    /// A difference was in motion.
    pub(crate) fn moving(&mut self) {
        self.report.in_flight.moving += 1;
    }

    pub(crate) fn in_flight(&mut self) -> &mut InFlight {
        &mut self.report.in_flight
    }

    pub(crate) fn listed(&mut self) -> &mut Listed {
        &mut self.report.listed
    }

    pub(crate) fn count_order(&mut self) {
        self.report.orders += 1;
    }

    pub(crate) fn count_inbox_row(&mut self) {
        self.report.inbox_rows += 1;
    }

    pub(crate) fn finish(self) -> Report {
        self.report
    }
}
