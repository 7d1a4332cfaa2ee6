//! A run, and two of them, for the terminal: plain tables with words between.

use comfy_table::{Table, presets};
use updraft_node::cli::words::clean;

use super::{
    compare::Comparison,
    sections::{
        ending,
        spread::{PARTS, duplicate_share, ratio, reached, seeder_share},
        told, verdict,
    },
    units::{self, NONE, float},
};
use crate::outcome::Outcome;

/// Broken promises that are listed; the report has all of them.
const MAX_BROKEN: usize = 10;

/// A run in tables, with a new line at the end.
pub fn table(outcome: &Outcome) -> String {
    let mut text = format!("{}\n", clean(&outcome.title));
    text.push_str(&clean(&format!(
        "{}, a {} with seed {}: {} nodes, {} events, {} of its own time; {}",
        outcome.scenario,
        outcome.kind,
        outcome.seed,
        plain(outcome.nodes),
        plain(outcome.events),
        units::seconds(outcome.seconds),
        ending(outcome.ended),
    )));
    text.push('\n');
    for part in
        [releases(outcome), groups(outcome), votes(outcome), judged(outcome), broken(outcome)]
    {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(&part);
        }
    }
    text.push_str(&format!("\n{}\n", verdict(outcome)));
    text
}

/// Two runs in a table, with a new line at the end.
pub fn comparison(comparison: &Comparison<'_>) -> String {
    let mut text = String::new();
    for note in &comparison.notes {
        text.push_str(&clean(note));
        text.push('\n');
    }
    let [first, second] = &comparison.names;
    let rows = comparison.pairs.iter().map(|pair| {
        let [first, second, ratio] = pair.shown();
        [pair.what.clone(), first, second, ratio]
    });
    text.push('\n');
    text.push_str(&aligned(["WHAT", first, second, "RATIO"], rows));
    for (name, outcome) in comparison.names.iter().zip(comparison.outcomes) {
        text.push_str(&format!("\n{}: {}", clean(name), verdict(outcome)));
    }
    text.push('\n');
    text
}

fn releases(outcome: &Outcome) -> String {
    let times = |release: &crate::outcome::ReleaseLine| {
        PARTS.map(|part| reached(release, part).map_or_else(|| NONE.to_owned(), units::seconds))
    };
    let rows = outcome.releases.iter().map(|release| {
        let [half, most, nearly, whole] = times(release);
        let optimum = release.optimum.as_ref().map(|optimum| units::seconds(optimum.seconds));
        [
            release.version.clone(),
            format!("{}/{}", plain(release.installed), plain(release.wanted)),
            half,
            most,
            nearly,
            whole,
            optimum.unwrap_or_else(|| NONE.to_owned()),
            ratio(release).map_or_else(|| NONE.to_owned(), units::ratio),
            units::part(seeder_share(release)),
            units::part(duplicate_share(release)),
        ]
    });
    aligned(
        [
            "RELEASE", "NODES", "50 %", "90 %", "99 %", "100 %", "OPTIMUM", "RATIO", "SEEDERS",
            "TWICE",
        ],
        rows,
    )
}

fn groups(outcome: &Outcome) -> String {
    let rows = outcome.groups.iter().map(|group| {
        [
            group.name.clone(),
            plain(group.nodes),
            units::part(group.used.0),
            units::part(group.used.1),
            units::bytes(group.fetched.0),
            units::bytes(float(group.served)),
            units::bytes(group.gossip.0),
            units::bytes(float(group.gossip.1)),
            units::Unit::Things.show(group.lookups.0),
            if group.hostile.is_some() { "lies".to_owned() } else { String::new() },
        ]
    });
    aligned(
        [
            "GROUP",
            "NODES",
            "UP USED",
            "DOWN USED",
            "GOT, MEAN",
            "GIVEN",
            "GOSSIP, MEAN",
            "MOST",
            "LOOKUPS",
            "",
        ],
        rows,
    )
}

fn votes(outcome: &Outcome) -> String {
    let mut text = String::new();
    for vote in &outcome.votes {
        let states: Vec<_> = vote
            .states
            .iter()
            .map(|(state, nodes)| format!("{state} at {} nodes", plain(*nodes)))
            .collect();
        let line = format!("p-{}: {}. {}", vote.number, states.join(", "), told(vote));
        text.push_str(&clean(&line));
        text.push('\n');
    }
    text
}

fn judged(outcome: &Outcome) -> String {
    let rows = outcome.judged.iter().map(|judged| {
        let met = if judged.met { "yes" } else { "NO" };
        [judged.expected.clone(), met.to_owned(), judged.got.clone()]
    });
    aligned(["EXPECTED", "CAME SO", "WHAT CAME"], rows)
}

fn broken(outcome: &Outcome) -> String {
    let rows = outcome.broken.iter().take(MAX_BROKEN).map(|broken| {
        [
            units::exact(broken.at),
            plain(broken.event),
            broken.node.clone(),
            broken.promise.clone(),
            broken.detail.clone(),
        ]
    });
    let mut text = aligned(["BROKEN AT SECOND", "EVENT", "NODE", "PROMISE", "WHAT WAS SEEN"], rows);
    let more = outcome.broken.len().saturating_sub(MAX_BROKEN);
    if more > 0 {
        text.push_str(&format!("… and {more} more, in the report\n"));
    }
    text
}

/// A number that can be copied: on a terminal nothing stands between its digits.
fn plain(number: u64) -> String {
    number.to_string()
}

/// Columns without lines; nothing if there are no rows. Cells are cleaned.
/// Rows under their headings, as text.
pub fn aligned<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.map(clean));
    for row in rows {
        table.add_row(row.map(|cell| clean(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{compare, sample};

    #[test]
    fn a_run_fits_on_a_terminal() {
        let text = table(&sample::outcome());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "One publisher, 120 machines, one release of 20 MiB");
        assert_eq!(
            lines[1],
            "first-release, a world with seed 7: 124 nodes, 1482113 events, 5 min of its own time; its time was up"
        );
        let release = lines.iter().find(|line| line.starts_with("1.1.0 ")).expect("the release");
        let cells: Vec<_> =
            release.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells,
            [
                "1.1.0", "120/120", "9.80 s", "11.9 s", "12.4 s", "12.6 s", "8.90 s", "1.42 ×",
                "6.0 %", "1.2 %"
            ]
        );
        assert!(text.contains("p-1: lockedIn at 121 nodes, voting at 1 nodes."), "{text}");
        assert!(
            text.ends_with("✗ 1 promise was broken, and 1 expectation did not come\n"),
            "{text}"
        );
    }

    #[test]
    fn hostile_names_do_not_reach_the_terminal() {
        let (hostile, good) = (sample::hostile(), sample::outcome());
        for text in [table(&hostile), comparison(&compare(&hostile, &good))] {
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
        }
    }

    #[test]
    fn two_runs_stand_side_by_side() {
        let (first, second) = (sample::outcome(), sample::empty());
        let text = comparison(&compare(&first, &second));
        assert!(text.starts_with("The scenarios differ: first-release and empty.\n"), "{text}");
        let line = text.lines().find(|line| line.starts_with("nodes ")).expect("nodes");
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["nodes", "124", "0", "0.00", "×"]);
        let good = "empty, seed 0, as a cluster: ✓ everything came as expected and no promise was broken\n";
        assert!(text.ends_with(good), "{text}");
    }
}
