//! Attacks with proposals: votes that could be won by few, or are over before anybody heard of them, and votes that
//! nobody may open.

use updraft_protocol::{
    Digest, Proposal, Signable,
    limits::{MAX_ARTIFACTS, MAX_PROPOSAL, MAX_PROPOSAL_NOTES},
    vote::{Activation, Fraction},
};

use super::{
    Attack,
    trust::{OTHER_NETWORK, by, in_network},
};
use crate::samples::{self, EPOCH, by_hand};

const DAY: u64 = 144;

fn alone(name: &'static str, change: impl FnOnce(Proposal) -> Proposal) -> Attack {
    Attack::alone(name, by_hand::votes::proposal(&change(samples::proposal())))
}

/// What has to be for it, and ready.
pub(super) fn of_fractions() -> Vec<Attack> {
    let threshold = |name, num, den| {
        alone(name, |proposal| Proposal { threshold: Fraction { num, den }, ..proposal })
    };
    let ready = |name, num, den| {
        alone(name, |proposal| Proposal { min_ready: Fraction { num, den }, ..proposal })
    };
    const TWO_THIRDS: u32 = u32::MAX / 3 * 2;
    vec![
        threshold("honest_proposal_at_two_thirds", TWO_THIRDS, u32::MAX),
        threshold("proposal_just_below_two_thirds", TWO_THIRDS - 1, u32::MAX),
        threshold("proposal_by_a_simple_majority", 1, 2),
        threshold("honest_proposal_that_needs_almost_everybody", u32::MAX - 1, u32::MAX),
        threshold("proposal_that_needs_more_than_everybody", 3, 3),
        threshold("proposal_that_needs_four_thirds", 4, 3),
        threshold("proposal_that_needs_a_part_of_nothing", 0, 0),
        threshold("proposal_that_needs_all_of_nothing", 2, 0),
        ready("honest_proposal_that_needs_everybody_ready", 7, 7),
        ready("honest_proposal_that_needs_nobody_ready", 0, u32::MAX),
        ready("proposal_that_needs_more_ready_than_there_are", 11, 10),
        ready("proposal_that_needs_a_part_of_nothing_ready", 0, 0),
    ]
}

/// When it opens, closes, comes into force and ends.
pub(super) fn of_times() -> Vec<Attack> {
    let times = |name, opens, closes, active, ends| {
        alone(name, |proposal| Proposal {
            opens,
            lock_deadline: closes,
            activation: Activation::Epoch(active),
            grace_end: ends,
            ..proposal
        })
    };
    let height = |name, not_before| {
        let activation = Activation::Height { height: 0, not_before };
        alone(name, |proposal| Proposal { activation, ..proposal })
    };
    let at_a_height = |name, line: &str| {
        let Activation::Epoch(not_before) = samples::proposal().activation else {
            panic!("an epoch")
        };
        let activation = Activation::Height { height: 7, not_before };
        let line = line.parse().expect("a name");
        alone(name, |proposal| Proposal { activation, line, ..proposal })
    };
    let Proposal { lock_deadline, grace_end, .. } = samples::proposal();
    let unknown = {
        let bytes = by_hand::votes::proposal(&samples::proposal());
        let at = bytes.len() - samples::proposal().notes.len() - 8 - 16 - 8 - 12;
        let mut bytes = bytes;
        bytes[at] = 2;
        bytes
    };
    vec![
        times("honest_proposal_of_single_epochs", 0, 1, 2, 3),
        times(
            "honest_proposal_at_the_end_of_time",
            u64::MAX - 3,
            u64::MAX - 2,
            u64::MAX - 1,
            u64::MAX,
        ),
        at_a_height("honest_proposal_of_a_component_at_a_height", "demo-app"),
        at_a_height("proposal_of_the_nodes_own_protocol_at_a_height", "updraft"),
        times("proposal_that_closes_as_it_opens", 5, 5, 7, 8),
        times("proposal_that_closes_before_it_opens", 6, 5, 7, 8),
        times("proposal_in_force_as_it_closes", 5, 6, 6, 8),
        times("proposal_in_force_before_it_closes", 5, 7, 6, 8),
        times("proposal_without_grace", 5, 6, 7, 7),
        times("proposal_that_ends_before_it_is_in_force", 5, 6, 8, 7),
        height("proposal_by_height_before_it_closes", lock_deadline),
        height("proposal_by_height_after_its_end", grace_end),
        Attack::alone("proposal_of_an_unknown_activation", unknown),
    ]
}

/// What it is about.
pub(super) fn of_contents() -> Vec<Attack> {
    let digest = |n: usize| Digest::from_bytes([u8::try_from(n).expect("few"); 32]);
    let artifacts =
        |name, artifacts: Vec<Digest>| alone(name, |proposal| Proposal { artifacts, ..proposal });
    let notes =
        |name, bytes| alone(name, |proposal| Proposal { notes: "n".repeat(bytes), ..proposal });
    vec![
        alone("proposal_that_changes_nothing", |proposal| Proposal { to: 1, ..proposal }),
        alone("proposal_number_zero", |proposal| Proposal { number: 0, ..proposal }),
        alone("honest_proposal_by_height", |_| samples::proposal_by_height()),
        artifacts("proposal_without_artifacts", Vec::new()),
        artifacts("proposal_artifacts_unsorted", vec![digest(2), digest(1)]),
        artifacts("proposal_artifact_twice", vec![digest(1), digest(1)]),
        artifacts("proposal_artifacts_too_many", (0..=MAX_ARTIFACTS).map(digest).collect()),
        artifacts("honest_proposal_of_many_artifacts", (0..MAX_ARTIFACTS).map(digest).collect()),
        notes("proposal_for_too_long_a_reason", MAX_PROPOSAL_NOTES + 1),
        notes("honest_proposal_for_a_long_reason", MAX_PROPOSAL_NOTES),
        Attack::alone("proposal_too_large", vec![0; MAX_PROPOSAL + 1]),
    ]
}

/// On who opens a vote, seen by somebody who trusts root 4 and its electors.
pub(super) fn on_openers() -> Vec<Attack> {
    let proposal = |name, n: u8, signers: &[u8]| {
        let value = Proposal { by: samples::public(n).id(), ..samples::proposal() };
        super::voting(name, by(&by_hand::votes::proposal(&value), Proposal::DOMAIN, signers))
    };
    let sample = || by_hand::votes::proposal(&samples::proposal());
    let elsewhere = Proposal { network: OTHER_NETWORK, ..samples::proposal() };
    let no_number = Proposal { number: 0, ..samples::proposal() };
    vec![
        proposal("honest_proposal", 51, &[51]),
        proposal("proposal_with_useless_signatures", 51, &[51, 11]),
        proposal("proposal_by_a_stranger", 99, &[99]),
        proposal("proposal_by_a_release_key", 11, &[11]),
        proposal("proposal_by_a_root_key", 2, &[2]),
        proposal("proposal_in_the_name_of_another_elector", 51, &[52]),
        proposal("proposal_signed_by_nobody", 51, &[]),
        super::voting("proposal_of_another_network", {
            in_network(
                &by_hand::votes::proposal(&elsewhere),
                Proposal::DOMAIN,
                &OTHER_NETWORK,
                &[51],
            )
        }),
        super::voting("proposal_for_another_network", {
            in_network(&sample(), Proposal::DOMAIN, &OTHER_NETWORK, &[51])
        }),
        super::voting("proposal_number_zero_well_signed", {
            by(&by_hand::votes::proposal(&no_number), Proposal::DOMAIN, &[51])
        }),
        super::voting(
            "signature_for_a_head_on_a_proposal",
            by(&sample(), "updraft/head/v1", &[51]),
        ),
        super::voting("signature_for_a_ballot_on_a_proposal", {
            by(&sample(), "updraft/ballot/v1", &[51])
        }),
    ]
}

/// On the floors of a network of production: the sample stands on all of them, each of these below one.
pub(super) fn on_floors() -> Vec<Attack> {
    let made = |name, value: Proposal| {
        super::voting(name, by(&by_hand::votes::proposal(&value), Proposal::DOMAIN, &[51]))
    };
    let times = |name, closes, active, ends| {
        let value = Proposal {
            lock_deadline: EPOCH + closes,
            activation: Activation::Epoch(EPOCH + active),
            grace_end: EPOCH + ends,
            ..samples::proposal()
        };
        made(name, value)
    };
    let tried = |name, num, den| {
        made(name, Proposal { min_ready: Fraction { num, den }, ..samples::proposal() })
    };
    vec![
        times("honest_vote_on_all_floors", 3 * DAY, 5 * DAY, 12 * DAY),
        times("vote_that_is_too_short", 3 * DAY - 1, 5 * DAY, 12 * DAY),
        times("vote_with_too_little_time_to_install", 3 * DAY, 5 * DAY - 1, 12 * DAY),
        times("vote_with_too_short_a_grace", 3 * DAY, 5 * DAY, 12 * DAY - 1),
        times("honest_vote_of_a_year", 3 * DAY, 5 * DAY, 366 * DAY),
        times("vote_of_more_than_a_year", 3 * DAY, 5 * DAY, 366 * DAY + 1),
        times("vote_without_end", 3 * DAY, 5 * DAY, u64::MAX - EPOCH),
        tried("vote_that_nobody_has_to_try", 0, 1),
        tried("vote_that_too_few_have_to_try", 8_999, 10_000),
        tried("honest_vote_that_all_have_to_try", 1, 1),
    ]
}
