//! What the commands about votes have in common: proposals as the node tells them, in words and in rows of a table.
//!
//! Nothing here is believed: `tally` counts again from signed bytes.

use updraft_protocol::{NetworkKind, Root, Timestamp, vote::Rules};

use super::{
    client::segment,
    node_ledger::NodeLedger,
    status::moment,
    words::{clean, relative},
};
use crate::{
    api::{
        ProposalName,
        types::{Ballots, Page, Proposal},
    },
    governance::State,
    problem::Problem,
};

/// The columns of a table of proposals.
pub(super) const COLUMNS: [&str; 9] =
    ["ID", "PROPOSAL", "STATE", "YES", "NO", "OPEN", "NEED", "READY", "ENDS"];

/// Which proposals are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Open or decided.
    Current,
    /// Also those that came to nothing.
    All,
}

/// The proposals a node knows, the newest first.
pub(super) fn proposals(node: &NodeLedger, which: Which) -> Result<Vec<Proposal>, Problem> {
    let page: Page<Proposal> = node.get(match which {
        Which::Current => "/api/v1/proposals",
        Which::All => "/api/v1/proposals?all=true",
    })?;
    Ok(page.items)
}

/// The address of a proposal.
pub(super) fn path_of(name: &ProposalName) -> String {
    format!("/api/v1/proposals/{}", segment(&name.to_string()))
}

/// A proposal and every ballot about it, at one moment.
pub(super) fn ballots(node: &NodeLedger, name: &ProposalName) -> Result<Ballots, Problem> {
    node.get(&format!("{}/ballots", path_of(name)))
}

/// The first second of an epoch in a network of this kind.
pub(super) fn begin_of(epoch: u64, kind: NetworkKind) -> Timestamp {
    Timestamp::from_seconds(Rules::of(kind).begin_of(epoch))
}

/// The epoch of a moment under this root.
pub(super) fn epoch_of(now: Timestamp, root: &Root) -> u64 {
    Rules::of(root.kind).epoch_of(now.as_seconds())
}

/// What would change: `protocol 2`, or `demo-app protocol 2`.
pub(super) fn subject(line: &str, to: u32) -> String {
    match line {
        "updraft" => format!("protocol {to}"),
        line => format!("{line} protocol {to}"),
    }
}

/// One row of a table of proposals.
pub(super) fn row(proposal: &Proposal, now: Timestamp) -> [String; 9] {
    let weights = &proposal.weights;
    let said = [weights.yes, weights.no, weights.abstain, weights.cancel];
    let open = said.iter().fold(proposal.total, |open, weight| open.saturating_sub(*weight));
    [
        proposal.id.clone(),
        clean(&subject(&proposal.line, proposal.protocol)),
        state(&proposal.state).to_owned(),
        weights.yes.to_string(),
        weights.no.to_string(),
        open.to_string(),
        format!("{}/{}", proposal.threshold, proposal.total),
        format!("{}/{}", proposal.ready.nodes, proposal.ready.of),
        ends(proposal, now),
    ]
}

/// The state of a proposal in a person's words.
pub(super) fn state(word: &str) -> &str {
    State::from_camel_case(word).map_or(word, |state| state.word())
}

/// The next moment that matters to a proposal, or the last one.
fn ends(proposal: &Proposal, now: Timestamp) -> String {
    let told = |verb: &str, at: &str| {
        let at = moment(at).map_or_else(|| at.to_owned(), |at| relative(at, now));
        format!("{verb}{at}")
    };
    match proposal.state.as_str() {
        "announced" => told("opens ", &proposal.opens_at),
        "lockedIn" => match proposal.height {
            Some(height) => format!("activates at height {height}"),
            None => told("activates ", &proposal.activates_at),
        },
        "active" => told("old protocol ends ", &proposal.ends_at),
        "final" => told("activated ", &proposal.activates_at),
        "rejected" | "cancelled" => "-".to_owned(),
        _ => told("", &proposal.closes_at),
    }
}

/// One sentence for how far a vote has come.
pub(super) fn standing(proposal: &Proposal) -> String {
    let (yes, need) = (proposal.weights.yes, proposal.threshold);
    let (ready, of) = (proposal.ready.nodes, proposal.ready.of);
    format!("{yes} of {need} needed. READY {ready}/{of}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::fake::{STARTED, vote::Vote};
    use updraft_protocol::Stance;

    #[test]
    fn a_row_tells_what_is_said_and_what_is_still_open() {
        let vote = Vote::new().cast(0, Stance::Yes, 1).cast(1, Stance::No, 1);
        let proposal = Proposal::from(&vote.line());
        assert_eq!(
            row(&proposal, STARTED),
            ["p-3", "protocol 2", "voting", "1", "1", "1", "3/3", "0/3", "in 1 h"]
        );
        assert_eq!(standing(&proposal), "1 of 3 needed. READY 0/3.");
        for (state, ends) in [
            ("announced", "opens now"),
            ("lockedIn", "activates in 2 h"),
            ("active", "old protocol ends in 3 h"),
            ("final", "activated in 2 h"),
            ("rejected", "-"),
            ("failed", "in 1 h"),
        ] {
            let proposal = Proposal { state: state.to_owned(), ..proposal.clone() };
            assert_eq!(row(&proposal, STARTED)[8], ends, "{state}");
        }
    }

    #[test]
    fn another_line_than_the_networks_own_is_named() {
        assert_eq!(subject("demo-app", 4), "demo-app protocol 4");
    }
}
