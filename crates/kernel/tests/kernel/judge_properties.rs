//! The judge under any sequence of signals.

use crate::judge_table::{PATIENCE, announce, commands, created};
use jumun_kernel::judge::{Announcement, Coordination, Ruling, Saga, SagaStatus, Signal, StepStatus, judge};
use jumun_kernel::{Reason, Said, Step};
use proptest::prelude::*;

const STEPS: [&str; 3] = ["stock", "point", "payment"];

#[derive(Clone, Debug)]
enum Told {
    Start,
    Heard(Said),
    Found(Vec<Said>),
    Deadline,
    Cancel,
    Resend,
    Unpark(Step),
    Resolve(Step),
}

impl Told {
    fn signal(&self) -> Signal<'_> {
        match self {
            Self::Start => Signal::Start,
            Self::Heard(said) => Signal::Heard(said),
            Self::Found(found) => Signal::Found(found),
            Self::Deadline => Signal::Deadline,
            Self::Cancel => Signal::Cancel,
            Self::Resend => Signal::Resend,
            Self::Unpark(step) => Signal::Unpark(step),
            Self::Resolve(step) => Signal::Resolve(step),
        }
    }
}

/// A planned step, or one that is not.
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![9 => (0..STEPS.len()).prop_map(|n| Step::new(STEPS[n])), 1 => Just(Step::new("gift"))]
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![Just(Reason::OUT_OF_STOCK), Just(Reason::POINTS_SHORT), Just(Reason::PAYMENT_DECLINED)]
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => (step(), proptest::collection::vec(step(), 0..3)).prop_map(|(step, prior)| Said::Done { step, prior }),
        1 => (step(), reason()).prop_map(|(step, reason)| Said::Refused { step, reason }),
        2 => (step(), proptest::option::of(reason())).prop_map(|(step, cause)| Said::Compensated { step, cause }),
        1 => step().prop_map(|step| Said::Stuck { step, error: "no".into() }),
        1 => step().prop_map(|step| Said::Pending { step }),
        1 => step().prop_map(|step| Said::Asked { step }),
        1 => Just(Said::Cancelling),
    ]
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        1 => Just(Told::Start),
        12 => said().prop_map(Told::Heard),
        2 => proptest::collection::vec(said(), 0..3).prop_map(Told::Found),
        1 => Just(Told::Deadline),
        1 => Just(Told::Cancel),
        3 => Just(Told::Resend),
        1 => step().prop_map(Told::Unpark),
        1 => step().prop_map(Told::Resolve),
    ]
}

fn how() -> impl Strategy<Value = Coordination> {
    let groups: [&[&str]; 2] = [&["stock", "point"], &["payment"]];
    prop_oneof![
        Just(announce()),
        Just(Coordination { inquires: true, ..announce() }),
        Just(commands(&[&["stock"], &["point"], &["payment"]])),
        Just(Coordination { inquires: true, ..commands(&groups) }),
    ]
}

fn rank(status: StepStatus) -> u8 {
    match status {
        StepStatus::Unknown => 0,
        StepStatus::Done | StepStatus::Refused => 1,
        StepStatus::Compensated => 2,
    }
}

fn may_follow(before: SagaStatus, after: SagaStatus) -> bool {
    use SagaStatus::{Cancelled, Cancelling, Confirmed, Created, Failed, Failing, Pending};
    before == after
        || matches!(
            (before, after),
            (Created, Pending | Failed)
                | (Pending, Confirmed | Failing | Failed)
                | (Failing, Failed)
                | (Confirmed, Cancelling)
                | (Cancelling, Cancelled)
        )
}

/// What must hold between a saga before a signal and after it.
fn check_step(before: &Saga, after: &Saga, rulings: &[Ruling]) -> Result<(), TestCaseError> {
    prop_assert!(may_follow(before.status, after.status), "{} -> {}", before.status, after.status);
    prop_assert!(before.reason.is_none() || after.reason == before.reason, "the first cause is kept");
    for (old, new) in before.steps.iter().zip(&after.steps) {
        let forward = old.status == new.status || rank(old.status) < rank(new.status);
        prop_assert!(forward, "{}: {} -> {}", old.name, old.status, new.status);
        prop_assert!(
            old.reason.is_none() || new.reason == old.reason,
            "{}: its first reason is kept",
            new.name
        );
    }
    let last = rulings.iter().rev().find_map(|ruling| match ruling {
        Ruling::Announce(announcement) => Some(*announcement),
        _ => None,
    });
    let stands_for = |announcement| match announcement {
        Announcement::Placed => SagaStatus::Pending,
        Announcement::Failing => SagaStatus::Failing,
        Announcement::Cancelling => SagaStatus::Cancelling,
        Announcement::Confirmed => SagaStatus::Confirmed,
        Announcement::Failed => SagaStatus::Failed,
        Announcement::Cancelled => SagaStatus::Cancelled,
    };
    let expected = (before.status != after.status).then_some(after.status);
    prop_assert_eq!(last.map(stands_for), expected, "a change is announced, and nothing else is");
    Ok(())
}

/// What must hold of a saga at any time.
fn check_state(saga: &Saga, wakes: bool) -> Result<(), TestCaseError> {
    let all = |wanted: &[StepStatus]| saga.steps.iter().all(|step| wanted.contains(&step.status));
    let over = all(&[StepStatus::Refused, StepStatus::Compensated]);
    match saga.status {
        SagaStatus::Created => {}
        SagaStatus::Pending => prop_assert!(!all(&[StepStatus::Done]), "nobody would ever confirm it"),
        SagaStatus::Confirmed => {
            prop_assert!(all(&[StepStatus::Done]) && saga.steps.iter().all(|step| !step.parked));
        }
        SagaStatus::Failing | SagaStatus::Cancelling => {
            prop_assert!(!over, "nobody would ever end it");
            let waits = |status| matches!(status, StepStatus::Unknown | StepStatus::Done);
            let parked = saga.steps.iter().filter(|step| waits(step.status)).all(|step| step.parked);
            prop_assert!(wakes || parked, "it neither wakes nor stands in the dead letters");
        }
        SagaStatus::Failed => prop_assert!(over && saga.reason.is_some()),
        SagaStatus::Cancelled => prop_assert!(over),
    }
    for step in &saga.steps {
        let ended = matches!(step.status, StepStatus::Refused | StepStatus::Compensated);
        prop_assert!(!(ended && step.parked), "{} has ended and is parked", step.name);
        prop_assert!(step.attempts <= PATIENCE.budget);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_sequence_of_signals_keeps_the_sagas_promises(
        how in how(),
        script in proptest::collection::vec(told(), 0..40),
    ) {
        let mut saga = created(&STEPS);
        let mut wakes = false;
        for told in std::iter::once(Told::Start).chain(script) {
            let before = saga.clone();
            // The timer that brought it is spent.
            wakes &= !matches!(told, Told::Resend | Told::Deadline);
            let rulings = judge(&mut saga, &told.signal(), &how, &PATIENCE);
            for ruling in &rulings {
                match ruling {
                    Ruling::WakeAfter(wait) => {
                        prop_assert!(*wait >= PATIENCE.resend.first && *wait <= PATIENCE.resend.cap);
                        wakes = true;
                    }
                    Ruling::Sleep => wakes = false,
                    _ => {}
                }
            }
            check_step(&before, &saga, &rulings)?;
            check_state(&saga, wakes)?;
        }
    }

    #[test]
    fn commands_ask_for_no_step_twice(how in how(), script in proptest::collection::vec(told(), 0..40)) {
        let mut saga = created(&STEPS);
        let mut asked = Vec::new();
        for told in std::iter::once(Told::Start).chain(script) {
            for ruling in judge(&mut saga, &told.signal(), &how, &PATIENCE) {
                if let Ruling::Ask(step) = ruling {
                    prop_assert!(!asked.contains(&step), "{step} is asked twice");
                    asked.push(step);
                }
            }
        }
    }

    #[test]
    fn a_saga_whose_participants_answer_ends(how in how(), script in proptest::collection::vec(told(), 0..40)) {
        let mut saga = created(&STEPS);
        for told in std::iter::once(Told::Start).chain(script) {
            let _ = judge(&mut saga, &told.signal(), &how, &PATIENCE);
        }
        // The first may only have had the participants asked.
        for _ in 0..2 {
            let _ = judge(&mut saga, &Signal::Deadline, &how, &PATIENCE);
        }
        for step in STEPS.map(Step::new) {
            let said = Said::Compensated { step, cause: None };
            let _ = judge(&mut saga, &Signal::Heard(&said), &how, &PATIENCE);
        }
        prop_assert!(saga.status.is_settled(), "{}", saga.status);
    }
}
