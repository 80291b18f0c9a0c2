//! What each process of a system that is spread out takes: processor time an order, and memory.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use anyhow::{Context, Result};
use services::Kafka;

use super::spent::{TICK_US, ticks};

/// The processes under a starter, and the broker beside them.
pub(super) struct Processes(BTreeMap<String, Process>);

#[derive(Clone, Copy)]
struct Process {
    /// Processor time since it began, in microseconds.
    us: f64,
    /// Resident memory, in KB.
    resident: u64,
}

/// What each took, by its name.
pub(super) struct Each(BTreeMap<String, Taken>);

#[derive(Clone, Copy)]
struct Taken {
    /// Processor time, in microseconds.
    us: f64,
    /// Resident memory before and after, in KB.
    resident: (u64, u64),
}

impl Processes {
    /// As they are now: the children of `starter`, each by the name of its unit.
    pub(super) fn read(starter: u32, kafka: &Kafka) -> Result<Self> {
        let children = fs::read_to_string(format!("/proc/{starter}/task/{starter}/children"))?;
        let mut found = BTreeMap::new();
        for pid in children.split_whitespace() {
            found.insert(name(pid)?, Process::read(pid)?);
        }
        let broker = kafka.pid().context("Kafka runs")?.to_string();
        found.insert("Kafka".to_owned(), Process::read(&broker)?);
        Ok(Self(found))
    }

    /// What was taken since `idle`, when `orders` have been made; `small` is the same of a smaller run, which is taken off.
    pub(super) fn each(&self, idle: &Self, small: &Each, orders: f64) -> Each {
        let each = self.taken(idle).0.into_iter().map(|(name, taken)| {
            let taken_off = small.0.get(&name).map_or(0.0, |small| small.us);
            (name, Taken { us: (taken.us - taken_off) / orders, ..taken })
        });
        Each(each.collect())
    }

    /// Everything that was taken since `idle`.
    pub(super) fn taken(&self, idle: &Self) -> Each {
        let taken = self.0.iter().filter_map(|(name, now)| {
            let before = idle.0.get(name)?;
            let resident = (before.resident, now.resident);
            Some((name.clone(), Taken { us: now.us - before.us, resident }))
        });
        Each(taken.collect())
    }
}

impl Process {
    fn read(pid: &str) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Ok(Self { us: ticks(pid)?.own * TICK_US, resident: resident.context("/proc tells of memory")? })
    }
}

/// What comes after `--unit`.
fn name(pid: &str) -> Result<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline"))?;
    let words: Vec<&str> = line.split('\0').collect();
    let unit = words.iter().skip_while(|word| **word != "--unit").nth(1);
    Ok(unit.map_or_else(|| format!("process {pid}"), |unit| (*unit).to_owned()))
}

impl fmt::Display for Each {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, Taken { us, resident: (idle, after) })) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {us:.0} µs ({} → {} MB)", idle / 1024, after / 1024)?;
        }
        Ok(())
    }
}
