//! What electors vote on that this node has not heard of. Pure; decides nothing: it only tells people that something was
//! missed.

use std::collections::{BTreeMap, VecDeque};

use updraft_protocol::{Ballot, Digest, KeyId};

/// Votes that a root has struck off and whose ballots alarm nobody: peers that have not seen that root go on telling
/// them. The oldest go first, and with them, within a week, the peace.
const MAX_STRUCK_OFF: usize = 256;

/// Who votes on what.
#[derive(Debug, Clone, Default)]
pub(super) struct Unheard {
    /// The proposal, and the epoch of the ballot: at most one an elector of the electorate in force.
    by: BTreeMap<KeyId, (Digest, u64)>,
    struck_off: VecDeque<Digest>,
}

impl Unheard {
    /// An elector in force has said something about a proposal that is not known. What it said before that does not
    /// take the place of it.
    pub(super) fn note(&mut self, ballot: &Ballot) {
        let newest = self.by.get(&ballot.by).is_none_or(|(_, epoch)| *epoch <= ballot.epoch);
        if newest && !self.struck_off.contains(&ballot.proposal) {
            self.by.insert(ballot.by, (ballot.proposal, ballot.epoch));
        }
    }

    /// A proposal has come.
    pub(super) fn has_come(&mut self, proposal: &Digest) {
        self.by.retain(|_, (about, _)| about != proposal);
    }

    /// Who has voted since an epoch.
    pub(super) fn since(&self, epoch: u64) -> impl Iterator<Item = &KeyId> {
        self.by.iter().filter(move |(_, (_, cast))| *cast >= epoch).map(|(key, _)| key)
    }

    /// Others vote now: on what the former ones voted is no sign that this node misses something.
    pub(super) fn begin_anew(&mut self) {
        self.by.clear();
    }

    /// The newest root counts these no more, and these others it does.
    pub(super) fn strike_off(&mut self, gone: impl Iterator<Item = Digest>, counted: &[Digest]) {
        self.struck_off.extend(gone);
        self.struck_off.retain(|proposal| !counted.contains(proposal));
        while self.struck_off.len() > MAX_STRUCK_OFF {
            self.struck_off.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "unheard_tests.rs"]
mod tests;
