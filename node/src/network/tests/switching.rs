//! Rules change, and nobody misses a word or is blamed for the moment at which he changes.

use std::{cell::Cell, collections::BTreeSet};

use tokio_util::sync::CancellationToken;
use updraft_protocol::{Digest, ForkDigest, Gossip, codec};

use super::{
    harness::{TestNode, announcement, connect, network_id, node, settings, start, until},
    stubborn,
};
use crate::network::{
    BanReason, FollowError, Forks, Network, NetworkEvent, NetworkMetrics, NodeKey, Reach,
    StartError, Verdict, Way, metrics::GossipResult,
};

fn old() -> ForkDigest {
    network_id().fork_digest(&[])
}

fn new() -> ForkDigest {
    network_id().fork_digest(&[Digest::of(b"proposal")])
}

fn forks(current: ForkDigest, also: &[ForkDigest]) -> Forks {
    Forks { current, also: also.iter().copied().collect() }
}

async fn node_under(forks: Forks) -> TestNode {
    let mut settings = settings();
    settings.forks = forks;
    start(settings).await
}

impl TestNode {
    async fn follow(&self, current: ForkDigest, also: &[ForkDigest]) {
        self.network.follow(forks(current, also)).await.expect("few enough");
    }

    /// Says something and waits until the other one has heard it, and nothing else before.
    async fn is_heard_by(&self, other: &mut Self, message: &Gossip) {
        self.announce_heard(message).await;
        let (token, source, heard) = other.wait_for_gossip().await;
        assert_eq!((source, &heard), (self.id(), message));
        token.settle(Verdict::Accept);
    }
}

/// One after the other, as clocks that differ would have it: an hour before, at the activation, after the grace.
#[tokio::test]
async fn two_nodes_that_switch_one_after_the_other_hear_each_other_all_the_time() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let steps = [
        (forks(old(), &[]), forks(old(), &[])),
        (forks(old(), &[new()]), forks(old(), &[])),
        (forks(old(), &[new()]), forks(old(), &[new()])),
        (forks(new(), &[old()]), forks(old(), &[new()])),
        (forks(new(), &[old()]), forks(new(), &[old()])),
        (forks(new(), &[]), forks(new(), &[old()])),
        (forks(new(), &[]), forks(new(), &[])),
    ];
    for (n, (of_a, of_b)) in (1_u64..).zip(steps) {
        a.network.follow(of_a).await.expect("few enough");
        b.network.follow(of_b).await.expect("few enough");
        a.is_heard_by(&mut b, &announcement(2 * n)).await;
        b.is_heard_by(&mut a, &announcement(2 * n + 1)).await;
    }
    for (one, other) in [(&a, &b), (&b, &a)] {
        assert_eq!(one.score(other.id()).await, Some(0));
        for harm in [GossipResult::Astray, GossipResult::Forged, GossipResult::Rejected] {
            assert_eq!(one.metrics.gossip_count(harm), 0, "{harm:?}");
        }
    }
}

#[tokio::test]
async fn what_is_said_under_both_rules_is_told_once() {
    let (mut late, mut early) =
        (node_under(forks(old(), &[])).await, node_under(forks(new(), &[])).await);
    let mut c = node_under(forks(old(), &[new()])).await;
    connect(&mut late, &mut c).await;
    connect(&mut early, &mut c).await;
    late.is_heard_by(&mut c, &announcement(1)).await;
    early.announce_heard(&announcement(1)).await;
    let repeated = || async { c.metrics.gossip_count(GossipResult::Repeated) == 1 };
    until("the second one comes", repeated).await;
    early.is_heard_by(&mut c, &announcement(2)).await;
    assert_eq!(c.score(early.id()).await, Some(0));
}

#[tokio::test]
async fn nothing_is_carried_from_one_topic_to_the_other() {
    let mut late = node_under(forks(old(), &[])).await;
    let mut c = node_under(forks(new(), &[old()])).await;
    let mut early = node_under(forks(new(), &[])).await;
    connect(&mut late, &mut c).await;
    connect(&mut c, &mut early).await;
    late.is_heard_by(&mut c, &announcement(1)).await;
    // The first that arrives is the one said under the rules that its hearer follows.
    c.is_heard_by(&mut early, &announcement(2)).await;
}

#[tokio::test]
async fn who_followed_before_us_is_reached_as_soon_as_we_follow() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    b.follow(old(), &[new()]).await;
    // Subscriptions overtake messages: when this has come, b's word of the new topic has, too.
    b.is_heard_by(&mut a, &announcement(1)).await;
    a.follow(new(), &[old()]).await;
    let told = a.network.announce(announcement(2)).await;
    assert!(matches!(told, Ok(Reach::Peers(1))), "{told:?}");
    let (_, source, message) = b.wait_for_gossip().await;
    assert_eq!((source, message), (a.id(), announcement(2)));
}

#[tokio::test]
async fn reach_counts_those_who_follow_the_current_rules() {
    let (mut a, mut b) = (node().await, node().await);
    let mut stranger = node_under(forks(new(), &[])).await;
    connect(&mut a, &mut b).await;
    connect(&mut a, &mut stranger).await;
    a.follow(old(), &[new()]).await;
    // Both have said what they follow when they have been heard.
    b.is_heard_by(&mut a, &announcement(1)).await;
    stranger.is_heard_by(&mut a, &announcement(2)).await;
    let told = a.network.announce(announcement(3)).await;
    assert!(matches!(told, Ok(Reach::Peers(1))), "{told:?}");
    b.follow(new(), &[]).await;
    let seconds = Cell::new(4);
    until("b has left", || async {
        let next = announcement(seconds.replace(seconds.get() + 1));
        matches!(a.network.announce(next).await, Ok(Reach::NoPeers))
    })
    .await;
}

#[tokio::test]
async fn a_word_on_a_topic_that_was_left_is_ignored_without_blame_and_hides_nothing() {
    let mut b = node().await;
    let stubborn = stubborn::Peer::connect(&b).await;
    b.follow(new(), &[]).await;
    stubborn.say(codec::encode(&announcement(1)).expect("within limits")).await;
    stubborn.say(b"\x00\x00\x00\x00garbage".to_vec()).await;
    until("both are lost", || async { b.metrics.gossip_count(GossipResult::Astray) == 2 }).await;
    assert_eq!(b.score(stubborn.id).await, Some(0));
    // The same words where they belong are still news, and the first that is told.
    let mut honest = node_under(forks(new(), &[])).await;
    connect(&mut honest, &mut b).await;
    honest.is_heard_by(&mut b, &announcement(1)).await;
}

#[tokio::test]
async fn a_flood_on_topics_that_are_not_followed_ends() {
    let mut b = node().await;
    let stubborn = stubborn::Peer::connect(&b).await;
    b.follow(new(), &[]).await;
    // More than any patience; once it is sent away nobody hears the rest.
    for word in 0_u32..2_000 {
        stubborn.say(word.to_le_bytes().to_vec()).await;
    }
    let ban = |event| match event {
        NetworkEvent::PeerBanned { peer, reason, .. } => Some((peer, reason)),
        _ => None,
    };
    let banned = b.wait_for("ban", ban).await;
    assert_eq!(banned, (stubborn.id, BanReason::Flood));
    let astray = b.metrics.gossip_count(GossipResult::Astray);
    assert!(astray > 400, "{astray}: what an honest peer may send is not a flood");
}

/// As one peer after the other has it in a vote: more than anybody's patience for what is of no use.
const OF_A_VOTE: u64 = 200;

#[tokio::test]
async fn a_node_that_is_left_behind_follows_nothing_and_blames_nobody_who_talks_on() {
    let mut b = node().await;
    let stubborn = stubborn::Peer::connect(&b).await;
    b.network.take(Way::Bootstrap).await.expect("runs");
    // It may still be told what to follow by and by.
    b.follow(old(), &[new()]).await;
    for n in 0..OF_A_VOTE {
        stubborn.say(codec::encode(&announcement(n)).expect("within limits")).await;
    }
    let astray = || async { b.metrics.gossip_count(GossipResult::Astray) == OF_A_VOTE };
    until("all of it came and was left alone", astray).await;
    assert_eq!(b.score(stubborn.id).await, Some(0));
    while let Ok(event) = b.events.try_recv() {
        let harm = matches!(event, NetworkEvent::PeerBanned { .. } | NetworkEvent::Gossip { .. });
        assert!(!harm, "{event:?}");
    }
    assert!(b.is_connected(stubborn.id).await);
}

#[tokio::test]
async fn who_has_caught_up_hears_gossip_again_under_the_rules_told_last() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    a.is_heard_by(&mut b, &announcement(1)).await;
    b.network.take(Way::Bootstrap).await.expect("runs");
    let seconds = Cell::new(10);
    until("b has left", || async {
        let next = announcement(seconds.replace(seconds.get() + 1));
        matches!(a.network.announce(next).await, Ok(Reach::NoPeers))
    })
    .await;
    for forks in [forks(old(), &[new()]), forks(new(), &[old()])] {
        a.network.follow(forks.clone()).await.expect("few enough");
        b.network.follow(forks).await.expect("few enough");
    }
    assert!(matches!(a.network.announce(announcement(3)).await, Ok(Reach::NoPeers)));
    b.network.take(Way::Usual).await.expect("runs");
    // What nobody heard has waited for whoever would.
    loop {
        let (token, _, message) = b.wait_for_gossip().await;
        token.settle(Verdict::Accept);
        if message == announcement(3) {
            break;
        }
    }
    a.is_heard_by(&mut b, &announcement(4)).await;
    b.is_heard_by(&mut a, &announcement(5)).await;
}

#[tokio::test]
async fn more_forks_than_anything_calls_for_are_refused() {
    let a = node().await;
    let also: BTreeSet<_> = (0..5_u8).map(|n| ForkDigest([n; 4])).collect();
    let many = Forks { current: old(), also };
    let refused = a.network.follow(many.clone()).await;
    assert_eq!(refused, Err(FollowError::TooMany { got: 5, limit: 4 }));
    let mut settings = settings();
    settings.forks = many;
    let stop = CancellationToken::new();
    let metrics = NetworkMetrics::default();
    let started = Network::start(settings, NodeKey::generate(), metrics, stop).await;
    assert!(matches!(started.map(|_| ()), Err(StartError::Setup { .. })));
}
