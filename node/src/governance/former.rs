//! What a root says of votes: which of former electorates' count, and what becomes of the others. Pure.
//!
//! Whoever steals the keys of an electorate that was replaced can forge what it decided back then, and to a newcomer no
//! arrival tells one from the other. So nothing is believed of a former electorate but what the root lists, in whatever
//! order root and votes come.

use updraft_protocol::{Digest, Root};

use super::{held::Held, machine::Governance, refusal::Refusal};

/// A proposal whose electorate the root has replaced without counting it, or whose elector's key has taken itself back
/// before it was decided. It is known no more; what was said about it is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StruckOff {
    /// Its name.
    pub proposal: Digest,
    /// What people called it.
    pub number: u32,
    /// Whether it had been decided, and not called off: then something is undone.
    pub was_decided: bool,
}

impl From<(Digest, Held)> for StruckOff {
    fn from((proposal, held): (Digest, Held)) -> Self {
        Self { proposal, number: held.proposal.number, was_decided: held.is_in_effect() }
    }
}

impl Governance {
    /// Takes the next root. It is above the votes: those of former electorates that it does not count are struck off,
    /// in force or not.
    pub fn follow(&mut self, root: &Root) -> Vec<StruckOff> {
        let before = self.roster.current();
        self.roster.follow(root, &self.rules);
        if self.roster.current() != before {
            self.unheard.begin_anew();
        }
        let roster = &self.roster;
        let uncounted = |id: &Digest, held: &mut Held| !roster.counts(held.proposal.electorate, id);
        let gone = self.held.extract_if(.., uncounted);
        let struck_off: Vec<StruckOff> = gone.map(StruckOff::from).collect();
        self.unheard.strike_off(struck_off.iter().map(|vote| vote.proposal), &root.counts);
        self.silence();
        struck_off
    }

    /// Whether what an electorate says about a proposal counts under the root. What is held does.
    pub(super) fn counts(&self, of: u64, proposal: &Digest) -> Result<(), Refusal> {
        if self.roster.counts(of, proposal) {
            return Ok(());
        }
        match self.roster.current() {
            Some(current) if of < current => Err(Refusal::FormerElectorate { of, current }),
            _ => Err(Refusal::UnknownElectorate(of)),
        }
    }
}

#[cfg(test)]
#[path = "former_tests.rs"]
mod tests;
