//! Two runs on one page: what differs, curves of what both published, and every number of both.

use super::spread::{curve, marks, optimum_mark};
use crate::{
    outcome::{Outcome, ReleaseLine},
    report::{
        compare::Comparison,
        markup::Markup,
        pictures::{Look, coverage},
        sections::head::verdict,
        svg::Caption,
    },
};

pub(in crate::report) fn all(page: &mut Markup, comparison: &Comparison<'_>) {
    let [first, second] = &comparison.names;
    page.line("h1", &[], &format!("{first}, and {second}"));
    for note in &comparison.notes {
        page.line("p", &[], note);
    }
    for (name, outcome) in comparison.names.iter().zip(comparison.outcomes) {
        let class = if outcome.is_good() { "verdict good" } else { "verdict bad" };
        page.line("p", &[("class", class)], &format!("{name}: {}", verdict(outcome)));
    }
    curves(page, comparison);
    page.line("h2", &[], "Every number");
    let rows = comparison.pairs.iter().map(|pair| {
        let [first, second, ratio] = pair.shown();
        [pair.what.clone(), first, second, ratio]
    });
    page.table(
        "The ratio is the second run against the first",
        ["What", first, second, "Ratio"],
        rows,
    );
}

fn curves(page: &mut Markup, comparison: &Comparison<'_>) {
    let [first, second] = comparison.outcomes;
    let both = first.releases.iter().filter_map(|one| Some((one, release(second, &one.version)?)));
    for (n, (one, other)) in both.enumerate() {
        page.line("h2", &[], &format!("Release {}", one.version));
        let title = format!("How release {} spread in both runs", one.version);
        let says = "How many of the nodes that want it ran it, by seconds since it was published: the first run as a \
                    line, the second in dashes; below, when each part was reached in both.";
        let mut rows: Vec<_> = optimum_mark(one).into_iter().collect();
        let pairs = marks(one, Look::First, " first").into_iter();
        let pairs = pairs.zip(marks(other, Look::Second, " second"));
        rows.extend(pairs.flat_map(|(one, other)| [one, other]));
        let [name, other_name] = comparison.names.clone();
        let curves = [curve(one, name), curve(other, other_name)];
        coverage(page, Caption { id: &format!("both-{n}"), title: &title, says }, &curves, &rows);
    }
}

fn release<'a>(outcome: &'a Outcome, version: &str) -> Option<&'a ReleaseLine> {
    outcome.releases.iter().find(|release| release.version == version)
}
