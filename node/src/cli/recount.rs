//! Counts votes again from signed bytes, by the same pure rules as a node, and trusting none.
//!
//! What is not known here is when a ballot came: it counts if it says that it was cast in time. Whoever dates one back
//! is not found out by this; nodes are, because they were there.

use std::{collections::BTreeMap, ops::RangeInclusive};

use updraft_protocol::{
    Ballot, Digest, Elector, KeyId, Signed, Stance, Statement,
    vote::{Decision, Rules},
};

use crate::{
    api::{ProposalName, types::Proposal},
    governance::{Governance, Held, Refusal, State, VoteCount, lie_in_words},
    problem::{Code, Problem},
    publish::ledger::Trusted,
};

/// A recount of everything that was said about votes.
#[derive(Debug)]
pub(super) struct Recount {
    governance: Governance,
    refused: Vec<Refused>,
}

/// Something that did not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// About which proposal, if it says so.
    pub(super) proposal: Option<Digest>,
    /// What it is.
    pub(super) kind: &'static str,
    /// By whom it claims to be, and how that one stands, if it is a ballot.
    pub(super) ballot: Option<(KeyId, Stance, u32)>,
    /// Why it does not stand.
    pub(super) why: Refusal,
}

/// What became of one elector's ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its key.
    pub(super) key: KeyId,
    /// Who runs its node.
    pub(super) operator: String,
    /// What its vote weighs, before the cap of its operator.
    pub(super) weight: u32,
    /// How it stands and with which number, if it has voted.
    pub(super) cast: Option<(Stance, u32, u64)>,
    /// Whether that counts, and why not.
    pub(super) verdict: Verdict,
}

impl Line {
    /// Whether its elector is ready, by a ballot that counts.
    pub(super) fn is_ready(&self) -> bool {
        let says_so = matches!(self.cast, Some((Stance::Ready { .. }, ..)));
        says_so && self.verdict == Verdict::Counts
    }
}

/// Whether a ballot counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does.
    Counts,
    /// There is none.
    Silent,
    /// It does not.
    Void(String),
}

/// Who votes under every root that is trusted: those, and not what the ledger says when it is asked again.
pub(super) fn roster(trusted: &Trusted<'_>) -> Governance {
    let mut governance = Governance::new(trusted.first());
    for root in trusted.roots().skip(1) {
        governance.follow(root);
    }
    governance
}

/// The order in which nothing comes before what it is about. Proofs go before ballots, so that no liar counts.
fn order(statement: &Statement) -> u8 {
    match statement {
        Statement::Proposal(_) => 0,
        Statement::DoubleVote(_) => 1,
        Statement::Ballot(_) => 2,
        _ => 3,
    }
}

impl Recount {
    /// Counts what was said, by who votes. What is not about a vote is left out.
    pub(super) fn of(governance: Governance, mut statements: Vec<Statement>) -> Self {
        let mut recount = Self { governance, refused: Vec::new() };
        statements.retain(Statement::is_about_a_vote);
        statements.sort_by_key(order);
        for statement in &statements {
            if let Err(why) = recount.take(statement) {
                recount.refused.push(Refused::new(statement, why));
            }
        }
        // As if every vote were still on: what its ballots proved then, they prove for ever.
        let _ = recount.governance.settle(0);
        recount
    }

    fn take(&mut self, statement: &Statement) -> Result<(), Refusal> {
        if let Statement::Ballot(signed) = statement {
            self.is_in_time(signed)?;
        }
        self.governance.restore(statement).map(drop)
    }

    fn is_in_time(&self, signed: &Signed<Ballot>) -> Result<(), Refusal> {
        let ballot = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let held = self.governance.proposal(&ballot.proposal).ok_or(Refusal::UnknownProposal)?;
        let (opens, cast) = (held.proposal.opens, ballot.epoch);
        let about = Decision::about(&ballot.stance);
        let ends = held.proposal.last_epoch(about, self.governance.rules());
        if cast < opens || cast > ends {
            return Err(Refusal::OutsideTheVote { cast, opens, ends });
        }
        Ok(())
    }

    /// The proposal that somebody shows when he is asked for `name`, if its own bytes bear it.
    ///
    /// # Errors
    /// [`Code::CountDiffers`] if nobody who may has signed it, or it is not what was asked for.
    pub(super) fn shown(&self, claim: &Proposal, name: &ProposalName) -> Result<&Held, Problem> {
        let id = claim.digest.parse::<Digest>().ok();
        let held = self.proposals().find(|held| Some(held.id()) == id);
        let held = held.ok_or_else(|| self.unfounded(claim, id.as_ref()))?;
        let asked = name.find([held], |held| (held.proposal.number, held.id()));
        asked.map_err(|_| {
            let detail = format!("asked for {name}, the node shows p-{}", held.proposal.number);
            Problem::new(Code::CountDiffers, detail).hint("ask another node: `--api ADDR`")
        })
    }

    /// The problem of a proposal that somebody shows and whose own bytes do not bear it.
    fn unfounded(&self, claim: &Proposal, id: Option<&Digest>) -> Problem {
        let detail = format!("{} does not stand by the bytes that are shown for it", claim.id);
        let about = id.map(|id| self.refused(id)).unwrap_or_default();
        about
            .into_iter()
            .fold(Problem::new(Code::CountDiffers, detail), |problem, refused| {
                problem.cause(format!("{}: {}", refused.kind, refused.why))
            })
            .hint("ask another node: `--api ADDR`")
    }

    /// Every proposal that stands.
    pub(super) fn proposals(&self) -> impl Iterator<Item = &Held> {
        self.governance.proposals()
    }

    /// What did not stand of what was said about a proposal, or about none that is known.
    pub(super) fn refused(&self, proposal: &Digest) -> Vec<&Refused> {
        let about = |refused: &&Refused| refused.proposal.is_none_or(|of| of == *proposal);
        self.refused.iter().filter(about).collect()
    }

    /// What is long enough on this network.
    pub(super) fn rules(&self) -> &Rules {
        self.governance.rules()
    }

    /// What the ballots of a proposal weigh.
    pub(super) fn count(&self, held: &Held) -> VoteCount {
        // A proposal is only held with its electorate.
        self.governance.vote_count(held).unwrap_or_default()
    }

    /// Whether enough are for it: by what decides, which is not rounded as what is shown.
    pub(super) fn is_enough(&self, held: &Held) -> bool {
        self.governance.count(held).is_some_and(|count| count.is_enough(&held.proposal))
    }

    /// Whether enough are ready, by the same.
    pub(super) fn is_ready(&self, held: &Held) -> bool {
        self.governance.count(held).is_some_and(|count| count.is_ready(&held.proposal))
    }

    /// How a proposal stands in an epoch.
    pub(super) fn state(&self, held: &Held, epoch: u64) -> State {
        // As above.
        self.governance.state(&held.id(), epoch, None).unwrap_or(State::Announced)
    }

    /// How it stands as if nothing else were decided about its line: all that is known where only ballots about this
    /// proposal are counted. `height` is the one that was reached, if somebody knows.
    pub(super) fn alone(&self, held: &Held, epoch: u64, height: Option<u64>) -> State {
        let weights = self.governance.weights(held);
        weights.map_or(State::Announced, |weights| held.state(weights, epoch, height))
    }

    /// The first of some epochs, and those of them in which something may change by itself.
    pub(super) fn moments(&self, of: &RangeInclusive<u64>) -> impl Iterator<Item = u64> {
        let next = |epoch: &u64| self.governance.next_change(*epoch);
        std::iter::successors(Some(*of.start()), next).take_while(|epoch| epoch <= of.end())
    }

    /// What a decision waits for, as long as it stands like this.
    pub(super) fn missing(&self, held: &Held, state: State) -> Vec<String> {
        self.governance.missing(held, state)
    }

    /// Decisions that are proved, with the number of ballots that prove each.
    pub(super) fn decided(&self, held: &Held) -> BTreeMap<Decision, usize> {
        let both = [Decision::LockIn, Decision::Cancel];
        let proved = both.into_iter().filter_map(|decision| {
            held.certificate(decision).map(|certificate| (decision, certificate.ballots.len()))
        });
        proved.collect()
    }

    /// Every elector, and what became of its ballot.
    pub(super) fn lines(&self, held: &Held) -> Vec<Line> {
        let electors = self.governance.electors_of(held).map(|list| list.electors.as_slice());
        let line = |elector: &Elector| {
            let key = elector.key.id();
            let cast = held.ballot_of(&key).map(|(_, b)| (b.stance, b.seq, b.epoch));
            let lie = held.liars().find(|(liar, _)| **liar == key);
            let verdict = match (lie, &cast) {
                (Some((_, proof)), _) => Verdict::Void(lie_in_words(proof)),
                (None, None) => Verdict::Silent,
                (None, Some(_)) => Verdict::Counts,
            };
            let (operator, weight) = (elector.operator.to_string(), elector.weight);
            Line { key, operator, weight, cast, verdict }
        };
        electors.unwrap_or_default().iter().map(line).collect()
    }
}

impl Refused {
    fn new(statement: &Statement, why: Refusal) -> Self {
        let ballot = match statement {
            Statement::Ballot(signed) => signed.peek().ok(),
            _ => None,
        };
        let proposal = match statement {
            Statement::Proposal(signed) => Some(signed.digest()),
            Statement::Certificate(certificate) => Some(certificate.proposal.digest()),
            Statement::DoubleVote(proof) => proof.proposal(),
            _ => ballot.as_ref().map(|ballot| ballot.proposal),
        };
        let ballot = ballot.map(|ballot| (ballot.by, ballot.stance, ballot.seq));
        Self { proposal, kind: statement.kind(), ballot, why }
    }
}

#[cfg(test)]
#[path = "recount_tests.rs"]
pub(super) mod tests;
