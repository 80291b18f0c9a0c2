//! Records that requests look up one by one, read together: what is asked for while a read is under way waits for it, and the next read
//! takes all of it. A hundred requests that look an order up at once cost a server two reads or three, and one that is alone waits for nobody.

use kernel::{Key, Row, Table};
use parking_lot::Mutex;
use runtime::ports::store::StoreError;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The most keys of one read: a long queue is read in pieces, so that the first are not kept for the last.
const MOST: usize = 500;

type Found = Result<Option<Row>, StoreError>;
type Waiting = Vec<(Key, oneshot::Sender<Found>)>;

/// What is looked up now, by database (as its domain is called) and table.
#[derive(Default)]
pub(crate) struct Lookups(Mutex<BTreeMap<(&'static str, &'static str), Queue>>);

#[derive(Default)]
struct Queue {
    /// Somebody reads, and will read what waits.
    is_read: bool,
    waiting: Waiting,
}

impl Lookups {
    /// The row of `table` under `key` in the database of `domain`, as committed now or later. `load` reads that table; it may block.
    ///
    /// # Errors
    /// As the read that it was part of.
    pub(crate) async fn find<L>(
        self: &Arc<Self>,
        domain: &'static str,
        table: &'static Table,
        key: Key,
        load: L,
    ) -> Found
    where
        L: Fn(&[Key]) -> Result<Vec<Row>, StoreError> + Send + Sync + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let is_read = {
            let mut queues = self.0.lock();
            let queue = queues.entry((domain, table.name)).or_default();
            queue.waiting.push((key, sender));
            std::mem::replace(&mut queue.is_read, true)
        };
        if !is_read {
            tokio::spawn(Arc::clone(self).read_all(domain, table, Arc::new(load)));
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Retry("the process is ending".to_owned())))
    }

    /// Reads until nobody waits.
    async fn read_all<L>(self: Arc<Self>, domain: &'static str, table: &'static Table, load: Arc<L>)
    where
        L: Fn(&[Key]) -> Result<Vec<Row>, StoreError> + Send + Sync + 'static,
    {
        while let Some(waiting) = self.next(domain, table) {
            let mut keys: Vec<Key> = waiting.iter().map(|(key, _)| key.clone()).collect();
            keys.sort_unstable();
            keys.dedup();
            let load = Arc::clone(&load);
            let read = tokio::task::spawn_blocking(move || load(&keys)).await;
            let read = read.unwrap_or_else(|_| Err(StoreError::Unusable("a read came to no end".to_owned())));
            tell(table, waiting, read);
        }
    }

    /// What is read next. None: nobody waits, and whoever comes begins anew.
    fn next(&self, domain: &'static str, table: &Table) -> Option<Waiting> {
        let mut queues = self.0.lock();
        let queue = queues.get_mut(&(domain, table.name))?;
        let count = queue.waiting.len().min(MOST);
        queue.is_read = count > 0;
        queue.is_read.then(|| queue.waiting.drain(..count).collect())
    }
}

/// Tells everyone what was found for them.
fn tell(table: &Table, waiting: Waiting, read: Result<Vec<Row>, StoreError>) {
    let by_key = |row: Row| (Key::of_row(table, &row), row);
    let found = read.map(|rows| rows.into_iter().map(by_key).collect::<BTreeMap<Key, Row>>());
    for (key, sender) in waiting {
        let answer = found.as_ref().map(|rows| rows.get(&key).cloned()).map_err(StoreError::clone);
        // Whoever asked may have gone.
        let _ = sender.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Record;
    use runtime::ports::store::Cursor;
    use smol_str::SmolStr;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use tokio::task::JoinHandle;
    use uuid::Uuid;

    /// A table at the other end of a line: each read is seen, and goes on when the test says what becomes of it.
    struct Far {
        lookups: Arc<Lookups>,
        asked: Sender<Vec<Key>>,
        seen: Receiver<Vec<Key>>,
        go_on: Sender<Result<(), StoreError>>,
        goes_on: Arc<Mutex<Receiver<Result<(), StoreError>>>>,
    }

    fn key(name: &str) -> Key {
        Key::from((SmolStr::new(name),))
    }

    fn row(name: &str) -> Row {
        Cursor { source: name.into(), epoch: Uuid::nil(), position: 7 }.to_row()
    }

    impl Far {
        fn new() -> Self {
            let ((asked, seen), (go_on, goes_on)) = (channel(), channel());
            Self { lookups: Arc::default(), asked, seen, go_on, goes_on: Arc::new(Mutex::new(goes_on)) }
        }

        /// Looks `name` up. Only `a`, `b` and `c` exist.
        async fn find(&self, name: &'static str) -> JoinHandle<Found> {
            let (lookups, asked, goes_on) =
                (Arc::clone(&self.lookups), self.asked.clone(), Arc::clone(&self.goes_on));
            let load = move |keys: &[Key]| {
                asked.send(keys.to_vec()).unwrap();
                goes_on.lock().recv().unwrap()?;
                let exists = |name: &&str| keys.contains(&key(name));
                Ok(["c", "b", "a"].into_iter().filter(exists).map(row).collect())
            };
            let found =
                tokio::spawn(async move { lookups.find("order", Cursor::TABLE, key(name), load).await });
            // It has asked once it has run up to where it waits.
            tokio::task::yield_now().await;
            found
        }
    }

    #[tokio::test]
    async fn what_is_asked_for_while_a_read_is_under_way_is_read_together() {
        let far = Far::new();
        let first = far.find("a").await;
        assert_eq!(far.seen.recv().unwrap(), [key("a")], "it waits for nobody");
        let mut others = Vec::new();
        for name in ["c", "b", "none", "b", "a"] {
            others.push(far.find(name).await);
        }
        far.go_on.send(Ok(())).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Some(row("a"))));
        far.go_on.send(Ok(())).unwrap();
        let mut found = Vec::new();
        for other in others {
            found.push(other.await.unwrap().unwrap());
        }
        assert_eq!(found, [Some(row("c")), Some(row("b")), None, Some(row("b")), Some(row("a"))]);
        assert_eq!(far.seen.recv().unwrap(), ["a", "b", "c", "none"].map(key), "sorted, each once, `a` anew");
        assert!(far.seen.try_recv().is_err(), "no other read");
    }

    #[tokio::test]
    async fn a_failed_read_is_told_to_all_that_it_was_for_and_to_nobody_after_them() {
        let far = Far::new();
        let (first, second) = (far.find("a").await, far.find("b").await);
        let away = StoreError::Retry("away".to_owned());
        far.go_on.send(Err(away.clone())).unwrap();
        assert_eq!(first.await.unwrap(), Err(away));
        far.go_on.send(Ok(())).unwrap();
        assert_eq!(second.await.unwrap(), Ok(Some(row("b"))));
        far.go_on.send(Ok(())).unwrap();
        assert_eq!(far.find("c").await.await.unwrap(), Ok(Some(row("c"))), "somebody reads again");
    }

    #[tokio::test]
    async fn a_read_that_comes_to_no_end_leaves_nobody_waiting() {
        let lookups = Arc::new(Lookups::default());
        let broken = lookups.find("order", Cursor::TABLE, key("a"), |_| panic!("a fault of the reader's"));
        assert!(matches!(broken.await, Err(StoreError::Unusable(_))));
        let found = lookups.find("order", Cursor::TABLE, key("a"), |_| Ok(vec![row("a")]));
        assert_eq!(found.await, Ok(Some(row("a"))));
    }

    #[tokio::test]
    async fn no_read_has_more_keys_than_a_batch() {
        let far = Far::new();
        let first = far.find("a").await;
        let names: Vec<&'static str> = (0..MOST + 1).map(|n| &*n.to_string().leak()).collect();
        let mut others = Vec::new();
        for name in names {
            others.push(far.find(name).await);
        }
        for _ in 0..3 {
            far.go_on.send(Ok(())).unwrap();
        }
        first.await.unwrap().unwrap();
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(None));
        }
        let reads: Vec<usize> = far.seen.try_iter().map(|keys| keys.len()).collect();
        assert_eq!(reads, [1, MOST, 1]);
    }
}
