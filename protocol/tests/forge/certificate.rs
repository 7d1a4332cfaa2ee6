//! Attacks with certificates: decisions that nobody has made. Their victim trusts root 4, of whose electors more than
//! ten fifteenths have to agree, and north counts three of its five.

use updraft_protocol::{
    Ballot, Proposal, Signable, Stance,
    limits::MAX_ELECTORS,
    vote::{Activation, Fraction},
};

use super::{
    Attack,
    trust::{OTHER_NETWORK, by, in_network},
};
use crate::samples::{self, ELECTORS, EPOCH, by_hand};

const LOCK_IN: u32 = 0;
const CANCEL: u32 = 1;
const DAY: u64 = 144;
/// Just enough: eleven fifteenths.
const ENOUGH: [u8; 5] = [51, 53, 54, 56, 57];

fn proposal(proposal: &Proposal) -> Vec<u8> {
    by(&by_hand::votes::proposal(proposal), Proposal::DOMAIN, &[51])
}

fn signed(n: u8, ballot: &Ballot) -> Vec<u8> {
    by(&by_hand::votes::ballot(ballot), Ballot::DOMAIN, &[n])
}

/// Ballots of these electors in their order, each changed in the same way.
fn ballots(
    electors: &[u8],
    stance: Stance,
    change: impl Fn(Ballot) -> Ballot,
) -> Vec<(u8, Vec<u8>)> {
    electors.iter().map(|n| (*n, signed(*n, &change(samples::ballot(*n, stance))))).collect()
}

/// Offered to the victim, ballots by key id.
fn judged(name: &'static str, decision: u32, mut ballots: Vec<(u8, Vec<u8>)>) -> Attack {
    ballots.sort_by_key(|(n, _)| by_hand::key_id(*n));
    unsorted(name, decision, ballots)
}

fn unsorted(name: &'static str, decision: u32, ballots: Vec<(u8, Vec<u8>)>) -> Attack {
    let ballots: Vec<_> = ballots.into_iter().map(|(_, bytes)| bytes).collect();
    let proposal = proposal(&samples::proposal());
    super::voting(name, by_hand::votes::certificate(decision, &proposal, &ballots))
}

/// On the count.
pub(super) fn on_counts() -> Vec<Attack> {
    let of = |electors: &[u8], stance| ballots(electors, stance, |ballot| ballot);
    let mixed = |name, ready: &[u8], yes: &[u8]| {
        judged(name, LOCK_IN, [of(ready, samples::ready()), of(yes, Stance::Yes)].concat())
    };
    let all = |name, decision, stance| judged(name, decision, of(&ELECTORS, stance));
    vec![
        mixed("honest_certificate_of_all", &ELECTORS, &[]),
        mixed("honest_certificate_just_above_the_threshold", &[51, 53, 54, 57], &[56]),
        mixed("certificate_exactly_at_the_threshold", &[51, 53, 54, 57], &[]),
        mixed("honest_certificate_with_just_enough_ready", &[51, 53, 54], &[56, 57]),
        mixed("honest_certificate_of_a_few_who_are_not_ready", &[51, 53, 54], &[52, 55, 56, 57]),
        mixed("certificate_with_too_few_ready", &[51, 53, 55], &[54, 56, 57]),
        mixed("certificate_of_nobody_who_is_ready", &[], &ELECTORS),
        mixed("certificate_of_an_operator_above_its_share", &[51, 52, 53, 54], &[]),
        mixed("certificate_without_ballots", &[], &[]),
        judged("honest_certificate_of_cancelling", CANCEL, of(&ENOUGH, Stance::Cancel)),
        judged("certificate_of_cancelling_by_too_few", CANCEL, of(&ENOUGH[..4], Stance::Cancel)),
        all("certificate_of_ballots_to_cancel", LOCK_IN, Stance::Cancel),
        all("certificate_of_ballots_against_it", LOCK_IN, Stance::No),
        all("certificate_of_abstentions", LOCK_IN, Stance::Abstain),
        all("certificate_of_cancelling_by_ballots_for_it", CANCEL, samples::ready()),
        all("certificate_of_cancelling_by_ballots_against_it", CANCEL, Stance::No),
    ]
}

/// On the ballots in it: whose, about what, when.
pub(super) fn on_ballots() -> Vec<Attack> {
    let enough = || ballots(&ENOUGH, samples::ready(), |ballot| ballot);
    let with = |n: u8, bytes: Vec<u8>| [enough(), vec![(n, bytes)]].concat();
    let at = |name, decision, stance, epoch| {
        judged(name, decision, ballots(&ENOUGH, stance, |ballot| Ballot { epoch, ..ballot }))
    };
    let elsewhere = |ballot| Ballot { proposal: samples::digest(b"another"), ..ballot };
    let other = samples::digest(b"another artifact");
    let selftest = samples::digest(b"2: ok\n");
    let unsound = Stance::Ready { artifact: other, selftest };
    let by_55 = samples::ballot(55, Stance::Yes);
    let abroad = Ballot { network: OTHER_NETWORK, ..by_55.clone() };
    let mut backwards = enough();
    backwards.sort_by_key(|(n, _)| by_hand::key_id(*n));
    backwards.reverse();
    let [opens, closes] = [EPOCH, EPOCH + 3 * DAY];
    let last_to_cancel = EPOCH + 4 * DAY - 1;
    vec![
        judged("certificate_with_a_ballot_twice", LOCK_IN, with(51, enough()[0].1.clone())),
        judged("certificate_with_two_ballots_of_one", LOCK_IN, {
            with(51, signed(51, &Ballot { seq: 2, ..samples::ballot(51, Stance::Yes) }))
        }),
        unsorted("certificate_with_unsorted_ballots", LOCK_IN, backwards),
        judged("certificate_about_another_proposal", LOCK_IN, {
            ballots(&ENOUGH, samples::ready(), elsewhere)
        }),
        judged("certificate_ready_for_something_else", LOCK_IN, {
            ballots(&ENOUGH, unsound, |ballot| ballot)
        }),
        at("honest_certificate_of_the_last_epoch", LOCK_IN, samples::ready(), closes),
        at("certificate_of_ballots_after_the_vote", LOCK_IN, samples::ready(), closes + 1),
        at("certificate_of_ballots_before_the_vote", LOCK_IN, samples::ready(), opens - 1),
        at("honest_certificate_of_cancelling_at_last", CANCEL, Stance::Cancel, last_to_cancel),
        at("certificate_of_cancelling_too_late", CANCEL, Stance::Cancel, last_to_cancel + 1),
        judged("certificate_with_a_strangers_ballot", LOCK_IN, {
            with(99, signed(99, &samples::ballot(99, Stance::Yes)))
        }),
        judged("certificate_with_a_forged_ballot", LOCK_IN, with(55, signed(52, &by_55))),
        judged("certificate_with_a_ballot_of_another_network", LOCK_IN, {
            let payload = by_hand::votes::ballot(&abroad);
            with(55, in_network(&payload, Ballot::DOMAIN, &OTHER_NETWORK, &[55]))
        }),
        judged("certificate_with_a_ballot_signed_as_a_proposal", LOCK_IN, {
            with(55, by(&by_hand::votes::ballot(&by_55), Proposal::DOMAIN, &[55]))
        }),
        judged("certificate_with_no_ballot", LOCK_IN, {
            with(55, by(b"no ballot", Ballot::DOMAIN, &[55]))
        }),
    ]
}

/// On the proposal in it. All electors are ready for it.
pub(super) fn on_proposals() -> Vec<Attack> {
    let decided = |name, value: &Proposal, proposal: Vec<u8>| {
        let about = samples::digest(&by_hand::votes::proposal(value));
        let mut electors = ELECTORS;
        electors.sort_by_key(|n| by_hand::key_id(*n));
        let artifact = value.artifacts[0];
        let stance = Stance::Ready { artifact, selftest: samples::digest(b"2: ok\n") };
        let ballots = ballots(&electors, stance, |ballot| Ballot { proposal: about, ..ballot });
        let ballots: Vec<_> = ballots.into_iter().map(|(_, bytes)| bytes).collect();
        super::voting(name, by_hand::votes::certificate(LOCK_IN, &proposal, &ballots))
    };
    let honest = |name, value: Proposal| decided(name, &value, proposal(&value));
    let sample = samples::proposal();
    let stranger = Proposal { by: samples::public(99).id(), ..sample.clone() };
    let early = Activation::Epoch(EPOCH + 5 * DAY - 1);
    let almost_all = Fraction { num: 13, den: 15 };
    vec![
        honest("honest_certificate_by_height", {
            let by = samples::public(51).id();
            let (threshold, min_ready) = (sample.threshold, sample.min_ready);
            Proposal { by, threshold, min_ready, ..samples::proposal_by_height() }
        }),
        honest("certificate_that_needs_more_than_may_count", {
            Proposal { threshold: almost_all, ..sample.clone() }
        }),
        honest("certificate_of_another_electorate", Proposal { electorate: 7, ..sample.clone() }),
        honest("certificate_below_the_floors", Proposal { activation: early, ..sample.clone() }),
        decided("certificate_of_a_strangers_proposal", &stranger, {
            by(&by_hand::votes::proposal(&stranger), Proposal::DOMAIN, &[99])
        }),
        decided("certificate_of_a_proposal_signed_by_another", &sample, {
            by(&by_hand::votes::proposal(&sample), Proposal::DOMAIN, &[52])
        }),
    ]
}

/// Bytes that are no certificate.
pub(super) fn of_rules() -> Vec<Attack> {
    let sample = proposal(&samples::proposal());
    let of_two = by(&by_hand::votes::proposal(&samples::proposal()), Proposal::DOMAIN, &[51, 51]);
    let alone = |name, decision, proposal: &[u8], ballots: Vec<Vec<u8>>| {
        Attack::alone(name, by_hand::votes::certificate(decision, proposal, &ballots))
    };
    let ballot = by_hand::votes::ballot(&samples::ballot(52, Stance::Yes));
    let by = |signers: &[u8]| vec![by(&ballot, Ballot::DOMAIN, signers)];
    // The payload of a ballot is not read with the certificate, so the shortest will do.
    let many = vec![by_hand::signed(&[], &[vec![7; 96]]); MAX_ELECTORS + 1];
    vec![
        alone("honest_bytes_of_a_certificate", LOCK_IN, &sample, by(&[52])),
        alone("certificate_of_an_unknown_decision", 2, &sample, by(&[52])),
        alone("certificate_with_too_many_ballots", LOCK_IN, &sample, many),
        alone("certificate_with_an_unsigned_ballot", LOCK_IN, &sample, by(&[])),
        alone("certificate_with_a_signature_too_many", LOCK_IN, &sample, by(&[52, 51])),
        alone("certificate_of_a_proposal_signed_twice", LOCK_IN, &of_two, by(&[52])),
    ]
}
