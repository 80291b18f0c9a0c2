//! Plots as SVG, drawn here so that the page needs no script and no other file.
//!
//! Reading order: `canvas` (elements) → `scale` (values to places) → `bars`, `stacks`, `lines` (a kind of plot each).

mod bars;
mod canvas;
mod lines;
mod scale;
mod stacks;

pub(crate) use bars::{Bar, Bars};
pub(crate) use canvas::colour;
pub(crate) use lines::{Line, over_time, percentiles, share_past};
pub(crate) use stacks::{Part, Stack, Stacks};

use crate::text::short;
use canvas::{Anchor, Canvas};

/// All plots are as wide, so that letters are of one size throughout the page.
const WIDTH: f64 = 600.0;
/// The longest name that a plot shows in full.
const NAME: usize = 22;
/// How wide a letter is on average, and a little more.
const LETTER: f64 = 6.5;

/// Rows with names at their left: how wide the names are.
fn names_width<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    let longest = names.map(|name| name.chars().count().min(NAME)).max().unwrap_or(0);
    LETTER * f64::from(u32::try_from(longest).unwrap_or(0)) + 12.0
}

/// A name at the left of its row.
fn row_name(canvas: &mut Canvas, x: f64, y: f64, name: &str) {
    canvas.text((x - 10.0, y + 4.0), Anchor::End, "name", short(name, NAME));
}

/// A number of things as a distance's factor.
fn factor(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
