//! Numbers as people read them. What was not measured is a dash.

/// Stands for what was not measured.
pub const NONE: &str = "–";

/// A figure as `show` shows it, or a dash.
pub(crate) fn or_dash(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| NONE.to_owned(), show)
}

/// The digits that count, thousands apart: 12,345 · 123 · 12.3 · 1.23 · 0.042.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => thousands(value),
        size if size >= 9.995 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        size if size < 0.000_95 => "<0.001".to_owned(),
        size if size < 0.095 => format!("{value:.3}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number, thousands apart.
#[must_use]
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("−{shown}") } else { shown }
}

/// A time given in microseconds: 850 µs · 12.3 ms · 1.25 s.
#[must_use]
pub fn duration(us: f64) -> String {
    match us {
        us if us < 999.5 => format!("{us:.0} µs"),
        us if us < 999_500.0 => format!("{} ms", number(us / 1e3)),
        us => format!("{} s", number(us / 1e6)),
    }
}

/// A value as axes show it, without needless digits.
pub(crate) fn plain(value: f64) -> String {
    if value >= 1e3 { thousands(value) } else { format!("{}", (value * 1e6).round() / 1e6) }
}

/// A time given in microseconds as axes show it, without needless digits: 500 µs · 20 ms · 1 s.
pub(crate) fn tick_duration(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us} µs"),
        us if us < 1e6 => format!("{} ms", us / 1e3),
        us => format!("{} s", us / 1e6),
    }
}

/// Bytes, in powers of a thousand.
#[must_use]
pub fn bytes(value: f64) -> String {
    match value {
        value if value < 999.5 => format!("{value:.0} B"),
        value if value < 999_500.0 => format!("{} kB", number(value / 1e3)),
        value if value < 999_500_000.0 => format!("{} MB", number(value / 1e6)),
        value => format!("{} GB", number(value / 1e9)),
    }
}

/// A share from 0 to 1: 20.1 %.
#[must_use]
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        percent if percent >= 99.95 => format!("{percent:.0} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// How many times as much: 1.12 ×.
pub(crate) fn times(ratio: f64) -> String {
    if ratio < 9.995 { format!("{ratio:.2} ×") } else { format!("{} ×", number(ratio)) }
}

/// A text that fits into `most` characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_count() {
        let shown =
            [0.0, 0.000_2, 0.004, 0.254, 9.994, 12.34, 99.96, 999.6, 12_345.6, 1_234_567.0].map(number);
        assert_eq!(
            shown,
            ["0", "<0.001", "0.004", "0.25", "9.99", "12.3", "100", "1,000", "12,346", "1,234,567"]
        );
    }

    #[test]
    fn times_change_their_unit_where_it_reads_better() {
        let shown = [0.0, 850.0, 999.6, 12_345.0, 999_600.0, 1_250_000.0].map(duration);
        assert_eq!(shown, ["0 µs", "850 µs", "1.00 ms", "12.3 ms", "1.00 s", "1.25 s"]);
    }

    #[test]
    fn bytes_change_their_unit_too() {
        let shown = [12.0, 4_250.0, 1_500_000.0, 2.5e9].map(bytes);
        assert_eq!(shown, ["12 B", "4.25 kB", "1.50 MB", "2.50 GB"]);
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        assert_eq!(or_dash(None, number), "–");
        assert_eq!(or_dash(Some(f64::NAN), number), "–");
        assert_eq!(or_dash(Some(2.0), number), "2.00");
    }

    #[test]
    fn lists_read_as_sentences_do() {
        let list = |items: &[&str]| listed(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn long_names_are_cut_to_fit() {
        assert_eq!(short("orchestrated-messages", 10), "orchestra…");
        assert_eq!(short("monolith", 8), "monolith");
    }
}
