//! What a node does about statements, and what it says itself as a witness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use updraft_protocol::{
    Brake, CatchUpAnswer, Digest, Gossip, Head, Lift, SecretKey, Sentence, Signable, Timestamp,
};

use super::*;
use crate::{
    agent::{Input, fake::rules},
    catalog::{Freshness, Heard, StatementOutcome, Witness},
    testing::{NOW, Publisher},
};

const WITNESS: u8 = 11;
const BRAKE: u8 = 21;

fn now(seconds: u64) -> Now {
    Now { wall: NOW.plus(seconds), elapsed: Duration::from_secs(seconds) }
}

/// A witness on a network with witnesses and brakes.
fn machine(publisher: &Publisher) -> Machine<u8> {
    let mut root = publisher.root();
    root.witness = Some(Publisher::role(1, &[WITNESS]));
    root.brake = Some(Publisher::role(1, &[BRAKE]));
    let key = Publisher::key(WITNESS).public().id();
    Machine::new(rules(publisher), publisher.catalog_under(&root), Vec::new(), BTreeSet::new())
        .with_witness(Some(Witness::new(key, 3_600, BTreeMap::new())))
}

fn words(actions: &[Action<u8>]) -> Vec<Heartbeat> {
    let word = |action: &Action<u8>| match action {
        Action::Vouch(heartbeat, _) => Some((**heartbeat).clone()),
        _ => None,
    };
    actions.iter().filter_map(word).collect()
}

/// What a peer answers that has only this head and heard nothing.
fn news(heads: Vec<Signed<Head>>, said: Digest) -> CatchUpAnswer {
    CatchUpAnswer::News { root_version: 1, heads, more: false, statements: said }
}

fn nothing_said() -> Digest {
    Statement::fingerprint(&[])
}

fn signed<T: Signable>(value: &T, key: &SecretKey) -> Signed<T> {
    let mut signed = Signed::unsigned(value).expect("valid");
    signed.sign(key, value.network());
    signed
}

fn by<T: Sentence>(value: &T, key: u8) -> Signed<T> {
    signed(value, &Publisher::key(key))
}

#[test]
fn a_witness_is_silent_until_a_peer_has_told_all_and_keeps_the_head_before_its_word() {
    let publisher = Publisher::new();
    let mut machine = machine(&publisher);
    let head = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]);
    let message = Gossip::announce(head.as_ref().clone(), None);
    let heard = machine.handle(Input::Gossip { token: 1, from: 1, message }, now(0));
    assert_eq!(words(&heard), [], "its store may be an older copy");
    machine.handle(Input::PeerCame(1), now(1));
    let other = Digest::of(b"what that peer heard");
    let heard = machine.handle(Input::News(1, Some(news(Vec::new(), other))), now(2));
    assert_eq!(words(&heard), [], "the peer has heard something else");
    let all = CatchUpAnswer::Statements { statements: Vec::new(), more: false };
    let heard = machine.handle(Input::Statements(1, None, Some(all)), now(3));
    assert_eq!(words(&heard).iter().map(|word| word.seq).collect::<Vec<_>>(), [1]);

    let second = publisher.sign(&publisher.head(2, Some(head.digest()), &[]), &[1, 2]);
    let message = Gossip::announce(second.as_ref().clone(), None);
    let heard = machine.handle(Input::Gossip { token: 2, from: 1, message }, now(4));
    let kept = heard.iter().position(|action| matches!(action, Action::KeepHead(..)));
    let said = heard.iter().position(|action| matches!(action, Action::Vouch(..)));
    assert!(kept.is_some() && kept < said, "{heard:?}");
}

#[test]
fn an_endless_book_of_statements_is_put_down() {
    let publisher = Publisher::new();
    let mut machine = machine(&publisher);
    machine.handle(Input::PeerCame(1), now(0));
    let other = Digest::of(b"what that peer heard");
    let mut actions = machine.handle(Input::News(1, Some(news(Vec::new(), other))), now(1));
    let mut pages = 0;
    // Each page leads on: lifts that have run out, in ascending order of their names.
    let mut lifts: Vec<Statement> = (0..100)
        .map(|n| {
            let lift = Lift {
                network: publisher.network,
                channel: publisher.channel.clone(),
                release: None,
                issued: Timestamp::from_seconds(1),
                reason: n.to_string(),
            };
            Statement::Lift(publisher.sign(&lift, &[1, 2]).as_ref().clone())
        })
        .collect();
    lifts.sort_by_key(Statement::id);
    let mut lifts = lifts.into_iter();
    let asked = |actions: &[Action<u8>]| {
        actions.iter().find_map(|action| match action {
            Action::AskStatements(1, _, after) => Some(*after),
            _ => None,
        })
    };
    while let Some(after) = asked(&actions) {
        pages += 1;
        let statements = vec![lifts.next().expect("it was put down before the end")];
        let page = CatchUpAnswer::Statements { statements, more: true };
        actions = machine.handle(Input::Statements(1, after, Some(page)), now(2));
    }
    assert_eq!(pages, 64);
}

#[test]
fn a_kept_word_is_believed_kept_as_a_statement_and_told() {
    let publisher = Publisher::new();
    let mut machine = machine(&publisher);
    let head = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]).as_ref().clone();
    machine.handle(Input::PeerCame(1), now(0));
    let answer = Some(news(vec![head], nothing_said()));
    let said = words(&machine.handle(Input::News(1, answer), now(1)));
    let word = by(said.first().expect("a word"), WITNESS);
    let told = machine.handle(Input::Vouched(Box::new(word)), now(1));
    let kept = told.iter().position(|action| matches!(action, Action::KeepStatement(_)));
    let sent =
        told.iter().position(|action| matches!(action, Action::Announce(Gossip::Statement(_))));
    assert!(kept.is_some() && kept < sent, "{told:?}");
    // The next one is due after a quarter of an hour, and nothing wakes the node before.
    assert!(machine.next_wakeup() <= Duration::from_secs(901));
    assert_eq!(words(&machine.handle(Input::Tick, now(900))), []);
    assert_eq!(words(&machine.handle(Input::Tick, now(901))).len(), 1);
}

#[test]
fn a_statement_of_the_operator_is_told_once_it_is_believed_and_refused_otherwise() {
    let publisher = Publisher::new();
    let mut machine = machine(&publisher);
    let brake = Brake {
        network: publisher.network,
        by: Publisher::key(BRAKE).public().id(),
        channel: publisher.channel.clone(),
        release: None,
        issued: NOW,
        expires: NOW.plus(3_600),
        reason: "it eats disks".to_owned(),
    };
    let said = Arc::new(Statement::Brake(by(&brake, BRAKE)));
    let (outcome, actions) = machine.say(said, now(0)).expect("a brake key");
    assert!(matches!(outcome, StatementOutcome::Accepted(Heard::Paused { .. })), "{outcome:?}");
    assert!(actions.iter().any(|action| matches!(action, Action::Announce(_))), "{actions:?}");
    let stranger = Brake { by: Publisher::key(22).public().id(), ..brake };
    let said = Arc::new(Statement::Brake(by(&stranger, 22)));
    let refusal = machine.say(said, now(0)).expect_err("no brake key");
    assert_eq!(refusal.label(), "unknown_keys");
    let lift = Lift {
        network: publisher.network,
        channel: publisher.channel.clone(),
        release: None,
        issued: Timestamp::from_seconds(NOW.as_seconds() + 1),
        reason: String::new(),
    };
    let alone = Arc::new(Statement::Lift(signed(&lift, &Publisher::key(1))));
    let refusal = machine.say(alone, now(1)).expect_err("one of two release keys");
    assert_eq!(refusal.label(), "threshold_not_met");
}

/// Who passed a word on has what it is about; gossip carries both, in no order.
#[test]
fn a_word_that_overtakes_its_head_is_asked_for_again_when_the_head_has_come() {
    let publisher = Publisher::new();
    let mut machine = machine(&publisher).with_witness(None);
    let first = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]);
    let second = publisher.sign(&publisher.head(2, Some(first.digest()), &[]), &[1, 2]);
    let word = |head: &Signed<Head>, seq, seconds| {
        let heartbeat = Heartbeat {
            network: publisher.network,
            by: Publisher::key(WITNESS).public().id(),
            channel: publisher.channel.clone(),
            seq,
            head: head.digest(),
            time: NOW.plus(seconds),
            valid_for: 3_600,
        };
        Statement::Heartbeat(by(&heartbeat, WITNESS))
    };
    machine.handle(Input::PeerCame(1), now(0));
    machine.handle(Input::News(1, Some(news(vec![], nothing_said()))), now(0));
    let mut hear =
        |message, at| machine.handle(Input::Gossip { token: 1, from: 1, message }, now(at));
    let announced = |head: &Arc<Signed<Head>>| Gossip::announce(head.as_ref().clone(), None);
    let asks = |actions: &[Action<u8>]| {
        actions.iter().any(|action| matches!(action, Action::AskNews(1, _)))
    };
    hear(announced(&first), 1);
    hear(Gossip::Statement(word(&first, 1, 2)), 2);
    let early = word(&second, 2, 3);
    let refused = hear(Gossip::Statement(early.clone()), 3);
    let too_soon = |action: &Action<u8>| matches!(action, Action::CountRefusal("too_soon"));
    assert!(refused.iter().any(too_soon) && asks(&refused), "{refused:?}");
    machine.handle(Input::News(1, None), now(4));
    let message = announced(&second);
    let come = machine.handle(Input::Gossip { token: 3, from: 1, message }, now(5));
    assert!(asks(&come), "{come:?}");
    let told = news(vec![], Statement::fingerprint(&[early.id()]));
    let told = machine.handle(Input::News(1, Some(told)), now(6));
    assert!(told.iter().any(|action| matches!(action, Action::AskStatements(1, ..))), "{told:?}");
    let page = CatchUpAnswer::Statements { statements: vec![early], more: false };
    machine.handle(Input::Statements(1, None, Some(page)), now(6));
    let freshness = machine.catalog().freshness(&publisher.channel, NOW.plus(6));
    assert!(matches!(freshness, Freshness::Fresh { .. }), "{freshness:?}");
}
