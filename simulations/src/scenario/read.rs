//! A scenario as somebody wrote it becomes a [`Scenario`], or one fault with its place. Pure.
//!
//! Forms and bounds are looked at here; whether the keys fit together is for [`check`](super::check).

use updraft_node::config::nearest;

use super::{
    Scenario,
    places::{What, Wrong, from_toml},
};

/// Bytes of a file that are read: a thousand steps take a tenth of it.
pub const MAX_TEXT: usize = 1024 * 1024;
/// Nodes of all groups: twice the largest world that is promised, and still a few GiB of memory.
pub const MAX_NODES: u64 = 200_000;
/// Steps of a story. What happens often is one step that lasts.
const MAX_STEPS: usize = 1_000;
/// Groups. A report has a line and a bar for each.
const MAX_GROUPS: usize = 64;
/// Releases. A report has a picture for each.
const MAX_RELEASES: usize = 64;
/// Expectations. Each is a line of a report.
const MAX_EXPECTATIONS: usize = 256;
/// Characters of a title, which is one line of a list.
const MAX_TITLE: usize = 100;
/// Characters of what a scenario teaches.
const MAX_TEACHES: usize = 4_000;
/// Characters of a value that a message repeats.
const MAX_SHOWN: usize = 80;

/// Why a text is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is longer than any scenario.
    #[error("{name}: larger than {limit} bytes; this is no scenario")]
    TooLarge {
        /// The file.
        name: String,
        /// Most bytes that are read.
        limit: usize,
    },
    /// It is no TOML, or says something that no scenario says.
    #[error("{name}:{line}:{column}: {}{message}", at_key(key))]
    Wrong {
        /// The file.
        name: String,
        /// From 1 on.
        line: usize,
        /// Characters from 1 on.
        column: usize,
        /// The key, from the outside to the inside, such as `story.3.share`; empty if it is the file as a whole.
        key: String,
        /// What was found and what is allowed.
        message: String,
    },
    /// There is more of something than can be simulated.
    #[error("{name}: {got} {what}; at most {limit} are simulated")]
    TooMany {
        /// The file.
        name: String,
        /// Of what.
        what: &'static str,
        /// How many there are.
        got: u64,
        /// How many there may be.
        limit: u64,
    },
}

fn at_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("`{key}`: ") }
}

/// Reads a scenario. `name` is what errors call the text: the name of its file.
///
/// # Errors
/// If it is too long, is not TOML, has a key or a word that means nothing, lacks one, or is too large to be simulated.
pub fn read(text: &str, name: &str) -> Result<Scenario, Unreadable> {
    if text.len() > MAX_TEXT {
        return Err(Unreadable::TooLarge { name: name.to_owned(), limit: MAX_TEXT });
    }
    let scenario: Scenario = from_toml(text).map_err(|wrong| placed(wrong, text, name))?;
    within_bounds(scenario, name)
}

fn within_bounds(scenario: Scenario, name: &str) -> Result<Scenario, Unreadable> {
    let nodes = scenario.groups.iter().map(|group| u64::from(group.count)).sum();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    for (what, got, limit) in [
        ("nodes", nodes, MAX_NODES),
        ("groups", count(scenario.groups.len()), count(MAX_GROUPS)),
        ("releases", count(scenario.releases.len()), count(MAX_RELEASES)),
        ("steps", count(scenario.story.len()), count(MAX_STEPS)),
        ("expectations", count(scenario.expectations.len()), count(MAX_EXPECTATIONS)),
        ("characters of a title", count(scenario.title.chars().count()), count(MAX_TITLE)),
        ("characters in `teaches`", count(scenario.teaches.chars().count()), count(MAX_TEACHES)),
    ] {
        if got > limit {
            return Err(Unreadable::TooMany { name: name.to_owned(), what, got, limit });
        }
    }
    Ok(scenario)
}

fn placed(wrong: Wrong, text: &str, name: &str) -> Unreadable {
    let offset = wrong.place.map_or(0, |place| place.start);
    let before = text.get(..offset).unwrap_or(text);
    let path: Vec<_> = wrong.path.iter().rev().map(String::as_str).collect();
    Unreadable::Wrong {
        name: name.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
        key: path.join("."),
        message: message(&wrong.what),
    }
}

fn message(what: &What) -> String {
    match what {
        What::UnknownKey { key, allowed: [] } => {
            format!("unknown key `{}`; nothing more is said here", shown(key))
        }
        What::UnknownKey { key, allowed } => {
            format!("unknown key `{}`; {}", shown(key), advice(key, allowed))
        }
        What::MissingKey { key } => format!("the key `{key}` is missing"),
        What::UnknownWord { word, allowed } => {
            format!("unknown word \"{}\"; {}", shown(word), advice(word, allowed))
        }
        What::Value { message } => message.clone(),
    }
}

/// What is allowed, the likeliest first.
fn advice(name: &str, allowed: &[&str]) -> String {
    let all = allowed.join(", ");
    match nearest(name, allowed.iter().copied()) {
        Some(nearest) => format!("the nearest is `{nearest}`, of: {all}"),
        None => format!("there are: {all}"),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: &str = "title = \"t\"\nteaches = \"t\"\n[[group]]\nname = \"a\"\n";

    fn refused(rest: &str) -> String {
        read(&format!("{SMALL}{rest}"), "f.toml").expect_err(rest).to_string()
    }

    #[test]
    fn the_smallest_scenario_has_one_node_and_every_default() {
        let scenario = read(SMALL, "f.toml").expect("small");
        assert_eq!((scenario.seed, scenario.groups[0].count), (1, 1));
        assert_eq!(scenario.links, super::super::Links::default());
        assert_eq!(scenario.network, super::super::Network::default());
    }

    #[test]
    fn a_mistyped_key_is_told_with_its_place_and_the_nearest_one() {
        let found = refused("  cuont = 3\n");
        let start =
            "f.toml:5:3: `group.1`: unknown key `cuont`; the nearest is `count`, of: name, ";
        assert!(found.starts_with(start), "{found}");
        let step = "[[story]]\nat = \"1s\"\ndo = \"leave\"\nshrae = \"5%\"\n";
        let found = refused(step);
        assert_eq!(
            found,
            "f.toml:8:1: `story.1`: unknown key `shrae`; the nearest is `share`, of: group, share, how, back_after"
        );
        let found = refused("[lnks]\nup = \"1Mbit/s\"\n");
        assert!(
            found.starts_with("f.toml:5:2: unknown key `lnks`; the nearest is `links`"),
            "{found}"
        );
    }

    #[test]
    fn a_mistyped_word_is_told_with_its_place_and_the_nearest_one() {
        let found = refused("[[story]]\nat = \"1s\"\ndo = \"publsh\"\n");
        let start = "f.toml:7:6: `story.1.do`: unknown word \"publsh\"; the nearest is `publish`";
        assert!(found.starts_with(start), "{found}");
        let found = refused("hostile = \"corupt\"\n");
        let start =
            "f.toml:5:11: `group.1.hostile`: unknown word \"corupt\"; the nearest is `corrupt`";
        assert!(found.starts_with(start), "{found}");
    }

    #[test]
    fn a_value_without_sense_is_told_with_key_and_place() {
        for (rest, expected) in [
            (
                "[[story]]\ndo = \"leave\"\nat = \"1s\"\nshare = \"200%\"\n",
                "f.toml:8:9: `story.1.share`: `200%` is not a whole number with one of the units %, from 0% to 100%",
            ),
            ("count = -1\n", "f.toml:5:9: `group.1.count`: -1 is not a whole number from 0 on"),
            (
                "count = \"3\"\n",
                "f.toml:5:9: `group.1.count`: the text \"3\" stands where there should be a whole number from 0 on",
            ),
            (
                "latency = 30\n",
                "f.toml:5:11: `group.1.latency`: the number 30 stands where there should be text in quotes",
            ),
            ("[[story]]\nat = \"1s\"\n", "f.toml:5:1: `story.1`: the key `do` is missing"),
            ("[[story]]\ndo = \"heal\"\n", "f.toml:5:1: `story.1`: the key `at` is missing"),
            (
                "[[story]]\ndo = \"heal\"\nat = \"1s\"\nshare = \"1%\"",
                "f.toml:8:1: `story.1`: unknown key `share`; nothing more is said here",
            ),
            ("until = 1979-05-27\n", "f.toml:5:1: `group.1`: unknown key `until`; there are: "),
        ] {
            let found = refused(rest);
            assert!(found.starts_with(expected), "{found}\n{expected}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_place() {
        let found = read("title = \"t\"\nteaches =\n", "f.toml").expect_err("no value").to_string();
        assert!(found.starts_with("f.toml:2:"), "{found}");
    }

    #[test]
    fn more_than_can_be_simulated_is_refused() {
        assert_eq!(
            refused("count = 200_001\n"),
            "f.toml: 200001 nodes; at most 200000 are simulated"
        );
        let groups: String = (0..64).map(|n| format!("[[group]]\nname = \"g{n}\"\n")).collect();
        assert_eq!(refused(&groups), "f.toml: 65 groups; at most 64 are simulated");
        let steps = "[[story]]\nat = \"1s\"\ndo = \"heal\"\n".repeat(1_001);
        assert_eq!(refused(&steps), "f.toml: 1001 steps; at most 1000 are simulated");
        let long = format!("{SMALL}#{}", " ".repeat(MAX_TEXT));
        assert!(matches!(read(&long, "f.toml"), Err(Unreadable::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String, at in 0..SMALL.len()) {
            let _ = read(&text, "f.toml");
            let (before, after) = SMALL.split_at(at);
            let _ = read(&format!("{before}{text}{after}"), "f.toml");
        }
    }
}
