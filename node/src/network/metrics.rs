//! What the room counts, for people who watch a node. Labels come from closed sets: no peer, no text from one.
//!
//! Names are given without the prefix `updraft_`: the registry handed in carries it.

use std::{fmt, sync::atomic::AtomicI64};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// A closed set of label values with their text.
macro_rules! labels {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[$item_doc])* $item),+ }

        impl $name {
            /// Every value.
            $vis const ALL: &[Self] = &[$(Self::$item),+];

            /// The label's text.
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text),+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    };
}

labels! {
    /// Who opened a connection.
    pub enum Direction {
        /// The peer did.
        Inbound = "inbound",
        /// This node did.
        Outbound = "outbound",
    }
}

labels! {
    /// Why a peer was banned.
    pub enum BanReason {
        /// It sent a chunk that does not match its digest.
        BadChunk = "bad_chunk",
        /// It broke a protocol again and again.
        Misconduct = "misconduct",
        /// It brought more gossip of no use than anybody honest has.
        Flood = "flood",
        /// A person said so.
        Operator = "operator",
    }
}

labels! {
    /// A protocol of questions and answers.
    pub enum Service {
        /// What every node understands.
        Bootstrap = "bootstrap",
        /// Heads and manifests.
        CatchUp = "catchup",
        /// Objects and chunks.
        Transfer = "transfer",
        /// Objects, and many chunks at once.
        Packed = "packed",
    }
}

labels! {
    /// What the DHT was asked.
    pub(super) enum DhtQuery {
        Bootstrap = "bootstrap",
        Provide = "provide",
        GetProviders = "get_providers",
        Other = "other",
    }
}

labels! {
    /// How a query of the DHT ended.
    pub(super) enum DhtResult {
        Ok = "ok",
        Failed = "failed",
    }
}

labels! {
    /// What became of a gossip message.
    pub(super) enum GossipResult {
        Published = "published",
        Accepted = "accepted",
        Ignored = "ignored",
        Rejected = "rejected",
        Undecodable = "undecodable",
        Dropped = "dropped",
        /// Known to gossip, or of a peer that gossip does not listen to.
        Repeated = "repeated",
        /// Not signed by its author.
        Forged = "forged",
        /// On a topic that is not followed.
        Astray = "astray",
        /// Of a peer whose connection was being closed.
        Unheard = "unheard",
    }
}

labels! {
    /// What became of a request of a peer.
    pub(super) enum ServedResult {
        Answered = "answered",
        Failed = "failed",
        OverRate = "over_rate",
        OverSlots = "over_slots",
        Dropped = "dropped",
    }
}

labels! {
    /// The gossip topics.
    enum Topic {
        Heads = "heads",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabel {
    direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BanLabel {
    reason: BanReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DhtLabel {
    kind: DhtQuery,
    result: DhtResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GossipLabel {
    topic: Topic,
    result: GossipResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServedLabel {
    service: Service,
    result: ServedResult,
}

/// The room's counters. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct NetworkMetrics {
    peers: Family<DirectionLabel, Gauge<i64, AtomicI64>>,
    connections: Family<DirectionLabel, Counter>,
    bans: Family<BanLabel, Counter>,
    dht: Family<DhtLabel, Counter>,
    gossip: Family<GossipLabel, Counter>,
    gossip_bytes: Counter,
    served: Family<ServedLabel, Counter>,
    events_dropped: Counter,
}

impl NetworkMetrics {
    /// Makes the counters known to a registry, each label at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        metrics.touch_every_label();
        registry.register("peers", "Peers connected now", metrics.peers.clone());
        registry.register("peer_connections", "Connections opened", metrics.connections.clone());
        registry.register("peer_bans", "Peers banned, by reason", metrics.bans.clone());
        registry.register("dht_queries", "Kademlia queries finished", metrics.dht.clone());
        registry.register("gossip_messages", "Gossip messages handled", metrics.gossip.clone());
        registry.register(
            "gossip_bytes",
            "Bytes of gossip messages that came, known ones among them",
            metrics.gossip_bytes.clone(),
        );
        registry.register(
            "requests_served",
            "Requests of peers, by what became of them",
            metrics.served.clone(),
        );
        registry.register(
            "network_events_dropped",
            "Events about peers that were dropped because the node was too busy to take them",
            metrics.events_dropped.clone(),
        );
        metrics
    }

    /// A label that has never been counted is missing from the text, and alerts on it never fire.
    fn touch_every_label(&self) {
        for direction in Direction::ALL.iter().copied() {
            drop(self.peers.get_or_create(&DirectionLabel { direction }));
            drop(self.connections.get_or_create(&DirectionLabel { direction }));
        }
        for reason in BanReason::ALL.iter().copied() {
            drop(self.bans.get_or_create(&BanLabel { reason }));
        }
        for kind in DhtQuery::ALL.iter().copied() {
            for result in DhtResult::ALL.iter().copied() {
                drop(self.dht.get_or_create(&DhtLabel { kind, result }));
            }
        }
        for topic in Topic::ALL.iter().copied() {
            for result in GossipResult::ALL.iter().copied() {
                drop(self.gossip.get_or_create(&GossipLabel { topic, result }));
            }
        }
        for service in Service::ALL.iter().copied() {
            for result in ServedResult::ALL.iter().copied() {
                drop(self.served.get_or_create(&ServedLabel { service, result }));
            }
        }
    }

    pub(super) fn connection_opened(&self, direction: Direction) {
        self.connections.get_or_create(&DirectionLabel { direction }).inc();
    }

    pub(super) fn peer_came(&self, direction: Direction) {
        self.peers.get_or_create(&DirectionLabel { direction }).inc();
    }

    pub(super) fn peer_went(&self, direction: Direction) {
        self.peers.get_or_create(&DirectionLabel { direction }).dec();
    }

    pub(super) fn banned(&self, reason: BanReason) {
        self.bans.get_or_create(&BanLabel { reason }).inc();
    }

    pub(super) fn dht(&self, kind: DhtQuery, result: DhtResult) {
        self.dht.get_or_create(&DhtLabel { kind, result }).inc();
    }

    pub(super) fn gossip(&self, result: GossipResult) {
        self.gossip.get_or_create(&GossipLabel { topic: Topic::Heads, result }).inc();
    }

    pub(super) fn gossip_many(&self, result: GossipResult, count: u32) {
        self.gossip
            .get_or_create(&GossipLabel { topic: Topic::Heads, result })
            .inc_by(u64::from(count));
    }

    /// Where the bytes of messages that come are counted.
    pub(super) fn gossip_bytes(&self) -> Counter {
        self.gossip_bytes.clone()
    }

    pub(super) fn served(&self, service: Service, result: ServedResult) {
        self.served.get_or_create(&ServedLabel { service, result }).inc();
    }

    pub(super) fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    #[cfg(test)]
    pub(super) fn gossip_count(&self, result: GossipResult) -> u64 {
        self.gossip.get_or_create(&GossipLabel { topic: Topic::Heads, result }).get()
    }

    #[cfg(test)]
    pub(super) fn served_count(&self, service: Service, result: ServedResult) -> u64 {
        self.served.get_or_create(&ServedLabel { service, result }).get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_reference_is_there_from_the_start() {
        let mut registry = Registry::with_prefix("updraft");
        NetworkMetrics::register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            "updraft_peers{direction=\"inbound\"} 0",
            "updraft_peer_connections_total{direction=\"outbound\"} 0",
            "updraft_peer_bans_total{reason=\"bad_chunk\"} 0",
            "updraft_dht_queries_total{kind=\"get_providers\",result=\"ok\"} 0",
            "updraft_gossip_messages_total{topic=\"heads\",result=\"accepted\"} 0",
        ] {
            assert!(text.contains(line), "{line} is missing from\n{text}");
        }
    }
}
