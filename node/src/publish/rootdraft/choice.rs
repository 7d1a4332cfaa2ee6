//! What people chose in a draft and did not leave to the program. Pure. It travels with the draft and nobody signs it;
//! whatever a later edit computes anew must never take a choice back.

use std::collections::BTreeSet;

use updraft_protocol::{ChannelName, Digest, Root, codec::Invalid, limits::MAX_COUNTED};

use super::{Change, DraftError, Target};

/// Choices of whoever edited a draft so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Channels whose base was named.
    pub(super) channels: BTreeSet<ChannelName>,
    /// Votes that go on counting.
    pub(super) counted: BTreeSet<Digest>,
    /// Votes that do not.
    pub(super) struck: BTreeSet<Digest>,
}

impl Choice {
    /// These choices and what is chosen by a change of the draft `root`, which follows `trusted`.
    ///
    /// # Errors
    /// [`DraftError::NoRole`], [`DraftError::Counted`], [`DraftError::NotCounted`]; [`DraftError::Role`] for more
    /// votes than a draft's text has room for.
    pub(super) fn and(
        &self,
        change: &Change,
        root: &Root,
        trusted: &Root,
    ) -> Result<Self, DraftError> {
        let mut next = self.clone();
        match change {
            Change::Base(base) => {
                next.channels.insert(base.channel.clone());
            }
            Change::Count(_) if root.electorate.is_none() => {
                return Err(DraftError::NoRole(Target::Electorate.to_string()));
            }
            Change::Count(vote) => {
                next.struck.remove(vote);
                next.counted.insert(*vote);
            }
            Change::Uncount(vote) if trusted.counts.contains(vote) => {
                return Err(DraftError::Counted(*vote));
            }
            // What was listed while there was nobody to vote is not in the root.
            Change::Uncount(vote)
                if !root.counts.contains(vote) && !self.counted.contains(vote) =>
            {
                return Err(DraftError::NotCounted(*vote));
            }
            Change::Uncount(vote) => {
                next.counted.remove(vote);
                next.struck.insert(*vote);
            }
            Change::Add { .. }
            | Change::Enrol(_)
            | Change::Remove { .. }
            | Change::Threshold { .. }
            | Change::Expire { .. } => {}
        }
        next.is_bounded()
            .map_err(|reason| DraftError::Role { role: Target::Electorate.to_string(), reason })?;
        Ok(next)
    }

    /// Whether it names no more votes than a root has places for.
    pub(super) fn is_bounded(&self) -> Result<(), Invalid> {
        Invalid::if_over("votes that were listed", self.counted.len(), MAX_COUNTED)?;
        Invalid::if_over("votes that were struck off", self.struck.len(), MAX_COUNTED)
    }

    /// Whether these can be the choices in the draft `root`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn fits(&self, root: &Root) -> Result<(), &'static str> {
        if self.channels.iter().any(|channel| root.base(channel).is_none()) {
            return Err("a channel that was chosen goes on from nowhere");
        }
        if self.is_bounded().is_err() {
            return Err("more votes are chosen than a root may count");
        }
        let counts = |vote: &Digest| root.counts.contains(vote);
        // Without electors nothing is listed, until there are some again.
        if root.electorate.is_some() && !self.counted.iter().all(counts) {
            return Err("a vote that was listed does not count");
        }
        if self.struck.iter().any(counts) {
            return Err("a vote that was struck off counts");
        }
        Ok(())
    }
}
