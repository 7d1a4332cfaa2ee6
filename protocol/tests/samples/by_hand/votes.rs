//! Votes, fork ids and packs, written by hand like the rest.

use updraft_protocol::{
    Ballot, ChunkRange, Digest, ForkId, Proposal, Stance,
    vote::{Activation, Fraction},
};

use super::{Bytes, id_bytes};

pub(crate) fn proposal(proposal: &Proposal) -> Vec<u8> {
    let fraction = |part: &Fraction| Bytes::default().u32(part.num).u32(part.den).done();
    let activation = match proposal.activation {
        Activation::Epoch(epoch) => Bytes::default().u32(0).u64(epoch),
        Activation::Height { height, not_before } => {
            Bytes::default().u32(1).u64(height).u64(not_before)
        }
    };
    Bytes::default()
        .raw(proposal.network.as_bytes())
        .raw(&id_bytes(&proposal.by))
        .u32(proposal.number)
        .text(&proposal.line)
        .u32(proposal.from)
        .u32(proposal.to)
        .text(&proposal.release)
        .list(proposal.artifacts.iter().map(|artifact| artifact.as_bytes().to_vec()))
        .u64(proposal.electorate)
        .u64(proposal.opens)
        .u64(proposal.lock_deadline)
        .raw(&activation.done())
        .u64(proposal.grace_end)
        .raw(&fraction(&proposal.threshold))
        .raw(&fraction(&proposal.min_ready))
        .text(&proposal.notes)
        .done()
}

pub(crate) fn ballot(ballot: &Ballot) -> Vec<u8> {
    let stance = match &ballot.stance {
        Stance::Yes => Bytes::default().u32(0),
        Stance::No => Bytes::default().u32(1),
        Stance::Abstain => Bytes::default().u32(2),
        Stance::Ready { artifact, selftest } => {
            Bytes::default().u32(3).raw(artifact.as_bytes()).raw(selftest.as_bytes())
        }
        Stance::Cancel => Bytes::default().u32(4),
    };
    Bytes::default()
        .raw(ballot.network.as_bytes())
        .raw(&id_bytes(&ballot.by))
        .raw(ballot.proposal.as_bytes())
        .u32(ballot.seq)
        .u64(ballot.epoch)
        .raw(&stance.done())
        .text(&ballot.reason)
        .done()
}

/// A decision (0 lock-in, 1 cancel) about a signed proposal, by signed ballots.
pub(crate) fn certificate(decision: u32, proposal: &[u8], ballots: &[Vec<u8>]) -> Vec<u8> {
    Bytes::default().u32(decision).raw(proposal).list(ballots.iter().cloned()).done()
}

/// What a certificate is called among statements: its decision as one byte, and the proposal's digest.
pub(crate) fn certificate_name(decision: u8, proposal: &[u8]) -> [u8; 32] {
    *Digest::of(&[&[decision], &Digest::of(proposal).as_bytes()[..]].concat()).as_bytes()
}

/// A proof of two ballots, each with its payload beside it: the one with the smaller digest is first.
pub(crate) fn double_vote(mut ballots: [(Vec<u8>, Vec<u8>); 2]) -> Vec<u8> {
    ballots.sort_by_key(|(payload, _)| *Digest::of(payload).as_bytes());
    ballots.map(|(_, signed)| signed).concat()
}

pub(crate) fn fork_id(fork: &ForkId) -> Vec<u8> {
    let next = fork.next.map(|epoch| epoch.to_le_bytes().to_vec());
    Bytes::default().raw(&fork.digest.0).option(next).done()
}

/// A question for chunks of a blob.
pub(crate) fn chunks_wanted(blob: &Digest, ranges: &[ChunkRange]) -> Vec<u8> {
    let range = |range: &ChunkRange| Bytes::default().u32(range.first).u32(range.count).done();
    Bytes::default().u32(1).raw(blob.as_bytes()).list(ranges.iter().map(range)).done()
}

/// Chunks as they are given.
pub(crate) fn chunks_given(chunks: &[Vec<u8>]) -> Vec<u8> {
    let chunk = |chunk: &Vec<u8>| Bytes::default().bytes(chunk).done();
    Bytes::default().u32(1).list(chunks.iter().map(chunk)).done()
}
