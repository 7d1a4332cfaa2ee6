//! What peers get who ask for what they have missed: heads after theirs, what is said beside heads, a manifest. Pure but
//! for reading the [`Ledger`].
//!
//! Every answer is bounded by the limits of the protocol, whatever is kept, and says whether there is more.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use updraft_protocol::{
    CatchUpAnswer, CatchUpRequest, Digest, HeadMark, NetworkId, Statement, codec,
    limits::{
        MAX_HEAD_BYTES_PER_ANSWER, MAX_HEADS_PER_ANSWER, MAX_STATEMENT_BYTES_PER_ANSWER,
        MAX_STATEMENTS_PER_ANSWER,
    },
};

use super::{ledger::Ledger, statements::UNTOLD};

/// What peers get who ask for what is said beside heads; [`Machine::telling`](super::Machine::telling) makes it.
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// Statements by id.
    said: Arc<BTreeMap<Digest, Arc<Statement>>>,
    /// Their name, or that this node does not know yet.
    name: Option<Digest>,
    /// The version of the root in force: every question is answered with it, and a root is large.
    root_version: u64,
}

/// Whether a node has been told what there is to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// By somebody, or it came with it.
    Yes,
    /// Nobody has told it, and it came with nothing.
    NotYet,
}

impl Telling {
    pub(super) fn new(
        said: BTreeMap<Digest, Arc<Statement>>,
        told: Told,
        root_version: u64,
    ) -> Self {
        let name = (told == Told::Yes).then(|| Statement::fingerprint(said.keys()));
        Self { said: Arc::new(said), name, root_version }
    }
}

/// What a peer gets that asks for what it has missed; of another network, nothing. What is not verified is not in the
/// ledger, and goes to nobody.
pub fn answer<L: Ledger>(
    ledger: &L,
    telling: &Telling,
    network: NetworkId,
    request: CatchUpRequest,
) -> Result<CatchUpAnswer, L::Error> {
    match request {
        CatchUpRequest::Since { network: asked, .. }
        | CatchUpRequest::Statements { network: asked, .. }
            if asked != network =>
        {
            Ok(CatchUpAnswer::NotHeld)
        }
        CatchUpRequest::Since { marks, .. } => news(ledger, telling, &marks),
        CatchUpRequest::Statements { after, .. } => Ok(page(&telling.said, after)),
        CatchUpRequest::Manifest(digest) => {
            Ok(ledger.manifest(&digest)?.map_or(CatchUpAnswer::NotHeld, CatchUpAnswer::Manifest))
        }
    }
}

/// The statements after an id, as many as fit into an answer.
fn page(said: &BTreeMap<Digest, Arc<Statement>>, after: Option<Digest>) -> CatchUpAnswer {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut left = said.range((from, Bound::Unbounded)).map(|(_, statement)| statement);
    let (mut statements, mut bytes) = (Vec::new(), 0);
    let more = loop {
        let Some(next) = left.next() else { break false };
        bytes += codec::encode(next.as_ref()).map_or(0, |bytes| bytes.len());
        if bytes > MAX_STATEMENT_BYTES_PER_ANSWER || statements.len() >= MAX_STATEMENTS_PER_ANSWER {
            break true;
        }
        statements.push(next.as_ref().clone());
    };
    CatchUpAnswer::Statements { statements, more }
}

fn news<L: Ledger>(
    ledger: &L,
    telling: &Telling,
    marks: &[HeadMark],
) -> Result<CatchUpAnswer, L::Error> {
    let mut heads = Vec::new();
    let mut bytes = 0;
    let mut more = false;
    for mark in marks {
        // Another head where the asker's is: it has to see it, however far behind or ahead we are.
        let ours = mark.head.and(ledger.head(&mark.channel, mark.seq)?);
        let other = ours.filter(|ours| Some(ours.digest()) != mark.head);
        if let Some(other) = other.filter(|_| heads.len() < MAX_HEADS_PER_ANSWER) {
            bytes += other.payload().len();
            heads.push(other);
        }
        let places = MAX_HEADS_PER_ANSWER.saturating_sub(heads.len());
        let room = MAX_HEAD_BYTES_PER_ANSWER.saturating_sub(bytes);
        let next = ledger.heads_after(&mark.channel, mark.seq, places, room)?;
        bytes += next.iter().map(|head| head.payload().len()).sum::<usize>();
        let last = next.last().and_then(|head| head.peek().ok()).map_or(mark.seq, |head| head.seq);
        more |= ledger
            .newest_head(&mark.channel)?
            .and_then(|head| head.peek().ok())
            .is_some_and(|head| head.seq > last);
        heads.extend(next);
    }
    let statements = telling.name.unwrap_or(UNTOLD);
    Ok(CatchUpAnswer::News { root_version: telling.root_version, heads, more, statements })
}

#[cfg(test)]
#[path = "answering_tests.rs"]
mod tests;
