//! Many runs: each seed over each topology, on as many threads as there are processors. A run is one thread's; the sums do not depend
//! on who did which.

use crate::run::{Outcome, Setup, run};
use crate::world::{Fault, WorldError};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The first seed, and how many.
    pub seeds: (u64, u64),
    /// Topologies by name, with their files.
    pub topologies: Vec<(String, String)>,
    /// About how many orders each run places.
    pub orders: u32,
    /// On how many threads.
    pub threads: usize,
}

/// What runs over one topology came to.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// How many runs.
    pub runs: u64,
    /// How many orders, and how they ended.
    pub fates: BTreeMap<String, u64>,
    /// How often each kind of fault struck, in the order of [`Fault::ALL`].
    pub faults: Vec<u64>,
    /// Virtual time.
    pub lasted: Duration,
}

impl Totals {
    /// How many orders.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.fates.values().sum()
    }

    /// And these.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.lasted += other.lasted;
        for (fate, count) in &other.fates {
            *self.fates.entry(fate.clone()).or_default() += count;
        }
        self.faults.resize(Fault::ALL.len(), 0);
        for (sum, count) in self.faults.iter_mut().zip(&other.faults) {
            *sum += count;
        }
    }
}

/// A run in which a promise was broken.
#[derive(Debug)]
pub struct Broken {
    /// Its seed.
    pub seed: u64,
    /// The topology, as it was named.
    pub topology: String,
    /// What it came to.
    pub outcome: Outcome,
}

/// What all runs came to.
#[derive(Debug, Default)]
pub struct Swept {
    /// By topology, as named.
    pub totals: BTreeMap<String, Totals>,
    /// Those in which a promise was broken, by seed.
    pub broken: Vec<Broken>,
}

impl Sweep {
    /// Runs everything; `done` is called after each run with how many are.
    ///
    /// # Errors
    /// If a topology does not read.
    pub fn run(&self, done: &(dyn Fn(u64) + Sync)) -> Result<Swept, WorldError> {
        let count = usize::try_from(self.seeds.1).unwrap_or(usize::MAX).saturating_mul(self.topologies.len());
        let next = AtomicUsize::new(0);
        let swept = Mutex::new(Ok(Swept::default()));
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count || swept.lock().is_err() {
                            return;
                        }
                        self.one(number, &swept);
                        done(number as u64 + 1);
                    }
                });
            }
        });
        let mut swept = swept.into_inner()?;
        swept.broken.sort_by(|a, b| (a.seed, &a.topology).cmp(&(b.seed, &b.topology)));
        Ok(swept)
    }

    fn one(&self, number: usize, swept: &Mutex<Result<Swept, WorldError>>) {
        let (name, file) = &self.topologies[number % self.topologies.len()];
        let seed = self.seeds.0 + (number / self.topologies.len()) as u64;
        let outcome = run(&Setup { seed, topology: file, orders: self.orders, tells: false });
        let mut swept = swept.lock();
        let Ok(sums) = swept.as_mut() else { return };
        match outcome {
            Ok(outcome) => {
                let one = Totals {
                    runs: 1,
                    fates: outcome.fates.clone(),
                    faults: outcome.faults.clone(),
                    lasted: outcome.lasted,
                };
                sums.totals.entry(name.clone()).or_default().add(&one);
                if !outcome.breaches.is_empty() {
                    sums.broken.push(Broken { seed, topology: name.clone(), outcome });
                }
            }
            Err(error) => *swept = Err(error),
        }
    }
}
