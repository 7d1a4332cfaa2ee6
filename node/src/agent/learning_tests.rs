//! A node learns of a decision that is in force already: whoever else has not heard of it gets his grace, also after this
//! node was started again.

use updraft_protocol::{Certificate, vote::Decision};

use super::*;
use crate::{
    agent::restore::from_the_disk,
    store::{Store, StoreOptions, VerifyOnStart},
};

/// A vote that four electors decided, in force from epoch 30 on and with grace until 40.
fn decided(desk: &Desk) -> Statement {
    let proposal = desk.proposal(|_| {});
    let Statement::Proposal(about) = &*proposal else { panic!("a proposal") };
    let ballots = ELECTORS[..4].iter().map(|by| desk.ballot(*by, &proposal, 1, desk.ready(), 11));
    let mut ballots: Vec<Signed<Ballot>> = ballots
        .map(|ballot| match ballot {
            Statement::Ballot(signed) => signed,
            other => panic!("{}", other.kind()),
        })
        .collect();
    ballots.sort_by_key(|signed| signed.peek().expect("a ballot").by);
    let (decision, proposal) = (Decision::LockIn, about.clone());
    Statement::Certificate(Box::new(Certificate { decision, proposal, ballots }))
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
        let (_, votes) = from_the_disk(&store, NOW, Duration::from_secs(300)).expect("readable");
        grace_end(&votes.governance, 62)
    };
    assert_eq!(after_a_start(), Some(epoch(40)), "as it was decided");
    let Statement::Certificate(about) = &certificate else { panic!("a certificate") };
    store.put_learnt(&about.proposal.digest(), epoch(60)).expect("room");
    assert!(after_a_start() > Some(epoch(60)));
}
