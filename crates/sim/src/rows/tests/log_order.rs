//! A reader that follows the log by position, and a commit that comes late.

use super::*;

/// Says something and commits it while another session is between its positions and its visibility.
struct Overtaking {
    other: Mutex<Option<Session>>,
    outcome: Mutex<Option<Result<Position, StoreError>>>,
    follower: Mutex<Follower>,
}

/// Takes in what it has not seen, like a cursor.
struct Follower {
    reader: Arc<dyn Reader>,
    at: Position,
    seen: Vec<String>,
}

impl Follower {
    fn follow(&mut self) {
        for stored in self.reader.log_after(self.at, 99).unwrap() {
            self.at = stored.position;
            self.seen.push(stored.row.body.to_string());
        }
    }
}

impl Disturbance for Overtaking {
    fn between(&self, _: SessionId, moment: &Moment) {
        if !matches!(moment, Moment::Committing { .. }) {
            return;
        }
        let Some(mut other) = self.other.lock().take() else { return };
        other.begin().unwrap();
        *self.outcome.lock() = Some(other.commit(&[], &[said("overtaker")]));
        self.follower.lock().follow();
        *self.other.lock() = Some(other);
    }
}

/// What a follower has seen of two overlapping commits, and how the one in the middle went.
fn overtaken(database: &Database) -> (Vec<String>, Result<Position, StoreError>) {
    let follower = Follower { reader: database.reader(), at: Position(0), seen: Vec::new() };
    let overtaking = Arc::new(Overtaking {
        other: Mutex::new(Some(database.session())),
        outcome: Mutex::default(),
        follower: Mutex::new(follower),
    });
    let mut late = database.disturbed_session(Arc::clone(&overtaking) as Arc<dyn Disturbance>);
    late.begin().unwrap();
    late.commit(&[], &[said("late")]).unwrap();
    let outcome = overtaking.outcome.lock().take().unwrap();
    if outcome.is_err() {
        let mut again = database.session();
        again.begin().unwrap();
        again.commit(&[], &[said("overtaker")]).unwrap();
    }
    let mut follower = overtaking.follower.lock();
    follower.follow();
    (std::mem::take(&mut follower.seen), outcome)
}

#[test]
fn a_follower_skips_nothing_since_positions_are_given_under_the_logs_lock() {
    let (seen, outcome) = overtaken(&shelves(&[]));
    assert!(retry(outcome).contains("the event log"));
    assert_eq!(seen, ["late", "overtaker"]);
}

#[test]
fn without_that_lock_it_skips_the_late_commit() {
    let database = shelves(&[]);
    database.skip_late_commits();
    let (seen, outcome) = overtaken(&database);
    assert_eq!(outcome, Ok(Position(2)));
    assert_eq!(seen, ["overtaker"]);
    // It is there, behind the follower's back.
    let log = database.reader().log_after(Position(0), 99).unwrap();
    assert_eq!(log.iter().map(|row| &*row.row.body).collect::<Vec<_>>(), ["late", "overtaker"]);
}

#[test]
fn what_is_being_committed_is_locked_and_unseen() {
    struct Looking(Database, Mutex<u32>);
    impl Disturbance for Looking {
        fn between(&self, _: SessionId, moment: &Moment) {
            let expected = match moment {
                Moment::Begun | Moment::Loaded { .. } => return,
                Moment::Committing { first } => {
                    assert_eq!(*first, Position(1));
                    (vec![5], 0)
                }
                Moment::Committed => (vec![4, 7], 1),
            };
            assert_eq!((seen(&self.0), self.0.reader().log_state().unwrap().head.0), expected);
            let mut other = self.0.session();
            other.begin().unwrap();
            let written =
                [load(&mut other, 1, Intent::Change).is_ok(), other.commit(&[put(2, 9)], &[]).is_ok()];
            assert_eq!(written, [expected.1 == 1; 2]);
            *self.1.lock() += 1;
        }
    }
    let database = shelves(&[5]);
    let looking = Arc::new(Looking(database.clone(), Mutex::default()));
    let mut session = database.disturbed_session(Arc::clone(&looking) as Arc<dyn Disturbance>);
    session.begin().unwrap();
    session.commit(&[put(1, 4), put(2, 7)], &[said("{}")]).unwrap();
    assert_eq!((seen(&database), *looking.1.lock()), (vec![4, 9], 2));
}
