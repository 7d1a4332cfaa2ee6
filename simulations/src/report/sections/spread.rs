//! How each release spread: the curve, the optimum, where its bytes came from.

use crate::{
    outcome::{Outcome, ReleaseLine},
    report::{
        markup::Markup,
        pictures::{Bar, Curve, Look, Mark, bars, coverage},
        svg::Caption,
        units::{self, float},
    },
};

/// Parts of the nodes that a report tells the time of, in percent.
pub(in crate::report) const PARTS: [u8; 4] = [50, 90, 99, 100];

pub(in crate::report) fn releases(page: &mut Markup, outcome: &Outcome) {
    for (n, release) in outcome.releases.iter().enumerate() {
        page.line("h2", &[], &format!("Release {}", release.version));
        page.line("p", &[], &summary(release));
        picture(page, &format!("spread-{n}"), release);
        times(page, release);
        bytes(page, &format!("bytes-{n}"), release);
    }
}

/// A release in a sentence.
pub(in crate::report) fn summary(release: &ReleaseLine) -> String {
    let ReleaseLine { published, size, wanted, installed, .. } = release;
    let whole = reached(release, 100);
    let ratio = ratio(release);
    let optimum = release.optimum.as_ref().zip(ratio).map(|(optimum, ratio)| {
        format!(
            " The lines alone would have needed {}, by {}: it took {} of that.",
            units::seconds(optimum.seconds),
            optimum.bound,
            units::ratio(ratio)
        )
    });
    let took = whole.map_or_else(
        || format!("{} of {} nodes got it.", units::count(*installed), units::count(*wanted)),
        |whole| {
            format!("All {} nodes had it after {}.", units::count(*wanted), units::seconds(whole))
        },
    );
    format!(
        "{} long, published at {}. {took}{}",
        units::bytes(float(*size)),
        units::seconds(*published),
        optimum.unwrap_or_default()
    )
}

/// Seconds until that part of the nodes ran it.
pub(in crate::report) fn reached(release: &ReleaseLine, percent: u8) -> Option<f64> {
    release.reached.get(&percent).copied().filter(|seconds| seconds.is_finite())
}

/// How many times the optimum it took until all had it.
pub(in crate::report) fn ratio(release: &ReleaseLine) -> Option<f64> {
    let optimum = release.optimum.as_ref()?.seconds;
    let whole = reached(release, 100)?;
    (optimum > 0.0).then(|| whole / optimum)
}

/// Part of its chunk bytes that came from those who had it first.
pub(in crate::report) fn seeder_share(release: &ReleaseLine) -> f64 {
    units::part_of(release.from_seeders, chunks(release))
}

/// Part of its chunk bytes that came twice.
pub(in crate::report) fn duplicate_share(release: &ReleaseLine) -> f64 {
    units::part_of(release.duplicates, chunks(release))
}

fn chunks(release: &ReleaseLine) -> u64 {
    release.sources.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

/// The curve of a release, as a part of the nodes that want it.
pub(in crate::report) fn curve(release: &ReleaseLine, name: String) -> Curve {
    let wanted = release.wanted.max(1);
    let points = release.coverage.iter();
    let points = points.filter(|(time, _)| time.is_finite());
    let points = points.map(|(time, nodes)| (*time, units::part_of(*nodes, wanted))).collect();
    Curve { name, points }
}

/// The moments of a release.
pub(in crate::report) fn marks(release: &ReleaseLine, look: Look, suffix: &str) -> Vec<Mark> {
    let never = || "not reached".to_owned();
    PARTS
        .into_iter()
        .map(|percent| {
            let at = reached(release, percent);
            let text = at.map_or_else(never, units::seconds);
            Mark { label: format!("{percent} %{suffix}"), at, text, look }
        })
        .collect()
}

pub(in crate::report) fn optimum_mark(release: &ReleaseLine) -> Option<Mark> {
    let optimum = release.optimum.as_ref()?;
    let text = units::seconds(optimum.seconds);
    let at = Some(optimum.seconds).filter(|seconds| seconds.is_finite());
    Some(Mark { label: "optimum".to_owned(), at, text, look: Look::Optimum })
}

fn picture(page: &mut Markup, id: &str, release: &ReleaseLine) {
    let says = "How many of the nodes that want it ran it, by seconds since it was published; below, when each part was \
                reached, and the time that the lines alone would have needed.";
    let title = format!("How release {} spread", release.version);
    let mut all: Vec<_> = optimum_mark(release).into_iter().collect();
    all.extend(marks(release, Look::First, ""));
    let curve = curve(release, release.version.clone());
    coverage(page, Caption { id, title: &title, says }, &[curve], &all);
}

fn times(page: &mut Markup, release: &ReleaseLine) {
    let optimum =
        release.optimum.as_ref().map(|optimum| optimum.seconds).filter(|optimum| *optimum > 0.0);
    let rows = PARTS.into_iter().map(|percent| {
        let at = reached(release, percent);
        let times = at.zip(optimum).map(|(at, optimum)| at / optimum);
        [
            format!("{percent} %"),
            at.map_or_else(|| "not reached".to_owned(), units::seconds),
            times.map_or_else(|| units::NONE.to_owned(), units::ratio),
        ]
    });
    let caption = match optimum {
        Some(optimum) => format!("Against the optimum of {}", units::seconds(optimum)),
        None => "No optimum can be said for these lines".to_owned(),
    };
    page.table(&caption, ["Nodes", "Ran it after", "Of the optimum"], rows);
}

fn bytes(page: &mut Markup, id: &str, release: &ReleaseLine) {
    let all = chunks(release);
    let part = |bytes: u64| units::part_of(bytes, all);
    let row = |label: String, bytes: u64| Bar {
        label,
        part: part(bytes),
        text: format!("{}, {}", units::bytes(float(bytes)), units::part(part(bytes))),
    };
    let mut rows: Vec<_> =
        release.sources.iter().map(|(group, bytes)| row(format!("from {group}"), *bytes)).collect();
    rows.push(row("from the first seeders".to_owned(), release.from_seeders));
    rows.push(row("in patches".to_owned(), release.patches));
    rows.push(row("came twice".to_owned(), release.duplicates));
    let says = "Verified chunk bytes by the group that gave them; of these, what came from the nodes that had the release \
                first and what were patches; and besides, what came twice. A full bar is all verified bytes.";
    page.line("h3", &[], &format!("Where the bytes of {} came from", release.version));
    let title = format!("Bytes of release {} by source", release.version);
    bars(page, Caption { id, title: &title, says }, &rows);
    let whole = format!("{} verified in all", units::bytes(float(all)));
    let lines = rows.into_iter().map(|bar| {
        let (bytes, share) = bar.text.split_once(", ").unwrap_or((bar.text.as_str(), units::NONE));
        [bar.label.clone(), bytes.to_owned(), share.to_owned()]
    });
    let wrong = units::Unit::Things.show(float(release.wrong));
    let wrong = ["wrong chunks".to_owned(), wrong, units::NONE.to_owned()];
    page.table(&whole, ["Chunk bytes", "How many", "Part"], lines.chain([wrong]));
}
