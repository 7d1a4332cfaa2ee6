//! How a job asks real peers: by the newest version that both speak, and in the one before where that gets no answer.

use std::num::NonZeroU32;

use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use updraft_protocol::{Holding, NetworkId};

use super::*;
use crate::{
    agent::context::Packs,
    network::{
        DhtMode, InboundRequest, NetworkEvent, NetworkMetrics, NetworkSettings, NodeKey, Started,
    },
};

/// Long enough for a busy machine; only failing tests wait for it.
const DEADLINE: Duration = Duration::from_secs(30);
const CHUNK: &[u8] = b"a chunk";

/// What a peer answers, while it offers both versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// It has not heard that packs are in force.
    Singly,
    /// It has heard that single chunks are over.
    InPacks,
}

async fn start(stop: &CancellationToken) -> (Network, mpsc::Receiver<NetworkEvent>) {
    let settings = NetworkSettings {
        newest_protocol: 2,
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
        dht: DhtMode::Client,
        peers_min: 0,
        peers_max: NonZeroU32::new(4).expect("four"),
        ..NetworkSettings::new(NetworkId::from_bytes([9; 32]))
    };
    let metrics = NetworkMetrics::register(&mut Registry::default());
    let started = Network::start(settings, NodeKey::generate(), metrics, stop.clone()).await;
    let Started { network, events, .. } = started.expect("starts");
    (network, events)
}

/// Answers what it is asked, and tells what that was.
async fn answer(
    mut events: mpsc::Receiver<NetworkEvent>,
    answers: Answers,
    told: mpsc::Sender<&'static str>,
) {
    let answer = |request: &TransferRequest| match request {
        TransferRequest::Have(_) => TransferAnswer::Have(Holding::Everything),
        _ => TransferAnswer::Chunk(CHUNK.to_vec()),
    };
    while let Some(event) = events.recv().await {
        let NetworkEvent::Request { request, .. } = event else { continue };
        // Dropping a question refuses it. Nobody listens any more when the test is over.
        match request {
            InboundRequest::Transfer(request, responder) => {
                let _ = told.try_send("singly");
                if answers == Answers::Singly {
                    responder.answer(answer(&request));
                }
            }
            InboundRequest::Packed(request, responder) => {
                let _ = told.try_send("packed");
                if answers == Answers::InPacks {
                    responder.answer(match request {
                        PackedRequest::One(request) => PackedAnswer::One(answer(&request)),
                        PackedRequest::Chunks { ranges, .. } => PackedAnswer::Chunks(
                            ChunkRange::unpack(&ranges).map(|_| CHUNK.to_vec()).collect(),
                        ),
                    });
                }
            }
            InboundRequest::Bootstrap(..) | InboundRequest::CatchUp(..) => {}
        }
    }
}

/// A job's view of one peer that offers packs, where they are in force.
struct Desk {
    peers: SwarmPeers,
    peer: PeerId,
    told: mpsc::Receiver<&'static str>,
    /// The peer ends with its last handle.
    _other: Network,
    stop: CancellationToken,
}

impl Desk {
    async fn new(answers: Answers) -> Self {
        let stop = CancellationToken::new();
        let (network, mut events) = start(&stop).await;
        let (other, asked) = start(&stop).await;
        let (tell, told) = mpsc::channel(8);
        tokio::spawn(answer(asked, answers, tell));
        let address = other.listen_addresses().await.expect("runs")[0].with_peer(other.peer_id());
        let peer = network.dial(address).await.expect("connects");
        let came = async {
            while let Some(event) = events.recv().await {
                if let NetworkEvent::PeerConnected { .. } = event {
                    break;
                }
            }
        };
        tokio::time::timeout(DEADLINE, came).await.expect("it says what it speaks");
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let packs = Packs::default();
        packs.set(true);
        let peers = SwarmPeers {
            network,
            chunk_timeout: DEADLINE,
            download: Arc::new(Limiter::new(None)),
            versions: Versions::new(packs),
        };
        assert_eq!(peers.connected().await, [peer]);
        assert_eq!(peers.pack(peer), MAX_PACK_CHUNKS, "it offers packs");
        Self { peers, peer, told, _other: other, stop }
    }

    async fn chunks(&self) -> Result<PackedAnswer, PeerError> {
        self.peers.chunks(self.peer, Digest::of(b"blob"), vec![3, 4, 5]).await
    }

    async fn have(&self) -> Result<TransferAnswer, PeerError> {
        self.peers.transfer(self.peer, TransferRequest::Have(Digest::of(b"blob"))).await
    }

    fn told(&mut self) -> Vec<&'static str> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn who_has_not_heard_of_packs_yet_is_asked_singly_and_then_no_other_way() {
    let mut desk = Desk::new(Answers::Singly).await;
    assert_eq!(desk.have().await, Ok(TransferAnswer::Have(Holding::Everything)));
    assert_eq!(desk.told(), ["packed", "singly"]);
    assert_eq!(desk.have().await, Ok(TransferAnswer::Have(Holding::Everything)));
    assert_eq!((desk.told(), desk.peers.pack(desk.peer)), (vec!["singly"], 1));
}

#[tokio::test]
async fn the_first_chunk_of_a_refused_pack_comes_alone() {
    let mut desk = Desk::new(Answers::Singly).await;
    assert_eq!(desk.chunks().await, Ok(PackedAnswer::Chunks(vec![CHUNK.to_vec()])));
    assert_eq!((desk.told(), desk.peers.pack(desk.peer)), (vec!["packed", "singly"], 1));
}

#[tokio::test]
async fn who_answers_in_packs_is_never_asked_singly() {
    let mut desk = Desk::new(Answers::InPacks).await;
    assert_eq!(desk.have().await, Ok(TransferAnswer::Have(Holding::Everything)));
    assert_eq!(desk.chunks().await, Ok(PackedAnswer::Chunks(vec![CHUNK.to_vec(); 3])));
    assert_eq!(desk.told(), ["packed", "packed"]);
}

#[test]
fn a_pack_has_the_time_that_its_chunks_would_have_had_four_at_a_time() {
    let chunk = Duration::from_secs(20);
    assert_eq!(patience(chunk, 0), chunk);
    assert_eq!(patience(chunk, 1), chunk);
    assert_eq!(patience(chunk, 4), chunk);
    assert_eq!(patience(chunk, 5), 2 * chunk);
    assert_eq!(patience(chunk, MAX_PACK_CHUNKS), 16 * chunk);
}
