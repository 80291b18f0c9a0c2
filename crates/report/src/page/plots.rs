//! Which plots the page has, and what is in each.

use crate::comparison::{Comparison, Entry, Figures, Spread, count};
use crate::svg::{Bar, Bars, Line, Part, Stack, Stacks, colour, over_time, percentiles, share_past};
use crate::text::{bytes, number, plain, thousands};
use load::result::{Latency, Measured, Moment};
use std::collections::BTreeMap;

/// One plot with what the page says about it.
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    /// Classes that carry a colour, and what it stands for; empty where the plot names its lines itself.
    pub(super) legend: Vec<(String, String)>,
    pub(super) svg: String,
}

/// A value as text.
type Show = fn(f64) -> String;

/// How many shades there are for reasons; the rarest reasons share the last.
const SHADES: usize = 5;

/// All plots that there is something to show in.
pub(super) fn all(comparison: &Comparison) -> Vec<Plot> {
    if comparison.any_round().is_none() {
        return Vec::new();
    }
    let mut plots = vec![throughput(comparison), outcomes(comparison)];
    plots.extend(latencies(comparison));
    plots.extend(costs(comparison));
    plots.extend(moments(comparison));
    plots
}

fn bars(
    comparison: &Comparison,
    (title, note): (&'static str, &'static str),
    get: fn(&Figures) -> Option<Spread>,
    (show, tick): (Show, Show),
) -> Plot {
    let bars = comparison
        .entries
        .iter()
        .map(|entry| Bar { name: &entry.topology, value: get(&entry.median) })
        .collect();
    Plot { title, note, legend: Vec::new(), svg: Bars { label: title, bars, show, tick }.draw() }
}

fn throughput(comparison: &Comparison) -> Plot {
    let note = if comparison.rounds > 1 {
        "settled orders a second; whiskers: the lowest and the highest round"
    } else {
        "settled orders a second"
    };
    bars(comparison, ("Throughput", note), |figures| figures.orders_per_second, (thousands, plain))
}

fn costs(comparison: &Comparison) -> Vec<Plot> {
    let messages = ("Messages per order", "participants’ events in the logs");
    let commits = ("Commits per order", "transactions of all databases; orders in one batch share theirs");
    let written =
        ("Bytes written per order", "what the process handed to storage, write-ahead logs included");
    let undone = ("Steps undone", "taken back for orders that were refused later, in a round");
    vec![
        bars(comparison, messages, |figures| figures.messages, (number, plain)),
        bars(comparison, commits, |figures| figures.commits, (number, plain)),
        bars(comparison, written, |figures| figures.bytes_written, (bytes, bytes_tick)),
        bars(comparison, undone, |figures| figures.compensations, (thousands, plain)),
    ]
}

fn bytes_tick(value: f64) -> String {
    match value {
        value if value < 1e3 => format!("{} B", plain(value)),
        value if value < 1e6 => format!("{} kB", plain(value / 1e3)),
        value => format!("{} MB", plain(value / 1e6)),
    }
}

/// How orders ended, all rounds together.
fn outcomes(comparison: &Comparison) -> Plot {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for round in comparison.entries.iter().flat_map(|entry| &entry.rounds) {
        for (reason, count) in &round.reasons {
            *reasons.entry(reason).or_default() += count;
        }
    }
    let mut reasons: Vec<(&str, u64)> = reasons.into_iter().collect();
    reasons.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    let reasons: Vec<&str> = reasons.into_iter().map(|(reason, _)| reason).collect();
    let stacks: Vec<Stack<'_>> = comparison
        .entries
        .iter()
        .map(|entry| Stack { name: &entry.topology, parts: parts(entry, &reasons) })
        .collect();
    let mut legend: Vec<(String, String)> = Vec::new();
    for part in stacks.iter().flat_map(|stack| &stack.parts) {
        if !legend.iter().any(|(_, name)| *name == part.name) {
            legend.push((part.class.clone(), part.name.clone()));
        }
    }
    let title = "Outcomes";
    let svg = Stacks { label: title, stacks }.draw();
    Plot { title, note: "share of orders; the refused ones by reason", legend, svg }
}

fn parts(entry: &Entry, reasons: &[&str]) -> Vec<Part> {
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
    for round in &entry.rounds {
        for (status, count) in &round.outcomes {
            *outcomes.entry(status).or_default() += count;
        }
        for (reason, count) in &round.reasons {
            *refused.entry(reason).or_default() += count;
        }
    }
    let all = outcomes.values().sum::<u64>();
    let part = |name: &str, orders: u64, class: String| Part {
        name: name.replace('_', " ").to_lowercase(),
        share: count(orders) / count(all),
        class,
    };
    let confirmed = outcomes.remove("CONFIRMED").unwrap_or(0);
    let explained: u64 = refused.values().sum();
    let failed = outcomes.remove("FAILED").unwrap_or(0);
    let mut parts = vec![part("CONFIRMED", confirmed, "ok".to_owned())];
    for (place, reason) in reasons.iter().enumerate() {
        let class = format!("o{}", place.min(SHADES - 1));
        parts.push(part(reason, refused.get(reason).copied().unwrap_or(0), class));
    }
    parts.push(part("FAILED", failed.saturating_sub(explained), "other".to_owned()));
    parts.extend(outcomes.into_iter().map(|(status, count)| part(status, count, "other".to_owned())));
    parts.retain(|part| part.share > 0.0);
    parts
}

/// Both percentile plots, on the same axes so that they can be laid beside each other.
fn latencies(comparison: &Comparison) -> Vec<Plot> {
    type Times = (&'static str, &'static str, fn(&Measured) -> &Latency);
    let is_direct = comparison.any_round().is_some_and(|round| round.door == "direct");
    let answered = if is_direct {
        "until the order was committed, which is when this door answers; logarithmic"
    } else {
        "until the client knew that the order was taken, or how it ended; logarithmic"
    };
    let plots: [Times; 2] = [
        ("Time to the answer", answered, |round| &round.answer_us),
        ("Time to settled", "until the order was confirmed or failed for good; logarithmic", |round| {
            &round.settled_us
        }),
    ];
    let lines = plots.map(|(_, _, get)| lines(comparison, |entry| curve(&entry.buckets(get))));
    let points = || lines.iter().flatten().flat_map(|line| &line.points);
    let least = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let most = points().map(|point| point.1).fold(0.0, f64::max);
    let farthest = points().map(|point| point.0).fold(0.0, f64::max);
    let drawn = plots.into_iter().zip(&lines).filter(|(_, lines)| !lines.is_empty());
    let plot = drawn.map(|((title, note, _), lines)| {
        let svg = percentiles(title, lines, (least, most), farthest);
        Plot { title, note, legend: Vec::new(), svg }
    });
    plot.collect()
}

/// A line for every topology that has points.
fn lines<'a>(
    comparison: &'a Comparison,
    points: impl Fn(&Entry) -> Option<Vec<(f64, f64)>>,
) -> Vec<Line<'a>> {
    let entries = comparison.entries.iter().enumerate();
    let line = entries.filter_map(|(place, entry)| {
        let points = points(entry).filter(|points| !points.is_empty())?;
        Some(Line { name: &entry.topology, place, points })
    });
    line.collect()
}

/// Where percentile curves begin: what the very quickest orders took says little, and would take most of a logarithmic axis.
const FIRST_PERCENT: u64 = 10;

/// A distribution as points of a percentile curve; `None` if nothing was counted.
fn curve(buckets: &[(u64, u64)]) -> Option<Vec<(f64, f64)>> {
    let all: u64 = buckets.iter().map(|(_, orders)| orders).sum();
    let mut so_far = 0;
    let points = buckets.iter().filter_map(|(upper, orders)| {
        so_far += orders;
        // The slowest order of all is the last one in so many, not "one in infinitely many".
        let left_over = all.saturating_sub(so_far).max(1);
        let point = (share_past(count(left_over) / count(all)), count(*upper));
        (so_far * 100 >= all * FIRST_PERCENT).then_some(point)
    });
    (all > 0).then(|| points.collect())
}

/// Over how many windows of the longest run orders a second are told: finer ones would show batches, not the run.
const WINDOWS: f64 = 16.0;

/// Orders a second by windows of at least so many seconds, each told at its middle.
fn rates(moments: &[Moment], window: f64) -> Vec<(f64, f64)> {
    let mut rates = Vec::new();
    let (mut from, mut before, mut orders) = (0.0, 0.0, 0.0);
    for moment in moments {
        orders += moment.orders_per_second * (moment.at_s - before);
        before = moment.at_s;
        let took = before - from;
        if took > 0.0 && took >= window * 0.99 {
            rates.push((f64::midpoint(from, before), orders / took));
            (from, orders) = (before, 0.0);
        }
    }
    rates
}

/// How the middle rounds went.
fn moments(comparison: &Comparison) -> Vec<Plot> {
    let middle = || comparison.entries.iter().filter_map(Entry::middle_round);
    let ends = middle().filter_map(|round| round.over_time.last());
    let longest = ends.map(|moment| moment.at_s).fold(0.0, f64::max);
    let plot = |title, note, y_title, lines: Vec<Line<'_>>| {
        let legend = lines.iter().map(|line| (colour(line.place), line.name.to_owned())).collect();
        let svg = over_time(title, &lines, y_title, plain);
        (!lines.is_empty()).then_some(Plot { title, note, legend, svg })
    };
    let note = if comparison.rounds > 1 { "of each topology’s middle round" } else { "as the run went" };
    let window = longest / WINDOWS;
    let orders = lines(comparison, |entry| Some(rates(&entry.middle_round()?.over_time, window)));
    let memory = lines(comparison, |entry| {
        let moments = entry.middle_round()?.over_time.iter();
        Some(moments.filter_map(|moment| Some((moment.at_s, moment.rss_mb?))).collect())
    });
    let orders = plot("Orders per second over time", note, "orders / s", orders);
    let memory = plot("Resident memory over time", note, "MB", memory);
    orders.into_iter().chain(memory).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_keep_the_number_of_orders() {
        let moment = |at_s, orders_per_second| Moment { at_s, orders_per_second, rss_mb: None };
        let moments =
            [moment(1.0, 100.0), moment(2.0, 0.0), moment(3.0, 50.0), moment(4.0, 70.0), moment(5.0, 9.0)];
        assert_eq!(rates(&moments, 2.0), [(1.0, 50.0), (3.0, 60.0)]);
        assert_eq!(rates(&moments[..1], 0.0), [(0.5, 100.0)]);
        assert!(rates(&[], 1.0).is_empty());
    }

    #[test]
    fn curves_end_at_the_last_order_and_leave_the_quickest_out() {
        let points = curve(&[(1, 5), (10, 85), (20, 9), (90, 1)]).unwrap();
        let rounded: Vec<(f64, f64)> = points.iter().map(|(x, y)| ((x * 1e3).round(), *y)).collect();
        assert_eq!(rounded, [(1_000.0, 10.0), (2_000.0, 20.0), (2_000.0, 90.0)]);
        assert_eq!(curve(&[]), None);
    }
}
