//! Pictures' common ground: a frame that says what it shows, an axis of time, coordinates.

use super::{
    markup::{Attributes, Markup},
    units,
};

/// Units of a picture's own from its left to its right side.
pub(super) const WIDTH: f64 = 720.0;
/// Between a line of text and the next.
pub(super) const LINE: f64 = 22.0;

/// What a picture is, for those who do not see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caption<'a> {
    /// Names it within the page; letters, digits and hyphens.
    pub(super) id: &'a str,
    /// What it shows.
    pub(super) title: &'a str,
    /// What is to be seen in it, in a sentence.
    pub(super) says: &'a str,
}

/// A picture of that height.
pub(super) fn picture(
    page: &mut Markup,
    caption: Caption<'_>,
    height: f64,
    inside: impl FnOnce(&mut Markup),
) {
    let (title, says) = (format!("{}-title", caption.id), format!("{}-says", caption.id));
    let names = format!("{title} {says}");
    let view = format!("0 0 {WIDTH} {height}");
    let frame = [("viewBox", view.as_str()), ("role", "img"), ("aria-labelledby", names.as_str())];
    page.element("figure", &[], |figure| {
        figure.element("svg", &frame, |svg| {
            svg.line("title", &[("id", &title)], caption.title);
            svg.line("desc", &[("id", &says)], caption.says);
            inside(svg);
        });
        figure.element("figcaption", &[], |words| {
            words.line("strong", &[], &format!("{}. ", caption.title));
            words.text(caption.says);
        });
    });
    page.own("\n");
}

/// A coordinate.
pub(super) fn at(position: f64) -> String {
    let text = format!("{position:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A straight line of a class.
pub(super) fn line(svg: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(at);
    let place: Attributes<'_> =
        &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)];
    svg.element("line", place, |_| {});
}

/// A box of a class.
pub(super) fn rect(svg: &mut Markup, class: &str, corner: (f64, f64), size: (f64, f64)) {
    let [x, y, width, height] = [corner.0, corner.1, size.0.max(0.0), size.1].map(at);
    let place: Attributes<'_> =
        &[("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)];
    svg.element("rect", place, |_| {});
}

/// Text of a class (`start`, `middle` or `end` among others) at a place.
pub(super) fn text(svg: &mut Markup, class: &str, place: (f64, f64), text: &str) {
    let [x, y] = [place.0, place.1].map(at);
    svg.line("text", &[("class", class), ("x", &x), ("y", &y)], text);
}

/// An axis of time from 0 on, and where a time lies on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    last: f64,
}

impl Axis {
    /// Between two coordinates, up to at least that many seconds.
    pub(super) fn new(from: f64, to: f64, seconds: f64) -> Self {
        let last = if seconds.is_finite() && seconds > 0.0 { seconds } else { 1.0 };
        Self { from, to, last }
    }

    /// Where a time lies; what is beyond an end lies at it.
    pub(super) fn x(&self, seconds: f64) -> f64 {
        let part = if seconds.is_finite() { (seconds / self.last).clamp(0.0, 1.0) } else { 0.0 };
        self.from + part * (self.to - self.from)
    }

    /// Times for a scale: round ones, at most eight.
    pub(super) fn ticks(&self) -> Vec<f64> {
        /// Seconds between two, as people count them.
        const STEPS: [f64; 24] = [
            0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0,
            60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0,
        ];
        const MOST: u32 = 7;
        let fits = |step: &f64| self.last / step <= f64::from(MOST);
        let days = (self.last / f64::from(MOST) / 86_400.0).ceil() * 86_400.0;
        let step = STEPS.into_iter().find(fits).unwrap_or(days);
        let ticks = (0..=MOST).map(|n| f64::from(n) * step);
        ticks.take_while(|tick| *tick <= self.last * 1.000_001).collect()
    }

    /// Draws the scale at `y`, with thin lines up to `top`.
    pub(super) fn draw(&self, svg: &mut Markup, top: f64, y: f64) {
        for tick in self.ticks() {
            let x = self.x(tick);
            line(svg, "grid", (x, top), (x, y));
            text(svg, "middle faint", (x, y + 16.0), &units::tick(tick));
        }
        line(svg, "axis", (self.from, y), (self.to, y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_few_round_times() {
        for (last, expected) in [
            (8.9, vec![0.0, 2.0, 4.0, 6.0, 8.0]),
            (0.003, vec![0.0, 0.001, 0.002, 0.003]),
            (400.0, vec![0.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0]),
            (f64::NAN, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ] {
            let ticks = Axis::new(0.0, 100.0, last).ticks();
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            assert!(
                ticks.len() == expected.len() && ticks.iter().zip(&expected).all(near),
                "{ticks:?}"
            );
        }
        let years = Axis::new(0.0, 100.0, 1e9).ticks();
        assert!(years.len() > 2 && years.len() <= 8, "{years:?}");
    }

    #[test]
    fn every_time_lies_on_the_axis() {
        let axis = Axis::new(10.0, 110.0, 50.0);
        let places =
            [-1.0, 0.0, 25.0, 50.0, 51.0, f64::NAN, f64::INFINITY].map(|time| axis.x(time));
        assert_eq!(places, [10.0, 10.0, 60.0, 110.0, 110.0, 10.0, 10.0]);
        assert_eq!([at(3.0), at(3.25), at(10.0)], ["3", "3.2", "10"]);
    }
}
