//! A release is tried before anybody relies on it: the program that it names runs once, beside what is live.
//!
//! ```text
//!  signed listing ─> program.rs: which file, with which arguments ─> run.rs: run it, with limits ─> what it printed
//! ```
//!
//! The program is code of somebody's whose signature is believed, so this is no prison: it runs as the node's user.
//! It gets nothing of the node's but the number of a protocol: no input, no variables, no descriptors, a home that is
//! empty and goes with it. It gets [`LIMIT`] of time, and its group of processes ends with it; what it starts in a
//! session of its own (`setsid`) does not, and is somebody's whose signature is believed. Decides nothing about
//! releases, and knows no other room; whoever lends the folder reads its files again afterwards.

mod program;
mod run;

use std::{io, path::PathBuf, time::Duration};

use updraft_protocol::{ComponentName, Digest, ReleaseVersion};

pub use self::{program::command, run::run};

/// What a self-test may take.
pub const LIMIT: Duration = Duration::from_secs(30);
/// Bytes of each of its two streams that are read; what comes after them is thrown away.
pub const MAX_OUTPUT: usize = 64 * 1024;

/// What is tried, and for what.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The folder of the staged release; the working folder of its program.
    pub folder: PathBuf,
    /// The program, below the folder, and its first arguments; see [`command`].
    pub command: Vec<String>,
    /// The protocol it is tried for, as its last argument.
    pub protocol: u32,
    /// Of what.
    pub component: ComponentName,
    /// Which.
    pub version: ReleaseVersion,
    /// Where its home is made, for as long as it runs.
    pub temporary: PathBuf,
}

/// What a self-test that went well has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Digest of what it printed on standard output, up to [`MAX_OUTPUT`].
    pub printed: Digest,
    /// The last line of it that says something, cleaned, for people.
    pub said: String,
}

/// Why a release was not tried, or did not pass.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Nothing says which program would be the self-test.
    #[error(
        "no self-test is known: the release has no program `{component}` or `bin/{component}`, and `components.{component}.selftest` names none"
    )]
    Unknown {
        /// Of what.
        component: ComponentName,
    },
    /// The program that was named is not there, or is nothing that can be run.
    #[error("`{program}` is no program of the release")]
    NotAProgram {
        /// What was named.
        program: String,
    },
    /// There is no place for it to run in.
    #[error("there is no temporary folder to run it in")]
    Temporary(#[source] io::Error),
    /// The system does not run it.
    #[error("`{program}` cannot be started")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It runs, but nobody can tell when it ends.
    #[error("`{program}` cannot be watched")]
    Watch {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It did not end in time, and was ended.
    #[error("`{program}` took more than {} s", limit.as_secs())]
    TooSlow {
        /// The program.
        program: String,
        /// What it may take.
        limit: Duration,
    },
    /// It ended with something else than 0.
    #[error("`{program}` ended with {code}{said}")]
    Exit {
        /// The program.
        program: String,
        /// Its exit code.
        code: i32,
        /// Its last words.
        said: LastWords,
    },
    /// A signal ended it.
    #[error("`{program}` was ended by signal {signal}{said}")]
    Signal {
        /// The program.
        program: String,
        /// Which.
        signal: i32,
        /// Its last words.
        said: LastWords,
    },
}

/// The last line that a program printed, fit to be shown to people: one line, bounded, nothing a terminal obeys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastWords(String);

impl LastWords {
    /// Most characters of it that are shown.
    const MAX: usize = 200;

    fn of(printed: &[u8]) -> Self {
        let text = String::from_utf8_lossy(printed);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        Self(last.chars().filter(|c| !c.is_control()).take(Self::MAX).collect())
    }
}

impl std::fmt::Display for LastWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}
