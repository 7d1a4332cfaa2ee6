//! The second version of transfer as the agent uses it: who may be spoken to in it, and how it is asked.
//!
//! It is spoken where a vote has put it in force here ([`Packs`]) and the peer offers it, and nowhere else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::context::{Packs, lock};
use crate::network::{PeerId, PeerInfo, Service};

/// Peers of which is known whether they offer packs. When full, whoever else comes is asked chunk by chunk.
const MAX_ASSESSED: usize = 256;

/// Who may be spoken to in the second version; for one job, because a peer that changes its program is looked at again
/// then.
#[derive(Debug, Clone)]
pub(super) struct Versions {
    packs: Packs,
    /// What a peer offers, once it has said what it speaks.
    offers: Arc<Mutex<BTreeMap<PeerId, Offer>>>,
}

/// How chunks are had of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// One by one: its program knows nothing else.
    Singles,
    /// In packs.
    Packs,
    /// One by one in this job: its program knows packs, and it has refused one.
    RefusedPacks,
}

impl Versions {
    pub(super) fn new(packs: Packs) -> Self {
        Self { packs, offers: Arc::default() }
    }

    /// Whether a peer may be asked for packs now.
    pub(super) fn speaks_packs(&self, peer: PeerId) -> bool {
        self.packs.in_force() && lock(&self.offers).get(&peer) == Some(&Offer::Packs)
    }

    /// Whether it matters and is not known what a peer offers.
    pub(super) fn wants_to_know(&self, peer: PeerId) -> bool {
        let offers = lock(&self.offers);
        self.packs.in_force() && offers.len() < MAX_ASSESSED && !offers.contains_key(&peer)
    }

    /// Notes what a peer offers; what is `None` has not been said yet. The first word counts.
    pub(super) fn note(&self, peer: PeerId, offers_packs: Option<bool>) {
        let (Some(offers_packs), mut offers) = (offers_packs, lock(&self.offers)) else { return };
        if offers.len() < MAX_ASSESSED {
            offers.entry(peer).or_insert(if offers_packs { Offer::Packs } else { Offer::Singles });
        }
    }

    /// A peer does not answer in packs: it does not know them, or has not heard yet that they are in force.
    pub(super) fn note_refusal(&self, peer: PeerId) {
        if let Some(offer) = lock(&self.offers).get_mut(&peer) {
            *offer = Offer::RefusedPacks;
        }
    }

    /// A peer does not answer what is asked singly. If it did not answer in packs either, that was not because of the
    /// packs: it was busy, or it gives nothing but packs any more.
    pub(super) fn note_silence(&self, peer: PeerId) {
        if let Some(offer @ Offer::RefusedPacks) = lock(&self.offers).get_mut(&peer) {
            *offer = Offer::Packs;
        }
    }
}

/// Whether a peer offers packs; `None` until it has said what it speaks.
pub(super) fn offers_packs(peer: &PeerInfo) -> Option<bool> {
    peer.speaks_updraft.map(|_| peer.services.contains(&Service::Packed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NodeKey;

    fn peer() -> PeerId {
        NodeKey::generate().peer_id()
    }

    #[test]
    fn packs_are_asked_for_only_in_force_and_only_where_they_are_offered() {
        let (packs, new, old, unknown) = (Packs::default(), peer(), peer(), peer());
        let versions = Versions::new(packs.clone());
        versions.note(new, Some(true));
        versions.note(old, Some(false));
        versions.note(unknown, None);
        let spoken = || [new, old, unknown].map(|peer| versions.speaks_packs(peer));
        assert_eq!(spoken(), [false; 3]);
        packs.set(true);
        assert_eq!(spoken(), [true, false, false]);
        packs.set(false);
        assert_eq!(spoken(), [false; 3]);
    }

    #[test]
    fn who_refuses_a_pack_is_not_asked_for_one_again() {
        let (packs, peer) = (Packs::default(), peer());
        packs.set(true);
        let versions = Versions::new(packs);
        versions.note(peer, Some(true));
        versions.note_refusal(peer);
        versions.note(peer, Some(true));
        assert!(!versions.speaks_packs(peer));
    }

    #[test]
    fn who_answers_neither_way_is_asked_for_packs_again_and_an_old_program_never() {
        let (packs, new, old) = (Packs::default(), peer(), peer());
        packs.set(true);
        let versions = Versions::new(packs);
        versions.note(new, Some(true));
        versions.note(old, Some(false));
        versions.note_refusal(new);
        [new, old].into_iter().for_each(|peer| versions.note_silence(peer));
        assert_eq!([new, old].map(|peer| versions.speaks_packs(peer)), [true, false]);
    }

    #[test]
    fn what_a_peer_offers_is_wanted_once_and_only_when_it_matters() {
        let (packs, peer) = (Packs::default(), peer());
        let versions = Versions::new(packs.clone());
        assert!(!versions.wants_to_know(peer));
        packs.set(true);
        assert!(versions.wants_to_know(peer));
        versions.note(peer, Some(false));
        assert!(!versions.wants_to_know(peer));
    }

    #[test]
    fn the_table_of_peers_is_bounded() {
        let (packs, late) = (Packs::default(), peer());
        packs.set(true);
        let versions = Versions::new(packs);
        (0..MAX_ASSESSED).for_each(|_| versions.note(peer(), Some(true)));
        assert!(!versions.wants_to_know(late));
        versions.note(late, Some(true));
        assert!(!versions.speaks_packs(late));
    }
}
