//! Which provider records of others this node keeps: so many of each peer, so many in all. Pure.
//!
//! libp2p's store bounds keys but not peers, so one peer could fill it (measured: 3,000 records of one peer
//! were taken), and it forgets expired records of others only when somebody asks for that very key.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use updraft_protocol::Digest;

use super::identity::PeerId;

/// Keys that one peer may be recorded as a provider of. A node seeds the blobs of the releases it keeps.
pub(super) const MAX_KEYS_PER_PEER: usize = 64;
/// Records of others in all. When full, new ones are refused until old ones expire.
pub(super) const MAX_RECORDS: usize = 8_192;
/// How long a record lives unless its peer renews it.
pub(super) const RECORD_LIFETIME: Duration = Duration::from_secs(3_600);

/// The records kept.
#[derive(Debug, Default)]
pub(super) struct Quota {
    records: BTreeMap<PeerId, BTreeMap<Digest, Instant>>,
    count: usize,
}

/// Why a record is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OverQuota {
    /// The peer has its share.
    Peer,
    /// Nobody can have more.
    All,
}

impl Quota {
    /// Takes a record, or renews it.
    pub(super) fn admit(
        &mut self,
        peer: PeerId,
        key: Digest,
        now: Instant,
    ) -> Result<(), OverQuota> {
        let known = self.records.get(&peer);
        if !known.is_some_and(|keys| keys.contains_key(&key)) {
            if known.map_or(0, BTreeMap::len) >= MAX_KEYS_PER_PEER {
                return Err(OverQuota::Peer);
            }
            if self.count >= MAX_RECORDS {
                return Err(OverQuota::All);
            }
            self.count += 1;
        }
        self.records.entry(peer).or_default().insert(key, now + RECORD_LIFETIME);
        Ok(())
    }

    /// Takes out what has expired, for the store to forget too.
    pub(super) fn expire(&mut self, now: Instant) -> BTreeSet<(PeerId, Digest)> {
        let mut gone = BTreeSet::new();
        self.records.retain(|peer, keys| {
            keys.retain(|key, until| {
                let lives = *until > now;
                if !lives {
                    gone.insert((*peer, *key));
                }
                lives
            });
            !keys.is_empty()
        });
        self.count -= gone.len();
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::identity::NodeKey;

    fn key(n: usize) -> Digest {
        Digest::of(&n.to_le_bytes())
    }

    #[test]
    fn one_peer_cannot_fill_the_store() {
        let (mut quota, now) = (Quota::default(), Instant::now());
        let (greedy, other) = (NodeKey::generate().peer_id(), NodeKey::generate().peer_id());
        for n in 0..MAX_KEYS_PER_PEER {
            assert_eq!(quota.admit(greedy, key(n), now), Ok(()));
        }
        assert_eq!(quota.admit(greedy, key(1_000), now), Err(OverQuota::Peer));
        assert_eq!(quota.admit(greedy, key(0), now), Ok(()), "renewing is not adding");
        assert_eq!(quota.admit(other, key(1_000), now), Ok(()));
    }

    #[test]
    fn records_expire_and_make_room() {
        let (mut quota, now) = (Quota::default(), Instant::now());
        let peer = NodeKey::generate().peer_id();
        for n in 0..MAX_KEYS_PER_PEER {
            quota.admit(peer, key(n), now).expect("room is left");
        }
        let renewed = now + RECORD_LIFETIME / 2;
        quota.admit(peer, key(0), renewed).expect("known");
        let gone = quota.expire(now + RECORD_LIFETIME);
        assert_eq!(gone.len(), MAX_KEYS_PER_PEER - 1);
        assert!(!gone.contains(&(peer, key(0))));
        assert_eq!(quota.admit(peer, key(1_000), renewed), Ok(()));
    }

    #[test]
    fn many_peers_cannot_exceed_the_whole() {
        let (mut quota, now) = (Quota::default(), Instant::now());
        let mut bytes = NodeKey::generate().peer_id().to_bytes();
        let mut admitted = 0;
        for n in 0..MAX_RECORDS + 10 {
            let end = bytes.len();
            let peer_number = u32::try_from(n / 8).expect("small");
            bytes[end - 4..].copy_from_slice(&peer_number.to_be_bytes());
            let peer = PeerId::from_bytes(&bytes).expect("still an id");
            admitted += usize::from(quota.admit(peer, key(n), now).is_ok());
        }
        assert_eq!(admitted, MAX_RECORDS);
        assert_eq!(quota.expire(now + RECORD_LIFETIME).len(), MAX_RECORDS);
        assert_eq!(quota.count, 0);
    }
}
