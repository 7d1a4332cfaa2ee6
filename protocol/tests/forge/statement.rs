//! Attacks on what is said beside heads: by whom, for how long, and in which order it is told.

use updraft_protocol::{
    Brake, BuildAttestation, Heartbeat, Lift, Revocation, Signable, Stance, Timestamp,
    limits::{
        MAX_BRAKE, MAX_HEARTBEAT_LIFETIME, MAX_REASON, MAX_SENTENCE, MAX_STATEMENTS_PER_ANSWER,
    },
};

use super::{
    Attack,
    trust::{OTHER_NETWORK, by, in_network},
};
use crate::samples::{self, NETWORK, NOW, by_hand, by_hand::Bytes};

/// Rules of sentences.
pub(super) fn of_rules() -> Vec<Attack> {
    let heartbeats =
        |name, heartbeat: Heartbeat| Attack::alone(name, by_hand::heartbeat(&heartbeat));
    let lasting = |seconds: u64| Heartbeat {
        valid_for: u32::try_from(seconds).expect("some days"),
        ..samples::heartbeat()
    };
    let brakes = |name, issued, expires| {
        Attack::alone(name, by_hand::brake(&Brake { issued, expires, ..samples::brake() }))
    };
    let end = Timestamp::from_seconds(u64::MAX);
    let long = || "r".repeat(MAX_REASON + 1);
    vec![
        heartbeats("heartbeat_of_head_zero", Heartbeat { seq: 0, ..samples::heartbeat() }),
        heartbeats("heartbeat_for_no_time", lasting(0)),
        heartbeats("honest_heartbeat_for_a_week", lasting(MAX_HEARTBEAT_LIFETIME)),
        heartbeats("heartbeat_for_more_than_a_week", lasting(MAX_HEARTBEAT_LIFETIME + 1)),
        heartbeats("heartbeat_for_ever", lasting(u64::from(u32::MAX))),
        brakes("honest_brake_for_three_days", NOW, NOW.plus(MAX_BRAKE)),
        brakes("brake_for_more_than_three_days", NOW, NOW.plus(MAX_BRAKE + 1)),
        brakes("brake_for_ever", NOW, end),
        brakes("brake_for_no_time", NOW, NOW),
        brakes("brake_that_ends_before_it_begins", NOW.plus(1), NOW),
        brakes("brake_at_the_end_of_time", end, end),
        Attack::alone("brake_for_too_long_a_reason", {
            by_hand::brake(&Brake { reason: long(), ..samples::brake() })
        }),
        Attack::alone("lift_for_too_long_a_reason", {
            by_hand::lift(&Lift { reason: long(), ..samples::lift() })
        }),
        Attack::alone("revocation_for_too_long_a_reason", {
            by_hand::revocation(&Revocation { reason: long(), ..samples::revocation() })
        }),
    ]
}

fn believed(name: &'static str, offered: Vec<u8>) -> Attack {
    let roots = [samples::root_1(), samples::root_2(), samples::root_3()];
    Attack::after_roots(name, &roots, offered)
}

/// On who says it, seen by somebody who trusts root 3, which has every role.
pub(super) fn on_speakers() -> Vec<Attack> {
    let heartbeat = |name, n: u8, signers: &[u8]| {
        let said = Heartbeat { by: samples::public(n).id(), ..samples::heartbeat() };
        believed(name, by(&by_hand::heartbeat(&said), Heartbeat::DOMAIN, signers))
    };
    let brake = |name, n: u8, signers: &[u8]| {
        let said = Brake { by: samples::public(n).id(), ..samples::brake() };
        believed(name, by(&by_hand::brake(&said), Brake::DOMAIN, signers))
    };
    let revocation = |name, n: u8, signers: &[u8]| {
        let said = Revocation { key: samples::public(n).id(), ..samples::revocation() };
        believed(name, by(&by_hand::revocation(&said), Revocation::DOMAIN, signers))
    };
    let attestation = |name, n: u8, signers: &[u8]| {
        let said = BuildAttestation { by: samples::public(n).id(), ..samples::attestation() };
        believed(name, by(&by_hand::attestation(&said), BuildAttestation::DOMAIN, signers))
    };
    let lift = |name, signers: &[u8]| {
        believed(name, by(&by_hand::lift(&samples::lift()), Lift::DOMAIN, signers))
    };
    let elsewhere = Heartbeat { network: OTHER_NETWORK, ..samples::heartbeat() };
    let of_zero = Heartbeat { seq: 0, ..samples::heartbeat() };
    vec![
        heartbeat("honest_heartbeat", 21, &[21]),
        heartbeat("honest_heartbeat_with_useless_signatures", 21, &[22, 11, 21, 21]),
        heartbeat("heartbeat_by_another_witness", 21, &[22]),
        heartbeat("heartbeat_by_nobody", 21, &[]),
        heartbeat("heartbeat_by_release_keys", 11, &[11, 12]),
        believed("heartbeat_of_another_network", {
            let payload = by_hand::heartbeat(&elsewhere);
            in_network(&payload, Heartbeat::DOMAIN, &OTHER_NETWORK, &[21])
        }),
        believed("heartbeat_of_head_zero_well_signed", {
            by(&by_hand::heartbeat(&of_zero), Heartbeat::DOMAIN, &[21])
        }),
        believed("sentence_too_large", {
            by(&vec![0; MAX_SENTENCE + 1], Heartbeat::DOMAIN, &[21])
        }),
        brake("honest_brake", 31, &[31]),
        brake("brake_by_another_brake_key", 31, &[32]),
        brake("brake_by_a_witness", 21, &[21]),
        brake("brake_by_release_keys", 11, &[11, 12, 13]),
        lift("honest_lift", &[11, 13]),
        lift("lift_by_too_few", &[12]),
        lift("lift_signer_counts_twice", &[12, 12]),
        lift("lift_by_brake_keys", &[31, 32]),
        lift("lift_by_another_channel", &[11, 14]),
        revocation("honest_revocation", 13, &[13]),
        revocation("revocation_by_another_key_of_its_role", 13, &[11, 12]),
        revocation("revocation_by_root_keys", 13, &[2, 3]),
        revocation("revocation_of_a_key_of_no_role", 99, &[99]),
        attestation("honest_attestation", 41, &[41]),
        attestation("attestation_by_a_key_that_it_does_not_name", 41, &[31]),
        attestation("attestation_by_a_release_key", 11, &[11]),
    ]
}

/// One folder for each sentence whose signature was made for another; the test
/// `a_signature_for_one_type_counts_for_no_other` has every pair.
pub(super) fn on_domains() -> Vec<Attack> {
    let [heartbeat, brake, lift, revocation, attestation] = payloads();
    vec![
        believed("signature_for_a_brake_on_a_heartbeat", by(&heartbeat, Brake::DOMAIN, &[21])),
        believed("signature_for_a_heartbeat_on_a_brake", by(&brake, Heartbeat::DOMAIN, &[31])),
        believed("signature_for_a_head_on_a_lift", by(&lift, "updraft/head/v1", &[11, 12])),
        believed("signature_for_a_lift_on_a_revocation", by(&revocation, Lift::DOMAIN, &[13])),
        believed("signature_for_a_revocation_on_an_attestation", {
            by(&attestation, Revocation::DOMAIN, &[41])
        }),
    ]
}

/// An honest value of every type that is signed, who may sign it, and the domain of its signatures.
pub(crate) struct Honest {
    /// What the check calls it.
    pub(crate) kind: &'static str,
    payload: Vec<u8>,
    signers: &'static [u8],
    domain: &'static str,
}

impl Honest {
    /// Signed by its keys as if it were a value of the type of `other`.
    pub(crate) fn signed_as(&self, other: &Self) -> Vec<u8> {
        by(&self.payload, other.domain, self.signers)
    }
}

/// One of each type; believed by whoever trusts root 3.
pub(crate) fn of_every_type() -> [Honest; 10] {
    let honest = |kind, payload, signers, domain| Honest { kind, payload, signers, domain };
    let [heartbeat, brake, lift, revocation, attestation] = payloads();
    let root = by_hand::root(&samples::root_3());
    let head = by_hand::head(&samples::head_3());
    let manifest = by_hand::manifest(&samples::manifest());
    let proposal = by_hand::votes::proposal(&samples::proposal());
    let ballot = by_hand::votes::ballot(&samples::ballot(51, Stance::Yes));
    [
        honest("root", root, &[2, 3], "updraft/root/v1"),
        honest("head", head, &[11, 12], "updraft/head/v1"),
        honest("manifest", manifest, &[11, 12], "updraft/manifest/v1"),
        honest("heartbeat", heartbeat, &[21], "updraft/heartbeat/v1"),
        honest("brake", brake, &[31], "updraft/brake/v1"),
        honest("lift", lift, &[11, 12], "updraft/lift/v1"),
        honest("revocation", revocation, &[13], "updraft/revocation/v1"),
        honest("build attestation", attestation, &[41], "updraft/build-attestation/v1"),
        honest("proposal", proposal, &[51], "updraft/proposal/v1"),
        honest("ballot", ballot, &[51], "updraft/ballot/v1"),
    ]
}

fn payloads() -> [Vec<u8>; 5] {
    [
        by_hand::heartbeat(&samples::heartbeat()),
        by_hand::brake(&samples::brake()),
        by_hand::lift(&samples::lift()),
        by_hand::revocation(&samples::revocation()),
        by_hand::attestation(&samples::attestation()),
    ]
}

/// On pages of statements and on what is asked with them.
pub(super) fn of_pages() -> Vec<Attack> {
    // A heartbeat that nobody signed is the shortest statement; its payload is not read with the page.
    let statement = |payload: &[u8]| {
        let start = Bytes::default().u32(0).raw(&by_hand::signed(payload, &[]));
        (by_hand::statement_id(0, samples::digest(payload).as_bytes()), start.done())
    };
    let page = |name, statements: Vec<Vec<u8>>| {
        Attack::alone(name, Bytes::default().u32(2).list(statements).u8(0).done())
    };
    let mut two = [statement(b"one"), statement(b"two")];
    two.sort();
    let [first, second] = two.map(|(_, bytes)| bytes);
    let too_many = vec![first.clone(); MAX_STATEMENTS_PER_ANSWER + 1];
    let many_signatures = by_hand::signed(&[], &vec![vec![7; 96]; 33]);
    let mark = Bytes::default().text("stable").u64(0).option(Some(vec![7; 32])).done();
    let since = Bytes::default().u32(0).raw(NETWORK.as_bytes()).u64(1);
    vec![
        page("honest_statements", vec![first.clone(), second.clone()]),
        page("statements_unsorted", vec![second, first.clone()]),
        page("statements_twice", vec![first.clone(), first]),
        page("statements_too_many", too_many),
        page("statement_of_an_unknown_kind", vec![Bytes::default().u32(10).raw(&[0; 16]).done()]),
        Attack::alone("mark_of_no_head_with_a_digest", since.list([mark]).done()),
        Attack::alone("gossip_with_too_many_signatures_on_its_root", {
            Bytes::default().u32(1).raw(&many_signatures).done()
        }),
        Attack::alone("gossip_with_too_many_signatures_on_its_statement", {
            Bytes::default().u32(2).u32(1).raw(&many_signatures).done()
        }),
    ]
}
