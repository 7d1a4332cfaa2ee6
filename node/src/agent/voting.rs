//! Votes as people read them.

use updraft_protocol::{Ballot, Proposal, vote::Activation};

/// What a proposal says.
pub fn proposal_in_words(proposal: &Proposal) -> String {
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
pub fn ballot_in_words(ballot: &Ballot) -> String {
    let Ballot { by, seq, proposal, reason, .. } = ballot;
    let (stance, short) = (ballot.stance.word(), proposal.short());
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("elector {by} says {stance} (ballot {seq}) on proposal {short}{why}")
}
