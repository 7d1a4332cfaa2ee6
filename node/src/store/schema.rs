//! The version of everything in the data directory. Never guesses: what it does not know it refuses.

use super::error::StoreError;

/// The schema this program writes.
///
/// A change of layout, of a key or of a record raises it and brings the step that turns the last schema into
/// the new one.
pub const SCHEMA: u32 = 1;

/// What a found version asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A new store: write [`SCHEMA`].
    Fresh,
    /// Nothing to do.
    Current,
}

/// Judges the version found in a store; `None` for a store without one.
pub(super) fn judge(found: Option<u32>) -> Result<Standing, StoreError> {
    match found {
        None => Ok(Standing::Fresh),
        Some(SCHEMA) => Ok(Standing::Current),
        Some(found) if found > SCHEMA => Err(StoreError::NewerSchema { found, known: SCHEMA }),
        Some(found) => Err(StoreError::BadRecord {
            what: "the schema".to_owned(),
            reason: format!("there never was a schema {found}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_schema_is_refused_by_name() {
        let refused = judge(Some(SCHEMA + 1)).expect_err("newer");
        assert_eq!(
            refused.to_string(),
            "the store has schema 2, this version knows schemas up to 1"
        );
    }

    #[test]
    fn only_the_known_schema_and_none_pass() {
        assert_eq!(judge(None).expect("fresh"), Standing::Fresh);
        assert_eq!(judge(Some(SCHEMA)).expect("current"), Standing::Current);
        assert!(judge(Some(0)).is_err());
    }
}
