//! What can be wrong with a configuration, in words that name key, value, place and fix.

use std::{io, path::PathBuf};

use super::merge::Origin;

/// One thing wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file that should be there cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is larger than any sensible configuration.
    #[error("{}: larger than {limit} bytes; this is no configuration file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes that are read.
        limit: u64,
    },
    /// A file is not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where the reader stopped.
        origin: Origin,
        /// What it expected.
        message: String,
    },
    /// Nothing obeys this key.
    #[error("{origin}: unknown key `{key}`{}", advice(nearest.as_deref()))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// A known key that looks like it.
        nearest: Option<String>,
    },
    /// The key is known, its value does not fit.
    #[error("{origin}: `{key} = {got}` is not {expected}")]
    Value {
        /// The key.
        key: String,
        /// The value as written, at most 80 characters.
        got: String,
        /// Where it stands.
        origin: Origin,
        /// The accepted form with an example, to follow "is not".
        expected: String,
    },
    /// Two values do not fit together.
    #[error("{origin}: {message}")]
    Contradiction {
        /// Where the value stands that is easier to change.
        origin: Origin,
        /// Both keys with their values, and the fix.
        message: String,
    },
}

fn advice(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; the nearest is `{nearest}`"),
        None => "; `updraft config default` lists all keys".to_owned(),
    }
}

/// A configuration that was refused, with everything wrong with it. Nothing of it is in force.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} {}", faults.len(), if faults.len() == 1 { "fault" } else { "faults" })]
pub struct InvalidConfig {
    faults: Vec<Fault>,
}

impl InvalidConfig {
    /// A refusal for these faults; `None` if there are none.
    pub(super) fn of(faults: Vec<Fault>) -> Option<Self> {
        (!faults.is_empty()).then_some(Self { faults })
    }

    /// Everything wrong, in the order it was found; never empty.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}
