//! How far one channel is followed: where its chain begins, its trusted head, and the links passed. Pure.
//!
//! A channel moves by [`head::continues`] and by a new base in the root, and by nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    ChannelBase, Digest, Head, HeadMark, KeyId, Role, Signed, Verified,
    head::{self, ChainError},
    threshold,
};

/// Links remembered, so that a root which names one of them as the base does not throw back a channel. A root is
/// seldom so late; where it is, the channel begins at the base again.
const MAX_LINKS: usize = 1_024;

/// A head that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its digest.
    pub digest: Digest,
    /// Who signed it: whether a later root still bears it.
    pub signers: BTreeSet<KeyId>,
}

/// The trusted head of a channel, as received.
#[derive(Debug, Clone)]
pub struct ChannelHead {
    /// The signed bytes, for peers that ask.
    pub signed: Arc<Signed<Head>>,
    /// What they say.
    pub head: Verified<Head>,
}

/// One channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// Where it begins: from the root, or from what this node had followed and can no longer read.
    base: Option<ChannelBase>,
    head: Option<ChannelHead>,
    links: BTreeMap<u64, Link>,
}

/// What an offered head is to a chain, by its number and digest alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the head that is trusted, or one passed on the way.
    Known,
    /// Another head has its number.
    Contradicts,
    /// Anything else: only its signatures and its link can tell.
    Open,
}

impl Chain {
    pub(super) fn from_base(base: Option<ChannelBase>) -> Self {
        Self { base, ..Self::default() }
    }

    pub(super) fn base(&self) -> Option<&ChannelBase> {
        self.base.as_ref()
    }

    pub(super) fn head(&self) -> Option<&ChannelHead> {
        self.head.as_ref()
    }

    /// Number of the last head that is trusted, whether its bytes are here or not.
    pub(super) fn seq(&self) -> u64 {
        let base = self.base.as_ref().map_or(0, |base| base.seq);
        self.head.as_ref().map_or(base, |known| known.head.seq)
    }

    /// How far it is followed, for a catch-up request: a base whose head is not here is asked for.
    pub(super) fn mark(&self, channel: &updraft_protocol::ChannelName) -> HeadMark {
        let wanted_after = self.base.as_ref().map_or(0, |base| base.seq.saturating_sub(1));
        let (seq, head) = match &self.head {
            Some(known) => (known.head.seq, Some(known.head.digest())),
            None => (wanted_after, None),
        };
        HeadMark { channel: channel.clone(), seq, head }
    }

    /// Looks at number and digest before any signature is: what is known costs nothing more.
    pub(super) fn place(&self, seq: u64, digest: &Digest) -> Place {
        let here = self.head.as_ref().filter(|known| known.head.seq == seq);
        let known = here
            .map(|known| known.head.digest())
            .or_else(|| self.links.get(&seq).map(|l| l.digest));
        match known {
            Some(known) if known == *digest => Place::Known,
            Some(_) => Place::Contradicts,
            None => Place::Open,
        }
    }

    /// Whether the base names this head, which then needs no signatures.
    pub(super) fn names(&self, digest: &Digest) -> bool {
        self.base.as_ref().is_some_and(|base| base.head == Some(*digest))
    }

    /// Who signed a head that was passed lately.
    pub(super) fn signers(&self, seq: u64) -> Option<&BTreeSet<KeyId>> {
        self.links.get(&seq).map(|link| &link.signers)
    }

    /// Takes a verified head if it is the next. Its `signers` are those of its channel's keys that signed it, also if
    /// it is believed for another reason.
    pub(super) fn follow(
        &mut self,
        signed: &Arc<Signed<Head>>,
        head: Verified<Head>,
        signers: BTreeSet<KeyId>,
    ) -> Result<(), ChainError> {
        self.would_follow(&head)?;
        self.remember(head.seq, Link { digest: head.digest(), signers });
        self.head = Some(ChannelHead { signed: signed.clone(), head });
        Ok(())
    }

    /// Whether a verified head is the next.
    pub(super) fn would_follow(&self, head: &Verified<Head>) -> Result<(), ChainError> {
        head::continues(self.base.as_ref(), self.head.as_ref().map(|known| &known.head), head)
    }

    /// Remembers a link that was passed.
    fn remember(&mut self, seq: u64, link: Link) {
        self.links.insert(seq, link);
        while self.links.len() > MAX_LINKS {
            self.links.pop_first();
        }
    }

    /// Goes on from the base of a new root, whose people may have changed the keys as well; says whether the trusted
    /// head had to go. It stays if the chain leads through the base and the new role bears every head after it: so
    /// whoever comes to the network later ends where this node is.
    pub(super) fn rebase(&mut self, base: Option<ChannelBase>, role: &Role) -> Rebased {
        let (last, begin) = match (&self.head, &base) {
            (None, _) => (0, 0),
            (Some(known), Some(ChannelBase { seq, head: Some(head), .. })) => {
                let through = self.links.get(seq).is_some_and(|link| link.digest == *head);
                (known.head.seq, if through { *seq } else { u64::MAX })
            }
            // From the beginning, where every chain without a base came from.
            (Some(known), _) => {
                let came_from_there = self.base.as_ref().is_none_or(|old| old.seq == 0);
                (known.head.seq, if came_from_there { 0 } else { u64::MAX })
            }
        };
        self.base = base;
        let borne = |seq| {
            self.links.get(&seq).is_some_and(|link| threshold::enough(role, &link.signers).is_ok())
        };
        if begin < u64::MAX && (begin + 1..=last).all(borne) {
            return Rebased::Stays;
        }
        self.begin_anew();
        Rebased::BeginsAnew
    }

    /// Takes up what was kept: a verified head, and the links to it with itself. Says whether the base is among them
    /// and the role bears those after it that are known, without which the channel begins anew.
    pub(super) fn restore(
        &mut self,
        signed: &Arc<Signed<Head>>,
        head: Verified<Head>,
        links: BTreeMap<u64, Link>,
        role: &Role,
    ) -> Rebased {
        let borne = |link: &Link| threshold::enough(role, &link.signers).is_ok();
        let begin = self.base.as_ref().map_or(0, |base| base.seq);
        let through = match &self.base {
            None => true,
            Some(ChannelBase { head: None, .. }) => links.contains_key(&1),
            Some(ChannelBase { seq, head, .. }) => links.get(seq).map(|link| link.digest) == *head,
        };
        // A root that was taken while the node did not run has changed nothing here yet. It named a base, if it changed
        // the role.
        let role_is_old = self.base.is_none();
        if !through
            || !role_is_old && !links.range(begin.saturating_add(1)..).all(|(_, link)| borne(link))
        {
            return Rebased::BeginsAnew;
        }
        links.into_iter().for_each(|(seq, link)| self.remember(seq, link));
        self.head = Some(ChannelHead { signed: signed.clone(), head });
        Rebased::Stays
    }

    fn begin_anew(&mut self) {
        self.head = None;
        self.links.clear();
    }
}

/// What a new base did to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rebased {
    /// The chain leads through it.
    Stays,
    /// It does not; the channel begins at the base.
    BeginsAnew,
}
