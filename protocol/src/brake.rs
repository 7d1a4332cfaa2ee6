//! Stopping a release is easier than shipping one: any one brake key pauses, a release threshold ends the pause.
//!
//! A pause ends by itself, and its key cannot order the same one again at once, so a stolen brake key costs some
//! days at worst. A brake can never install, downgrade or change keys.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    key::KeyId,
    limits::{BRAKE_AGAIN, MAX_BRAKE, MAX_BRAKES, MAX_REASON, MAX_SENTENCE},
    name::ChannelName,
    network::NetworkId,
    signed::{Sentence, Signable},
    time::Timestamp,
};

/// One brake key pauses a release, or all of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Brake {
    /// The network.
    pub network: NetworkId,
    /// The brake key.
    pub by: KeyId,
    /// The channel.
    pub channel: ChannelName,
    /// Digest of the release's manifest; `None` for everything on the channel.
    pub release: Option<Digest>,
    /// When it was ordered.
    pub issued: Timestamp,
    /// When it ends by itself, at most [`MAX_BRAKE`] seconds later.
    pub expires: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl Brake {
    /// Whether it pauses this release.
    pub fn covers(&self, release: &Digest) -> bool {
        self.release.is_none_or(|paused| paused == *release)
    }

    /// Whether `kept`, which the same key ordered, forbids this one: the same thing may be paused again only
    /// [`BRAKE_AGAIN`] seconds later. A channel's pause and those of its releases count as the same.
    ///
    /// It does not matter which of the two is dated first. Else a stolen key could end its owner's pause by a short
    /// one from before it. So of two such pauses each node keeps the one that it heard first.
    pub fn is_too_soon_beside(&self, kept: &Self) -> bool {
        let same = self.by == kept.by && self.channel == kept.channel;
        let overlaps = self.release.is_none() || kept.release.is_none();
        let between = self.issued.max(kept.issued).since(self.issued.min(kept.issued));
        same && (overlaps || self.release == kept.release) && between < BRAKE_AGAIN
    }
}

/// How many pauses of one channel a key may have at a time, if there are so many brake keys: each has places of its
/// own, so a stolen one cannot keep an honest one out.
pub fn places(keys: usize) -> usize {
    (MAX_BRAKES / keys.max(1)).max(1)
}

/// The release keys of a channel end pauses before their time.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Lift {
    /// The network.
    pub network: NetworkId,
    /// The channel.
    pub channel: ChannelName,
    /// Whose pauses end: a release's, or (`None`) all of the channel.
    pub release: Option<Digest>,
    /// Pauses ordered up to this moment end.
    pub issued: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl Lift {
    /// Whether it ends this pause. A lift for one release does not end a pause of the whole channel.
    pub fn ends(&self, brake: &Brake) -> bool {
        let scope = self.release.is_none() || self.release == brake.release;
        self.channel == brake.channel && scope && brake.issued <= self.issued
    }

    /// After this moment every pause that it could end has ended by itself.
    pub fn expires(&self) -> Timestamp {
        self.issued.plus(MAX_BRAKE)
    }
}

impl Wire for Brake {
    const NAME: &'static str = "brake";
    const MAX: usize = MAX_SENTENCE;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("bytes of a reason", self.reason.len(), MAX_REASON)?;
        if self.expires <= self.issued || self.expires.since(self.issued) > MAX_BRAKE {
            let reason = format!("does not last between 1 and {MAX_BRAKE} s");
            return Err(Invalid::new("brake", reason));
        }
        Ok(())
    }
}

impl Signable for Brake {
    const DOMAIN: &'static str = "updraft/brake/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}

impl Sentence for Brake {
    fn speaker(&self) -> KeyId {
        self.by
    }
}

impl Wire for Lift {
    const NAME: &'static str = "lift";
    const MAX: usize = MAX_SENTENCE;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("bytes of a reason", self.reason.len(), MAX_REASON)
    }
}

impl Signable for Lift {
    const DOMAIN: &'static str = "updraft/lift/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn brake(key: u8, release: Option<&[u8]>, issued: u64) -> Brake {
        Brake {
            network: NetworkId::from_bytes([1; 32]),
            by: SecretKey::from_seed(&[key; 32]).public().id(),
            channel: "stable".parse().expect("a channel"),
            release: release.map(Digest::of),
            issued: Timestamp::from_seconds(issued),
            expires: Timestamp::from_seconds(issued + MAX_BRAKE),
            reason: String::new(),
        }
    }

    #[test]
    fn one_key_pauses_the_same_thing_once_a_week() {
        let first = brake(1, Some(b"a"), 1_000);
        let again = |release, issued| brake(1, release, issued).is_too_soon_beside(&first);
        assert!(again(Some(b"a"), 1_000 + BRAKE_AGAIN - 1));
        assert!(!again(Some(b"a"), 1_000 + BRAKE_AGAIN));
        assert!(!again(Some(b"b"), 2_000), "another release");
        assert!(again(None, 2_000), "the whole channel, and the release with it");
        assert!(brake(1, Some(b"b"), 2_000).is_too_soon_beside(&brake(1, None, 1_000)));
        assert!(!brake(2, Some(b"a"), 2_000).is_too_soon_beside(&first), "another key");
        assert!(brake(1, Some(b"a"), 999).is_too_soon_beside(&first), "dated before");
    }

    #[test]
    fn brake_keys_share_the_places_of_a_channel_and_each_has_one() {
        assert_eq!([0, 1, 3, 16, 32].map(places), [MAX_BRAKES, MAX_BRAKES, 5, 1, 1]);
    }

    #[test]
    fn a_lift_ends_what_was_paused_before_it_and_no_more_than_it_names() {
        let lift = |release: Option<&[u8]>, issued| Lift {
            network: NetworkId::from_bytes([1; 32]),
            channel: "stable".parse().expect("a channel"),
            release: release.map(Digest::of),
            issued: Timestamp::from_seconds(issued),
            reason: String::new(),
        };
        assert!(lift(Some(b"a"), 1_000).ends(&brake(1, Some(b"a"), 1_000)));
        assert!(lift(None, 1_000).ends(&brake(1, Some(b"a"), 1_000)));
        assert!(!lift(Some(b"a"), 1_000).ends(&brake(1, None, 1_000)));
        assert!(!lift(Some(b"b"), 1_000).ends(&brake(1, Some(b"a"), 1_000)));
        assert!(!lift(None, 999).ends(&brake(1, None, 1_000)), "ordered after the lift");
    }

    #[test]
    fn a_pause_of_more_than_three_days_is_no_pause() {
        let mut long = brake(1, None, 0);
        assert_eq!(long.check(), Ok(()));
        long.expires = long.expires.plus(1);
        assert!(long.check().is_err());
        long.expires = long.issued;
        assert!(long.check().is_err());
    }
}
