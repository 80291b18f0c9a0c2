//! Logs: without gaps, and followed no further than they reach.

use crate::AuditError;
use crate::findings::Findings;
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use kernel::Record;
use runtime::ports::store::{Cursor, Position};

/// Log rows are long: a page of them is shorter than one of rows.
const MOST_ROWS: u32 = 1_000;

pub(crate) fn check(scene: &Scene<'_>, findings: &mut Findings) -> Result<(), AuditError> {
    for home in 0..scene.homes.len() {
        gaps(scene, home, findings)?;
        cursors(scene, home, findings)?;
    }
    Ok(())
}

/// Positions go from the first to the head, one by one.
fn gaps(scene: &Scene<'_>, home: usize, findings: &mut Findings) -> Result<(), AuditError> {
    let moment = scene.moment(home);
    let log = scene.homes[home].log;
    let report = |expected: u64, found: String| Discrepancy {
        code: Code::LogGap,
        database: moment.name.to_owned(),
        table: "event_log",
        key: expected.to_string(),
        expected: format!("position {expected}"),
        found,
    };
    let mut next = log.first.0.max(1);
    loop {
        let page = moment.page.clamp(1, MOST_ROWS);
        let rows = moment.reader.log_after(Position(next - 1), page).map_err(|error| moment.failed(error))?;
        if rows.is_empty() {
            break;
        }
        findings.checked(Code::LogGap, rows.len());
        for row in rows {
            if row.position.0 != next {
                findings.report(report(next, format!("position {}", row.position.0)));
            }
            next = row.position.0 + 1;
        }
    }
    if next != log.head.0 + 1 {
        findings.report(report(next, format!("the end of the log, whose head is {}", log.head.0)));
    }
    Ok(())
}

/// Nobody has followed a log further than it reaches.
fn cursors(scene: &Scene<'_>, home: usize, findings: &mut Findings) -> Result<(), AuditError> {
    for cursor in &scene.homes[home].cursors {
        // A database of an earlier topology may have left a cursor behind.
        let Some(source) = scene.homes.iter().position(|other| other.name == cursor.source) else { continue };
        findings.checked(Code::CursorAhead, 1);
        // Heads only grow, and this one is read after the cursor was.
        let log = scene.log_now(source)?;
        let is_ahead = u64::try_from(cursor.position).is_ok_and(|position| position > log.head.0);
        if cursor.epoch == log.epoch.0 && is_ahead {
            findings.report(Discrepancy {
                code: Code::CursorAhead,
                database: scene.homes[home].name.clone(),
                table: Cursor::TABLE.name,
                key: cursor.source.to_string(),
                expected: format!("at most {}, the head of {}", log.head.0, cursor.source),
                found: format!("{}: {} was restored from an older backup", cursor.position, cursor.source),
            });
        }
    }
    Ok(())
}
