//! How much of this node one peer may use: slots for requests under way, and requests per second. Pure.
//!
//! The bytes a peer can have on their way are bounded by slots, so the rates only keep cheap questions cheap.

use std::{collections::BTreeMap, time::Instant};

use updraft_protocol::{BootstrapRequest, ChunkRange, PackedRequest, TransferRequest};

use super::{
    identity::PeerId,
    metrics::Service,
    purse::{Overdrawn, Purse, Rate},
};

/// Weight of the requests under way of one peer. An object may take 16 MiB and weighs four, everything else
/// at most 1 MiB and weighs one: 2 × 16 MiB, the 32 MiB that one peer may cost.
pub(super) const MAX_WEIGHT_PER_PEER: u32 = 8;
/// Weight of all requests under way.
pub(super) const MAX_WEIGHT: u32 = 64;
/// Weight of a request for an object.
const OBJECT_WEIGHT: u32 = 4;
/// Weight of a full pack, whose chunks may be 4 MiB together: two of them leave room for small questions, without which
/// a fetch would stand still, and all peers together hold 84 MiB by them at most.
const PACK_WEIGHT: u32 = 3;

/// Peers whose rates are remembered. When full, those with full purses are forgotten, which loses nothing; if
/// there are none, newcomers are refused until one has filled.
const MAX_PURSES: usize = 4_096;

/// The reasons for the numbers:
/// - transfer: 512 chunks of 256 KiB a second are 128 MiB/s, more than a gigabit link carries, so a fetch over
///   a LAN never waits for this; 512 questions that are answered from an index cost about 3 % of a core;
/// - catch-up: a node that was away asks once for each channel and then for each manifest, up to 200 in a
///   head; it has them in one go and does not ask as often again;
/// - bootstrap: 1,024 root steps in pages of 16 are 64 requests, in the worst case, once.
const fn rate(service: Service) -> Rate {
    match service {
        Service::Transfer | Service::Packed => Rate { burst: 1_024, per_second: 512 },
        Service::CatchUp => Rate { burst: 256, per_second: 16 },
        Service::Bootstrap => Rate { burst: 64, per_second: 2 },
    }
}

/// What a request costs: by what it asks for, and not by the protocol that carries it. So the frozen protocol, which
/// carries two others, is no way around a limit of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    /// The service to whose rate it counts.
    pub(super) like: Service,
    /// Its weight: slots that it takes.
    pub(super) weight: u32,
}

impl Load {
    /// Heads, statements, or a manifest: at most 1 MiB.
    pub(super) const CATCH_UP: Self = Self { like: Service::CatchUp, weight: 1 };

    pub(super) const fn of_transfer(request: &TransferRequest) -> Self {
        let weight = match request {
            TransferRequest::Object(_) => OBJECT_WEIGHT,
            TransferRequest::Have(_) | TransferRequest::Chunk { .. } => 1,
        };
        Self { like: Service::Transfer, weight }
    }

    /// A pack takes as many slots as its chunks would take one by one, three at most. So a peer has two full packs under
    /// way, one being read while the other is being sent, and places for small questions. Towards the rate a pack is one
    /// question: it ends at the first chunk that is not held, so what is cheap to answer is answered once, and
    /// what is not is bounded by the slots. It spends what single chunks spend, so speaking both gives nothing.
    pub(super) fn of_packed(request: &PackedRequest) -> Self {
        match request {
            PackedRequest::One(request) => Self::of_transfer(request),
            PackedRequest::Chunks { ranges, .. } => {
                let chunks = ranges
                    .iter()
                    .fold(0_u32, |sum, ChunkRange { count, .. }| sum.saturating_add(*count));
                Self { like: Service::Transfer, weight: chunks.clamp(1, PACK_WEIGHT) }
            }
        }
    }

    pub(super) const fn of_bootstrap(request: &BootstrapRequest) -> Self {
        match request {
            BootstrapRequest::Roots { .. } | BootstrapRequest::Fork { .. } => {
                Self { like: Service::Bootstrap, weight: 1 }
            }
            BootstrapRequest::CatchUp(_) => Self::CATCH_UP,
            BootstrapRequest::Transfer(request) => Self::of_transfer(request),
        }
    }
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overuse {
    /// More requests per second than allowed.
    Rate,
    /// More requests at once than allowed.
    Slots,
}

/// Requests of peers under way; `R` is what tells the requests of a service apart.
#[derive(Debug)]
pub(super) struct Serving<R> {
    purses: BTreeMap<(PeerId, Service), Purse>,
    slots: BTreeMap<(Service, R), (PeerId, u32)>,
}

impl<R> Default for Serving<R> {
    fn default() -> Self {
        Self { purses: BTreeMap::new(), slots: BTreeMap::new() }
    }
}

impl<R: Ord> Serving<R> {
    /// Takes slots for a request that came by a service, or says why not.
    pub(super) fn admit(
        &mut self,
        peer: PeerId,
        service: Service,
        request: R,
        load: Load,
        now: Instant,
    ) -> Result<(), Overuse> {
        let Load { like, weight } = load;
        self.pay(peer, like, now)?;
        let (own, all) = self.slots.values().fold((0, 0), |(own, all), (holder, weight)| {
            (own + if *holder == peer { *weight } else { 0 }, all + weight)
        });
        if own + weight > MAX_WEIGHT_PER_PEER || all + weight > MAX_WEIGHT {
            return Err(Overuse::Slots);
        }
        self.slots.insert((service, request), (peer, weight));
        Ok(())
    }

    /// A request has ended, in whatever way. Gives whether it had a slot.
    pub(super) fn release(&mut self, service: Service, request: R) -> bool {
        self.slots.remove(&(service, request)).is_some()
    }

    /// Who has a request under way.
    pub(super) fn holders(&self) -> impl Iterator<Item = PeerId> {
        self.slots.values().map(|(holder, _)| *holder)
    }

    fn pay(&mut self, peer: PeerId, service: Service, now: Instant) -> Result<(), Overuse> {
        let rate = rate(service);
        let key = (peer, service);
        if self.purses.len() >= MAX_PURSES && !self.purses.contains_key(&key) {
            self.purses.retain(|(_, service), purse| !purse.is_full(self::rate(*service), now));
            if self.purses.len() >= MAX_PURSES {
                return Err(Overuse::Rate);
            }
        }
        let purse = self.purses.entry(key).or_insert_with(|| Purse::full(rate, now));
        purse.pay(rate, 1, now).map_err(|Overdrawn| Overuse::Rate)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use updraft_protocol::{CatchUpRequest, Digest, NetworkId};

    use super::*;
    use crate::network::identity::NodeKey;

    fn like(like: Service, weight: u32) -> Load {
        Load { like, weight }
    }

    fn peer() -> PeerId {
        NodeKey::generate().peer_id()
    }

    #[test]
    fn one_peer_has_eight_slots_and_gets_one_back_when_it_is_free() {
        let (mut serving, now, peer) = (Serving::<u64>::default(), Instant::now(), peer());
        for request in 0..8 {
            assert_eq!(
                serving.admit(peer, Service::Transfer, request, like(Service::Transfer, 1), now),
                Ok(())
            );
        }
        assert_eq!(
            serving.admit(peer, Service::CatchUp, 8, like(Service::CatchUp, 1), now),
            Err(Overuse::Slots)
        );
        assert!(serving.release(Service::Transfer, 3));
        assert!(!serving.release(Service::Transfer, 3));
        assert_eq!(
            serving.admit(peer, Service::CatchUp, 8, like(Service::CatchUp, 1), now),
            Ok(())
        );
    }

    #[test]
    fn a_peer_gets_two_objects_at_once() {
        let (mut serving, now, peer) = (Serving::<u64>::default(), Instant::now(), peer());
        let object = |serving: &mut Serving<u64>, n| {
            serving.admit(peer, Service::Transfer, n, like(Service::Transfer, OBJECT_WEIGHT), now)
        };
        assert_eq!(object(&mut serving, 0), Ok(()));
        assert_eq!(object(&mut serving, 1), Ok(()));
        assert_eq!(object(&mut serving, 2), Err(Overuse::Slots));
    }

    #[test]
    fn many_peers_together_have_sixty_four_slots() {
        let (mut serving, now) = (Serving::<u64>::default(), Instant::now());
        for request in 0..64 {
            assert_eq!(
                serving.admit(peer(), Service::Transfer, request, like(Service::Transfer, 1), now),
                Ok(())
            );
        }
        assert_eq!(
            serving.admit(peer(), Service::Transfer, 64, like(Service::Transfer, 1), now),
            Err(Overuse::Slots)
        );
    }

    #[test]
    fn a_fast_asker_is_slowed_to_the_rate_and_others_are_not() {
        let (mut serving, now, fast, other) =
            (Serving::<u64>::default(), Instant::now(), peer(), peer());
        let ask = |serving: &mut Serving<u64>, peer, now| {
            let answer =
                serving.admit(peer, Service::Bootstrap, 1, like(Service::Bootstrap, 1), now);
            serving.release(Service::Bootstrap, 1);
            answer
        };
        for _ in 0..64 {
            assert_eq!(ask(&mut serving, fast, now), Ok(()));
        }
        assert_eq!(ask(&mut serving, fast, now), Err(Overuse::Rate));
        assert_eq!(ask(&mut serving, other, now), Ok(()));
        let later = now + Duration::from_millis(500);
        assert_eq!(ask(&mut serving, fast, later), Ok(()));
        assert_eq!(ask(&mut serving, fast, later), Err(Overuse::Rate));
    }

    #[test]
    fn purses_are_bounded_and_full_ones_are_forgotten_first() {
        let (mut serving, now, spent) = (Serving::<u64>::default(), Instant::now(), peer());
        for n in 0..64 {
            serving
                .admit(spent, Service::Bootstrap, n, like(Service::Bootstrap, 0), now)
                .expect("within the burst");
        }
        let later = now + Duration::from_secs(1);
        let mut bytes = peer().to_bytes();
        for n in 0..2 * u32::try_from(MAX_PURSES).expect("small") {
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&n.to_be_bytes());
            let peer = PeerId::from_bytes(&bytes).expect("still an id");
            let at = later + Duration::from_millis(u64::from(n));
            serving
                .admit(peer, Service::Transfer, 0, like(Service::Transfer, 0), at)
                .expect("others have refilled");
        }
        assert!(serving.purses.len() <= MAX_PURSES);
        assert!(serving.purses.contains_key(&(spent, Service::Bootstrap)));
    }

    #[test]
    fn what_the_frozen_protocol_carries_costs_what_it_costs_elsewhere() {
        let (blob, network) = (Digest::of(b"blob"), NetworkId::from_bytes([7; 32]));
        for request in [
            TransferRequest::Object(blob),
            TransferRequest::Have(blob),
            TransferRequest::Chunk { blob, index: 3 },
        ] {
            let carried = Load::of_bootstrap(&BootstrapRequest::Transfer(request));
            assert_eq!(carried, Load::of_transfer(&request));
            assert_eq!(Load::of_packed(&PackedRequest::One(request)), carried);
        }
        let missed = BootstrapRequest::CatchUp(CatchUpRequest::Manifest(blob));
        assert_eq!(Load::of_bootstrap(&missed), Load::CATCH_UP);
        let roots = BootstrapRequest::Roots { network, after: 0 };
        assert_eq!(Load::of_bootstrap(&roots), like(Service::Bootstrap, 1));
    }

    #[test]
    fn a_pack_takes_the_slots_of_its_chunks_and_three_at_most() {
        for (counts, slots) in [(&[1][..], 1), (&[1, 1], 2), (&[3], 3), (&[2, 2], 3), (&[64], 3)] {
            let ranges = (0..)
                .zip(counts)
                .map(|(n, count)| ChunkRange { first: n * 100, count: *count })
                .collect();
            let request = PackedRequest::Chunks { blob: Digest::of(b"blob"), ranges };
            assert_eq!(Load::of_packed(&request), like(Service::Transfer, slots), "{counts:?}");
        }
    }

    #[test]
    fn asking_by_another_protocol_does_not_fill_the_purse() {
        let (mut serving, now, peer) = (Serving::<u64>::default(), Instant::now(), peer());
        let chunk = like(Service::Transfer, 0);
        let carriers = [Service::Transfer, Service::Bootstrap, Service::Packed];
        let served = (0..2_000)
            .zip(carriers.into_iter().cycle())
            .take_while(|(n, carrier)| serving.admit(peer, *carrier, *n, chunk, now).is_ok());
        assert_eq!(served.count(), 1_024);
    }
}
