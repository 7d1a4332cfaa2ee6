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

/// A ban is remembered for so long after its end, to make the next one longer.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);

/// A ban as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// When it ends.
    pub until: Instant,
    /// Why it was spoken.
    pub reason: BanReason,
}

/// A ban in force or over; one that is over still tells how often there was one.
#[derive(Debug, Clone, Copy)]
struct Entry {
    ban: Ban,
    /// Bans of this peer for this reason in a row.
    spoken: u32,
}

/// The door's list.
#[derive(Debug, Default)]
pub(super) struct Bans {
    banned: BTreeMap<PeerId, Entry>,
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
        let before = self.banned.get(&peer);
        if before.is_some_and(|entry| entry.ban.until >= until) {
            return;
        }
        let again = before.filter(|entry| entry.ban.reason == reason);
        let spoken = again.map_or(0, |entry| entry.spoken).saturating_add(1);
        self.banned.insert(peer, Entry { ban: Ban { until, reason }, spoken });
        if self.banned.len() > MAX_BANS {
            self.forget_one(now);
        }
    }

    pub(super) fn unban(&mut self, peer: PeerId) {
        self.banned.remove(&peer);
    }

    pub(super) fn ban_of(&self, peer: PeerId, now: Instant) -> Option<Ban> {
        self.banned.get(&peer).map(|entry| entry.ban).filter(|ban| ban.until > now)
    }

    /// How often a peer was banned for this reason, as far as is remembered; a ban for another reason or its
    /// lifting ends the row.
    pub(super) fn spoken(&self, peer: PeerId, reason: BanReason) -> u32 {
        let entry = self.banned.get(&peer).filter(|entry| entry.ban.reason == reason);
        entry.map_or(0, |entry| entry.spoken)
    }

    /// Forgets bans that have been over for as long as the longest grown one takes: whoever behaved for a day
    /// begins anew.
    pub(super) fn expire(&mut self, now: Instant) {
        self.banned.retain(|_, entry| entry.ban.until + REMEMBERED > now);
    }

    pub(super) fn may_connect(&self, peer: PeerId, now: Instant) -> bool {
        self.ban_of(peer, now).is_none()
            && !self.denied.contains(&peer)
            && (self.allowed.is_empty() || self.allowed.contains(&peer))
    }

    fn forget_one(&mut self, now: Instant) {
        self.banned.retain(|_, entry| entry.ban.until > now);
        if self.banned.len() <= MAX_BANS {
            return;
        }
        let first = self
            .banned
            .iter()
            .min_by_key(|(_, entry)| (entry.ban.reason == BanReason::Operator, entry.ban.until))
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
    fn bans_in_a_row_are_counted_until_a_day_has_passed_without_one() {
        let (mut bans, now, peer) = (Bans::default(), Instant::now(), peer());
        let (minute, day) = (Duration::from_secs(60), Duration::from_secs(86_400));
        bans.ban(peer, minute, BanReason::Flood, now);
        bans.expire(now + 2 * minute);
        assert!(bans.may_connect(peer, now + 2 * minute));
        assert_eq!(bans.spoken(peer, BanReason::Flood), 1);
        assert_eq!(bans.spoken(peer, BanReason::Misconduct), 0);
        bans.ban(peer, minute, BanReason::Flood, now + 2 * minute);
        assert_eq!(bans.spoken(peer, BanReason::Flood), 2);
        bans.expire(now + 3 * minute + day);
        assert_eq!(bans.spoken(peer, BanReason::Flood), 0);
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
