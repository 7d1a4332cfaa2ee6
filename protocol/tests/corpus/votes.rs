//! Seeds of votes: decisions and proofs in every way of going wrong, in the short form that the fuzzer changes.

use updraft_protocol::{Ballot, Stance, codec};

use super::{Seed, sample};
use crate::samples;

/// A byte of `judge_certificate` for a voter who says nothing.
const SILENT: u8 = 7;

pub(super) fn all() -> Vec<Seed> {
    let mut seeds = certificates();
    seeds.extend(double_votes());
    seeds
}

/// What electors 51 to 57 and a stranger say, by the bits of `checks/vote.rs`.
fn certificates() -> Vec<Seed> {
    let seed = |name: &str, head: u8, votes: [u8; 8], proposal: &str| {
        let input = [&[head][..], &votes, &sample(proposal)].concat();
        ("judge_certificate", name.to_owned(), input)
    };
    const S: u8 = SILENT;
    let enough = [0, S, 0, 0, S, 1, 1, S];
    let late = enough.map(|vote| if vote == S { S } else { vote | 5 << 3 });
    let called_off = [7 << 3 | 4, S, 4, 4, S, 4, 4, S];
    vec![
        seed("just_enough", 0, enough, "proposal"),
        seed("backwards", 4, enough, "proposal"),
        seed("of_a_stranger", 2, enough, "proposal"),
        seed("at_the_threshold", 0, [0, S, 0, 0, S, 1, S, S], "proposal"),
        seed("too_few_ready", 0, [1, S, 1, 1, S, 0, 0, S], "proposal"),
        seed("one_operator_twice", 0, [0, 0, 0, 0, S, S, S, S], "proposal"),
        seed("everybody", 0, [0, 0, 0, 0, 0, 0, 0, S], "proposal"),
        seed("and_a_stranger", 0, [0; 8], "proposal"),
        seed("another_artifact", 0, [5, 0, 0, 0, 0, 0, 0, S], "proposal"),
        seed("about_another", 0, [0x40, 0, 0, 0, 0, 0, 0, S], "proposal"),
        seed("forged", 0, [0x80, 0, 0, 0, 0, 0, 0, S], "proposal"),
        seed("late", 0, late, "proposal"),
        seed("early", 0, [6 << 3, 0, 0, 0, 0, 0, 0, S], "proposal"),
        seed("called_off", 1, called_off, "proposal"),
        seed("called_off_by_those_against", 1, [2, 2, 2, 2, 2, 2, 2, S], "proposal"),
        seed("of_another_elector", 0, enough, "proposal_by_height"),
    ]
}

/// Pairs of ballots, with who signs them.
fn double_votes() -> Vec<Seed> {
    let input = |signers: u8, one: &Ballot, other: &Ballot| {
        let [one, other] = [one, other].map(|ballot| codec::encode(ballot).expect("a ballot"));
        let length = u16::try_from(one.len()).expect("a short ballot");
        [&[signers], &length.to_le_bytes()[..], &one, &other].concat()
    };
    let (yes, no) = (samples::ballot(52, Stance::Yes), samples::ballot(52, Stance::No));
    let later = Ballot { seq: 2, ..no.clone() };
    let of_another = samples::ballot(51, Stance::No);
    let seed = |name: &str, signers, one: &Ballot, other: &Ballot| {
        ("judge_double_vote", name.to_owned(), input(signers, one, other))
    };
    vec![
        seed("two_ballots", 0b0010_0010, &yes, &no),
        seed("half_signed", 0b0000_0010, &yes, &no),
        seed("signed_by_another", 0b0001_0010, &yes, &no),
        seed("two_numbers", 0b0010_0010, &yes, &later),
        seed("two_electors", 0b0011_0011, &yes, &of_another),
        seed("one_twice", 0b0010_0011, &yes, &yes),
    ]
}
