//! May this node take it now? Functions of facts, without any state.
//!
//! The order of the questions is the order in which a person would give reasons: what was decided here by hand
//! first, then what the release demands, then what the settings allow, then what can be proved.

use updraft_protocol::{
    Compatibility, Manifest, ReleaseKind, ReleaseVersion, Timestamp, VersionChange,
};

/// What the operator's settings install without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoUpdate {
    /// Whether anything is installed without asking.
    pub enabled: bool,
    /// Releases that close a hole.
    pub security: bool,
    /// Releases that add something.
    pub feature: bool,
    /// Releases that mend something.
    pub bugfix: bool,
    /// Releases that break something.
    pub breaking: bool,
}

impl AutoUpdate {
    /// Whatever is on offer, but for what breaks something.
    pub const EVERYTHING: Self =
        Self { enabled: true, security: true, feature: true, bugfix: true, breaking: false };
}

/// Why a release is not to be installed by anybody, whatever the settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distrust {
    /// Its channel has two histories, or too few keys.
    Frozen(String),
    /// It was withdrawn, for this reason.
    Withdrawn(String),
    /// Too few keys that still count signed it.
    SignerRevoked,
    /// One brake key asks to wait.
    Paused {
        /// Until then at most.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Too few independent builders got the same from its sources.
    Builders {
        /// Builders who did.
        have: usize,
        /// Builders needed.
        need: usize,
    },
}

/// What is known about a component when a release is judged.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// What runs.
    pub installed: Option<&'a ReleaseVersion>,
    /// Whether the operator went back and stays there.
    pub pinned: bool,
    /// What stands against the release itself.
    pub distrust: Option<Distrust>,
    /// Why this very release is not to be tried again, if it failed here.
    pub quarantined: Option<&'a str>,
    /// When the channel's head stopped proving anything about the present, if it has.
    pub stale_since: Option<Timestamp>,
    /// The protocol of the component that is in force.
    pub protocol: u32,
    /// The settings in force for the component.
    pub auto: AutoUpdate,
}

/// What to do about a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Fetch and install it.
    Install,
    /// Nothing to do: it runs, or something newer does.
    Nothing,
    /// Wait for a person, with the reason.
    Hold(Hold),
}

/// Why a release waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// The operator keeps the component where it is.
    Pinned,
    /// It failed here before.
    Quarantined(String),
    /// A version at least this high has to be installed first.
    Floor(ReleaseVersion),
    /// It does not run before a vote has put this protocol in force.
    Protocol(u32),
    /// It is marked as breaking.
    Breaking,
    /// Settings do not install this kind without asking.
    Kind(ReleaseKind),
    /// Settings install nothing without asking.
    Disabled,
    /// What the head lists may have been replaced long ago.
    Stale(Timestamp),
    /// Nobody is to install it.
    Distrusted(Distrust),
}

/// Decides about the newest release of a component's channel.
pub fn decide(manifest: &Manifest, facts: &Facts<'_>) -> Decision {
    if let Some(installed) = facts.installed
        && manifest.version.change_from(installed) != VersionChange::Update
    {
        return Decision::Nothing;
    }
    let hold = if let Some(distrust) = &facts.distrust {
        Some(Hold::Distrusted(distrust.clone()))
    } else if facts.pinned {
        Some(Hold::Pinned)
    } else if let Some(reason) = facts.quarantined {
        Some(Hold::Quarantined(reason.to_owned()))
    } else if let Some(floor) = floor(manifest, facts.installed) {
        Some(Hold::Floor(floor))
    } else if let Some(needs) = manifest.waits_for_protocol(facts.protocol) {
        Some(Hold::Protocol(needs))
    } else if !facts.auto.enabled {
        Some(Hold::Disabled)
    } else if manifest.compatibility == Compatibility::Breaking && !facts.auto.breaking {
        Some(Hold::Breaking)
    } else if !allows(facts.auto, manifest.kind) {
        Some(Hold::Kind(manifest.kind))
    } else {
        facts.stale_since.map(Hold::Stale)
    };
    hold.map_or(Decision::Install, Decision::Hold)
}

/// The version that has to be installed first, if the installed one is below the release's minimum or a barrier.
pub fn floor(manifest: &Manifest, installed: Option<&ReleaseVersion>) -> Option<ReleaseVersion> {
    manifest.stop_before(installed?).cloned()
}

fn allows(auto: AutoUpdate, kind: ReleaseKind) -> bool {
    match kind {
        ReleaseKind::Security => auto.security,
        ReleaseKind::Feature => auto.feature,
        // What only mends or quickens is a bug fix in the eyes of an operator.
        ReleaseKind::Bugfix | ReleaseKind::Performance | ReleaseKind::Dependency => auto.bugfix,
        // Readiness is shown by votes; the bytes come like a feature's.
        ReleaseKind::Protocol => auto.feature,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const ALL: AutoUpdate = AutoUpdate::EVERYTHING;

    fn facts<'a>() -> Facts<'a> {
        Facts {
            installed: None,
            pinned: false,
            distrust: None,
            quarantined: None,
            stale_since: None,
            protocol: 1,
            auto: ALL,
        }
    }

    #[test]
    fn a_newer_release_is_installed_and_an_older_one_is_not() {
        let manifest = testing::manifest("demo-app", "1.1.0");
        for (installed, expected) in [
            (None, Decision::Install),
            (Some("1.0.0"), Decision::Install),
            (Some("1.1.0"), Decision::Nothing),
            (Some("2.0.0"), Decision::Nothing),
        ] {
            let installed = installed.map(|text| text.parse().expect("a version"));
            let facts = Facts { installed: installed.as_ref(), ..facts() };
            assert_eq!(decide(&manifest, &facts), expected);
        }
    }

    #[test]
    fn each_reason_holds_and_the_operators_own_comes_first() {
        let mut manifest = testing::manifest("demo-app", "2.0.0");
        manifest.min_version = Some("1.5.0".parse().expect("a version"));
        manifest.compatibility = Compatibility::Breaking;
        let installed = "1.0.0".parse().expect("a version");
        let mut facts = Facts {
            installed: Some(&installed),
            pinned: true,
            distrust: Some(Distrust::SignerRevoked),
            quarantined: Some("it crashed"),
            stale_since: Some(Timestamp::from_seconds(5)),
            protocol: 1,
            auto: AutoUpdate { enabled: false, feature: false, ..ALL },
        };
        let hold = |manifest: &Manifest, facts: &Facts<'_>| match decide(manifest, facts) {
            Decision::Hold(hold) => hold,
            other => panic!("{other:?}"),
        };
        assert_eq!(hold(&manifest, &facts), Hold::Distrusted(Distrust::SignerRevoked));
        facts.distrust = None;
        assert_eq!(hold(&manifest, &facts), Hold::Pinned);
        facts.pinned = false;
        assert_eq!(hold(&manifest, &facts), Hold::Quarantined("it crashed".to_owned()));
        facts.quarantined = None;
        assert_eq!(hold(&manifest, &facts), Hold::Floor("1.5.0".parse().expect("a version")));
        manifest.min_version = None;
        manifest.needs_protocol = Some(2);
        assert_eq!(hold(&manifest, &facts), Hold::Protocol(2));
        facts.protocol = 2;
        assert_eq!(hold(&manifest, &facts), Hold::Disabled);
        facts.auto.enabled = true;
        assert_eq!(hold(&manifest, &facts), Hold::Breaking);
        manifest.compatibility = Compatibility::Compatible;
        assert_eq!(hold(&manifest, &facts), Hold::Kind(ReleaseKind::Feature));
        facts.auto.feature = true;
        assert_eq!(hold(&manifest, &facts), Hold::Stale(Timestamp::from_seconds(5)));
        facts.stale_since = None;
        assert_eq!(decide(&manifest, &facts), Decision::Install);
    }

    #[test]
    fn a_first_installation_has_no_floor() {
        let mut manifest = testing::manifest("demo-app", "2.0.0");
        manifest.min_version = Some("1.5.0".parse().expect("a version"));
        assert_eq!(decide(&manifest, &facts()), Decision::Install);
    }
}
