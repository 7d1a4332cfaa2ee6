//! Starting, stopping, connecting, finding.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use updraft_protocol::Digest;

use super::harness::{DEADLINE, connect, node, settings, start, start_again, until};
use crate::network::{
    Address, DialError, Direction, Network, NetworkMetrics, NetworkSettings, NodeKey, RequestError,
    StartError, Stopped,
};

#[tokio::test]
async fn two_nodes_meet_and_know_each_other() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let seen = b.network.peers().await.expect("runs");
    let info = seen.iter().find(|info| info.id == a.id()).expect("known");
    assert_eq!(info.direction, Some(Direction::Inbound));
    assert!(info.agent.as_deref().is_some_and(|agent| agent.starts_with("updraft/")));
    assert!(info.addresses.contains(&a.address().await.without_peer()), "{:?}", info.addresses);
}

#[tokio::test]
async fn two_nodes_meet_over_quic() {
    let mut quic = settings();
    quic.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().expect("an address")];
    let (mut a, mut b) = (node().await, start(quic).await);
    connect(&mut a, &mut b).await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    for listen in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        let mut first = settings();
        first.listen = vec![listen.parse().expect("an address")];
        let first = start(first).await;
        let mut second = settings();
        let taken = first.address().await.without_peer();
        second.listen = vec![taken.clone()];
        let (metrics, stop) = (NetworkMetrics::default(), CancellationToken::new());
        let refused = Network::start(second, NodeKey::generate(), metrics, stop).await;
        match refused.map(|started| started.network) {
            Err(StartError::PortInUse { address, .. }) => assert_eq!(*address, taken),
            other => panic!("expected PortInUse, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn one_port_serves_ipv4_and_ipv6_and_a_machine_without_ipv6() {
    let port = node().await.address().await.port();
    let mut both = settings();
    both.listen = ["/ip4/0.0.0.0/tcp/PORT", "/ip6/::/tcp/PORT"]
        .map(|text| text.replace("PORT", &port.to_string()).parse().expect("an address"))
        .to_vec();
    let both = start(both).await;
    let listens = both.network.listen_addresses().await.expect("runs");
    assert!(listens.iter().all(|address| address.port() == port), "{listens:?}");
    assert!(listens.iter().any(|address| address.is_loopback()), "{listens:?}");
}

#[tokio::test]
async fn an_address_of_another_machine_cannot_be_listened_on() {
    let mut foreign = settings();
    foreign.listen = vec!["/ip4/192.0.2.1/tcp/0".parse().expect("an address")];
    let (metrics, stop) = (NetworkMetrics::default(), CancellationToken::new());
    let refused = Network::start(foreign, NodeKey::generate(), metrics, stop).await;
    assert!(matches!(refused.map(|started| started.network), Err(StartError::Listen { .. })));
}

#[tokio::test]
async fn stopping_ends_the_task_frees_the_port_and_fails_later_calls() {
    let mut a = node().await;
    let address = a.address().await.without_peer();
    a.stop.cancel();
    timeout(DEADLINE, &mut a.task).await.expect("in time").expect("without a panic");
    assert_eq!(a.network.peers().await, Err(Stopped));
    let asked = a.network.providers(Digest::of(b"blob")).await;
    assert_eq!(asked, Err(Stopped.into()));
    let mut again = settings();
    again.listen = vec![address.clone()];
    assert_eq!(start(again).await.address().await.without_peer(), address);
}

/// As a program does that another takes the place of: nothing of it runs on.
#[tokio::test]
async fn who_stops_tells_its_peers_and_is_not_taken_for_there_until_they_lose_patience() {
    let over_quic = || NetworkSettings {
        listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().expect("an address")],
        ..settings()
    };
    let stays = start(over_quic()).await;
    let (address, id) = (stays.address().await, stays.id());
    let goes = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let goes = runtime.block_on(async {
            let mut goes = start(over_quic()).await;
            goes.network.dial(address).await.expect("it is there");
            goes.wait_for_peer(id).await;
            goes.stop.cancel();
            timeout(DEADLINE, &mut goes.task).await.expect("in time").expect("without a panic");
            goes.id()
        });
        runtime.shutdown_background();
        goes
    });
    let goes = goes.await.expect("without a panic");
    // Without a word of it, a peer is given up after ten seconds.
    let told = until("it is told", || async { !stays.is_connected(goes).await });
    timeout(Duration::from_secs(5), told).await.expect("soon");
}

#[tokio::test]
async fn a_room_that_nobody_listens_to_ends() {
    let mut a = node().await;
    let (_, closed) = tokio::sync::mpsc::channel(1);
    drop(std::mem::replace(&mut a.events, closed));
    let mut b = node().await;
    let _ = b.network.dial(a.address().await).await;
    timeout(DEADLINE, &mut a.task).await.expect("in time").expect("without a panic");
    b.stop.cancel();
    timeout(DEADLINE, &mut b.task).await.expect("in time").expect("without a panic");
}

#[tokio::test]
async fn dialling_nobody_fails_soon_and_says_where() {
    let a = node().await;
    let gone = {
        let b = node().await;
        b.address().await
    };
    let dialled = timeout(DEADLINE, a.network.dial(gone.clone())).await.expect("in time");
    assert!(matches!(dialled, Err(DialError::Failed { address, .. }) if address == gone));
}

#[tokio::test]
async fn somebody_else_at_an_address_is_not_taken_for_the_peer() {
    let (a, b) = (node().await, node().await);
    let wrong = b.address().await.with_peer(NodeKey::generate().peer_id());
    assert!(matches!(a.network.dial(wrong).await, Err(DialError::Failed { .. })));
    assert!(!a.is_connected(b.id()).await);
}

#[tokio::test]
async fn names_are_looked_up() {
    let (a, b) = (node().await, node().await);
    let place = b.address().await.to_string().replace("/ip4/127.0.0.1/", "/dns4/localhost/");
    let place: Address = place.parse().expect("an address");
    assert_eq!(a.network.dial(place).await, Ok(b.id()));
    let nowhere: Address = "/dns4/nowhere.invalid/tcp/1".parse().expect("an address");
    let dialled = timeout(DEADLINE, a.network.dial(nowhere.clone())).await.expect("in time");
    assert_eq!(dialled, Err(DialError::UnknownHost { address: nowhere }));
}

#[tokio::test]
async fn a_bootstrap_address_is_dialled_until_somebody_is_there() {
    let key = NodeKey::generate();
    let place = {
        let early = start_again(settings(), key.clone()).await;
        early.address().await
    };
    let mut waiting = settings();
    waiting.bootstrap = vec![place.clone()];
    waiting.peers_min = 1;
    let mut waiting = start(waiting).await;
    let mut late = settings();
    late.listen = vec![place.without_peer()];
    let late = start_again(late, key).await;
    waiting.wait_for_peer(late.id()).await;
}

#[tokio::test]
async fn a_provider_is_found_through_others_and_being_connected_to() {
    let (mut hub, mut holder, mut seeker) = (node().await, node().await, node().await);
    connect(&mut holder, &mut hub).await;
    connect(&mut seeker, &mut hub).await;
    let blob = Digest::of(b"blob");
    holder.network.provide(blob).await.expect("room is left");
    until("the provider is found", || async {
        seeker.network.providers(blob).await.expect("runs").contains(&holder.id())
    })
    .await;
    seeker.wait_for_peer(holder.id()).await;
    let other = seeker.network.providers(Digest::of(b"other")).await;
    assert_eq!(other, Ok(vec![]));
}

#[tokio::test]
async fn what_was_provided_before_anybody_came_is_found_later() {
    let mut holder = node().await;
    let blob = Digest::of(b"blob");
    holder.network.provide(blob).await.expect("room is left");
    let (mut hub, mut seeker) = (node().await, node().await);
    connect(&mut holder, &mut hub).await;
    connect(&mut seeker, &mut hub).await;
    until("the provider is found", || async {
        seeker.network.providers(blob).await.expect("runs").contains(&holder.id())
    })
    .await;
    assert_eq!(holder.network.providers(blob).await, Ok(vec![]), "a node does not find itself");
}

#[tokio::test]
async fn a_dead_peer_is_unreachable_within_a_bounded_time() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let dead = b.id();
    b.stop.cancel();
    a.wait_for_loss(dead).await;
    let request = updraft_protocol::TransferRequest::Have(Digest::of(b"blob"));
    let asked = timeout(Duration::from_secs(10), a.network.transfer(dead, request)).await;
    assert_eq!(asked.expect("in time"), Err(RequestError::Unreachable { peer: dead }));
}
