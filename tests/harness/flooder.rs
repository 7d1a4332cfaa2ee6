//! A peer that talks too much: speaks gossip as fast as it can, and comes back when it is sent away.
//!
//! The node's own network room would not do for this: it keeps the rules. So this is a bare swarm on a thread,
//! which knows gossip and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    gossipsub::{
        self, AllowAllSubscriptionFilter, ConfigBuilder, IdentTopic, IdentityTransform,
        MessageAuthenticity,
    },
    identity::Keypair,
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};
use tokio_util::sync::CancellationToken;
use updraft_protocol::NetworkId;

use super::node::Node;

/// Messages between two looks at what the network does.
const AT_ONCE: usize = 16;
/// Before it dials again. A handshake costs who knocks as much as who opens, and here both share a machine.
const PAUSE: Duration = Duration::from_millis(100);

type Gossipsub = gossipsub::Behaviour<IdentityTransform, AllowAllSubscriptionFilter>;

/// What the flooder says: bytes of the message of this number.
pub(crate) type Words = Box<dyn FnMut(u64) -> Vec<u8> + Send>;

/// Who the flooder is when it comes back after it was sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// The same peer.
    Kept,
    /// Somebody nobody has seen.
    New,
}

/// A flooder on a thread of its own; it goes with its test.
#[derive(Debug)]
pub(crate) struct Flooder {
    /// Its name on the network when it started.
    pub(crate) id: String,
    counts: Arc<Counts>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    said: AtomicU64,
    lost: AtomicU64,
}

impl Flooder {
    /// Starts on the network of `victim` and talks to it.
    pub(crate) fn start(victim: &Node, name: Name, words: Words) -> Self {
        let network = victim.network_id();
        let doors = victim.listen();
        let door = doors.iter().find(|door| door.contains("/tcp/")).expect("it listens on TCP");
        let door: Multiaddr = door.parse().expect("an address");
        let (counts, stop) = (Arc::new(Counts::default()), CancellationToken::new());
        let key = Keypair::generate_ed25519();
        let id = key.public().to_peer_id().to_string();
        let thread = {
            let (counts, stop) = (counts.clone(), stop.clone());
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let flood = flood(network, door, key, name, words, &counts);
                runtime.expect("one").block_on(stop.run_until_cancelled(flood));
            })
        };
        Self { id, counts, stop, thread: Some(thread) }
    }

    /// Messages handed to the connection so far; those under way when it closed never arrived.
    pub(crate) fn said(&self) -> u64 {
        self.counts.said.load(Ordering::Relaxed)
    }

    /// How often its connection was closed or refused so far.
    pub(crate) fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Flooder {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Its panic, if there was one, has been printed already.
            let _ = thread.join();
        }
    }
}

async fn flood(
    network: NetworkId,
    door: Multiaddr,
    mut key: Keypair,
    name: Name,
    mut words: Words,
    counts: &Counts,
) {
    let topic = IdentTopic::new(network.fork_digest(&[]).topic());
    let mut number = 0;
    loop {
        let mut swarm = swarm(key.clone(), &topic);
        swarm.dial(door.clone()).expect("nothing speaks against it");
        let mut heard = false;
        loop {
            tokio::select! {
                biased;
                event = swarm.select_next_some() => match event {
                    SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. }) => heard = true,
                    SwarmEvent::ConnectionClosed { num_established: 0, .. }
                    | SwarmEvent::OutgoingConnectionError { .. } => break,
                    _ => {}
                },
                () = std::future::ready(()), if heard => {
                    number = talk(&mut swarm, &topic, &mut words, number, counts);
                    tokio::task::yield_now().await;
                }
            }
        }
        counts.lost.fetch_add(1, Ordering::Relaxed);
        if name == Name::New {
            key = Keypair::generate_ed25519();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Says a few things, and gives the number of the next.
fn talk(
    swarm: &mut Swarm<Gossipsub>,
    topic: &IdentTopic,
    words: &mut Words,
    from: u64,
    counts: &Counts,
) -> u64 {
    let mut number = from;
    for _ in 0..AT_ONCE {
        // A full queue empties while the swarm is looked at.
        if swarm.behaviour_mut().publish(topic.clone(), words(number)).is_err() {
            break;
        }
        counts.said.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
    number
}

/// Messages are told apart by who said them and when, so that gossip lets the same bytes pass again and again.
fn swarm(key: Keypair, topic: &IdentTopic) -> Swarm<Gossipsub> {
    let config = ConfigBuilder::default()
        .heartbeat_initial_delay(Duration::from_millis(100))
        .duplicate_cache_time(Duration::from_secs(1))
        .flood_publish(true)
        .build()
        .expect("legal");
    let authenticity = MessageAuthenticity::Signed(key.clone());
    let mut gossip = Gossipsub::new(authenticity, config).expect("legal");
    gossip.subscribe(topic).expect("no filter");
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .expect("noise")
        .with_behaviour(|_| gossip)
        .expect("one behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}
