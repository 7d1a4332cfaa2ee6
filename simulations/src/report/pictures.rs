//! The three pictures there are: how something spread, how much of each, and when.

use super::{
    markup::{Attributes, Markup},
    svg::{Axis, Caption, LINE, WIDTH, at, line, picture, rect, text},
};

/// Characters of a name beside a bar; the table has all of it.
const MAX_LABEL: usize = 30;

/// How many nodes had something, over time.
#[derive(Debug)]
pub(super) struct Curve {
    /// What it is called where there are two.
    pub(super) name: String,
    /// Seconds, and which part of the nodes by then; in order.
    pub(super) points: Vec<(f64, f64)>,
}

/// A moment worth a line of its own below the curves.
#[derive(Debug)]
pub(super) struct Mark {
    /// What it is.
    pub(super) label: String,
    /// When; `None` if it never came.
    pub(super) at: Option<f64>,
    /// In words.
    pub(super) text: String,
    /// How it looks.
    pub(super) look: Look,
}

/// How a mark or a curve looks. Words say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Of the first run, or the only one.
    First,
    /// Of the second run.
    Second,
    /// What the lines allow.
    Optimum,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Optimum => "optimum",
        }
    }
}

/// Curves of coverage with marks below them, on one axis of time.
pub(super) fn coverage(page: &mut Markup, caption: Caption<'_>, curves: &[Curve], marks: &[Mark]) {
    const LEFT: f64 = 112.0;
    const RIGHT: f64 = WIDTH - 96.0;
    const TOP: f64 = 28.0;
    const BOTTOM: f64 = 228.0;
    let times = curves.iter().filter_map(|curve| curve.points.last().map(|(at, _)| *at));
    let last = times.chain(marks.iter().filter_map(|mark| mark.at)).fold(0.0, f64::max);
    let axis = Axis::new(LEFT, RIGHT, last * 1.04);
    let y = |part: f64| BOTTOM - part.clamp(0.0, 1.0) * (BOTTOM - TOP);
    let rows = marks.iter().fold(BOTTOM + 44.0, |y, _| y + LINE);
    picture(page, caption, rows, |svg| {
        for (part, label) in [(0.5, "50 %"), (0.9, "90 %"), (1.0, "all nodes")] {
            line(svg, "grid", (LEFT, y(part)), (RIGHT, y(part)));
            text(svg, "end faint", (LEFT - 8.0, y(part) + 4.0), label);
        }
        axis.draw(svg, TOP, BOTTOM);
        let looks = [(Look::First, LEFT), (Look::Second, LEFT + 280.0)];
        for (curve, (look, x)) in curves.iter().zip(looks) {
            steps(svg, look, curve, |(time, part)| (axis.x(time), y(part)), RIGHT);
            if curves.len() > 1 {
                let class = format!("curve {}", look.class());
                line(svg, &class, (x, TOP - 14.0), (x + 28.0, TOP - 14.0));
                text(svg, "start", (x + 36.0, TOP - 10.0), &cut(&curve.name));
            }
        }
        for time in
            marks.iter().filter(|mark| mark.look == Look::Optimum).filter_map(|mark| mark.at)
        {
            line(svg, "curve optimum", (axis.x(time), TOP), (axis.x(time), BOTTOM));
        }
        let mut row = BOTTOM + 44.0;
        for mark in marks {
            text(svg, "end", (LEFT - 8.0, row), &mark.label);
            let end = mark.at.map_or(LEFT, |time| axis.x(time));
            if mark.at.is_some() {
                let class = format!("span {}", mark.look.class());
                line(svg, &class, (LEFT, row - 4.0), (end, row - 4.0));
                dot(svg, mark.look, (end, row - 4.0));
            }
            text(svg, "start strong", (end + 10.0, row), &mark.text);
            row += LINE;
        }
    });
}

/// A curve that jumps where a node got it, as it was.
fn steps(
    svg: &mut Markup,
    look: Look,
    curve: &Curve,
    place: impl Fn((f64, f64)) -> (f64, f64),
    right: f64,
) {
    let (x, y) = place((0.0, 0.0));
    let mut path = format!("M{} {}", at(x), at(y));
    for point in &curve.points {
        let (x, y) = place(*point);
        path.push_str(&format!("H{}V{}", at(x), at(y)));
    }
    path.push_str(&format!("H{}", at(right)));
    let class = format!("curve {}", look.class());
    svg.element("path", &[("class", &class), ("d", &path)], |_| {});
}

fn dot(svg: &mut Markup, look: Look, place: (f64, f64)) {
    let [x, y] = [place.0, place.1].map(at);
    let class = format!("dot {}", look.class());
    let place: Attributes<'_> = &[("class", &class), ("cx", &x), ("cy", &y), ("r", "3.5")];
    svg.element("circle", place, |_| {});
}

/// How much of something.
#[derive(Debug)]
pub(super) struct Bar {
    /// Of what.
    pub(super) label: String,
    /// Part of the longest possible bar.
    pub(super) part: f64,
    /// In words, with its unit.
    pub(super) text: String,
}

/// Bars, one below the other.
pub(super) fn bars(page: &mut Markup, caption: Caption<'_>, bars: &[Bar]) {
    const LEFT: f64 = 220.0;
    const RIGHT: f64 = WIDTH - 170.0;
    let height = bars.iter().fold(10.0, |height, _| height + LINE);
    picture(page, caption, height, |svg| {
        let mut y = 18.0;
        for bar in bars {
            let part = if bar.part.is_finite() { bar.part.clamp(0.0, 1.0) } else { 0.0 };
            text(svg, "end", (LEFT - 10.0, y), &cut(&bar.label));
            rect(svg, "empty", (LEFT, y - 11.0), (RIGHT - LEFT, 14.0));
            rect(svg, "full", (LEFT, y - 11.0), (part * (RIGHT - LEFT), 14.0));
            text(svg, "start strong", (RIGHT + 10.0, y), &bar.text);
            y += LINE;
        }
    });
}

/// Moments on an axis of time.
pub(super) fn moments(page: &mut Markup, caption: Caption<'_>, seconds: f64, times: &[f64]) {
    const LEFT: f64 = 24.0;
    const RIGHT: f64 = WIDTH - 40.0;
    let axis = Axis::new(LEFT, RIGHT, seconds);
    picture(page, caption, 70.0, |svg| {
        axis.draw(svg, 10.0, 44.0);
        let mut places: Vec<_> = times.iter().map(|time| at(axis.x(*time))).collect();
        // Two thousand lines at one place are one line.
        places.dedup();
        for x in &places {
            let line: Attributes<'_> =
                &[("class", "moment"), ("x1", x), ("y1", "14"), ("x2", x), ("y2", "43")];
            svg.element("line", line, |_| {});
        }
    });
}

fn cut(label: &str) -> String {
    if label.chars().count() <= MAX_LABEL {
        return label.to_owned();
    }
    label.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}
