//! What is always true of a fetch; checked after every input in tests and debug builds.

use std::{collections::BTreeMap, fmt::Debug};

use super::machine::{MAX_COPIES, MAX_PEERS, MAX_WINDOW, Machine};

impl<P: Copy + Ord + Debug> Machine<P> {
    /// Panics when a rule of the machine is broken: a bug here, whatever peers do.
    pub(super) fn check_invariants(&self) {
        let missing = self.held.iter().filter(|held| !**held).count();
        assert_eq!(missing, self.missing, "the count of missing chunks is right");
        assert!(self.peers.len() <= MAX_PEERS, "the table of peers is bounded");
        let mut copies: BTreeMap<u32, usize> = BTreeMap::new();
        for (id, peer) in &self.peers {
            assert!(peer.window <= MAX_WINDOW, "the window of {id:?} is bounded");
            assert!(peer.in_flight.len() <= MAX_WINDOW, "requests to {id:?} are bounded");
            peer.in_flight.keys().for_each(|index| *copies.entry(*index).or_default() += 1);
        }
        assert_eq!(copies, self.copies, "requests are counted by chunk as by peer");
        assert!(
            copies.values().all(|copies| *copies <= MAX_COPIES),
            "no chunk is asked for too often at once"
        );
        let in_flight: usize = self.copies.values().sum();
        assert!(in_flight <= self.limits.in_flight, "no more requests than allowed are under way");
        let active = self.peers.values().filter(|peer| !peer.in_flight.is_empty()).count();
        assert!(active <= self.limits.peers.max(1), "no more peers than allowed are asked at once");
    }
}
