//! What is announced arrives, what is bad goes no further.

use libp2p::gossipsub::IdentTopic;
use updraft_protocol::Gossip;

use super::harness::{TestNode, announcement, connect, network_id, node, until};
use crate::network::{GossipToken, NetworkEvent, PeerId, Reach, Verdict, metrics::GossipResult};

impl TestNode {
    async fn wait_for_gossip(&mut self) -> (GossipToken, PeerId, Gossip) {
        self.wait_for("gossip", |event| match event {
            NetworkEvent::Gossip { token, source, message } => Some((token, source, message)),
            _ => None,
        })
        .await
    }

    async fn score(&self, peer: PeerId) -> Option<i32> {
        let peers = self.network.peers().await.expect("runs");
        peers.iter().find(|info| info.id == peer).map(|info| info.score)
    }

    /// Announces until somebody hears it: subscriptions travel a moment longer than connections.
    async fn announce_heard(&self, message: &Gossip) {
        until("somebody hears", || async {
            self.network.announce(message.clone()).await.expect("runs") != Reach::NoPeers
        })
        .await;
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
    a.announce_heard(&announcement(1)).await;
    assert!(matches!(a.network.announce(announcement(1)).await, Ok(Reach::AlreadySaid)));
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

        pub(super) fn say(&self, bytes: Vec<u8>) {
            self.words.try_send(bytes).expect("the peer runs");
        }
    }

    async fn speak(mut swarm: Swarm<Protocols>, mut said: mpsc::Receiver<Vec<u8>>) {
        let topic = IdentTopic::new(network_id().heads_topic());
        let mut heard = false;
        loop {
            tokio::select! {
                word = said.recv(), if heard => match word {
                    Some(word) => {
                        swarm.behaviour_mut().gossip.inner.publish(topic.clone(), word).expect("said");
                    }
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
