//! SVG elements written one after another; texts are escaped, colours come from the page's classes.

use std::fmt::{Display, Write as _};

/// A drawing under way.
pub(super) struct Canvas {
    body: String,
    width: f64,
    height: f64,
    label: String,
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How many colours the page has for topologies before they come again.
const COLOURS: usize = 8;

/// The class that carries the colour of the topology at `place`.
pub(crate) fn colour(place: usize) -> String {
    format!("k{}", place % COLOURS)
}

impl Canvas {
    /// `label` says to whom cannot see it what is drawn.
    pub(super) fn new(width: f64, height: f64, label: &str) -> Self {
        Self { body: String::new(), width, height, label: label.to_owned() }
    }

    fn write(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }

    pub(super) fn text(
        &mut self,
        (x, y): (f64, f64),
        anchor: Anchor,
        class: impl Display,
        text: impl Display,
    ) {
        let text = escaped(&text.to_string());
        let anchor = anchor.name();
        self.write(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        ));
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: impl Display) {
        self.write(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
        ));
    }

    /// A bar that says `told` when it is pointed at.
    pub(super) fn rect(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        class: impl Display,
        told: &str,
    ) {
        let (width, told) = (width.max(0.0), escaped(told));
        self.write(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2" class="{class}"><title>{told}</title></rect>"#
        ));
    }

    /// A line through all points, which says `told` when it is pointed at.
    pub(super) fn path(&mut self, points: &[(f64, f64)], class: impl Display, told: &str) {
        let mut d = String::new();
        for (place, (x, y)) in points.iter().enumerate() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
        }
        let told = escaped(told);
        self.write(format_args!(r#"<path d="{d}" class="{class}"><title>{told}</title></path>"#));
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), class: impl Display) {
        self.write(format_args!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" class="{class}"/>"#));
    }

    /// The drawing as an element of a page.
    pub(super) fn finish(self) -> String {
        let Self { body, width, height, label } = self;
        let label = escaped(&label);
        format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{label}\">\n{body}</svg>"
        )
    }
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        let mut canvas = Canvas::new(10.0, 10.0, "\"><script>");
        canvas.text((0.0, 0.0), Anchor::Start, "a", "<b>&'");
        let drawn = canvas.finish();
        assert!(drawn.contains("aria-label=\"&quot;&gt;&lt;script&gt;\""), "{drawn}");
        assert!(drawn.contains(">&lt;b&gt;&amp;&#39;</text>"), "{drawn}");
    }
}
