//! The one thread that writes in the book. While it commits, the next callers gather, and are committed together: a
//! thousand charges wait for one write to the disk, not for a thousand.

use super::book::Book;
use super::ledger::{self, LedgerError};
use super::notifier::{Event, Queue};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

const LOCK_FILE: &str = "pg-simulator.lock";
/// The most that one commit waits for, so that the first of a group is not kept by an endless rest.
const GROUP: usize = 1_000;

/// Works on the book and returns what to do once it is known whether the transaction was committed.
type Work = Box<dyn FnOnce(&mut Book<'_>) -> Finish + Send>;
type Finish = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;

enum Job {
    Work(Work),
    Close,
}

/// The way to the thread that keeps the book.
pub(super) struct Teller {
    jobs: Sender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Teller {
    /// Takes the folder for itself, opens the book and starts the thread. `events` hears of what was committed.
    pub(super) fn open(data_dir: &Path, events: Option<Arc<Queue>>) -> Result<Self, LedgerError> {
        let lock = take_folder(data_dir)?;
        let mut connection = ledger::open_for_writing(data_dir)?;
        let (jobs, waiting) = mpsc::channel();
        let keep_book = move || {
            let (works, commits) = keep(&mut connection, &waiting, events.as_deref());
            tracing::debug!(works, commits, "the PG simulator's ledger is closed");
            // The folder is free only once the book is closed.
            drop(connection);
            drop(lock);
        };
        let thread =
            std::thread::Builder::new().name("pg-ledger".to_owned()).spawn(keep_book).map_err(|error| {
                LedgerError::Folder { data_dir: data_dir.to_owned(), reason: error.to_string() }
            })?;
        Ok(Self { jobs, thread: Mutex::new(Some(thread)) })
    }

    /// Has the thread do `work`; answers once it is committed. Dropping the future does not undo the work.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Book<'_>) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Work(job(work, reply))).map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    /// Commits what was asked before, closes the book and frees the folder. Blocks until it is done.
    pub(super) fn close(&self) {
        let _ = self.jobs.send(Job::Close);
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the PG simulator's ledger thread panicked");
        }
    }
}

fn job<T: Send + 'static>(
    work: impl FnOnce(&mut Book<'_>) -> Result<T, LedgerError> + Send + 'static,
    reply: oneshot::Sender<Result<T, LedgerError>>,
) -> Work {
    Box::new(move |book| {
        let done = work(book);
        Box::new(move |committed| {
            // A caller that has gone away needs no answer.
            let _ = reply.send(committed.and(done));
        })
    })
}

/// The folder's lock, held until it is dropped; the system drops it with the process.
fn take_folder(data_dir: &Path) -> Result<File, LedgerError> {
    let unusable = |error: std::io::Error| LedgerError::Folder {
        data_dir: data_dir.to_owned(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(data_dir).map_err(unusable)?;
    let lock = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(data_dir.join(LOCK_FILE))
        .map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { data_dir: data_dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Does jobs until told to close. Returns how many there were, and in how many transactions.
fn keep(connection: &mut Connection, jobs: &Receiver<Job>, events: Option<&Queue>) -> (usize, usize) {
    let (mut works, mut groups) = (0, 0);
    while let Ok(Job::Work(first)) = jobs.recv() {
        let mut group = vec![first];
        let mut closing = false;
        while group.len() < GROUP && !closing {
            match jobs.try_recv() {
                Ok(Job::Work(work)) => group.push(work),
                Ok(Job::Close) => closing = true,
                Err(_) => break,
            }
        }
        works += group.len();
        groups += 1;
        commit_together(connection, group, events);
        if closing {
            break;
        }
    }
    (works, groups)
}

fn commit_together(connection: &mut Connection, group: Vec<Work>, events: Option<&Queue>) {
    let mut finishes = Vec::with_capacity(group.len());
    let written = write(connection, group, &mut finishes);
    let committed = match written {
        Ok(happened) => {
            for event in happened {
                events.inspect(|queue| queue.offer(event));
            }
            Ok(())
        }
        Err(error) => {
            tracing::error!(%error, charges = finishes.len(), "the PG simulator's ledger did not commit");
            Err(error)
        }
    };
    for finish in finishes {
        finish(committed.clone());
    }
}

/// One transaction. Work that never got its turn in it is dropped, and its callers hear that the book is closed.
fn write(
    connection: &mut Connection,
    group: Vec<Work>,
    finishes: &mut Vec<Finish>,
) -> Result<Vec<Event>, LedgerError> {
    let transaction = connection.transaction()?;
    let mut book = Book::new(&transaction);
    for work in group {
        // A full disk makes SQLite take the whole transaction back; what came after it would commit on its own.
        if transaction.is_autocommit() {
            return Err(LedgerError::Sqlite("the transaction was taken back".to_owned()));
        }
        finishes.push(work(&mut book));
    }
    let events = book.into_events();
    transaction.commit()?;
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::super::book::{Entered, NewCharge};
    use super::*;

    fn new_charge(number: usize) -> NewCharge {
        NewCharge {
            key: format!("pay-{number}"),
            fingerprint: Vec::new(),
            amount: 1,
            currency: "KRW".to_owned(),
            reference: String::new(),
            decline_code: None,
            cancel_errors: 0,
            at_ms: 1,
            forget_key: false,
        }
    }

    #[test]
    fn charges_that_wait_together_are_committed_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = ledger::open_for_writing(folder.path()).unwrap();
        let (jobs, waiting) = mpsc::channel();
        let mut answers: Vec<_> = (0..100)
            .map(|number| {
                let (reply, answer) = oneshot::channel();
                let work = job(move |book| book.charge(new_charge(number)), reply);
                jobs.send(Job::Work(work)).unwrap();
                answer
            })
            .collect();
        jobs.send(Job::Close).unwrap();

        assert_eq!(keep(&mut connection, &waiting, None), (100, 1));
        for answer in &mut answers {
            assert!(matches!(answer.try_recv().unwrap(), Ok(Entered::New(_))));
        }
    }

    #[test]
    fn a_commit_that_fails_is_told_to_everybody_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = ledger::open_for_writing(folder.path()).unwrap();
        connection.pragma_update(None, "query_only", true).unwrap();
        let (jobs, waiting) = mpsc::channel();
        let (reply, mut answer) = oneshot::channel();
        jobs.send(Job::Work(job(|book| book.charge(new_charge(0)), reply))).unwrap();
        jobs.send(Job::Close).unwrap();

        keep(&mut connection, &waiting, None);
        assert!(matches!(answer.try_recv().unwrap(), Err(LedgerError::Sqlite(_))));
    }
}
