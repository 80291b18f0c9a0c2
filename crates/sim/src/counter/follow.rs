//! A read just after a write: first the database that is read takes in what the one that was written has said.

use super::Sight;
use super::refusals::No;
use super::wait::{Turn, Wait};
use crate::clients::Millis;
use kernel::DomainName;
use kernel::Record;
use runtime::System;
use runtime::feed::followed_through;
use runtime::ports::store::{Cursor, Position, Query};
use shop::facts::read;
use smol_str::SmolStr;
use uuid::Uuid;

/// Goes on with `then` once the database of `follower` has taken in everything that the one of `source` has said up to now. If it
/// takes longer than the patience, it goes on all the same: late is better than never.
pub(super) fn followed(
    sight: &Sight<'_>,
    source: &'static str,
    follower: &'static str,
    then: impl FnOnce(&Sight<'_>) -> Result<Turn, No> + 'static,
) -> Result<Turn, No> {
    let said = sight.system(source)?;
    let home = said.home(&DomainName::of(source)).ok_or(No::Unavailable)?;
    let hears = sight.system(follower)?;
    let own = hears.home(&DomainName::of(follower)).ok_or(No::Unavailable)?;
    if home.database.name == own.database.name {
        return then(sight);
    }
    Ok(Turn::Wait(Box::new(Following {
        log: home.database.name.clone(),
        // From the log itself: another instance of the unit may have written what this one has not heard of yet.
        head: home.reader.log_state()?.head,
        follower,
        until: sight.now.saturating_add(sight.patience),
        then: Some(then),
    })))
}

struct Following<F> {
    log: String,
    head: Position,
    follower: &'static str,
    until: Millis,
    then: Option<F>,
}

impl<F: FnOnce(&Sight<'_>) -> Result<Turn, No>> Wait for Following<F> {
    fn poll(&mut self, sight: &Sight<'_>) -> Result<Option<Turn>, No> {
        let system = sight.system(self.follower)?;
        if through(&system, self.follower, &self.log)? < self.head && sight.now < self.until {
            return Ok(None);
        }
        self.then.take().map(|then| then(sight)).transpose()
    }

    fn until(&self) -> Option<Millis> {
        Some(self.until)
    }
}

/// How far the database of `follower` has taken in `log`, in all its lanes.
fn through(system: &System, follower: &'static str, log: &str) -> Result<Position, No> {
    let home = system.home(&DomainName::of(follower)).ok_or(No::Unavailable)?;
    let shown = home.progress.positions();
    let cursors: Vec<Cursor> = match shown.is_empty() {
        // What its loop has passed, rows of no concern included.
        false => shown.into_iter().map(cursor).collect(),
        // Its loop has not run yet in this life of its unit.
        true => {
            let rows = home.reader.query(&Query::of(Cursor::TABLE, u32::MAX))?;
            rows.iter().map(read).collect::<Result<_, _>>()?
        }
    };
    Ok(followed_through(log, &cursors))
}

fn cursor((source, position): (String, Position)) -> Cursor {
    let position = i64::try_from(position.0).unwrap_or(i64::MAX);
    Cursor { source: SmolStr::new(source), epoch: Uuid::nil(), position }
}
