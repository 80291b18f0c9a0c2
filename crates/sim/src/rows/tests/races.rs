//! Sessions that overlap.

use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[test]
fn a_loaded_row_is_nobody_elses_until_the_end() {
    for commits in [true, false] {
        let database = shelves(&[5]);
        let (mut one, mut other) = (database.session(), database.session());
        one.begin().unwrap();
        other.begin().unwrap();
        assert_eq!(load(&mut one, 1, Intent::Change), Ok(Some(5)));
        for intent in [Intent::Change, Intent::Claim] {
            assert!(retry(load(&mut other, 1, intent)).starts_with("lock timeout"));
            other.roll_back();
            other.begin().unwrap();
        }
        let expected = if commits { 4 } else { 5 };
        match commits {
            true => drop(one.commit(&[put(1, 4)], &[]).unwrap()),
            false => one.roll_back(),
        }
        // It began before that commit, and sees it all the same.
        assert_eq!(load(&mut other, 1, Intent::Change), Ok(Some(expected)));
    }
}

#[test]
fn only_one_of_two_can_insert_what_both_found_absent() {
    let database = shelves(&[]);
    let (mut one, mut other) = (database.session(), database.session());
    for session in [&mut one, &mut other] {
        session.begin().unwrap();
        assert_eq!(load(session, 1, Intent::Change), Ok(None));
    }
    one.commit(&[put(1, 4)], &[]).unwrap();
    assert!(retry(other.commit(&[put(1, 9)], &[said("never")])).starts_with("duplicate key"));
    assert_eq!(seen(&database), [4]);
    other.begin().unwrap();
    assert_eq!(load(&mut other, 1, Intent::Change), Ok(Some(4)));
}

#[test]
fn nor_delete_what_came_meanwhile() {
    let database = shelves(&[]);
    let (mut one, mut other) = (database.session(), database.session());
    one.begin().unwrap();
    assert_eq!(load(&mut one, 1, Intent::Change), Ok(None));
    other.begin().unwrap();
    other.commit(&[put(1, 4)], &[]).unwrap();
    retry(one.commit(&[Write { row: None, ..put(1, 0) }], &[]));
    assert_eq!(seen(&database), [4]);
}

#[test]
fn a_claim_keeps_everybody_else_from_finding_nothing() {
    for commits in [true, false] {
        let database = shelves(&[]);
        let (mut one, mut other) = (database.session(), database.session());
        one.begin().unwrap();
        other.begin().unwrap();
        assert_eq!(load(&mut one, 1, Intent::Claim), Ok(None));
        assert!(retry(load(&mut other, 1, Intent::Claim)).starts_with("lock timeout"));
        other.roll_back();
        match commits {
            true => drop(one.commit(&[put(1, 4)], &[]).unwrap()),
            false => one.roll_back(),
        }
        other.begin().unwrap();
        assert_eq!(load(&mut other, 1, Intent::Claim), Ok(commits.then_some(4)));
    }
}

#[test]
fn who_does_not_claim_finds_nothing_and_fails_at_the_insert() {
    let database = shelves(&[]);
    let (mut one, mut other) = (database.session(), database.session());
    one.begin().unwrap();
    other.begin().unwrap();
    assert_eq!(load(&mut one, 1, Intent::Claim), Ok(None));
    assert_eq!(load(&mut other, 1, Intent::Change), Ok(None));
    one.commit(&[put(1, 4)], &[]).unwrap();
    assert!(retry(other.commit(&[put(1, 9)], &[])).starts_with("duplicate key"));
}

#[test]
fn a_row_put_without_a_load_waits_for_its_lock_and_replaces_what_is_there() {
    let database = shelves(&[5]);
    let (mut one, mut other) = (database.session(), database.session());
    one.begin().unwrap();
    assert_eq!(load(&mut one, 1, Intent::Change), Ok(Some(5)));
    other.begin().unwrap();
    assert!(retry(other.commit(&[put(1, 9)], &[])).starts_with("lock timeout"));
    one.commit(&[put(1, 4)], &[]).unwrap();
    other.begin().unwrap();
    other.commit(&[put(1, 9)], &[]).unwrap();
    assert_eq!(seen(&database), [9]);
}

#[test]
fn a_failed_transaction_can_only_be_rolled_back_and_keeps_its_locks_until_then() {
    let database = shelves(&[5, 6]);
    let (mut one, mut other) = (database.session(), database.session());
    one.begin().unwrap();
    load(&mut one, 2, Intent::Change).unwrap();
    other.begin().unwrap();
    load(&mut other, 1, Intent::Change).unwrap();
    retry(load(&mut other, 2, Intent::Change));
    assert!(retry(load(&mut other, 1, Intent::Change)).contains("aborted"));
    assert!(retry(load(&mut one, 1, Intent::Change)).starts_with("lock timeout"));
    one.roll_back();
    assert!(retry(other.commit(&[put(1, 9)], &[])).contains("aborted"));
    assert_eq!(seen(&database), [5, 6]);
    assert_eq!(database.0.lock().locks.count(), 0);
    other.begin().unwrap();
    other.commit(&[put(1, 9)], &[]).unwrap();
    assert_eq!(seen(&database), [9, 6]);
}

/// Takes pieces from the first shelf until there are none, like a batch: a load, a decision, a commit, all of it again where the
/// store says so. Whoever runs in between does the same.
struct Clerk {
    session: Session,
    name: usize,
    took: usize,
    clashes: usize,
}

impl Clerk {
    fn take_one(&mut self) -> Result<bool, StoreError> {
        self.session.begin()?;
        let Some(pieces @ 1..) = load(&mut self.session, 1, Intent::Change)? else {
            self.session.roll_back();
            return Ok(false);
        };
        let log = [said(&format!("clerk {} leaves {}", self.name, pieces - 1))];
        self.session.commit(&[put(1, pieces - 1)], &log)?;
        self.took += 1;
        Ok(true)
    }

    /// Whether there may be more.
    fn work(&mut self) -> bool {
        self.take_one().unwrap_or_else(|error| {
            retry::<()>(Err(error));
            self.clashes += 1;
            self.session.roll_back();
            true
        })
    }
}

/// Lets clerks work in the middle of each other's calls, as a seed says.
struct Crowd {
    /// A clerk who is at work is not here.
    clerks: Mutex<Vec<Option<Clerk>>>,
    random: Mutex<ChaCha8Rng>,
}

impl Crowd {
    /// Lets one of those who are free do something; `None` if nobody is.
    fn somebody_works(&self) -> Option<bool> {
        let mut clerk = {
            let mut clerks = self.clerks.lock();
            let free: Vec<usize> = (0..clerks.len()).filter(|at| clerks[*at].is_some()).collect();
            let chosen = *free.get(self.random.lock().random_range(0..free.len().max(1)))?;
            clerks[chosen].take()?
        };
        let more = clerk.work();
        let name = clerk.name;
        self.clerks.lock()[name] = Some(clerk);
        Some(more)
    }
}

impl Disturbance for Crowd {
    fn between(&self, _: SessionId, _: &Moment) {
        if self.random.lock().random_bool(0.4) {
            self.somebody_works();
        }
    }
}

#[test]
fn the_last_pieces_go_once_each_and_the_log_is_in_the_order_of_commits() {
    const PIECES: usize = 10;
    let mut clashes = 0;
    for seed in 0..200 {
        let database = shelves(&[10]);
        let random = Mutex::new(ChaCha8Rng::seed_from_u64(seed));
        let crowd = Arc::new(Crowd { clerks: Mutex::default(), random });
        for name in 0..4 {
            let session = database.disturbed_session(Arc::clone(&crowd) as Arc<dyn Disturbance>);
            crowd.clerks.lock().push(Some(Clerk { session, name, took: 0, clashes: 0 }));
        }
        while crowd.somebody_works() == Some(true) {}
        assert_eq!(seen(&database), [0], "seed {seed}");
        let took: usize = crowd.clerks.lock().iter().flatten().map(|clerk| clerk.took).sum();
        let log = database.reader().log_after(Position(0), 99).unwrap();
        assert_eq!((took, log.len()), (PIECES, PIECES), "seed {seed}");
        for (left, row) in (0..PIECES).rev().zip(log) {
            assert!(row.row.body.ends_with(&format!("leaves {left}")), "seed {seed}: {}", row.row.body);
        }
        assert_eq!(database.0.lock().locks.count(), 0);
        let clerks = std::mem::take(&mut *crowd.clerks.lock());
        clashes += clerks.iter().flatten().map(|clerk| clerk.clashes).sum::<usize>();
    }
    assert!(clashes > 200, "they met {clashes} times only");
}
