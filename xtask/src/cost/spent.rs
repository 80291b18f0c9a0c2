//! What work costs: the server's log, its processes' time, and ours.

use std::fs;

use anyhow::{Context, Result};
use services::Postgres;

/// A clock tick of `/proc`, in microseconds: 100 a second on every Linux of today.
pub(super) const TICK_US: f64 = 10_000.0;

/// Counts that only grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    /// Bytes of the write-ahead log.
    wal: f64,
    /// Times that it was made durable.
    syncs: f64,
    /// Processor time of the server, in microseconds.
    server_us: f64,
    /// Processor time of the programs that were run and have ended, in microseconds.
    client_us: f64,
}

impl Spent {
    pub(super) fn read(server: &Postgres) -> Result<Self> {
        let counts = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), wal_sync FROM pg_stat_wal";
        let said = server.run("postgres", counts)?;
        let (wal, syncs) = said.trim().split_once('|').context("PostgreSQL counts what it logs")?;
        let pid = server.pid().context("PostgreSQL runs")?;
        Ok(Self {
            wal: wal.parse()?,
            syncs: syncs.parse()?,
            server_us: server_ticks(pid)? * TICK_US,
            client_us: ticks("self")?.ended * TICK_US,
        })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            wal: self.wal - before.wal,
            syncs: self.syncs - before.syncs,
            server_us: self.server_us - before.server_us,
            client_us: self.client_us - before.client_us,
        }
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct One {
    /// Orders a second.
    pub(super) rate: f64,
    /// KB of write-ahead log per order.
    pub(super) wal_kb: f64,
    /// Times per order that the log was made durable.
    pub(super) syncs: f64,
    /// Microseconds of the server's processor time per order.
    pub(super) server_us: f64,
    /// Microseconds of the client's, which is Jumun itself on its side.
    pub(super) client_us: f64,
}

impl One {
    pub(super) fn new(rate: f64, orders: f64, spent: Spent) -> Self {
        Self {
            rate,
            wal_kb: spent.wal / orders / 1_000.0,
            syncs: spent.syncs / orders,
            server_us: spent.server_us / orders,
            client_us: spent.client_us / orders,
        }
    }
}

impl std::fmt::Display for One {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rate, wal_kb, syncs, server_us, client_us } = self;
        write!(
            f,
            "{rate:.0} orders/s; per order {wal_kb:.1} KB of log, {syncs:.3} syncs, {server_us:.0} µs of the server, {client_us:.0} µs of ours"
        )
    }
}

pub(super) struct Ticks {
    pub(super) own: f64,
    /// Of children that were waited for.
    ended: f64,
}

/// The server's processes: those that run, and those that have ended.
fn server_ticks(postmaster: u32) -> Result<f64> {
    let all = ticks(&postmaster.to_string())?;
    let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
    // One that ends between is counted with those that have.
    let running = children.split_whitespace().filter_map(|pid| ticks(pid).ok());
    Ok(all.own + all.ended + running.map(|child| child.own + child.ended).sum::<f64>())
}

pub(super) fn ticks(pid: &str) -> Result<Ticks> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything.
    let (_, rest) = stat.rsplit_once(')').context("/proc tells of processes")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| -> Result<f64> {
        Ok(fields.get(number - 3).context("/proc tells of times")?.parse()?)
    };
    Ok(Ticks { own: field(14)? + field(15)?, ended: field(16)? + field(17)? })
}
