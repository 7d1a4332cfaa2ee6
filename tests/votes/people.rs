//! Who votes in stories and random runs, and their keys.

use updraft_protocol::{
    Digest, Elector, Electorate, NetworkId, NetworkKind, Proposal, Root, SecretKey, Signable,
    Signed, Timestamp,
    threshold::Role,
    vote::{Activation, Fraction, Rules},
};

pub(super) const NETWORK: NetworkId = NetworkId::from_bytes([7; 32]);

/// The key of somebody.
pub(super) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

pub(super) fn signed<T: Signable>(value: &T, by: &str) -> Signed<T> {
    let mut signed = Signed::unsigned(value).unwrap_or_else(|error| panic!("{error}"));
    signed.sign(&key(by), &NETWORK);
    signed
}

/// A root with an electorate of this number: `name`, `name*weight`, `name*weight@operator`.
pub(super) fn root(epoch: u64, electors: &[&str]) -> Root {
    let role = Role::new(1, vec![key("root").public()]).expect("a role");
    let name = "told".parse().expect("a name");
    let first = Root::first(NETWORK, name, role, Timestamp::from_seconds(1));
    let electorate =
        Some(Electorate::new(epoch, electors.iter().map(|word| elector(word)).collect()));
    Root { kind: NetworkKind::Development, electorate, ..first }
}

/// Protocol 2 of the nodes' own line, to be voted on from this epoch on, and as short as the floors allow.
pub(super) fn proposal(by: &str, opens: u64, rules: &Rules) -> Proposal {
    let lock_deadline = opens + rules.min_voting;
    let activation = lock_deadline + rules.min_lead;
    Proposal {
        network: NETWORK,
        by: key(by).public().id(),
        number: 1,
        line: "updraft".parse().expect("a name"),
        from: 1,
        to: 2,
        release: "2.0.0".parse().expect("a version"),
        artifacts: vec![Digest::of(b"artifact")],
        electorate: 1,
        opens,
        lock_deadline,
        activation: Activation::Epoch(activation),
        grace_end: activation + rules.min_grace,
        threshold: Fraction::TWO_THIRDS,
        min_ready: Fraction::NINE_TENTHS,
        notes: String::new(),
    }
}

fn elector(word: &str) -> Elector {
    let (who, operator) = word.split_once('@').unwrap_or((word, ""));
    let (name, weight) = who.split_once('*').unwrap_or((who, "1"));
    let operator = if operator.is_empty() { name } else { operator };
    Elector {
        key: key(name).public(),
        weight: weight.parse().expect("a number"),
        operator: operator.parse().expect("a name"),
    }
}
