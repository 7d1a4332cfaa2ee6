//! Messages given to the node that wait for their verdict, by who sent them; and who was turned away because there was no
//! room for another. Pure: the time is an argument.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    identity::PeerId,
    patience::{Expense, MAX_UNJUDGED_PER_PEER},
};

/// Messages given to the node and not judged yet, of all peers. When full, new ones are ignored; the node is told who
/// brought them, and asks for what it missed.
pub(super) const MAX_UNJUDGED: usize = 128;

/// The node is told of a peer so long after the first of its messages that was turned away: once for all that came in a
/// burst, when most of the burst has been judged.
const TOLD_AFTER: Duration = Duration::from_secs(2);

/// Whether another message can be given to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Free,
    /// Its sender has its share.
    NotForThisPeer,
    /// Nobody can.
    None,
}

/// What a message was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    News,
    Nothing,
}

/// Messages of one peer that wait.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    waiting: usize,
    /// What the last one that was judged was good for, as long as others wait.
    last: Option<Use>,
}

/// All that wait, and who was turned away.
#[derive(Debug, Default)]
pub(super) struct Unjudged {
    shares: BTreeMap<PeerId, Share>,
    /// Since when; of peers that are connected.
    turned_away: BTreeMap<PeerId, Instant>,
}

impl Unjudged {
    /// Whether a message of this peer may go to the node.
    pub(super) fn place_for(&self, peer: PeerId) -> Place {
        let own = self.shares.get(&peer).map_or(0, |share| share.waiting);
        if own >= MAX_UNJUDGED_PER_PEER {
            Place::NotForThisPeer
        } else if self.shares.values().map(|share| share.waiting).sum::<usize>() >= MAX_UNJUDGED {
            Place::None
        } else {
            Place::Free
        }
    }

    /// A message goes to the node.
    pub(super) fn wait(&mut self, peer: PeerId) {
        self.shares.entry(peer).or_default().waiting += 1;
    }

    /// Its verdict is here.
    pub(super) fn judged(&mut self, peer: PeerId, good_for: Use) {
        if let Some(share) = self.shares.get_mut(&peer) {
            share.waiting = share.waiting.saturating_sub(1);
            share.last = Some(good_for);
            if share.waiting == 0 {
                self.shares.remove(&peer);
            }
        }
    }

    /// Another message of a peer that has its share is dropped. Says what that costs.
    ///
    /// Whoever passes on news faster than this node judges them, as the only one near, floods nobody: as long as the last
    /// word was news, the next is taken for news as well. It still costs something, so that news is no licence.
    pub(super) fn price_of_another(&self, peer: PeerId) -> Expense {
        match self.shares.get(&peer).and_then(|share| share.last) {
            Some(Use::News) => Expense::Empty,
            Some(Use::Nothing) | None => Expense::Useless,
        }
    }

    /// A message of this peer found no room.
    pub(super) fn turn_away(&mut self, peer: PeerId, now: Instant) {
        self.turned_away.entry(peer).or_insert(now);
    }

    /// Somebody of whom the node is to be told now, if there is anybody; each once.
    pub(super) fn next_turned_away(&mut self, now: Instant) -> Option<PeerId> {
        let due = |since: &Instant| now.saturating_duration_since(*since) >= TOLD_AFTER;
        let peer = self.turned_away.iter().find(|(_, since)| due(since)).map(|(peer, _)| *peer)?;
        self.turned_away.remove(&peer);
        Some(peer)
    }

    /// A peer has gone: it cannot be asked for what was missed. What waits is still judged.
    pub(super) fn gone(&mut self, peer: PeerId) {
        self.turned_away.remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NodeKey;

    fn peer() -> PeerId {
        NodeKey::generate().peer_id()
    }

    fn with_all_that_wait(unjudged: &mut Unjudged, peer: PeerId) {
        while unjudged.place_for(peer) == Place::Free {
            unjudged.wait(peer);
        }
    }

    #[test]
    fn each_peer_has_its_share_and_all_have_theirs() {
        let mut unjudged = Unjudged::default();
        for _ in 0..MAX_UNJUDGED / MAX_UNJUDGED_PER_PEER {
            let peer = peer();
            with_all_that_wait(&mut unjudged, peer);
            assert_eq!(unjudged.place_for(peer), Place::NotForThisPeer);
        }
        assert_eq!(unjudged.place_for(peer()), Place::None);
    }

    #[test]
    fn a_place_is_free_again_after_a_verdict() {
        let (mut unjudged, peer) = (Unjudged::default(), peer());
        with_all_that_wait(&mut unjudged, peer);
        unjudged.judged(peer, Use::Nothing);
        assert_eq!(unjudged.place_for(peer), Place::Free);
    }

    #[test]
    fn too_much_costs_less_after_news_and_only_until_something_useless() {
        let (mut unjudged, peer) = (Unjudged::default(), peer());
        with_all_that_wait(&mut unjudged, peer);
        assert_eq!(unjudged.price_of_another(peer), Expense::Useless, "a stranger");
        unjudged.judged(peer, Use::News);
        assert_eq!(unjudged.price_of_another(peer), Expense::Empty);
        unjudged.judged(peer, Use::Nothing);
        assert_eq!(unjudged.price_of_another(peer), Expense::Useless);
        unjudged.judged(peer, Use::News);
        while unjudged.shares.contains_key(&peer) {
            unjudged.judged(peer, Use::News);
        }
        assert_eq!(unjudged.price_of_another(peer), Expense::Useless, "nothing is remembered");
    }

    #[test]
    fn the_node_is_told_once_of_all_that_came_in_a_burst() {
        let (mut unjudged, peer, begin) = (Unjudged::default(), peer(), Instant::now());
        for millis in [0, 100, 1_999] {
            let now = begin + Duration::from_millis(millis);
            unjudged.turn_away(peer, now);
            assert_eq!(unjudged.next_turned_away(now), None);
        }
        assert_eq!(unjudged.next_turned_away(begin + TOLD_AFTER), Some(peer));
        assert_eq!(unjudged.next_turned_away(begin + TOLD_AFTER), None);
        unjudged.turn_away(peer, begin);
        unjudged.gone(peer);
        assert_eq!(unjudged.next_turned_away(begin + TOLD_AFTER), None);
    }
}
