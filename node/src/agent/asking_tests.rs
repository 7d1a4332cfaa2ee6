//! What a node makes of votes that it learns by asking.

use super::*;

/// Most neighbours know them, and who brings much that is of no use is sent away.
#[test]
fn what_was_learnt_of_a_large_vote_by_asking_is_told_on_a_few_ballots_a_second() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.machine.handle(Input::PeerCame(1), now(11));
    let ballots = ELECTORS.iter().map(|by| desk.ballot(*by, &proposal, 1, Stance::Yes, 11));
    let mut statements: Vec<Statement> = ballots.chain([proposal.as_ref().clone()]).collect();
    statements.sort_by_key(Statement::id);
    let page = CatchUpAnswer::Statements { statements, more: false };
    let said = |actions: &[Action<u8>]| {
        let ballot = |action: &&Action<u8>| {
            matches!(action, Action::Announce(Gossip::Statement(Statement::Ballot(_))))
        };
        (told(actions).len(), actions.iter().filter(ballot).count())
    };
    let heard = desk.machine.handle(Input::Statements(1, None, Some(page)), now(11));
    assert_eq!(said(&heard), (4, 3), "the proposal at once, and three ballots");
    assert_eq!(desk.machine.next_wakeup(), Duration::from_secs(12));
    assert_eq!(said(&desk.at(11)), (0, 0));
    assert_eq!((said(&desk.at(12)), said(&desk.at(13))), ((2, 2), (0, 0)));
}

/// A page of statements about votes that nobody knows.
fn page_of_strangers(desk: &Desk, more: bool) -> CatchUpAnswer {
    let unknown = desk.proposal(|proposal| proposal.number = 77);
    let ballot = desk.ballot(99, &unknown, 1, Stance::Yes, 11);
    CatchUpAnswer::Statements { statements: vec![ballot], more }
}

#[test]
fn a_peer_whose_ballots_lead_to_nothing_is_not_asked_for_them_again_and_again() {
    let mut desk = Desk::speaking(2);
    desk.machine.handle(Input::PeerCame(1), now(11));
    desk.machine.handle(Input::News(1, None), now(11));
    let asks = |actions: &[Action<u8>]| {
        actions.iter().filter(|action| matches!(action, Action::AskStatements(..))).count()
    };
    for _ in 0..3 {
        let page = page_of_strangers(&desk, false);
        let after = Some(Digest::from_bytes([0; 32]));
        assert_eq!(asks(&desk.machine.handle(Input::Statements(1, after, Some(page)), now(11))), 0);
    }
    // One that does tell of a vote is asked once more, and not a third time.
    let proposal = desk.proposal(|_| {});
    let CatchUpAnswer::Statements { statements, .. } = page_of_strangers(&desk, false) else {
        unreachable!("it is made so")
    };
    let mut both = [statements, vec![proposal.as_ref().clone()]].concat();
    both.sort_by_key(Statement::id);
    let page = || CatchUpAnswer::Statements { statements: both.clone(), more: false };
    let first = desk.machine.handle(Input::Statements(1, None, Some(page())), now(11));
    let second = desk.machine.handle(Input::Statements(1, None, Some(page())), now(11));
    assert_eq!((asks(&first), asks(&second)), (1, 0));
}

/// What was said about a vote that is decided and then called off by everybody but the opener: as a peer tells it that
/// knows the decision, in the order of its ids.
fn decided_and_called_off() -> (Digest, Vec<Statement>) {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    let told = desk.decide(&proposal, 11);
    let decision = told.iter().find_map(|action| match action {
        Action::KeepStatement(said) if matches!(**said, Statement::Certificate(_)) => Some(said),
        _ => None,
    });
    let cancel = |by: &u8| desk.ballot(*by, &proposal, 2, Stance::Cancel, 12);
    let mut said: Vec<Statement> = ELECTORS[..3].iter().map(cancel).collect();
    said.push(decision.expect("it is decided").as_ref().clone());
    said.sort_by_key(Statement::id);
    (digest_of(&proposal), said)
}

#[test]
fn ballots_to_call_off_count_wherever_the_decision_stands_in_a_page() {
    let (about, said) = decided_and_called_off();
    let first = said.iter().position(|said| matches!(said, Statement::Certificate(_)));
    assert!(first.is_some_and(|first| first > 0), "a ballot comes before it");
    let mut desk = Desk::speaking(2);
    desk.machine.handle(Input::PeerCame(1), now(12));
    let page = CatchUpAnswer::Statements { statements: said, more: false };
    desk.machine.handle(Input::Statements(1, None, Some(page)), now(12));
    let held = desk.machine.votes.governance.proposal(&about).expect("decided");
    assert_eq!(held.ballots().count(), 3);
}

#[test]
fn who_learns_late_of_packs_goes_on_giving_single_chunks() {
    let (_, said) = decided_and_called_off();
    let mut desk = Desk::speaking(2);
    let page = said.into_iter().filter(|said| matches!(said, Statement::Certificate(_))).collect();
    desk.machine.handle(Input::PeerCame(1), now(100));
    let page = CatchUpAnswer::Statements { statements: page, more: false };
    desk.machine.handle(Input::Statements(1, None, Some(page)), now(100));
    assert!(desk.machine.speaks_packs(now(100)) && desk.machine.speaks_singly(now(100)));
    assert!(desk.machine.speaks_singly(now(101)), "as long as the shortest grace lasts");
    assert!(!desk.machine.speaks_singly(now(102)));
}
