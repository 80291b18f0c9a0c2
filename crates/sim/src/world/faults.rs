//! What goes wrong, how often, and how often it did.

use super::dice::{Dice, Purpose, chance};
use rand::Rng;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $words:literal, $most:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// In words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }

            /// How often it strikes at most, in ten thousand of its chances.
            const fn most(self) -> u32 {
                match self {
                    $(Self::$name => $most,)*
                }
            }
        }
    };
}

faults! {
    /// A fetch of another unit's log is lost, and tried again.
    MessageLost = "message lost until redelivery", 600;
    /// Rows that were handed out before are handed out again.
    MessageDoubled = "message duplicated", 400;
    /// A row overtakes an earlier one of another order in the same log.
    MessageReordered = "message reordered", 10_000;
    /// A row travels for a long time.
    MessageDelayed = "message delayed", 300;
    /// Two units do not reach each other.
    Partition = "partition between units", 150;
    /// A process is killed with its transaction open.
    CrashBeforeCommit = "crash before commit", 40;
    /// A process is killed between its commit and everything that follows from it.
    CrashAfterCommit = "crash after commit, before publish", 40;
    /// A process is killed after others can read its commit, and before any of them has.
    CrashAfterPublish = "crash after publish, before the cursor", 25;
    /// A process that was killed comes back.
    Restart = "restart", 10_000;
    /// A database takes nothing for a moment.
    StoreRefuses = "store refuses", 150;
    /// A database's disk is full for a moment.
    DiskFull = "disk full", 20;
    /// A commit happens, and its answer is lost.
    CommitUnsure = "store times out after committing", 60;
    /// A machine's wall clock jumps.
    ClockJump = "clock jump", 80;
    /// The gateway charges and does not answer.
    PgTimeoutCharged = "PG timeout, charged", 60;
    /// The gateway neither charges nor answers.
    PgTimeoutUncharged = "PG timeout, not charged", 60;
    /// The gateway's answer never comes, whatever it did.
    PgSilent = "PG answer lost", 40;
    /// The gateway cannot be reached.
    PgOutage = "PG outage", 60;
    /// The gateway fails to give a charge back.
    PgCancelFails = "PG fails to cancel", 300;
    /// The data platform fails, or takes a word and does not say so.
    PlatformFails = "data platform fails", 100;
    /// Some message's rows are rejected by a database.
    PoisonMessage = "poison message", 150;
    /// A lock runs out under its holder.
    LockExpiry = "lock expired under its holder", 400;
    /// A transaction commits while others that began before or after it are under way.
    LateCommit = "log transaction commits late", 3_000;
    /// Two instances of a unit work on the same rows.
    SecondInstance = "two instances race", 2_500;
    /// A client's connection breaks: it does not hear the answer.
    AnswerLost = "client's answer lost", 200;
}

/// How often each kind strikes in one run, and how often it has.
pub(crate) struct Faults {
    dice: Dice,
    rates: Vec<u32>,
    counts: Vec<AtomicU64>,
    calm: AtomicBool,
}

impl Faults {
    /// Those of a seed: about half of the kinds, each at a rate of its own. A run with all of them hides what a few can do.
    #[must_use]
    pub(crate) fn of(seed: u64) -> Self {
        let mut climate = chance(seed, Purpose::Climate);
        let rate = |fault: &Fault| match climate.random_range(0..4) {
            0 | 1 => 0,
            2 => fault.most().div_ceil(4),
            _ => fault.most(),
        };
        let rates = Fault::ALL.iter().map(rate).collect();
        let counts = Fault::ALL.iter().map(|_| AtomicU64::default()).collect();
        Self { dice: Dice::new(seed, Purpose::Faults), rates, counts, calm: AtomicBool::new(false) }
    }

    /// Whether it strikes now; it is counted then.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        let strikes = self.threatens(fault);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// As [`Faults::strikes`], for what is counted only once it did something.
    pub(crate) fn threatens(&self, fault: Fault) -> bool {
        self.may(fault) && self.dice.strikes(self.rates[fault as usize])
    }

    /// Whether it can strike in this run, now.
    #[must_use]
    pub(crate) fn may(&self, fault: Fault) -> bool {
        self.rates[fault as usize] > 0 && !self.calm.load(Ordering::Relaxed)
    }

    /// It struck.
    pub(crate) fn count(&self, fault: Fault) {
        self.counts[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// What is left to chance about faults.
    #[must_use]
    pub(crate) fn dice(&self) -> &Dice {
        &self.dice
    }

    /// From now on nothing new goes wrong.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Whether nothing new goes wrong.
    #[must_use]
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// How often each kind has struck, in the order of [`Fault::ALL`].
    #[must_use]
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}
