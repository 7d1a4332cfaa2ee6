//! All that it takes to run something again: the scenario as it was, the seed, and what came of it.
//!
//! A world is the same for the same scenario, seed and course, and replaying it must give the same hash. A recording stands on
//! its own: the scenario's file may have changed since. What happened stands in it one by one, so that parts can be left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    course::{self, Happening, MAX_KEPT},
    outcome::Outcome,
    run::RunOptions,
    scenario::{Kind, Scenario},
};

/// Bytes of a recording that are read: a scenario of [`MAX_TEXT`](crate::scenario::MAX_TEXT), as JSON at most twice as
/// long, and a course of [`MAX_KEPT`] things that name few nodes each.
pub const MAX_RECORDING: usize = 16 * 1024 * 1024;

/// What the first member of a recording says.
const SCHEMA: &str = "updraft.sim.recording/1";

/// A run that can be run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recording {
    schema: String,
    /// What the scenario is called.
    pub name: String,
    /// How it ran.
    pub kind: Kind,
    /// The seed of its chances.
    pub seed: u64,
    /// The node that was watched, if one was named.
    pub node: Option<String>,
    /// Digest of every event in order, in hex; a cluster has none.
    pub hash: Option<String>,
    /// Everything that happened, unless it is more than [`MAX_KEPT`] things: chance picks the same again then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub course: Option<Vec<Happening>>,
    /// Groups that had another number of nodes than the text says.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub counts: BTreeMap<String, u32>,
    /// The scenario's text.
    pub text: String,
}

/// Why something is no recording.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRecording {
    /// It is longer than any recording.
    #[error("larger than {limit} bytes; this is no recording")]
    TooLarge {
        /// Most bytes that are read.
        limit: usize,
    },
    /// It is no JSON, or has not the members of a recording.
    #[error("not a recording of a run")]
    Form(#[source] serde_json::Error),
    /// Another version of the program wrote it.
    #[error("its schema is `{got}`, only {SCHEMA} is understood")]
    Schema {
        /// What it says.
        got: String,
    },
}

impl Recording {
    /// Of a run of `text`, with what came of it.
    pub fn of(text: &str, scenario: &Scenario, options: &RunOptions, outcome: &Outcome) -> Self {
        let picked = || course::pick(scenario, options.seed);
        let course = Some(options.course.clone().unwrap_or_else(picked))
            .filter(|course| course.len() <= MAX_KEPT);
        Self {
            schema: SCHEMA.to_owned(),
            name: options.name.clone(),
            kind: outcome.kind,
            seed: options.seed,
            node: options.node.clone(),
            hash: outcome.hash.clone(),
            course,
            counts: BTreeMap::new(),
            text: text.to_owned(),
        }
    }

    /// The same, of a run in which groups had another number of nodes.
    #[must_use]
    pub fn with_counts(self, counts: &BTreeMap<String, u32>) -> Self {
        Self { counts: counts.clone(), ..self }
    }

    /// As JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// From JSON.
    ///
    /// # Errors
    /// If it is too long, or no recording of this version.
    pub fn from_json(text: &str) -> Result<Self, InvalidRecording> {
        if text.len() > MAX_RECORDING {
            return Err(InvalidRecording::TooLarge { limit: MAX_RECORDING });
        }
        let recording: Self = serde_json::from_str(text).map_err(InvalidRecording::Form)?;
        if recording.schema != SCHEMA {
            return Err(InvalidRecording::Schema { got: recording.schema });
        }
        Ok(recording)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::sample,
        scenario::{KEYS, read},
    };

    fn scenario() -> Scenario {
        read(KEYS, "keys.toml").expect("tested")
    }

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let outcome = sample::outcome();
        let options =
            RunOptions { name: "x".into(), seed: 7, node: Some("a-1".into()), course: None };
        let recording = Recording::of("title = \"ü\"\n", &scenario(), &options, &outcome);
        let text = recording.to_json().expect("json");
        assert_eq!(Recording::from_json(&text).expect("its own"), recording);
        assert_eq!(recording.hash, outcome.hash);
        assert_eq!(recording.course, Some(course::pick(&scenario(), 7)));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let refused = |text: &str| Recording::from_json(text).expect_err(text).to_string();
        assert_eq!(refused("{}"), "not a recording of a run");
        assert_eq!(
            refused(&" ".repeat(MAX_RECORDING + 1)),
            "larger than 16777216 bytes; this is no recording"
        );
        let options = RunOptions::of("x", &scenario());
        let recording = Recording::of("", &scenario(), &options, &sample::outcome());
        let text = recording.to_json().expect("json");
        let newer = text.replace("recording/1", "recording/9");
        let said = refused(&newer);
        assert!(said.starts_with("its schema is `updraft.sim.recording/9`"), "{said}");
    }
}
