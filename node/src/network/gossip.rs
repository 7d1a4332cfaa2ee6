//! Gossip: what is told to everybody who listens. What cannot be decoded ends here; what can is judged by whoever
//! knows the trust root, and goes on to other peers only after that, on the topic on which it came (`topics`).

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use libp2p::{
    PeerId as RawPeer,
    gossipsub::{
        self, ConfigBuilder, IdentityTransform, MessageAcceptance, MessageAuthenticity, MessageId,
        PeerScoreThresholds, PublishError, ValidationMode,
    },
    identity::Keypair,
};
use tokio::sync::mpsc;
use updraft_protocol::{
    Digest, ForkDigest, Gossip,
    codec::{self, DecodeError},
};

use super::{
    command::Reach,
    counted::{Counted, Heard, Untold},
    error::AnnounceError,
    event::{GossipToken, NetworkEvent, Settled, Verdict},
    excused::REMEMBERED_FOR,
    following,
    identity::PeerId,
    metrics::{BanReason, GossipResult},
    patience::{Expense, Patience, ban_length},
    peers::{Conduct, Novelty},
    purse::Overdrawn,
    task::Task,
    topics::{self, Filter, Forks},
    unjudged::{MAX_UNJUDGED, Place, Unjudged, Use},
    waiting::Waiting,
    way::Way,
};

/// The protocol as libp2p has it.
pub(super) type Gossipsub = gossipsub::Behaviour<IdentityTransform, Filter>;

/// What gossip adds to a message of at most 60 KiB fits into the rest.
const MAX_TRANSMIT: usize = 64 * 1024;

/// Messages in one frame; nodes send one. All of a frame are decoded before the first of them is judged.
const MAX_PER_FRAME: usize = 8;
/// One head is passed on once in this time, with whatever signatures and manifest it comes: whoever adds a
/// worthless signature makes another message of it, as often as he likes, and we would be who spreads them.
/// Short, because a head whose keys have changed is signed anew.
const SAID_LATELY: Duration = Duration::from_secs(10);
/// Heads remembered as passed on. When full, the oldest gives way.
const MAX_SAID: usize = 256;

/// What the loop remembers about gossip.
#[derive(Debug)]
pub(super) struct GossipState {
    /// The rules in force: what is said is said on their topic.
    pub(super) current: ForkDigest,
    /// The rules whose topics are to be listened to, where any are.
    pub(super) wanted: BTreeSet<ForkDigest>,
    /// The way taken: by the frozen protocol alone nothing is listened to.
    pub(super) way: Way,
    /// The rules whose topics are listened to.
    pub(super) followed: BTreeSet<ForkDigest>,
    /// What was said while nobody heard it.
    waiting: Waiting,
    /// Messages given to the node and not judged yet, by who sent them.
    pub(super) unjudged: Unjudged,
    back: mpsc::Sender<Settled>,
    pub(super) patience: Patience,
    /// What was passed on lately, oldest first.
    said: VecDeque<(Instant, Digest)>,
}

impl GossipState {
    pub(super) fn new(forks: &Forks) -> (Self, mpsc::Receiver<Settled>) {
        let (back, verdicts) = mpsc::channel(MAX_UNJUDGED);
        let state = Self {
            current: forks.current,
            wanted: forks.all(),
            way: Way::Usual,
            followed: forks.all(),
            waiting: Waiting::default(),
            unjudged: Unjudged::default(),
            back,
            patience: Patience::default(),
            said: VecDeque::new(),
        };
        (state, verdicts)
    }

    /// Notes that something is passed on, unless it was lately.
    fn say(&mut self, what: Digest, now: Instant) -> Novelty {
        while self.said.front().is_some_and(|(at, _)| *at + SAID_LATELY <= now) {
            self.said.pop_front();
        }
        if self.said.iter().any(|(_, said)| *said == what) {
            return Novelty::Again;
        }
        if self.said.len() >= MAX_SAID {
            self.said.pop_front();
        }
        self.said.push_back((now, what));
        Novelty::First
    }
}

/// The protocol and its parameters.
pub(super) fn behaviour(key: &Keypair, forks: &Forks) -> Result<Counted, String> {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(MAX_TRANSMIT)
        .max_publish_messages(MAX_PER_FRAME)
        .heartbeat_interval(Duration::from_secs(1))
        // The mesh forms at the first heartbeat; five seconds, the default, is a long time for two nodes on a desk.
        .heartbeat_initial_delay(Duration::from_millis(250))
        .duplicate_cache_time(REMEMBERED_FOR)
        // What a node hears it hears from each neighbour of its mesh. At most seven of them: then a vote of 256
        // electors costs no node more than 1 MiB, and four are still enough to hear everything.
        .mesh_n(5)
        .mesh_n_low(4)
        .mesh_n_high(7)
        .mesh_outbound_min(2)
        // A judgement may take a while; a message older than this many heartbeats is passed on no more.
        .history_length(12)
        .history_gossip(3)
        .flood_publish(true)
        .build()
        .map_err(|error| error.to_string())?;
    let mut behaviour = Gossipsub::new_with_subscription_filter(
        MessageAuthenticity::Signed(key.clone()),
        config,
        topics::filter(),
    )?;
    behaviour.with_peer_score(topics::scores(), PeerScoreThresholds::default())?;
    following::subscribe_all(&mut behaviour, forks)?;
    Ok(Counted::new(behaviour))
}

/// Two publishers of one head say one message, also if one of them is still under the old rules.
fn message_id(message: &gossipsub::Message) -> MessageId {
    id_of(&message.data)
}

/// The name of a message with these bytes.
pub(super) fn id_of(data: &[u8]) -> MessageId {
    MessageId::new(&blake3::hash(data).as_bytes()[..20])
}

impl Task {
    pub(super) fn on_announce(&mut self, message: &Gossip) -> Result<Reach, AnnounceError> {
        let bytes = codec::encode(message)?;
        match self.publish(bytes.clone()) {
            Ok(()) => {
                let topic = topics::topic(self.gossip.current).hash();
                let peers = self.swarm.behaviour().gossip.inner.all_peers();
                Ok(Reach::Peers(peers.filter(|(_, topics)| topics.contains(&&topic)).count()))
            }
            Err(PublishError::NoPeersSubscribedToTopic) => {
                self.gossip.waiting.keep(bytes, Instant::now());
                Ok(Reach::NoPeers)
            }
            // Gossip has it, and tells its neighbours so when they have time again.
            Err(PublishError::AllQueuesFull(_)) => Ok(Reach::NoPeers),
            Err(PublishError::Duplicate) => Ok(Reach::AlreadySaid),
            Err(error) => Err(AnnounceError::Gossip { reason: error.to_string() }),
        }
    }

    /// Says something under the rules in force.
    fn publish(&mut self, bytes: Vec<u8>) -> Result<(), PublishError> {
        let topic = topics::topic(self.gossip.current);
        self.swarm.behaviour_mut().gossip.inner.publish(topic, bytes)?;
        self.metrics.gossip(GossipResult::Published);
        Ok(())
    }

    /// Says what nobody could hear when it was said; what nobody hears now, either, waits on.
    pub(super) fn say_what_waits(&mut self) {
        let now = Instant::now();
        while let Some(word) = self.gossip.waiting.take(now) {
            match self.publish(word.bytes.clone()) {
                // Somebody else may have said it meanwhile.
                Ok(()) | Err(PublishError::Duplicate | PublishError::AllQueuesFull(_)) => {}
                Err(PublishError::NoPeersSubscribedToTopic) => {
                    // Who does not hear this one does not hear the others.
                    return self.gossip.waiting.put_back(word);
                }
                Err(error) => tracing::warn!(%error, "what waited to be said cannot be said"),
            }
        }
    }

    pub(super) fn on_gossip(&mut self, heard: Heard) {
        match heard {
            Heard::Told(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                self.on_message(propagation_source, message_id, &message.data);
            }
            Heard::Told(gossipsub::Event::SlowPeer { peer_id, .. }) => {
                self.report(PeerId::from(peer_id), Conduct::Slow);
            }
            Heard::Told(gossipsub::Event::Subscribed { topic, .. }) => {
                if topic == topics::topic(self.gossip.current).hash() {
                    self.say_what_waits();
                }
            }
            Heard::Told(
                gossipsub::Event::Unsubscribed { .. }
                | gossipsub::Event::GossipsubNotSupported { .. },
            ) => {}
            Heard::Untold(peer, untold) => self.on_untold(PeerId::from(peer), untold),
        }
    }

    fn on_message(&mut self, from: RawPeer, id: MessageId, data: &[u8]) {
        let source = PeerId::from(from);
        if self.swarm.behaviour().gossip.is_deaf_to(&from) {
            return self.judge(&id, source, MessageAcceptance::Ignore, GossipResult::Unheard);
        }
        let message = match codec::decode::<Gossip>(data) {
            Ok(message) => message,
            // Its sender may be newer than this node; that is no offence.
            Err(DecodeError::UnknownKind { kind, .. }) => {
                tracing::debug!(peer = ?source, kind, "gossip of a kind unknown here");
                self.judge(&id, source, MessageAcceptance::Ignore, GossipResult::Ignored);
                return self.charge(source, Expense::Useless, 1);
            }
            Err(error) => {
                tracing::debug!(peer = ?source, %error, "undecodable gossip");
                self.judge(&id, source, MessageAcceptance::Reject, GossipResult::Undecodable);
                return self.report(source, Conduct::Malformed);
            }
        };
        let place = self.gossip.unjudged.place_for(source);
        if place != Place::Free || !self.has_room_for_traffic() {
            return self.drop_for_want_of_room(id, from, place);
        }
        self.gossip.unjudged.wait(source);
        self.swarm.behaviour_mut().gossip.excused.waits(id.clone(), from);
        let token = GossipToken::new(id, source, message.subject(), self.gossip.back.clone());
        // If the event cannot be delivered it is dropped here, and its token says ignore.
        self.emit(NetworkEvent::Gossip { token, source, message });
    }

    /// Gossip takes the message for known from here on, so that nobody brings it again: the node has to ask for it.
    fn drop_for_want_of_room(&mut self, id: MessageId, from: RawPeer, place: Place) {
        let (source, now) = (PeerId::from(from), Instant::now());
        self.judge(&id, source, MessageAcceptance::Ignore, GossipResult::Dropped);
        self.swarm.behaviour_mut().gossip.excused.dropped(id, from, now);
        self.gossip.unjudged.turn_away(source, now);
        // Who finds no place because of others is not to blame.
        if place == Place::NotForThisPeer {
            self.charge(source, self.gossip.unjudged.price_of_another(source), 1);
        }
    }

    /// Tells the node whom to ask for what was dropped, and forgets what gossip forgets.
    pub(super) fn tell_of_what_was_dropped(&mut self, now: Instant) {
        self.swarm.behaviour_mut().gossip.excused.expire(now);
        while self.has_room_for_traffic()
            && let Some(peer) = self.gossip.unjudged.next_turned_away(now)
        {
            self.emit(NetworkEvent::GossipDropped { peer });
        }
    }

    /// A verdict of another room came back.
    pub(super) fn on_verdict(&mut self, settled: &Settled) {
        let (id, source, now) = (&settled.id, settled.source, Instant::now());
        self.swarm.behaviour_mut().gossip.excused.judged(id);
        let (acceptance, result) = match settled.verdict {
            Verdict::Accept if self.gossip.say(settled.subject, now) == Novelty::First => {
                (MessageAcceptance::Accept, GossipResult::Accepted)
            }
            Verdict::Accept | Verdict::Ignore => (MessageAcceptance::Ignore, GossipResult::Ignored),
            Verdict::Reject => (MessageAcceptance::Reject, GossipResult::Rejected),
        };
        let is_news = matches!(acceptance, MessageAcceptance::Accept);
        self.gossip.unjudged.judged(source, if is_news { Use::News } else { Use::Nothing });
        match acceptance {
            MessageAcceptance::Accept => self.gossip.patience.news(now),
            MessageAcceptance::Ignore => self.charge(source, Expense::Useless, 1),
            MessageAcceptance::Reject => self.report(source, Conduct::Invalid),
        }
        self.judge(id, source, acceptance, result);
    }

    /// Messages and frames that led to nothing.
    fn on_untold(&mut self, peer: PeerId, untold: Untold) {
        let repeated = untold.repeated.saturating_add(untold.excused);
        self.metrics.gossip_many(GossipResult::Repeated, repeated);
        self.metrics.gossip_many(GossipResult::Forged, untold.forged);
        self.metrics.gossip_many(GossipResult::Unheard, untold.unheard);
        self.metrics.gossip_many(GossipResult::Astray, untold.astray);
        // Who brought it first may hide it when he is asked.
        if untold.has_what_was_dropped {
            self.gossip.unjudged.turn_away(peer, Instant::now());
        }
        // Five of them are a ban, so there is no need to count further.
        for _ in 0..untold.forged.min(5) {
            self.report(peer, Conduct::Malformed);
        }
        self.charge(peer, Expense::Useless, untold.repeated);
        // One that comes late on a topic just left is nobody's fault, and one that this node has not dealt with is its own;
        // a stream of them costs what empty frames cost.
        let blameless = [untold.empty, untold.astray, untold.excused];
        self.charge(peer, Expense::Empty, blameless.into_iter().fold(0, u32::saturating_add));
    }

    /// Counts what was of no use, and shows the door to whoever brings too much of it.
    fn charge(&mut self, peer: PeerId, expense: Expense, count: u32) {
        let (bans, now) = (&self.swarm.behaviour().gate.bans, Instant::now());
        // Verdicts on what it said before still come in after it was sent away; once is enough.
        if count == 0 || bans.ban_of(peer, now).is_some() {
            return;
        }
        if let Err(Overdrawn) = self.gossip.patience.charge(peer, expense, count, now) {
            let before = bans.spoken(peer, BanReason::Flood);
            self.ban(peer, ban_length(before), BanReason::Flood);
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
        let gossip = &mut self.swarm.behaviour_mut().gossip.inner;
        gossip.report_message_validation_result(id, &source.inner(), acceptance);
    }
}
