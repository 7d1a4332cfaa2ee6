//! Two honest peers with one node between them: one announces, the other hears it, and the time between the two
//! is what the node took.

use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use tokio::{runtime::Runtime, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use updraft_node::network::{
    DhtMode, Network, NetworkEvent, NetworkMetrics, NetworkSettings, NodeKey, Reach, Service,
    Started, Verdict,
};
use updraft_protocol::{Digest, Gossip, NetworkId};

use super::{DEADLINE, node::Node};

/// Announcements heard and not looked at yet; the measuring waits for each before it makes the next.
const HEARD: usize = 64;
/// Between two attempts to be heard.
const AGAIN: Duration = Duration::from_millis(10);

/// The two peers; they go with their test.
#[derive(Debug)]
pub(crate) struct Herald {
    speaker: Network,
    heard: mpsc::Receiver<(Digest, Instant)>,
    stop: CancellationToken,
    runtime: Runtime,
}

impl Herald {
    /// Puts the two beside a node.
    pub(crate) fn beside(node: &Node, network: NetworkId) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("one");
        let stop = CancellationToken::new();
        let (tell, heard) = mpsc::channel(HEARD);
        let door = node.listen()[0].parse().expect("an address");
        let speaker = runtime.block_on(async {
            let [(speaker, spoken), (listener, events)] =
                [start(network, &stop).await, start(network, &stop).await];
            tokio::spawn(listen(spoken, None));
            tokio::spawn(listen(events, Some(tell)));
            for peer in [&speaker, &listener] {
                peer.dial(Clone::clone(&door)).await.expect("the node answers");
            }
            // The room goes on for as long as somebody holds it.
            tokio::spawn({
                let stop = stop.clone();
                async move {
                    stop.cancelled().await;
                    drop(listener);
                }
            });
            speaker
        });
        Self { speaker, heard, stop, runtime }
    }

    /// Announces something, and gives how long it took to the other side of the node.
    #[track_caller]
    pub(crate) fn announce(&mut self, message: &Gossip) -> Duration {
        self.announce_for(message, DEADLINE).expect("an announcement passes the node in time")
    }

    /// Announces something, whatever becomes of it; gives when.
    #[track_caller]
    pub(crate) fn say(&self, message: &Gossip) -> Instant {
        let spoken = async {
            loop {
                let began = Instant::now();
                let said = self.speaker.announce(message.clone()).await.expect("it runs");
                if said != Reach::NoPeers {
                    return began;
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        let began = self.runtime.block_on(async { timeout(DEADLINE, spoken).await });
        began.expect("the node listens")
    }

    /// Announces something that may go no further than the node, as while meshes form, and gives up waiting for
    /// it on the other side after a while.
    #[track_caller]
    pub(crate) fn announce_for(
        &mut self,
        message: &Gossip,
        patience: Duration,
    ) -> Option<Duration> {
        let began = self.say(message);
        let Self { heard, runtime, .. } = self;
        let subject = message.subject();
        let arrival = async {
            loop {
                let (what, at) = heard.recv().await.expect("the listener runs");
                if what == subject {
                    return at - began;
                }
            }
        };
        runtime.block_on(async { timeout(patience, arrival).await }).ok()
    }

    /// Waits, so that announcements come at a pace.
    pub(crate) fn pause(&self, length: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(length).await });
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a node says that it speaks to a peer that meets it.
#[track_caller]
pub(crate) fn services(node: &Node, network: NetworkId) -> Vec<Service> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    let stop = CancellationToken::new();
    let met = async {
        let (peer, mut events) = start(network, &stop).await;
        let door = node.listen()[0].parse().expect("an address");
        peer.dial(door).await.expect("the node answers");
        loop {
            let event = events.recv().await.expect("it runs");
            if let NetworkEvent::PeerConnected { services, .. } = event {
                return services;
            }
        }
    };
    let services = runtime.block_on(async { timeout(DEADLINE, met).await });
    stop.cancel();
    services.expect("a node says what it speaks")
}

async fn start(
    network: NetworkId,
    stop: &CancellationToken,
) -> (Network, mpsc::Receiver<NetworkEvent>) {
    let mut settings = NetworkSettings::new(network);
    // Nobody finds them and they look for nobody: what passes between them passes the node.
    (settings.peers_min, settings.dht) = (1, DhtMode::Client);
    let metrics = NetworkMetrics::register(&mut Registry::default());
    let started = Network::start(settings, NodeKey::generate(), metrics, stop.clone());
    let Started { network, events, .. } = started.await.expect("there is nothing to listen on");
    (network, events)
}

/// Takes everything as good news: who ignores all that its neighbour says ends up without it. Requests that are
/// dropped are refused.
async fn listen(
    mut events: mpsc::Receiver<NetworkEvent>,
    tell: Option<mpsc::Sender<(Digest, Instant)>>,
) {
    while let Some(event) = events.recv().await {
        let NetworkEvent::Gossip { token, message, .. } = event else { continue };
        if let Some(tell) = &tell {
            // Nobody waits any more when the test is over.
            let _ = tell.try_send((message.subject(), Instant::now()));
        }
        token.settle(Verdict::Accept);
    }
}
