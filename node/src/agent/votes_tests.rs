//! Votes as the agent hears and casts them, and what it does when one comes into force.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use updraft_protocol::{
    Ballot, CatchUpAnswer, Digest, ForkDigest, ForkId, Gossip, KeyId, Manifest, Proposal, Root,
    SecretKey, Signed, Stance, Statement, vote::Activation,
};

use crate::{
    agent::{
        Action, Component, Extent, Input, InstalledVersion, Machine, Now, Rules, Taken, Trial,
        Understood, What, electing::Readiness, ending, fake::rules, votes::Votes,
    },
    build::Speaks,
    catalog::Verdict,
    governance::{self, Governance},
    policy::AutoUpdate,
    problem::Code,
    testing::{NOW, Publisher, votes},
};

/// Keys of the five electors; four of them decide.
const ELECTORS: [u8; 5] = [11, 12, 13, 14, 15];
/// The key that this node votes with.
const OWN: u8 = 11;

/// A development network counts epochs in seconds.
const fn epoch(seconds: u64) -> u64 {
    NOW.as_seconds() + seconds
}

fn now(seconds: u64) -> Now {
    Now { wall: NOW.plus(seconds), elapsed: Duration::from_secs(seconds) }
}

fn id(key: u8) -> KeyId {
    Publisher::key(key).public().id()
}

/// A node in a network with five electors.
struct Desk {
    publisher: Publisher,
    machine: Machine<u8>,
    artifact: Arc<Signed<Manifest>>,
}

impl Desk {
    /// With a program that speaks these protocols.
    fn speaking(newest: u32) -> Self {
        Self::with(newest, |_| {})
    }

    fn with(newest: u32, change: impl FnOnce(&mut Rules)) -> Self {
        let publisher = Publisher::new();
        let auto = AutoUpdate { feature: false, ..AutoUpdate::EVERYTHING };
        let target: updraft_protocol::Target =
            "x86_64-unknown-linux-gnu".parse().expect("a target");
        let mut rules = Rules {
            program: "0.9.0".parse().expect("a version"),
            speaks: Speaks { oldest: 1, newest },
            target: target.clone(),
            auto,
            ..rules(&publisher)
        };
        change(&mut rules);
        let root = votes::root(1, &ELECTORS);
        let name = "demo-app".parse().expect("a name");
        let component = Component::new(name, publisher.channel.clone(), target, auto);
        let catalog = publisher.catalog_under(&root);
        let elector = governance::Elector::new(id(OWN), Default::default());
        let votes = Votes::new(Governance::new(catalog.root()), Vec::new());
        let machine = Machine::new(rules, catalog, vec![component], BTreeSet::new())
            .with_votes(votes.with_elector(Some(elector)));
        let artifact = publisher.sign(&publisher.manifest("2.0.0"), &[1, 2]);
        Self { publisher, machine, artifact }
    }

    fn proposal(&self, change: impl FnOnce(&mut Proposal)) -> Arc<Statement> {
        let artifacts = vec![self.artifact.digest()];
        let mut proposal = Proposal { artifacts, ..votes::proposal(15, epoch(10)) };
        change(&mut proposal);
        Arc::new(Statement::Proposal(votes::signed(&proposal, 15)))
    }

    fn ballot(&self, by: u8, about: &Statement, seq: u32, stance: Stance, at: u64) -> Statement {
        let Statement::Proposal(proposal) = about else { panic!("about a proposal") };
        let ballot = votes::ballot(by, proposal.digest(), stance, epoch(at));
        Statement::Ballot(votes::signed(&Ballot { seq, ..ballot }, by))
    }

    fn ready(&self) -> Stance {
        Stance::Ready { artifact: self.artifact.digest(), selftest: Digest::of(b"ok") }
    }

    fn hear(&mut self, statement: &Statement, at: u64) -> Vec<Action<u8>> {
        let message = Gossip::Statement(statement.clone());
        self.machine.handle(Input::Gossip { token: 7, from: 1, message }, now(at))
    }

    /// Four electors are for it and ready.
    fn decide(&mut self, proposal: &Statement, at: u64) -> Vec<Action<u8>> {
        self.hear(proposal, at);
        let mut last = Vec::new();
        for elector in &ELECTORS[1..] {
            let ballot = self.ballot(*elector, proposal, 1, self.ready(), at);
            last = self.hear(&ballot, at);
        }
        last
    }

    /// All that there is to know has been told by a peer.
    fn caught_up(&mut self, at: u64) -> Vec<Action<u8>> {
        self.machine.handle(Input::PeerCame(1), now(at));
        let statements = Statement::fingerprint(self.machine.said(now(at)).keys());
        let news = CatchUpAnswer::News { root_version: 1, heads: vec![], more: false, statements };
        self.machine.handle(Input::News(1, Some(news)), now(at))
    }

    fn state(&self, at: u64) -> &'static str {
        self.machine.proposals(now(at))[0].state.word()
    }

    fn at(&mut self, seconds: u64) -> Vec<Action<u8>> {
        self.machine.handle(Input::Tick, now(seconds))
    }
}

fn digest_of(proposal: &Statement) -> Digest {
    let Statement::Proposal(signed) = proposal else { panic!("a proposal") };
    signed.digest()
}

fn verdict(actions: &[Action<u8>]) -> Option<Verdict> {
    actions.iter().find_map(|action| match action {
        Action::Verdict(7, verdict) => Some(*verdict),
        _ => None,
    })
}

fn kept(actions: &[Action<u8>]) -> Vec<&'static str> {
    let kind = |action: &Action<u8>| match action {
        Action::KeepStatement(statement) => Some(statement.kind()),
        _ => None,
    };
    actions.iter().filter_map(kind).collect()
}

fn told(actions: &[Action<u8>]) -> Vec<&'static str> {
    let kind = |action: &Action<u8>| match action {
        Action::Announce(Gossip::Statement(statement)) => Some(statement.kind()),
        _ => None,
    };
    actions.iter().filter_map(kind).collect()
}

fn asked_for_roots(actions: &[Action<u8>]) -> bool {
    actions.iter().any(|action| matches!(action, Action::AskRoots(..)))
}

#[test]
fn what_electors_say_is_kept_and_passed_on_and_the_decision_is_told() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    let heard = desk.hear(&proposal, 10);
    assert_eq!((verdict(&heard), kept(&heard)), (Some(Verdict::Accept), vec!["proposal"]));
    let again = desk.hear(&proposal, 10);
    assert_eq!((verdict(&again), kept(&again)), (Some(Verdict::Ignore), vec![]));
    let last = desk.decide(&proposal, 11);
    assert_eq!(kept(&last), ["ballot", "certificate"]);
    assert_eq!(told(&last), ["certificate"], "nobody else may have had all ballots");
    let place = |wanted: fn(&Action<u8>) -> bool| last.iter().position(wanted);
    let keeps = place(|a| matches!(a, Action::KeepStatement(s) if s.kind() == "certificate"));
    let tells = place(|a| matches!(a, Action::Announce(_)));
    assert!(keeps.is_some() && keeps < tells);
    assert_eq!(desk.state(12), "locked in");
}

#[test]
fn an_elector_who_changes_its_mind_has_one_ballot() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 10);
    let first = desk.ballot(12, &proposal, 1, Stance::Yes, 11);
    desk.hear(&first, 11);
    let second = desk.ballot(12, &proposal, 2, Stance::No, 12);
    let heard = desk.hear(&second, 12);
    let gone = heard.iter().find_map(|action| match action {
        Action::ForgetStatements(gone) => Some(gone[0].id()),
        _ => None,
    });
    assert_eq!(gone, Some(first.id()));
    assert!(!desk.machine.said(now(12)).contains_key(&first.id()));
    assert_eq!(verdict(&desk.hear(&first, 13)), Some(Verdict::Ignore), "it is outdated");
    assert_eq!(desk.machine.proposals(now(13))[0].count.no, 1);
}

#[test]
fn strangers_who_vote_change_nothing_and_who_brings_them_is_asked_for_roots() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 10);
    for stranger in 20..220 {
        let key = SecretKey::from_seed(&[stranger; 32]);
        let Statement::Ballot(signed) = desk.ballot(12, &proposal, 1, Stance::Yes, 11) else {
            panic!("a ballot")
        };
        let ballot = Ballot { by: key.public().id(), ..signed.peek().expect("readable") };
        let mut signed = Signed::unsigned(&ballot).expect("valid");
        signed.sign(&key, &desk.publisher.network);
        let heard = desk.hear(&Statement::Ballot(signed), 11);
        assert_eq!(verdict(&heard), Some(Verdict::Ignore), "a later root may name it");
        assert!(kept(&heard).is_empty() && told(&heard).is_empty());
        assert_eq!(asked_for_roots(&heard), stranger == 20, "one question at a time");
    }
    assert_eq!(desk.machine.proposals(now(12))[0].count.yes, 0);
}

#[test]
fn who_brings_a_strangers_ballot_on_something_unheard_of_is_asked_for_news() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let unheard = desk.proposal(|proposal| proposal.notes = "unheard of".to_owned());
    for stranger in 20..40 {
        let heard = desk.hear(&desk.ballot(stranger, &unheard, 1, Stance::Yes, 11), 11);
        assert_eq!(verdict(&heard), Some(Verdict::Ignore), "it may be a former elector's");
        let news = heard.iter().any(|action| matches!(action, Action::AskNews(1, _)));
        assert_eq!(news, stranger == 20, "one question at a time; news tell of a newer root");
        assert!(!asked_for_roots(&heard) && kept(&heard).is_empty() && told(&heard).is_empty());
    }
    assert!(desk.machine.rule_warnings(now(11)).is_empty());
}

#[test]
fn a_ballot_that_its_elector_has_not_signed_costs_who_sends_it() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 10);
    let Statement::Ballot(honest) = desk.ballot(12, &proposal, 1, Stance::Yes, 11) else {
        panic!("a ballot")
    };
    let forged = desk.publisher.sign(&honest.peek().expect("readable"), &[13]);
    let heard = desk.hear(&Statement::Ballot(forged.as_ref().clone()), 11);
    assert_eq!(verdict(&heard), Some(Verdict::Reject));
}

#[test]
fn two_ballots_with_one_number_are_a_proof_that_is_kept_and_told() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 10);
    let yes = desk.ballot(12, &proposal, 1, Stance::Yes, 11);
    let no = desk.ballot(12, &proposal, 1, Stance::No, 11);
    desk.hear(&yes, 11);
    let heard = desk.hear(&no, 11);
    assert_eq!(kept(&heard), ["double vote"]);
    assert_eq!(told(&heard), ["double vote"]);
    let alarm = |action: &Action<u8>| matches!(action, Action::Emit(What::KeyAlarm { key, .. }) if *key == id(12));
    assert!(heard.iter().any(alarm));
    let line = &desk.machine.proposals(now(12))[0];
    assert_eq!(line.count.yes, 0, "it counts no more");
    let liar = line.electors.iter().find(|elector| elector.key == id(12)).expect("an elector");
    assert!(liar.void.is_some() && liar.proof.is_some());
    assert!(
        !desk.machine.said(now(12)).contains_key(&yes.id()),
        "nobody is told what does not count"
    );
}

#[test]
fn a_ballot_that_comes_before_its_proposal_is_asked_for_again() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let proposal = desk.proposal(|_| {});
    let ballot = desk.ballot(12, &proposal, 1, Stance::Yes, 11);
    let heard = desk.hear(&ballot, 11);
    assert_eq!(verdict(&heard), Some(Verdict::Ignore));
    let asks = |action: &Action<u8>| matches!(action, Action::AskNews(1, _));
    assert!(heard.iter().any(asks), "whoever has it has its proposal");

    // In one page the order does not matter.
    let statements = vec![ballot.clone(), proposal.as_ref().clone()];
    let page = CatchUpAnswer::Statements { statements, more: false };
    desk.machine.handle(Input::Statements(1, None, Some(page)), now(12));
    assert_eq!(desk.machine.proposals(now(12))[0].count.yes, 1);
}

#[test]
fn a_ballot_on_an_earlier_page_than_its_proposal_is_not_lost() {
    let desk = Desk::speaking(2);
    hears_the_ballot_a_page_before_the_proposal(desk, 12);
}

#[test]
fn nor_is_a_former_electors_on_a_vote_that_the_root_lists() {
    let mut desk = Desk::speaking(2);
    let counts = vec![digest_of(&desk.proposal(|_| {}))];
    let first = votes::root(1, &ELECTORS);
    let electorate = Some(votes::electorate(2, &ELECTORS[2..]));
    let prev = Some(desk.publisher.sign(&first, &[100]).digest());
    let next = Root { version: 2, prev, electorate, counts, ..first };
    let next = desk.publisher.sign(&next, &[100]).as_ref().clone();
    desk.machine.take_root(next, now(9)).expect("it follows");
    hears_the_ballot_a_page_before_the_proposal(desk, 12);
}

fn hears_the_ballot_a_page_before_the_proposal(mut desk: Desk, elector: u8) {
    desk.machine.handle(Input::PeerCame(1), now(11));
    let statements = Digest::of(b"more than this");
    let news = CatchUpAnswer::News {
        root_version: desk.machine.catalog().root().version,
        heads: vec![],
        more: false,
        statements,
    };
    desk.machine.handle(Input::News(1, Some(news)), now(11));
    let proposal = desk.proposal(|_| {});
    let ballot = desk.ballot(elector, &proposal, 1, Stance::Yes, 11);
    let page = |statement: &Statement, more| {
        Some(CatchUpAnswer::Statements { statements: vec![statement.clone()], more })
    };
    let asked = |actions: &[Action<u8>]| {
        actions.iter().find_map(|action| match action {
            Action::AskStatements(1, _, after) => Some(*after),
            _ => None,
        })
    };
    let heard = desk.machine.handle(Input::Statements(1, None, page(&ballot, true)), now(11));
    let next = asked(&heard).expect("the next page");
    let heard = desk.machine.handle(Input::Statements(1, next, page(&proposal, false)), now(11));
    assert_eq!(asked(&heard), Some(None), "from the beginning, now that its proposal is known");
    desk.machine.handle(Input::Statements(1, None, page(&ballot, false)), now(11));
    assert_eq!(desk.machine.proposals(now(12))[0].count.yes, 1);
}

#[test]
fn open_votes_are_told_until_their_end_and_decisions_for_ever() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 10);
    let ballot = desk.ballot(12, &proposal, 1, Stance::Yes, 11);
    desk.hear(&ballot, 11);
    assert_eq!(desk.machine.said(now(20)).len(), 2);
    assert!(desk.machine.said(now(22)).is_empty(), "nobody could take them any more");
    assert_eq!(desk.state(22), "failed");
    let rival = desk.proposal(|proposal| {
        (proposal.opens, proposal.lock_deadline) = (epoch(25), epoch(28));
    });
    desk.decide(&rival, 26);
    let said: Vec<_> = desk.machine.said(now(9_000)).values().map(|said| said.kind()).collect();
    assert_eq!(said, ["certificate"]);
    let swept = desk.at(9_000);
    let gone = swept.iter().find_map(|action| match action {
        Action::ForgetStatements(gone) => Some(gone.len()),
        _ => None,
    });
    assert_eq!(gone, Some(5), "its certificate holds what is left of the decided vote");
}

#[test]
fn a_ballot_of_this_node_is_kept_before_it_is_signed_and_signed_before_it_is_said() {
    let mut desk = Desk::speaking(2);
    desk.machine.handle(Input::PeerCame(1), now(1));
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 10);
    let about = digest_of(&proposal);
    let early = desk.machine.vote(&about, Stance::Yes, String::new(), now(11));
    assert_eq!(early.expect_err("its store may be an older copy").code, Code::NoPeers);
    desk.caught_up(11);
    let (ballot, actions) =
        desk.machine.vote(&about, Stance::Yes, "it ran".to_owned(), now(11)).expect("it may");
    // Numbers grow with time: the vote opened an epoch ago.
    assert_eq!((ballot.seq, ballot.by), (17, id(OWN)));
    assert!(told(&actions).is_empty());
    let twice = desk.machine.vote(&about, Stance::No, String::new(), now(11));
    assert_eq!(twice.expect_err("one at a time").code, Code::OperationConflict);
    let signed = desk.publisher.sign(&ballot, &[OWN]).as_ref().clone();
    let said = desk.machine.handle(Input::Cast(Box::new(signed)), now(11));
    assert_eq!((kept(&said), told(&said)), (vec!["ballot"], vec!["ballot"]));
    let again = desk.machine.vote(&about, Stance::Yes, String::new(), now(12));
    assert_eq!(again.expect_err("it has said so").code, Code::ProposalClosed);
    let (changed, _) =
        desk.machine.vote(&about, Stance::No, String::new(), now(12)).expect("it may change");
    assert_eq!(changed.seq, 33);
    desk.machine.votes.under_way.clear();
    let late = desk.machine.vote(&about, Stance::Yes, String::new(), now(30));
    assert_eq!(late.expect_err("it is over").code, Code::ProposalClosed);
}

#[test]
fn what_was_kept_and_never_said_is_said_with_the_next_number() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 10);
    let about = digest_of(&proposal);
    // Kept; then the power goes before it is signed.
    desk.machine.vote(&about, Stance::Yes, String::new(), now(11)).expect("it may");
    desk.machine.votes.under_way.clear();
    let (again, _) =
        desk.machine.vote(&about, Stance::Yes, String::new(), now(11)).expect("it may");
    assert_eq!(again.seq, 18);
}

#[test]
fn what_a_decision_waits_for_is_said_in_words() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let proposal = desk.proposal(|_| {});
    desk.hear(&proposal, 5);
    assert_eq!(desk.machine.proposals(now(5))[0].missing[0], "voting has not begun");
    for elector in [12, 13, 14, 15] {
        let yes = desk.ballot(elector, &proposal, 1, Stance::Yes, 11);
        desk.hear(&yes, 11);
    }
    let missing = &desk.machine.proposals(now(11))[0].missing;
    assert_eq!(missing[0], "0 are ready, 2 are needed");
    assert_eq!(missing[1], "this node has not voted");
    let held = desk.machine.votes.governance.proposals().next().expect("one").clone();
    assert_eq!(desk.machine.readiness(&held, now(11)), Readiness::Unknown);
}

/// A vote is decided, then the first elector leaves; the root counts these votes of the electorate before.
fn after_a_decision(counts: impl Fn(&Statement) -> Vec<Digest>) -> (Desk, Vec<Action<u8>>) {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    desk.decide(&proposal, 11);
    let first = votes::root(1, &ELECTORS);
    let electorate = Some(votes::electorate(2, &ELECTORS[1..]));
    let prev = Some(desk.publisher.sign(&first, &[100]).digest());
    let next = Root { version: 2, prev, electorate, counts: counts(&proposal), ..first };
    let next = desk.publisher.sign(&next, &[100]).as_ref().clone();
    let actions = desk.machine.take_root(next, now(12)).expect("it follows");
    (desk, actions)
}

#[test]
fn what_the_next_root_does_not_count_is_forgotten_after_the_root_is_kept() {
    let (counting, _) = after_a_decision(|proposal| vec![digest_of(proposal)]);
    assert_eq!(counting.state(12), "locked in");
    let (desk, actions) = after_a_decision(|_| Vec::new());
    assert!(desk.machine.proposals(now(12)).is_empty() && desk.machine.said(now(12)).is_empty());
    let place = |wanted: fn(&Action<u8>) -> bool| actions.iter().position(wanted);
    let kept = place(|action| matches!(action, Action::KeepRoot(..))).expect("it is kept");
    // Proposal and four ballots; the certificate stays, and nobody is told of it.
    let forgotten =
        place(|action| matches!(action, Action::ForgetStatements(gone) if gone.len() == 5));
    assert!(forgotten.is_some_and(|forgotten| forgotten > kept), "{actions:?}");
    let told = place(|action| matches!(action, Action::Emit(What::ProposalStruckOff { .. })));
    assert!(told.is_some());
}

/// Nobody else may have it any more: all have followed the root that left it out.
#[test]
fn what_a_root_left_out_stands_again_when_a_later_one_lists_it() {
    let (mut desk, _) = after_a_decision(|_| Vec::new());
    let proposal = desk.proposal(|_| {});
    let second = desk.machine.catalog().root();
    let prev = Some(second.digest());
    let third =
        Root { version: 3, prev, counts: vec![digest_of(&proposal)], ..Root::clone(second) };
    let third = desk.publisher.sign(&third, &[100]).as_ref().clone();
    let actions = desk.machine.take_root(third, now(13)).expect("it follows");
    assert_eq!(desk.state(13), "locked in");
    let kept = |action: &Action<u8>| matches!(action, Action::KeepStatement(said) if matches!(**said, Statement::Certificate(_)));
    assert!(actions.iter().any(kept), "{actions:?}");
    assert_eq!(desk.machine.said(now(13)).len(), 1, "and peers are told again");
}

#[path = "asking_tests.rs"]
mod asking;
#[path = "changing_tests.rs"]
mod changing;
#[path = "electing_tests.rs"]
mod electing;
#[path = "learning_tests.rs"]
mod learning;
#[path = "news_tests.rs"]
mod news;
#[path = "outdated_tests.rs"]
mod outdated;
