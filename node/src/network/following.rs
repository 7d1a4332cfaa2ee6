//! Begins and ceases to follow gossip, as the rules come and go. Which rules these are is not decided here.
//!
//! A node that takes [`Way::Bootstrap`] follows nothing: it could judge nothing that it hears, and who brings a great deal
//! that is of no use is sent away. Its neighbours are those from whom it is to have its successor.

use std::collections::BTreeSet;

use updraft_protocol::ForkDigest;

use super::{
    gossip::Gossipsub,
    task::Task,
    topics::{self, Forks},
    way::Way,
};

/// Starts to follow. Fails only if gossip was set up without scores, or with another filter.
fn subscribe(gossip: &mut Gossipsub, fork: ForkDigest) -> Result<(), String> {
    let topic = topics::topic(fork);
    gossip.set_topic_params(topic.clone(), topics::topic_scores())?;
    gossip.subscribe(&topic).map_err(|error| error.to_string())?;
    Ok(())
}

/// Starts to follow all.
pub(super) fn subscribe_all(gossip: &mut Gossipsub, forks: &Forks) -> Result<(), String> {
    forks.check().map_err(|error| error.to_string())?;
    forks.all().into_iter().try_for_each(|fork| subscribe(gossip, fork))
}

/// Goes from what is `followed` to what is `wanted`. What cannot be followed is not among the followed afterwards, so
/// that it is tried again the next time.
fn follow(
    gossip: &mut Gossipsub,
    followed: &mut BTreeSet<ForkDigest>,
    wanted: &BTreeSet<ForkDigest>,
) {
    // Leaving comes first, so that a peer never sees more topics than may be followed at once.
    followed.retain(|fork| {
        let stays = wanted.contains(fork);
        if !stays {
            gossip.unsubscribe(&topics::topic(*fork));
        }
        stays
    });
    for come in wanted {
        if followed.contains(come) {
            continue;
        }
        match subscribe(gossip, *come) {
            Ok(()) => {
                followed.insert(*come);
            }
            Err(reason) => {
                tracing::error!(fork = %come, reason, "gossip of a fork is not followed");
            }
        }
    }
}

impl Task {
    /// Follows these from here on. What was said on a topic that is left and is not judged yet goes no further.
    pub(super) fn on_follow(&mut self, forks: &Forks) {
        self.gossip.current = forks.current;
        self.gossip.wanted = forks.all();
        self.follow_what_is_wanted();
    }

    /// Follows what it was told to follow last, or nothing.
    pub(super) fn on_take(&mut self, way: Way) {
        self.gossip.way = way;
        self.follow_what_is_wanted();
    }

    fn follow_what_is_wanted(&mut self) {
        let none = BTreeSet::new();
        let wanted = if self.gossip.way == Way::Usual { &self.gossip.wanted } else { &none };
        let gossip = &mut self.swarm.behaviour_mut().gossip.inner;
        follow(gossip, &mut self.gossip.followed, wanted);
        tracing::debug!(current = %self.gossip.current, followed = ?self.gossip.followed, "gossip followed");
        if self.gossip.way == Way::Usual {
            // Some peers may have listened to these rules before they were in force here.
            self.say_what_waits();
        }
    }
}

#[cfg(test)]
mod tests {
    use libp2p::{
        gossipsub::{Config, MessageAuthenticity, PeerScoreThresholds},
        identity::Keypair,
    };

    use super::*;

    fn forks(numbers: &[u8]) -> BTreeSet<ForkDigest> {
        numbers.iter().map(|n| ForkDigest([*n, 0, 0, 0])).collect()
    }

    /// What is followed in truth.
    fn topics_of(gossip: &Gossipsub) -> BTreeSet<String> {
        gossip.topics().map(ToString::to_string).collect()
    }

    fn names(forks: &BTreeSet<ForkDigest>) -> BTreeSet<String> {
        forks.iter().map(ForkDigest::topic).collect()
    }

    #[test]
    fn a_fork_that_could_not_be_followed_is_tried_again() {
        let key = MessageAuthenticity::Signed(Keypair::generate_ed25519());
        let mut gossip =
            Gossipsub::new_with_subscription_filter(key, Config::default(), topics::filter())
                .expect("legal");
        let mut followed = BTreeSet::new();
        // Nothing can be followed before there are scores.
        follow(&mut gossip, &mut followed, &forks(&[1, 2]));
        assert_eq!((followed.len(), topics_of(&gossip).len()), (0, 0));
        gossip
            .with_peer_score(topics::scores(), PeerScoreThresholds::default())
            .expect("legal scores");
        for wanted in [forks(&[1, 2]), forks(&[2, 3]), forks(&[3])] {
            follow(&mut gossip, &mut followed, &wanted);
            assert_eq!((&followed, topics_of(&gossip)), (&wanted, names(&wanted)));
        }
    }
}
