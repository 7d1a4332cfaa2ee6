//! The head of a channel: which releases it offers now.
//!
//! Heads form a chain: each has the next sequence number and the digest of the one before. A node follows the
//! chain link by link, so a stolen key can add to a channel's history but never jump over it or rewrite it. A
//! root may name the head from which a channel goes on ([`ChannelBase`]); that head is believed by its digest.

use std::collections::BTreeSet;

use bincode::{Decode, Encode};

use crate::{
    broken::{self, Break},
    codec::{Invalid, Wire},
    digest::Digest,
    limits::{MAX_HEAD, MAX_LISTINGS, MAX_REASON, MAX_WITHDRAWN},
    name::{ChannelName, ComponentName, Target},
    network::NetworkId,
    root::ChannelBase,
    signed::{Signable, Verified},
    time::Timestamp,
    version::ReleaseVersion,
};

/// A release that a channel offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Listing {
    /// The component.
    pub component: ComponentName,
    /// The machines it is for.
    pub target: Target,
    /// The version.
    pub version: ReleaseVersion,
    /// Digest of the manifest's payload.
    pub manifest: Digest,
}

/// A release that was offered once and must not be installed any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Withdrawn {
    /// Digest of the manifest's payload.
    pub manifest: Digest,
    /// Why, in words.
    pub reason: String,
}

/// The lowest version of a component that its publisher still looks after.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MinSupported {
    /// The component.
    pub component: ComponentName,
    /// Versions below this one are in want of an update, whatever they are.
    pub version: ReleaseVersion,
}

/// What a channel offers from `time` on, until the next head or `expires`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// The network it is for.
    pub network: NetworkId,
    /// The channel.
    pub channel: ChannelName,
    /// Its place in the chain, from 1.
    pub seq: u64,
    /// Digest of the head before it; `None` for the first.
    pub prev: Option<Digest>,
    /// When it was signed.
    pub time: Timestamp,
    /// After this moment it proves nothing about the present.
    pub expires: Timestamp,
    /// Releases on offer, in ascending order.
    pub releases: Vec<Listing>,
    /// Releases that were on offer and are not to be installed, by digest; none of them is listed.
    pub withdrawn: Vec<Withdrawn>,
    /// Lowest versions looked after, by component.
    pub min_supported: Vec<MinSupported>,
}

/// Why a head does not continue a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Its number was passed already: somebody plays back the past, or is behind.
    #[error("head {offered} of the channel is older than head {trusted}, which is trusted")]
    Older {
        /// The trusted number.
        trusted: u64,
        /// The offered one.
        offered: u64,
    },
    /// The same number with other contents: two histories of one channel.
    #[error("two different heads {seq} of the channel are signed")]
    Forked {
        /// The number both have.
        seq: u64,
    },
    /// Links between are missing; they have to be fetched first.
    #[error("head {offered} of the channel came, head {expected} is the next")]
    Gap {
        /// The next number.
        expected: u64,
        /// The offered one.
        offered: u64,
    },
    /// The next number, but it names another head as the one before.
    #[error("head {seq} of the channel does not follow the trusted head")]
    WrongLink {
        /// Its number.
        seq: u64,
    },
    /// The very head that is trusted.
    #[error("head {seq} of the channel is known")]
    Known {
        /// Its number.
        seq: u64,
    },
}

impl Head {
    /// The listing of a release, if it is on offer.
    pub fn listing(&self, manifest: &Digest) -> Option<&Listing> {
        self.releases.iter().find(|listing| listing.manifest == *manifest)
    }

    /// Why a release must not be installed, if it was withdrawn.
    pub fn withdrawn(&self, manifest: &Digest) -> Option<&Withdrawn> {
        self.withdrawn.iter().find(|withdrawn| withdrawn.manifest == *manifest)
    }

    /// The lowest version of a component that is looked after, if there is one.
    pub fn min_supported(&self, component: &ComponentName) -> Option<&ReleaseVersion> {
        self.min_supported.iter().find(|min| min.component == *component).map(|min| &min.version)
    }

    /// Whether it says nothing about `now` any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now > self.expires && !broken::is(Break::ExpiredHeadsAreBelieved)
    }
}

/// Whether `offered` is the next link after `trusted` (`None`: no head of the channel is known yet), in a chain
/// that begins at `base` (`None`: at number 1).
///
/// The only rule by which a channel moves.
pub fn continues(
    base: Option<&ChannelBase>,
    trusted: Option<&Verified<Head>>,
    offered: &Verified<Head>,
) -> Result<(), ChainError> {
    let begin = base.map_or((0, None), |base| (base.seq, base.head));
    let (last, last_digest) = trusted.map_or(begin, |head| (head.seq, Some(head.digest())));
    let seq = offered.seq;
    if trusted.is_none() && seq == last && last_digest == Some(offered.digest()) {
        return Ok(());
    }
    if seq < last && broken::is(Break::OlderHeadsAreBelieved) {
        return Ok(());
    }
    if seq < last {
        return Err(ChainError::Older { trusted: last, offered: seq });
    }
    if seq == last {
        let same = last_digest == Some(offered.digest());
        return Err(if same { ChainError::Known { seq } } else { ChainError::Forked { seq } });
    }
    // `last < seq`, so adding one cannot overflow.
    if seq > last + 1 {
        return Err(ChainError::Gap { expected: last + 1, offered: seq });
    }
    if offered.prev != last_digest {
        return Err(ChainError::WrongLink { seq });
    }
    let channel = trusted.map(|head| &head.channel).or(base.map(|base| &base.channel));
    if channel.is_some_and(|channel| *channel != offered.channel) {
        return Err(ChainError::WrongLink { seq });
    }
    Ok(())
}

impl Wire for Head {
    const NAME: &'static str = "head";
    const MAX: usize = MAX_HEAD;

    fn check(&self) -> Result<(), Invalid> {
        if (self.seq == 0) || (self.seq == 1) != self.prev.is_none() {
            return Err(Invalid::new(
                "head",
                "has a number that does not fit its link: only number 1 has no head before it",
            ));
        }
        if self.expires <= self.time {
            return Err(Invalid::new("head", "expires before it begins"));
        }
        Invalid::if_over("releases", self.releases.len(), MAX_LISTINGS)?;
        // By component, target and version: one release of one name, whatever its manifest.
        Invalid::if_unsorted(
            "releases",
            self.releases
                .iter()
                .map(|listing| (&listing.component, &listing.target, &listing.version)),
        )?;
        self.check_withdrawn()?;
        Invalid::if_over("minimum versions", self.min_supported.len(), MAX_LISTINGS)?;
        Invalid::if_unsorted(
            "minimum versions",
            self.min_supported.iter().map(|min| &min.component),
        )
    }
}

impl Head {
    fn check_withdrawn(&self) -> Result<(), Invalid> {
        let digests = || self.withdrawn.iter().map(|withdrawn| withdrawn.manifest);
        Invalid::if_over("withdrawn releases", self.withdrawn.len(), MAX_WITHDRAWN)?;
        Invalid::if_unsorted("withdrawn releases", digests())?;
        for withdrawn in &self.withdrawn {
            Invalid::if_over("bytes of a reason", withdrawn.reason.len(), MAX_REASON)?;
        }
        let listed: BTreeSet<Digest> = self.releases.iter().map(|listed| listed.manifest).collect();
        if digests().any(|digest| listed.contains(&digest)) {
            return Err(Invalid::new("withdrawn releases", "have one that is on offer"));
        }
        Ok(())
    }
}

impl Signable for Head {
    const DOMAIN: &'static str = "updraft/head/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}
