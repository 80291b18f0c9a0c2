//! The judge's table: what follows in every status from every signal.

use crate::script::{self, dialogue, list};
use jumun_kernel::judge::{
    Announcement, Coordination, Patience, Ruling, Saga, SagaStatus, Signal, StepState, StepStatus, judge,
};
use jumun_kernel::time::Backoff;
use jumun_kernel::{Reason, Step};
use std::time::Duration;

/// Asks again after 1, 2, 4, 4, … seconds; gives up after three.
pub(crate) const PATIENCE: Patience = Patience {
    resend: Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(4) },
    budget: 3,
    inquiry: Duration::from_secs(2),
};

/// Every step hears all that it needs: the judge asks for nothing by name.
pub(crate) fn announce() -> Coordination {
    Coordination::default()
}

/// No step hears anything: the judge asks for each (or each group), and tells each by name to compensate.
pub(crate) fn commands(steps: &[&[&str]]) -> Coordination {
    let asked: Vec<Vec<Step>> =
        steps.iter().map(|group| group.iter().map(|s| Step::new(s)).collect()).collect();
    let all: Vec<Step> = asked.iter().flatten().cloned().collect();
    Coordination { asked, undone_when_failing: all.clone(), undone_when_cancelling: all, inquires: false }
}

/// `steps` of a saga that is only CREATED.
pub(crate) fn created(steps: &[&str]) -> Saga {
    let step = |name: &&str| StepState {
        name: Step::new(name),
        status: StepStatus::Unknown,
        reason: None,
        attempts: 0,
        parked: false,
    };
    Saga {
        status: SagaStatus::Created,
        reason: None,
        steps: steps.iter().map(step).collect(),
        inquired: false,
    }
}

/// Tells the judge one line: a signal, or what a participant says. Answers with the rulings and where the saga stands then.
/// `look` tells nothing and shows the steps.
pub(crate) fn tell(saga: &mut Saga, how: &Coordination, told: &str) -> String {
    if told == "look" {
        return list(&saga.steps.iter().map(shown_step).collect::<Vec<_>>());
    }
    if let Some(told) = told.strip_prefix("found ") {
        let found: Vec<_> = told.split(", ").filter_map(script::said).collect();
        return answer(saga, &Signal::Found(&found), how);
    }
    let said = script::said(told);
    let step = Step::new(told.split(' ').next_back().unwrap_or_default());
    let signal = match (told.split(' ').next(), &said) {
        (_, Some(said)) => Signal::Heard(said),
        (Some("start"), None) => Signal::Start,
        (Some("deadline"), None) => Signal::Deadline,
        (Some("cancel"), None) => Signal::Cancel,
        (Some("resend"), None) => Signal::Resend,
        (Some("unpark"), None) => Signal::Unpark(&step),
        (Some("resolve"), None) => Signal::Resolve(&step),
        _ => panic!("nobody says `{told}`"),
    };
    answer(saga, &signal, how)
}

fn answer(saga: &mut Saga, signal: &Signal<'_>, how: &Coordination) -> String {
    let rulings = judge(saga, signal, how, &PATIENCE);
    let rulings = list(&rulings.iter().map(shown_ruling).collect::<Vec<_>>());
    match &saga.reason {
        Some(reason) => format!("{rulings} [{} {reason}]", saga.status),
        None => format!("{rulings} [{}]", saga.status),
    }
}

fn shown_ruling(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Announce(Announcement::Placed) => "say placed".to_owned(),
        Ruling::Announce(Announcement::Failing) => "say failing".to_owned(),
        Ruling::Announce(Announcement::Cancelling) => "say cancelling".to_owned(),
        Ruling::Announce(Announcement::Confirmed) => "say confirmed".to_owned(),
        Ruling::Announce(Announcement::Failed) => "say failed".to_owned(),
        Ruling::Announce(Announcement::Cancelled) => "say cancelled".to_owned(),
        Ruling::Inquire(steps) => format!("inquire {}", script::joined(steps, "+")),
        Ruling::Ask(step) => format!("ask {step}"),
        Ruling::Undo(step, attempt) => format!("undo {step} #{attempt}"),
        Ruling::WakeAfter(wait) => format!("wake in {wait:?}"),
        Ruling::Sleep => "sleep".to_owned(),
        Ruling::Park(step) => format!("park {step}"),
        Ruling::Alert(detail) => format!("alert: {detail}"),
    }
}

fn shown_step(state: &StepState) -> String {
    let mut shown = format!("{} {}", state.name, state.status);
    if let Some(reason) = &state.reason {
        shown = format!("{shown} {reason}");
    }
    if state.parked { format!("{shown} parked") } else { shown }
}

/// A saga of the steps `stock` and `payment` in `status`; what their answers were, and for what cause.
fn saga_in(status: SagaStatus) -> Saga {
    use StepStatus::{Compensated, Done, Refused, Unknown};
    let (stock, payment, reason) = match status {
        SagaStatus::Created => (Unknown, Unknown, None),
        SagaStatus::Pending => (Done, Unknown, None),
        SagaStatus::Confirmed | SagaStatus::Cancelling => (Done, Done, None),
        SagaStatus::Failing => (Done, Unknown, Some(Reason::TIMED_OUT)),
        SagaStatus::Failed => (Compensated, Refused, Some(Reason::PAYMENT_DECLINED)),
        SagaStatus::Cancelled => (Compensated, Compensated, None),
    };
    let mut saga = Saga { status, reason, ..created(&["stock", "payment"]) };
    for (state, status) in saga.steps.iter_mut().zip([stock, payment]) {
        state.status = status;
    }
    saga
}

/// Every line begins anew in `status`.
#[track_caller]
fn check(status: SagaStatus, expected: &str) {
    dialogue(expected, |told| tell(&mut saga_in(status), &announce(), told));
}

#[test]
fn a_created_saga_starts_expires_or_is_cancelled() {
    check(
        SagaStatus::Created,
        "start                            => say placed [PENDING]
         deadline                         => say failed, sleep [FAILED TIMED_OUT]
         cancel                           => say failed, sleep [FAILED CANCELLED_BY_CUSTOMER]
         payment done                     => nothing [CREATED]
         payment refused PAYMENT_DECLINED => nothing [CREATED]
         payment compensated              => nothing [CREATED]
         payment stuck                    => nothing [CREATED]
         payment pending                  => nothing [CREATED]
         resend                           => nothing [CREATED]
         unpark payment                   => nothing [CREATED]
         resolve payment                  => nothing [CREATED]",
    );
}

#[test]
fn a_pending_saga_is_confirmed_or_fails_with_its_first_cause() {
    check(
        SagaStatus::Pending,
        "start                            => nothing [PENDING]
         stock done                       => nothing [PENDING]
         payment done                     => say confirmed, sleep [CONFIRMED]
         payment refused PAYMENT_DECLINED => say failing, wake in 1s [FAILING PAYMENT_DECLINED]
         payment compensated              => say failing, wake in 1s [FAILING TIMED_OUT]
         stock compensated PRICE_CHANGED  => say failing, wake in 1s [FAILING PRICE_CHANGED]
         payment pending                  => nothing [PENDING]
         payment stuck                    => nothing [PENDING]
         delivery done                    => nothing [PENDING]
         deadline                         => say failing, wake in 1s [FAILING TIMED_OUT]
         cancel                           => say failing, wake in 1s [FAILING CANCELLED_BY_CUSTOMER]
         resend                           => nothing [PENDING]
         unpark payment                   => nothing [PENDING]
         resolve payment                  => nothing [PENDING]",
    );
}

#[test]
fn a_confirmed_saga_is_cancelled_and_otherwise_only_alerts() {
    check(
        SagaStatus::Confirmed,
        "start                            => nothing [CONFIRMED]
         stock done                       => nothing [CONFIRMED]
         payment refused PAYMENT_DECLINED => alert: payment.refused after the order was confirmed [CONFIRMED]
         payment compensated TIMED_OUT    => alert: payment.compensated after the order was confirmed [CONFIRMED]
         payment stuck                    => alert: payment.stuck after the order was confirmed [CONFIRMED]
         payment pending                  => nothing [CONFIRMED]
         deadline                         => sleep [CONFIRMED]
         cancel                           => say cancelling, wake in 1s [CANCELLING]
         resend                           => nothing [CONFIRMED]
         unpark payment                   => nothing [CONFIRMED]
         resolve payment                  => nothing [CONFIRMED]",
    );
}

#[test]
fn late_words_leave_a_confirmed_saga_as_it_was() {
    let confirmed = saga_in(SagaStatus::Confirmed);
    for told in ["stock refused OUT_OF_STOCK", "stock compensated", "stock stuck", "resolve stock"] {
        let mut saga = confirmed.clone();
        tell(&mut saga, &announce(), told);
        assert_eq!(saga, confirmed, "{told}");
    }
}

#[test]
fn a_failing_saga_asks_until_each_step_is_refused_or_compensated() {
    check(
        SagaStatus::Failing,
        "start                            => nothing [FAILING TIMED_OUT]
         stock done                       => nothing [FAILING TIMED_OUT]
         payment done                     => undo payment #0 [FAILING TIMED_OUT]
         payment refused PAYMENT_DECLINED => nothing [FAILING TIMED_OUT]
         stock compensated                => nothing [FAILING TIMED_OUT]
         payment stuck                    => nothing [FAILING TIMED_OUT]
         payment pending                  => nothing [FAILING TIMED_OUT]
         deadline                         => undo stock #1, undo payment #1, wake in 2s [FAILING TIMED_OUT]
         resend                           => undo stock #1, undo payment #1, wake in 2s [FAILING TIMED_OUT]
         cancel                           => nothing [FAILING TIMED_OUT]
         unpark payment                   => nothing [FAILING TIMED_OUT]
         resolve payment                  => nothing [FAILING TIMED_OUT]",
    );
}

#[test]
fn a_cancelling_saga_goes_the_same_way_and_needs_no_cause() {
    check(
        SagaStatus::Cancelling,
        "start               => nothing [CANCELLING]
         payment done        => nothing [CANCELLING]
         payment compensated => nothing [CANCELLING]
         payment stuck       => nothing [CANCELLING]
         deadline            => undo stock #1, undo payment #1, wake in 2s [CANCELLING]
         resend              => undo stock #1, undo payment #1, wake in 2s [CANCELLING]
         cancel              => nothing [CANCELLING]
         resolve payment     => nothing [CANCELLING]",
    );
}

#[test]
fn a_failed_or_cancelled_saga_stays_as_it_is() {
    for (status, shown) in
        [(SagaStatus::Failed, "[FAILED PAYMENT_DECLINED]"), (SagaStatus::Cancelled, "[CANCELLED]")]
    {
        for told in [
            "start",
            "stock done",
            "payment done after stock",
            "payment refused PAYMENT_UNAVAILABLE",
            "payment compensated",
            "payment stuck",
            "cancel",
            "resend",
            "unpark stock",
            "resolve stock",
        ] {
            let mut saga = saga_in(status);
            assert_eq!(tell(&mut saga, &announce(), told), format!("nothing {shown}"), "{told}");
        }
        assert_eq!(tell(&mut saga_in(status), &announce(), "deadline"), format!("sleep {shown}"));
    }
}

#[test]
fn a_steps_status_only_moves_forward() {
    use StepStatus::{Compensated, Done, Refused, Unknown};
    let words = ["stock done", "stock refused OUT_OF_STOCK", "stock compensated OUT_OF_STOCK"];
    for (from, after) in [
        (Unknown, [Done, Refused, Compensated]),
        (Done, [Done, Done, Compensated]),
        (Refused, [Refused, Refused, Compensated]),
        (Compensated, [Compensated, Compensated, Compensated]),
    ] {
        for status in [SagaStatus::Pending, SagaStatus::Failing, SagaStatus::Cancelling] {
            for (told, to) in words.iter().zip(after) {
                let mut saga = saga_in(status);
                saga.steps[0].status = from;
                tell(&mut saga, &announce(), told);
                assert_eq!(saga.steps[0].status, to, "{status}: {from}, then {told}");
            }
        }
    }
}

#[test]
fn a_saga_is_settled_where_nothing_more_happens_by_itself() {
    use SagaStatus::{Cancelled, Cancelling, Confirmed, Created, Failed, Failing, Pending};
    let settled: Vec<_> = SagaStatus::ALL.iter().filter(|status| status.is_settled()).collect();
    assert_eq!(settled, [&Confirmed, &Failed, &Cancelled]);
    assert!([Created, Pending, Failing, Cancelling].iter().all(|status| !status.is_settled()));
}
