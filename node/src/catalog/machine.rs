//! Which releases are believed: the trust root, the head of every channel, and their manifests. Pure.
//!
//! The order of checks is the protocol's: decoding and rules of the type, network, signatures, place in the
//! chain, time. An offer either changes the catalog wholly or leaves it as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use updraft_protocol::{
    ChannelBase, ChannelName, Digest, Equivocation, Head, HeadMark, KeyId, Manifest, Role, Root,
    Signable, Signed, Statement, Timestamp, Verified,
    broken::{self, Break},
    head::ChainError,
    signed::VerifyError,
    threshold,
};

use super::{
    brakes::Brakes,
    builders::Builders,
    chain::{Chain, ChannelHead, Link, Place, Rebased},
    doubts::Doubts,
    manifests::Known,
    refusal::{Refusal, Says},
    roots::Beginnings,
    time::{Ahead, TrustedTime},
    witnesses::Witnesses,
};

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
    /// News of this node's own publisher: its time may be that of the very clock that it would be compared with.
    Own,
    /// A link of the chain, however old.
    Link,
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
    pub(super) ahead: Ahead,
    pub(super) begun: Beginnings,
    /// Statements that went out of the tables since somebody asked.
    pub(super) gone: Vec<Arc<Statement>>,
    /// The moment up to which is forgotten what has run out.
    pub(super) forgot: Timestamp,
    /// Statements from the disk that this node's clock has not reached.
    pub(super) early: Vec<(Timestamp, Arc<Statement>)>,
    /// The key by which this node itself speaks.
    pub(super) own: Option<KeyId>,
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
            begun: Beginnings::of(&root),
            root,
            chains: BTreeMap::new(),
            manifests: BTreeMap::new(),
            time: TrustedTime::starting_at(floor),
            ahead: Ahead::default(),
            own: None,
            gone: Vec::new(),
            forgot: floor,
            early: Vec::new(),
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

    /// Knows which root last said by whose keys, and from where, each channel goes on.
    pub fn with_beginnings(mut self, begun: Beginnings) -> Self {
        self.begun = begun;
        self
    }

    /// Takes no time from what this key says: it is this node's own, and says what the node's clock says.
    pub fn with_own_key(mut self, own: Option<KeyId>) -> Self {
        self.own = own;
        self
    }

    /// So much time has gone by since any moment that stays the same; whatever happens to the clock.
    pub fn pass(&mut self, elapsed: Duration) {
        self.time.pass(elapsed);
    }

    /// Notes what a refusal tells although nothing of what was refused is believed: that others' clocks are ahead.
    pub fn note(&mut self, refusal: &Refusal) {
        if let Refusal::FromTheFuture { signed, says } = refusal {
            self.ahead.note(says, *signed);
        }
    }

    /// The root in force.
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// The moment to judge by: the clock, but never before what enough keys have signed.
    pub fn trusted_time(&self, clock: Timestamp) -> Timestamp {
        self.time.at(clock)
    }

    /// What is to be kept, so that time does not go back at a restart: the latest signed moment, and what has gone by
    /// since.
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
            _ if broken::is(Break::OlderHeadsAreBelieved) => {}
            Place::Known => return Ok(HeadOutcome::Known),
            Place::Open if claim.seq < chain.seq() => {
                return Err(ChainError::Older { trusted: chain.seq(), offered: claim.seq }.into());
            }
            Place::Open | Place::Contradicts => {}
        }
        let head = self.verify_head(signed, &claim)?;
        self.take_head(signed, head, offer, clock)
    }

    /// Takes a verified head if it is the next of its channel.
    pub(super) fn take_head(
        &mut self,
        signed: &Arc<Signed<Head>>,
        head: Verified<Head>,
        offer: Offer,
        clock: Timestamp,
    ) -> Result<HeadOutcome, Refusal> {
        let channel = head.channel.clone();
        // They were found when it was verified, unless the base named it, or some of them count no more.
        let are_all = !head.signers().is_empty() && self.doubts.revoked().is_empty();
        let signers = if are_all { head.signers().clone() } else { self.signers(&channel, signed) };
        if self.time.is_future(head.time, clock) {
            let says = Says::Publishers(channel);
            return Err(Refusal::FromTheFuture { signed: head.time, says });
        }
        let Some(chain) = self.chains.get_mut(&channel) else {
            return Err(Refusal::UnknownChannel(channel));
        };
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
        if offer != Offer::Link && head.is_expired(self.time.at(clock)) {
            return Err(Refusal::Expired { expired: head.expires });
        }
        let (seq, time) = (head.seq, head.time);
        chain.follow(signed, head, signers)?;
        if offer != Offer::Own {
            self.time.learn(time, clock);
        }
        self.forget_unlisted();
        Ok(HeadOutcome::Accepted { channel, seq })
    }

    /// Takes heads of one channel, one after the other as links, of which the first has too few signatures since a
    /// key took itself back: they are borne by a later one of them that has enough without it, because each names
    /// the one before. Says how many were taken.
    ///
    /// So a key that takes itself back does not lock out whoever has not followed the channel that far.
    pub fn offer_run(&mut self, run: &[Arc<Signed<Head>>], clock: Timestamp) -> usize {
        let mut heads: Vec<Verified<Head>> = Vec::new();
        let mut borne = 0;
        for signed in run {
            let Ok(claim) = signed.peek() else { break };
            let Some(role) = self.root.release_role(&claim.channel) else { break };
            let Ok(head) = signed.verify(&self.root.network, role) else { break };
            if heads.last().is_some_and(|last| {
                (Some(last.digest()), &last.channel) != (head.prev, &head.channel)
            }) {
                break;
            }
            let stands = threshold::enough(self.doubts.authority(role), head.signers()).is_ok();
            heads.push(head);
            if stands {
                borne = heads.len();
                break;
            }
        }
        let taken = run.iter().zip(heads).take(borne).take_while(|(signed, head)| {
            let taken = self.take_head(signed, head.clone(), Offer::Link, clock);
            matches!(taken, Ok(HeadOutcome::Accepted { .. }))
        });
        taken.count()
    }

    /// What a head that was just refused may prove, if some key of its channel did sign it.
    ///
    /// Whoever calls this pays for signature checks, so it is for heads that contradict a trusted one only.
    pub fn contradiction(&self, signed: &Signed<Head>) -> Option<Contradiction> {
        if broken::is(Break::ForksAreNotNoticed) {
            return None;
        }
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
    /// it was accepted, its signatures are checked again because disks and roots change. `links` are itself and heads
    /// kept before it: the newest of them, and the one at the root's base or, if that is 0, at number 1.
    ///
    /// # Errors
    /// What no longer stands is refused, and the channel begins at its base.
    pub fn restore_head(
        &mut self,
        signed: &Arc<Signed<Head>>,
        links: BTreeMap<u64, Link>,
    ) -> Result<(), Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let channel = claim.channel.clone();
        let head = self.verify_head(signed, &claim)?;
        let Some(role) = self.root.release_role(&channel) else {
            return Err(Refusal::UnknownChannel(channel));
        };
        match self.chains.entry(channel.clone()).or_default().restore(signed, head, links, role) {
            Rebased::Stays => Ok(()),
            Rebased::BeginsAnew => Err(Refusal::OffTheBase(channel)),
        }
    }

    /// The keys of a channel that signed a head which was taken: as they were found when it was.
    pub fn signers_of_taken(&self, channel: &ChannelName, seq: u64) -> BTreeSet<KeyId> {
        let chain = self.chains.get(channel);
        chain.and_then(|chain| chain.signers(seq)).cloned().unwrap_or_default()
    }

    /// The keys of a channel that signed a head or a manifest.
    pub fn signers<T: Signable>(
        &self,
        channel: &ChannelName,
        signed: &Signed<T>,
    ) -> BTreeSet<KeyId> {
        let role = self.root.release_role(channel);
        role.map(|role| signed.signers(&self.root.network, role)).unwrap_or_default()
    }

    /// The kept head of a channel cannot be read any more: nothing up to its number is taken, but that very head.
    pub fn restore_place(&mut self, place: ChannelBase) {
        let chain = self.chains.entry(place.channel.clone()).or_default();
        if place.seq > chain.seq() {
            *chain = Chain::from_base(Some(place));
        }
    }

    /// Judges a bundle (a head and a manifest that is new in it) without taking it.
    pub fn judge(
        &self,
        head: &Arc<Signed<Head>>,
        manifest: &Arc<Signed<Manifest>>,
        clock: Timestamp,
    ) -> Result<(), Refusal> {
        let claim = head.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let mut trial = self.clone();
        match trial.offer_head(head, Offer::News, clock)? {
            HeadOutcome::Accepted { .. } => {}
            // A head of the past is known as well, and nothing of it is on offer any more.
            HeadOutcome::Known => trial.is_trusted_head(head)?,
            HeadOutcome::Missing { have, offered, .. } => {
                return Err(ChainError::Gap { expected: have + 1, offered }.into());
            }
        }
        trial.offer_named(&claim.channel, manifest).map(|_| ())
    }

    fn is_trusted_head(&self, offered: &Signed<Head>) -> Result<(), Refusal> {
        let claim = offered.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let trusted = self.chains.get(&claim.channel).map_or(0, Chain::seq);
        if claim.seq == trusted {
            return Ok(());
        }
        Err(ChainError::Older { trusted, offered: claim.seq }.into())
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

    /// Too few signers may have four reasons, of which only one is the sender's fault.
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
        let (have, need) = (missing.have, missing.need);
        // An earlier root may have asked for fewer, or for others.
        let is_first = self.root.version == 1;
        if have + strangers.len() >= need || !is_first && !strangers.is_empty() {
            return Refusal::UnknownKeys { have, need };
        }
        if have > 0 && !is_first {
            return Refusal::TooFewNow { have, need };
        }
        error.into()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
