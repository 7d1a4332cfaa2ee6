//! Votes for tests of the rooms: of electors whose keys are numbers, really signed.

use updraft_protocol::{
    Ballot, Digest, Elector, Electorate, NetworkKind, Proposal, Root, Signable, Signed, Stance,
    vote::{Activation, Fraction},
};

use super::Publisher;

/// Electors with these keys. Each weighs 1 and is its own operator.
pub(crate) fn electorate(epoch: u64, keys: &[u8]) -> Electorate {
    let elector = |n: &u8| Elector {
        key: Publisher::key(*n).public(),
        weight: 1,
        operator: format!("operator-{n}").parse().expect("a name"),
    };
    Electorate::new(epoch, keys.iter().map(elector).collect())
}

/// The first root of a network for trying out, in which these vote.
pub(crate) fn root(epoch: u64, electors: &[u8]) -> Root {
    let electorate = Some(electorate(epoch, electors));
    Root { kind: NetworkKind::Development, electorate, ..Publisher::new().root() }
}

pub(crate) fn signed<T: Signable>(value: &T, by: u8) -> Signed<T> {
    let mut signed = Signed::unsigned(value).expect("valid");
    signed.sign(&Publisher::key(by), &Publisher::new().network);
    signed
}

/// Protocol 2 of the nodes' own line, to be voted on for ten epochs by electorate 1, ten more before it is spoken, and ten
/// with both.
pub(crate) fn proposal(by: u8, opens: u64) -> Proposal {
    Proposal {
        network: Publisher::new().network,
        by: Publisher::key(by).public().id(),
        number: 1,
        line: "updraft".parse().expect("a name"),
        from: 1,
        to: 2,
        release: "2.0.0".parse().expect("a version"),
        artifacts: vec![Digest::of(b"artifact")],
        electorate: 1,
        opens,
        lock_deadline: opens + 10,
        activation: Activation::Epoch(opens + 20),
        grace_end: opens + 30,
        threshold: Fraction::TWO_THIRDS,
        min_ready: Fraction { num: 1, den: 2 },
        notes: String::new(),
    }
}

pub(crate) fn ballot(by: u8, proposal: Digest, stance: Stance, epoch: u64) -> Ballot {
    let (network, by) = (Publisher::new().network, Publisher::key(by).public().id());
    Ballot { network, by, proposal, seq: 1, epoch, stance, reason: String::new() }
}

/// Ready with the artifact of [`proposal`].
pub(crate) fn ready() -> Stance {
    Stance::Ready { artifact: Digest::of(b"artifact"), selftest: Digest::of(b"ok") }
}
