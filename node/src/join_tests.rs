//! A newcomer asks real peers on loopback, honest and otherwise, and keeps what it may believe.

use std::num::NonZeroU32;

use tokio::task::JoinHandle;
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, NetworkId, NetworkKind, Role, SecretKey, Timestamp,
};

use super::*;
use crate::{
    network::{DhtMode, InboundRequest, NetworkEvent},
    publish::founding::{Holders, first_root},
};

const NETWORK: NetworkId = NetworkId::from_bytes([6; 32]);

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn first(owner: u8) -> Signed<Root> {
    let holders = |n| Holders { threshold: 1, keys: vec![key(n).public()] };
    first_root(
        NETWORK,
        "demo".parse().expect("a name"),
        NetworkKind::Development,
        holders(owner),
        holders(9),
        &[key(owner)],
        Timestamp::from_seconds(1_000),
    )
    .expect("a root")
}

/// A chain in which the root key moves on with each version, so that every link has to be followed.
fn chain(length: u8) -> Vec<Signed<Root>> {
    let mut roots = vec![first(1)];
    for n in 2..=length {
        let last = roots.last().expect("not empty");
        let mut root = last.peek().expect("a root");
        root.version = u64::from(n);
        root.prev = Some(last.digest());
        root.root = Role::new(1, vec![key(n).public()]).expect("a role");
        let mut signed = Signed::unsigned(&root).expect("a root");
        signed.sign(&key(n - 1), &NETWORK);
        signed.sign(&key(n), &NETWORK);
        roots.push(signed);
    }
    roots
}

/// A peer that serves roots, and nothing else.
struct Peer {
    address: String,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl Peer {
    async fn serving(roots: Vec<Signed<Root>>) -> Self {
        let stop = CancellationToken::new();
        let settings = NetworkSettings {
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
            dht: DhtMode::Server,
            peers_min: 0,
            peers_max: NonZeroU32::new(8).expect("eight"),
            ..NetworkSettings::new(NETWORK)
        };
        let metrics = NetworkMetrics::register(&mut Registry::default());
        let started = Network::start(settings, NodeKey::generate(), metrics, stop.clone())
            .await
            .expect("starts");
        let mut events = started.events;
        let listening = started.network.listen_addresses().await.expect("running");
        let address = listening[0].with_peer(started.network.peer_id()).to_string();
        let keep = started.network;
        let served = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let NetworkEvent::Request {
                    request:
                        InboundRequest::Bootstrap(BootstrapRequest::Roots { after, .. }, responder),
                    ..
                } = event
                {
                    let after = usize::try_from(after).expect("small");
                    let page = roots.iter().skip(after).take(MAX_ROOTS_PER_ANSWER);
                    responder.answer(BootstrapAnswer::Roots(page.cloned().collect()));
                }
            }
            drop(keep);
        });
        Self { address, stop, served }
    }

    async fn end(self) {
        self.stop.cancel();
        self.served.await.expect("ends");
    }
}

fn ticket(root: &Signed<Root>, addresses: &[&str]) -> Ticket {
    Ticket {
        network: NETWORK,
        name: "demo".parse().expect("a name"),
        root: root.digest(),
        addresses: addresses.iter().map(|text| (*text).to_owned()).collect(),
    }
}

#[tokio::test]
async fn a_newcomer_follows_the_whole_chain_over_several_answers() {
    let roots = chain(40);
    let peer = Peer::serving(roots.clone()).await;
    let chain = ask(&ticket(&roots[0], &[&peer.address])).await.expect("joined");
    assert_eq!(chain.newest().version, 40);
    assert_eq!(chain.first(), roots[0].digest());
    peer.end().await;
}

#[tokio::test]
async fn liars_and_dead_addresses_are_passed_over_for_one_that_has_the_root() {
    let liar = Peer::serving(vec![first(7)]).await;
    let stranger = Peer::serving(Vec::new()).await;
    let honest = Peer::serving(chain(2)).await;
    let dead = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGRUfh5mWyUoHTCmrZyUfPFyu1v2LPWvbGoVDCXYiuXW1";
    let all = [dead, &liar.address, &stranger.address, &honest.address];
    let chain = ask(&ticket(&first(1), &all)).await.expect("joined");
    assert_eq!(chain.newest().version, 2);
    let refused = ask(&ticket(&first(1), &[dead, &liar.address])).await;
    assert!(matches!(refused, Err(JoinError::OtherRoot { .. })), "{refused:?}");
    let refused = ask(&ticket(&first(1), &[dead, &stranger.address, "nonsense"])).await;
    let Err(JoinError::NobodyAnswers { tried }) = refused else { panic!("{refused:?}") };
    assert_eq!(tried.len(), 3);
    for peer in [liar, stranger, honest] {
        peer.end().await;
    }
}

#[tokio::test]
async fn a_chain_with_a_forged_link_is_not_believed() {
    let mut roots = chain(3);
    let mut forged = roots[2].peek().expect("a root");
    forged.root = Role::new(1, vec![key(66).public()]).expect("a role");
    let mut forged = Signed::unsigned(&forged).expect("a root");
    forged.sign(&key(66), &NETWORK);
    roots[2] = forged;
    let peer = Peer::serving(roots.clone()).await;
    let refused = ask(&ticket(&roots[0], &[&peer.address])).await;
    assert!(matches!(refused, Err(JoinError::OtherRoot { .. })), "{refused:?}");
    peer.end().await;
}

fn believed(length: u8) -> Chain {
    let mut roots = chain(length).into_iter();
    let first = roots.next().expect("not empty");
    let digest = first.digest();
    let mut chain = Chain::begin(first, &digest).expect("the first");
    for root in roots {
        chain.follow(root).expect("the next");
    }
    chain
}

#[test]
fn joining_twice_changes_nothing_and_learns_new_roots_and_addresses() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    let (a, b) = ("/ip4/192.0.2.1/tcp/1".to_owned(), "/ip4/192.0.2.2/tcp/2".to_owned());
    keep(&data, &believed(1), std::slice::from_ref(&a)).expect("kept");
    keep(&data, &believed(1), std::slice::from_ref(&a)).expect("kept again");
    keep(&data, &believed(3), &[b.clone(), a.clone()]).expect("kept more");
    assert_eq!(bootstrap(&data).expect("read"), [a, b]);
    let roots = open_store(&data).expect("opens").roots(0, 10).expect("read");
    assert_eq!(roots.len(), 3);
    assert!(data.join("trust/demo/root.1").is_file());
}

#[test]
fn a_directory_of_another_network_is_left_as_it_is() {
    let home = tempfile::tempdir().expect("a folder");
    let first_of = |owner| {
        let root = first(owner);
        let digest = root.digest();
        Chain::begin(root, &digest).expect("the first")
    };
    keep(home.path(), &first_of(1), &[]).expect("kept");
    let refused = keep(home.path(), &first_of(2), &["/ip4/192.0.2.1/tcp/1".to_owned()]);
    assert!(matches!(refused, Err(JoinError::Store(_))), "{refused:?}");
    assert!(bootstrap(home.path()).expect("read").is_empty());
}

#[test]
fn a_directory_in_use_is_refused() {
    let home = tempfile::tempdir().expect("a folder");
    let _node = DataLock::acquire(home.path()).expect("free");
    let refused = keep(home.path(), &believed(1), &[]);
    assert!(matches!(refused, Err(JoinError::Lock(LockError::InUse { .. }))), "{refused:?}");
}

#[test]
fn joining_again_needs_nothing_while_a_node_runs() {
    let home = tempfile::tempdir().expect("a folder");
    let addresses = ["/ip4/192.0.2.1/tcp/1".to_owned()];
    keep(home.path(), &believed(2), &addresses).expect("kept");
    let _node = DataLock::acquire(home.path()).expect("free");
    keep(home.path(), &believed(2), &addresses).expect("nothing to do");
    let more = keep(home.path(), &believed(3), &addresses);
    assert!(matches!(more, Err(JoinError::Lock(_))), "{more:?}");
}

#[test]
fn addresses_are_kept_up_to_a_limit() {
    let home = tempfile::tempdir().expect("a folder");
    let many: Vec<_> = (0..100).map(|n| format!("/ip4/192.0.2.1/tcp/{n}")).collect();
    add_bootstrap(home.path(), &many).expect("kept");
    assert_eq!(bootstrap(home.path()).expect("read"), many[36..]);
}
