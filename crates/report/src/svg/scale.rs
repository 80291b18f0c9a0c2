//! From values to places on the page, and the round values that axes name.

/// A linear or logarithmic axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    log: bool,
}

impl Scale {
    /// Values `from`..`to` lie at `start`..`end`.
    pub(super) fn linear((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        Self { from, to, start, end, log: false }
    }

    /// The same with equal ratios equally far apart; values must be above zero.
    pub(super) fn log((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        Self { from: from.log10(), to: to.log10(), start, end, log: true }
    }

    /// Where `value` lies, within the axis.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let span = self.to - self.from;
        let share = if span > 0.0 { ((value - self.from) / span).clamp(0.0, 1.0) } else { 0.0 };
        self.start + share * (self.end - self.start)
    }
}

/// Round values from 0 to `most` or a little above, about `count` steps.
pub(super) fn ticks(most: f64, count: f64) -> Vec<f64> {
    if most <= 0.0 || !most.is_finite() {
        return vec![0.0, 1.0];
    }
    let raw = most / count;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw);
    let step = step.unwrap_or(raw);
    let mut ticks = vec![0.0];
    let mut at = 0.0;
    while at < most * 0.999 {
        at += step;
        ticks.push(at);
    }
    ticks
}

/// Values 1, 2, 5 × 10ⁿ from at or below `least` to at or above `most`; only 10ⁿ if they would be too many.
pub(super) fn log_ticks(least: f64, most: f64) -> Vec<f64> {
    let (least, most) = (least.max(1e-9), most.max(least.max(1e-9)));
    let wide = (most / least).log10() > 3.0;
    let factors: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let mut ticks: Vec<f64> = Vec::new();
    let mut power = 10_f64.powf(least.log10().floor());
    loop {
        for factor in factors {
            let tick = factor * power;
            if tick <= least {
                ticks.clear();
            }
            ticks.push(tick);
            // An axis needs two ends.
            if tick >= most && ticks.len() > 1 {
                return ticks;
            }
        }
        power *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_from_zero_name_round_values_past_the_last() {
        assert_eq!(ticks(9_210.0, 4.0), [0.0, 2_500.0, 5_000.0, 7_500.0, 10_000.0]);
        assert_eq!(ticks(14.0, 4.0), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(ticks(0.0, 4.0), [0.0, 1.0]);
    }

    #[test]
    fn logarithmic_axes_hold_their_values() {
        assert_eq!(log_ticks(30.0, 180.0), [20.0, 50.0, 100.0, 200.0]);
        assert_eq!(log_ticks(100.0, 100.0), [100.0, 200.0]);
        assert_eq!(log_ticks(0.9, 20_000.0), [0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0]);
    }

    #[test]
    fn places_stay_within_the_axis() {
        let scale = Scale::log((1.0, 100.0), (0.0, 200.0));
        assert_eq!(
            [0.0, 1.0, 10.0, 100.0, 1e9].map(|value| scale.place(value)),
            [0.0, 0.0, 100.0, 200.0, 200.0]
        );
    }
}
