//! Keys that have taken themselves back: what becomes of what they said. Pure.
//!
//! What was decided stands, with their ballots in it: whoever holds such a key could date a ballot back to before the
//! theft, so no certificate shows which it is, and one that only some refuse would split the network. The way out of a
//! decision that a thief has brought about is to call it off, or a root that does not count it.

use updraft_protocol::{Digest, KeyId, vote::Decision};

use super::{former::StruckOff, held::Held, machine::Governance};

impl Governance {
    /// Hears no more of a key in the electorate in force: its ballots count nothing in what they have not decided, and
    /// votes that it opened are struck off as long as they are undecided. Whether the key says so itself is not judged
    /// here. Keys that the root does not name are left alone.
    pub fn take_back(&mut self, key: KeyId) -> Vec<StruckOff> {
        self.roster.take_back(key);
        let roster = &self.roster;
        let is_its_own = |_: &Digest, held: &mut Held| {
            let of = held.proposal.electorate;
            held.proposal.by == key && held.decided.is_empty() && !roster.hears(&key, of)
        };
        let gone = self.held.extract_if(.., is_its_own);
        let gone: Vec<StruckOff> = gone.map(StruckOff::from).collect();
        self.unheard.strike_off(gone.iter().map(|vote| vote.proposal), self.roster.listed());
        self.silence();
        gone
    }

    /// Ballots of keys that are not heard any more go, but for those about what is decided.
    pub(super) fn silence(&mut self) {
        let roster = &self.roster;
        for held in self.held.values_mut() {
            let of = held.proposal.electorate;
            let decided = &held.decided;
            held.ballots.retain(|key, cast| {
                let about = Decision::about(&cast.ballot.stance);
                roster.hears(key, of) || decided.contains_key(&about)
            });
        }
    }
}

#[cfg(test)]
#[path = "revoked_tests.rs"]
mod tests;
