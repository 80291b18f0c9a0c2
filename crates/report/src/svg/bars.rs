//! A bar a topology.

use super::canvas::{Anchor, Canvas, colour};
use super::scale::{Scale, ticks};
use super::{WIDTH, factor, names_width, row_name};
use crate::comparison::Spread;
use crate::text::NONE;

/// One bar; its rounds' range as a whisker.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<Spread>,
}

/// A bar a topology, from zero.
pub(crate) struct Bars<'a> {
    pub(crate) label: &'a str,
    pub(crate) bars: Vec<Bar<'a>>,
    /// How a bar's value is shown beside it.
    pub(crate) show: fn(f64) -> String,
    /// How the axis shows its values.
    pub(crate) tick: fn(f64) -> String,
}

const ROW: f64 = 30.0;
const THICK: f64 = 16.0;
const TOP: f64 = 6.0;
const AXIS: f64 = 24.0;
/// Room for the values beside the bars.
const VALUES: f64 = 84.0;

impl Bars<'_> {
    pub(crate) fn draw(&self) -> String {
        let left = names_width(self.bars.iter().map(|bar| bar.name));
        let bottom = TOP + ROW * factor(self.bars.len());
        let mut canvas = Canvas::new(WIDTH, bottom + AXIS, self.label);
        let most = self.bars.iter().filter_map(|bar| bar.value).map(|value| value.high).fold(0.0, f64::max);
        let ticks = ticks(most, 4.0);
        let end = ticks.last().copied().unwrap_or(1.0);
        let x = Scale::linear((0.0, end), (left, WIDTH - VALUES));
        for tick in &ticks {
            let at = x.place(*tick);
            canvas.line((at, TOP), (at, bottom), if *tick > 0.0 { "grid" } else { "axis" });
            canvas.text((at, bottom + 17.0), Anchor::Middle, "tick", (self.tick)(*tick));
        }
        for (place, bar) in self.bars.iter().enumerate() {
            let middle = TOP + ROW * (factor(place) + 0.5);
            row_name(&mut canvas, left, middle, bar.name);
            let Some(value) = bar.value else {
                canvas.text((left + 6.0, middle + 4.0), Anchor::Start, "value none", NONE);
                continue;
            };
            self.bar(&mut canvas, &x, middle, place, (bar.name, value));
        }
        canvas.finish()
    }

    fn bar(&self, canvas: &mut Canvas, x: &Scale, middle: f64, place: usize, (name, value): (&str, Spread)) {
        let shown = (self.show)(value.median);
        let (from, to) = (x.place(0.0), x.place(value.median));
        let mut told = format!("{name}: {shown}");
        let mut reach = to;
        let size = (to - from, THICK);
        let ranges = value.high > value.low;
        if ranges {
            told = format!("{told} (rounds: {} to {})", (self.show)(value.low), (self.show)(value.high));
            reach = x.place(value.high);
        }
        let class = format!("fill {}", colour(place));
        canvas.rect((from, middle - THICK / 2.0), size, class, &told);
        if ranges {
            let (low, high) = (x.place(value.low), reach);
            canvas.line((low, middle), (high, middle), "whisker");
            for end in [low, high] {
                canvas.line((end, middle - 4.0), (end, middle + 4.0), "whisker");
            }
        }
        canvas.text((reach + 7.0, middle + 4.0), Anchor::Start, "value", shown);
    }
}
