//! What people name on the command line: a release as `component@version`, a moment as `3d` or RFC 3339.

use std::{fmt, str::FromStr, time::Duration};

use updraft_protocol::{ComponentName, ReleaseVersion, Timestamp};

use crate::config::parse_duration;

/// `COMPONENT` or `COMPONENT@VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRef {
    /// The component.
    pub component: ComponentName,
    /// The version; `None` leaves the choice to the command.
    pub version: Option<ReleaseVersion>,
}

impl FromStr for ReleaseRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (component, version) = match text.split_once('@') {
            None => (text, None),
            Some((component, version)) => {
                let version =
                    version.parse::<ReleaseVersion>().map_err(|error| error.to_string())?;
                (component, Some(version))
            }
        };
        let component = component.parse::<ComponentName>().map_err(|error| error.to_string())?;
        Ok(Self { component, version })
    }
}

impl fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.component),
            None => write!(f, "{}", self.component),
        }
    }
}

/// A moment in the past: `3d` ago, or an RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long before now.
    Ago(Duration),
    /// This moment.
    At(Timestamp),
}

impl Since {
    /// The moment itself, seen from `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(span) => {
                Timestamp::from_seconds(now.as_seconds().saturating_sub(span.as_secs()))
            }
            Self::At(moment) => moment,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        span_or_time(text, Self::Ago, Self::At)
    }
}

/// A moment to come: `365d` from now, or an RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long after now.
    After(Duration),
    /// This moment.
    At(Timestamp),
}

impl When {
    /// The moment itself, seen from `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::After(span) => now.plus(span.as_secs()),
            Self::At(moment) => moment,
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        span_or_time(text, Self::After, Self::At)
    }
}

fn span_or_time<T>(
    text: &str,
    span: impl FnOnce(Duration) -> T,
    time: impl FnOnce(Timestamp) -> T,
) -> Result<T, String> {
    if let Ok(found) = parse_duration(text) {
        return Ok(span(found));
    }
    let moment = text.parse::<jiff::Timestamp>().ok();
    let seconds = moment.and_then(|moment| u64::try_from(moment.as_second()).ok());
    seconds.map(|seconds| time(Timestamp::from_seconds(seconds))).ok_or_else(|| {
        "expected `90s 15m 8h 3d 6w` or a time such as 2026-11-21T05:10:02Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_named_with_or_without_version() {
        let whole: ReleaseRef = "demo-app@2.5.0".parse().expect("a release");
        assert_eq!(whole.to_string(), "demo-app@2.5.0");
        let newest: ReleaseRef = "demo-app".parse().expect("a component");
        assert_eq!(newest.version, None);
        for wrong in ["", "@1.0.0", "demo-app@", "demo-app@2", "Demo@1.0.0", "a@1.0.0@2.0.0"] {
            assert!(wrong.parse::<ReleaseRef>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_moment_is_a_span_back_or_a_time() {
        let now = Timestamp::from_seconds(1_000_000);
        let since = |text: &str| text.parse::<Since>().map(|since| since.moment(now).as_seconds());
        assert_eq!(since("1h"), Ok(996_400));
        assert_eq!(since("1970-01-02T00:00:00Z"), Ok(86_400));
        let when = |text: &str| text.parse::<When>().map(|when| when.moment(now).as_seconds());
        assert_eq!((when("1h"), when("1970-01-02T00:00:00Z")), (Ok(1_003_600), Ok(86_400)));
        assert_eq!(since("52w"), Ok(0), "not before the beginning of time");
        assert!(since("yesterday").is_err() && since("1969-12-31T00:00:00Z").is_err());
    }
}
