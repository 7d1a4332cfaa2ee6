//! Versions of releases, and what "newer" means.
//!
//! A release version is a semantic version without build metadata: two versions that differ only there
//! would compare equal, and a node could not tell which of them it runs.

use std::{cmp::Ordering, fmt, str::FromStr};

use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};

use crate::name::shown;

/// Version of a release, ordered as semver 2.0 orders precedence.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseVersion(semver::Version);

impl ReleaseVersion {
    /// Longest text, in bytes.
    pub const MAX: usize = 64;

    /// Whether this is a pre-release such as `2.0.0-rc.1`.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// How this version stands to another: what a person would call a downgrade, the same, or an update.
    pub fn change_from(&self, installed: &Self) -> VersionChange {
        match self.cmp(installed) {
            Ordering::Less => VersionChange::Downgrade,
            Ordering::Equal => VersionChange::Same,
            Ordering::Greater => VersionChange::Update,
        }
    }
}

/// What installing one version over another would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionChange {
    /// To a lower version.
    Downgrade,
    /// To the version that is there.
    Same,
    /// To a higher version.
    Update,
}

/// Text that is not a release version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a release version: {reason}")]
pub struct InvalidVersion {
    /// At most 80 characters of what was given, fit for a log.
    text: String,
    reason: String,
}

impl FromStr for ReleaseVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason: String| InvalidVersion { text: shown(text, 80), reason };
        if text.len() > Self::MAX {
            return Err(refuse(format!("longer than {} bytes", Self::MAX)));
        }
        let version = semver::Version::parse(text).map_err(|error| {
            refuse(format!("{error}; expected a semantic version such as 2.4.1"))
        })?;
        if !version.build.is_empty() {
            return Err(refuse(
                "build metadata (`+…`) does not take part in the order of versions".into(),
            ));
        }
        Ok(Self(version))
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Debug for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Encode for ReleaseVersion {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.to_string().encode(encoder)
    }
}

impl<C> Decode<C> for ReleaseVersion {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let text = String::decode(decoder)?;
        text.parse().map_err(|error: InvalidVersion| DecodeError::OtherString(error.to_string()))
    }
}

bincode::impl_borrow_decode!(ReleaseVersion);

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ReleaseVersion {
        text.parse().expect("a version")
    }

    #[test]
    fn order_is_semver_precedence() {
        assert!(version("1.10.0") > version("1.9.9"));
        assert!(version("2.0.0-rc.1") < version("2.0.0"));
        assert!(version("2.0.0-rc.2") < version("2.0.0-rc.10"));
    }

    #[test]
    fn a_change_has_a_direction() {
        assert_eq!(version("1.1.0").change_from(&version("1.0.0")), VersionChange::Update);
        assert_eq!(version("1.0.0").change_from(&version("1.1.0")), VersionChange::Downgrade);
        assert_eq!(version("1.0.0").change_from(&version("1.0.0")), VersionChange::Same);
    }

    #[test]
    fn versions_that_cannot_be_told_apart_or_shown_are_refused() {
        let long = format!("1.0.0-{}", "a".repeat(70));
        for text in ["1.0", "v1.0.0", "1.0.0+build", "01.0.0", "", long.as_str()] {
            assert!(text.parse::<ReleaseVersion>().is_err(), "{text}");
        }
    }
}
