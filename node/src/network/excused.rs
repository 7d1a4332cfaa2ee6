//! Messages that this node has not dealt with: those that wait for their verdict, and those for which it had no room.
//! Gossip remembers them as known, so every neighbour that brings one of them repeats what was no news here for this
//! node's own fault. Pure: the time is an argument.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use libp2p::{PeerId, gossipsub::MessageId};

/// How long gossip remembers a message, and so, how long others may repeat one that was dropped.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(120);
/// Dropped messages remembered: four votes of 256 electors. When full, the oldest gives way, and who repeats it is
/// charged.
const MAX_DROPPED: usize = 1_024;

/// Why a message may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excuse {
    /// It waits for its verdict.
    Waits,
    /// There was no room for it: whoever has it can be asked for it, and who brought it may not be honest.
    WasDropped,
}

/// Messages that may be repeated, with who brought them. Those that wait are as many as may wait.
#[derive(Debug, Default)]
pub(super) struct Excused {
    brought_by: BTreeMap<MessageId, (PeerId, Excuse)>,
    /// Those among them that were dropped, oldest first.
    dropped: VecDeque<(Instant, MessageId)>,
}

impl Excused {
    /// A message waits for its verdict.
    pub(super) fn waits(&mut self, id: MessageId, from: PeerId) {
        self.brought_by.insert(id, (from, Excuse::Waits));
    }

    /// The verdict on a message is here: who repeats it should have known.
    pub(super) fn judged(&mut self, id: &MessageId) {
        self.brought_by.remove(id);
    }

    /// A message was dropped for want of room.
    pub(super) fn dropped(&mut self, id: MessageId, from: PeerId, now: Instant) {
        if self.dropped.len() >= MAX_DROPPED {
            self.forget_oldest();
        }
        self.brought_by.insert(id.clone(), (from, Excuse::WasDropped));
        self.dropped.push_back((now, id));
    }

    /// Forgets what gossip forgets.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.dropped.front().is_some_and(|(at, _)| *at + REMEMBERED_FOR <= now) {
            self.forget_oldest();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.brought_by.is_empty()
    }

    /// Why a peer that brings a message is not to blame that it is known, if it is not. Who brought it first knows that he
    /// did.
    pub(super) fn excuse(&self, id: &MessageId, from: &PeerId) -> Option<Excuse> {
        self.brought_by.get(id).filter(|(first, _)| first != from).map(|(_, excuse)| *excuse)
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.dropped.pop_front() {
            self.brought_by.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> MessageId {
        MessageId::new(&n.to_le_bytes())
    }

    #[test]
    fn others_may_repeat_what_waits_and_who_brought_it_may_not() {
        let (mut excused, first, other) = (Excused::default(), PeerId::random(), PeerId::random());
        assert_eq!(excused.excuse(&id(1), &other), None);
        excused.waits(id(1), first);
        assert_eq!(excused.excuse(&id(1), &other), Some(Excuse::Waits));
        assert_eq!(excused.excuse(&id(1), &first), None);
        excused.judged(&id(1));
        assert_eq!(excused.excuse(&id(1), &other), None);
        assert!(excused.is_empty());
    }

    #[test]
    fn what_was_dropped_may_be_repeated_for_as_long_as_gossip_knows_it() {
        let (mut excused, begin, other) = (Excused::default(), Instant::now(), PeerId::random());
        excused.dropped(id(1), PeerId::random(), begin);
        excused.dropped(id(2), PeerId::random(), begin + Duration::from_secs(1));
        excused.expire(begin + REMEMBERED_FOR);
        assert_eq!(excused.excuse(&id(1), &other), None);
        assert_eq!(excused.excuse(&id(2), &other), Some(Excuse::WasDropped));
        excused.expire(begin + REMEMBERED_FOR + Duration::from_secs(1));
        assert!(excused.is_empty());
    }

    #[test]
    fn of_too_many_the_oldest_give_way() {
        let (mut excused, now, other) = (Excused::default(), Instant::now(), PeerId::random());
        for n in 0..MAX_DROPPED + 5 {
            excused.dropped(id(n), PeerId::random(), now);
        }
        assert_eq!(excused.brought_by.len(), MAX_DROPPED);
        assert_eq!(excused.excuse(&id(4), &other), None);
        assert_eq!(excused.excuse(&id(5), &other), Some(Excuse::WasDropped));
    }
}
