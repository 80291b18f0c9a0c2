//! A script fed to a domain, and what must hold of every domain whatever it is fed.

use crate::script::{Input, Script};
use crate::values::{EARLIEST, LATEST};
use kernel::judge::letters::DeadLetter;
use kernel::participation::Inbox;
use kernel::testbed::Testbed;
use kernel::{
    DecideError, Domain, DomainName, Entry, Key, Record, Row, Said, SaidEvent, Step, Table, Timestamp, Trace,
    Value,
};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;

/// A domain under test: how it is asked, and what it promises.
pub trait Subject: Clone {
    /// The domain.
    type Domain: Domain;
    /// Its commands.
    type Command: Clone + std::fmt::Debug;

    /// Sends a command; what it answers is for the subject to judge.
    ///
    /// # Errors
    /// The decider's fault.
    fn send(
        &mut self,
        bed: &mut Testbed<Self::Domain>,
        command: &Self::Command,
    ) -> Result<Result<(), DecideError>, TestCaseError>;

    /// Whether a command may end in `fault`: hardly any may, since whoever sends one is to be answered.
    fn may_fault(&self, _command: &Self::Command, _fault: &DecideError) -> bool {
        false
    }

    /// What must hold after every input.
    ///
    /// # Errors
    /// What does not.
    fn check(&mut self, bed: &Testbed<Self::Domain>) -> Result<(), TestCaseError>;
}

/// Plays a script. After each input: a fault has changed nothing, what was said reads back as it was written, and what the
/// subject promises holds. A row that was damaged may make any input fail; it must not make it panic.
///
/// # Errors
/// What does not hold.
pub fn play<S: Subject>(
    subject: &mut S,
    bed: &mut Testbed<S::Domain>,
    script: &Script<S::Command>,
) -> Result<(), TestCaseError> {
    for input in &script.inputs {
        if let Input::Damaged { row, column, holds, limit, then } = input {
            let whole = bed.snapshot();
            if let Some(damaged) = damage(&whole, *row, *column, holds.clone(), *limit) {
                bed.restore(damaged);
                // Whoever keeps books of what happened does not keep this.
                let mut elsewhere = subject.clone();
                for input in then {
                    let _ = happen(&mut elsewhere, bed, script, input)?;
                }
                bed.restore(whole);
                forget(bed);
            }
            continue;
        }
        let before = bed.snapshot();
        match happen(subject, bed, script, input)? {
            Ok(()) => check_words(bed)?,
            Err(fault) => {
                prop_assert_eq!(bed.snapshot(), before, "a fault changes nothing: {}", fault);
                if let Input::Command(command) = input {
                    prop_assert!(subject.may_fault(command, &fault), "{:?}: {}", command, fault);
                }
            }
        }
        reads::<_, Inbox>(bed)?;
        reads::<_, DeadLetter>(bed)?;
        subject.check(bed)?;
    }
    Ok(())
}

/// Every row of `R` reads as one.
///
/// # Errors
/// If one does not.
pub fn reads<D: Domain, R: Record>(bed: &Testbed<D>) -> Result<(), TestCaseError> {
    let rows = bed.snapshot();
    for row in rows.iter().filter(|((table, _), _)| *table == R::TABLE.name).map(|(_, row)| row) {
        let read = R::from_row(row).map(|record| record.to_row());
        prop_assert_eq!(read.as_ref(), Ok(row), "table {}", R::TABLE.name);
    }
    Ok(())
}

type Rows = BTreeMap<(&'static str, Key), Row>;

/// The rows with one column of one of them changed; a row's key is what it is found by, and stays.
fn damage(rows: &Rows, row: Index, column: Index, holds: Value, limit: Option<i64>) -> Option<Rows> {
    let (place, found) = nth(rows.iter(), row)?;
    let key = place.1.0.len();
    let free = found.len().checked_sub(key).filter(|free| *free > 0)?;
    let mut damaged = found.clone();
    let column = damaged.get_mut(key + column.index(free))?;
    *column = match (&column, limit) {
        (Value::Int(_), Some(limit)) => Value::Int(limit),
        _ => holds,
    };
    let mut rows = rows.clone();
    rows.insert(place.clone(), damaged);
    Some(rows)
}

fn nth<T>(mut items: impl ExactSizeIterator<Item = T>, index: Index) -> Option<T> {
    let count = items.len();
    if count == 0 { None } else { items.nth(index.index(count)) }
}

fn happen<S: Subject>(
    subject: &mut S,
    bed: &mut Testbed<S::Domain>,
    script: &Script<S::Command>,
    input: &Input<S::Command>,
) -> Result<Result<(), DecideError>, TestCaseError> {
    let plan = |index: &Index| index.get(&script.plans);
    Ok(match input {
        Input::Command(command) => subject.send(bed, command)?,
        Input::Act { step, plan: index, on } => match own_step(bed, *step) {
            Some(step) => {
                let said = on.clone().unwrap_or_else(|| Said::Asked { step: step.clone() });
                bed.act_on(&said, &step, plan(index))
            }
            None => Ok(()),
        },
        Input::Undo { step, plan: index, on } => match own_step(bed, *step) {
            Some(step) => {
                let said = on.clone().unwrap_or_else(|| Said::UndoAsked { step: step.clone(), attempt: 0 });
                bed.undo_on(&said, &step, plan(index))
            }
            None => Ok(()),
        },
        Input::Heard { by, said, plan: index } => bed.hear(by, said, plan(index)),
        Input::HeardBare { by, key, said } => bed.hear_bare(by, *key, said),
        Input::Due(index) => {
            let rows = timers(bed);
            match nth(rows.iter(), *index) {
                Some((table, key)) => bed.due_row(table, key),
                None => Ok(()),
            }
        }
        Input::DueNowhere(index, id) => match nth(bed.domain().due().into_iter(), *index) {
            Some(due) => bed.due_row(due.table, &Key::from((*id,))),
            None => Ok(()),
        },
        Input::Letter { which, redrive } => match nth(bed.all::<DeadLetter>().iter(), *which) {
            Some(letter) => handle(bed, letter, *redrive),
            None => Ok(()),
        },
        Input::StrangeLetter { letter, redrive } => {
            // Nobody but the testbed keeps it.
            let rows = bed.snapshot();
            let handled = handle(bed, letter, *redrive);
            if handled.is_err() {
                bed.restore(rows);
            }
            handled
        }
        Input::Pass(ms) => set(bed, bed.now.0.saturating_add(*ms)),
        Input::Clock(at) => set(bed, at.0),
        // Damage is done one at a time.
        Input::Damaged { .. } => Ok(()),
    })
}

fn handle<D: Domain>(bed: &mut Testbed<D>, letter: &DeadLetter, redrive: bool) -> Result<(), DecideError> {
    let rows = bed.snapshot();
    let handled = if redrive { bed.redrive(letter) } else { bed.resolve(letter) };
    // The runtime keeps the letter as it was if handling it fails.
    if handled.is_err() {
        bed.restore(rows);
    }
    handled
}

#[expect(clippy::unnecessary_wraps, reason = "one arm of many that can fail")]
fn set<D: Domain>(bed: &mut Testbed<D>, ms: i64) -> Result<(), DecideError> {
    // Whatever a clock says, it says a time that can be written.
    bed.now = Timestamp(ms.clamp(EARLIEST.0, LATEST.0));
    forget(bed);
    Ok(())
}

/// Nothing was decided last.
fn forget<D: Domain>(bed: &mut Testbed<D>) {
    bed.said.clear();
    bed.alerts.clear();
    bed.calls.clear();
}

fn own_step<D: Domain>(bed: &Testbed<D>, index: Index) -> Option<Step> {
    nth(bed.domain().participants().into_iter(), index).map(|participant| participant.step())
}

/// The rows of tables whose rows fall due.
fn timers<D: Domain>(bed: &Testbed<D>) -> Vec<(&'static Table, Key)> {
    let due = bed.domain().due();
    let table = |name: &str| due.iter().find(|due| due.table.name == name).map(|due| due.table);
    let rows = bed.snapshot();
    rows.into_keys().filter_map(|(name, key)| Some((table(name)?, key))).collect()
}

/// What was said goes into a log as text, and is read from there.
fn check_words<D: Domain>(bed: &Testbed<D>) -> Result<(), TestCaseError> {
    let events = bed.said.iter().map(|said| SaidEvent { by: DomainName::of("anybody"), said: said.clone() });
    let entry = Entry {
        v: Entry::VERSION,
        key: uuid::Uuid::nil(),
        at: bed.now,
        trace: Trace::default(),
        plan: None,
        events: events.collect(),
    };
    let text = serde_json::to_string(&entry).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let read: Result<Entry, _> = serde_json::from_str(&text);
    prop_assert_eq!(read.map_err(|error| error.to_string()), Ok(entry), "{}", text);
    Ok(())
}
