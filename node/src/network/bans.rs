//! Who may not connect, until when and why. Pure: the time is an argument.
//!
//! A ban is on a peer id. Ids are free, so a ban stops mistakes and lazy liars; what stops a determined one
//! are the limits on connections of one subnet and the digests that everything is checked against.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{identity::PeerId, metrics::BanReason};

/// Bans kept at once. When full, the one that ends first gives way: a liar with many ids can shorten the
/// bans of his own ids, not lift a person's.
pub(super) const MAX_BANS: usize = 4_096;

/// Longest ban. A longer one belongs into the configuration, which survives a restart.
pub(super) const MAX_BAN: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A ban as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// When it ends.
    pub until: Instant,
    /// Why it was spoken.
    pub reason: BanReason,
}

/// The door's list.
#[derive(Debug, Default)]
pub(super) struct Bans {
    banned: BTreeMap<PeerId, Ban>,
    /// If not empty, only these may connect.
    allowed: BTreeSet<PeerId>,
    denied: BTreeSet<PeerId>,
}

impl Bans {
    pub(super) fn new(allowed: &[PeerId], denied: &[PeerId]) -> Self {
        Self {
            banned: BTreeMap::new(),
            allowed: allowed.iter().copied().collect(),
            denied: denied.iter().copied().collect(),
        }
    }

    /// Bans, or lengthens a ban; a shorter one changes nothing.
    pub(super) fn ban(&mut self, peer: PeerId, length: Duration, reason: BanReason, now: Instant) {
        let until = now + length.min(MAX_BAN);
        if self.banned.get(&peer).is_some_and(|ban| ban.until >= until) {
            return;
        }
        self.banned.insert(peer, Ban { until, reason });
        if self.banned.len() > MAX_BANS {
            self.forget_one(now);
        }
    }

    pub(super) fn unban(&mut self, peer: PeerId) {
        self.banned.remove(&peer);
    }

    pub(super) fn ban_of(&self, peer: PeerId, now: Instant) -> Option<Ban> {
        self.banned.get(&peer).copied().filter(|ban| ban.until > now)
    }

    pub(super) fn may_connect(&self, peer: PeerId, now: Instant) -> bool {
        self.ban_of(peer, now).is_none()
            && !self.denied.contains(&peer)
            && (self.allowed.is_empty() || self.allowed.contains(&peer))
    }

    fn forget_one(&mut self, now: Instant) {
        self.banned.retain(|_, ban| ban.until > now);
        if self.banned.len() <= MAX_BANS {
            return;
        }
        let first = self
            .banned
            .iter()
            .min_by_key(|(_, ban)| (ban.reason == BanReason::Operator, ban.until))
            .map(|(peer, _)| *peer);
        if let Some(peer) = first {
            self.banned.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::identity::NodeKey;

    fn peer() -> PeerId {
        NodeKey::generate().peer_id()
    }

    #[test]
    fn a_ban_ends_by_itself_and_not_before() {
        let (mut bans, now, peer) = (Bans::default(), Instant::now(), peer());
        bans.ban(peer, Duration::from_secs(10), BanReason::BadChunk, now);
        assert!(!bans.may_connect(peer, now + Duration::from_secs(9)));
        assert!(bans.may_connect(peer, now + Duration::from_secs(10)));
    }

    #[test]
    fn a_shorter_ban_does_not_shorten_a_longer_one() {
        let (mut bans, now, peer) = (Bans::default(), Instant::now(), peer());
        bans.ban(peer, Duration::from_secs(100), BanReason::Operator, now);
        bans.ban(peer, Duration::from_secs(1), BanReason::Misconduct, now);
        assert!(!bans.may_connect(peer, now + Duration::from_secs(50)));
        bans.unban(peer);
        assert!(bans.may_connect(peer, now));
    }

    #[test]
    fn lists_of_the_configuration_hold() {
        let (friend, foe, other, now) = (peer(), peer(), peer(), Instant::now());
        let bans = Bans::new(&[friend, foe], &[foe]);
        assert!(bans.may_connect(friend, now));
        assert!(!bans.may_connect(foe, now));
        assert!(!bans.may_connect(other, now));
    }

    #[test]
    fn a_flood_of_bans_keeps_the_bound_and_what_a_person_said() {
        let (mut bans, now, foe) = (Bans::default(), Instant::now(), peer());
        bans.ban(foe, Duration::from_secs(1), BanReason::Operator, now);
        let mut bytes = peer().to_bytes();
        for n in 0..=u32::try_from(MAX_BANS).expect("small") {
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&n.to_be_bytes());
            let peer = PeerId::from_bytes(&bytes).expect("still an id");
            bans.ban(peer, Duration::from_secs(60), BanReason::Misconduct, now);
        }
        assert_eq!(bans.banned.len(), MAX_BANS);
        assert!(!bans.may_connect(foe, now));
    }
}
