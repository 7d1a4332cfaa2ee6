//! What a new root changes: under it only what its keys vouch for is believed. Pure.
//!
//! A key that was taken out of a role takes with it what it alone had signed. Whoever has followed the network from
//! its first day and whoever comes tomorrow end at the same heads.

use std::collections::BTreeMap;

use updraft_protocol::{ChannelName, Root, Signed, root};

use super::{chain::Rebased, machine::Catalog, refusal::Refusal};

/// What a new root changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootOutcome {
    /// Its number.
    pub version: u64,
    /// Channels whose heads no longer hold: what is kept after the base has to go, it is fetched again.
    pub begun_anew: Vec<ChannelName>,
}

/// For each channel, the root that last said by whose keys, and from where, it goes on. Everybody who follows the
/// same roots has the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beginnings(BTreeMap<ChannelName, u64>);

impl Beginnings {
    /// Under a network's first root.
    pub fn of(first: &Root) -> Self {
        Self(first.release.iter().map(|entry| (entry.channel.clone(), first.version)).collect())
    }

    /// Goes on with the root after `trusted`; says for which channels that named other keys or another base.
    pub fn follow(&mut self, trusted: &Root, next: &Root) -> Vec<ChannelName> {
        self.0.retain(|channel, _| next.release_role(channel).is_some());
        let channels = next.release.iter().map(|entry| &entry.channel);
        let begun: Vec<ChannelName> = channels
            .filter(|channel| {
                next.release_role(channel) != trusted.release_role(channel)
                    || next.base(channel) != trusted.base(channel)
            })
            .cloned()
            .collect();
        self.0.extend(begun.iter().map(|channel| (channel.clone(), next.version)));
        begun
    }

    /// The root's number; 0 for a channel that no root has.
    pub(super) fn at(&self, channel: &ChannelName) -> u64 {
        self.0.get(channel).copied().unwrap_or(0)
    }
}

impl Catalog {
    /// Takes the root after the one in force.
    pub fn offer_root(&mut self, signed: &Signed<Root>) -> Result<RootOutcome, Refusal> {
        let next = root::trust_next(&self.root, signed)?;
        let trusted = std::mem::replace(&mut self.root, next);
        let begun = self.begun.follow(&trusted, &self.root);
        let begun_anew = self.begin_channels(&begun);
        self.ahead.forget();
        self.doubts.settle(&self.root);
        self.settle_statements();
        let manifests = std::mem::take(&mut self.manifests);
        for (digest, known) in manifests {
            if self.vouches_for(&known.signed) {
                self.manifests.insert(digest, known);
            }
        }
        self.forget_unlisted();
        Ok(RootOutcome { version: self.root.version, begun_anew })
    }

    /// Goes on with every channel of the root where it says; says which had to begin anew.
    fn begin_channels(&mut self, begun: &[ChannelName]) -> Vec<ChannelName> {
        let mut begun_anew = Vec::new();
        let mut chains = std::mem::take(&mut self.chains);
        for entry in &self.root.release {
            let channel = &entry.channel;
            let mut chain = chains.remove(channel).unwrap_or_default();
            if begun.contains(channel) {
                let base = self.root.base(channel).cloned();
                if chain.rebase(base, &entry.role) == Rebased::BeginsAnew {
                    // What witnesses said was about heads that hold no longer.
                    self.witnesses.retain(|word, _| word.channel != *channel);
                    begun_anew.push(channel.clone());
                }
            }
            self.chains.insert(channel.clone(), chain);
        }
        begun_anew
    }
}

#[cfg(test)]
#[path = "roots_tests.rs"]
mod tests;
