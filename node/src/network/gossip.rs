//! Gossip: one topic for the heads of this network. What cannot be decoded ends here; what can is judged by
//! whoever knows the trust root, and goes on to other peers only after that.

use std::time::Duration;

use libp2p::{
    PeerId as RawPeer,
    gossipsub::{
        self, ConfigBuilder, IdentTopic, IdentityTransform, MaxCountSubscriptionFilter,
        MessageAcceptance, MessageAuthenticity, MessageId, PeerScoreParams, PeerScoreThresholds,
        PublishError, TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
    },
    identity::Keypair,
};
use tokio::sync::mpsc;
use updraft_protocol::{
    Gossip, NetworkId,
    codec::{self, DecodeError},
};

use super::{
    command::Reach,
    error::AnnounceError,
    event::{GossipToken, NetworkEvent, Settled, Verdict},
    identity::PeerId,
    metrics::GossipResult,
    peers::Conduct,
    task::Task,
};

type Filter = MaxCountSubscriptionFilter<WhitelistSubscriptionFilter>;
pub(super) type Behaviour = gossipsub::Behaviour<IdentityTransform, Filter>;

/// Messages given to the node and not judged yet. When full, new ones are ignored and can be asked for later.
pub(super) const MAX_UNJUDGED: usize = 128;
/// What gossip adds to a message of at most 60 KiB fits into the rest.
const MAX_TRANSMIT: usize = 64 * 1024;

/// What the loop remembers about gossip.
#[derive(Debug)]
pub(super) struct GossipState {
    topic: IdentTopic,
    unjudged: usize,
    back: mpsc::Sender<Settled>,
}

impl GossipState {
    pub(super) fn new(network: &NetworkId) -> (Self, mpsc::Receiver<Settled>) {
        let (back, verdicts) = mpsc::channel(MAX_UNJUDGED);
        let topic = IdentTopic::new(network.heads_topic());
        (Self { topic, unjudged: 0, back }, verdicts)
    }
}

/// The protocol and its parameters.
pub(super) fn behaviour(key: &Keypair, network: &NetworkId) -> Result<Behaviour, String> {
    let topic = IdentTopic::new(network.heads_topic());
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(MAX_TRANSMIT)
        .heartbeat_interval(Duration::from_secs(1))
        // The mesh forms at the first heartbeat; five seconds, the default, is a long time for two nodes on a desk.
        .heartbeat_initial_delay(Duration::from_millis(250))
        .duplicate_cache_time(Duration::from_secs(120))
        // A judgement may take a while; a message older than this many heartbeats is passed on no more.
        .history_length(12)
        .history_gossip(3)
        .flood_publish(true)
        .build()
        .map_err(|error| error.to_string())?;
    let filter = Filter {
        filter: WhitelistSubscriptionFilter([topic.hash()].into_iter().collect()),
        max_subscribed_topics: 4,
        max_subscriptions_per_request: 16,
    };
    let mut behaviour = Behaviour::new_with_subscription_filter(
        MessageAuthenticity::Signed(key.clone()),
        config,
        filter,
    )?;
    behaviour.with_peer_score(scores(&topic), PeerScoreThresholds::default())?;
    behaviour.subscribe(&topic).map_err(|error| error.to_string())?;
    Ok(behaviour)
}

/// Two publishers of one head say one message.
fn message_id(message: &gossipsub::Message) -> MessageId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(message.topic.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(&message.data);
    MessageId::new(&hasher.finalize().as_bytes()[..20])
}

/// A release a day is a quiet topic: the scores for delivering often (P3, P3b) would punish every honest peer
/// and are off. One rejected message costs 100 points, which fade over two minutes; a peer below −80 is not
/// listened to, so it can make this node check about one bad signature a minute.
fn scores(topic: &IdentTopic) -> PeerScoreParams {
    let heads = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 10.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -100.0,
        invalid_message_deliveries_decay: 0.99,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: [(topic.hash(), heads)].into_iter().collect(),
        app_specific_weight: 1.0,
        // Nodes of a devnet, and those behind one NAT, share an address.
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_threshold: 6.0,
        decay_interval: Duration::from_secs(1),
        ..PeerScoreParams::default()
    }
}

impl Task {
    pub(super) fn on_announce(&mut self, message: &Gossip) -> Result<Reach, AnnounceError> {
        let bytes = codec::encode(message)?;
        let topic = self.gossip.topic.hash();
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        match gossip.publish(topic.clone(), bytes) {
            Ok(_) => {
                self.metrics.gossip(GossipResult::Published);
                let peers = self.swarm.behaviour().gossip.all_peers();
                Ok(Reach::Peers(peers.filter(|(_, topics)| topics.contains(&&topic)).count()))
            }
            Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {
                Ok(Reach::NoPeers)
            }
            Err(PublishError::Duplicate) => Ok(Reach::AlreadySaid),
            Err(error) => Err(AnnounceError::Gossip { reason: error.to_string() }),
        }
    }

    pub(super) fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                self.on_message(propagation_source, message_id, &message.data);
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => {
                self.report(PeerId::from(peer_id), Conduct::Slow);
            }
            gossipsub::Event::Subscribed { .. }
            | gossipsub::Event::Unsubscribed { .. }
            | gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    fn on_message(&mut self, from: RawPeer, id: MessageId, data: &[u8]) {
        let source = PeerId::from(from);
        let message = match codec::decode::<Gossip>(data) {
            Ok(message) => message,
            // Its sender may be newer than this node; that is no offence.
            Err(DecodeError::UnknownKind { kind, .. }) => {
                tracing::debug!(peer = ?source, kind, "gossip of a kind unknown here");
                return self.judge(&id, source, MessageAcceptance::Ignore, GossipResult::Ignored);
            }
            Err(error) => {
                tracing::debug!(peer = ?source, %error, "undecodable gossip");
                self.judge(&id, source, MessageAcceptance::Reject, GossipResult::Undecodable);
                return self.report(source, Conduct::Malformed);
            }
        };
        if self.gossip.unjudged >= MAX_UNJUDGED || !self.has_room_for_traffic() {
            return self.judge(&id, source, MessageAcceptance::Ignore, GossipResult::Dropped);
        }
        self.gossip.unjudged += 1;
        let token = GossipToken::new(id, source, self.gossip.back.clone());
        // If the event cannot be delivered it is dropped here, and its token says ignore.
        self.emit(NetworkEvent::Gossip { token, source, message });
    }

    /// A verdict of another room came back.
    pub(super) fn on_verdict(&mut self, settled: &Settled) {
        self.gossip.unjudged = self.gossip.unjudged.saturating_sub(1);
        let (acceptance, result) = match settled.verdict {
            Verdict::Accept => (MessageAcceptance::Accept, GossipResult::Accepted),
            Verdict::Ignore => (MessageAcceptance::Ignore, GossipResult::Ignored),
            Verdict::Reject => (MessageAcceptance::Reject, GossipResult::Rejected),
        };
        self.judge(&settled.id, settled.source, acceptance, result);
        if settled.verdict == Verdict::Reject {
            self.report(settled.source, Conduct::Invalid);
        }
    }

    fn judge(
        &mut self,
        id: &MessageId,
        source: PeerId,
        acceptance: MessageAcceptance,
        result: GossipResult,
    ) {
        self.metrics.gossip(result);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(id, &source.inner(), acceptance);
    }
}
