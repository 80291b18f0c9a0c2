//! A result as people read it.

use crate::cli::table::Table;
use load::result::{Latency, Measured};
use std::collections::BTreeMap;
use std::fmt;

/// A result on a terminal.
pub(super) struct Shown<'a>(pub(super) &'a Measured);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(measured) = self;
        head(measured, f)?;
        writeln!(
            f,
            "\n{:.0} orders/s: {} orders in {:.2} s",
            measured.orders_per_second,
            measured.outcomes.values().sum::<u64>(),
            measured.seconds
        )?;
        if let Some(growth) = &measured.growth {
            writeln!(
                f,
                "{:.0} orders/s from order {} to {}, {:.0} from {} to {}: {:.2} times as fast",
                growth.early.orders_per_second,
                growth.early.from,
                growth.early.to,
                growth.late.orders_per_second,
                growth.late.from,
                growth.late.to,
                growth.ratio
            )?;
        }
        times(measured, f)?;
        ends(measured, f)?;
        costs(measured, f)
    }
}

fn head(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Measured { topology, door, clients, seed, orders, warm_up, mix, .. } = measured;
    let pace = match measured.rate {
        Some(rate) => format!("open loop, {rate} orders/s, at most {clients} in flight"),
        None => format!("closed loop, {clients} in flight"),
    };
    let cap = measured.batch_cap.map(|cap| format!(", batch cap {cap}")).unwrap_or_default();
    writeln!(f, "{topology}, {door} door, {pace}{cap}, seed {seed}")?;
    let hot = match (&measured.input, measured.hot_sku) {
        (Some(file), _) => file.as_str(),
        (None, true) => "one hot SKU",
        (None, false) => "uniform",
    };
    write!(
        f,
        "{orders} orders after {warm_up} of warm-up, {hot}; {} % by card, the others with points; {} % with a coupon",
        mix.card_percent, mix.coupon_percent
    )?;
    let failing: Vec<String> =
        measured.fail.iter().map(|(step, percent)| format!("{percent} % at {step}")).collect();
    if failing.is_empty() { writeln!(f) } else { writeln!(f, "; to fail {}", failing.join(", ")) }
}

fn times(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut table = Table::headed(&["ms", "mean", "p50", "p90", "p99", "p99.9", "max"]);
    row(&mut table, "to the answer", &measured.answer_us);
    row(&mut table, "until settled", &measured.settled_us);
    if let Some(uncorrected) = &measured.measured_us {
        row(&mut table, "to the answer, as measured", &uncorrected.answer);
        row(&mut table, "until settled, as measured", &uncorrected.settled);
    }
    write!(f, "\n{table}")?;
    match measured.timing.expected_interval_us {
        Some(interval) => writeln!(
            f,
            "Times run from when an order was sent. The first two rows add the orders that a client would have sent every {} ms \
             while it waited longer.",
            ms(interval)
        ),
        None => writeln!(f, "Times run from when an order was due, sent late or not."),
    }
}

fn row(table: &mut Table, title: &str, latency: &Latency) {
    let Latency { mean, p50, p90, p99, p999, max, .. } = latency;
    let mean = format!("{mean:.0}").parse().unwrap_or(0);
    let cells = [mean, *p50, *p90, *p99, *p999, *max].map(ms);
    let mut row = vec![title];
    row.extend(cells.iter().map(String::as_str));
    table.row(&row);
}

fn ends(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let list = |counts: &BTreeMap<String, u64>| {
        let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        counts.join(", ")
    };
    write!(f, "\nended: {}", list(&measured.outcomes))?;
    if measured.reasons.is_empty() {
        writeln!(f)?;
    } else {
        let at_quote = match measured.failed_at_quote {
            0 => "all at a step".to_owned(),
            count => format!("{count} of them at the quote"),
        };
        writeln!(f, " ({}; {at_quote})", list(&measured.reasons))?;
    }
    if let Some(compensations) = measured.compensations {
        writeln!(f, "effects taken back: {compensations}")?;
    }
    if measured.errors.count > 0 {
        writeln!(f, "NOT TAKEN: {} orders, such as:", measured.errors.count)?;
        for error in &measured.errors.first {
            writeln!(f, "  {error}")?;
        }
    }
    Ok(())
}

fn costs(measured: &Measured, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let per_order = &measured.per_order;
    let figures = [
        ("messages", per_order.messages),
        ("commits", per_order.commits),
        ("rows", per_order.rows),
        ("log rows", per_order.log_rows),
        ("bytes written", per_order.bytes_written),
    ];
    let known = figures.iter().filter_map(|(name, figure)| Some(format!("{:.2} {name}", (*figure)?)));
    let known: Vec<String> = known.collect();
    if !known.is_empty() {
        writeln!(f, "an order took: {}", known.join(", "))?;
    }
    if let (Some(start), Some(peak), Some(end)) =
        (measured.rss_mb.start, measured.rss_mb.peak, measured.rss_mb.end)
    {
        let whose = if measured.databases.is_empty() { "memory of this client" } else { "memory" };
        writeln!(f, "{whose}: {start:.0} MB before, {peak:.0} MB at most, {end:.0} MB after")?;
    }
    if measured.databases.is_empty() {
        return Ok(());
    }
    let mut table = Table::headed(&["database", "commits", "messages", "busy ms", "grew by bytes"]);
    for database in &measured.databases {
        let [commits, messages, busy] =
            [database.commits, database.messages, database.busy_ms].map(|count| count.to_string());
        let bytes = database.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        table.row(&[&database.name, &commits, &messages, &busy, &bytes]);
    }
    write!(f, "\n{table}")
}

/// Microseconds as milliseconds.
fn ms(us: u64) -> String {
    format!("{}.{:03}", us / 1_000, us % 1_000)
}
