//! Fencing: the database counts who has taken a lock, and refuses what is written under an older count. A holder that was paused
//! while its lock ran out finds that out here, before anything of its batch is committed.

use crate::ports::store::{Intent, Store, StoreError};
use kernel::state::WorkingSet;
use kernel::{Key, Record, record};
use smol_str::SmolStr;

record! {
    /// How often a lock has been taken.
    pub struct Fence in "fences" key 1 {
        /// Which lock.
        pub name: SmolStr,
        /// The token of whoever took it last.
        pub token: i64,
    }
}

/// What a holder knows of its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Token {
    /// There is no lock, or nobody can say who holds it.
    #[default]
    None,
    /// The lock is taken; its token is given by the next batch.
    Wanted,
    /// This one.
    Held(i64),
}

impl Token {
    /// Gives or checks the token, as the first thing in a batch's transaction, which holds its row to the end: what it is then.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if somebody has taken the lock since.
    pub(crate) fn check(
        self,
        name: &SmolStr,
        store: &mut dyn Store,
        state: &mut WorkingSet,
    ) -> Result<Self, StoreError> {
        if self == Self::None {
            return Ok(self);
        }
        let key = Key::from((name.clone(),));
        let rows = store.load(Fence::TABLE, std::slice::from_ref(&key), Intent::Claim)?;
        let corrupt = |error| StoreError::Unusable(format!("fences: {error}"));
        let last =
            rows.first().map(Fence::from_row).transpose().map_err(corrupt)?.map_or(0, |fence| fence.token);
        match self {
            Self::Held(token) if token == last => Ok(self),
            Self::Held(token) => Err(StoreError::Retry(format!(
                "{name}: the lock was taken by another under token {last}, ours is {token}"
            ))),
            Self::None | Self::Wanted => {
                let token = last + 1;
                state.offer(Fence::TABLE, key, rows.into_iter().next());
                state.put(&Fence { name: name.clone(), token });
                Ok(Self::Held(token))
            }
        }
    }
}
