//! Which gossip is followed: that of the rules in force, and of those that come or go. Each set of rules has a topic
//! of its own, named by its fork digest.
//!
//! Nothing is carried from one topic to another, and nobody is blamed for the topic on which he speaks: a node whose
//! clock is a little behind says under the old rules what others say under the new ones.

use std::{collections::BTreeSet, time::Duration};

use libp2p::gossipsub::{
    IdentTopic, MaxCountSubscriptionFilter, PeerScoreParams, TopicHash, TopicScoreParams,
    TopicSubscriptionFilter,
};
use updraft_protocol::ForkDigest;

use super::error::FollowError;

/// Which rules' gossip a node follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forks {
    /// The rules in force: what this node announces, it announces under them.
    pub current: ForkDigest,
    /// Others that are listened to, because they come soon or have gone lately; at most [`Forks::MAX_ALSO`].
    pub also: BTreeSet<ForkDigest>,
}

impl Forks {
    /// Rules that may be listened to besides those in force. There is one live proposal at a time, so at an
    /// activation there are two sets of rules; the rest is for activations whose times of grace overlap.
    pub const MAX_ALSO: usize = 4;

    /// These rules and no others.
    pub const fn only(current: ForkDigest) -> Self {
        Self { current, also: BTreeSet::new() }
    }

    /// Whether they are few enough to be followed.
    pub(super) fn check(&self) -> Result<(), FollowError> {
        let got = self.also.len();
        if got > Self::MAX_ALSO {
            return Err(FollowError::TooMany { got, limit: Self::MAX_ALSO });
        }
        Ok(())
    }

    /// All that are listened to.
    pub(super) fn all(&self) -> BTreeSet<ForkDigest> {
        self.also.iter().copied().chain([self.current]).collect()
    }
}

/// Lets through what could be the topic of some rules of some network. The rules that come next are not known here
/// when a neighbour begins to follow them, and gossip says a subscription once: one that was dropped is missing for
/// as long as the connection lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct OurForm;

impl TopicSubscriptionFilter for OurForm {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        ForkDigest::is_topic(topic.as_str())
    }
}

/// Topics of one peer that are remembered: as many as an honest one follows, and some to spare. A frame that would
/// make them more is ignored.
const MAX_TOPICS_PER_PEER: usize = 2 * (1 + Forks::MAX_ALSO);
/// Subscriptions in one frame; more are ignored together.
const MAX_SUBSCRIPTIONS: usize = 16;

/// What is kept of what peers subscribe to.
pub(super) type Filter = MaxCountSubscriptionFilter<OurForm>;

pub(super) const fn filter() -> Filter {
    Filter {
        filter: OurForm,
        max_subscribed_topics: MAX_TOPICS_PER_PEER,
        max_subscriptions_per_request: MAX_SUBSCRIPTIONS,
    }
}

/// The name of a topic as gossip wants it.
pub(super) fn topic(fork: ForkDigest) -> IdentTopic {
    IdentTopic::new(fork.topic())
}

/// What a peer can earn by being there, on all topics together. So little that one rejected message puts it below
/// the score at which gossip still listens, however many topics there are.
const MOST_FOR_PRESENCE: f64 = 10.0;
/// Topics that can be followed at once.
const MOST_TOPICS: u8 = 5;
const _: () = assert!(MOST_TOPICS as usize == 1 + Forks::MAX_ALSO);

/// A release a day is a quiet topic: the scores for delivering often (P3, P3b) would punish every honest peer
/// and are off. One rejected message costs 100 points, which fade over two minutes; a peer below −80 is not
/// listened to, so it can make this node check about one bad signature a minute.
pub(super) fn topic_scores() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: MOST_FOR_PRESENCE / f64::from(MOST_TOPICS),
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -100.0,
        invalid_message_deliveries_decay: 0.99,
        ..TopicScoreParams::default()
    }
}

/// What counts for or against a peer besides what it does on a topic.
pub(super) fn scores() -> PeerScoreParams {
    PeerScoreParams {
        app_specific_weight: 1.0,
        // Nodes of a devnet, and those behind one NAT, share an address.
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_threshold: 6.0,
        decay_interval: Duration::from_secs(1),
        // Of everybody who was ever here, without a bound. Our own bans and scores, which have one, outlast it.
        retain_score: Duration::from_secs(60),
        ..PeerScoreParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fork(n: u8) -> ForkDigest {
        ForkDigest([n, 0, 0, 0])
    }

    #[test]
    fn five_sets_of_rules_are_followed_and_six_are_refused() {
        let mut forks = Forks { current: fork(0), also: (1..=4).map(fork).collect() };
        assert_eq!(forks.check(), Ok(()));
        assert_eq!(forks.all().len(), usize::from(MOST_TOPICS));
        forks.also.insert(fork(5));
        assert_eq!(forks.check(), Err(FollowError::TooMany { got: 5, limit: 4 }));
    }

    #[test]
    fn topics_of_rules_that_are_unknown_here_pass_and_strange_ones_do_not() {
        let mut filter = filter();
        assert!(filter.can_subscribe(&topic(fork(7)).hash()));
        for strange in ["", "heads", "updraft/0000000/heads", "updraft/00000000/heads/more"] {
            assert!(!filter.can_subscribe(&TopicHash::from_raw(strange)), "{strange}");
        }
    }

    #[test]
    fn presence_on_every_topic_does_not_outweigh_one_rejected_message() {
        let topic = topic_scores();
        let presence = topic.time_in_mesh_weight * topic.time_in_mesh_cap * f64::from(MOST_TOPICS);
        let limit = libp2p::gossipsub::PeerScoreThresholds::default().graylist_threshold;
        assert!(presence + topic.invalid_message_deliveries_weight < limit);
    }
}
