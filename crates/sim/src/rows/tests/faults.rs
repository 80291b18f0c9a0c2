//! Calls that fail, sessions that are lost, answers that never come.

use super::*;

/// Does one thing to the next call of a kind.
struct Next(Mutex<Option<(Call, Fault)>>);

impl Next {
    fn of(database: &Database) -> (Arc<Self>, Session) {
        let next = Arc::new(Self(Mutex::default()));
        let session = database.disturbed_session(Arc::clone(&next) as Arc<dyn Disturbance>);
        (next, session)
    }

    fn suffers(&self, call: Call, fault: Fault) {
        *self.0.lock() = Some((call, fault));
    }
}

impl Disturbance for Next {
    fn fault(&self, call: &Call) -> Option<Fault> {
        self.0.lock().take_if(|(next, _)| next == call).map(|(_, fault)| fault)
    }
}

/// Puts 4 on the first of two shelves.
fn batch(session: &mut Session) -> Result<Position, StoreError> {
    session.begin()?;
    if let Err(error) = load(session, 1, Intent::Change) {
        session.roll_back();
        return Err(error);
    }
    session.commit(&[put(1, 4)], &[said("{}")])
}

#[test]
fn whatever_call_fails_nothing_is_done_and_no_lock_is_left() {
    let errors = [
        StoreError::Retry("deadlock".into()),
        StoreError::Full("the disk".into()),
        StoreError::Unusable("corrupt".into()),
    ];
    for error in errors {
        for call in [Call::Begin, Call::Load(Shelf::TABLE), Call::Commit] {
            let database = shelves(&[5]);
            let (next, mut session) = Next::of(&database);
            next.suffers(call, Fault::Fails(error.clone()));
            assert_eq!(batch(&mut session), Err(error.clone()), "{call:?}");
            assert_eq!((seen(&database), database.0.lock().locks.count()), (vec![5], 0), "{call:?}");
            assert_eq!(batch(&mut session), Ok(Position(1)), "{call:?}");
        }
    }
}

#[test]
fn a_lost_session_leaves_nothing_and_can_begin_again() {
    for call in [Call::Begin, Call::Load(Shelf::TABLE), Call::Commit] {
        let database = shelves(&[5]);
        let (next, mut session) = Next::of(&database);
        next.suffers(call, Fault::LosesSession);
        retry(batch(&mut session));
        assert_eq!(session.settle(), Ok(None), "{call:?}");
        assert_eq!((seen(&database), database.0.lock().locks.count()), (vec![5], 0), "{call:?}");
        assert_eq!(batch(&mut session), Ok(Position(1)), "{call:?}");
    }
}

#[test]
fn a_commit_whose_answer_is_lost_has_happened() {
    let database = shelves(&[5]);
    let (next, mut session) = Next::of(&database);
    next.suffers(Call::Commit, Fault::LosesAnswer);
    retry(batch(&mut session));
    assert_eq!((seen(&database), database.0.lock().locks.count()), (vec![4], 0));
    assert_eq!(database.reader().log_state().unwrap().head, Position(1));
    // The server knows, as soon as it can be asked.
    next.suffers(Call::Settle, Fault::LosesSession);
    retry(session.settle());
    assert_eq!(session.settle(), Ok(Some(Position(1))));
    for (call, fault) in [(Call::PruneLog, Fault::LosesAnswer), (Call::NewEpoch, Fault::LosesAnswer)] {
        next.suffers(call, fault);
        match call {
            Call::PruneLog => retry(session.prune_log(Position(1))),
            _ => retry(session.new_epoch(Epoch(Uuid::max()))),
        };
    }
    let expected = LogState { epoch: Epoch(Uuid::max()), head: Position(1), first: Position(2) };
    assert_eq!(database.reader().log_state(), Ok(expected));
}

#[test]
fn a_reader_fails_as_it_is_told_and_its_snapshots_do_not() {
    let database = shelves(&[5]);
    let next = Arc::new(Next(Mutex::default()));
    let reader = database.disturbed_reader(Arc::clone(&next) as Arc<dyn Disturbance>);
    let keys = [Key::from((1_i64,))];
    let away = StoreError::Retry("away".into());
    next.suffers(Call::Read(Shelf::TABLE), Fault::Fails(away.clone()));
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.load(Shelf::TABLE, &keys).unwrap().len(), 1);
    assert_eq!(reader.load(Shelf::TABLE, &keys), Err(away));
    assert_eq!(reader.load(Shelf::TABLE, &keys).unwrap().len(), 1);
    next.suffers(Call::ReadLog, Fault::LosesSession);
    retry(reader.log_after(Position(0), 1));
    assert_eq!(reader.log_after(Position(0), 1), Ok(Vec::new()));
}

/// The server kills the session itself, in the middle of its call.
struct Killing(Database, Moment);

impl Disturbance for Killing {
    fn between(&self, session: SessionId, moment: &Moment) {
        if std::mem::discriminant(moment) == std::mem::discriminant(&self.1) {
            self.0.kill(session);
        }
    }
}

#[test]
fn a_session_killed_in_the_middle_of_a_call_has_done_nothing_unless_it_was_committed() {
    let loaded = Moment::Loaded { table: Shelf::TABLE, intent: Intent::Change };
    let committing = Moment::Committing { first: Position(1) };
    for (moment, left) in [(Moment::Begun, 5), (loaded, 5), (committing, 5), (Moment::Committed, 4)] {
        let database = shelves(&[5]);
        let mut session = database.disturbed_session(Arc::new(Killing(database.clone(), moment)));
        let done = batch(&mut session);
        match left {
            4 => assert_eq!(done, Ok(Position(1))),
            _ => assert_eq!(retry(done), "the connection was lost", "{moment:?}"),
        }
        assert_eq!((seen(&database), database.0.lock().locks.count()), (vec![left], 0), "{moment:?}");
    }
}

#[test]
fn a_dropped_session_leaves_no_lock() {
    let database = shelves(&[5]);
    let mut session = database.session();
    session.begin().unwrap();
    load(&mut session, 1, Intent::Change).unwrap();
    assert_eq!(database.0.lock().locks.count(), 1);
    drop(session);
    assert_eq!(database.0.lock().locks.count(), 0);
}
