//! The signed bytes of a vote, as they are handed over for counting it again: by a node, or in a file that travels.
//!
//! Nothing here is believed; bytes are only put together.

use std::{io::Write as _, path::Path};

use serde_json::{Value, json};
use updraft_protocol::{Digest, Statement, codec};

use super::{deliver, node_ledger::NodeLedger, polls, publisher::read_text};
use crate::{
    api::{
        ProposalName,
        types::{Ballots, Hex, Proposal},
    },
    problem::{Code, Problem},
    whole,
};

/// Most bytes of a file with ballots: as many as a node answers with.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// What is counted, and what somebody says that it comes to.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Proposals, ballots, proofs and certificates.
    pub(super) statements: Vec<Statement>,
    /// What its source says of the proposal that was asked for.
    pub(super) claim: Option<Proposal>,
    /// The documents that this came in.
    pub(super) documents: Vec<Ballots>,
}

/// A proposal, and every ballot about it.
pub(super) fn from_node(node: &NodeLedger, name: &ProposalName) -> Result<Evidence, Problem> {
    let documents = vec![polls::ballots(node, name)?];
    evidence(documents, name)
}

pub(super) fn from_file(path: &Path, name: &ProposalName) -> Result<Evidence, Problem> {
    let text = read_text(&path.to_owned(), MAX_FILE)?;
    let unreadable = |error: serde_json::Error| {
        Problem::new(Code::SourceRefused, format!("{} holds no ballots", path.display()))
            .cause(error.to_string())
            .hint("`updraft tally P --out FILE` writes them where a node runs")
    };
    let value: Value = serde_json::from_str(&text).map_err(unreadable)?;
    let documents = match value.get("documents") {
        Some(documents) => serde_json::from_value(documents.clone()).map_err(unreadable)?,
        None => vec![serde_json::from_value(value).map_err(unreadable)?],
    };
    evidence(documents, name)
}

/// The statements in documents of the API, and what the one that is named says of itself.
pub(super) fn evidence(documents: Vec<Ballots>, name: &ProposalName) -> Result<Evidence, Problem> {
    let mut statements = Vec::new();
    for document in &documents {
        let proofs = document.items.iter().filter_map(|item| item.proof.as_ref());
        let ballots = document.items.iter().filter_map(|item| item.ballot.as_ref());
        let certificates = document.certificates.iter().map(|certificate| &certificate.bytes);
        let all = [&document.bytes].into_iter().chain(proofs).chain(certificates);
        for Hex(bytes) in all.chain(ballots.map(|ballot| &ballot.bytes)) {
            let statement = codec::decode(bytes).map_err(|error| {
                Problem::from_error(Code::SignatureInvalid, &error)
                    .cause(format!("among the ballots about {}", document.proposal.id))
            })?;
            statements.push(statement);
        }
    }
    let number = |text: &str| text.strip_prefix("p-").and_then(|n| n.parse().ok()).unwrap_or(0);
    let claims = documents.iter().map(|document| &document.proposal);
    let nothing = Digest::of(b"");
    let claim =
        name.find(claims, |claim| (number(&claim.id), claim.digest.parse().unwrap_or(nothing)));
    Ok(Evidence { statements, claim: Some(claim?.clone()), documents })
}

/// Writes what was counted into a file, whole or not at all.
pub(super) fn write(path: &Path, documents: &[Ballots]) -> Result<(), Problem> {
    if documents.is_empty() {
        return Err(deliver::needs_a_node());
    }
    let members = json!({ "schema": "updraft.ballots/1", "documents": documents });
    let text = format!("{members}\n");
    let written = whole::replace::<std::io::Error>(path, |file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
            .cause(error.to_string())
    })
}
