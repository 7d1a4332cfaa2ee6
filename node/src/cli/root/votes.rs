//! `updraft root count`, `uncount`: which votes go on counting when electors are replaced; and what is known of votes here.
//!
//! A node's word is not believed in what is signed: a digest is, and everybody reads it.

use std::collections::BTreeSet;

use updraft_protocol::Digest;

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
        ledger::Trusted,
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
    edit::change(&edit, context, |_, draft, known| {
        Ok(vec![what(named(vote, &known.votes, &draft.root().counts)?)])
    })
}

/// The vote of this name: one that is known here, or by its digits one that the draft lists; a whole digest also names
/// one that is neither.
fn named(name: &ProposalName, known: &Votes, listed: &[Digest]) -> Result<Digest, Problem> {
    match name {
        ProposalName::Number(_) => {
            name.find(known, |(id, vote)| (vote.number, **id)).map(|(id, _)| *id)
        }
        ProposalName::Digits(digits) => {
            let ids: BTreeSet<Digest> = known.keys().chain(listed).copied().collect();
            let number = |id: &Digest| known.get(id).map_or(0, |vote| vote.number);
            let found = name.find(ids, |id| (number(id), *id));
            found.or_else(|problem| digits.parse().map_err(|_| problem))
        }
    }
}

impl Desk {
    /// What is known of the network here, for an edit.
    pub(super) fn known(&self, trusted: &Trusted<'_>) -> Result<Known, Problem> {
        // Where votes are not known, no heads are, and nobody edits.
        let bases = self.bases(trusted)?;
        Ok(Known { bases, votes: self.votes(trusted)?.unwrap_or_default() })
    }

    /// Votes as they are known here; `None` on a machine that only has the project's roots, which knows of none.
    pub(super) fn votes(&self, trusted: &Trusted<'_>) -> Result<Option<Votes>, Problem> {
        if trusted.root().electorate.is_none() {
            return Ok(Some(Votes::new()));
        }
        match &self.books {
            Books::Node(node) => {
                let told = polls::proposals(node, Which::All)?;
                told.iter().map(told_by_a_node).collect::<Result<_, _>>().map(Some)
            }
            Books::Data(data) => counted_here(data, trusted).map(Some),
            Books::Project => Ok(None),
        }
    }
}

/// What a root has to know of how a vote stands.
const fn progress(state: &State) -> Progress {
    if state.came_to_nothing() {
        Progress::Over
    } else if state.is_decided() {
        Progress::Decided
    } else {
        Progress::Open
    }
}

fn told_by_a_node(told: &Proposal) -> Result<(Digest, Vote), Problem> {
    let unreadable = |error| {
        Problem::from_error(Code::Failed, &error).cause("the node names a vote by no digest")
    };
    let id = told.digest.parse().map_err(unreadable)?;
    let state = State::from_camel_case(&told.state).ok_or_else(|| {
        let detail = format!("the node says of {} that it is `{}`", told.id, told.state);
        Problem::new(Code::Failed, detail).hint("its program may be newer: use that one")
    })?;
    let progress = progress(&state);
    let subject = polls::subject(&told.line, told.protocol);
    Ok((id, Vote { number: told.number, subject, electorate: told.electorate_epoch, progress }))
}

/// Votes by a recount of what the data directory keeps.
fn counted_here(data: &DataDirectory, trusted: &Trusted<'_>) -> Result<Votes, Problem> {
    let unreadable = |error| Problem::from_error(Code::FileUnusable, &error);
    let statements = data.store.statements().map_err(unreadable)?;
    let recount = Recount::of(roster(trusted), statements);
    let epoch = polls::epoch_of(Clock::system().now(), trusted.root());
    let vote = |held: &crate::governance::Held| {
        let proposal = &held.proposal;
        let progress = progress(&recount.state(held, epoch));
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
    known: Option<&Votes>,
    context: &Context,
) {
    // Where votes are not known the changes themselves say so.
    let Some(known) = known else { return };
    for (id, vote) in left_out(trusted.root(), draft.root(), known) {
        if vote.progress == Progress::Decided {
            context.output.warn(&format!(
                "vote {vote}: this root undoes it everywhere; `updraft root count {id}` lets it count"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_draft_lists_is_named_by_its_first_digits() {
        let (known, listed, neither) = (Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3"));
        let subject = "protocol 2".to_owned();
        let vote = Vote { number: 3, subject, electorate: 1, progress: Progress::Open };
        let votes = Votes::from([(known, vote)]);
        let find = |name: &str| named(&name.parse().expect("a name"), &votes, &[listed, known]);
        assert_eq!((find("p-3"), find(&known.short())), (Ok(known), Ok(known)));
        assert_eq!(find(&listed.short()), Ok(listed));
        assert_eq!(find(&neither.to_string()), Ok(neither));
        for nobody in [&neither.short(), "p-0"] {
            assert_eq!(find(nobody).expect_err("unknown").code, Code::ProposalUnknown);
        }
    }
}
