//! What is on offer, and what stands against taking it. Pure.
//!
//! Policies and people decide what to do about an obstacle; here is only said that there is one.

use std::collections::BTreeSet;

use updraft_protocol::{
    Brake, ChannelName, ComponentName, Digest, KeyId, Listing, Manifest, ReleaseVersion, Target,
    Timestamp, Withdrawn, threshold,
};

use super::{
    builders::Builds,
    doubts::{Freeze, KeyAlarm},
    machine::Catalog,
    manifests::Known,
    witnesses::{Freshness, Staleness},
};

/// Why a release that is known must not be installed, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Its channel is frozen.
    Frozen(Freeze),
    /// A key that signed it or the channel's head took itself back, and too few are left.
    SignerRevoked,
    /// It was withdrawn.
    Withdrawn {
        /// Why, in words.
        reason: String,
    },
    /// It is paused.
    Paused {
        /// The brake key.
        by: KeyId,
        /// Until then, unless the pause is lifted.
        until: Timestamp,
        /// Why, in words.
        reason: String,
    },
}

/// How a head names a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is on offer.
    Listed,
    /// It must not be installed any more.
    Withdrawn,
}

impl Catalog {
    /// Everything on offer: channel and listing, in order.
    pub fn listings(&self) -> impl Iterator<Item = (&ChannelName, &Listing)> {
        self.channels().filter_map(|(channel, head)| Some((channel, head?))).flat_map(
            |(channel, head)| head.head.releases.iter().map(move |listing| (channel, listing)),
        )
    }

    /// The newest believed release of a component on a channel that runs on `machine`.
    ///
    /// Pre-releases count like any version: whoever does not want them follows another channel. An artifact
    /// for exactly this machine goes before one for any machine.
    pub fn newest(
        &self,
        component: &ComponentName,
        channel: &ChannelName,
        machine: &Target,
    ) -> Option<&Known> {
        self.newest_that(component, channel, machine, |_| true)
    }

    /// The newest among those that are as they have to be.
    pub fn newest_that(
        &self,
        component: &ComponentName,
        channel: &ChannelName,
        machine: &Target,
        is: impl Fn(&Manifest) -> bool,
    ) -> Option<&Known> {
        self.candidates(component, channel, machine)
            .filter(|known| is(&known.manifest))
            .max_by_key(|known| (known.manifest.version.clone(), known.manifest.target == *machine))
    }

    /// A believed release of exactly this version.
    pub fn release(
        &self,
        component: &ComponentName,
        channel: &ChannelName,
        machine: &Target,
        version: &ReleaseVersion,
    ) -> Option<&Known> {
        self.candidates(component, channel, machine)
            .filter(|known| known.manifest.version == *version)
            .max_by_key(|known| known.manifest.target == *machine)
    }

    /// Every believed release of a component on a channel that runs on `machine`.
    pub fn candidates<'a, 'b>(
        &'a self,
        component: &'b ComponentName,
        channel: &'b ChannelName,
        machine: &'b Target,
    ) -> impl Iterator<Item = &'a Known> + use<'a, 'b> {
        self.listed(component, channel, machine).filter_map(|listing| {
            self.manifest(&listing.manifest).filter(|known| known.is_listed_as(listing))
        })
    }

    /// What is on offer of a component on a channel and runs on `machine`, and whose manifest has not come.
    pub fn unknown_candidates<'a, 'b>(
        &'a self,
        component: &'b ComponentName,
        channel: &'b ChannelName,
        machine: &'b Target,
    ) -> impl Iterator<Item = &'a Listing> + use<'a, 'b> {
        self.listed(component, channel, machine)
            .filter(|listing| self.manifest(&listing.manifest).is_none())
    }

    /// What the trusted head of a channel offers of a component and runs on `machine`.
    fn listed<'a, 'b>(
        &'a self,
        component: &'b ComponentName,
        channel: &'b ChannelName,
        machine: &'b Target,
    ) -> impl Iterator<Item = &'a Listing> + use<'a, 'b> {
        let listings = self.head(channel).into_iter().flat_map(|head| head.head.releases.iter());
        listings.filter(move |listing| {
            listing.component == *component && listing.target.runs_on(machine)
        })
    }

    /// What stands against installing a release from a channel, the most lasting first.
    pub fn obstacle(
        &self,
        channel: &ChannelName,
        known: &Known,
        clock: Timestamp,
    ) -> Option<Obstacle> {
        let release = known.signed.digest();
        if let Some(freeze) = self.freeze(channel) {
            return Some(Obstacle::Frozen(freeze));
        }
        if let Some(withdrawn) = self.withdrawn(channel, &release) {
            return Some(Obstacle::Withdrawn { reason: withdrawn.reason.clone() });
        }
        if !self.still_vouched(channel, known) {
            return Some(Obstacle::SignerRevoked);
        }
        self.paused(channel, &release, clock).map(|brake| Obstacle::Paused {
            by: brake.by,
            until: brake.expires,
            reason: brake.reason.clone(),
        })
    }

    /// Why nothing of a channel is installed.
    pub fn freeze(&self, channel: &ChannelName) -> Option<Freeze> {
        self.doubts.freeze(&self.root, channel)
    }

    /// Keys that took themselves back.
    pub fn revoked_keys(&self) -> &BTreeSet<KeyId> {
        self.doubts.revoked()
    }

    /// Keys to be alarmed about.
    pub fn alarms(&self) -> Vec<(KeyId, KeyAlarm)> {
        self.doubts.alarms()
    }

    /// Why a channel withdrew a release, if it did.
    pub fn withdrawn(&self, channel: &ChannelName, release: &Digest) -> Option<&Withdrawn> {
        self.head(channel)?.head.withdrawn(release)
    }

    /// Every release that a trusted head withdraws, with its manifest if it was believed before.
    pub fn withdrawals(&self) -> impl Iterator<Item = (&ChannelName, &Withdrawn, Option<&Known>)> {
        self.channels().filter_map(|(channel, head)| Some((channel, head?))).flat_map(
            move |(channel, head)| {
                let known = |withdrawn: &Withdrawn| self.manifest(&withdrawn.manifest);
                head.head.withdrawn.iter().map(move |w| (channel, w, known(w)))
            },
        )
    }

    /// How many witnesses vouch for the trusted head of a channel, and how many have to; `None` without witnesses.
    pub fn witness_count(&self, channel: &ChannelName, clock: Timestamp) -> Option<(usize, usize)> {
        let role = self.root.witness.as_ref()?;
        let now = self.time.at(clock);
        let live = self.head(channel).map(|known| self.witnesses.live(&known.head, now));
        let have = live.map_or(0, |live| match threshold::enough(role, &live) {
            Ok(()) => live.len(),
            Err(missing) => missing.have,
        });
        Some((have, role.threshold()))
    }

    /// The pause of a release, if it is paused.
    pub fn paused(
        &self,
        channel: &ChannelName,
        release: &Digest,
        clock: Timestamp,
    ) -> Option<&Brake> {
        self.brakes.paused(channel, release, self.time.at(clock))
    }

    /// Pauses of a channel that are in force.
    pub fn pauses(&self, channel: &ChannelName, clock: Timestamp) -> impl Iterator<Item = &Brake> {
        self.brakes.live(channel, self.time.at(clock))
    }

    /// What independent builders say about a release.
    pub fn builds(&self, manifest: &Manifest) -> Builds {
        self.builders.about(manifest)
    }

    /// Whether the trusted head of a channel is the newest there is, as far as can be proved.
    pub fn freshness(&self, channel: &ChannelName, clock: Timestamp) -> Freshness {
        let now = self.time.at(clock);
        if let Some(signed) = self.later_than_the_clock(channel, clock) {
            return Freshness::Stale { since: now, why: Staleness::Clock { signed } };
        }
        if self.root.is_expired(now) {
            return Freshness::Stale { since: self.root.expires, why: Staleness::Root };
        }
        let Some(known) = self.head(channel) else {
            return Freshness::Stale { since: self.root.issued, why: Staleness::NoHead };
        };
        match &self.root.witness {
            Some(role) => self.witnesses.freshness(role, &known.head, now),
            None if known.head.is_expired(now) => {
                Freshness::Stale { since: known.head.expires, why: Staleness::Head }
            }
            None => Freshness::Fresh { until: known.head.expires.min(self.root.expires) },
        }
    }

    fn later_than_the_clock(&self, channel: &ChannelName, clock: Timestamp) -> Option<Timestamp> {
        let (now, is_future) = (self.time.at(clock), |at| self.time.is_future(at, clock));
        // Whoever also says something of the present was wrong then, or somebody repeats it.
        let counts = |key: &KeyId| {
            !self.doubts.is_revoked(key) && !self.witnesses.speaks_now(key, now, is_future)
        };
        self.ahead.later_than_the_clock(self.root.witness.as_ref(), channel, counts, is_future)
    }

    /// Whether enough keys that still count signed the release and the head of the channel that offers it.
    fn still_vouched(&self, channel: &ChannelName, known: &Known) -> bool {
        if self.doubts.revoked().is_empty() {
            return true;
        }
        let root = &self.root;
        let bear = |channel: &ChannelName, signers: &BTreeSet<KeyId>| {
            root.release_role(channel)
                .is_some_and(|role| threshold::enough(self.doubts.authority(role), signers).is_ok())
        };
        let head = self.head(channel).is_some_and(|trusted| {
            let named = self.base(channel).and_then(|base| base.head);
            named == Some(trusted.head.digest()) || bear(channel, trusted.head.signers())
        });
        head && bear(&known.manifest.channel, &known.signers.iter().copied().collect())
    }
}

#[cfg(test)]
#[path = "offers_tests.rs"]
mod tests;
