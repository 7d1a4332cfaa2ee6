//! Which releases are believed: the trust root, the head of every channel, and their manifests. Pure.
//!
//! The order of checks is the protocol's: decoding and rules of the type, network, signatures, place in the
//! chain, time. An offer either changes the catalog wholly or leaves it as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    ChannelBase, ChannelName, ComponentName, Digest, Equivocation, Head, HeadMark, KeyId, Listing,
    Manifest, ReleaseVersion, Role, Root, Signable, Signed, Statement, Target, Timestamp, Verified,
    head::ChainError, root, signed::VerifyError, threshold,
};

use super::{
    brakes::Brakes,
    builders::Builders,
    chain::{Chain, ChannelHead, Place, Rebased},
    doubts::Doubts,
    refusal::Refusal,
    time::TrustedTime,
    witnesses::Witnesses,
};

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

/// What a new root changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootOutcome {
    /// Its number.
    pub version: u64,
    /// Channels whose heads no longer hold: what is kept after the base has to go, it is fetched again.
    pub begun_anew: Vec<ChannelName>,
}

/// What a refused head may prove together with one that is trusted.
#[derive(Debug, Clone)]
pub enum Contradiction {
    /// These two heads have one number.
    Proof(Equivocation),
    /// A kept head of this number has to be looked up.
    LookUp {
        /// Of this channel.
        channel: ChannelName,
        /// The number.
        seq: u64,
    },
}

/// All that is believed.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(super) root: Verified<Root>,
    pub(super) chains: BTreeMap<ChannelName, Chain>,
    pub(super) manifests: BTreeMap<Digest, Known>,
    pub(super) time: TrustedTime,
    pub(super) witnesses: Witnesses,
    pub(super) brakes: Brakes,
    pub(super) doubts: Doubts,
    pub(super) builders: Builders,
    /// All of the last four tables, by id.
    pub(super) said: BTreeMap<Digest, Arc<Statement>>,
}

impl Catalog {
    /// Begins with a trusted root and nothing else; no signed time has been seen before `floor`.
    pub fn new(root: Verified<Root>, floor: Timestamp) -> Self {
        let mut catalog = Self {
            root,
            chains: BTreeMap::new(),
            manifests: BTreeMap::new(),
            time: TrustedTime::starting_at(floor),
            witnesses: Witnesses::default(),
            brakes: Brakes::default(),
            doubts: Doubts::default(),
            builders: Builders::default(),
            said: BTreeMap::new(),
        };
        for entry in &catalog.root.release {
            let base = catalog.root.base(&entry.channel).cloned();
            catalog.chains.insert(entry.channel.clone(), Chain::from_base(base));
        }
        catalog
    }

    /// Allows clocks to differ by so many seconds and no more.
    pub fn with_clock_skew(mut self, seconds: u64) -> Self {
        self.time = self.time.with_skew(seconds);
        self
    }

    /// The root in force.
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// The moment to judge by: the clock, but never before what enough keys have signed.
    pub fn trusted_time(&self, clock: Timestamp) -> Timestamp {
        self.time.at(clock)
    }

    /// The latest signed moment; to be kept, so that time does not go back at a restart.
    pub fn time_floor(&self) -> Timestamp {
        self.time.floor()
    }

    /// The trusted head of a channel.
    pub fn head(&self, channel: &ChannelName) -> Option<&ChannelHead> {
        self.chains.get(channel).and_then(Chain::head)
    }

    /// Where a channel's chain begins here, unless at number 1.
    pub fn base(&self, channel: &ChannelName) -> Option<&ChannelBase> {
        self.chains.get(channel).and_then(Chain::base)
    }

    /// Every channel of the root with its trusted head, if one was seen.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelName, Option<&ChannelHead>)> {
        self.chains.iter().map(|(channel, chain)| (channel, chain.head()))
    }

    /// How far each channel is followed, for a catch-up request.
    pub fn marks(&self) -> Vec<HeadMark> {
        self.chains.iter().map(|(channel, chain)| chain.mark(channel)).collect()
    }

    /// Takes the root after the one in force.
    pub fn offer_root(&mut self, signed: &Signed<Root>) -> Result<RootOutcome, Refusal> {
        self.root = root::trust_next(&self.root, signed)?;
        let begun_anew = self.doubt_everything();
        Ok(RootOutcome { version: self.root.version, begun_anew })
    }

    /// Takes a head if it is the next of its channel.
    pub fn offer_head(
        &mut self,
        signed: &Arc<Signed<Head>>,
        offer: Offer,
        clock: Timestamp,
    ) -> Result<HeadOutcome, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let channel = claim.channel.clone();
        let chain =
            self.chains.get(&channel).ok_or_else(|| Refusal::UnknownChannel(channel.clone()))?;
        // What is known, and what is older than the memory of links, costs no signature check.
        match chain.place(claim.seq, &signed.digest()) {
            Place::Known => return Ok(HeadOutcome::Known),
            Place::Open if claim.seq < chain.seq() => {
                return Err(ChainError::Older { trusted: chain.seq(), offered: claim.seq }.into());
            }
            Place::Open | Place::Contradicts => {}
        }
        let head = self.verify_head(signed, &claim)?;
        if self.time.is_future(head.time, clock) {
            return Err(Refusal::FromTheFuture { signed: head.time });
        }
        match chain.would_follow(&head) {
            Ok(()) => {}
            Err(ChainError::Known { .. }) => return Ok(HeadOutcome::Known),
            Err(ChainError::Gap { expected, offered }) => {
                return Ok(HeadOutcome::Missing { channel, have: expected - 1, offered });
            }
            Err(ChainError::Older { offered, .. }) => {
                return Err(ChainError::Forked { seq: offered }.into());
            }
            Err(error) => return Err(error.into()),
        }
        if self.doubts.freeze(&self.root, &channel).is_some() {
            return Err(Refusal::Frozen(channel));
        }
        if offer == Offer::News && head.is_expired(self.time.at(clock)) {
            return Err(Refusal::Expired { expired: head.expires });
        }
        let seq = head.seq;
        self.time.learn(head.time, clock);
        if let Some(chain) = self.chains.get_mut(&channel) {
            chain.follow(signed, head)?;
        }
        self.forget_unlisted();
        Ok(HeadOutcome::Accepted { channel, seq })
    }

    /// What a head that was just refused may prove, if some key of its channel did sign it.
    ///
    /// Whoever calls this pays for signature checks, so it is for heads that contradict a trusted one only.
    pub fn contradiction(&self, signed: &Signed<Head>) -> Option<Contradiction> {
        let claim = signed.peek().ok()?;
        let chain = self.chains.get(&claim.channel)?;
        if chain.place(claim.seq, &signed.digest()) != Place::Contradicts {
            return None;
        }
        let role = self.root.release_role(&claim.channel)?;
        if signed.signers(&self.root.network, role).is_empty() {
            return None;
        }
        match chain.head().filter(|known| known.head.seq == claim.seq) {
            Some(known) => {
                let proof = Equivocation::new(known.signed.as_ref().clone(), signed.clone());
                Some(Contradiction::Proof(proof))
            }
            None => Some(Contradiction::LookUp { channel: claim.channel, seq: claim.seq }),
        }
    }

    /// Takes the head of a channel that this node kept before, as it is: its place in the chain was checked when
    /// it was accepted, its signatures are checked again because disks and roots change. `links` are the numbers
    /// and digests of heads kept before it: the newest of them, and the one at the root's base or, if that is 0,
    /// at number 1.
    ///
    /// # Errors
    /// What no longer stands is refused, and the channel begins at its base.
    pub fn restore_head(
        &mut self,
        signed: &Arc<Signed<Head>>,
        links: BTreeMap<u64, Digest>,
    ) -> Result<(), Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let channel = claim.channel.clone();
        let head = self.verify_head(signed, &claim)?;
        match self.chains.entry(channel.clone()).or_default().restore(signed, head, links) {
            Rebased::Stays => Ok(()),
            Rebased::BeginsAnew => Err(Refusal::OffTheBase(channel)),
        }
    }

    /// The kept head of a channel cannot be read any more: nothing up to its number is taken, but that very head.
    pub fn restore_place(&mut self, place: ChannelBase) {
        let chain = self.chains.entry(place.channel.clone()).or_default();
        if place.seq > chain.seq() {
            *chain = Chain::from_base(Some(place));
        }
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
        clock: Timestamp,
    ) -> Result<(), Refusal> {
        let mut trial = self.clone();
        match trial.offer_head(head, Offer::News, clock)? {
            HeadOutcome::Accepted { .. } => {}
            // A head of the past is known as well, and nothing of it is on offer any more.
            HeadOutcome::Known => trial.is_trusted_head(head)?,
            HeadOutcome::Missing { have, offered, .. } => {
                return Err(ChainError::Gap { expected: have + 1, offered }.into());
            }
        }
        trial.offer_named(manifest).map(|_| ())
    }

    fn is_trusted_head(&self, offered: &Signed<Head>) -> Result<(), Refusal> {
        let claim = offered.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let trusted = self.chains.get(&claim.channel).map_or(0, Chain::seq);
        if claim.seq == trusted {
            return Ok(());
        }
        Err(ChainError::Older { trusted, offered: claim.seq }.into())
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

    /// Whether the keys of its channel signed a manifest, listed or not.
    pub fn vouches_for(&self, signed: &Signed<Manifest>) -> bool {
        let role =
            signed.peek().ok().and_then(|claim| self.root.release_role(&claim.channel).cloned());
        role.is_some_and(|role| {
            signed.verify(&self.root.network, self.doubts.authority(&role)).is_ok()
        })
    }

    /// Under a new root only what its keys vouch for is believed: a key that was taken out of a role takes with
    /// it what it alone had signed. Says which channels had to begin anew.
    fn doubt_everything(&mut self) -> Vec<ChannelName> {
        self.doubts.settle(&self.root);
        self.settle_statements();
        let mut begun_anew = Vec::new();
        let mut chains = std::mem::take(&mut self.chains);
        for entry in &self.root.release {
            let channel = &entry.channel;
            let base = self.root.base(channel).cloned();
            let mut chain = chains.remove(channel).unwrap_or_default();
            let new = base.as_ref().filter(|base| chain.base() != Some(*base)).cloned();
            let mut anew = new.is_some_and(|base| chain.rebase(base) == Rebased::BeginsAnew);
            if let Some(known) = chain.head().cloned() {
                let named = chain.names(&known.head.digest());
                if !named && self.verify_by_role(&known.signed, &known.head).is_err() {
                    chain.begin_anew();
                    anew = true;
                }
            }
            if anew {
                // What witnesses said was about heads that hold no longer.
                self.witnesses.retain(|word, _| word.channel != *channel);
                begun_anew.push(channel.clone());
            }
            self.chains.insert(channel.clone(), chain);
        }
        let manifests = std::mem::take(&mut self.manifests);
        for (digest, known) in manifests {
            if self.vouches_for(&known.signed) {
                self.manifests.insert(digest, known);
            }
        }
        self.forget_unlisted();
        begun_anew
    }

    /// Verifies a head by the base that names it, or by its channel's keys.
    fn verify_head(&self, signed: &Signed<Head>, claim: &Head) -> Result<Verified<Head>, Refusal> {
        let digest = signed.digest();
        if self.chains.get(&claim.channel).is_some_and(|chain| chain.names(&digest)) {
            return Ok(signed.verify_named(&self.root.network, &digest)?);
        }
        self.verify_by_role(signed, claim)
    }

    fn verify_by_role(
        &self,
        signed: &Signed<Head>,
        claim: &Head,
    ) -> Result<Verified<Head>, Refusal> {
        let role = self
            .root
            .release_role(&claim.channel)
            .ok_or_else(|| Refusal::UnknownChannel(claim.channel.clone()))?;
        signed
            .verify(&self.root.network, self.doubts.authority(role))
            .map_err(|error| self.why_unverified(error, signed, role))
    }

    /// Too few signers may have three reasons, of which only one is the sender's fault.
    pub(super) fn why_unverified<T: Signable>(
        &self,
        error: VerifyError,
        signed: &Signed<T>,
        role: &Role,
    ) -> Refusal {
        let VerifyError::Threshold(missing) = &error else { return error.into() };
        let signers = signed.signers(&self.root.network, role);
        if threshold::enough(role, &signers).is_ok() {
            return Refusal::RevokedKey;
        }
        let strangers: BTreeSet<KeyId> = signed
            .signatures()
            .iter()
            .map(|signature| signature.key)
            .filter(|key| role.key(key).is_none())
            .collect();
        if missing.have + strangers.len() >= missing.need {
            return Refusal::UnknownKeys { have: missing.have, need: missing.need };
        }
        error.into()
    }

    fn listing_of(&self, manifest: &Digest) -> Option<(ChannelName, Listing)> {
        self.listings()
            .find(|(_, listing)| listing.manifest == *manifest)
            .map(|(channel, listing)| (channel.clone(), listing.clone()))
    }

    pub(super) fn verify_manifest(
        &self,
        signed: &Arc<Signed<Manifest>>,
        listing: impl FnOnce(&Self) -> Option<(ChannelName, Listing)>,
    ) -> Result<Known, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let role = self
            .root
            .release_role(&claim.channel)
            .ok_or_else(|| Refusal::UnknownChannel(claim.channel.clone()))?;
        let manifest = signed
            .verify(&self.root.network, self.doubts.authority(role))
            .map_err(|error| self.why_unverified(error, signed, role))?;
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

    /// A release that its channel no longer lists is not on offer, whoever still has its manifest. What was
    /// withdrawn is remembered: somebody may run it.
    fn forget_unlisted(&mut self) {
        let listed: BTreeSet<Digest> =
            self.listings().map(|(_, listing)| listing.manifest).collect();
        let withdrawn: BTreeSet<Digest> =
            self.withdrawals().map(|(_, withdrawn, _)| withdrawn.manifest).collect();
        self.manifests.retain(|digest, _| listed.contains(digest) || withdrawn.contains(digest));
        self.forget_attestations(&listed);
        self.index();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
