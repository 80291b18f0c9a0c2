//! A door: who may wait, in which order, and what wakes the loop behind it.

use jumun_runtime::message::{LetterOrder, Work};
use jumun_runtime::{CommandError, Door};
use kernel::ids::{LetterId, UserId};
use kernel::{Command, DomainName, Trace};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use uuid::Uuid;

/// Says its number; answered with one.
#[derive(Debug)]
struct Say(u32);

impl Command for Say {
    type Reply = u32;
    const DOMAIN: DomainName = DomainName::of("parrot");
}

type Answer = mpsc::Receiver<Result<u32, CommandError>>;

fn send(door: &Door, number: u32) -> Answer {
    let (answer, answered) = mpsc::channel();
    door.send(Say(number), Trace::default(), move |reply| drop(answer.send(reply)));
    answered
}

/// What a command says; `None` for other work.
fn number(work: &Work) -> Option<u32> {
    match work {
        Work::Command { body, .. } => body.downcast_ref::<Say>().map(|say| say.0),
        Work::Delivery(_) | Work::Due { .. } | Work::Letter { .. } => None,
    }
}

fn numbers(work: &[Work]) -> Vec<Option<u32>> {
    work.iter().map(number).collect()
}

fn answer(work: Work, with: impl std::any::Any + Send) {
    let Work::Command { reply: Some(reply), .. } = work else { panic!("nobody waits for this") };
    reply(Ok(Box::new(with)));
}

#[test]
fn what_waits_is_taken_in_the_order_it_came_and_never_more_than_the_cap() {
    let door = Door::new("shop", 10);
    for number in 1..=5 {
        drop(send(&door, number));
    }
    assert_eq!(numbers(&door.take(2)), [Some(1), Some(2)]);
    assert_eq!(door.depth(), 3);
    assert_eq!(numbers(&door.take(100)), [Some(3), Some(4), Some(5)]);
    assert!(door.take(100).is_empty());
}

#[test]
fn a_full_door_refuses_at_once_and_says_which_database_it_is() {
    let door = Door::new("shop", 2);
    let waiting = [send(&door, 1), send(&door, 2)];
    assert_eq!(send(&door, 3).try_recv(), Ok(Err(CommandError::Full("shop".to_owned()))));
    assert!(waiting.iter().all(|answered| answered.try_recv() == Err(mpsc::TryRecvError::Empty)));
    door.take(1);
    let let_in = send(&door, 4);
    assert_eq!(let_in.try_recv(), Err(mpsc::TryRecvError::Empty));
    assert_eq!(numbers(&door.take(10)), [Some(2), Some(4)]);
}

#[test]
fn what_the_runtime_and_operators_say_is_let_in_through_a_full_door() {
    let door = Door::new("shop", 0);
    assert_eq!(send(&door, 1).try_recv(), Ok(Err(CommandError::Full("shop".to_owned()))));
    door.tell(Say(2), Trace::default());
    door.letter(LetterId(Uuid::nil()), LetterOrder::Redrive, UserId(Uuid::nil()), |_| {});
    assert_eq!(numbers(&door.take(10)), [Some(2), None]);
}

#[test]
fn an_answer_reaches_the_one_who_asked() {
    let door = Door::new("shop", 10);
    let (one, two) = (send(&door, 1), send(&door, 2));
    for work in door.take(10) {
        let number = number(&work).unwrap();
        answer(work, number * 100);
    }
    assert_eq!((one.try_recv(), two.try_recv()), (Ok(Ok(100)), Ok(Ok(200))));
}

#[test]
fn an_answer_of_another_type_is_a_fault_and_no_panic() {
    let door = Door::new("shop", 10);
    let answered = send(&door, 1);
    for work in door.take(1) {
        answer(work, "not a number");
    }
    assert!(matches!(answered.try_recv(), Ok(Err(CommandError::Fault(_)))));
}

#[test]
fn a_closed_door_decides_what_waits_and_refuses_what_comes() {
    let door = Door::new("shop", 10);
    drop(send(&door, 1));
    assert!(!door.is_closed());
    door.close();
    let late = send(&door, 2).try_recv();
    assert_eq!(late, Ok(Err(CommandError::Unavailable("shop".to_owned(), "shutting down".to_owned()))));
    let (told, answered) = mpsc::channel();
    door.letter(LetterId(Uuid::nil()), LetterOrder::Redrive, UserId(Uuid::nil()), move |reply| {
        told.send(reply.is_err()).unwrap();
    });
    assert_eq!(answered.try_recv(), Ok(true));
    door.tell(Say(3), Trace::default());
    assert_eq!(numbers(&door.take(10)), [Some(1)]);
    assert!(door.is_closed());
}

/// Waits for ever at a new door, in a thread; returns once `stir` has let it go.
fn is_let_go_by(stir: impl FnOnce(&Door)) {
    let door = Door::new("shop", 10);
    let (going, gone) = mpsc::channel();
    let waiting = std::thread::spawn({
        let door = Arc::clone(&door);
        move || {
            going.send(()).unwrap();
            door.wait(None);
        }
    });
    gone.recv().unwrap();
    stir(&door);
    waiting.join().unwrap();
}

#[test]
fn work_a_wake_and_a_close_each_end_the_wait() {
    is_let_go_by(|door| drop(send(door, 1)));
    is_let_go_by(|door| door.tell(Say(1), Trace::default()));
    is_let_go_by(Door::wake);
    is_let_go_by(Door::close);
}

#[test]
fn a_wake_that_came_before_the_wait_is_not_lost_and_counts_once() {
    let door = Door::new("shop", 10);
    door.wake();
    door.wait(None);
    assert!(door.take(10).is_empty(), "the loop looks, and finds nothing at its own door");
    // Woken no more: only the limit ends this wait.
    door.wait(Some(Duration::ZERO));
}

#[test]
fn waiting_ends_at_its_limit() {
    let door = Door::new("shop", 10);
    door.wait(Some(Duration::from_millis(1)));
    assert_eq!(door.depth(), 0);
}
