//! What is cast by hand follows the bytes, whatever a node says.

use super::*;
use crate::{
    agent::{OwnPart, fake::vote::Vote},
    cli::recount::tests::governance,
};

/// What a node shows, whose elector is `own`, so many epochs after the opening, after somebody has changed it.
fn shown(
    vote: &Vote,
    own: Option<usize>,
    after: u64,
    change: impl FnOnce(&mut Ballots),
) -> Result<Shown, Problem> {
    let mut line = vote.line();
    line.own = own.map(|n| {
        let key = Vote::key(n).public().id();
        OwnPart { key, may_vote: true, stance: None }
    });
    let mut ballots = Ballots::from(&line);
    change(&mut ballots);
    let root = Vote::root().peek().expect("a root");
    let epoch = vote.proposal.opens + after;
    Shown::of(ballots, &ProposalName::Number(3), governance(), root, epoch)
}

fn number(shown: &Shown, key: usize) -> Result<u32, Problem> {
    shown.next_number(&Vote::key(key).public().id(), "k")
}

fn args() -> Args {
    Args {
        proposal: ProposalName::Number(3),
        stance: Word::Yes,
        reason: "it was tried".to_owned(),
        key: None,
    }
}

#[test]
fn a_ballot_signed_by_hand_follows_the_last_one_of_its_key_and_the_time() {
    let vote = Vote::new().cast(1, Stance::No, 4);
    let early = shown(&vote, Some(0), 1, |_| {}).expect("it stands");
    assert_eq!((number(&early, 1), number(&early, 2)), (Ok(17), Ok(17)));
    // Whatever this key has signed in earlier epochs and nobody here has heard of has a lower number.
    let later = shown(&vote, Some(0), 100, |_| {}).expect("it stands");
    assert_eq!((number(&later, 1), number(&later, 2)), (Ok(1_601), Ok(1_601)));
    let own = number(&early, 0).expect_err("the node numbers its ballots itself");
    assert!(own.hint.expect("a way").contains("leave `--key` out"));
    let other = updraft_protocol::SecretKey::from_seed(&[99; 32]).public().id();
    let stranger = early.next_number(&other, "k").expect_err("no elector");
    assert_eq!(stranger.code, Code::NotAVoter);
    let restless = shown(&Vote::new().cast(1, Stance::No, 32), None, 1, |_| {});
    let refused = number(&restless.expect("it stands"), 1).expect_err("too often");
    assert!(refused.detail.contains("too often"), "{refused:?}");
}

#[test]
fn a_key_that_has_lied_is_not_used_again() {
    let vote = Vote::new().cast(1, Stance::No, 4);
    let shown = shown(&vote, None, 1, |ballots| {
        let liar = Vote::key(1).public().id().to_hex();
        let [one, other] =
            [Stance::Yes, Stance::No].map(|stance| Vote::sign(&vote.ballot(1, stance, 4), 1));
        let proof = Statement::DoubleVote(updraft_protocol::DoubleVote::new(one, other));
        let proof = updraft_protocol::codec::encode(&proof).expect("within limits");
        let item = ballots.items.iter_mut().find(|item| item.key == liar);
        item.expect("an elector").proof = Some(crate::api::types::Hex(proof));
    });
    let refused = number(&shown.expect("it stands"), 1).expect_err("it counts nothing");
    assert_eq!(refused.code, Code::ProposalClosed);
    let lie = "it signed two different ballots with one number";
    assert!(refused.detail.contains(lie), "{refused:?}");
    let both = ["yes (ballot 4)", "no (ballot 4)"];
    assert!(both.iter().all(|one| refused.detail.contains(one)), "{refused:?}");
}

#[test]
fn what_will_be_cast_is_shown_with_its_weight_and_its_end() {
    let vote = Vote::new();
    let shown = shown(&vote, Some(1), 1, |_| {}).expect("it stands");
    let key = Vote::key(1).public().id().to_hex();
    let lines = shown.words(&args(), &key, Some("voter-ann"));
    assert!(lines[0].starts_with("Proposal p-3: protocol 1 → 2 with updraft@1.1.0"), "{lines:?}");
    let closes = &shown.told.closes_at;
    assert_eq!(
        lines[1..],
        [
            format!("  digest  {}", vote.signed().digest()),
            format!("Your ballot: yes, weight 1, key voter-ann. It can be changed until {closes}."),
            "Reason: it was tried".to_owned(),
        ]
    );
}

#[test]
fn what_a_node_says_of_a_proposal_changes_no_word_of_what_is_signed() {
    let vote = Vote::new().cast(1, Stance::No, 4);
    let words = |change: fn(&mut Ballots)| {
        let shown = shown(&vote, None, 1, change).expect("its bytes are as they were");
        let key = Vote::key(1).public().id();
        (shown.id, shown.words(&args(), &key.to_hex(), None), shown.next_number(&key, "k"))
    };
    let honest = words(|_| {});
    let lies: [fn(&mut Ballots); 4] = [
        |shown| shown.proposal.protocol = 9,
        |shown| shown.proposal.release = "9.9.9".to_owned(),
        |shown| shown.proposal.activates_at = "2000-01-01T00:00:00Z".to_owned(),
        |shown| {
            for item in &mut shown.items {
                item.weight = 1_000;
                item.ballot.iter_mut().for_each(|ballot| ballot.seq = 900);
            }
        },
    ];
    for lie in lies {
        assert_eq!(words(lie), honest);
    }
}

#[test]
fn a_node_that_shows_other_bytes_than_it_names_is_refused() {
    let mut other = Vote::new();
    other.proposal.to = 9;
    let bytes = Ballots::from(&other.line()).bytes;
    let name = other.signed().digest().to_string();
    let mut strange = Vote::new();
    strange.proposal.electorate = 2;
    let mut fourth = Vote::new();
    fourth.proposal.number = 4;
    let refused = |vote: &Vote, change: &dyn Fn(&mut Ballots)| {
        let problem = shown(vote, None, 1, |ballots| change(ballots)).err();
        let problem = problem.expect("nobody signs that");
        assert_eq!(problem.code, Code::CountDiffers, "{problem:?}");
        problem.detail
    };
    let stands = "p-3 does not stand by the bytes that are shown for it";
    let vote = Vote::new();
    assert_eq!(refused(&vote, &|shown| shown.bytes = bytes.clone()), stands);
    assert_eq!(refused(&vote, &|shown| shown.proposal.digest = name.clone()), stands);
    assert_eq!(refused(&vote, &|shown| shown.proposal.digest = "b3:".to_owned()), stands);
    let forged = |shown: &mut Ballots| {
        let end = shown.bytes.0.len();
        shown.bytes.0[end - 32] ^= 1;
    };
    assert_eq!(refused(&vote, &forged), stands);
    assert_eq!(refused(&strange, &|_| {}), stands, "no root names its electorate");
    let asked = refused(&fourth, &|shown| shown.proposal.id = "p-3".to_owned());
    assert_eq!(asked, "asked for p-3, the node shows p-4");
}
