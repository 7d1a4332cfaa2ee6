//! Votes as people see them: how they stand, by whom, and what is missing. Decides nothing.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{
    Ballot, Certificate, ComponentName, Digest, DoubleVote, KeyId, OperatorName, Proposal,
    ReleaseVersion, Signed, Stance, Timestamp,
    vote::{Activation, Decision, Fraction, Weights},
};

use super::{action::Now, electing::Readiness, machine::Machine};
use crate::{
    governance::{Held, State, VoteCount, lie_in_words},
    metrics::{OpenVote, ProposalNumbers},
};

/// A proposal and how it stands. Weights are whole ones of the electorate, rounded down.
#[derive(Debug, Clone)]
pub struct ProposalLine {
    /// Its name.
    pub id: Digest,
    /// What it says.
    pub proposal: Proposal,
    /// As it was signed.
    pub signed: Arc<Signed<Proposal>>,
    /// How it stands.
    pub state: State,
    /// When voting begins.
    pub opens: Timestamp,
    /// When it is over.
    pub closes: Timestamp,
    /// When the new protocol is spoken, at the earliest.
    pub activates: Timestamp,
    /// The height at which it is, if heights decide.
    pub height: Option<u64>,
    /// When the old protocol is spoken no more.
    pub ends: Timestamp,
    /// What the ballots weigh.
    pub count: VoteCount,
    /// Every elector who may vote on it, and how.
    pub electors: Vec<ElectorLine>,
    /// What is missing for a decision, as sentences; empty once there is one, or can be none.
    pub missing: Vec<String>,
    /// This node's part in it, if it is an elector's.
    pub own: Option<OwnPart>,
    /// How far its release has come on this node, as a sentence.
    pub readiness: String,
    /// Certificates that are known: one for each decision.
    pub certificates: Vec<Arc<Certificate>>,
}

/// An elector and its last ballot.
#[derive(Debug, Clone)]
pub struct ElectorLine {
    /// Its key.
    pub key: KeyId,
    /// Who runs its node.
    pub operator: OperatorName,
    /// What its vote weighs, before the cap of its operator.
    pub weight: u32,
    /// Its ballot, if it has cast one.
    pub ballot: Option<BallotLine>,
    /// Why its ballot does not count.
    pub void: Option<String>,
    /// The proof that it has lied.
    pub proof: Option<Arc<DoubleVote>>,
}

/// A ballot.
#[derive(Debug, Clone)]
pub struct BallotLine {
    /// How it stands.
    pub stance: Stance,
    /// Its number.
    pub seq: u32,
    /// When it was cast.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// As it was signed.
    pub signed: Arc<Signed<Ballot>>,
}

/// This node's part in a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPart {
    /// Its key.
    pub key: KeyId,
    /// Whether it may vote on this.
    pub may_vote: bool,
    /// How it has voted.
    pub stance: Option<Stance>,
}

/// Asks for a proposal to sign: everything that this node knows better than whoever asks.
#[derive(Debug, Clone)]
pub struct ProposalWish {
    /// Who proposes.
    pub by: KeyId,
    /// Whose protocol.
    pub line: ComponentName,
    /// The protocol to speak.
    pub to: u32,
    /// The release that speaks it; `None` for the newest on offer.
    pub release: Option<ReleaseVersion>,
    /// Seconds of voting; `None` for the least that is allowed.
    pub voting: Option<u64>,
    /// Seconds between the vote and the activation; `None` for the least that is allowed.
    pub lead: Option<u64>,
    /// Seconds in which the old protocol is spoken as well; `None` for the least that is allowed.
    pub grace: Option<u64>,
    /// Activates at this height instead of a time.
    pub height: Option<u64>,
    /// More than this part of all weight; `None` for two thirds.
    pub threshold: Option<Fraction>,
    /// At least this part of it ready; `None` for nine tenths.
    pub min_ready: Option<Fraction>,
    /// Why, in words.
    pub notes: String,
}

/// A part of a weight, to a millionth.
fn ratio(part: u64, whole: u64) -> f64 {
    let millionths = u128::from(part) * 1_000_000 / u128::from(whole.max(1));
    f64::from(u32::try_from(millionths).unwrap_or(u32::MAX)) / 1_000_000.0
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Every proposal that is known, the newest first.
    pub fn proposals(&self, now: Now) -> Vec<ProposalLine> {
        let mut lines: Vec<ProposalLine> = self
            .standing(now)
            .filter_map(|(held, state)| self.proposal_line(held, state, now))
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse((line.opens, line.proposal.number, line.id)));
        lines
    }

    /// Votes that this node's operator could still cast.
    pub fn votes_open(&self, now: Now) -> usize {
        self.standing(now).filter(|(_, state)| matches!(state, State::Open(_))).count()
    }

    /// How each proposal stands, in numbers.
    pub fn proposal_numbers(&self, now: Now) -> Vec<ProposalNumbers> {
        let numbers = |(held, state): (&Held, State)| {
            let open = matches!(state, State::Open(_)).then(|| {
                let (governance, proposal) = (&self.votes.governance, &held.proposal);
                let count = governance.vote_count(held)?;
                let VoteCount { yes, ready, no, abstain, cancel, needed, .. } = count;
                // Whole weights are rounded, and what decides is not.
                let least = if governance.count(held)?.is_enough(proposal) { 1.0 } else { 0.0 };
                let quorum = ratio(yes, needed).max(least);
                Some(OpenVote { quorum, yes, no, abstain, ready, cancel })
            });
            let name = format!("p-{}.{}", held.proposal.number, held.id().short());
            ProposalNumbers { name, state: state.snake_case(), open: open.flatten() }
        };
        self.standing(now).map(numbers).collect()
    }

    fn proposal_line(&self, held: &Held, state: State, now: Now) -> Option<ProposalLine> {
        let governance = &self.votes.governance;
        let (rules, proposal) = (governance.rules(), &held.proposal);
        let weights = governance.weights(held)?;
        let at = |epoch: u64| Timestamp::from_seconds(rules.begin_of(epoch));
        let decisions = [Decision::LockIn, Decision::Cancel].into_iter();
        let certificates = decisions.filter_map(|decision| held.certificate(decision).cloned());
        Some(ProposalLine {
            id: held.id(),
            proposal: Proposal::clone(proposal),
            signed: held.signed.clone(),
            state,
            opens: at(proposal.opens),
            closes: at(proposal.lock_deadline.saturating_add(1)),
            activates: at(proposal.activation.earliest()),
            height: match proposal.activation {
                Activation::Height { height, .. } => Some(height),
                Activation::Epoch(_) => None,
            },
            ends: at(proposal.grace_end.saturating_add(1)),
            count: governance.vote_count(held)?,
            electors: self.elector_lines(held),
            missing: self.missing(held, state, now),
            own: self.own_part(held, weights),
            readiness: self.readiness_in_words(held, now),
            certificates: certificates.collect(),
        })
    }

    fn elector_lines(&self, held: &Held) -> Vec<ElectorLine> {
        let governance = &self.votes.governance;
        let rules = governance.rules();
        let Some(electorate) = governance.electors_of(held) else { return Vec::new() };
        let line = |elector: &updraft_protocol::Elector| {
            let key = elector.key.id();
            let proof =
                held.liars().find(|(liar, _)| **liar == key).map(|(_, proof)| proof.clone());
            let cast = held.ballot_of(&key);
            let void = proof.as_deref().map(lie_in_words);
            ElectorLine {
                key,
                operator: elector.operator.clone(),
                weight: elector.weight,
                ballot: cast.map(|(signed, ballot)| BallotLine {
                    stance: ballot.stance,
                    seq: ballot.seq,
                    at: Timestamp::from_seconds(rules.begin_of(ballot.epoch)),
                    reason: ballot.reason.clone(),
                    signed: signed.clone(),
                }),
                void,
                proof,
            }
        };
        electorate.electors.iter().map(line).collect()
    }

    fn own_part(&self, held: &Held, weights: &Weights) -> Option<OwnPart> {
        let key = self.votes.elector.as_ref()?.key();
        let (may_vote, stance) = (weights.has(&key), held.stance_of(&key));
        Some(OwnPart { key, may_vote, stance })
    }

    /// What a decision waits for, and what of it is this node's part.
    fn missing(&self, held: &Held, state: State, now: Now) -> Vec<String> {
        let mut missing = self.votes.governance.missing(held, state);
        if !missing.is_empty() && self.votes.elector.is_some() {
            missing.extend(self.own_part_missing(held, now));
        }
        missing
    }

    /// What this node itself has not done for it.
    fn own_part_missing(&self, held: &Held, now: Now) -> Option<String> {
        match self.own_stance(&held.id()) {
            None => Some("this node has not voted".to_owned()),
            Some(Stance::Yes) => {
                Some(format!("this node is not ready: {}", self.readiness_in_words(held, now)))
            }
            Some(_) => None,
        }
    }

    fn readiness_in_words(&self, held: &Held, now: Now) -> String {
        let release = format!("{}@{}", held.proposal.line, held.proposal.release);
        match self.readiness(held, now) {
            Readiness::Unknown => {
                format!(
                    "no manifest of {release} for {} that it names is known here",
                    self.rules.target
                )
            }
            Readiness::Untried => format!("{release} has not been tried here"),
            Readiness::Proven { .. } => {
                format!("{release} is staged here, and its self-test passed")
            }
            Readiness::Failed(why) => format!("{release} was tried here: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_counted_under_the_name_that_metrics_have_for_it() {
        assert_eq!(State::ALL.map(|state| state.snake_case()), ProposalNumbers::STATES);
        for state in State::ALL {
            assert_eq!(State::from_camel_case(state.camel_case()), Some(state));
        }
        assert_eq!(State::from_camel_case("locked in"), None);
    }
}
