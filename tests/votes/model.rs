//! How a vote is counted, in plain words: what a node has taken, ballot for ballot, and what that weighs. It asks the
//! node for nothing but what it took, so a count that is wrong has nowhere to hide.

use std::collections::{BTreeMap, BTreeSet};

use updraft_node::governance::{Event, StruckOff, VoteCount};
use updraft_protocol::{
    Digest, Electorate, KeyId, Stance, Statement,
    vote::{Count, Decision, Rules},
};

/// What was taken of what electors said about one proposal.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    /// Who, its number, and how it stands: every ballot, also those that a later one has changed.
    ballots: Vec<(KeyId, u32, Stance)>,
    /// Who is proved to have said two things.
    liars: BTreeSet<KeyId>,
}

impl Taken {
    /// What counts of an elector: the ballot with the highest number, and nothing of one who lied.
    fn stance(&self, elector: &KeyId) -> Option<Stance> {
        if self.liars.contains(elector) {
            return None;
        }
        let its_own = self.ballots.iter().filter(|(by, ..)| by == elector);
        its_own.max_by_key(|(_, seq, _)| *seq).map(|(.., stance)| *stance)
    }
}

/// What one node has taken, by proposal.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(BTreeMap<Digest, Taken>);

impl Record {
    /// Notes what a node took for news, from the bytes that it was told.
    pub(super) fn note(&mut self, statement: &Statement, events: &[Event]) {
        for event in events {
            match (event, statement) {
                (Event::Voted { .. }, Statement::Ballot(signed)) => {
                    let ballot = signed.peek().expect("it was taken");
                    let said = (ballot.by, ballot.seq, ballot.stance);
                    self.0.entry(ballot.proposal).or_default().ballots.push(said);
                }
                (Event::Lied { proof, .. }, _) => {
                    let about = proof.proposal().expect("it was taken");
                    let by = proof.by().expect("it was taken");
                    self.0.entry(about).or_default().liars.insert(by);
                }
                _ => {}
            }
        }
    }

    /// These are known no more.
    pub(super) fn strike_off(&mut self, votes: &[StruckOff]) {
        votes.iter().for_each(|vote| _ = self.0.remove(&vote.proposal));
    }

    /// What a key said counts no more unless its last word is about something decided. What it said before that word
    /// does not come back either way.
    pub(super) fn silence(&mut self, key: &KeyId, decided: impl Fn(&Digest, Decision) -> bool) {
        for (proposal, taken) in &mut self.0 {
            let its_own = taken.ballots.iter().filter(|(by, ..)| by == key);
            let last = its_own.max_by_key(|(_, seq, _)| *seq);
            if last.is_some_and(|(.., stance)| !decided(proposal, Decision::about(stance))) {
                taken.ballots.retain(|(by, ..)| by != key);
            }
        }
    }

    pub(super) fn of(&self, proposal: &Digest) -> Option<&Taken> {
        self.0.get(proposal)
    }

    pub(super) fn proposals(&self) -> impl Iterator<Item = &Digest> {
        self.0.keys()
    }
}

/// Who votes, and what each may weigh.
#[derive(Debug, Clone)]
pub(super) struct Model {
    /// Each elector, its weight, and the number of its operator.
    electors: Vec<(KeyId, u64, usize)>,
    operators: usize,
    /// One n-th of all weight is the most that one operator counts.
    share: u64,
}

impl Model {
    pub(super) fn new(electorate: &Electorate, rules: &Rules) -> Self {
        let operators: BTreeSet<&str> =
            electorate.electors.iter().map(|elector| elector.operator.as_str()).collect();
        let number = |name: &str| operators.iter().position(|other| *other == name);
        let electors = electorate.electors.iter().map(|elector| {
            let operator = number(elector.operator.as_str()).expect("one of them");
            (elector.key.id(), u64::from(elector.weight), operator)
        });
        let electors = electors.collect();
        Self { electors, operators: operators.len(), share: rules.operator_share }
    }

    /// Counts each elector once. Weights are in parts of one n-th.
    pub(super) fn count(&self, taken: Option<&Taken>) -> Count {
        let all: u64 = self.electors.iter().map(|(_, weight, _)| weight).sum();
        let stances: Vec<Option<Stance>> = self
            .electors
            .iter()
            .map(|(key, ..)| taken.and_then(|taken| taken.stance(key)))
            .collect();
        let weighs = |counts: fn(Option<Stance>) -> bool| {
            let mut operators = vec![0; self.operators];
            for ((_, weight, operator), stance) in self.electors.iter().zip(&stances) {
                if counts(*stance) {
                    operators[*operator] += weight * self.share;
                }
            }
            operators.into_iter().map(|parts| u128::from(parts.min(all))).sum()
        };
        Count {
            affirmative: weighs(|s| matches!(s, Some(Stance::Yes | Stance::Ready { .. }))),
            ready: weighs(|s| matches!(s, Some(Stance::Ready { .. }))),
            against: weighs(|s| s == Some(Stance::No)),
            cancel: weighs(|s| s == Some(Stance::Cancel)),
            abstain: weighs(|s| s == Some(Stance::Abstain)),
            total: u128::from(all * self.share),
            possible: weighs(|s| !matches!(s, Some(Stance::No | Stance::Cancel))),
        }
    }

    /// Whether somebody has counted right, and told people so.
    pub(super) fn check(
        &self,
        taken: Option<&Taken>,
        count: &Count,
        shown: &VoteCount,
    ) -> Result<(), String> {
        let right = self.count(taken);
        if *count != right {
            return Err(format!("it counts {count:?}, and it is {right:?}"));
        }
        let share = u128::from(self.share);
        let told = [shown.yes, shown.ready, shown.no, shown.abstain, shown.cancel, shown.total];
        let parts = [
            right.affirmative,
            right.ready,
            right.against,
            right.abstain,
            right.cancel,
            right.total,
        ];
        if !told.into_iter().map(u128::from).eq(parts.map(|parts| parts / share)) {
            return Err(format!("it shows {shown:?}, and it is {right:?} in parts of 1/{share}"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
