//! What the numbers say, in plain sentences. A difference within the rounds' own range is none.

use crate::comparison::{Comparison, Entry, Figures, Spread, count};
use crate::text::{bytes, duration, listed, number, percent, thousands, times};

/// A sentence or two about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub about: &'static str,
    /// What there is to say.
    pub says: String,
}

/// With a single round nothing tells how much of a difference is chance: smaller ones are not spoken of.
const ONE_ROUND: f64 = 1.05;
/// With several rounds, even where their ranges are apart.
const CLOSE: f64 = 1.02;
/// An open loop's orders come to a topology that keeps up at this share of the rate or more.
const KEEPS_UP: f64 = 0.97;
/// An answer this many times sooner than the outcome is worth a word.
const AHEAD: f64 = 1.5;

/// Everything that there is to say, most wanted first.
#[must_use]
pub fn findings(comparison: &Comparison) -> Vec<Finding> {
    let all: [(&'static str, Say); 8] = [
        ("Books", books),
        ("Errors", errors),
        ("Throughput", throughput),
        ("Answer", answer),
        ("Outcome", outcome),
        ("Cost", cost),
        ("Refusals", refusals),
        ("Noise", noise),
    ];
    all.into_iter().filter_map(|(about, say)| Some(Finding { about, says: say(comparison)? })).collect()
}

/// What there is to say of one thing, if anything.
type Say = fn(&Comparison) -> Option<String>;

/// A topology's name and one figure of it.
type Placed<'a> = (&'a str, Spread);

/// Those that have the figure, best first.
fn ranked(
    comparison: &Comparison,
    get: fn(&Figures) -> Option<Spread>,
    most_is_best: bool,
) -> Vec<Placed<'_>> {
    let place = |entry: &'_ Entry| get(&entry.median);
    let mut ranked: Vec<Placed<'_>> = comparison
        .entries
        .iter()
        .filter_map(|entry| Some((entry.topology.as_str(), place(entry)?)))
        .collect();
    ranked.sort_by(|a, b| {
        let rising = a.1.median.total_cmp(&b.1.median);
        if most_is_best { rising.reverse() } else { rising }
    });
    ranked
}

/// Whether two figures differ by more than chance.
fn differ(comparison: &Comparison, a: Spread, b: Spread) -> bool {
    let (less, more) = if a.median < b.median { (a, b) } else { (b, a) };
    let least = if comparison.rounds > 1 { CLOSE } else { ONE_ROUND };
    more.median > less.median * least && more.low > less.high
}

/// Whether no topology's figure is better than this one by more than chance.
pub(crate) fn is_best(
    comparison: &Comparison,
    get: fn(&Figures) -> Option<Spread>,
    figure: Spread,
    most_is_best: bool,
) -> bool {
    let ranked = ranked(comparison, get, most_is_best);
    // Alone there is nothing to be better than.
    ranked.len() > 1 && ranked.first().is_some_and(|(_, first)| !differ(comparison, *first, figure))
}

/// The names of those that no one is better than, by more than chance.
fn best<'a>(comparison: &Comparison, ranked: &[Placed<'a>]) -> Vec<&'a str> {
    let first = ranked.first().map(|(_, figure)| *figure);
    let level =
        ranked.iter().filter(|(_, figure)| first.is_some_and(|first| !differ(comparison, first, *figure)));
    level.map(|(name, _)| *name).collect()
}

fn names(names: &[&str]) -> String {
    listed(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

/// `say` about the first and the last of those ranked, if chance did not place them.
fn ends<'a>(
    comparison: &Comparison,
    ranked: &[Placed<'a>],
) -> Option<(Vec<&'a str>, Spread, Option<Placed<'a>>)> {
    let first = ranked.first()?.1;
    let best = best(comparison, ranked);
    let last = ranked.last().filter(|(name, _)| !best.contains(name)).copied();
    Some((best, first, last))
}

fn books(comparison: &Comparison) -> Option<String> {
    let wrong: Vec<String> = comparison
        .entries
        .iter()
        .filter_map(|entry| {
            let found = entry.median.discrepancies?;
            (found > 0).then(|| format!("{} ({found})", entry.topology))
        })
        .collect();
    let unmeasured: Vec<&str> = comparison
        .entries
        .iter()
        .filter(|entry| entry.rounds.len() < comparison.rounds as usize)
        .map(|entry| entry.topology.as_str())
        .collect();
    let mut says = Vec::new();
    if !wrong.is_empty() {
        says.push(format!(
            "The audit found discrepancies in {}: what else is said of it does not count.",
            listed(&wrong)
        ));
    } else if comparison.any_round().is_some() {
        says.push(
            "Every audit is clean: all balances, ledgers and payments agree with the orders.".to_owned(),
        );
    }
    if !unmeasured.is_empty() {
        says.push(format!("Not every round could be measured of {}.", names(&unmeasured)));
    }
    (!says.is_empty()).then(|| says.join(" "))
}

fn errors(comparison: &Comparison) -> Option<String> {
    let told = |entry: &Entry| {
        let first = entry.rounds.iter().find_map(|round| round.errors.first.first());
        let first = first.map(|first| format!(": {first}")).unwrap_or_default();
        let asks = entry.median.errors.filter(|asks| *asks > 0)?;
        Some(format!("{asks} asks of {} made no order{first}.", entry.topology))
    };
    let told: Vec<String> = comparison.entries.iter().filter_map(told).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

fn throughput(comparison: &Comparison) -> Option<String> {
    match comparison.any_round()?.rate {
        Some(rate) => {
            Some(kept_up(&ranked(comparison, |figures| figures.orders_per_second, true), count(rate)))
        }
        None => settled_orders(comparison),
    }
}

fn settled_orders(comparison: &Comparison) -> Option<String> {
    let ranked = ranked(comparison, |figures| figures.orders_per_second, true);
    let (best, first, last) = ends(comparison, &ranked)?;
    let shown = thousands(first.median);
    if ranked.len() == 1 {
        return Some(format!("{} settled {shown} orders a second.", names(&best)));
    }
    let Some((slowest, fewest)) = last else {
        let least = ranked.last().map(|(_, rate)| thousands(rate.median))?;
        return Some(format!(
            "None settled more orders a second than the others by more than the noise: {least} to {shown}."
        ));
    };
    let least = thousands(fewest.median);
    let [one] = best.as_slice() else {
        let level = ranked.iter().filter(|(name, _)| best.contains(name));
        let level: Vec<String> =
            level.map(|(name, rate)| format!("{name} ({})", thousands(rate.median))).collect();
        return Some(format!(
            "{} settled the most orders a second, level within the noise; {slowest} the fewest, {least}.",
            listed(&level)
        ));
    };
    let (second, next) = *ranked.get(1)?;
    let over_next = if second == slowest {
        String::new()
    } else {
        format!(" {} as many as {second}, the next;", times(first.median / next.median))
    };
    let over_last = times(first.median / fewest.median);
    Some(format!(
        "{one} settled the most orders, {shown} a second:{over_next} {over_last} as many as {slowest} ({least})."
    ))
}

fn kept_up(ranked: &[Placed<'_>], rate: f64) -> String {
    let behind: Vec<String> = ranked
        .iter()
        .filter(|(_, found)| found.median < rate * KEEPS_UP)
        .map(|(name, found)| format!("{name} ({} a second)", thousands(found.median)))
        .collect();
    let came = format!("Orders came at {} a second.", thousands(rate));
    if behind.is_empty() {
        format!("{came} All kept up.")
    } else {
        format!("{came} {} did not keep up.", listed(&behind))
    }
}

fn answer(comparison: &Comparison) -> Option<String> {
    times_of(
        comparison,
        |figures| figures.answer_p50_us.zip(figures.answer_p99_us).map(|both| both.0),
        |figures| figures.answer_p99_us,
        ("Clients are answered soonest by", "clients", "The last to answer is"),
    )
}

fn outcome(comparison: &Comparison) -> Option<String> {
    let times = times_of(
        comparison,
        |figures| figures.settled_p50_us.zip(figures.settled_p99_us).map(|both| both.0),
        |figures| figures.settled_p99_us,
        ("Orders are settled soonest by", "orders", "The last to settle is"),
    )?;
    let ahead = comparison.entries.iter().filter_map(|entry| {
        let (answer, settled) = (entry.median.answer_p50_us?.median, entry.median.settled_p50_us?.median);
        (settled > answer * AHEAD).then_some((entry.topology.as_str(), answer, settled))
    });
    let most = ahead.max_by(|a, b| (a.2 / a.1).total_cmp(&(b.2 / b.1)));
    Some(match most {
        Some((name, answer, settled)) => format!(
            "{times} The answer is furthest ahead of the outcome in {name}: {} against {}.",
            duration(answer),
            duration(settled)
        ),
        None => times,
    })
}

fn times_of(
    comparison: &Comparison,
    half: fn(&Figures) -> Option<Spread>,
    most: fn(&Figures) -> Option<Spread>,
    (head, who, tail): (&str, &str, &str),
) -> Option<String> {
    let ranked = ranked(comparison, half, false);
    let (best, _, last) = ends(comparison, &ranked)?;
    let told = |name: &str| {
        let figures = &comparison.entries.iter().find(|entry| entry.topology == name)?.median;
        Some(format!(
            "half of its {who} within {}, 99 of 100 within {}",
            duration(half(figures)?.median),
            duration(most(figures)?.median)
        ))
    };
    let (first, others) = best.split_first()?;
    let level = if others.is_empty() {
        String::new()
    } else {
        format!("; {} is level within the noise", names(others))
    };
    let level = if others.len() > 1 { level.replace(" is level", " are level") } else { level };
    let mut says = format!("{head} {first}: {}{level}.", told(first)?);
    if let Some((slowest, _)) = last {
        says += &format!(" {tail} {slowest}: {}.", told(slowest)?);
    }
    Some(says)
}

fn cost(comparison: &Comparison) -> Option<String> {
    let price = |entry: &Entry| {
        let figures = &entry.median;
        let part =
            |figure: Option<Spread>, show: &dyn Fn(f64) -> String| figure.map(|figure| show(figure.median));
        let parts: Vec<String> = [
            part(figures.messages, &|value| format!("{} messages", number(value))),
            part(figures.commits, &|value| format!("{} commits", number(value))),
            part(figures.bytes_written, &|value| format!("{} written", bytes(value))),
        ]
        .into_iter()
        .flatten()
        .collect();
        listed(&parts)
    };
    // Bytes are what a disk sees; not every system counts them.
    let by_bytes = ranked(comparison, |figures| figures.bytes_written, false);
    let ranked =
        if by_bytes.is_empty() { ranked(comparison, |figures| figures.commits, false) } else { by_bytes };
    let entry = |name: &str| comparison.entries.iter().find(|entry| entry.topology == name);
    let (best, _, last) = ends(comparison, &ranked)?;
    let (first, others) = best.split_first()?;
    let mut says = format!("An order costs least in {first}: {}", price(entry(first)?));
    if !others.is_empty() {
        says += &format!(" (level: {})", names(others));
    }
    if let Some((most, _)) = last {
        says += &format!("; most in {most}: {}", price(entry(most)?));
    }
    let shared =
        comparison.entries.iter().any(|entry| entry.median.commits.is_some_and(|all| all.median < 1.0));
    let note = if shared { " Less than one commit an order: orders in a batch share theirs." } else { "" };
    Some(format!("{says}.{note}"))
}

fn refusals(comparison: &Comparison) -> Option<String> {
    let ranked = ranked(comparison, |figures| figures.refused_share, false);
    let (least, most) = (ranked.first()?, ranked.last()?);
    let (low, high) = (percent(least.1.median), percent(most.1.median));
    let shares = match (most.1.median > 0.0, low == high) {
        (false, _) => return Some("No order was refused.".to_owned()),
        (true, true) if ranked.len() == 1 => format!("{low} of the orders were refused."),
        (true, true) => format!("{low} of the orders were refused, in every topology the same."),
        (true, false) => {
            format!("From {low} ({}) to {high} ({}) of the orders were refused.", least.0, most.0)
        }
    };
    let undone = self::ranked(comparison, |figures| figures.compensations, false);
    let (Some(few), Some(many)) = (undone.first(), undone.last()) else { return Some(shares) };
    let (few_shown, many_shown) = (thousands(few.1.median), thousands(many.1.median));
    let steps = if few_shown == many_shown {
        format!("{many_shown} steps were undone for them.")
    } else {
        format!("{} undid the fewest steps for them, {few_shown}; {} the most, {many_shown}.", few.0, many.0)
    };
    Some(format!("{shares} {steps}"))
}

fn noise(comparison: &Comparison) -> Option<String> {
    comparison.any_round()?;
    if comparison.rounds < 2 {
        return Some(
            "One round: nothing tells how much of a difference is chance. With --rounds 5 the topologies take \
             turns and medians are shown."
                .to_owned(),
        );
    }
    let widths = comparison.entries.iter().filter_map(|entry| entry.median.orders_per_second);
    let widest = widths.map(|rate| rate.width()).fold(0.0, f64::max);
    Some(format!(
        "Medians of {} rounds, the topologies in turn. One topology's orders a second differed by up to {} between \
         rounds.",
        comparison.rounds,
        percent(widest)
    ))
}

#[cfg(test)]
mod tests;
