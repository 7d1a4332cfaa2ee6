//! `updraft votes`: the votes that a node knows, and of one of them what it waits for.

use serde_json::json;

use super::{
    Context, Exit, node_ledger,
    output::{Format, Output},
    polls::{self, COLUMNS, Which, path_of},
    publisher::warn_of_kind_word,
    words::clean,
};
use crate::{
    api::{
        ProposalName,
        types::{Proposal, Status},
    },
    clock::Clock,
    problem::Problem,
};

/// List votes on protocols, or tell what one of them waits for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// p-N, or the beginning of its digest: what it says, and what is missing
    #[arg(conflicts_with = "all")]
    pub proposal: Option<ProposalName>,
    /// Also those that came to nothing
    #[arg(short, long)]
    pub all: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let node = node_ledger::require(context)?;
    let output = &context.output;
    let status: Status = node.get("/api/v1/status")?;
    warn_of_kind_word(&status.node.network_kind, output);
    let kind = &status.node.network_kind;
    let shown = match &args.proposal {
        Some(name) => vec![node.get::<Proposal>(&path_of(name))?],
        None => polls::proposals(&node, if args.all { Which::All } else { Which::Current })?,
    };
    if output.format() == Format::Json {
        let members = json!({
            "networkKind": kind, "protocol": status.protocol, "votesOpen": status.votes_open,
            "proposals": shown,
        });
        output.document("votes", &members)?;
        return Ok(Exit::Done);
    }
    if shown.is_empty() {
        output
            .say(&format!("Nothing is voted on; protocol {} is in force.", status.protocol.active));
        return Ok(Exit::Done);
    }
    let now = Clock::system().now();
    output.table(COLUMNS, shown.iter().map(|proposal| polls::row(proposal, now)));
    match (&args.proposal, shown.as_slice()) {
        (Some(_), [proposal]) => explain(proposal, output),
        _ => hint(&shown, output),
    }
    Ok(Exit::Done)
}

/// What a proposal says, and what it waits for.
fn explain(proposal: &Proposal, output: &Output) {
    let Proposal { line, from, protocol, release, .. } = proposal;
    output.line("");
    output.line(&clean(&format!(
        "{line} speaks protocol {protocol} instead of {from}, with {line}@{release}; proposal {}",
        proposal.digest
    )));
    for line in proposal.notes.lines() {
        output.line(&format!("  {}", clean(line)));
    }
    for sentence in &proposal.missing {
        output.line(&format!("missing: {}", clean(sentence)));
    }
    output.line(&format!("here: {}", clean(&proposal.readiness)));
    if let Some(own) = own_part(proposal) {
        output.line(&clean(&own));
    }
    for liar in &proposal.liars {
        output.line(&format!(
            "key {} signed two ballots with one number and counts nothing",
            clean(liar)
        ));
    }
}

/// What this node's operator has done about it, or can.
fn own_part(proposal: &Proposal) -> Option<String> {
    let own = proposal.own.as_ref()?;
    Some(match (&own.ballot, own.voter) {
        (Some(ballot), _) => format!("this node has said {ballot}"),
        (None, true) if waits(proposal) => {
            format!("this node has not voted: updraft vote {} yes", proposal.id)
        }
        (None, true) => "this node has not voted".to_owned(),
        (None, false) => "this node's key does not vote on this".to_owned(),
    })
}

/// Whether a vote waits for the person at the desk.
fn waits(proposal: &Proposal) -> bool {
    let own = proposal.own.as_ref();
    proposal.state == "voting" && own.is_some_and(|own| own.voter && own.ballot.is_none())
}

/// The vote that waits for the person at the desk.
fn hint(shown: &[Proposal], output: &Output) {
    match shown.iter().find(|proposal| waits(proposal)) {
        Some(proposal) => output.hint(&format!("`updraft vote {} yes` votes", proposal.id)),
        None => output
            .hint("`updraft votes P` tells what a vote waits for, `updraft tally P` counts again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{agent::fake::vote::Vote, api::types::OwnPart};

    #[test]
    fn a_node_that_has_not_voted_is_told_how_only_while_it_can() {
        let own = Some(OwnPart { key: "k".to_owned(), voter: true, ballot: None });
        let open = Proposal { own, ..Proposal::from(&Vote::new().line()) };
        let said = |state: &str| own_part(&Proposal { state: state.to_owned(), ..open.clone() });
        let way = "this node has not voted: updraft vote p-3 yes";
        assert_eq!(said("voting").as_deref(), Some(way));
        for state in ["announced", "lockedIn", "active", "final", "failed", "cancelled"] {
            assert_eq!(said(state).as_deref(), Some("this node has not voted"), "{state}");
        }
    }
}
