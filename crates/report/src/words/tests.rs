use super::*;

fn figures(rate: (f64, f64, f64)) -> Figures {
    let (low, median, high) = rate;
    Figures {
        orders_per_second: Some(Spread { median, low, high }),
        discrepancies: Some(0),
        ..Figures::default()
    }
}

fn compared(rounds: u32, entries: Vec<(&str, Figures)>) -> Comparison {
    let entry = |(name, median): (&str, Figures)| Entry {
        topology: name.to_owned(),
        summary: String::new(),
        flow: String::new(),
        median,
        rounds: Vec::new(),
    };
    Comparison { command: String::new(), rounds, entries: entries.into_iter().map(entry).collect() }
}

/// The throughput sentence about topologies with these rounds: lowest, median, highest.
fn check(rounds: u32, rates: &[(&str, (f64, f64, f64))], expected: &str) {
    let entries = rates.iter().map(|(name, rate)| (*name, figures(*rate))).collect();
    assert_eq!(settled_orders(&compared(rounds, entries)).as_deref(), Some(expected));
}

#[test]
fn the_first_the_next_and_the_last_are_told_with_their_ratios() {
    check(
        3,
        &[("slow", (90.0, 100.0, 110.0)), ("fast", (390.0, 400.0, 410.0)), ("fair", (195.0, 200.0, 205.0))],
        "fast settled the most orders, 400 a second: 2.00 × as many as fair, the next; 4.00 × as many as slow (100).",
    );
}

#[test]
fn of_two_only_the_other_is_told() {
    check(
        1,
        &[("fast", (400.0, 400.0, 400.0)), ("slow", (100.0, 100.0, 100.0))],
        "fast settled the most orders, 400 a second: 4.00 × as many as slow (100).",
    );
}

#[test]
fn rounds_that_overlap_are_level() {
    check(
        3,
        &[("a", (380.0, 400.0, 420.0)), ("b", (370.0, 385.0, 395.0)), ("c", (90.0, 100.0, 110.0))],
        "a (400) and b (385) settled the most orders a second, level within the noise; c the fewest, 100.",
    );
    let all = "None settled more orders a second than the others by more than the noise: 385 to 400.";
    check(3, &[("a", (380.0, 400.0, 420.0)), ("b", (370.0, 385.0, 395.0))], all);
}

#[test]
fn of_one_round_small_differences_are_not_spoken_of() {
    let few = &[("a", (400.0, 400.0, 400.0)), ("b", (390.0, 390.0, 390.0))];
    check(1, few, "None settled more orders a second than the others by more than the noise: 390 to 400.");
}

#[test]
fn an_open_loop_tells_who_kept_up() {
    let spread = |median| Spread { median, low: median, high: median };
    assert_eq!(kept_up(&[("a", spread(499.0))], 500.0), "Orders came at 500 a second. All kept up.");
    assert_eq!(
        kept_up(&[("a", spread(499.0)), ("b", spread(312.4))], 500.0),
        "Orders came at 500 a second. b (312 a second) did not keep up."
    );
}

#[test]
fn shares_refused_are_told_as_they_differ() {
    let share = |share: f64, undone: f64| Figures {
        refused_share: Spread::of([share]),
        compensations: Spread::of([undone]),
        ..Figures::default()
    };
    let check = |entries: Vec<(&str, Figures)>, expected: &str| {
        assert_eq!(refusals(&compared(1, entries)).as_deref(), Some(expected));
    };
    check(vec![("a", share(0.0, 0.0)), ("b", share(0.0, 0.0))], "No order was refused.");
    check(
        vec![("a", share(0.2, 0.0)), ("b", share(0.2, 1_200.0))],
        "20.0 % of the orders were refused, in every topology the same. a undid the fewest steps for them, 0; b the most, \
         1,200.",
    );
    check(
        vec![("a", share(0.2, 7.0)), ("b", share(0.1, 7.0))],
        "From 10.0 % (b) to 20.0 % (a) of the orders were refused. 7 steps were undone for them.",
    );
}
