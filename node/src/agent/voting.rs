//! Votes in words: what is proposed and how somebody stands, and why something about a vote is refused.

use updraft_protocol::{Ballot, Proposal, Statement, vote::Activation};

use super::behind::LeftBehind;
use crate::{
    governance::{CannotVote, Refusal},
    problem::{Code, Problem},
};

/// What a proposal says.
pub(super) fn proposal_in_words(proposal: &Proposal) -> String {
    let Proposal { number, line, from, to, release, .. } = proposal;
    let when = match proposal.activation {
        Activation::Epoch(epoch) => format!("from epoch {epoch} on"),
        Activation::Height { height, not_before } => {
            format!("at height {height}, from epoch {not_before} on")
        }
    };
    format!(
        "p-{number}: {line} speaks protocol {to} instead of {from} {when}, with {line}@{release}"
    )
}

/// What a ballot says.
pub(super) fn ballot_in_words(ballot: &Ballot) -> String {
    let Ballot { by, seq, proposal, reason, .. } = ballot;
    let (stance, short) = (ballot.stance.word(), proposal.short());
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("elector {by} says {stance} (ballot {seq}) on proposal {short}{why}")
}

/// Why a node that cannot follow what is in force does nothing else.
pub(super) fn left_behind(behind: &LeftBehind) -> Problem {
    let LeftBehind { number, protocol, .. } = behind;
    let detail = format!(
        "protocol {protocol} is in force since p-{number} and this node does not speak it, so it takes no part"
    );
    Problem::new(Code::LeftBehind, detail).hint("`updraft status` says what it waits for")
}

/// Why this node casts no ballot.
pub(super) fn cannot_vote(refusal: &CannotVote) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        CannotVote::Unknown => Problem::new(Code::ProposalUnknown, detail)
            .hint("`updraft votes --all` shows what is known, `updraft check` asks peers"),
        CannotVote::NotAnElector(_) => {
            Problem::new(Code::NotAVoter, detail).hint("`updraft trust show` lists who may vote")
        }
        CannotVote::Closed(_) => Problem::new(Code::ProposalClosed, detail)
            .hint("`updraft votes --all` shows how it ended"),
        CannotVote::TooOften => Problem::new(Code::ProposalClosed, detail)
            .hint("wait for the next epoch; `updraft votes` shows what counts"),
        CannotVote::Ahead(_) => Problem::new(Code::ProposalClosed, detail).hint(
            "an epoch has 10 min (1 s in a development network); look at the clocks of all machines that vote with this key",
        ),
        CannotVote::SaidSo => Problem::new(Code::ProposalClosed, detail)
            .hint("nothing to do: `updraft votes` shows it"),
    }
}

/// Why something said about a vote is refused, in the words of the table that scripts rely on.
pub(super) fn refused(statement: &Statement, refusal: &Refusal) -> Problem {
    let detail = format!("this {} is refused: {refusal}", statement.kind());
    let problem = |code| Problem::new(code, detail.clone());
    match refusal {
        Refusal::Unverified(_) => {
            problem(Code::SignatureInvalid).hint(
                "it is damaged, or another network's: `updraft trust show` says which this is; have it made again",
            )
        }
        Refusal::NotAnElector(_)
        | Refusal::UnknownElectorate(_)
        | Refusal::FormerElectorate { .. } => {
            problem(Code::NotAVoter).hint("`updraft trust show` lists who may vote")
        }
        Refusal::UnknownProposal => problem(Code::ProposalUnknown)
            .hint("`updraft votes --all` shows what is known, `updraft check` asks peers"),
        Refusal::OutsideTheVote { .. }
        | Refusal::Outdated
        | Refusal::Liar
        | Refusal::AnotherIsOpen
        | Refusal::TooMany(_)
        | Refusal::TooManyAtOnce(_) => problem(Code::ProposalClosed)
            .hint("`updraft votes --all` shows how each vote stands"),
        Refusal::Contradicted => problem(Code::KeyAlarm)
            .hint("`updraft vote … --key NAME` gives the next number; sign at one place only"),
        Refusal::FromTheFuture(_) => {
            problem(Code::MetadataExpired).hint("look at the clocks of both machines")
        }
        Refusal::Malformed(_)
        | Refusal::OtherArtifact
        | Refusal::NotAboutAVote
        | Refusal::NoDoubleVote(_)
        | Refusal::NotDecided(_) => problem(Code::StatementRefused),
    }
}
