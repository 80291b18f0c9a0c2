//! Shares of a whole, stacked: how orders ended.

use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use super::{WIDTH, factor, names_width, row_name};
use crate::text::{NONE, percent};

/// One part of a whole.
pub(crate) struct Part {
    pub(crate) name: String,
    /// 0 to 1.
    pub(crate) share: f64,
    /// The class that carries its colour.
    pub(crate) class: String,
}

/// One whole; without parts if it was not measured.
pub(crate) struct Stack<'a> {
    pub(crate) name: &'a str,
    pub(crate) parts: Vec<Part>,
}

/// A whole a topology.
pub(crate) struct Stacks<'a> {
    pub(crate) label: &'a str,
    pub(crate) stacks: Vec<Stack<'a>>,
}

const ROW: f64 = 30.0;
const THICK: f64 = 20.0;
const TOP: f64 = 6.0;
const AXIS: f64 = 24.0;
const RIGHT: f64 = 20.0;
/// How wide a letter inside a bar is.
const INSIDE: f64 = 5.9;

impl Stacks<'_> {
    pub(crate) fn draw(&self) -> String {
        let left = names_width(self.stacks.iter().map(|stack| stack.name));
        let bottom = TOP + ROW * factor(self.stacks.len());
        let mut canvas = Canvas::new(WIDTH, bottom + AXIS, self.label);
        let x = Scale::linear((0.0, 1.0), (left, WIDTH - RIGHT));
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let at = x.place(tick);
            canvas.line((at, TOP), (at, bottom), if tick > 0.0 { "grid" } else { "axis" });
            canvas.text((at, bottom + 17.0), Anchor::Middle, "tick", format_args!("{:.0} %", tick * 100.0));
        }
        for (place, stack) in self.stacks.iter().enumerate() {
            let middle = TOP + ROW * (factor(place) + 0.5);
            row_name(&mut canvas, left, middle, stack.name);
            if stack.parts.is_empty() {
                canvas.text((left + 6.0, middle + 4.0), Anchor::Start, "value none", NONE);
            }
            stack.draw(&mut canvas, &x, middle);
        }
        canvas.finish()
    }
}

impl Stack<'_> {
    fn draw(&self, canvas: &mut Canvas, x: &Scale, middle: f64) {
        let mut from = 0.0;
        for part in &self.parts {
            let (start, end) = (x.place(from), x.place(from + part.share));
            from += part.share;
            let shown = percent(part.share);
            let told = format!("{}: {} {shown}", self.name, part.name);
            // A hair of paper between the parts keeps them apart without their colours.
            let size = (end - start - 1.0, THICK);
            canvas.rect((start, middle - THICK / 2.0), size, format_args!("fill {}", part.class), &told);
            // The axis says percent, too, where there is no room to.
            let inside = [shown.as_str(), shown.trim_end_matches(" %")];
            let fits = |text: &&str| INSIDE * factor(text.chars().count()) + 2.0 < size.0;
            if let Some(text) = inside.into_iter().find(fits) {
                let at = (f64::midpoint(start, end) - 0.5, middle + 4.0);
                canvas.text(at, Anchor::Middle, format_args!("inside {}", part.class), text);
            }
        }
    }
}
