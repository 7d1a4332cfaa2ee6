//! Past decoding of votes: whom electors believe, what a certificate proves, and whom two ballots accuse. What comes of
//! an input is what the model says, and the model knows nothing of tallies, parts or certificates.

use std::{collections::BTreeMap, sync::LazyLock};

use updraft_protocol::{
    Ballot, Certificate, Digest, DoubleVote, Electorate, Proposal, SecretKey, Signable, Signed,
    Stance, codec,
    signed::Sentence,
    vote::{Activation, Decision, NoDoubleVote, Rules},
};

use super::{
    Outcome, refused,
    victim::{ELECTOR_KEYS, Keys, NETWORK, chosen, of_network, signed},
};
use crate::samples;

static ELECTORATE: LazyLock<Electorate> = LazyLock::new(samples::electorate);
/// Numbers of keys that may vote, and of one that may not.
const VOTERS: [u8; 8] = [51, 52, 53, 54, 55, 56, 57, 99];
static VOTER_KEYS: LazyLock<[SecretKey; 8]> = LazyLock::new(|| VOTERS.map(samples::key));

fn rules() -> Rules {
    Rules::of(samples::root_4().kind)
}

/// What one elector has to have signed, and whether the model believes it.
fn offered<T: Sentence>(bytes: &[u8]) -> Option<(Signed<T>, bool)> {
    let (bits, payload) = bytes.split_first()?;
    let keys: &'static Keys = &ELECTOR_KEYS;
    let keys = chosen(*bits, keys);
    let signed = signed::<T>(payload, &keys)?;
    let believed = of_network::<T>(payload).is_ok_and(|value| {
        let is_elector = |key: &&&SecretKey| {
            ELECTORATE.electors.iter().any(|elector| elector.key == key.public())
        };
        keys.iter().filter(is_elector).any(|key| key.public().id() == value.speaker())
    });
    Some((signed, believed))
}

/// A proposal opens a vote if the elector who makes it signed it, and it asks for as much as it has to.
pub(super) fn open_vote(bytes: &[u8]) -> Outcome {
    let Some((signed, believed)) = offered::<Proposal>(bytes) else { return Outcome::Refused };
    let seen = ELECTORATE.verify(&signed, &NETWORK);
    assert_eq!(seen.is_ok(), believed);
    let proposal = match seen {
        Ok(proposal) => proposal,
        Err(error) => return refused(&error),
    };
    let kept = proposal.keeps_to(&rules());
    assert_eq!(kept.is_ok(), keeps_to_the_floors(&proposal), "{kept:?}");
    assert!(proposal.last_epoch(Decision::Cancel, &rules()) < proposal.activation.earliest());
    kept.as_ref().map_or_else(refused, |()| Outcome::Read)
}

/// In days of 144 epochs: three to vote, two to install, seven of both protocols, a year in all; and nine of ten have
/// tried it.
fn keeps_to_the_floors(proposal: &Proposal) -> bool {
    let (Activation::Epoch(active) | Activation::Height { not_before: active, .. }) =
        proposal.activation;
    proposal.lock_deadline - proposal.opens >= 432
        && active - proposal.lock_deadline >= 288
        && proposal.grace_end - active >= 1_008
        && proposal.grace_end - proposal.opens <= 52_704
        && u64::from(proposal.min_ready.num) * 10 >= u64::from(proposal.min_ready.den) * 9
}

/// A ballot is believed if the elector who casts it signed it.
pub(super) fn speak_ballot(bytes: &[u8]) -> Outcome {
    let Some((signed, believed)) = offered::<Ballot>(bytes) else { return Outcome::Refused };
    let seen = ELECTORATE.verify(&signed, &NETWORK);
    assert_eq!(seen.is_ok(), believed);
    seen.as_ref().map_or_else(refused, |_| Outcome::Read)
}

/// How one voter is made to vote, by one byte: the stance, when, about what, and who signs it.
struct Cast {
    ballot: Ballot,
    signer: usize,
    is_honest: bool,
}

fn cast(at: usize, byte: u8, proposal: &Proposal, about: Digest) -> Option<Cast> {
    let selftest = samples::digest(b"2: ok\n");
    let ready = |artifact| Stance::Ready { artifact, selftest };
    let stance = match byte & 0b111 {
        0 => ready(proposal.artifacts[0]),
        1 => Stance::Yes,
        2 => Stance::No,
        3 => Stance::Abstain,
        4 => Stance::Cancel,
        5 => ready(samples::digest(b"another artifact")),
        _ => return None,
    };
    let epoch = match byte >> 3 & 0b111 {
        0..=3 => proposal.opens,
        4 => proposal.lock_deadline,
        5 => proposal.lock_deadline + 1,
        6 => proposal.opens.wrapping_sub(1),
        _ => proposal.last_epoch(Decision::Cancel, &rules()),
    };
    let is_about_it = byte & 0b0100_0000 == 0;
    let about = if is_about_it { about } else { samples::digest(b"another proposal") };
    let is_own = byte & 0b1000_0000 == 0;
    let ballot = Ballot { proposal: about, epoch, ..samples::ballot(VOTERS[at], stance) };
    let signer = if is_own { at } else { (at + 1) % VOTERS.len() };
    let is_honest = is_about_it && is_own && at < 7 && byte & 0b111 != 5;
    Some(Cast { ballot, signer, is_honest })
}

/// A certificate proves what its ballots weigh, if each of them is in order. An input is a byte (bit 0: call it off,
/// bit 1: a stranger signs the proposal, bit 2: ballots backwards), one byte for each voter, and a proposal.
pub(super) fn judge_certificate(bytes: &[u8]) -> Outcome {
    let Some((head, payload)) = bytes.split_at_checked(1 + VOTERS.len()) else {
        return Outcome::Refused;
    };
    let Ok(proposal) = codec::decode::<Proposal>(payload) else { return Outcome::Refused };
    let opener = if head[0] & 0b10 == 0 { 0 } else { 7 };
    let Some(signed_proposal) = signed::<Proposal>(payload, &[&VOTER_KEYS[opener]]) else {
        return Outcome::Refused;
    };
    let about = signed_proposal.digest();
    let casts = head[1..].iter().enumerate();
    let mut casts: Vec<Cast> =
        casts.filter_map(|(at, byte)| cast(at, *byte, &proposal, about)).collect();
    casts.sort_by_key(|cast| cast.ballot.by);
    if head[0] & 0b100 != 0 {
        casts.reverse();
    }
    let decision = if head[0] & 1 == 0 { Decision::LockIn } else { Decision::Cancel };
    let ballots = casts.iter().map(|cast| signed_by(&cast.ballot, &VOTER_KEYS[cast.signer]));
    let certificate =
        Certificate { decision, proposal: signed_proposal, ballots: ballots.collect() };
    assert!(codec::encode(&certificate).is_ok(), "eight ballots fit");
    let is_opened = *proposal.network() == NETWORK
        && proposal.by == VOTER_KEYS[opener].public().id()
        && opener < 7
        && proposal.electorate == ELECTORATE.epoch
        && keeps_to_the_floors(&proposal);
    let seen = certificate.judge(&NETWORK, &ELECTORATE, &rules());
    let expected =
        is_opened && is_in_order(decision, &proposal, &casts) && weigh(decision, &proposal, &casts);
    assert_eq!(seen.is_ok(), expected, "{seen:?}");
    seen.as_ref().map_or_else(refused, |_| Outcome::Read)
}

fn signed_by(ballot: &Ballot, key: &SecretKey) -> Signed<Ballot> {
    let mut signed = Signed::unsigned(ballot).expect("a ballot that keeps its rules");
    signed.sign(key, &NETWORK);
    signed
}

/// The model: each elector once, honest, and while it could.
fn is_in_order(decision: Decision, proposal: &Proposal, casts: &[Cast]) -> bool {
    let last = match decision {
        Decision::LockIn => proposal.lock_deadline,
        Decision::Cancel => proposal.activation.earliest().saturating_sub(145),
    };
    casts.iter().all(|cast| cast.is_honest && (proposal.opens..=last).contains(&cast.ballot.epoch))
        && casts.windows(2).all(|pair| pair[0].ballot.by < pair[1].ballot.by)
}

/// The model: fifteenths, of which no operator counts more than three.
fn weigh(decision: Decision, proposal: &Proposal, casts: &[Cast]) -> bool {
    let sum = |counts: &dyn Fn(&Stance) -> bool| -> u128 {
        let mut operators: BTreeMap<&str, u128> = BTreeMap::new();
        for cast in casts.iter().filter(|cast| counts(&cast.ballot.stance)) {
            let elector = ELECTORATE.elector(&cast.ballot.by).expect("an elector");
            *operators.entry(elector.operator.as_str()).or_default() += u128::from(elector.weight);
        }
        operators.into_values().map(|weight| weight.min(3)).sum()
    };
    let (num, den) = (u128::from(proposal.threshold.num), u128::from(proposal.threshold.den));
    let (ready_num, ready_den) =
        (u128::from(proposal.min_ready.num), u128::from(proposal.min_ready.den));
    let needed = |weight: u128| weight * den > 15 * num;
    match decision {
        Decision::Cancel => needed(sum(&|stance| *stance == Stance::Cancel)),
        Decision::LockIn => {
            let ready = sum(&|stance| matches!(stance, Stance::Ready { .. }));
            needed(sum(&Stance::is_for)) && ready * ready_den * den >= 15 * num * ready_num
        }
    }
}

/// Two ballots accuse the one who signed both, if it said two things with one number, and nobody else. An input is a
/// byte whose halves choose the signers of each, two bytes with the length of the first, and both ballots.
pub(super) fn judge_double_vote(bytes: &[u8]) -> Outcome {
    let [bits, low, high, rest @ ..] = bytes else { return Outcome::Refused };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let Some((one, other)) = rest.split_at_checked(length) else { return Outcome::Refused };
    let [signed_one, signed_other] = [(one, *bits), (other, bits >> 4)]
        .map(|(payload, bits)| offered::<Ballot>(&[&[bits & 0xf], payload].concat()));
    let (Some((signed_one, believed_one)), Some((signed_other, believed_other))) =
        (signed_one, signed_other)
    else {
        return Outcome::Refused;
    };
    let bare = [&signed_one, &signed_other].iter().all(|signed| signed.signatures().len() <= 1);
    let proof = DoubleVote::new(signed_one.clone(), signed_other.clone());
    let turned = DoubleVote::new(signed_other, signed_one);
    assert_eq!(proof.id(), turned.id(), "one proof, two names");
    let is_sound = one != other && bare;
    assert_eq!(codec::encode(&proof).is_ok(), is_sound, "two ballots, each with one signature");
    let seen = proof.judge(&ELECTORATE, &NETWORK);
    let values = [one, other].map(|payload| of_network::<Ballot>(payload).ok());
    let expected = match values {
        [Some(one), Some(other)] if believed_one && believed_other => {
            let same = (one.by, one.proposal, one.seq) == (other.by, other.proposal, other.seq);
            (same && one != other).then_some((one.proposal, one.by))
        }
        _ => None,
    };
    assert_eq!(seen.as_ref().ok(), expected.as_ref());
    if let Err(NoDoubleVote::Unverified(_)) = &seen {
        assert!(!(believed_one && believed_other));
    }
    seen.as_ref().map_or_else(refused, |_| Outcome::Read)
}
