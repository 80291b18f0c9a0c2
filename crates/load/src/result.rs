//! What a bench says: one document. Scripts and `jumun compare` read it, so its names stay.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The topology's name; of another server, what it was said to be.
    pub topology: String,
    /// Which door was driven: `direct` or `http`.
    pub door: String,
    /// `closed` (so many orders are always under way) or `open` (orders come at a rate).
    #[serde(rename = "loop")]
    pub kind: String,
    /// The most orders under way at a time.
    pub clients: u64,
    /// Orders a second in an open loop.
    pub rate: Option<u64>,
    /// The most messages in one batch; of another server, not known.
    pub batch_cap: Option<u64>,
    /// What the orders were made from.
    pub seed: u64,
    /// Orders that count.
    pub orders: u64,
    /// Orders before them.
    pub warm_up: u64,
    /// Whether every order wanted the one same product.
    pub hot_sku: bool,
    /// The file that orders were taken from; absent where they were made up.
    pub input: Option<String>,
    /// How orders were paid.
    pub mix: MixShown,
    /// Percent of orders that were made to fail, by step.
    pub fail: BTreeMap<String, u8>,
    /// From the first order's start until the last one was settled.
    pub seconds: f64,
    /// Settled orders a second.
    pub orders_per_second: f64,
    /// How times of `answer_us` and `settled_us` are to be read.
    pub timing: Timing,
    /// From an order's start to its answer: its birth is committed (`direct`), or the HTTP answer is there.
    pub answer_us: Latency,
    /// From an order's start until it is settled.
    pub settled_us: Latency,
    /// The times of a closed loop as they were measured, before the correction; absent for an open one.
    pub measured_us: Option<Uncorrected>,
    /// Orders by the status that they ended in.
    pub outcomes: BTreeMap<String, u64>,
    /// Failed orders by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Failed orders that were refused at the quote, before any step; the others failed at a step.
    pub failed_at_quote: u64,
    /// Asks that made no order, and what was said instead.
    pub errors: Errors,
    /// Share of orders that failed, 0 to 1.
    pub refused_share: f64,
    /// Effects taken back: inbox rows that became compensated and have a receipt. A step that never took effect, or that was
    /// decided in one with the step that refused, has nothing to take back.
    pub compensations: Option<u64>,
    /// What an order cost, on average.
    pub per_order: PerOrder,
    /// What each database did.
    pub databases: Vec<DatabaseDid>,
    /// Resident memory.
    pub rss_mb: Memory,
    /// How it went.
    pub over_time: Vec<Moment>,
    /// How fast it was early and late in a long run (100,000 orders and more).
    pub growth: Option<Growth>,
    /// Whether the books add up; absent where they cannot be seen.
    pub audit: Option<Audited>,
    /// Where it ran.
    pub machine: Machine,
}

/// How orders were paid; the rest with points alone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct MixShown {
    /// Percent of orders paid by card.
    pub card_percent: u8,
    /// Percent of orders with a coupon.
    pub coupon_percent: u8,
}

/// How times are to be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timing {
    /// Where the clock of an order starts: `intended` (open loop: when the order was due, sent late or not) or `sent`.
    pub from: String,
    /// In a closed loop: the interval that times are corrected for, in microseconds: how often each client would order.
    pub expected_interval_us: Option<u64>,
}

/// A distribution of times, in microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// Half took no longer.
    pub p50: u64,
    /// 90 % took no longer.
    pub p90: u64,
    /// 99 % took no longer.
    pub p99: u64,
    /// 99.9 % took no longer.
    pub p999: u64,
    /// The longest.
    pub max: u64,
    /// How many took up to so long, and longer than the bucket before: `[upper bound, count]`.
    pub buckets: Vec<(u64, u64)>,
}

/// The times of a closed loop as they were measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Uncorrected {
    /// To the answer.
    pub answer: Latency,
    /// Until settled.
    pub settled: Latency,
}

/// Asks that made no order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Errors {
    /// How many.
    pub count: u64,
    /// What the first few were told.
    pub first: Vec<String>,
}

/// What an order cost, on average. Not known of another server.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PerOrder {
    /// Events of participants and judge in the logs.
    pub messages: Option<f64>,
    /// Transactions committed, by all databases together.
    pub commits: Option<f64>,
    /// Bytes that the process handed to storage (Linux: `write_bytes` of `/proc/self/io`), the PG simulator's included.
    pub bytes_written: Option<f64>,
    /// Rows appended to event logs.
    pub log_rows: Option<f64>,
    /// Rows of tables written; a row that three batches change counts three times.
    pub rows: Option<f64>,
}

/// What one database did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatabaseDid {
    /// Its name.
    pub name: String,
    /// Transactions committed.
    pub commits: u64,
    /// Messages taken in.
    pub messages: u64,
    /// How long it was busy deciding and committing, in milliseconds.
    pub busy_ms: u64,
    /// How much its files grew, in bytes: the write-ahead log's size included, which is used again and again.
    pub bytes: Option<u64>,
}

/// Resident memory in MB (10^6 bytes), where the system tells.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Before the first order that counts.
    pub start: Option<f64>,
    /// After the last.
    pub end: Option<f64>,
    /// The most between them, as it was seen.
    pub peak: Option<f64>,
}

/// How it went around one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds since the first order that counts.
    pub at_s: f64,
    /// Orders that ended a second, since the moment before.
    pub orders_per_second: f64,
    /// Resident memory in MB.
    pub rss_mb: Option<f64>,
}

/// How fast a long run was early and late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Early: just after 10,000 stored orders.
    pub early: Stretch,
    /// Late: the last of them.
    pub late: Stretch,
    /// Late through early.
    pub ratio: f64,
}

/// Some orders one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// Orders that had ended when it began.
    pub from: u64,
    /// Orders that had ended when it was over.
    pub to: u64,
    /// Orders a second between.
    pub orders_per_second: f64,
}

/// What the audit found.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Audited {
    /// Whether everything adds up.
    pub clean: bool,
    /// What does not.
    pub discrepancies: u64,
}

/// Where it ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that it could use.
    pub cores: u64,
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
}
