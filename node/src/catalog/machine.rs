//! Which releases are believed: the trust root, the head of every channel, and their manifests. Pure.
//!
//! The order of checks is the protocol's: decoding and rules of the type, network, signatures, place in the
//! chain, time. An offer either changes the catalog wholly or leaves it as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    ChannelName, ComponentName, Digest, Head, HeadMark, KeyId, Listing, Manifest, ReleaseVersion,
    Root, Signed, Target, Timestamp, Verified,
    head::{self, ChainError},
    limits::MAX_CLOCK_SKEW,
    root,
};

use super::refusal::Refusal;

/// The trusted head of a channel, as received.
#[derive(Debug, Clone)]
pub struct ChannelHead {
    /// The signed bytes, for peers that ask.
    pub signed: Arc<Signed<Head>>,
    /// What they say.
    pub head: Verified<Head>,
}

/// A manifest that a trusted head lists.
#[derive(Debug, Clone)]
pub struct Known {
    /// The signed bytes, for peers that ask.
    pub signed: Arc<Signed<Manifest>>,
    /// What they say.
    pub manifest: Arc<Manifest>,
    /// Who signed.
    pub signers: Vec<KeyId>,
    /// Where the head lists it.
    pub channel: ChannelName,
}

/// What became of an offered head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadOutcome {
    /// It is trusted now.
    Accepted {
        /// Its channel.
        channel: ChannelName,
        /// Its number.
        seq: u64,
    },
    /// Its signatures are good, and links between the trusted head and it are missing.
    Missing {
        /// Its channel.
        channel: ChannelName,
        /// The trusted number.
        have: u64,
        /// The offered number.
        offered: u64,
    },
    /// It is the head that is trusted.
    Known,
}

/// Whether an offered head is somebody's newest word or a link on the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// News: a head that has already expired is of no use.
    News,
    /// A link of the chain, however old.
    Link,
}

/// All that is believed.
#[derive(Debug, Clone)]
pub struct Catalog {
    root: Verified<Root>,
    heads: BTreeMap<ChannelName, ChannelHead>,
    manifests: BTreeMap<Digest, Known>,
}

impl Catalog {
    /// Begins with a trusted root and nothing else.
    pub fn new(root: Verified<Root>) -> Self {
        Self { root, heads: BTreeMap::new(), manifests: BTreeMap::new() }
    }

    /// The root in force.
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// The trusted head of a channel.
    pub fn head(&self, channel: &ChannelName) -> Option<&ChannelHead> {
        self.heads.get(channel)
    }

    /// Every channel of the root with its trusted head, if one was seen.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelName, Option<&ChannelHead>)> {
        self.root.release.iter().map(|entry| (&entry.channel, self.heads.get(&entry.channel)))
    }

    /// How far each channel is followed, for a catch-up request.
    pub fn marks(&self) -> Vec<HeadMark> {
        self.channels()
            .map(|(channel, head)| HeadMark {
                channel: channel.clone(),
                seq: head.map_or(0, |head| head.head.seq),
                head: head.map(|head| head.head.digest()),
            })
            .collect()
    }

    /// Takes the root after the one in force.
    pub fn offer_root(&mut self, signed: &Signed<Root>) -> Result<u64, Refusal> {
        self.root = root::trust_next(&self.root, signed)?;
        self.doubt_everything();
        Ok(self.root.version)
    }

    /// Takes a head if it is the next of its channel.
    pub fn offer_head(
        &mut self,
        signed: &Arc<Signed<Head>>,
        offer: Offer,
        now: Timestamp,
    ) -> Result<HeadOutcome, Refusal> {
        let head = self.verify_head(signed)?;
        let channel = head.channel.clone();
        if head.time > now.plus(MAX_CLOCK_SKEW) {
            return Err(Refusal::FromTheFuture { signed: head.time });
        }
        let trusted = self.heads.get(&channel).map(|known| &known.head);
        match head::continues(self.root.base(&channel), trusted, &head) {
            Ok(()) => {}
            Err(ChainError::Known { .. }) => return Ok(HeadOutcome::Known),
            Err(ChainError::Gap { expected, offered }) => {
                return Ok(HeadOutcome::Missing { channel, have: expected - 1, offered });
            }
            Err(error) => return Err(error.into()),
        }
        if offer == Offer::News && head.is_expired(now) {
            return Err(Refusal::Expired { expired: head.expires });
        }
        let seq = head.seq;
        self.heads.insert(channel.clone(), ChannelHead { signed: signed.clone(), head });
        self.forget_unlisted();
        Ok(HeadOutcome::Accepted { channel, seq })
    }

    /// Takes a head that this node kept before, as it is: its place in the chain was checked when it was
    /// accepted, its signatures are checked again because disks and roots change.
    pub fn restore_head(&mut self, signed: &Arc<Signed<Head>>) -> Result<(), Refusal> {
        let head = self.verify_head(signed)?;
        self.heads.insert(head.channel.clone(), ChannelHead { signed: signed.clone(), head });
        Ok(())
    }

    /// Takes a manifest if a trusted head lists it and its channel's keys signed it.
    pub fn offer_manifest(&mut self, signed: &Arc<Signed<Manifest>>) -> Result<&Known, Refusal> {
        let digest = signed.digest();
        let known = self.verify_manifest(signed, |catalog| catalog.listing_of(&digest))?;
        Ok(self.manifests.entry(digest).or_insert(known))
    }

    /// Judges a bundle (a head and a manifest that is new in it) without taking it.
    pub fn judge(
        &self,
        head: &Arc<Signed<Head>>,
        manifest: &Arc<Signed<Manifest>>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut trial = self.clone();
        match trial.offer_head(head, Offer::News, now)? {
            HeadOutcome::Accepted { .. } | HeadOutcome::Known => {}
            HeadOutcome::Missing { have, offered, .. } => {
                return Err(ChainError::Gap { expected: have + 1, offered }.into());
            }
        }
        trial.offer_manifest(manifest).map(|_| ())
    }

    /// A manifest that is believed.
    pub fn manifest(&self, digest: &Digest) -> Option<&Known> {
        self.manifests.get(digest)
    }

    /// Digests that trusted heads list and whose manifests have not come yet.
    pub fn missing_manifests(&self) -> BTreeSet<Digest> {
        self.listings()
            .map(|(_, listing)| listing.manifest)
            .filter(|d| !self.manifests.contains_key(d))
            .collect()
    }

    /// Everything on offer: channel and listing, in order.
    pub fn listings(&self) -> impl Iterator<Item = (&ChannelName, &Listing)> {
        self.heads.iter().flat_map(|(channel, head)| {
            head.head.releases.iter().map(move |listing| (channel, listing))
        })
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
        self.candidates(component, channel, machine)
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
        let listings =
            self.heads.get(channel).into_iter().flat_map(|head| head.head.releases.iter());
        listings
            .filter(move |listing| {
                listing.component == *component && listing.target.runs_on(machine)
            })
            .filter_map(|listing| self.manifests.get(&listing.manifest))
    }

    /// Whether the keys of its channel signed a manifest, listed or not.
    pub fn vouches_for(&self, signed: &Signed<Manifest>) -> bool {
        let role =
            signed.peek().ok().and_then(|claim| self.root.release_role(&claim.channel).cloned());
        role.is_some_and(|role| signed.verify(&self.root.network, &role).is_ok())
    }

    /// Under a new root only what its keys vouch for is believed: a key that was taken out of a role takes with
    /// it what it alone had signed.
    fn doubt_everything(&mut self) {
        let heads = std::mem::take(&mut self.heads);
        for (channel, known) in heads {
            if self.verify_head(&known.signed).is_ok() {
                self.heads.insert(channel, known);
            }
        }
        let manifests = std::mem::take(&mut self.manifests);
        for (digest, known) in manifests {
            if self.vouches_for(&known.signed) {
                self.manifests.insert(digest, known);
            }
        }
        self.forget_unlisted();
    }

    fn verify_head(&self, signed: &Signed<Head>) -> Result<Verified<Head>, Refusal> {
        let channel = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?.channel;
        let role = self.root.release_role(&channel).ok_or(Refusal::UnknownChannel(channel))?;
        Ok(signed.verify(&self.root.network, role)?)
    }

    fn listing_of(&self, manifest: &Digest) -> Option<(ChannelName, Listing)> {
        self.heads.iter().find_map(|(channel, head)| {
            head.head.listing(manifest).map(|listing| (channel.clone(), listing.clone()))
        })
    }

    fn verify_manifest(
        &self,
        signed: &Arc<Signed<Manifest>>,
        listing: impl FnOnce(&Self) -> Option<(ChannelName, Listing)>,
    ) -> Result<Known, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let role = self
            .root
            .release_role(&claim.channel)
            .ok_or_else(|| Refusal::UnknownChannel(claim.channel.clone()))?;
        let manifest = signed.verify(&self.root.network, role)?;
        let (channel, listing) = listing(self).ok_or(Refusal::NotListed(manifest.digest()))?;
        let is = (&manifest.component, &manifest.target, &manifest.version);
        if is != (&listing.component, &listing.target, &listing.version) {
            let name =
                |(c, t, v): (&ComponentName, &Target, &ReleaseVersion)| format!("{c}@{v} for {t}");
            return Err(Refusal::ListedOtherwise {
                manifest: manifest.digest(),
                listed: name((&listing.component, &listing.target, &listing.version)),
                is: name(is),
            });
        }
        let signers = manifest.signers().iter().copied().collect();
        Ok(Known {
            signed: signed.clone(),
            manifest: Arc::new(manifest.into_inner()),
            signers,
            channel,
        })
    }

    /// A release that its channel no longer lists is not on offer, whoever still has its manifest.
    fn forget_unlisted(&mut self) {
        let heads = &self.heads;
        self.manifests
            .retain(|digest, _| heads.values().any(|head| head.head.listing(digest).is_some()));
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
