//! Whom gossip puts up with, and whom it does not.

use super::*;
use crate::network::identity::NodeKey;

fn peer(n: u32) -> PeerId {
    let mut bytes = NodeKey::from_seed([1; 32]).expect("a key").peer_id().to_bytes();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&n.to_be_bytes());
    PeerId::from_bytes(&bytes).expect("still an id")
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_flood_ends_within_a_hundred_messages() {
    let (mut patience, start) = (Patience::default(), Instant::now());
    // 7,000 a second.
    let overdrawn = (0..7_000_u64).position(|n| {
        let now = start + Duration::from_micros(n * 1_000_000 / 7_000);
        patience.charge(peer(1), Expense::Useless, 1, now).is_err()
    });
    let heard = overdrawn.expect("it ends") + MAX_UNJUDGED_PER_PEER;
    assert!(heard <= 100, "{heard} messages");
}

#[test]
fn ten_flooders_get_no_more_each_and_cost_an_honest_peer_nothing() {
    let (mut patience, now) = (Patience::default(), Instant::now());
    for flooder in 1..=10 {
        let borne = (0..1_000)
            .take_while(|_| patience.charge(peer(flooder), Expense::Useless, 1, now).is_ok());
        assert_eq!(borne.count(), 64);
    }
    assert_eq!(patience.charge(peer(0), Expense::Useless, 64, now), Ok(()));
}

#[test]
fn coming_back_does_not_fill_the_account() {
    let (mut patience, now) = (Patience::default(), Instant::now());
    assert_eq!(patience.charge(peer(1), Expense::Useless, 60, now), Ok(()));
    // Nothing here is told about connections: what makes an account full is time.
    patience.expire(now + millis(1_000));
    assert_eq!(patience.charge(peer(1), Expense::Useless, 60, now + millis(1_000)), Err(Overdrawn));
    patience.expire(now + millis(60_000));
    assert!(patience.accounts.is_empty(), "and it is forgotten once it is full");
}

/// Two halves of a network join again: each neighbour brings, within a second, every head of the other half that
/// gossip still remembers, and this node knows most of them already from the one it asked first.
#[test]
fn neighbours_that_heal_a_partition_are_borne() {
    let (mut patience, start) = (Patience::default(), Instant::now());
    for neighbour in 0..12 {
        for head in 0..60_u64 {
            let now = start + millis(head * 1_000 / 60);
            assert_eq!(patience.charge(peer(neighbour), Expense::Useless, 1, now), Ok(()));
        }
    }
    // The next partition may heal as soon as the purse has filled.
    let again = start + millis(16_000);
    assert_eq!(patience.charge(peer(0), Expense::Useless, 60, again), Ok(()));
}

/// Five hundred components are published by a script: each of eleven neighbours repeats each announcement.
#[test]
fn neighbours_that_repeat_what_was_news_are_borne_at_any_pace() {
    let (mut patience, now) = (Patience::default(), Instant::now());
    for _ in 0..500 {
        patience.news(now);
        for neighbour in 0..11 {
            assert_eq!(patience.charge(peer(neighbour), Expense::Useless, 1, now), Ok(()));
        }
    }
}

/// A day of a quiet network: heartbeats, and now and then something that another peer was faster with.
#[test]
fn a_days_chatter_is_borne() {
    let (mut patience, start) = (Patience::default(), Instant::now());
    for second in 0..86_400_u64 {
        let now = start + millis(second * 1_000);
        assert_eq!(patience.charge(peer(1), Expense::Empty, 4, now), Ok(()));
        assert_eq!(patience.charge(peer(1), Expense::Useless, 1, now), Ok(()));
    }
}

#[test]
fn frames_that_say_nothing_run_out_too() {
    let (mut patience, now) = (Patience::default(), Instant::now());
    assert_eq!(patience.charge(peer(1), Expense::Empty, 512, now), Ok(()));
    assert_eq!(patience.charge(peer(1), Expense::Empty, 1, now), Err(Overdrawn));
    assert_eq!(patience.charge(peer(1), Expense::Useless, 1, now), Ok(()));
}

#[test]
fn a_crowd_of_new_peers_does_not_wash_an_account_clean() {
    let (mut patience, now) = (Patience::default(), Instant::now());
    assert_eq!(patience.charge(peer(0), Expense::Useless, 64, now), Ok(()));
    for n in 1..4 * u32::try_from(MAX_ACCOUNTS).expect("small") {
        assert_eq!(patience.charge(peer(n), Expense::Useless, 1, now), Ok(()));
        assert!(patience.accounts.len() <= MAX_ACCOUNTS);
    }
    assert_eq!(patience.charge(peer(0), Expense::Useless, 1, now), Err(Overdrawn));
}

#[test]
fn bans_grow_from_a_minute_to_a_day() {
    assert_eq!(ban_length(0), Duration::from_secs(60));
    assert_eq!(ban_length(3), Duration::from_secs(480));
    assert_eq!(ban_length(u32::MAX), Duration::from_secs(86_400));
}
