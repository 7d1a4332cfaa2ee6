//! What watchers are told of a vote from its opening to its end, each piece of news once.

use super::*;

/// The types of the events about votes among some actions, in order.
fn news(actions: &[Action<u8>]) -> Vec<&'static str> {
    let emitted = actions.iter().filter_map(|action| match action {
        Action::Emit(what) => Some(what.kind()),
        _ => None,
    });
    emitted.filter(|kind| kind.starts_with("proposal.")).collect()
}

/// What a node is told that looks at its votes again.
fn look(desk: &mut Desk, at: u64) -> Vec<&'static str> {
    news(&desk.machine.handle(Input::Tick, now(at)))
}

#[test]
fn a_vote_that_is_accepted_is_told_from_its_opening_to_the_end_of_the_grace() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    assert_eq!(news(&desk.hear(&proposal, 9)), ["proposal.opened"]);
    assert_eq!(look(&mut desk, 10), ["proposal.changed"], "voting begins");
    for elector in &ELECTORS[1..4] {
        let ballot = desk.ballot(*elector, &proposal, 1, desk.ready(), 11);
        assert_eq!(news(&desk.hear(&ballot, 11)), ["proposal.voted"]);
        assert!(news(&desk.hear(&ballot, 11)).is_empty(), "it is known");
    }
    let last = desk.ballot(15, &proposal, 1, desk.ready(), 11);
    assert_eq!(news(&desk.hear(&last, 11)), ["proposal.voted", "proposal.accepted"]);
    assert!(look(&mut desk, 12).is_empty());
    assert_eq!(look(&mut desk, 30), ["proposal.activated"]);
    assert_eq!(look(&mut desk, 1_000), ["proposal.changed"], "the grace is over");
    assert!(look(&mut desk, 1_001).is_empty());
}

#[test]
fn a_ballot_names_its_elector_and_how_it_stands_and_one_that_counts_nothing_is_no_news() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 11);
    let heard = desk.hear(&desk.ballot(12, &proposal, 2, Stance::No, 11), 11);
    let voted = |action: &Action<u8>| {
        let Action::Emit(What::ProposalVoted { number, id: about, by, stance }) = action else {
            return false;
        };
        (*number, *about, *by, *stance) == (1, digest_of(&proposal), id(12), Stance::No)
    };
    assert!(heard.iter().any(voted), "{heard:?}");
    let of = |seq, by, at| desk.ballot(by, &proposal, seq, Stance::Yes, at);
    for (what, ballot, at) in [
        ("outdated", of(1, 12, 11), 11),
        ("no elector's", of(1, 40, 11), 11),
        ("its second with one number", of(2, 12, 11), 11),
        ("a liar's", of(3, 12, 11), 11),
        ("too late", of(1, 13, 90), 90),
    ] {
        let heard = desk.hear(&ballot, at);
        assert!(!news(&heard).contains(&"proposal.voted"), "{what}: {heard:?}");
    }
}

#[test]
fn a_vote_that_comes_to_nothing_is_told_as_rejected_or_expired_or_called_off() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 11);
    desk.hear(&desk.ballot(12, &proposal, 1, Stance::No, 11), 11);
    let second = desk.hear(&desk.ballot(13, &proposal, 1, Stance::No, 11), 11);
    assert_eq!(news(&second), ["proposal.voted", "proposal.rejected"]);

    let mut desk = Desk::speaking(2);
    desk.hear(&proposal, 11);
    assert_eq!(look(&mut desk, 1_000), ["proposal.expired"]);

    let mut desk = Desk::speaking(2);
    desk.decide(&proposal, 11);
    let mut last = Vec::new();
    for elector in &ELECTORS[1..] {
        last = desk.hear(&desk.ballot(*elector, &proposal, 2, Stance::Cancel, 12), 12);
    }
    assert_eq!(news(&last), ["proposal.voted", "proposal.changed"]);
}

#[test]
fn who_hears_of_a_vote_when_it_is_in_force_is_told_that_it_was_accepted_and_activated() {
    let mut there = Desk::speaking(2);
    let proposal = there.proposal(|_| {});
    there.decide(&proposal, 11);
    let said = there.machine.said(now(11));
    let certificate = said.values().find(|said| matches!(***said, Statement::Certificate(_)));
    let certificate = certificate.expect("it is decided");
    for (at, then) in [
        (35, &["proposal.accepted", "proposal.activated"][..]),
        (1_000, &["proposal.accepted", "proposal.activated", "proposal.changed"]),
    ] {
        let mut late = Desk::speaking(2);
        assert_eq!(news(&late.hear(certificate, at)), then, "{at}");
        assert!(look(&mut late, at + 1).is_empty(), "{at}");
    }
}

#[test]
fn what_was_kept_is_no_news_when_the_node_starts_again() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.decide(&proposal, 11);
    let kept: Vec<_> = desk.machine.said(now(11)).into_values().collect();
    let mut governance = Governance::new(&votes::root(1, &ELECTORS));
    for said in &kept {
        governance.restore(said).expect("it stood");
    }
    let mut again = Desk::speaking(2);
    again.machine.votes = Votes::new(governance, kept);
    assert!(look(&mut again, 12).is_empty(), "nothing has changed");
    assert_eq!(look(&mut again, 30), ["proposal.activated"], "and this is new");
}

#[test]
fn who_hears_that_a_vote_was_called_off_is_never_told_after_it_that_it_was_accepted() {
    let mut there = Desk::speaking(2);
    let proposal = there.proposal(|_| {});
    there.decide(&proposal, 11);
    for elector in &ELECTORS[1..] {
        there.hear(&there.ballot(*elector, &proposal, 2, Stance::Cancel, 12), 12);
    }
    let said = there.machine.said(now(12)).into_values();
    let certificates = said.filter(|said| matches!(**said, Statement::Certificate(_)));
    let mut certificates: Vec<_> = certificates.collect();
    assert_eq!(certificates.len(), 2);
    for _ in 0..2 {
        certificates.reverse();
        let mut late = Desk::speaking(2);
        let told: Vec<_> =
            certificates.iter().flat_map(|said| news(&late.hear(said, 13))).collect();
        assert_eq!(told.last(), Some(&"proposal.changed"), "{told:?}");
    }
}
