//! A peer that means ill: the network room of the library, with answers that a test chooses.
//!
//! It speaks the real protocols, so a node under test cannot tell it from an honest one before it lies.

use std::{
    sync::mpsc,
    thread,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use updraft_node::{
    build::Speaks,
    network::{
        Address, InboundRequest, Network, NetworkEvent, NetworkMetrics, NetworkSettings, NodeKey,
        Reach, Responder, Started,
    },
};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, ChunkRange, Digest, Gossip,
    Holding, NetworkId, PackedAnswer, PackedRequest, TransferAnswer, TransferRequest,
    limits::MAX_PACK_BYTES,
};

use super::{node::Node, text};

/// Questions remembered for the test; a peer that is asked more forgets the later ones.
const MOST_ASKED: usize = 4_096;
/// Bytes of a chunk that is not the one asked for: as long as one of the tests' releases.
const GARBAGE: usize = 256 * 1024;

/// How it answers who asks for bytes. Whatever it does, it says that it holds everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Gives chunks of the right length that are not those asked for.
    Garbage,
    /// Takes every request for bytes and never answers.
    Silence,
}

/// What it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// What is new.
    News,
    /// What it holds.
    Holding,
    /// A listing of files or of chunks.
    Object,
    /// A chunk.
    Chunk,
}

/// A hostile peer on a thread of its own; it goes with its test.
#[derive(Debug)]
pub(crate) struct HostilePeer {
    /// Its name on the network.
    pub(crate) id: String,
    /// Where it listens.
    pub(crate) address: String,
    /// What it was asked for so far, in order.
    pub(crate) asked: mpsc::Receiver<Asked>,
    lies: tokio::sync::mpsc::Sender<Gossip>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What the peer's thread is told when it starts.
struct Part {
    conduct: Conduct,
    network: NetworkId,
    friend: Address,
    provides: Vec<Digest>,
    lies: tokio::sync::mpsc::Receiver<Gossip>,
    stop: CancellationToken,
}

impl HostilePeer {
    /// Starts on the network of `friend`, connects to it, and tells the DHT that it holds the blobs of these
    /// releases.
    pub(crate) fn start(conduct: Conduct, friend: &Node, releases: &[&Value]) -> Self {
        let blobs = releases.iter().flat_map(|release| {
            let patches = super::items(&release["deltas"]).iter().map(|delta| &delta["blob"]);
            std::iter::once(&release["blob"]).chain(patches)
        });
        let stop = CancellationToken::new();
        let (lies, to_tell) = tokio::sync::mpsc::channel(1);
        let part = Part {
            conduct,
            network: friend.network_id(),
            friend: friend.listen()[0].parse().expect("an address"),
            provides: blobs.map(|blob| text(blob).parse().expect("a digest")).collect(),
            lies: to_tell,
            stop: stop.clone(),
        };
        let (tell, told) = mpsc::sync_channel(1);
        let (ask, asked) = mpsc::sync_channel(MOST_ASKED);
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
            runtime.block_on(play(part, &tell, &ask));
        });
        let (id, address) = told.recv_timeout(super::DEADLINE).expect("the peer listens");
        Self { id, address, asked, lies, stop, thread: Some(thread) }
    }

    /// Waits until it is asked this, once more than before.
    pub(crate) fn wait_until_asked(&self, question: Asked) {
        let deadline = Instant::now() + super::DEADLINE;
        while self
            .asked
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .expect("it is asked in time")
            != question
        {}
    }

    /// Tells everybody something, as soon as somebody listens.
    pub(crate) fn announce(&self, message: Gossip) {
        self.lies.blocking_send(message).expect("the peer runs");
    }
}

impl Drop for HostilePeer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Its panic, if there was one, has been printed already.
            let _ = thread.join();
        }
    }
}

/// Questions kept unanswered as long as the peer is there.
#[derive(Debug, Default)]
struct Held {
    bootstrap: Vec<Responder<BootstrapAnswer>>,
    one: Vec<Responder<TransferAnswer>>,
    packed: Vec<Responder<PackedAnswer>>,
}

async fn play(
    mut part: Part,
    tell: &mpsc::SyncSender<(String, String)>,
    asked: &mpsc::SyncSender<Asked>,
) {
    let mut settings = NetworkSettings::new(part.network);
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    settings.newest_protocol = Speaks::THIS.newest;
    let metrics = NetworkMetrics::register(&mut Registry::default());
    let started = Network::start(settings, NodeKey::generate(), metrics, part.stop.clone());
    let Started { network, mut events, task } = started.await.expect("it listens");
    network.dial(part.friend).await.expect("the friend answers");
    for blob in part.provides {
        network.provide(blob).await.expect("it runs");
    }
    let me = network.peer_id();
    let address = network.listen_addresses().await.expect("it runs")[0].with_peer(me);
    tell.send((me.to_string(), address.to_string())).expect("the test waits");
    let mut held = Held::default();
    let mut lie = None;
    let mut again = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(NetworkEvent::Request { request, .. }) => {
                    answer(request, part.conduct, asked, &mut held);
                }
                Some(_) => {}
                None => break,
            },
            Some(next) = part.lies.recv(), if lie.is_none() => lie = Some(next),
            _ = again.tick(), if lie.is_some() => {
                let told = network.announce(lie.clone().expect("looked at above")).await;
                if !matches!(told, Ok(Reach::NoPeers)) {
                    lie = None;
                }
            }
        }
    }
    drop(network);
    task.await.expect("the room ends well");
}

fn answer(
    request: InboundRequest,
    conduct: Conduct,
    asked: &mpsc::SyncSender<Asked>,
    held: &mut Held,
) {
    match request {
        // Whoever answers this badly is sent away before it has lied.
        InboundRequest::Bootstrap(question, responder) => {
            let answer = match question {
                BootstrapRequest::Roots { .. } => Some(BootstrapAnswer::Roots(Vec::new())),
                BootstrapRequest::Fork { fork, .. } => Some(BootstrapAnswer::Fork(fork)),
                BootstrapRequest::CatchUp(question) => {
                    Some(BootstrapAnswer::CatchUp(nothing_new(&question, asked)))
                }
                BootstrapRequest::Transfer(request) => {
                    let _ = asked.try_send(kind(request));
                    lie(request, conduct).map(BootstrapAnswer::Transfer)
                }
            };
            match answer {
                Some(answer) => responder.answer(answer),
                None => held.bootstrap.push(responder),
            }
        }
        InboundRequest::CatchUp(question, responder) => {
            responder.answer(nothing_new(&question, asked));
        }
        InboundRequest::Transfer(request, responder) => {
            let _ = asked.try_send(kind(request));
            match lie(request, conduct) {
                Some(answer) => responder.answer(answer),
                None => held.one.push(responder),
            }
        }
        InboundRequest::Packed(request, responder) => {
            let answer = match request {
                PackedRequest::One(request) => {
                    let _ = asked.try_send(kind(request));
                    lie(request, conduct).map(PackedAnswer::One)
                }
                PackedRequest::Chunks { ranges, .. } => {
                    let _ = asked.try_send(Asked::Chunk);
                    let wanted = ChunkRange::unpack(&ranges).take(MAX_PACK_BYTES / GARBAGE);
                    let chunks = wanted.map(|_| garbage()).collect();
                    (conduct == Conduct::Garbage).then_some(PackedAnswer::Chunks(chunks))
                }
            };
            match answer {
                Some(answer) => responder.answer(answer),
                None => held.packed.push(responder),
            }
        }
    }
}

fn nothing_new(question: &CatchUpRequest, asked: &mpsc::SyncSender<Asked>) -> CatchUpAnswer {
    if let CatchUpRequest::Since { .. } = question {
        let _ = asked.try_send(Asked::News);
    }
    CatchUpAnswer::NotHeld
}

const fn kind(request: TransferRequest) -> Asked {
    match request {
        TransferRequest::Have(_) => Asked::Holding,
        TransferRequest::Chunk { .. } => Asked::Chunk,
        TransferRequest::Object(_) => Asked::Object,
    }
}

/// Lies in chunks only: an object that is a lie is noticed before the first chunk is asked for. Nothing for silence.
fn lie(request: TransferRequest, conduct: Conduct) -> Option<TransferAnswer> {
    match (request, conduct) {
        (TransferRequest::Have(_), _) => Some(TransferAnswer::Have(Holding::Everything)),
        (_, Conduct::Silence) => None,
        (TransferRequest::Chunk { .. }, Conduct::Garbage) => Some(TransferAnswer::Chunk(garbage())),
        (TransferRequest::Object(_), Conduct::Garbage) => Some(TransferAnswer::NotHeld),
    }
}

fn garbage() -> Vec<u8> {
    vec![0x55; GARBAGE]
}
