//! A node learns of a decision that is in force already: whoever else has not heard of it gets his grace, also after this
//! node was started again.

use updraft_protocol::{
    Certificate, NetworkKind,
    vote::{Decision, Fraction},
};

use super::*;
use crate::{
    agent::restore::from_the_ledger,
    store::{Store, StoreOptions, VerifyOnStart},
};

/// A vote that four electors decided, in force from epoch 30 on and with grace until 40.
fn decided(desk: &Desk) -> Statement {
    let proposal = desk.proposal(|_| {});
    let Statement::Proposal(about) = &*proposal else { panic!("a proposal") };
    let ballots = ELECTORS[..4].iter().map(|by| desk.ballot(*by, &proposal, 1, desk.ready(), 11));
    let ballots = sorted(ballots.map(|ballot| match ballot {
        Statement::Ballot(signed) => signed,
        other => panic!("{}", other.kind()),
    }));
    let (decision, proposal) = (Decision::LockIn, about.clone());
    Statement::Certificate(Box::new(Certificate { decision, proposal, ballots }))
}

/// As a certificate holds them.
fn sorted(ballots: impl Iterator<Item = Signed<Ballot>>) -> Vec<Signed<Ballot>> {
    let mut ballots: Vec<Signed<Ballot>> = ballots.collect();
    ballots.sort_by_key(|signed| signed.peek().expect("a ballot").by);
    ballots
}

fn grace_end(governance: &Governance, at: u64) -> Option<u64> {
    let forks = governance.forks(&ending::own_component(), epoch(at), None);
    forks.past.last().map(|change| change.grace_end)
}

#[test]
fn who_learns_of_a_decision_that_is_in_force_keeps_when_before_the_certificate_and_nobody_else_does()
 {
    for (at, kept) in [(25, None), (60, Some(epoch(60)))] {
        let mut desk = Desk::speaking(2);
        let certificate = decided(&desk);
        let actions = desk.hear(&certificate, at);
        let learnt = actions.iter().find_map(|action| match action {
            Action::KeepLearnt(_, epoch) => Some(*epoch),
            _ => None,
        });
        assert_eq!(learnt, kept);
        let place = |what: &dyn Fn(&Action<u8>) -> bool| actions.iter().position(what);
        let (when, what) = (
            place(&|action| matches!(action, Action::KeepLearnt(..))),
            place(&|action| matches!(action, Action::KeepStatement(_))),
        );
        assert!(when < what, "a certificate that is kept is never learnt again");
    }
}

#[test]
fn the_grace_of_who_learnt_late_goes_on_after_a_restart() {
    let desk = Desk::speaking(2);
    let certificate = decided(&desk);
    let dir = tempfile::tempdir().expect("a folder");
    let options = StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };
    let store = Store::open(dir.path(), options).expect("an empty folder");
    let root = desk.publisher.sign(&votes::root(1, &ELECTORS), &[100]);
    store.append_root(&root).expect("the first");
    store.put_statement(&certificate).expect("room");
    let after_a_start = || {
        let (_, votes) =
            from_the_ledger::<_, u8>(&mut store.clone(), NOW, Duration::from_secs(300))
                .expect("readable");
        grace_end(&votes.governance, 62)
    };
    assert_eq!(after_a_start(), Some(epoch(40)), "as it was decided");
    let Statement::Certificate(about) = &certificate else { panic!("a certificate") };
    store.put_learnt(&about.proposal.digest(), epoch(60)).expect("room");
    assert!(after_a_start() > Some(epoch(60)));
}

const DAY: u64 = 24 * 3_600;

/// The epoch of a moment in a network that is meant to be relied on.
const fn production(seconds: u64) -> u64 {
    (NOW.as_seconds() + seconds) / 600
}

/// A vote of such a network that was open when the node stopped, a day after it had begun: in force on the fifth day from
/// then, and with grace until the thirteenth.
fn of_a_week() -> Proposal {
    let opens = production(0) - DAY / 600;
    Proposal {
        opens,
        lock_deadline: opens + 3 * DAY / 600,
        activation: Activation::Epoch(opens + 6 * DAY / 600),
        grace_end: opens + 14 * DAY / 600,
        min_ready: Fraction::NINE_TENTHS,
        ..votes::proposal(15, opens)
    }
}

#[test]
fn a_node_that_comes_back_with_a_state_of_last_week_catches_up_before_it_acts() {
    let desk = Desk::speaking(2);
    let proposal = votes::signed(&of_a_week(), 15);
    let another = Proposal {
        number: 2,
        from: 2,
        to: 3,
        lock_deadline: of_a_week().grace_end,
        activation: Activation::Epoch(of_a_week().grace_end + 3 * DAY / 600),
        grace_end: of_a_week().grace_end + 11 * DAY / 600,
        ..of_a_week()
    };
    let another = votes::signed(&Proposal { by: id(14), ..another }, 14);
    let ballots: Vec<Signed<Ballot>> = sorted(ELECTORS[1..].iter().map(|by| {
        let ballot = votes::ballot(*by, proposal.digest(), votes::ready(), of_a_week().opens);
        votes::signed(&ballot, *by)
    }));
    let dir = tempfile::tempdir().expect("a folder");
    let options = StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };
    let store = Store::open(dir.path(), options).expect("an empty folder");
    let root = Root { kind: NetworkKind::Production, ..votes::root(1, &ELECTORS) };
    store.append_root(&desk.publisher.sign(&root, &[100])).expect("the first");
    // It had heard of both, and of three ballots, which are too few.
    for statement in [Statement::Proposal(proposal.clone()), Statement::Proposal(another.clone())] {
        store.put_statement(&statement).expect("room");
    }
    for ballot in &ballots[..3] {
        store.put_statement(&Statement::Ballot(ballot.clone())).expect("room");
    }

    let week = 7 * DAY;
    let wall = NOW.plus(week);
    let (catalog, votes) =
        from_the_ledger(&mut store.clone(), wall, Duration::from_secs(300)).expect("readable");
    let elector = governance::Elector::new(id(OWN), Default::default());
    let rules = rules(&desk.publisher);
    let mut machine = Machine::<u8>::new(rules, catalog, Vec::new(), BTreeSet::new())
        .with_votes(votes.with_elector(Some(elector)));
    let at = |seconds: u64| Now { wall: wall.plus(seconds), elapsed: Duration::from_secs(seconds) };
    machine.handle(Input::PeerCame(1), at(1));
    let theirs = desk.publisher.network.fork_digest(&[proposal.digest()]);
    let told = machine.handle(Input::Forked(1, Some(ForkId { digest: theirs, next: None })), at(2));
    let says = |action: &Action<u8>| matches!(action, Action::Announce(_) | Action::Cast(_));
    assert!(!told.iter().any(says), "{told:?}");
    let state = |machine: &Machine<u8>, at| {
        let lines = machine.proposals(at);
        let line = lines.iter().find(|line| line.id == proposal.digest()).expect("known");
        line.state.word()
    };
    assert_eq!(state(&machine, at(2)), "failed", "as far as it knows");
    let refused = machine.vote(&another.digest(), Stance::Yes, String::new(), at(3));
    assert_eq!(refused.expect_err("it may have forgotten something").code, Code::NoPeers);

    let (decision, proposal_) = (Decision::LockIn, proposal.clone());
    let certificate = Certificate { decision, proposal: proposal_, ballots };
    let statements = vec![Statement::Certificate(Box::new(certificate))];
    let answer = CatchUpAnswer::Statements { statements, more: false };
    let learnt = machine.handle(Input::Statements(1, None, Some(answer)), at(4));
    let spoken = learnt.iter().find_map(|action| match action {
        Action::Speak(speech) => Some((speech.protocol, speech.understood)),
        _ => None,
    });
    assert_eq!(spoken, Some((2, Understood::Yes)), "{learnt:?}");
    assert_eq!(state(&machine, at(4)), "active");
    assert_eq!(machine.fork_id(at(4)).digest, theirs);
    let statements = Statement::fingerprint(machine.said(at(5)).keys());
    let news = CatchUpAnswer::News { root_version: 1, heads: vec![], more: false, statements };
    machine.handle(Input::News(1, Some(news)), at(5));
    machine.vote(&another.digest(), Stance::Yes, String::new(), at(6)).expect("now it knows");
}
