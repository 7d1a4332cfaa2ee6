//! What is announced arrives, what is bad goes no further.

use std::time::Duration;

use libp2p::gossipsub::IdentTopic;
use tokio::time::Instant;
use updraft_protocol::{Digest, Gossip, SecretKey};

use super::harness::{DEADLINE, TestNode, announcement, connect, network_id, node, until};
use crate::network::{
    BanReason, Forks, GossipToken, NetworkEvent, PeerId, Reach, Verdict, metrics::GossipResult,
};

impl TestNode {
    pub(super) async fn wait_for_gossip(&mut self) -> (GossipToken, PeerId, Gossip) {
        self.wait_for("gossip", |event| match event {
            NetworkEvent::Gossip { token, source, message } => Some((token, source, message)),
            _ => None,
        })
        .await
    }

    pub(super) async fn score(&self, peer: PeerId) -> Option<i32> {
        let peers = self.network.peers().await.expect("runs");
        peers.iter().find(|info| info.id == peer).map(|info| info.score)
    }

    /// Lets a peer talk until it is banned for it, and gives for how long.
    async fn wait_for_ban(
        &mut self,
        hostile: &hostile::Peer,
        mut words: impl Iterator<Item = Vec<u8>>,
    ) -> Duration {
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < deadline, "no ban in time");
            hostile.say_when_there_is_room(words.next().expect("endless")).await;
            while let Ok(event) = self.events.try_recv() {
                if let NetworkEvent::PeerBanned { peer, reason, length } = event {
                    assert_eq!((peer, reason), (hostile.id, BanReason::Flood));
                    return length;
                }
            }
        }
    }

    /// Announces to those who are connected. If none of them has said yet that it listens, the first who does is told.
    pub(super) async fn announce_heard(&self, message: &Gossip) {
        self.network.announce(message.clone()).await.expect("runs");
    }
}

#[tokio::test]
async fn an_announcement_reaches_those_who_are_not_connected_to_its_source() {
    let (mut a, mut b, mut c) = (node().await, node().await, node().await);
    connect(&mut a, &mut b).await;
    connect(&mut b, &mut c).await;
    a.announce_heard(&announcement(1)).await;
    let (token, source, message) = b.wait_for_gossip().await;
    assert_eq!((source, &message), (a.id(), &announcement(1)));
    token.settle(Verdict::Accept);
    let (_, source, message) = c.wait_for_gossip().await;
    assert_eq!((source, message), (b.id(), announcement(1)));
}

#[tokio::test]
async fn announcing_to_nobody_and_announcing_twice_are_no_errors() {
    let (mut a, mut b) = (node().await, node().await);
    assert!(matches!(a.network.announce(announcement(1)).await, Ok(Reach::NoPeers)));
    connect(&mut a, &mut b).await;
    until("b has heard it", || async {
        a.network.announce(announcement(1)).await.expect("no error") == Reach::AlreadySaid
    })
    .await;
}

#[tokio::test]
async fn what_was_said_to_nobody_is_heard_by_who_comes_soon() {
    let (mut a, mut b, mut c) = (node().await, node().await, node().await);
    for seconds in 1..3 {
        let told = a.network.announce(announcement(seconds)).await;
        assert_eq!(told.expect("no error"), Reach::NoPeers);
    }
    // The words may be there before b knows what a speaks, so nothing waits for that.
    assert_eq!(a.network.dial(b.address().await).await, Ok(b.id()));
    for seconds in 1..3 {
        let (token, source, message) = b.wait_for_gossip().await;
        assert_eq!((source, message), (a.id(), announcement(seconds)));
        token.settle(Verdict::Accept);
    }
    assert_eq!(a.metrics.gossip_count(GossipResult::Published), 2);
    // It is said once: whoever comes then asks.
    connect(&mut a, &mut c).await;
    a.announce_heard(&announcement(3)).await;
    assert_eq!(b.wait_for_gossip().await.2, announcement(3));
    assert_eq!(a.metrics.gossip_count(GossipResult::Published), 3);
}

#[tokio::test]
async fn what_was_said_under_rules_that_nobody_follows_is_heard_under_the_next() {
    let (mut a, mut b) = (node().await, node().await);
    let next = network_id().fork_digest(&[Digest::of(b"proposal")]);
    a.network.follow(Forks::only(next)).await.expect("few enough");
    connect(&mut a, &mut b).await;
    let told = a.network.announce(announcement(1)).await;
    assert_eq!(told.expect("no error"), Reach::NoPeers);
    a.network.follow(Forks::only(network_id().fork_digest(&[]))).await.expect("few enough");
    let (_, source, message) = b.wait_for_gossip().await;
    assert_eq!((source, message), (a.id(), announcement(1)));
}

#[tokio::test]
async fn a_rejected_message_goes_no_further_and_costs_its_sender() {
    let (mut liar, mut b, mut c) = (node().await, node().await, node().await);
    connect(&mut liar, &mut b).await;
    connect(&mut b, &mut c).await;
    liar.announce_heard(&announcement(1)).await;
    let (token, source, _) = b.wait_for_gossip().await;
    assert_eq!(source, liar.id());
    token.settle(Verdict::Reject);
    until("it costs", || async { b.score(liar.id()).await.is_some_and(|score| score < 0) }).await;
    // What comes after it from an honest source does reach c, and it is the first that does.
    b.announce_heard(&announcement(2)).await;
    let (_, _, first) = c.wait_for_gossip().await;
    assert_eq!(first, announcement(2));
}

#[tokio::test]
async fn undecodable_gossip_never_surfaces_and_costs_its_sender() {
    let mut b = node().await;
    let hostile = hostile::Peer::connect(&b).await;
    b.wait_for_peer(hostile.id).await;
    // A kind that this version does not know is no offence.
    hostile.say(77_u32.to_le_bytes().to_vec());
    until("it is ignored", || async { b.metrics.gossip_count(GossipResult::Ignored) == 1 }).await;
    assert_eq!(b.score(hostile.id).await, Some(0));
    hostile.say(b"\x00\x00\x00\x00garbage".to_vec());
    until("it is counted", || async { b.metrics.gossip_count(GossipResult::Undecodable) == 1 })
        .await;
    until("it costs", || async { b.score(hostile.id).await.is_some_and(|score| score < 0) }).await;
    while let Ok(event) = b.events.try_recv() {
        assert!(!matches!(event, NetworkEvent::Gossip { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn one_head_is_passed_on_once_whatever_signatures_are_added() {
    let (mut a, mut b, mut c) = (node().await, node().await, node().await);
    connect(&mut a, &mut b).await;
    connect(&mut b, &mut c).await;
    for seed in 1..4 {
        a.announce_heard(&signed_by(announcement(1), seed)).await;
        let (token, ..) = b.wait_for_gossip().await;
        token.settle(Verdict::Accept);
    }
    a.announce_heard(&announcement(2)).await;
    b.wait_for_gossip().await.0.settle(Verdict::Accept);
    let first = c.wait_for_gossip().await.2;
    assert_eq!(first, signed_by(announcement(1), 1));
    let second = c.wait_for_gossip().await.2;
    assert_eq!(second, announcement(2), "the variants between them went no further");
}

#[tokio::test]
async fn who_brings_nothing_but_useless_messages_is_sent_away() {
    let mut b = node().await;
    let hostile = hostile::Peer::connect(&b).await;
    b.wait_for_peer(hostile.id).await;
    // A kind that nobody here knows yet: no offence, and no use.
    let flood = (0_u32..).map(|n| [77_u32.to_le_bytes(), n.to_le_bytes()].concat());
    let length = b.wait_for_ban(&hostile, flood).await;
    assert_eq!(length, Duration::from_secs(60));
    assert!(b.metrics.gossip_count(GossipResult::Ignored) <= 100);
    until("it is gone", || async { !b.is_connected(hostile.id).await }).await;
}

#[tokio::test]
async fn who_talks_on_though_gossip_no_longer_listens_is_sent_away() {
    let mut b = node().await;
    let hostile = hostile::Peer::connect(&b).await;
    b.wait_for_peer(hostile.id).await;
    let garbage = (0_u32..).map(|n| [&[0; 4][..], b"garbage", &n.to_le_bytes()].concat());
    b.wait_for_ban(&hostile, garbage).await;
    assert_eq!(b.metrics.gossip_count(GossipResult::Undecodable), 1, "gossip hides the rest");
    let repeated = b.metrics.gossip_count(GossipResult::Repeated);
    assert!((1..=100).contains(&repeated), "{repeated}");
}

#[tokio::test]
async fn who_talks_only_of_its_subscriptions_is_sent_away() {
    let mut b = node().await;
    let hostile = hostile::Peer::connect(&b).await;
    b.wait_for_peer(hostile.id).await;
    b.wait_for_ban(&hostile, std::iter::repeat_with(Vec::new)).await;
    let messages = [GossipResult::Ignored, GossipResult::Repeated, GossipResult::Undecodable];
    assert!(messages.iter().all(|result| b.metrics.gossip_count(*result) == 0));
}

/// Three peers bring forty messages each while nothing is judged: of each sixteen wait, the others find no room.
async fn flooded_over() -> (TestNode, Vec<hostile::Peer>, Vec<GossipToken>) {
    let (mut b, mut bringers, mut tokens) = (node().await, Vec::new(), Vec::new());
    for (number, words) in (1_u64..).zip([0..40, 40..80, 80..OF_A_VOTE]) {
        let bringer = hostile::Peer::connect(&b).await;
        b.wait_for_peer(bringer.id).await;
        for word in words {
            bringer.say_when_there_is_room(said(word)).await;
        }
        while tokens.len() as u64 != 16 * number {
            tokens.push(b.wait_for_gossip().await.0);
        }
        until("no room", || async { b.metrics.gossip_count(GossipResult::Dropped) == 24 * number })
            .await;
        bringers.push(bringer);
    }
    (b, bringers, tokens)
}

/// Announcements, each another one.
const OF_A_VOTE: u64 = 120;

fn said(word: u64) -> Vec<u8> {
    updraft_protocol::codec::encode(&announcement(word)).expect("within limits")
}

#[tokio::test]
async fn who_repeats_what_this_node_had_no_room_for_is_not_blamed() {
    let (mut b, bringers, tokens) = flooded_over().await;
    let late = hostile::Peer::connect(&b).await;
    b.wait_for_peer(late.id).await;
    for word in 0..OF_A_VOTE {
        late.say_when_there_is_room(said(word)).await;
    }
    let repeated = || async { b.metrics.gossip_count(GossipResult::Repeated) == OF_A_VOTE };
    until("all is repeated", repeated).await;
    // Nothing of it was judged, so no news made up for anything.
    tokens.into_iter().for_each(|token| token.settle(Verdict::Accept));
    until("all is judged", || async { b.metrics.gossip_count(GossipResult::Accepted) == 48 }).await;
    while let Ok(event) = b.events.try_recv() {
        assert!(!matches!(event, NetworkEvent::PeerBanned { .. }), "{event:?}");
    }
    for peer in bringers.iter().chain([&late]) {
        assert!(b.is_connected(peer.id).await);
    }
}

#[tokio::test]
async fn the_node_is_told_once_of_each_peer_whose_messages_found_no_room() {
    let (mut b, bringers, _tokens) = flooded_over().await;
    let mut told = Vec::new();
    while told.len() < bringers.len() {
        let dropped = |event| match event {
            NetworkEvent::GossipDropped { peer } => Some(peer),
            _ => None,
        };
        told.push(b.wait_for("word of what was dropped", dropped).await);
    }
    told.sort_unstable();
    let mut brought: Vec<PeerId> = bringers.iter().map(|peer| peer.id).collect();
    brought.sort_unstable();
    assert_eq!(told, brought);
}

/// Who brought it first may have done so that it is dropped, and hide it when he is asked.
#[tokio::test]
async fn who_repeats_what_was_dropped_can_be_asked_for_it_as_well() {
    let (mut b, _bringers, _tokens) = flooded_over().await;
    let late = hostile::Peer::connect(&b).await;
    b.wait_for_peer(late.id).await;
    for word in 0..OF_A_VOTE {
        late.say_when_there_is_room(said(word)).await;
    }
    let of_late = |event| match event {
        NetworkEvent::GossipDropped { peer } if peer == late.id => Some(()),
        _ => None,
    };
    b.wait_for("word of who has what was dropped", of_late).await;
}

#[tokio::test]
async fn who_brings_news_faster_than_it_is_judged_is_borne_for_a_while_and_not_for_ever() {
    let mut b = node().await;
    let bringer = hostile::Peer::connect(&b).await;
    b.wait_for_peer(bringer.id).await;
    let mut tokens = Vec::new();
    for word in 0..16 {
        bringer.say_when_there_is_room(said(word)).await;
        tokens.push(b.wait_for_gossip().await.0);
    }
    tokens.swap_remove(0).settle(Verdict::Accept);
    until("one is news", || async { b.metrics.gossip_count(GossipResult::Accepted) == 1 }).await;
    // One more has room, and then none.
    for word in 16..=16 + OF_A_VOTE {
        bringer.say_when_there_is_room(said(word)).await;
    }
    let dropped = || async { b.metrics.gossip_count(GossipResult::Dropped) == OF_A_VOTE };
    until("the others are dropped", dropped).await;
    while let Ok(event) = b.events.try_recv() {
        assert!(!matches!(event, NetworkEvent::PeerBanned { .. }), "{event:?}");
        // A token that is dropped here would be a verdict: nothing may be judged meanwhile.
        if let NetworkEvent::Gossip { token, .. } = event {
            tokens.push(token);
        }
    }
    assert!(b.is_connected(bringer.id).await);
    b.wait_for_ban(&bringer, (1_000..).map(said)).await;
}

fn signed_by(message: Gossip, seed: u8) -> Gossip {
    let Gossip::Announcement { mut head, manifest } = message else {
        panic!("not an announcement: {message:?}");
    };
    head.sign(&SecretKey::from_seed(&[seed; 32]), &network_id());
    Gossip::Announcement { head, manifest }
}

/// A peer that speaks our protocols and says what ours would not.
mod hostile {
    use futures::StreamExt;
    use libp2p::{Swarm, gossipsub, swarm::SwarmEvent};
    use tokio::sync::mpsc;

    use super::{IdentTopic, PeerId, TestNode, network_id};
    use crate::network::{
        NodeKey,
        behaviour::{Protocols, ProtocolsEvent},
        counted::Heard,
        gossip::Gossipsub,
        tests::harness::settings,
        transport,
    };

    pub(super) struct Peer {
        pub(super) id: PeerId,
        words: mpsc::Sender<Vec<u8>>,
    }

    impl Peer {
        pub(super) async fn connect(to: &TestNode) -> Self {
            let key = NodeKey::generate();
            let id = key.peer_id();
            let mut swarm = transport::swarm(key, &settings()).expect("a swarm");
            swarm.dial(to.address().await.to_multiaddr()).expect("dialled");
            let (words, said) = mpsc::channel(8);
            tokio::spawn(speak(swarm, said));
            Self { id, words }
        }

        pub(super) async fn say_when_there_is_room(&self, bytes: Vec<u8>) {
            // It may have ended because it was sent away, which is what the test waits for.
            let _ = self.words.send(bytes).await;
        }

        pub(super) fn say(&self, bytes: Vec<u8>) {
            self.words.try_send(bytes).expect("the peer runs");
        }
    }

    /// Says something, or nothing at all: that it is there, and that it is not.
    fn say(gossip: &mut Gossipsub, topic: &IdentTopic, word: Vec<u8>) {
        if word.is_empty() {
            gossip.unsubscribe(topic);
            gossip.subscribe(topic).expect("allowed");
        } else {
            // Nobody hears it any more once it was sent away.
            let _ = gossip.publish(topic.clone(), word);
        }
    }

    async fn speak(mut swarm: Swarm<Protocols>, mut said: mpsc::Receiver<Vec<u8>>) {
        let topic = IdentTopic::new(network_id().fork_digest(&[]).topic());
        let mut heard = false;
        loop {
            tokio::select! {
                word = said.recv(), if heard => match word {
                    Some(word) => say(&mut swarm.behaviour_mut().gossip.inner, &topic, word),
                    None => return,
                },
                event = swarm.select_next_some() => {
                    if let SwarmEvent::Behaviour(ProtocolsEvent::Gossip(Heard::Told(
                        gossipsub::Event::Subscribed { .. },
                    ))) = event
                    {
                        heard = true;
                    }
                }
            }
        }
    }
}
