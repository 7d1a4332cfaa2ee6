//! Which protocol each line of software speaks, and by which decisions it came to that. Pure.
//!
//! It follows from the decisions alone, in the order in which they come into force, and not from the order in which
//! somebody heard of them: each takes effect if the line speaks what it starts from by then. So two that start from the
//! same protocol cannot both: the first overtakes the other, for everybody who knows both.
//!
//! The order does not depend on which heights were reached, of which nodes know different things or nothing: else a
//! height that comes late would undo what is in force. So a decision that waits for its height holds up all after it.

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

/// How far a decision is that takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is in force.
    InForce,
    /// Its time has not come, or that of one before it has not.
    ToCome,
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
        let mut in_order: Vec<&Held> = decided.collect();
        in_order.sort_by_key(|held| (held.proposal.activation.earliest(), held.id()));
        let mut chain = Self::default();
        let mut protocol = FIRST_PROTOCOL;
        for held in in_order {
            if held.proposal.from != protocol {
                continue;
            }
            protocol = held.proposal.to;
            if chain.ahead.is_empty() && held.has_come(epoch, height) {
                chain.past.push(held);
            } else {
                chain.ahead.push(held);
            }
        }
        chain
    }

    /// The decisions that take effect, or have, and how far they are. The others are overtaken.
    pub(super) fn places(&self) -> impl Iterator<Item = (Digest, Place)> {
        let past = self.past.iter().map(|held| (held.id(), Place::InForce));
        past.chain(self.ahead.iter().map(|held| (held.id(), Place::ToCome)))
    }

    pub(super) fn line(&self) -> Line {
        let change = |held: &&Held| (held.id(), held.proposal.from, held.proposal.to);
        Line { changes: self.past.iter().map(change).collect() }
    }
}
