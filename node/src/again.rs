//! Becoming another program: how a node says so, and how often it may. Pure.
//!
//! A process that replaces its program hands its count on in its environment. Without it, two programs of which each
//! takes the other for the better one would take turns for ever.

use std::{fmt, path::PathBuf, str::FromStr};

use updraft_protocol::Timestamp;

/// The variable that says how often the process has become another program.
pub const STARTS: &str = "UPDRAFT_STARTS";
/// The variable that says which version made it that.
pub const STARTED_BY: &str = "UPDRAFT_STARTED_BY";

/// Times that a process may become another program within [`WINDOW`]: one update, one that mends it, and one to spare.
const MOST: u32 = 3;
/// Seconds after which the count begins anew.
const WINDOW: u64 = 600;

/// How often a process has become another program lately. As text `<count>@<seconds since the epoch>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starts {
    count: u32,
    /// When the first of them was.
    since: Timestamp,
}

/// A process has become another program so often that another time would not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has started again {MOST} times within {} minutes", WINDOW / 60)]
pub struct TooOften;

/// What a process is to become, once everything in it has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartAgain {
    /// The program.
    pub program: PathBuf,
    /// The count that it gets.
    pub starts: Starts,
}

impl Starts {
    /// A process that somebody has just started.
    pub const fn none() -> Self {
        Self { count: 0, since: Timestamp::from_seconds(0) }
    }

    /// What the environment says; whoever wrote something else than a count there has started a new process.
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| text.parse().ok()).unwrap_or(Self::none())
    }

    /// The count after another time, now.
    pub fn another(self, now: Timestamp) -> Result<Self, TooOften> {
        // A clock that was set back does not end the window.
        if self.count == 0 || now.since(self.since) >= WINDOW {
            return Ok(Self { count: 1, since: now });
        }
        let count = self.count.checked_add(1).filter(|count| *count <= MOST).ok_or(TooOften)?;
        Ok(Self { count, ..self })
    }
}

impl fmt::Display for Starts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.count, self.since.as_seconds())
    }
}

impl FromStr for Starts {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, since) = text.split_once('@').unwrap_or((text, ""));
        Ok(Self { count: count.parse()?, since: Timestamp::from_seconds(since.parse()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn the_fourth_time_within_the_window_is_refused() {
        let mut starts = Starts::none();
        for n in 0..3 {
            starts = starts.another(at(n * 100)).expect("rarely enough");
        }
        assert_eq!(starts.another(at(599)), Err(TooOften));
        assert_eq!(starts.another(at(0)), Err(TooOften), "a clock that was set back");
        let anew = starts.another(at(600)).expect("long ago");
        assert_eq!(anew, Starts { count: 1, since: at(600) });
    }

    #[test]
    fn the_count_survives_the_environment() {
        let starts = Starts::none().another(at(1)).and_then(|s| s.another(at(2))).expect("rarely");
        assert_eq!(Starts::read(Some(&starts.to_string())), starts);
        let full = format!("{}@{}", u32::MAX, at(1).as_seconds());
        assert_eq!(Starts::read(Some(&full)).another(at(2)), Err(TooOften));
        for nothing in [None, Some(""), Some("3"), Some("x@1"), Some("1@"), Some("-1@5")] {
            assert_eq!(Starts::read(nothing), Starts::none(), "{nothing:?}");
        }
    }
}
