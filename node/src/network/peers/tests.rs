//! Promises of the peer table.

use super::*;
use crate::network::identity::NodeKey;

fn peer(n: u32) -> PeerId {
    let mut bytes = NodeKey::from_seed([1; 32]).expect("a key").peer_id().to_bytes();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&n.to_be_bytes());
    PeerId::from_bytes(&bytes).expect("still an id")
}

fn address(port: u16) -> Address {
    format!("/ip4/192.0.2.1/tcp/{port}").parse().expect("an address")
}

fn opened(id: usize, direction: Direction) -> Connection {
    Connection { id: ConnectionId::new_unchecked(id), direction, reach: Reachable::Network }
}

fn closed(id: usize) -> ConnectionId {
    ConnectionId::new_unchecked(id)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_peer_is_connected_until_its_last_connection_closes() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    assert_eq!(peers.connected(peer(1), opened(10, Direction::Inbound), now), Novelty::First);
    assert_eq!(peers.connected(peer(1), opened(11, Direction::Outbound), now), Novelty::Again);
    assert_eq!(peers.disconnected(peer(1), closed(10), now), None);
    assert!(peers.is_connected(peer(1)));
    let left = Left { direction: Direction::Inbound, spoke_updraft: false };
    assert_eq!(peers.disconnected(peer(1), closed(11), now), Some(left), "as it was counted");
    assert_eq!(peers.connected_count(), 0);
    assert_eq!(peers.disconnected(peer(1), closed(11), now), None);
}

#[test]
fn a_bad_chunk_bans_whoever_was_useful_before() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.learn(peer(1), None, FoundBy::Dht, now);
    for _ in 0..1_000 {
        assert_eq!(peers.report(peer(1), Conduct::Useful, now), Standing::Fine);
    }
    assert_eq!(peers.report(peer(1), Conduct::BadChunk, now), Standing::Ban);
}

#[test]
fn repeated_malformed_messages_ban_and_single_ones_are_forgiven() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.learn(peer(1), None, FoundBy::Dht, now);
    peers.learn(peer(2), None, FoundBy::Dht, now);
    let quickly = (0..5).map(|_| peers.report(peer(1), Conduct::Malformed, now)).last();
    assert_eq!(quickly, Some(Standing::Ban));
    for n in 0..50 {
        let standing = peers.report(peer(2), Conduct::Malformed, now + secs(3_600 * n));
        assert_eq!(standing, Standing::Fine);
    }
}

#[test]
fn scores_fade() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.learn(peer(1), None, FoundBy::Dht, now);
    peers.report(peer(1), Conduct::Malformed, now);
    assert_eq!(peers.score(peer(1), now), -20);
    assert_eq!(peers.score(peer(1), now + secs(600)), -10);
    assert_eq!(peers.score(peer(1), now + secs(86_400 * 400)), 0);
}

#[test]
fn a_peer_that_does_not_answer_is_dialled_ever_more_rarely() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.learn(peer(1), Some(address(1)), FoundBy::Dht, now);
    assert_eq!(peers.candidates(8, now), [peer(1)]);
    peers.dial_failed(peer(1), now);
    assert!(peers.candidates(8, now).is_empty());
    assert_eq!(peers.candidates(8, now + secs(1)), [peer(1)]);
    for _ in 0..40 {
        peers.dial_failed(peer(1), now);
    }
    assert!(peers.candidates(8, now + secs(599)).is_empty());
    assert_eq!(peers.candidates(8, now + secs(600)), [peer(1)]);
}

#[test]
fn a_peer_without_an_address_is_no_candidate() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.learn(peer(1), None, FoundBy::Dht, now);
    assert!(peers.candidates(8, now).is_empty());
}

#[test]
fn the_table_is_bounded_and_keeps_who_is_connected() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.connected(peer(0), opened(1, Direction::Inbound), now);
    for n in 1..4_000 {
        peers.learn(peer(n), Some(address(1)), FoundBy::Dht, now + secs(u64::from(n)));
    }
    assert_eq!(peers.list(now, |_| None).len(), MAX_KNOWN);
    assert!(peers.is_connected(peer(0)));
    assert_eq!(peers.addresses(peer(3_999)), [address(1)]);
    assert!(peers.addresses(peer(1)).is_empty());
}

#[test]
fn addresses_of_a_peer_are_bounded_and_the_newest_is_first() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    for port in 1..100 {
        peers.learn(peer(1), Some(address(port)), FoundBy::Dht, now);
    }
    peers.learn(peer(1), Some(address(99).with_peer(peer(1))), FoundBy::Dht, now);
    assert_eq!(peers.addresses(peer(1)).len(), MAX_ADDRESSES);
    assert_eq!(peers.addresses(peer(1)).first(), Some(&address(99)));
}

#[test]
fn what_a_peer_calls_itself_is_bounded_and_harmless() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.connected(peer(1), opened(1, Direction::Inbound), now);
    let hostile = format!("\u{1b}[31mred\n{}", "ü".repeat(10_000));
    assert_eq!(peers.identified(peer(1), &hostile, &[Service::Bootstrap], vec![]), Novelty::First);
    assert_eq!(peers.identified(peer(1), "again", &[Service::Bootstrap], vec![]), Novelty::Again);
    peers.identified(peer(1), &hostile, &[Service::Bootstrap], vec![]);
    let listed = peers.list(now, |_| None);
    let agent = listed[0].agent.as_deref().expect("known");
    assert!(agent.starts_with("[31mred") && agent.len() <= MAX_AGENT);
}

#[test]
fn a_peer_that_comes_back_introduces_itself_again() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    peers.connected(peer(1), opened(1, Direction::Inbound), now);
    peers.identified(peer(1), "a", &[Service::Bootstrap], vec![]);
    peers.disconnected(peer(1), closed(1), now);
    peers.connected(peer(1), opened(2, Direction::Inbound), now);
    assert_eq!(peers.identified(peer(1), "a", &[Service::Bootstrap], vec![]), Novelty::First);
}

#[test]
fn who_leaves_came_first_of_the_younger_half_and_neither_is_needed_nor_has_just_come() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    for n in 0..6_u32 {
        let id = usize::try_from(n).expect("small");
        peers.connected(peer(n), opened(id, Direction::Inbound), now + secs(u64::from(n)));
    }
    peers.connected(peer(9), opened(9, Direction::Outbound), now);
    let leaves = |needed: &[u32], at: u64| {
        let is_needed = |peer_: PeerId| needed.iter().any(|n| peer(*n) == peer_);
        peers.to_leave(Direction::Inbound, secs(10), is_needed, now + secs(at))
    };
    assert_eq!(leaves(&[], 12), None, "the fourth has been here for nine seconds");
    assert_eq!(leaves(&[], 13), Some(peer(3)));
    assert_eq!(leaves(&[3], 13), None);
    assert_eq!(leaves(&[3], 60), Some(peer(4)));
    assert_eq!(leaves(&[3, 4, 5], 60), None, "the older half stays, whatever comes");
}
