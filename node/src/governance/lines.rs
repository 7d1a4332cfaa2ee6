//! Which protocol each line of software speaks, and by which decisions it came to that. Pure.
//!
//! It follows from the decisions alone, in the order in which they come into force, and not from the order in which
//! somebody heard of them: each takes effect if the line speaks what it starts from by then. So two that start from the
//! same protocol cannot both: the first overtakes the other, for everybody who knows both.

use updraft_protocol::{Digest, vote::FIRST_PROTOCOL};

use super::held::Held;

/// One line of software.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Changes that are in force, in the order of their activations: the proposal, the protocol before, the protocol
    /// after.
    pub changes: Vec<(Digest, u32, u32)>,
}

impl Line {
    /// The protocol that is spoken, if anything was ever decided about it.
    pub fn protocol(&self) -> Option<u32> {
        self.changes.last().map(|(_, _, to)| *to)
    }
}

/// The decisions about one line that take effect.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain<'a> {
    /// Those in force, the oldest first.
    pub(super) past: Vec<&'a Held>,
    /// Those to come, the next first.
    pub(super) ahead: Vec<&'a Held>,
}

impl<'a> Chain<'a> {
    /// Of everything that was decided about a line and not called off.
    pub(super) fn of(
        decided: impl Iterator<Item = &'a Held>,
        epoch: u64,
        height: Option<u64>,
    ) -> Self {
        let (mut reached, mut to_come): (Vec<&Held>, Vec<&Held>) =
            decided.partition(|held| held.is_in_force(epoch, height));
        let order = |held: &&Held| (held.proposal.activation.earliest(), held.id());
        reached.sort_by_key(order);
        to_come.sort_by_key(order);
        let mut protocol = FIRST_PROTOCOL;
        let mut takes_effect = |held: &&Held| {
            let fits = held.proposal.from == protocol;
            if fits {
                protocol = held.proposal.to;
            }
            fits
        };
        reached.retain(&mut takes_effect);
        to_come.retain(&mut takes_effect);
        Self { past: reached, ahead: to_come }
    }

    /// The decisions that take effect, or have.
    pub(super) fn ids(&self) -> impl Iterator<Item = Digest> {
        self.past.iter().chain(&self.ahead).map(|held| held.id())
    }

    pub(super) fn line(&self) -> Line {
        let change = |held: &&Held| (held.id(), held.proposal.from, held.proposal.to);
        Line { changes: self.past.iter().map(change).collect() }
    }
}
