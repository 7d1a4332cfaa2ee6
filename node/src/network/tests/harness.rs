//! Nodes to test with, and waiting for what they say with a deadline.

use std::time::Duration;

use futures::StreamExt;
use libp2p::{
    Swarm, SwarmBuilder,
    identity::Keypair,
    noise,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use prometheus_client::registry::Registry;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use updraft_protocol::{Gossip, Head, NetworkId, Signed, Timestamp};

use crate::network::{
    Address, Network, NetworkEvent, NetworkMetrics, NetworkSettings, NodeKey, PeerId, StartError,
    Started,
};

/// Long enough for a busy machine; only failing tests wait for it.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) struct TestNode {
    pub(super) network: Network,
    pub(super) events: mpsc::Receiver<NetworkEvent>,
    pub(super) task: JoinHandle<()>,
    pub(super) stop: CancellationToken,
    pub(super) metrics: NetworkMetrics,
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(super) fn network_id() -> NetworkId {
    NetworkId::from_bytes([7; 32])
}

pub(super) fn settings() -> NetworkSettings {
    let mut settings = NetworkSettings::new(network_id());
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    settings.newest_protocol = 2;
    // Tests connect whom they want to be connected.
    settings.peers_min = 0;
    settings
}

pub(super) async fn start(settings: NetworkSettings) -> TestNode {
    start_again(settings, NodeKey::generate()).await
}

/// Starts at an address that was in use before. Between the two another test may have been given its port;
/// then this waits until it is free again.
pub(super) async fn start_again(settings: NetworkSettings, key: NodeKey) -> TestNode {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let metrics = NetworkMetrics::register(&mut Registry::default());
        let stop = CancellationToken::new();
        let start = Network::start(settings.clone(), key.clone(), metrics.clone(), stop.clone());
        match start.await {
            Ok(Started { network, events, task }) => {
                return TestNode { network, events, task, stop, metrics };
            }
            Err(StartError::PortInUse { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) async fn node() -> TestNode {
    start(settings()).await
}

impl TestNode {
    pub(super) fn id(&self) -> PeerId {
        self.network.peer_id()
    }

    pub(super) async fn address(&self) -> Address {
        let addresses = self.network.listen_addresses().await.expect("runs");
        addresses.first().expect("listens").with_peer(self.id())
    }

    /// The first event that `pick` takes; others are lost.
    pub(super) async fn wait_for<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(NetworkEvent) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                let event = self.events.recv().await.expect("the room runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("no {what} in time"))
    }

    pub(super) async fn wait_for_peer(&mut self, peer: PeerId) {
        self.wait_for("peer", |event| match event {
            NetworkEvent::PeerConnected { peer: other, .. } if other == peer => Some(()),
            _ => None,
        })
        .await;
    }

    pub(super) async fn wait_for_loss(&mut self, peer: PeerId) {
        self.wait_for("loss of a peer", |event| match event {
            NetworkEvent::PeerDisconnected { peer: other } if other == peer => Some(()),
            _ => None,
        })
        .await;
    }

    /// Whether a connection to a peer is open now.
    pub(super) async fn is_connected(&self, peer: PeerId) -> bool {
        let peers = self.network.peers().await.expect("runs");
        peers.iter().any(|info| info.id == peer && info.direction.is_some())
    }
}

/// Peers that are no nodes: a swarm that speaks this and nothing else.
pub(super) fn swarm<B: NetworkBehaviour>(behaviour: impl FnOnce(&Keypair) -> B) -> Swarm<B> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("noise")
        .with_behaviour(behaviour)
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// Where a swarm listens from now on.
pub(super) async fn listen<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Address {
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("listens");
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            let id = PeerId::from(*swarm.local_peer_id());
            return Address::from_multiaddr(&address).expect("an address").with_peer(id);
        }
    }
}

/// Connects `a` to `b`; both know what the other speaks when this returns.
pub(super) async fn connect(a: &mut TestNode, b: &mut TestNode) {
    let (to, from) = (b.id(), a.id());
    assert_eq!(a.network.dial(b.address().await).await, Ok(to));
    a.wait_for_peer(to).await;
    b.wait_for_peer(from).await;
}

/// Asks again and again until the answer is yes.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = Instant::now() + DEADLINE;
    while !ask().await {
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An announcement; `seconds` makes it different from others.
pub(super) fn announcement(seconds: u64) -> Gossip {
    let head = Head {
        network: network_id(),
        channel: "stable".parse().expect("a name"),
        seq: 1,
        prev: None,
        time: Timestamp::from_seconds(seconds),
        expires: Timestamp::from_seconds(seconds + 1),
        releases: Vec::new(),
        withdrawn: Vec::new(),
        min_supported: Vec::new(),
    };
    Gossip::announce(Signed::unsigned(&head).expect("within limits"), None)
}
