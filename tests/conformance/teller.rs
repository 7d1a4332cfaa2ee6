//! A peer that tells a story's objects to a node: by gossip, and to whoever asks, by bootstrap and catch-up.
//!
//! It speaks the real protocols and judges nothing: what is on its shelf it hands out, true or not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc},
    thread,
    thread::JoinHandle,
    time::Duration,
};

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use updraft_node::network::{
    InboundRequest, Network, NetworkEvent, NetworkMetrics, NetworkSettings, NodeKey, Reach, Started,
};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Digest, Gossip, Head,
    Manifest, Root, Signed, Statement, TransferAnswer,
};

use super::forge::NETWORK;
use crate::harness::{DEADLINE, node::Node};

/// What a teller hands out to whoever asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    pub(super) roots: Vec<Signed<Root>>,
    /// By number; all of one channel.
    pub(super) heads: BTreeMap<u64, Signed<Head>>,
    pub(super) manifests: BTreeMap<Digest, Signed<Manifest>>,
    pub(super) statements: BTreeMap<Digest, Statement>,
}

/// A peer on a thread of its own; it goes with its test.
#[derive(Debug)]
pub(super) struct Teller {
    /// Its name on the network.
    pub(super) id: String,
    /// Where it listens, with its name.
    pub(super) address: String,
    shelf: Arc<Mutex<Shelf>>,
    words: tokio::sync::mpsc::Sender<Gossip>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What its thread is told when it starts.
struct Part {
    friend: Option<String>,
    shelf: Arc<Mutex<Shelf>>,
    words: tokio::sync::mpsc::Receiver<Gossip>,
    stop: CancellationToken,
}

impl Teller {
    /// Starts with this shelf and connects to a node, if one runs already.
    pub(super) fn start(shelf: Shelf, friend: Option<&Node>) -> Self {
        let stop = CancellationToken::new();
        let shelf = Arc::new(Mutex::new(shelf));
        let (words, to_tell) = tokio::sync::mpsc::channel(1);
        let part = Part {
            friend: friend.map(|node| node.listen()[0].clone()),
            shelf: Arc::clone(&shelf),
            words: to_tell,
            stop: stop.clone(),
        };
        let (tell, told) = mpsc::sync_channel(1);
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
            runtime.block_on(play(part, &tell));
        });
        let (id, address) = told.recv_timeout(DEADLINE).expect("the peer listens");
        Self { id, address, shelf, words, stop, thread: Some(thread) }
    }

    /// What it hands out from now on.
    pub(super) fn shelve(&self, shelf: &Shelf) {
        self.shelf.lock().expect("nobody panics with it").clone_from(shelf);
    }

    /// Tells everybody something, as soon as somebody listens.
    pub(super) fn announce(&self, message: Gossip) {
        self.words.blocking_send(message).expect("the peer runs");
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Its panic, if there was one, has been printed already.
            let _ = thread.join();
        }
    }
}

async fn play(mut part: Part, tell: &mpsc::SyncSender<(String, String)>) {
    let mut settings = NetworkSettings::new(NETWORK);
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    let metrics = NetworkMetrics::register(&mut Registry::default());
    let started = Network::start(settings, NodeKey::generate(), metrics, part.stop.clone());
    let Started { network, mut events, task } = started.await.expect("it listens");
    let me = network.peer_id();
    let address = network.listen_addresses().await.expect("it runs")[0].with_peer(me);
    if let Some(friend) = part.friend {
        network.dial(friend.parse().expect("an address")).await.expect("the node answers");
    }
    tell.send((me.to_string(), address.to_string())).expect("the test waits");
    let mut word = None;
    let mut again = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(NetworkEvent::Request { request, .. }) => answer(request, &part.shelf),
                Some(_) => {}
                None => break,
            },
            Some(next) = part.words.recv(), if word.is_none() => word = Some(next),
            _ = again.tick(), if word.is_some() => {
                let told = network.announce(word.clone().expect("looked at above")).await;
                if !matches!(told, Ok(Reach::NoPeers)) {
                    word = None;
                }
            }
        }
    }
    drop(network);
    task.await.expect("the room ends well");
}

fn answer(request: InboundRequest, shelf: &Mutex<Shelf>) {
    let shelf = shelf.lock().expect("nobody panics with it");
    match request {
        InboundRequest::Bootstrap(BootstrapRequest::Roots { after, .. }, responder) => {
            let after = usize::try_from(after).unwrap_or(usize::MAX);
            let roots = shelf.roots.iter().skip(after).cloned().collect();
            responder.answer(BootstrapAnswer::Roots(roots));
        }
        InboundRequest::Bootstrap(_, responder) => {
            responder.answer(BootstrapAnswer::OtherNetwork);
        }
        InboundRequest::CatchUp(request, responder) => responder.answer(shelf.catch_up(&request)),
        InboundRequest::Transfer(_, responder) => responder.answer(TransferAnswer::NotHeld),
    }
}

impl Shelf {
    fn catch_up(&self, request: &CatchUpRequest) -> CatchUpAnswer {
        match request {
            CatchUpRequest::Since { marks, .. } => {
                let (after, known) = marks.first().map_or((0, None), |mark| (mark.seq, mark.head));
                // Another head than the asker's own comes first, as the protocol wants it.
                let is_new = |(seq, head): &(&u64, &Signed<Head>)| {
                    **seq > after || known.is_some_and(|known| known != head.digest())
                };
                CatchUpAnswer::News {
                    root_version: u64::try_from(self.roots.len()).expect("few"),
                    heads: self
                        .heads
                        .range(after..)
                        .filter(is_new)
                        .map(|(_, head)| head.clone())
                        .collect(),
                    more: false,
                    statements: Statement::fingerprint(self.statements.keys()),
                }
            }
            CatchUpRequest::Manifest(digest) => match self.manifests.get(digest) {
                Some(manifest) => CatchUpAnswer::Manifest(manifest.clone()),
                None => CatchUpAnswer::NotHeld,
            },
            CatchUpRequest::Statements { after, .. } => CatchUpAnswer::Statements {
                statements: self
                    .statements
                    .iter()
                    .filter(|(id, _)| after.is_none_or(|after| **id > after))
                    .map(|(_, statement)| statement.clone())
                    .collect(),
                more: false,
            },
        }
    }
}
