//! The DHT as far as its delays and costs go: who says that he holds a blob, and how long it takes to find him.
//!
//! A Kademlia lookup among n nodes with buckets of k = 20 comes log2(k) bits nearer with every round (Roos, Salah and
//! Strufe, "Determining the hop count in Kademlia-type systems", 2015: ln n / ln k rounds but for a constant), so it takes
//! that many round trips; each asks α = 3 peers at once. The records themselves are kept as if all of them were at hand:
//! what is simulated is not where they lie.

use std::collections::BTreeMap;

use updraft_protocol::Digest;

use super::{chance::Chance, lines::Micros};

/// Nodes in a bucket, and providers that a lookup gives at most.
const K: usize = 20;
/// Records that are looked at in a lookup.
const LOOKED_AT: usize = 4 * K;
/// Peers asked at once.
pub const ALPHA: u64 = 3;

/// Who provides what.
#[derive(Debug, Default)]
pub struct Dht {
    /// In ascending order.
    providers: BTreeMap<Digest, Vec<u32>>,
}

impl Dht {
    /// Rounds of a lookup among so many nodes.
    pub fn rounds(nodes: usize) -> u64 {
        let (mut reach, mut rounds) = (K, 1);
        while reach < nodes {
            reach = reach.saturating_mul(K);
            rounds += 1;
        }
        rounds
    }

    /// How long a lookup takes when a round trip takes so long on average.
    pub fn takes(nodes: usize, round_trip: Micros) -> Micros {
        Self::rounds(nodes).saturating_mul(round_trip)
    }

    /// Somebody says that he holds a blob.
    pub fn provide(&mut self, blob: Digest, node: u32) {
        let providers = self.providers.entry(blob).or_default();
        if let Err(place) = providers.binary_search(&node) {
            providers.insert(place, node);
        }
    }

    /// He does not any more.
    pub fn withdraw(&mut self, blob: &Digest, node: u32) {
        if let Some(providers) = self.providers.get_mut(blob) {
            providers.retain(|provider| *provider != node);
        }
    }

    /// Some of those who hold a blob and are there for who asks.
    pub fn find(
        &self,
        blob: &Digest,
        chance: &mut Chance,
        is_there: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let providers = self.providers.get(blob).map_or(&[][..], Vec::as_slice);
        // Records of providers that have gone are found as well: of many only some are looked at.
        let looked_at = chance.some(LOOKED_AT, providers.len()).into_iter();
        let there: Vec<u32> =
            looked_at.map(|place| providers[place]).filter(|node| is_there(*node)).collect();
        chance.some(K, there.len()).into_iter().map(|place| there[place]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_takes_a_round_for_every_factor_of_twenty() {
        let rounds = [1, 20, 21, 400, 401, 8_000, 100_000].map(Dht::rounds);
        assert_eq!(rounds, [1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(Dht::takes(500, 100_000), 300_000);
    }

    #[test]
    fn at_most_twenty_are_found_and_nobody_who_is_away_or_has_taken_it_back() {
        let (mut dht, mut chance) = (Dht::default(), Chance::of(1, "dht"));
        let blob = Digest::of(b"blob");
        (0..60).for_each(|node| dht.provide(blob, node));
        dht.withdraw(&blob, 1);
        let found = dht.find(&blob, &mut chance, |node| node < 30);
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|node| *node < 30 && *node != 1));
        assert!(dht.find(&Digest::of(b"other"), &mut chance, |_| true).is_empty());
    }
}
