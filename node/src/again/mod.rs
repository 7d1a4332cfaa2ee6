//! Becoming another program: how a node says so, and when it may. Pure; [`kept`] is what lies on disk.
//!
//! A process that replaces its program hands its count on in its environment. Without it, two programs of which each
//! takes the other for the better one would take turns for ever. The count is also kept on disk, from before the
//! program is replaced until one has lasted: a program that dies at once takes its environment with it, and whoever
//! starts the node again would start the same round anew.

pub mod kept;

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use updraft_protocol::{ReleaseVersion, Timestamp};

/// The variable that says how often the process has become another program.
pub const STARTS: &str = "UPDRAFT_STARTS";
/// The variable that says which version made it that.
pub const STARTED_BY: &str = "UPDRAFT_STARTED_BY";
/// A program that has run for so long has not failed at once: what is kept of its start is struck off.
pub const LASTING: Duration = Duration::from_secs(60);

/// Times that a process may become another program within [`WINDOW`]: one update, one that mends it, and one to spare.
const MOST: u32 = 3;
/// Seconds after which the count begins anew.
const WINDOW: u64 = 600;

/// How often a node has become another program lately. As text `<count>@<seconds since the epoch>[@<version>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starts {
    count: u32,
    /// When the first of them was.
    since: Timestamp,
    /// What it became the last time.
    last: Option<ReleaseVersion>,
}

/// A node has become another program so often that another time would not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the node has started again {MOST} times within {} minutes{}", WINDOW / 60, as_what(last.as_ref()))]
pub struct TooOften {
    /// What it became the last time, if that is known.
    pub last: Option<ReleaseVersion>,
}

fn as_what(last: Option<&ReleaseVersion>) -> String {
    last.map_or_else(String::new, |last| format!(", the last time as {last}"))
}

/// Whether the program that a process becomes can unlock the keys that this one has unlocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// It can: there are none, they have no password, or the password lies where it lay.
    Stay,
    /// The password of the key that this setting names came by a way that is gone: a descriptor, or a person.
    AreLost(&'static str),
}

/// What decides whether a process may become another program.
#[derive(Debug, Clone)]
pub struct Again {
    /// How often the node has.
    pub starts: Starts,
    /// Where that is kept.
    pub file: PathBuf,
    /// Whether it could go on with its keys.
    pub keys: Keys,
}

/// Why a process stays the program that it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stays {
    /// It was another one too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// The next program could not sign.
    #[error(
        "the next program could not unlock the key of {setting}: its password cannot be had again"
    )]
    KeysAreLost {
        /// The setting that names the key.
        setting: &'static str,
    },
}

/// What a process is to become, once everything in it has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartAgain {
    /// The program.
    pub program: PathBuf,
    /// The count that it gets.
    pub starts: Starts,
}

impl Again {
    /// The count with which the process may become another program now.
    ///
    /// # Errors
    /// Why it stays what it is.
    pub fn another(&self, version: &ReleaseVersion, now: Timestamp) -> Result<Starts, Stays> {
        match self.keys {
            Keys::Stay => Ok(self.starts.another(version, now)?),
            Keys::AreLost(setting) => Err(Stays::KeysAreLost { setting }),
        }
    }
}

impl Starts {
    /// A process that somebody has just started.
    pub const fn none() -> Self {
        Self { count: 0, since: Timestamp::from_seconds(0), last: None }
    }

    /// What the environment says; whoever wrote something else than a count there has started a new process.
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| text.parse().ok()).unwrap_or(Self::none())
    }

    /// Whether there is anything to count.
    pub const fn is_none(&self) -> bool {
        self.count == 0
    }

    /// What counts of two that may differ, because a process ended without its environment, or outlived what was kept:
    /// the one that says more of the later time.
    pub fn or_later(self, other: Self) -> Self {
        if (other.since, other.count) > (self.since, self.count) { other } else { self }
    }

    /// The count after another time, now and as this version.
    ///
    /// # Errors
    /// If there were too many in too short a time.
    pub fn another(&self, version: &ReleaseVersion, now: Timestamp) -> Result<Self, TooOften> {
        let last = Some(version.clone());
        // A clock that was set back does not end the window.
        if self.is_none() || now.since(self.since) >= WINDOW {
            return Ok(Self { count: 1, since: now, last });
        }
        let too_often = || TooOften { last: self.last.clone() };
        let more = self.count.checked_add(1).filter(|count| *count <= MOST);
        Ok(Self { count: more.ok_or_else(too_often)?, since: self.since, last })
    }
}

impl fmt::Display for Starts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.count, self.since.as_seconds())?;
        self.last.as_ref().map_or(Ok(()), |last| write!(f, "@{last}"))
    }
}

/// A text is no count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a count of starts")]
pub struct NoCount;

impl FromStr for Starts {
    type Err = NoCount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '@');
        let mut number = || parts.next().ok_or(NoCount);
        let count = number()?.parse().map_err(|_| NoCount)?;
        let since = number()?.parse().map_err(|_| NoCount)?;
        let last = parts.next().map(str::parse).transpose().map_err(|_| NoCount)?;
        Ok(Self { count, since: Timestamp::from_seconds(since), last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn version(text: &str) -> ReleaseVersion {
        text.parse().expect("a version")
    }

    fn often(times: u64) -> Starts {
        (0..times).fold(Starts::none(), |starts, n| {
            starts.another(&version("2.0.0"), at(n * 100)).expect("rarely enough")
        })
    }

    #[test]
    fn the_fourth_time_within_the_window_is_refused() {
        let (starts, next) = (often(3), version("2.0.1"));
        let refused = starts.another(&next, at(599)).expect_err("too often");
        assert_eq!(
            refused.to_string(),
            "the node has started again 3 times within 10 minutes, the last time as 2.0.0"
        );
        assert_eq!(starts.another(&next, at(0)), Err(refused), "a clock that was set back");
        let anew = starts.another(&next, at(600)).expect("long ago");
        assert_eq!(anew, Starts { count: 1, since: at(600), last: Some(next) });
    }

    #[test]
    fn the_count_survives_the_environment() {
        let starts = often(2);
        assert_eq!(Starts::read(Some(&starts.to_string())), starts);
        let old = Starts { last: None, ..starts };
        assert_eq!(Starts::read(Some(&old.to_string())), old);
        let full = format!("{}@{}", u32::MAX, at(1).as_seconds());
        assert!(Starts::read(Some(&full)).another(&version("2.0.0"), at(2)).is_err());
        for nothing in
            [None, Some(""), Some("3"), Some("x@1"), Some("1@"), Some("-1@5"), Some("1@5@")]
        {
            assert_eq!(Starts::read(nothing), Starts::none(), "{nothing:?}");
        }
    }

    #[test]
    fn who_died_without_its_environment_is_counted_and_who_outlived_what_was_kept_as_well() {
        let (two, three) = (often(2), often(3));
        assert_eq!(Starts::none().or_later(three.clone()), three);
        assert_eq!(three.clone().or_later(Starts::none()), three);
        assert_eq!(two.clone().or_later(three.clone()), three);
        assert_eq!(three.clone().or_later(two), three);
        let later = Starts { count: 1, since: at(700), last: None };
        assert_eq!(three.or_later(later.clone()), later);
    }

    #[test]
    fn a_program_that_would_lose_its_keys_stays() {
        let again = |keys| Again { starts: Starts::none(), file: PathBuf::new(), keys };
        assert!(again(Keys::Stay).another(&version("2.0.0"), at(0)).is_ok());
        let setting = "trust.witness_key";
        let refused = again(Keys::AreLost(setting)).another(&version("2.0.0"), at(0));
        assert_eq!(refused, Err(Stays::KeysAreLost { setting }));
    }
}
