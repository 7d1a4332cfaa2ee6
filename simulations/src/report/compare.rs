//! Two runs side by side: every number of both, and how many times the second is the first. Pure.

use serde::Serialize;

use super::{
    sections::spread::{PARTS, duplicate_share, ratio, reached, seeder_share},
    units::{self, Unit, float},
};
use crate::outcome::{Ended, GroupLine, Outcome, ReleaseLine};

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison<'a> {
    /// What they are called where both are named.
    pub names: [String; 2],
    /// In which way they are not the same run, or that they are; whole sentences.
    pub notes: Vec<String>,
    /// Every number that one of them has.
    pub pairs: Vec<Pair>,
    /// The outcomes.
    #[serde(skip)]
    pub outcomes: [&'a Outcome; 2],
}

/// A number of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// What is counted.
    pub what: String,
    /// In which unit.
    pub unit: Unit,
    /// In the first run; absent if it has no such number.
    pub first: Option<f64>,
    /// In the second run.
    pub second: Option<f64>,
    /// How many times the first the second is.
    pub ratio: Option<f64>,
}

impl Pair {
    fn of(what: impl Into<String>, unit: Unit, numbers: [Option<f64>; 2]) -> Option<Self> {
        let [first, second] = numbers.map(|number| number.filter(|number| number.is_finite()));
        (first.is_some() || second.is_some()).then(|| Self {
            what: what.into(),
            unit,
            first,
            second,
            ratio: first
                .zip(second)
                .filter(|(first, _)| *first > 0.0)
                .map(|(first, second)| second / first),
        })
    }

    /// Both numbers and their ratio as people read them.
    pub fn shown(&self) -> [String; 3] {
        let show = |number: Option<f64>| {
            number.map_or_else(|| units::NONE.to_owned(), |number| self.unit.show(number))
        };
        let ratio = self.ratio.map_or_else(|| units::NONE.to_owned(), units::ratio);
        [show(self.first), show(self.second), ratio]
    }
}

/// Puts two runs side by side.
pub fn compare<'a>(first: &'a Outcome, second: &'a Outcome) -> Comparison<'a> {
    let outcomes = [first, second];
    let mut pairs = Vec::new();
    let mut add = |what: &str, unit: Unit, number: &dyn Fn(&Outcome) -> Option<f64>| {
        pairs.extend(Pair::of(what, unit, outcomes.map(number)));
    };
    add("its own time", Unit::Seconds, &|outcome| Some(outcome.seconds));
    add("nodes", Unit::Things, &|outcome| Some(float(outcome.nodes)));
    add("events", Unit::Things, &|outcome| Some(float(outcome.events)));
    let versions =
        names(outcomes.map(|outcome| {
            outcome.releases.iter().map(|release| release.version.as_str()).collect()
        }));
    for version in versions {
        pairs.extend(release(version, outcomes));
    }
    let groups = names(
        outcomes.map(|outcome| outcome.groups.iter().map(|group| group.name.as_str()).collect()),
    );
    for name in groups {
        pairs.extend(group(name, outcomes));
    }
    let mut counted: Vec<_> = outcomes.iter().flat_map(|outcome| outcome.counted.keys()).collect();
    counted.sort_unstable();
    counted.dedup();
    for what in counted {
        let numbers = outcomes.map(|outcome| outcome.counted.get(what).copied());
        pairs.extend(Pair::of(what.to_string(), units::of(*what), numbers));
    }
    let broken = |outcome: &Outcome| Some(count(outcome.broken.len()));
    pairs.extend(Pair::of("broken promises", Unit::Things, outcomes.map(broken)));
    let missed =
        |outcome: &Outcome| Some(count(outcome.judged.iter().filter(|judged| !judged.met).count()));
    pairs.extend(Pair::of("expectations that did not come", Unit::Things, outcomes.map(missed)));
    Comparison { names: run_names(outcomes), notes: notes(outcomes), pairs, outcomes }
}

fn count(number: usize) -> f64 {
    float(u64::try_from(number).unwrap_or(u64::MAX))
}

/// All names of both, those of the first in their order and then those that only the second has.
fn names(both: [Vec<&str>; 2]) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for name in both.into_iter().flatten() {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn release(version: &str, outcomes: [&Outcome; 2]) -> Vec<Pair> {
    let found =
        outcomes.map(|outcome| outcome.releases.iter().find(|release| release.version == version));
    let pair = |what: &str, unit: Unit, number: &dyn Fn(&ReleaseLine) -> Option<f64>| {
        Pair::of(
            format!("release {version}: {what}"),
            unit,
            found.map(|line| line.and_then(number)),
        )
    };
    let mut pairs: Vec<_> = PARTS
        .iter()
        .filter_map(|part| {
            pair(&format!("{part} % of the nodes"), Unit::Seconds, &|line| reached(line, *part))
        })
        .collect();
    let optimum = |line: &ReleaseLine| line.optimum.as_ref().map(|optimum| optimum.seconds);
    pairs.extend(pair("what the lines allow", Unit::Seconds, &optimum));
    pairs.extend(pair("times the optimum", Unit::Times, &ratio));
    pairs.extend(pair("from the first seeders", Unit::Part, &|line| Some(seeder_share(line))));
    pairs.extend(pair("came twice", Unit::Part, &|line| Some(duplicate_share(line))));
    pairs.extend(pair("in patches", Unit::Bytes, &|line| Some(float(line.patches))));
    pairs.extend(pair("wrong chunks", Unit::Things, &|line| Some(float(line.wrong))));
    pairs
}

fn group(name: &str, outcomes: [&Outcome; 2]) -> Vec<Pair> {
    let found = outcomes.map(|outcome| outcome.groups.iter().find(|group| group.name == name));
    let pair = |what: &str, unit: Unit, number: &dyn Fn(&GroupLine) -> f64| {
        Pair::of(format!("{name}: {what}"), unit, found.map(|line| line.map(number)))
    };
    [
        pair("lines up used", Unit::Part, &|line| line.used.0),
        pair("lines down used", Unit::Part, &|line| line.used.1),
        pair("gossip a node, mean", Unit::Bytes, &|line| line.gossip.0),
        pair("gossip a node, most", Unit::Bytes, &|line| float(line.gossip.1)),
        pair("DHT lookups a node, mean", Unit::Things, &|line| line.lookups.0),
        pair("chunk bytes a node, mean", Unit::Bytes, &|line| line.fetched.0),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn run_names(outcomes: [&Outcome; 2]) -> [String; 2] {
    let [first, second] = outcomes;
    let name = |outcome: &Outcome| {
        let mut name = outcome.scenario.clone();
        if first.seed != second.seed {
            name.push_str(&format!(", seed {}", outcome.seed));
        }
        if first.kind != second.kind {
            name.push_str(&format!(", as a {}", outcome.kind));
        }
        name
    };
    match outcomes.map(name) {
        [one, other] if one == other => {
            [format!("{one}, first run"), format!("{other}, second run")]
        }
        names => names,
    }
}

/// In which way these are not the same run.
fn notes(outcomes: [&Outcome; 2]) -> Vec<String> {
    let [first, second] = outcomes;
    let mut notes = Vec::new();
    if first.scenario != second.scenario {
        notes.push(format!("The scenarios differ: {} and {}.", first.scenario, second.scenario));
    }
    if first.seed != second.seed {
        notes.push(format!("The seeds differ: {} and {}.", first.seed, second.seed));
    }
    if first.kind != second.kind {
        notes.push(format!("One is a {}, the other a {}.", first.kind, second.kind));
    }
    if notes.is_empty() {
        notes.push(match (&first.hash, &second.hash) {
            (Some(one), Some(other)) if one == other => {
                "Both are the same run, event for event.".to_owned()
            }
            (Some(_), Some(_)) => "Scenario and seed are the same, the events are not: the scenario's file or the program \
                                   has changed."
                .to_owned(),
            _ => "Scenario and seed are the same; clusters are never the same twice.".to_owned(),
        });
    }
    for (outcome, which) in outcomes.into_iter().zip(["first", "second"]) {
        if outcome.ended == Ended::Stopped {
            notes.push(format!("The {which} was stopped before its end."));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn shown(comparison: &Comparison<'_>, what: &str) -> [String; 3] {
        let pair = comparison.pairs.iter().find(|pair| pair.what == what);
        pair.unwrap_or_else(|| panic!("{what} in {:#?}", comparison.pairs)).shown()
    }

    #[test]
    fn the_second_is_so_many_times_the_first() {
        let first = sample::outcome();
        let mut second = first.clone();
        second.seed = 8;
        second.releases[0].reached.insert(100, 25.2);
        second.releases[0].reached.remove(&99);
        let comparison = compare(&first, &second);
        assert_eq!(comparison.names, ["first-release, seed 7", "first-release, seed 8"]);
        assert_eq!(comparison.notes, ["The seeds differ: 7 and 8."]);
        let whole = shown(&comparison, "release 1.1.0: 100 % of the nodes");
        assert_eq!(whole, ["12.6 s", "25.2 s", "2.00 ×"]);
        let missing = shown(&comparison, "release 1.1.0: 99 % of the nodes");
        assert_eq!(missing, ["12.4 s", "–", "–"]);
        assert_eq!(
            shown(&comparison, "release 1.1.0: times the optimum"),
            ["1.42 ×", "2.83 ×", "2.00 ×"]
        );
    }

    #[test]
    fn what_only_one_of_them_has_is_not_left_out() {
        let (first, empty) = (sample::outcome(), sample::empty());
        let comparison = compare(&empty, &first);
        assert_eq!(shown(&comparison, "machines: gossip a node, mean")[0], "–");
        assert!(
            comparison.notes[0].starts_with("The scenarios differ: "),
            "{:?}",
            comparison.notes
        );
        assert_eq!(comparison.pairs.len(), compare(&first, &empty).pairs.len());
    }

    #[test]
    fn the_same_run_is_called_the_same() {
        let outcome = sample::outcome();
        let comparison = compare(&outcome, &outcome);
        assert_eq!(comparison.notes, ["Both are the same run, event for event."]);
        assert_eq!(comparison.names, ["first-release, first run", "first-release, second run"]);
        let mut other = outcome.clone();
        other.hash = Some("0".repeat(64));
        other.ended = Ended::Stopped;
        let comparison = compare(&outcome, &other);
        assert!(comparison.notes[0].contains("the events are not"), "{:?}", comparison.notes);
        assert_eq!(comparison.notes[1], "The second was stopped before its end.");
    }

    #[test]
    fn as_json_it_has_numbers_without_words() {
        let outcome = sample::outcome();
        let json = serde_json::to_value(compare(&outcome, &outcome)).expect("json");
        let pair = &json["pairs"][0];
        assert_eq!(pair["what"], "its own time");
        assert_eq!((&pair["unit"], &pair["ratio"]), (&"seconds".into(), &1.0.into()));
        assert!(json.get("outcomes").is_none());
    }
}
