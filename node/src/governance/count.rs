//! How a vote stands, in whole weights and in sentences: what a node shows, and what anybody who counts again has to
//! get as well. Pure; decides nothing.

use updraft_protocol::{
    Proposal,
    vote::{Count, Fraction, Outlook},
};

use super::{
    held::{Held, State},
    machine::Governance,
};

/// What ballots weigh: whole weights of the electorate, rounded down where a cap has cut them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoteCount {
    /// For it, ready or not.
    pub yes: u64,
    /// For it and ready.
    pub ready: u64,
    /// Against it.
    pub no: u64,
    /// Neither.
    pub abstain: u64,
    /// To call it off.
    pub cancel: u64,
    /// All weight.
    pub total: u64,
    /// The least weight that decides it. Where a cap cuts weights, a part of one less may do: whether it is enough says
    /// [`Governance::count`].
    pub needed: u64,
}

impl VoteCount {
    /// The least weight that has to be ready: so much of what is needed.
    pub fn ready_needed(&self, proposal: &Proposal) -> u64 {
        let Proposal { threshold, min_ready, .. } = proposal;
        let parts = u128::from(threshold.num) * u128::from(min_ready.num);
        let of = u128::from(threshold.den.max(1)) * u128::from(min_ready.den.max(1));
        u64::try_from((u128::from(self.total) * parts).div_ceil(of)).unwrap_or(u64::MAX)
    }
}

impl Governance {
    /// What decides a proposal; `None` without its electorate.
    pub fn count(&self, held: &Held) -> Option<Count> {
        Some(held.count(self.weights(held)?))
    }

    /// The same as people see it.
    pub fn vote_count(&self, held: &Held) -> Option<VoteCount> {
        let count = self.count(held)?;
        let share = u128::from(self.rules().operator_share.max(1));
        let whole = |weight: u128| u64::try_from(weight / share).unwrap_or(u64::MAX);
        let Fraction { num, den } = held.proposal.threshold;
        let total = whole(count.total);
        let most = u128::from(total) * u128::from(num) / u128::from(den.max(1));
        Some(VoteCount {
            yes: whole(count.affirmative),
            ready: whole(count.ready),
            no: whole(count.against),
            abstain: whole(count.abstain),
            cancel: whole(count.cancel),
            total,
            needed: u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1),
        })
    }

    /// What a decision waits for; empty once there is one, or can be none.
    pub fn missing(&self, held: &Held, state: State) -> Vec<String> {
        let mut missing = Vec::new();
        let Some(count) = self.vote_count(held) else { return missing };
        let VoteCount { yes, ready, total, needed, .. } = count;
        match state {
            State::Announced => missing.push("voting has not begun".to_owned()),
            State::Open(Outlook::Undecided) => {
                missing.push(format!("{yes} of {total} are for it, {needed} are needed"));
            }
            State::Open(Outlook::Unready) => {}
            _ => return missing,
        }
        let least = count.ready_needed(&held.proposal);
        if self.count(held).is_some_and(|count| !count.is_ready(&held.proposal)) {
            missing.push(format!("{ready} are ready, {least} are needed"));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{NetworkKind, Proposal, Root, Statement, vote::Activation};

    use super::*;
    use crate::testing::votes::{self, ready, signed};

    /// A vote of nine weights, of which keys 1 and 2 are one operator's with 3 that count 9/5: so many of the others are
    /// ready besides.
    fn capped(others: u8) -> Governance {
        let mut root =
            Root { kind: NetworkKind::Production, ..votes::root(1, &[1, 2, 3, 4, 5, 6, 7, 8]) };
        for elector in &mut root.electorate.as_mut().expect("one").electors {
            let key = |n| crate::testing::Publisher::key(n).public();
            if elector.key == key(1) || elector.key == key(2) {
                elector.operator = "big".parse().expect("a name");
                elector.weight = if elector.key == key(1) { 2 } else { 1 };
            }
        }
        let mut governance = Governance::new(&root);
        let (lock_deadline, activation) = (432, Activation::Epoch(720));
        let proposal = Proposal {
            lock_deadline,
            activation,
            grace_end: 1_728,
            min_ready: Fraction::NINE_TENTHS,
            ..votes::proposal(1, 0)
        };
        let proposal = signed(&proposal, 1);
        let about = proposal.digest();
        governance.offer(&Statement::Proposal(proposal), 1).expect("an elector's");
        for n in 1..=2 + others {
            let ballot = votes::ballot(n, about, ready(), 1);
            governance.offer(&Statement::Ballot(signed(&ballot, n)), 1).expect("an elector's");
        }
        governance
    }

    #[test]
    fn what_a_cap_cuts_into_parts_is_enough_although_whole_weights_look_too_few() {
        let stands = |others| {
            let governance = capped(others);
            let (held, state) = governance.standing(1, None).next().expect("one");
            let (count, people) = (governance.count(held), governance.vote_count(held));
            let (count, people) = (count.expect("known"), people.expect("known"));
            (count.is_enough(&held.proposal), people.yes, people.needed, state.word())
        };
        assert_eq!(stands(4), (false, 5, 7, "voting"));
        assert_eq!(stands(5), (true, 6, 7, "locked in"), "34/5 of 9 are more than two thirds");
    }
}
