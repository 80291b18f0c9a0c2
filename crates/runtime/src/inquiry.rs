//! Looking into the participants' books: an inquiry at a saga's deadline, and a client's poll.

use crate::door::Door;
use crate::ports::outside::Outside;
use crate::ports::store::{Reader, StoreError};
use kernel::ids::SagaId;
use kernel::inquiry::{Inquire, Inquired, said_by};
use kernel::participation::Inbox;
use kernel::{Key, Record, Said, Step, Trace};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The books of every step in this process.
#[derive(Default)]
pub struct Inquirer {
    books: BTreeMap<Step, Book>,
}

struct Book {
    database: String,
    reader: Arc<dyn Reader>,
}

impl Inquirer {
    /// Lets `step` be looked up in `database`.
    pub(crate) fn add(&mut self, step: Step, database: &str, reader: Arc<dyn Reader>) {
        self.books.insert(step, Book { database: database.to_owned(), reader });
    }

    /// What `steps` of `saga` have come to, in the order given: one read per database. A database that cannot be read leaves its
    /// steps out, as if they had come to nothing yet.
    #[must_use]
    pub fn look(&self, saga: SagaId, steps: &[Step]) -> Vec<Said> {
        let mut by_database: BTreeMap<&str, (&Book, Vec<Key>)> = BTreeMap::new();
        for step in steps {
            if let Some(book) = self.books.get(step) {
                let asked = by_database.entry(&book.database).or_insert_with(|| (book, Vec::new()));
                asked.1.push(Key::from((saga, step.clone())));
            }
        }
        let mut found = BTreeMap::new();
        for (book, mut keys) in by_database.into_values() {
            keys.sort_unstable();
            match read(book.reader.as_ref(), &keys) {
                Ok(rows) => found.extend(rows.into_iter().map(|row| (row.step.clone(), row))),
                Err(error) => {
                    tracing::warn!(database = book.database, %error, "a participant could not be asked");
                }
            }
        }
        steps.iter().filter_map(|step| found.get(step).and_then(said_by)).collect()
    }
}

fn read(reader: &dyn Reader, keys: &[Key]) -> Result<Vec<Inbox>, StoreError> {
    let corrupt = |corrupt| StoreError::Unusable(format!("table {}: {corrupt}", Inbox::TABLE.name));
    reader.load(Inbox::TABLE, keys)?.iter().map(|row| Inbox::from_row(row).map_err(corrupt)).collect()
}

impl Outside for Inquirer {
    /// Books in this process are read at once: it takes no longer than a load of a batch.
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        if let Some(Inquire { saga, steps }) = request.downcast_ref() {
            door.tell(Inquired { saga: *saga, found: self.look(*saga, steps) }, Trace::default());
        }
    }
}
