//! What a worker looks for in its own database: rows that fall due, and what another instance of its unit has left or committed.

use super::{Worker, WorkerConfig};
use crate::ports::store::{Compare, Query, StoreError};
use crate::turn::DueRow;
use kernel::Timestamp;
use kernel::table::{Key, Value};
use std::time::Duration;

impl Worker {
    /// Looks at what is to be looked at by now.
    pub(super) fn look_if_due(&mut self, elapsed: Duration) -> Result<(), StoreError> {
        if elapsed >= self.look_at {
            self.look()
        } else if self.listen_at.is_some_and(|at| elapsed >= at) {
            self.listen()
        } else {
            Ok(())
        }
    }

    /// Takes in what another instance has committed.
    fn listen(&mut self) -> Result<(), StoreError> {
        self.tail.refresh()?;
        self.listen_at = self.config.listen_every.map(|every| self.clock.elapsed() + every);
        Ok(())
    }

    /// Looks at the database itself, for what this worker does not know of: at start, now and then, and after a batch that could
    /// not be committed.
    pub(super) fn look(&mut self) -> Result<(), StoreError> {
        self.listen()?;
        self.rearm()?;
        let WorkerConfig { timer_reach, look_every, .. } = self.config;
        self.look_at = self.clock.elapsed() + timer_reach.min(look_every);
        Ok(())
    }

    /// Sets timers for every row that falls due within the reach.
    fn rearm(&mut self) -> Result<(), StoreError> {
        let (elapsed, now) = self.time();
        let until = now.after(self.config.timer_reach);
        let mut rows = Vec::new();
        for domain in self.engine.domains() {
            for due in domain.due() {
                let Some(column) = due.table.column(due.column) else { continue };
                // With a bound, the wall clock cannot put a row off: every waiting row is looked at, and its wait capped.
                let query = Query::of(due.table, u32::MAX);
                let query = match due.bounded {
                    true => query.filter(due.column, Compare::Present, Value::Null),
                    false => query.filter(due.column, Compare::AtMost, Value::Int(until.0)),
                };
                for row in self.reader.query(&query.sort(due.column, false))? {
                    let Some(Value::Int(at)) = row.get(column) else { continue };
                    let key = Key::of_row(due.table, &row);
                    let longest =
                        if due.bounded { domain.longest_wait(due.table, &row) } else { Duration::MAX };
                    let wait = Timestamp(*at).since(now).min(longest);
                    rows.push((
                        wait,
                        DueRow { domain: domain.name(), table: due.table, key, at: Timestamp(*at) },
                    ));
                }
            }
        }
        // A timer that is set keeps its monotonic time, whatever the wall clock has come to since.
        let known = self.timers.known();
        for (wait, due) in rows {
            if !known.contains(&(due.table.name, due.key.clone(), due.at)) {
                self.arm(elapsed, wait, due);
            }
        }
        Ok(())
    }
}
