//! `updraft root count`, `uncount`: which votes go on counting when electors are replaced; and what is known of votes here.
//!
//! A node's word is not believed in what is signed: a digest is, and everybody reads it.

use updraft_protocol::{Digest, Root};

use super::{BaseChoice, Books, Desk, DraftFile, edit};
use crate::{
    api::{ProposalName, types::Proposal},
    cli::{
        Context, Exit,
        polls::{self, Which},
        publisher::DataDirectory,
        recount::{Recount, roster},
    },
    clock::Clock,
    governance::State,
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, TrustError, Trusted, WithRoots},
        rootdraft::{Change, Known, Progress, RootDraft, Target, Vote, Votes, left_out},
    },
};

pub(super) fn count(
    vote: &ProposalName,
    draft: DraftFile,
    context: &Context,
) -> Result<Exit, Problem> {
    change(vote, draft, Change::Count, context)
}

pub(super) fn uncount(
    vote: &ProposalName,
    draft: DraftFile,
    context: &Context,
) -> Result<Exit, Problem> {
    change(vote, draft, Change::Uncount, context)
}

fn change(
    vote: &ProposalName,
    draft: DraftFile,
    what: fn(Digest) -> Change,
    context: &Context,
) -> Result<Exit, Problem> {
    let edit =
        edit::Edit { role: Target::Electorate, base: BaseChoice { base: Vec::new() }, draft };
    edit::change(&edit, context, |_, _, known| Ok(vec![what(named(vote, &known.votes)?)]))
}

/// The vote of this name; a whole digest also names one that is not known here.
fn named(name: &ProposalName, known: &Votes) -> Result<Digest, Problem> {
    match name.find(known, |(id, vote)| (vote.number, **id)) {
        Ok((id, _)) => Ok(*id),
        Err(problem) => match name {
            ProposalName::Digits(digits) => digits.parse().map_err(|_| problem),
            ProposalName::Number(_) => Err(problem),
        },
    }
}

impl Desk {
    /// What is known of the network here, for an edit.
    pub(super) fn known(&self, trusted: &Trusted<'_>) -> Result<Known, Problem> {
        Ok(Known { bases: self.bases(trusted)?, votes: self.votes(trusted)? })
    }

    /// Votes that are known here; none on a machine that only has the project's roots.
    pub(super) fn votes(&self, trusted: &Trusted<'_>) -> Result<Votes, Problem> {
        match &self.books {
            Books::Node(node) => {
                polls::proposals(node, Which::All)?.iter().map(told_by_a_node).collect()
            }
            Books::Data(data) => {
                let ledger = WithRoots { ledger: data, roots: self.roots.clone() };
                counted_here(data, &ledger, trusted.root())
            }
            Books::Project => Ok(Votes::new()),
        }
    }
}

fn told_by_a_node(told: &Proposal) -> Result<(Digest, Vote), Problem> {
    let unreadable = |error| {
        Problem::from_error(Code::Failed, &error).cause("the node names a vote by no digest")
    };
    let id = told.digest.parse().map_err(unreadable)?;
    let progress = match told.state.as_str() {
        "rejected" | "failed" | "cancelled" => Progress::Over,
        "lockedIn" | "active" | "final" | "overtaken" => Progress::Decided,
        _ => Progress::Open,
    };
    let number = told.id.strip_prefix("p-").and_then(|number| number.parse().ok()).unwrap_or(0);
    let subject = polls::subject(&told.line, told.to);
    Ok((id, Vote { number, subject, electorate: told.electorate, progress }))
}

/// Votes by a recount of what the data directory keeps.
fn counted_here(data: &DataDirectory, ledger: &dyn Ledger, root: &Root) -> Result<Votes, Problem> {
    let first = ledger.root(1)?.ok_or(TrustError::NoRoot)?.digest();
    let unreadable = |error| Problem::from_error(Code::FileUnusable, &error);
    let statements = data.store.statements().map_err(unreadable)?;
    let recount = Recount::of(roster(ledger, &first)?, statements);
    let epoch = polls::epoch_of(Clock::system().now(), root);
    let vote = |held: &crate::governance::Held| {
        let proposal = &held.proposal;
        let progress = match recount.state(held, epoch) {
            State::Rejected | State::Failed | State::Cancelled => Progress::Over,
            State::LockedIn | State::Active | State::Final | State::Overtaken => Progress::Decided,
            State::Announced | State::Open(_) => Progress::Open,
        };
        let subject = polls::subject(proposal.line.as_str(), proposal.to);
        let (number, electorate) = (proposal.number, proposal.electorate);
        (held.id(), Vote { number, subject, electorate, progress })
    };
    Ok(recount.proposals().map(vote).collect())
}

/// Says which decisions a draft undoes.
pub(super) fn caution_of_votes(
    draft: &RootDraft,
    trusted: &Trusted<'_>,
    known: &Votes,
    context: &Context,
) {
    for (id, vote) in left_out(trusted.root(), draft.root(), known) {
        if vote.progress == Progress::Decided {
            context.output.warn(&format!(
                "vote {vote}: this root undoes it everywhere; `updraft root count {id}` lets it count"
            ));
        }
    }
}
