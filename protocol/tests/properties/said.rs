//! How to draw what is said beside heads.

use proptest::{option, prelude::*};
use updraft_protocol::{
    Brake, BuildAttestation, Equivocation, Heartbeat, KeyId, Lift, Revocation, Statement,
    limits::{MAX_BRAKE, MAX_HEARTBEAT_LIFETIME},
};

use crate::{
    strategies::{
        channel, component, digest, head, key, moment, network, reason, signed, target, version,
    },
    votes,
};

fn speaker() -> impl Strategy<Value = KeyId> {
    key().prop_map(|key| key.id())
}

pub(crate) fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let longest = u32::try_from(MAX_HEARTBEAT_LIFETIME).expect("a week");
    let head = (channel(), 1..=u64::MAX, digest());
    (network(), speaker(), head, moment(), 1..=longest).prop_map(
        |(network, by, (channel, seq, head), time, valid_for)| Heartbeat {
            network,
            by,
            channel,
            seq,
            head,
            time,
            valid_for,
        },
    )
}

pub(crate) fn brake() -> impl Strategy<Value = Brake> {
    let what = (channel(), option::of(digest()));
    let span = (moment(), 1..=MAX_BRAKE)
        .prop_map(|(issued, seconds)| (issued, issued.plus(seconds)))
        .prop_filter("time is left for a pause", |(issued, expires)| issued < expires);
    (network(), speaker(), what, span, reason()).prop_map(
        |(network, by, (channel, release), (issued, expires), reason)| Brake {
            network,
            by,
            channel,
            release,
            issued,
            expires,
            reason,
        },
    )
}

pub(crate) fn lift() -> impl Strategy<Value = Lift> {
    (network(), channel(), option::of(digest()), moment(), reason()).prop_map(
        |(network, channel, release, issued, reason)| Lift {
            network,
            channel,
            release,
            issued,
            reason,
        },
    )
}

pub(crate) fn revocation() -> impl Strategy<Value = Revocation> {
    (network(), speaker(), moment(), reason()).prop_map(|(network, key, time, reason)| Revocation {
        network,
        key,
        time,
        reason,
    })
}

pub(crate) fn attestation() -> impl Strategy<Value = BuildAttestation> {
    let built = (component(), version(), target());
    (network(), speaker(), built, digest(), digest(), moment()).prop_map(
        |(network, by, (component, version, target), source, tree, time)| BuildAttestation {
            network,
            by,
            component,
            version,
            target,
            source,
            tree,
            time,
        },
    )
}

/// Two heads of anything: a proof is judged when it is read, not when it is written.
pub(crate) fn equivocation() -> impl Strategy<Value = Equivocation> {
    (signed(head()), signed(head()))
        .prop_filter("two heads", |(one, other)| one.digest() != other.digest())
        .prop_map(|(one, other)| Equivocation::new(one, other))
}

pub(crate) fn statement() -> impl Strategy<Value = Statement> {
    prop_oneof![
        signed(heartbeat()).prop_map(Statement::Heartbeat),
        signed(brake()).prop_map(Statement::Brake),
        signed(lift()).prop_map(Statement::Lift),
        signed(revocation()).prop_map(Statement::Revocation),
        signed(attestation()).prop_map(Statement::Attestation),
        equivocation().prop_map(Statement::Equivocation),
        signed(votes::proposal()).prop_map(Statement::Proposal),
        signed(votes::ballot()).prop_map(Statement::Ballot),
        votes::certificate().prop_map(|one| Statement::Certificate(Box::new(one))),
        votes::double_vote().prop_map(Statement::DoubleVote),
    ]
}
