//! What a run cost: time, processor time, bytes handed to the system, commits.

use std::time::Duration;

/// One run's cost.
pub(crate) struct Measured {
    /// How many orders.
    pub(crate) orders: u64,
    /// From the first order asked to the last one settled.
    pub(crate) took: Duration,
    /// What the process spent meanwhile.
    pub(crate) spent: Spent,
    /// Transactions committed.
    pub(crate) commits: u64,
}

/// What this process has spent so far, as the kernel counts it (Linux; elsewhere nothing).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Processor time of all threads, user and system, in ticks of 10 ms.
    pub(crate) ticks: u64,
    /// Bytes given to `write` and its like: rows, logs and checkpoints, before the file system adds its own.
    pub(crate) written: u64,
}

impl Spent {
    /// Now.
    pub(crate) fn read() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name in parentheses may hold blanks; user and system time are the 12th and 13th field after it.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        Self { ticks, written: field("/proc/self/io", "wchar:") }
    }

    /// What was spent since.
    pub(crate) fn since(self) -> Self {
        let now = Self::read();
        Self { ticks: now.ticks - self.ticks, written: now.written - self.written }
    }
}

/// Resident memory in KiB.
pub(crate) fn resident_kib() -> u64 {
    field("/proc/self/status", "VmRSS:")
}

fn field(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
