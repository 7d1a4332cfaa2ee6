//! An outcome as JSON, with a digest of itself, and back again.

use serde::Serialize;
use serde_json::Value;

use crate::outcome::Outcome;

/// Bytes of an outcome that are read: with every bound of [`outcome`](crate::outcome) reached it takes a quarter of it.
pub const MAX_OUTCOME: usize = 16 * 1024 * 1024;

/// What the first member of an outcome says.
const SCHEMA: &str = "updraft.sim.outcome/1";

/// What is written: the schema, the outcome's own members, and the digest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema: &'static str,
    #[serde(flatten)]
    outcome: &'a Outcome,
    report_hash: String,
}

/// An outcome that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The outcome.
    pub outcome: Outcome,
    /// Whether it is as it was written.
    pub seal: Seal,
}

/// Whether an outcome is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// Its digest is the one that stands in it.
    Fits,
    /// Somebody changed it, or another version of the program wrote it.
    Differs,
}

/// Why something is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOutcome {
    /// It is longer than any outcome.
    #[error("larger than {limit} bytes; this is no outcome")]
    TooLarge {
        /// Most bytes that are read.
        limit: usize,
    },
    /// It is no JSON, or has not the members of an outcome.
    #[error("not the outcome of a run")]
    Form(#[source] serde_json::Error),
    /// Another version of the program wrote it, or it is something else.
    #[error("its schema is `{got}`, only {SCHEMA} is understood")]
    Schema {
        /// What it says.
        got: String,
    },
}

/// BLAKE3 of the outcome's canonical bytes, in hex: JSON without spaces, members in the order of their types, maps by key.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn hash(outcome: &Outcome) -> Result<String, serde_json::Error> {
    Ok(blake3::hash(&serde_json::to_vec(outcome)?).to_hex().to_string())
}

/// The outcome as a JSON document.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn to_json(outcome: &Outcome) -> Result<String, serde_json::Error> {
    let written = Written { schema: SCHEMA, outcome, report_hash: hash(outcome)? };
    serde_json::to_string_pretty(&written).map(|text| text + "\n")
}

/// The outcome of a JSON document.
///
/// # Errors
/// If it is too long, or no outcome of this version.
pub fn from_json(text: &str) -> Result<Document, InvalidOutcome> {
    if text.len() > MAX_OUTCOME {
        return Err(InvalidOutcome::TooLarge { limit: MAX_OUTCOME });
    }
    let mut value: Value = serde_json::from_str(text).map_err(InvalidOutcome::Form)?;
    let mut take = |key: &str| {
        let taken = value.as_object_mut().and_then(|members| members.remove(key));
        taken.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let (got, written) = (take("schema"), take("reportHash"));
    if got != SCHEMA {
        return Err(InvalidOutcome::Schema { got: got.chars().take(80).collect() });
    }
    let outcome: Outcome = serde_json::from_value(value).map_err(InvalidOutcome::Form)?;
    let found = hash(&outcome).map_err(InvalidOutcome::Form)?;
    let seal = if found == written { Seal::Fits } else { Seal::Differs };
    Ok(Document { outcome, seal })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::sample;

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        let outcome = sample::outcome();
        let text = to_json(&outcome).expect("json");
        let read = from_json(&text).expect("its own");
        assert_eq!(read, Document { outcome, seal: Seal::Fits });
        assert_eq!(to_json(&read.outcome).expect("json"), text);
        assert!(text.starts_with("{\n  \"schema\": \"updraft.sim.outcome/1\",\n  \"scenario\""));
    }

    #[test]
    fn a_changed_outcome_does_not_fit_its_digest() {
        let text = to_json(&sample::outcome()).expect("json");
        let changed = text.replacen("\"seed\": 7", "\"seed\": 8", 1);
        assert_ne!(changed, text);
        assert_eq!(from_json(&changed).expect("an outcome").seal, Seal::Differs);
    }

    #[test]
    fn what_is_no_outcome_is_refused() {
        let refused = |text: &str| from_json(text).expect_err(text).to_string();
        assert_eq!(refused("[]"), "its schema is ``, only updraft.sim.outcome/1 is understood");
        assert_eq!(refused("{\"schema\":\"updraft.sim.outcome/1\"}"), "not the outcome of a run");
        assert_eq!(refused("{"), "not the outcome of a run");
        let long = " ".repeat(MAX_OUTCOME + 1);
        assert_eq!(refused(&long), "larger than 16777216 bytes; this is no outcome");
    }

    proptest! {
        #[test]
        fn every_number_keeps_its_digest(seconds in 0.0_f64..1e9, part in 0.0_f64..1.0) {
            let mut outcome = sample::outcome();
            outcome.seconds = seconds;
            outcome.groups[0].used = (part, part / 3.0);
            let read = from_json(&to_json(&outcome).expect("json")).expect("its own");
            prop_assert_eq!(read, Document { outcome, seal: Seal::Fits });
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String) {
            let _ = from_json(&text);
        }
    }
}
