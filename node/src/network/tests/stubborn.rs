//! A peer that speaks nothing but gossip, and talks on to those who have left its topic.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::StreamExt;
use libp2p::{
    Swarm,
    gossipsub::{
        self, Config, IdentTopic, IdentityTransform, MessageAuthenticity, TopicHash,
        TopicSubscriptionFilter,
    },
    swarm::SwarmEvent,
};
use tokio::sync::mpsc;

use super::harness::{self, TestNode, network_id};
use crate::network::PeerId;

/// Hears who comes, until it has heard enough: from then on neither who comes nor who goes.
#[derive(Debug, Clone, Default)]
struct Stubborn {
    has_heard_enough: Arc<AtomicBool>,
}

impl TopicSubscriptionFilter for Stubborn {
    fn can_subscribe(&mut self, _: &TopicHash) -> bool {
        !self.has_heard_enough.load(Ordering::Relaxed)
    }
}

type Gossipsub = gossipsub::Behaviour<IdentityTransform, Stubborn>;

pub(super) struct Peer {
    pub(super) id: PeerId,
    words: mpsc::Sender<Vec<u8>>,
}

impl Peer {
    /// Connects and talks on the topic with which the network began, once the node has been heard to follow it.
    pub(super) async fn connect(to: &TestNode) -> Self {
        let topic = IdentTopic::new(network_id().fork_digest(&[]).topic());
        let (subject, stubborn) = (topic.clone(), Stubborn::default());
        let filter = stubborn.clone();
        let mut swarm = harness::swarm(move |key| {
            let by = MessageAuthenticity::Signed(key.clone());
            let mut gossip = Gossipsub::new_with_subscription_filter(by, Config::default(), filter)
                .expect("legal");
            gossip.subscribe(&subject).expect("allowed");
            gossip
        });
        swarm.dial(to.address().await.to_multiaddr()).expect("dialled");
        loop {
            if let SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. }) =
                swarm.select_next_some().await
            {
                break;
            }
        }
        stubborn.has_heard_enough.store(true, Ordering::Relaxed);
        let id = PeerId::from(*swarm.local_peer_id());
        let (words, said) = mpsc::channel(8);
        tokio::spawn(speak(swarm, topic, said));
        Self { id, words }
    }

    pub(super) async fn say(&self, bytes: Vec<u8>) {
        // It may have ended because it was sent away, which is what a test waits for.
        let _ = self.words.send(bytes).await;
    }
}

async fn speak(mut swarm: Swarm<Gossipsub>, topic: IdentTopic, mut said: mpsc::Receiver<Vec<u8>>) {
    loop {
        tokio::select! {
            word = said.recv() => match word {
                // Its own queues may be full, or nobody is there any more.
                Some(word) => drop(swarm.behaviour_mut().publish(topic.clone(), word)),
                None => return,
            },
            _ = swarm.select_next_some() => {}
        }
    }
}
