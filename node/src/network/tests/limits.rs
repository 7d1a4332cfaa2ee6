//! Doors that stay closed.

use std::{num::NonZeroU32, time::Duration};

use updraft_protocol::NetworkId;

use super::harness::{connect, node, settings, start, until};
use crate::network::{BanReason, Conduct, DialError, Forks};

#[tokio::test]
async fn a_banned_peer_is_cut_off_and_cannot_come_back_until_forgiven() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let liar = b.id();
    a.network.report(liar, Conduct::BadChunk).await.expect("runs");
    a.wait_for_loss(liar).await;
    let peers = a.network.peers().await.expect("runs");
    let ban = peers.iter().find(|info| info.id == liar).and_then(|info| info.ban);
    assert_eq!(ban.map(|ban| ban.reason), Some(BanReason::BadChunk));

    assert!(matches!(a.network.dial(b.address().await).await, Err(DialError::Failed { .. })));
    // From the other side the connection opens for a moment: the door asks for the name first.
    let _ = b.network.dial(a.address().await).await;
    assert!(!a.is_connected(liar).await);

    a.network.unban(liar).await.expect("runs");
    assert_eq!(a.network.dial(b.address().await).await, Ok(liar));
}

#[tokio::test]
async fn an_operators_ban_holds_too() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    a.network.ban(b.id(), Duration::from_secs(60)).await.expect("runs");
    a.wait_for_loss(b.id()).await;
    let peers = a.network.peers().await.expect("runs");
    let ban = peers.iter().find(|info| info.id == b.id()).and_then(|info| info.ban);
    assert_eq!(ban.map(|ban| ban.reason), Some(BanReason::Operator));
}

#[tokio::test]
async fn small_offences_add_up_to_a_ban() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    for _ in 0..4 {
        assert!(a.is_connected(b.id()).await);
        a.network.report(b.id(), Conduct::Invalid).await.expect("runs");
    }
    a.wait_for_loss(b.id()).await;
    assert!(matches!(a.network.dial(b.address().await).await, Err(DialError::Failed { .. })));
}

#[tokio::test]
async fn only_those_on_the_list_get_in() {
    let (friend, stranger) = (node().await, node().await);
    let mut private = settings();
    private.allow_peers = vec![friend.id()];
    let private = start(private).await;
    let door = private.address().await;
    assert_eq!(friend.network.dial(door.clone()).await, Ok(private.id()));
    let _ = stranger.network.dial(door).await;
    until("the friend is in", || async { private.is_connected(friend.id()).await }).await;
    assert!(!private.is_connected(stranger.id()).await);
}

#[tokio::test]
async fn the_limit_on_connections_holds() {
    let mut small = settings();
    small.peers_max = NonZeroU32::new(2).expect("not zero");
    let small = start(small).await;
    let door = small.address().await;
    let mut others = Vec::new();
    for _ in 0..6 {
        let other = node().await;
        let _ = other.network.dial(door.clone()).await;
        others.push(other);
    }
    until("two are in", || async { connected(&small).await == 2 }).await;
    for other in &others {
        let _ = other.network.dial(door.clone()).await;
    }
    assert_eq!(connected(&small).await, 2);
}

#[tokio::test]
async fn a_full_node_lets_newcomers_in_and_keeps_those_who_were_there_longest() {
    let mut full = settings();
    full.peers_max = NonZeroU32::new(8).expect("not zero");
    full.settles = Duration::ZERO;
    let full = start(full).await;
    let door = full.address().await;
    // They follow another network's topics: nobody is in anybody's mesh.
    let mut stranger = settings();
    stranger.forks = Forks::only(NetworkId::from_bytes([8; 32]).fork_digest(&[]));
    let mut first = Vec::new();
    for count in 1..=6 {
        let other = start(stranger.clone()).await;
        assert_eq!(other.network.dial(door.clone()).await, Ok(full.id()));
        until("it is in", || async { connected(&full).await == count }).await;
        first.push(other);
    }
    let newcomer = start(stranger).await;
    until("the newcomer is in", || async {
        let _ = newcomer.network.dial(door.clone()).await;
        full.is_connected(newcomer.id()).await
    })
    .await;
    for old in &first[..3] {
        assert!(full.is_connected(old.id()).await, "the older half stays");
    }
}

async fn connected(node: &super::harness::TestNode) -> usize {
    let peers = node.network.peers().await.expect("runs");
    peers.iter().filter(|info| info.direction.is_some()).count()
}
