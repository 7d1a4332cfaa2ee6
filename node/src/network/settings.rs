//! What the room is told when it starts. Values come checked from the configuration; nothing is read here.

use std::{num::NonZeroU32, time::Duration};

use updraft_protocol::NetworkId;

use super::{address::Address, identity::PeerId, topics::Forks};

/// Whether peers on the local network are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mdns {
    /// Multicast on every interface.
    On,
    /// Never.
    Off,
}

/// Whether this node stores provider records for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DhtMode {
    /// Serves if it listens anywhere. Nothing tests from outside whether it can be reached: a node behind a
    /// NAT is found, fails to answer, and is dropped from routing tables; `Client` spares others that.
    Auto,
    /// Asks, never serves.
    Client,
    /// Serves.
    Server,
}

/// How a node takes part in a network.
#[derive(Debug, Clone)]
pub struct NetworkSettings {
    /// Which rules' gossip is heard.
    pub forks: Forks,
    /// The newest protocol that this program speaks. From 2 on it gives and takes packs of chunks.
    pub newest_protocol: u32,
    /// Name and version told to peers, such as `updraft/0.1.0`; cut at [`NetworkSettings::MAX_AGENT`] bytes.
    pub agent: String,
    /// Where to listen; empty for a node that only dials.
    pub listen: Vec<Address>,
    /// Addresses told to others besides those listened on, as behind a port forwarding.
    pub external: Vec<Address>,
    /// Peers dialled again and again while there are fewer than `peers_min`.
    pub bootstrap: Vec<Address>,
    /// Looks on the local network.
    pub mdns: Mdns,
    /// Serves the DHT.
    pub dht: DhtMode,
    /// Below this, known peers are dialled.
    pub peers_min: u32,
    /// Connections at most. A quarter of them is kept for those that this node opens itself, so that nobody
    /// can fill a node with his own connections and be all it sees.
    pub peers_max: NonZeroU32,
    /// If not empty, only these peers are connected to.
    pub allow_peers: Vec<PeerId>,
    /// These peers never are.
    pub deny_peers: Vec<PeerId>,
    /// A connection that nothing uses is closed after this.
    pub idle_timeout: Duration,
    /// Time that a newcomer has to find others before it may have to make room for the next, if there is none.
    pub settles: Duration,
    /// Bytes of memory of the process above which no connection is opened or taken.
    pub max_memory: usize,
}

impl NetworkSettings {
    /// Bytes of `agent`.
    pub const MAX_AGENT: usize = 256;
    /// Memory of a process that is one node.
    pub const MAX_MEMORY: usize = 256 * 1024 * 1024;

    /// Connections at most that others open.
    pub(super) const fn inbound_max(&self) -> u32 {
        let all = self.peers_max.get();
        all - all / 4
    }

    /// The defaults of the configuration reference, with nothing to listen on and nobody to dial, under the rules with
    /// which the network began. What newer rules need is offered only by who is told that its program speaks them.
    pub fn new(network: NetworkId) -> Self {
        const PEERS_MAX: NonZeroU32 = NonZeroU32::new(64).expect("64 is not zero");
        Self {
            forks: Forks::only(network.fork_digest(&[])),
            newest_protocol: 1,
            agent: concat!("updraft/", env!("CARGO_PKG_VERSION")).to_owned(),
            listen: Vec::new(),
            external: Vec::new(),
            bootstrap: Vec::new(),
            mdns: Mdns::Off,
            dht: DhtMode::Auto,
            peers_min: 3,
            peers_max: PEERS_MAX,
            allow_peers: Vec::new(),
            deny_peers: Vec::new(),
            idle_timeout: Duration::from_secs(60),
            // A first walk through the DHT, and dialling whom it names.
            settles: Duration::from_secs(10),
            max_memory: Self::MAX_MEMORY,
        }
    }
}
