//! Whether a peer follows the same rules: the four rules of EIP-2124, with the difference that rules here last beyond
//! their end, until the grace is over. Pure.

use updraft_protocol::{ForkDigest, ForkId};

/// A change of the network's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The rules before it.
    pub before: ForkDigest,
    /// The rules after it.
    pub after: ForkDigest,
    /// The epoch in which it comes, or came.
    pub at: u64,
    /// The last epoch in which the rules before it are spoken as well.
    pub grace_end: u64,
}

/// The rules of this node: those it has had, those it has, and those that are decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forks {
    /// Those in force.
    pub current: ForkDigest,
    /// Changes in force, the oldest first.
    pub past: Vec<Change>,
    /// Changes that are decided and not in force, the next first.
    pub ahead: Vec<Change>,
}

/// Where a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footing {
    /// It follows the same rules, or is about to, or this node is.
    Together,
    /// It follows former rules and does not know better, which is fine up to this epoch.
    Behind {
        /// The last epoch in which those rules are spoken.
        until: u64,
    },
    /// It follows rules that this node has not heard of: this node may be the one who is behind.
    Unknown,
}

impl Forks {
    /// What this node says of itself.
    pub fn id(&self) -> ForkId {
        ForkId { digest: self.current, next: self.ahead.first().map(|change| change.at) }
    }

    /// Where a peer stands that says this of itself.
    pub fn judge(&self, peer: &ForkId, epoch: u64) -> Footing {
        if peer.digest == self.current {
            // It awaits a change at a time that has passed here without one.
            let missed = peer.next.is_some_and(|next| next <= epoch)
                && peer.next != self.ahead.first().map(|change| change.at);
            return if missed { Footing::Unknown } else { Footing::Together };
        }
        if let Some(left) = self.past.iter().find(|change| change.before == peer.digest) {
            let on_its_way = peer.next == Some(left.at);
            let until = left.grace_end;
            return if on_its_way { Footing::Together } else { Footing::Behind { until } };
        }
        let awaited = self.ahead.iter().any(|change| change.after == peer.digest);
        if awaited { Footing::Together } else { Footing::Unknown }
    }

    /// The rules whose gossip is listened to besides those in force, the most wanted first: the next to come, former
    /// ones in their grace, and those after the next.
    pub fn also(&self, epoch: u64) -> impl Iterator<Item = ForkDigest> {
        let former = self.past.iter().rev().filter(move |change| epoch <= change.grace_end);
        let former = former.map(|change| change.before);
        let mut ahead = self.ahead.iter().map(|change| change.after);
        ahead.next().into_iter().chain(former).chain(ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn digest(n: u8) -> ForkDigest {
        ForkDigest([n; 4])
    }

    const fn change(before: u8, at: u64) -> Change {
        let (before, after) = (digest(before), digest(before + 1));
        Change { before, after, at, grace_end: at + 10 }
    }

    /// Rules 1 until epoch 100, 2 until 200, 3 now, 4 from 300 on.
    fn forks() -> Forks {
        Forks {
            current: digest(3),
            past: vec![change(1, 100), change(2, 200)],
            ahead: vec![change(3, 300)],
        }
    }

    #[test]
    fn the_four_rules() {
        let judge = |n, next| forks().judge(&ForkId { digest: digest(n), next }, 250);
        // The same rules; what is to come may be unknown to either.
        assert_eq!(judge(3, Some(300)), Footing::Together);
        assert_eq!(judge(3, None), Footing::Together);
        assert_eq!(judge(3, Some(400)), Footing::Together);
        // It waits for what should have come here.
        assert_eq!(judge(3, Some(240)), Footing::Unknown);
        // It has not got so far and knows the way.
        assert_eq!(judge(2, Some(200)), Footing::Together);
        assert_eq!(judge(1, Some(100)), Footing::Together);
        // It has not got so far and does not know the way.
        assert_eq!(judge(2, None), Footing::Behind { until: 210 });
        assert_eq!(judge(2, Some(300)), Footing::Behind { until: 210 });
        assert_eq!(judge(1, Some(200)), Footing::Behind { until: 110 });
        // It is further, on the way that is known here.
        assert_eq!(judge(4, None), Footing::Together);
        // It is on another way.
        assert_eq!(judge(9, None), Footing::Unknown);
    }

    #[test]
    fn both_sides_of_a_change_that_one_has_not_heard_of_conclude_the_same() {
        let (knows, knows_not) = (
            Forks { current: digest(2), past: vec![change(1, 100)], ahead: vec![] },
            Forks { current: digest(1), past: vec![], ahead: vec![] },
        );
        assert_eq!(knows.judge(&knows_not.id(), 105), Footing::Behind { until: 110 });
        assert_eq!(knows_not.judge(&knows.id(), 105), Footing::Unknown);
        // Before the change nobody is turned away.
        let waits = Forks { current: digest(1), past: vec![], ahead: vec![change(1, 100)] };
        assert_eq!(waits.judge(&knows_not.id(), 99), Footing::Together);
        assert_eq!(knows_not.judge(&waits.id(), 99), Footing::Together);
    }

    #[test]
    fn former_rules_are_listened_to_through_their_grace_and_later_ones_from_their_decision_on() {
        let also = |epoch| forks().also(epoch).collect::<Vec<_>>();
        assert_eq!(also(210), [digest(4), digest(2)]);
        assert_eq!(also(211), [digest(4)]);
    }
}
