//! Attacks with ballots and with pairs of them: votes of others, and electors accused of what they have not done.

use updraft_protocol::{
    Ballot, Electorate, Root, Signable, Stance,
    limits::{MAX_REASON, MAX_SENTENCE},
};

use super::{
    Attack,
    trust::{OTHER_NETWORK, by, in_network},
};
use crate::samples::{self, by_hand};

/// Rules of ballots.
pub(super) fn of_rules() -> Vec<Attack> {
    let alone = |name, ballot: Ballot| Attack::alone(name, by_hand::votes::ballot(&ballot));
    let [yes, no, ..] = samples::ballots();
    let with_reason = |bytes| Ballot { reason: "r".repeat(bytes), ..samples::ballots()[3].clone() };
    let mut unknown = by_hand::votes::ballot(&yes);
    unknown[108] = 5;
    vec![
        alone("ballot_number_zero", Ballot { seq: 0, ..yes }),
        alone("honest_last_ballot", Ballot { seq: u32::MAX, epoch: u64::MAX, ..no }),
        alone("honest_ballot_for_a_long_reason", with_reason(MAX_REASON)),
        alone("ballot_for_too_long_a_reason", with_reason(MAX_REASON + 1)),
        Attack::alone("ballot_of_an_unknown_stance", unknown),
        Attack::alone("ballot_too_large", vec![0; MAX_SENTENCE + 1]),
    ]
}

/// The next root, in which elector 52 votes no more.
fn root_5() -> Root {
    let mut electors = samples::electorate().electors;
    electors.retain(|elector| elector.key != samples::public(52));
    let electorate = Some(Electorate { epoch: 9, electors });
    let prev = Some(samples::digest(&by_hand::root(&samples::root_4())));
    Root { version: 5, prev, electorate, ..samples::root_4() }
}

/// On who votes, seen by somebody who trusts root 4 and its electors.
pub(super) fn on_voters() -> Vec<Attack> {
    let ballot = |name, n: u8, signers: &[u8]| {
        let payload = by_hand::votes::ballot(&samples::ballot(n, Stance::Yes));
        super::voting(name, by(&payload, Ballot::DOMAIN, signers))
    };
    let sample = || by_hand::votes::ballot(&samples::ballot(52, Stance::Yes));
    let elsewhere = Ballot { network: OTHER_NETWORK, ..samples::ballot(52, Stance::Yes) };
    let no_number = Ballot { seq: 0, ..samples::ballot(52, Stance::Yes) };
    let all = || super::roots_of_voters().into_iter().chain([root_5()]).collect::<Vec<_>>();
    vec![
        ballot("honest_ballot", 52, &[52]),
        ballot("ballot_with_useless_signatures", 52, &[52, 21]),
        ballot("ballot_of_a_stranger", 99, &[99]),
        ballot("ballot_of_a_witness", 21, &[21]),
        ballot("ballot_in_the_name_of_another_elector", 52, &[51]),
        ballot("ballot_signed_by_nobody", 52, &[]),
        Attack::after_roots("ballot_of_a_former_elector", &all(), {
            by(&sample(), Ballot::DOMAIN, &[52])
        }),
        super::voting("ballot_of_another_network", {
            in_network(&by_hand::votes::ballot(&elsewhere), Ballot::DOMAIN, &OTHER_NETWORK, &[52])
        }),
        super::voting("ballot_number_zero_well_signed", {
            by(&by_hand::votes::ballot(&no_number), Ballot::DOMAIN, &[52])
        }),
        super::voting("signature_for_a_heartbeat_on_a_ballot", {
            by(&sample(), "updraft/heartbeat/v1", &[52])
        }),
        super::voting("signature_for_a_proposal_on_a_ballot", {
            by(&sample(), "updraft/proposal/v1", &[52])
        }),
    ]
}

/// A ballot, and its bytes as the key of this number signs them.
fn side(n: u8, ballot: &Ballot) -> (Vec<u8>, Vec<u8>) {
    let payload = by_hand::votes::ballot(ballot);
    let signed = in_network(&payload, Ballot::DOMAIN, &ballot.network, &[n]);
    (payload, signed)
}

/// On who is said to have voted twice, seen by somebody who trusts root 4 and its electors.
pub(super) fn on_pairs() -> Vec<Attack> {
    let (yes, no) = (samples::ballot(52, Stance::Yes), samples::ballot(52, Stance::No));
    let pair = |name, one, other| super::voting(name, by_hand::votes::double_vote([one, other]));
    let abroad = |ballot: &Ballot| Ballot { network: OTHER_NETWORK, ..ballot.clone() };
    let stranger = |stance| samples::ballot(99, stance);
    let later = Ballot { seq: 2, ..no.clone() };
    let elsewhere = Ballot { proposal: samples::digest(b"another"), ..no.clone() };
    let again = Ballot { epoch: yes.epoch + 1, ..yes.clone() };
    let unsigned = {
        let payload = by_hand::votes::ballot(&no);
        (payload.clone(), by_hand::signed(&payload, &[]))
    };
    vec![
        pair("honest_double_vote", side(52, &yes), side(52, &no)),
        pair(
            "honest_double_vote_that_says_the_same_at_two_times",
            side(52, &yes),
            side(52, &again),
        ),
        pair(
            "double_vote_of_two_electors",
            side(52, &yes),
            side(51, &samples::ballot(51, Stance::No)),
        ),
        pair("double_vote_with_two_numbers", side(52, &yes), side(52, &later)),
        pair("double_vote_on_two_proposals", side(52, &yes), side(52, &elsewhere)),
        pair(
            "double_vote_of_a_stranger",
            side(99, &stranger(Stance::Yes)),
            side(99, &stranger(Stance::No)),
        ),
        pair("double_vote_signed_by_another", side(52, &yes), side(51, &no)),
        pair("double_vote_half_unsigned", side(52, &yes), unsigned),
        pair("double_vote_in_another_network", side(52, &abroad(&yes)), side(52, &abroad(&no))),
        pair("double_vote_with_no_ballot", side(52, &yes), {
            (b"no ballot".to_vec(), by(b"no ballot", Ballot::DOMAIN, &[52]))
        }),
    ]
}

/// Pairs that are none.
pub(super) fn of_pairs() -> Vec<Attack> {
    let [yes, no] = [Stance::Yes, Stance::No].map(|stance| side(52, &samples::ballot(52, stance)));
    let honest = by_hand::votes::double_vote([yes.clone(), no.clone()]);
    let turned =
        if honest.starts_with(&yes.1) { [no.1, yes.1.clone()] } else { [yes.1.clone(), no.1] };
    let by_others = by(&yes.0, Ballot::DOMAIN, &[52, 51]);
    vec![
        Attack::alone("honest_pair_of_ballots", honest),
        Attack::alone("double_vote_in_the_wrong_order", turned.concat()),
        Attack::alone("double_vote_of_one_ballot", [&yes.1[..], &yes.1].concat()),
        Attack::alone("double_vote_of_one_ballot_signed_by_others", [yes.1, by_others].concat()),
    ]
}
