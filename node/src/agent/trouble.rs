//! What is wrong with channels, keys and releases, in words that people read. Decides nothing.

use std::fmt::{Debug, Display};

use updraft_protocol::{Brake, Digest, VersionChange};

use super::{
    action::Now,
    asks::Found,
    lifecycle::Component,
    machine::Machine,
    status::{Alarm, ChannelStatus, Concern, ConcernKind, Freshness, Pause, WitnessCount},
    updates::frozen,
    view::distrusted,
};
use crate::catalog::{self, KeyAlarm, Known, Staleness};

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// How far each channel is followed, and what is wrong with it.
    pub fn channel_statuses(&self, now: Now) -> Vec<ChannelStatus> {
        self.catalog
            .channels()
            .map(|(name, head)| {
                let head = head.map(|head| &head.head);
                let (freshness, why) = match self.catalog.freshness(name, now.wall) {
                    catalog::Freshness::Fresh { until } => (Freshness::FreshUntil(until), None),
                    catalog::Freshness::Stale { why: why @ Staleness::NoHead, .. } => {
                        (Freshness::Unknown, Some(why.to_string()))
                    }
                    catalog::Freshness::Stale { since, why } => {
                        (Freshness::StaleSince(since), Some(why.to_string()))
                    }
                };
                let count = self.catalog.witness_count(name, now.wall);
                let pauses = self.catalog.pauses(name, now.wall);
                ChannelStatus {
                    name: name.clone(),
                    seq: head.map_or(0, |head| head.seq),
                    expires: head.map(|head| head.expires),
                    freshness,
                    why,
                    frozen: self.catalog.freeze(name).map(|freeze| frozen(&freeze)),
                    witnesses: count.map(|(have, need)| WitnessCount { have, need }),
                    pauses: pauses.map(|brake| self.pause(brake)).collect(),
                }
            })
            .collect()
    }

    fn pause(&self, brake: &Brake) -> Pause {
        Pause {
            release: brake.release.map(|release| self.name_of(&release)),
            by: brake.by,
            until: brake.expires,
            reason: brake.reason.clone(),
        }
    }

    /// What people call a release; its digest if nothing more is known.
    pub(super) fn name_of(&self, release: &Digest) -> String {
        let listed = self.catalog.listings().find(|(_, listing)| listing.manifest == *release);
        let named = listed.map(|(_, listing)| format!("{}@{}", listing.component, listing.version));
        let known = || self.catalog.manifest(release).map(|known| known.manifest.release_name());
        named.or_else(known).unwrap_or_else(|| release.to_string())
    }

    /// Keys that are not to be relied on.
    pub fn alarms(&self) -> Vec<Alarm> {
        let alarms = self.catalog.alarms().into_iter();
        alarms.map(|(key, alarm)| Alarm { key, reason: alarm_in_words(&alarm) }).collect()
    }

    /// What is wrong with what a component runs, and with what it is offered.
    pub(super) fn concerns(&self, component: &Component) -> Vec<Concern> {
        let mut concerns = Vec::new();
        concerns.extend(self.runs_withdrawn(component));
        concerns.extend(self.runs_unsupported(component));
        let newest = self.newest(component);
        concerns.extend(newest.and_then(|known| self.builds_differ(known)));
        concerns
    }

    fn runs_withdrawn(&self, component: &Component) -> Option<Concern> {
        let installed = component.installed.as_ref()?;
        let name = &component.name;
        let (channel, withdrawn, _) = self.catalog.withdrawals().find(|(_, _, known)| {
            known.is_some_and(|known| {
                let manifest = &known.manifest;
                (&manifest.component, &manifest.version, manifest.tree.object.digest)
                    == (name, &installed.version, installed.tree)
            })
        })?;
        let detail = format!(
            "{name}@{} runs here and was withdrawn from `{channel}`: {}; `updraft rollback {name}` goes back, \
             `updraft install {name}` takes the newest",
            installed.version, withdrawn.reason
        );
        Some(Concern { kind: ConcernKind::Withdrawn, detail })
    }

    fn runs_unsupported(&self, component: &Component) -> Option<Concern> {
        let installed = component.installed.as_ref()?;
        let (name, channel) = (&component.name, &component.channel);
        let least = self.catalog.head(channel)?.head.min_supported(name)?.clone();
        if installed.version.change_from(&least) != VersionChange::Downgrade {
            return None;
        }
        let detail = format!(
            "{name}@{} runs here, and its publisher looks after {least} and newer only",
            installed.version
        );
        Some(Concern { kind: ConcernKind::Unsupported, detail })
    }

    fn builds_differ(&self, known: &Known) -> Option<Concern> {
        let builds = self.catalog.builds(&known.manifest);
        if builds.differ.is_empty() {
            return None;
        }
        let got: Vec<String> =
            builds.differ.iter().map(|(key, tree)| format!("builder {key} got {tree}")).collect();
        let detail = format!(
            "{} is signed as {}, but from its sources {}",
            known.manifest.release_name(),
            known.manifest.tree.object.digest,
            got.join(", ")
        );
        Some(Concern { kind: ConcernKind::BuildsDiffer, detail })
    }

    /// What a person should know who installs a release by hand.
    pub(super) fn warnings(&self, found: &Found, now: Now) -> Vec<String> {
        let known = &found.known;
        let (release, channel) = (known.manifest.release_name(), &found.channel);
        let mut warnings = Vec::new();
        if let catalog::Freshness::Stale { since, why } = self.catalog.freshness(channel, now.wall)
        {
            warnings.push(format!(
                "cannot prove freshness since {since}: {why}; a release newer than {release} may be withheld from \
                 this node"
            ));
        }
        if let Some(distrust) = self.distrust(channel, known, now) {
            warnings.push(distrusted(&release, channel, &distrust).1);
        }
        warnings.extend(self.builds_differ(known).map(|concern| concern.detail));
        warnings.extend(self.waits_for_a_vote(found, now));
        warnings
    }
}

fn alarm_in_words(alarm: &KeyAlarm) -> String {
    match alarm {
        KeyAlarm::SignedTwoHeads { channel, seq } => {
            format!("it signed two different heads {seq} of `{channel}`")
        }
        KeyAlarm::Revoked { time, reason } => {
            format!("it revoked itself at {time}: {reason}")
        }
    }
}
