//! An elector's key takes itself back: what the agent keeps of its votes, and what it finds after a restart.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use updraft_protocol::{Gossip, Revocation, Stance, Statement};

use crate::{
    agent::{
        Action, Input, Machine, Now, What, fake::rules, restore::from_the_ledger, votes::Votes,
    },
    catalog::Verdict,
    governance::Governance,
    store::{Store, StoreOptions, VerifyOnStart},
    testing::{
        NOW, Publisher,
        votes::{self, signed},
    },
};

/// Keys of the five electors.
const ELECTORS: [u8; 5] = [11, 12, 13, 14, 15];
/// The one that is stolen.
const STOLEN: u8 = 12;

fn now() -> Now {
    Now { wall: NOW, elapsed: Duration::from_secs(60) }
}

fn machine() -> Machine<u8> {
    let publisher = Publisher::new();
    let catalog = publisher.catalog_under(&votes::root(1, &ELECTORS));
    let votes = Votes::new(Governance::new(catalog.root()), Vec::new());
    Machine::new(rules(&publisher), catalog, Vec::new(), BTreeSet::new()).with_votes(votes)
}

/// A vote that somebody opened and both have voted on, one that the stolen key opened, and the revocation.
fn said() -> ([Statement; 4], Statement) {
    let opens = NOW.as_seconds();
    let open = signed(&votes::proposal(13, opens), 13);
    let its_own = signed(&votes::proposal(STOLEN, opens), STOLEN);
    let ballot = |by: u8| {
        let ballot = votes::ballot(by, open.digest(), Stance::Yes, opens);
        Statement::Ballot(signed(&ballot, by))
    };
    let word = Revocation {
        network: Publisher::new().network,
        key: Publisher::key(STOLEN).public().id(),
        time: NOW,
        reason: "stolen".to_owned(),
    };
    let ballots = [ballot(14), ballot(STOLEN)];
    let [of_another, of_the_thief] = ballots;
    let votes = [Statement::Proposal(open), Statement::Proposal(its_own), of_another, of_the_thief];
    (votes, Statement::Revocation(signed(&word, STOLEN)))
}

fn hear(machine: &mut Machine<u8>, statement: &Statement) -> Vec<Action<u8>> {
    let message = Gossip::Statement(statement.clone());
    machine.handle(Input::Gossip { token: 7, from: 1, message }, now())
}

fn verdict(actions: &[Action<u8>]) -> Option<Verdict> {
    actions.iter().find_map(|action| match action {
        Action::Verdict(_, verdict) => Some(*verdict),
        _ => None,
    })
}

#[test]
fn an_electors_key_that_takes_itself_back_is_heard_no_more_and_what_it_said_is_forgotten() {
    let (votes, revocation) = said();
    let mut machine = machine();
    for statement in &votes {
        assert_eq!(verdict(&hear(&mut machine, statement)), Some(Verdict::Accept));
    }
    let actions = hear(&mut machine, &revocation);
    assert_eq!(verdict(&actions), Some(Verdict::Accept));
    let place = |what: &dyn Fn(&Action<u8>) -> bool| actions.iter().position(what);
    let kept = place(&|action| matches!(action, Action::KeepStatement(_)));
    let forgotten = place(&|action| matches!(action, Action::ForgetStatements(_)));
    assert!(kept.is_some() && kept < forgotten, "first what everything else follows from");
    let struck_off =
        place(&|action| matches!(action, Action::Emit(What::ProposalStruckOff { .. })));
    assert!(struck_off.is_some());
    let gone = actions.iter().filter_map(|action| match action {
        Action::ForgetStatements(gone) => Some(gone.iter().map(|statement| statement.id())),
        _ => None,
    });
    let gone: BTreeSet<_> = gone.flatten().collect();
    assert_eq!(gone, [&votes[1], &votes[3]].map(Statement::id).into());
    let told = machine.said(now());
    for (statement, stays) in votes.iter().zip([true, false, true, false]) {
        assert_eq!(told.contains_key(&statement.id()), stays, "{}", statement.kind());
        if !stays {
            assert_eq!(verdict(&hear(&mut machine, statement)), Some(Verdict::Ignore));
        }
    }
}

#[test]
fn a_revocation_that_was_kept_holds_after_a_restart_whatever_else_was_kept_with_it() {
    let (votes, revocation) = said();
    let dir = tempfile::tempdir().expect("a folder");
    let options = StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };
    let store = Store::open(dir.path(), options).expect("an empty folder");
    let root = Publisher::new().sign(&votes::root(1, &ELECTORS), &[100]);
    store.append_root(&root).expect("the first");
    // As of a node that was stopped after the revocation was kept and before what it strikes off was gone.
    for statement in votes.iter().chain([&revocation]) {
        store.put_statement(statement).expect("room");
    }
    let skew = Duration::from_secs(300);
    let (_, restored) = from_the_ledger::<_, u8>(&mut store.clone(), NOW, skew).expect("readable");
    let believed: BTreeSet<_> = restored.kept.keys().copied().collect();
    assert_eq!(believed, [&votes[0], &votes[2]].map(Statement::id).into());
    let again = Arc::new(votes[3].clone());
    let mut governance = restored.governance;
    assert!(governance.offer(&again, NOW.as_seconds()).is_err());
}
