//! A line a topology: percentiles of times, and how runs went.

use super::canvas::{Anchor, Canvas, colour};
use super::scale::{Scale, log_ticks, ticks};
use super::{NAME, WIDTH};
use crate::text::{short, tick_duration};

/// One line; its place among the topologies gives its colour.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) place: usize,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Where lines are drawn, and the values that the axes name.
struct Plot<'a> {
    label: &'a str,
    x: Scale,
    y: Scale,
    x_ticks: Vec<(f64, String)>,
    y_ticks: Vec<(f64, String)>,
    x_title: &'a str,
    y_title: &'a str,
    /// Whether lines are named where they end; else the page has a legend.
    named: bool,
}

const HEIGHT: f64 = 330.0;
const LEFT: f64 = 62.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = HEIGHT - 46.0;
const RIGHT: f64 = 20.0;
/// Room for names at the lines' ends.
const NAMES: f64 = 176.0;
/// How far apart names must be to be read.
const NAME_STEP: f64 = 15.0;
/// Points closer than this are one.
const NEAR: f64 = 0.7;

/// How far along the axis of percentiles a share lies: each step further leaves a tenth of the orders.
pub(crate) fn share_past(left_over: f64) -> f64 {
    -left_over.max(1e-12).log10()
}

/// Percentile curves: x is [`share_past`], y microseconds from `least` to `most`.
pub(crate) fn percentiles(label: &str, lines: &[Line<'_>], range: (f64, f64), farthest: f64) -> String {
    let y_ticks = log_ticks(range.0, range.1);
    let ends = (y_ticks.first().copied().unwrap_or(1.0), y_ticks.last().copied().unwrap_or(10.0));
    let named = [(0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.999_9, "99.99 %")];
    let x_ticks = named.into_iter().map(|(share, name)| (share_past(1.0 - share), name.to_owned()));
    let plot = Plot {
        label,
        x: Scale::linear((0.0, farthest.max(1.0)), (LEFT, WIDTH - NAMES)),
        y: Scale::log(ends, (BOTTOM, TOP)),
        x_ticks: x_ticks.filter(|(at, _)| *at <= farthest.max(1.0) + 1e-9).collect(),
        y_ticks: y_ticks.iter().map(|tick| (*tick, tick_duration(*tick))).collect(),
        x_title: "share of orders",
        y_title: "took at most",
        named: true,
    };
    plot.draw(lines)
}

/// Something over time: x is seconds, y starts at zero.
pub(crate) fn over_time(label: &str, lines: &[Line<'_>], y_title: &str, tick: fn(f64) -> String) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let x_ticks = ticks(points().map(|point| point.0).fold(0.0, f64::max), 6.0);
    let y_ticks = ticks(points().map(|point| point.1).fold(0.0, f64::max), 4.0);
    let last = |ticks: &[f64]| ticks.last().copied().unwrap_or(1.0);
    let plot = Plot {
        label,
        x: Scale::linear((0.0, last(&x_ticks)), (LEFT, WIDTH - RIGHT)),
        y: Scale::linear((0.0, last(&y_ticks)), (BOTTOM, TOP)),
        x_ticks: x_ticks.iter().map(|at| (*at, crate::text::plain(*at))).collect(),
        y_ticks: y_ticks.iter().map(|at| (*at, tick(*at))).collect(),
        x_title: "seconds since the first order",
        y_title,
        named: false,
    };
    plot.draw(lines)
}

impl Plot<'_> {
    fn draw(&self, lines: &[Line<'_>]) -> String {
        let mut canvas = Canvas::new(WIDTH, HEIGHT, self.label);
        let right = if self.named { WIDTH - NAMES } else { WIDTH - RIGHT };
        for (value, name) in &self.y_ticks {
            let at = self.y.place(*value);
            let is_base = (at - BOTTOM).abs() < NEAR;
            canvas.line((LEFT, at), (right, at), if is_base { "axis" } else { "grid" });
            canvas.text((LEFT - 8.0, at + 4.0), Anchor::End, "tick", name);
        }
        for (value, name) in &self.x_ticks {
            let at = self.x.place(*value);
            canvas.line((at, TOP), (at, BOTTOM), "grid");
            canvas.text((at, BOTTOM + 17.0), Anchor::Middle, "tick", name);
        }
        canvas.text((0.0, 13.0), Anchor::Start, "title", self.y_title);
        let middle = f64::midpoint(LEFT, right);
        canvas.text((middle, HEIGHT - 8.0), Anchor::Middle, "title", self.x_title);
        let drawn: Vec<Vec<(f64, f64)>> = lines.iter().map(|line| self.placed(&line.points)).collect();
        for (line, points) in lines.iter().zip(&drawn) {
            let class = colour(line.place);
            match points.as_slice() {
                [] => {}
                [only] => canvas.dot(*only, format_args!("fill {class}")),
                points => canvas.path(points, format_args!("stroke {class}"), line.name),
            }
        }
        if self.named {
            let ends = lines.iter().zip(&drawn).filter_map(|(line, points)| Some((line, *points.last()?)));
            name_ends(&mut canvas, ends.collect());
        }
        canvas.finish()
    }

    /// The points' places, without those that would not be seen beside the one before.
    fn placed(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let mut placed: Vec<(f64, f64)> = Vec::new();
        for (place, (x, y)) in points.iter().enumerate() {
            let at = (self.x.place(*x), self.y.place(*y));
            let is_last = place + 1 == points.len();
            let is_near = |before: &(f64, f64)| (before.0 - at.0).hypot(before.1 - at.1) < NEAR;
            if is_last || !placed.last().is_some_and(is_near) {
                placed.push(at);
            }
        }
        placed
    }
}

/// Names lines where they end, each as near to its end as the others let it.
fn name_ends(canvas: &mut Canvas, mut ends: Vec<(&Line<'_>, (f64, f64))>) {
    ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let wanted: Vec<f64> = ends.iter().map(|(_, end)| end.1).collect();
    let start = WIDTH - NAMES;
    for ((line, end), y) in ends.iter().zip(spaced(&wanted, (TOP, BOTTOM))) {
        canvas.path(&[(end.0 + 3.0, end.1), (start + 6.0, end.1), (start + 16.0, y)], "leader", line.name);
        canvas.dot((start + 20.0, y), format_args!("fill {}", colour(line.place)));
        canvas.text((start + 27.0, y + 4.0), Anchor::Start, "name", short(line.name, NAME));
    }
}

/// `wanted`, rising, moved apart by at least [`NAME_STEP`] and kept within the room while that lasts.
fn spaced(wanted: &[f64], (top, bottom): (f64, f64)) -> Vec<f64> {
    let mut ys = wanted.to_vec();
    for place in 1..ys.len() {
        ys[place] = ys[place].max(ys[place - 1] + NAME_STEP);
    }
    let mut floor = bottom;
    for y in ys.iter_mut().rev() {
        *y = y.min(floor);
        floor = *y - NAME_STEP;
    }
    // More names than there is room for: the first ones stay where they can be read.
    let above = top - ys.first().copied().unwrap_or(top);
    if above > 0.0 {
        for (place, y) in ys.iter_mut().enumerate() {
            *y = y.max(top + NAME_STEP * super::factor(place));
        }
    }
    ys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_distance_and_stay_in_the_room() {
        assert_eq!(spaced(&[50.0, 52.0, 120.0], (0.0, 200.0)), [50.0, 65.0, 120.0]);
        assert_eq!(spaced(&[198.0, 199.0, 200.0], (0.0, 200.0)), [170.0, 185.0, 200.0]);
        assert_eq!(spaced(&[1.0, 1.0, 1.0], (0.0, 20.0)), [0.0, 15.0, 30.0]);
        assert!(spaced(&[], (0.0, 20.0)).is_empty());
    }
}
