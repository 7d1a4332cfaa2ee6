//! The signed bytes of a vote, as they are handed over for counting it again: by a node, or in a file that travels, which
//! is the node's own answer.
//!
//! Nothing here is believed; bytes are only put together.

use std::{io::Write as _, path::Path};

use updraft_protocol::{Statement, codec};

use super::{client::MAX_JSON, deliver, node_ledger::NodeLedger, polls, publisher::read_text};
use crate::{
    api::{
        ProposalName,
        types::{Ballots, Hex},
    },
    problem::{Code, Problem},
    whole,
};

/// What is counted, and what somebody says that it comes to.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Proposals, ballots, proofs and certificates.
    pub(super) statements: Vec<Statement>,
    /// The document that they came in, with what its source says of the proposal; `None` of what this machine keeps.
    pub(super) document: Option<Ballots>,
}

impl Evidence {
    /// The statements of a document of the API.
    pub(super) fn of(document: Ballots) -> Result<Self, Problem> {
        Ok(Self { statements: statements(&document)?, document: Some(document) })
    }
}

/// A proposal, and every ballot about it.
pub(super) fn from_node(node: &NodeLedger, name: &ProposalName) -> Result<Evidence, Problem> {
    Evidence::of(polls::ballots(node, name)?)
}

/// The same from a file.
pub(super) fn from_file(path: &Path) -> Result<Evidence, Problem> {
    // As much as a node answers with.
    let limit = u64::try_from(MAX_JSON).unwrap_or(u64::MAX);
    let text = read_text(&path.to_owned(), limit)?;
    let document = serde_json::from_str(&text).map_err(|error| {
        Problem::new(Code::SourceRefused, format!("{} holds no ballots", path.display()))
            .cause(error.to_string())
            .hint("`updraft tally P --out FILE` writes them where a node runs")
    })?;
    Evidence::of(document)
}

fn statements(document: &Ballots) -> Result<Vec<Statement>, Problem> {
    let proofs = document.items.iter().filter_map(|item| item.proof.as_ref());
    let ballots = document.items.iter().filter_map(|item| item.ballot.as_ref());
    let certificates = document.certificates.iter().map(|certificate| &certificate.bytes);
    let all = [&document.bytes].into_iter().chain(proofs).chain(certificates);
    let decode = |Hex(bytes): &Hex| {
        codec::decode(bytes).map_err(|error| {
            Problem::from_error(Code::SignatureInvalid, &error)
                .cause(format!("among the ballots about {}", document.proposal.id))
        })
    };
    all.chain(ballots.map(|ballot| &ballot.bytes)).map(decode).collect()
}

/// Writes what was counted into a file, whole or not at all.
pub(super) fn write(path: &Path, document: Option<&Ballots>) -> Result<(), Problem> {
    let document = document.ok_or_else(deliver::needs_a_node)?;
    let written = whole::replace::<std::io::Error>(path, |file| {
        serde_json::to_writer(&mut *file, document)?;
        file.write_all(b"\n")
    });
    written.map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
            .cause(error.to_string())
    })
}
