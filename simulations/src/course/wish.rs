//! What electors are to say in the course of a run, in the words of the node. Pure.

use std::collections::BTreeMap;

use updraft_node::agent::{ProposalWish, own_component};
use updraft_protocol::{Digest, KeyId, Stance};

use super::Deed;
use crate::{scenario::Word, world::lines::Micros};

/// Whose node cannot say yet what it is to say, because it has not heard of the vote or the release, or does not know what
/// it said last, tries again after this time.
pub const SAYS_AGAIN: Micros = 500_000;
/// So often.
pub const MAX_TRIES: u32 = 40;

/// An elector's word until it is on a ballot.
#[derive(Debug, Clone, Copy)]
pub struct Saying {
    /// Whose.
    pub node: u32,
    /// What.
    pub says: Word,
    /// On what: on what was proposed last when there was anything first, and on nothing that is proposed later.
    pub on: Option<Digest>,
    /// Its number among all words of the run: once an elector is to say another, this one is not said any more.
    pub number: u64,
    /// How often its node was asked in vain.
    pub tries: u32,
}

impl Saying {
    /// The same once more, if it is worth it.
    pub fn again(self) -> Option<Self> {
        let tries = self.tries + 1;
        (tries < MAX_TRIES).then_some(Self { tries, ..self })
    }
}

/// The newest word of each elector.
#[derive(Debug, Default)]
pub struct Sayings {
    newest: BTreeMap<u32, u64>,
    count: u64,
}

impl Sayings {
    /// An elector is to say something, and nothing of what it was to say before.
    pub fn begin(&mut self, node: u32, says: Word, on: Option<Digest>) -> Saying {
        self.count += 1;
        self.newest.insert(node, self.count);
        Saying { node, says, on, number: self.count, tries: 0 }
    }

    /// Whether a word still is to be said.
    pub fn is_newest(&self, saying: &Saying) -> bool {
        self.newest.get(&saying.node) == Some(&saying.number)
    }
}

impl Deed {
    /// What is to be proposed, by whoever holds this key; nothing if this is no proposal, or of a component whose name is
    /// none.
    pub fn wish(&self, by: KeyId) -> Option<ProposalWish> {
        let Self::Propose { component, to, release, voting, lead, grace, .. } = self else {
            return None;
        };
        let line =
            component.as_ref().map_or_else(|| Some(own_component()), |name| name.parse().ok());
        let [voting, lead, grace] = [voting, lead, grace].map(|time| Some(time.0 / 1_000_000));
        Some(ProposalWish {
            by,
            line: line?,
            to: *to,
            release: Some(release.0.clone()),
            voting,
            lead,
            grace,
            height: None,
            threshold: None,
            min_ready: None,
            notes: String::new(),
        })
    }
}

impl Word {
    /// The same on a ballot.
    pub fn stance(self) -> Stance {
        match self {
            Self::Yes => Stance::Yes,
            Self::No => Stance::No,
            Self::Abstain => Stance::Abstain,
            Self::Cancel => Stance::Cancel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_tried_for_a_while_and_not_after_the_next_of_the_same_elector() {
        let mut sayings = Sayings::default();
        let first = sayings.begin(3, Word::Yes, None);
        let other = sayings.begin(4, Word::Yes, None);
        assert!(sayings.is_newest(&first));
        let second = sayings.begin(3, Word::No, None);
        assert_eq!([first, second, other].map(|one| sayings.is_newest(&one)), [false, true, true]);
        let tries = std::iter::successors(Some(first), |saying| saying.again()).count();
        assert_eq!(tries, MAX_TRIES as usize);
    }
}
