//! What a peer gets that was away, from a ledger that lies in memory; and that a node believes again what lies there.

use std::time::Duration;

use updraft_protocol::{Brake, Head, Signed};

use super::*;
use crate::{
    agent::{Trust, fake::memory::Memory, from_the_ledger},
    testing::{NOW, Publisher},
};

/// A ledger that has followed `stable` to this head.
fn followed(last: u64) -> (Publisher, Memory, Vec<Signed<Head>>) {
    let publisher = Publisher::new();
    let mut ledger = Memory::default();
    ledger.roots.push(publisher.sign(&publisher.root(), &[100]).as_ref().clone());
    let mut heads: Vec<Signed<Head>> = Vec::new();
    for seq in 1..=last {
        let head = publisher.head(seq, heads.last().map(Signed::digest), &[]);
        let head = publisher.sign(&head, &[1, 2]).as_ref().clone();
        ledger.heads.insert((publisher.channel.clone(), seq), head.clone());
        heads.push(head);
    }
    (publisher, ledger, heads)
}

/// So many pauses, each of another release.
fn pauses(publisher: &Publisher, count: usize) -> BTreeMap<Digest, Arc<Statement>> {
    let pause = |n: usize| {
        let brake = Brake {
            network: publisher.network,
            by: Publisher::key(50).public().id(),
            channel: publisher.channel.clone(),
            release: Some(Digest::of(&n.to_le_bytes())),
            issued: NOW,
            expires: NOW.plus(60),
            reason: String::new(),
        };
        let signed = publisher.sign(&brake, &[50]).as_ref().clone();
        let statement = Statement::Brake(signed);
        (statement.id(), Arc::new(statement))
    };
    (0..count).map(pause).collect()
}

fn since(publisher: &Publisher, seq: u64, head: Option<Digest>) -> CatchUpRequest {
    let marks = vec![HeadMark { channel: publisher.channel.clone(), seq, head }];
    CatchUpRequest::Since { network: publisher.network, root_version: 1, marks }
}

fn asked(publisher: &Publisher, ledger: &Memory, request: CatchUpRequest) -> CatchUpAnswer {
    let telling = Telling::new(BTreeMap::new(), Told::Yes, 1);
    let Ok(answer) = answer(ledger, &telling, publisher.network, request);
    answer
}

#[test]
fn who_was_away_gets_the_heads_after_its_own_and_is_told_whether_there_are_more() {
    let all = MAX_HEADS_PER_ANSWER as u64 + 2;
    let (publisher, ledger, heads) = followed(all);
    for (seq, is_more) in [(0, true), (1, true), (2, false), (all, false)] {
        let head = seq.checked_sub(1).map(|at| heads[usize::try_from(at).expect("few")].digest());
        let news = asked(&publisher, &ledger, since(&publisher, seq, head));
        let CatchUpAnswer::News { root_version: 1, heads: given, more, .. } = news else {
            panic!("{news:?}")
        };
        let from = usize::try_from(seq).expect("few");
        let until = heads.len().min(from + MAX_HEADS_PER_ANSWER);
        assert_eq!((given, more), (heads[from..until].to_vec(), is_more), "after {seq}");
    }
}

#[test]
fn who_follows_another_head_of_that_number_sees_ours() {
    let (publisher, ledger, heads) = followed(2);
    let news = asked(&publisher, &ledger, since(&publisher, 2, Some(Digest::of(b"another"))));
    let CatchUpAnswer::News { heads: given, more: false, .. } = news else { panic!("{news:?}") };
    assert_eq!(given, heads[1..]);
}

#[test]
fn another_network_gets_nothing() {
    let (publisher, ledger, _) = followed(1);
    let network = NetworkId::from_bytes([1; 32]);
    for request in [
        CatchUpRequest::Since { network, root_version: 1, marks: Vec::new() },
        CatchUpRequest::Statements { network, after: None },
        CatchUpRequest::Manifest(Digest::of(b"unknown")),
    ] {
        assert_eq!(asked(&publisher, &ledger, request), CatchUpAnswer::NotHeld);
    }
}

#[test]
fn whom_nobody_has_told_is_taken_for_the_whole_by_nobody() {
    let (publisher, ledger, _) = followed(1);
    let name = |told| {
        let telling = Telling::new(pauses(&publisher, 1), told, 1);
        let request = since(&publisher, 1, None);
        let Ok(news) = answer(&ledger, &telling, publisher.network, request);
        let CatchUpAnswer::News { statements, .. } = news else { panic!("{news:?}") };
        statements
    };
    assert_eq!(name(Told::NotYet), UNTOLD);
    assert_eq!(name(Told::Yes), Statement::fingerprint(pauses(&publisher, 1).keys()));
}

#[test]
fn statements_come_page_by_page_each_once() {
    let (publisher, ledger, _) = followed(1);
    let said = pauses(&publisher, MAX_STATEMENTS_PER_ANSWER + 3);
    let telling = Telling::new(said.clone(), Told::Yes, 1);
    let (mut got, mut after, mut pages) = (BTreeMap::new(), None, 0);
    loop {
        let request = CatchUpRequest::Statements { network: publisher.network, after };
        let Ok(page) = answer(&ledger, &telling, publisher.network, request);
        let CatchUpAnswer::Statements { statements, more } = page else { panic!("{page:?}") };
        assert!(statements.len() <= MAX_STATEMENTS_PER_ANSWER);
        let bytes = |statement| codec::encode(statement).expect("a statement").len();
        assert!(statements.iter().map(bytes).sum::<usize>() <= MAX_STATEMENT_BYTES_PER_ANSWER);
        pages += 1;
        for statement in statements {
            assert!(got.insert(statement.id(), Arc::new(statement)).is_none(), "it came before");
        }
        after = got.keys().next_back().copied();
        if !more {
            break;
        }
    }
    assert_eq!(got, said);
    assert!(pages > 1);
}

#[test]
fn a_node_without_a_disk_believes_again_what_it_kept() {
    let (publisher, mut ledger, heads) = followed(3);
    let trust = Trust::load(&ledger).expect("readable").expect("founded");
    assert_eq!(trust.newest.version, 1);
    let stray = pauses(&publisher, 1).into_values().next().expect("one");
    ledger.statements.insert(stray.id(), stray.as_ref().clone());
    let skew = Duration::from_secs(300);
    let (catalog, _) = from_the_ledger::<_, u8>(&mut ledger, NOW, skew).expect("readable");
    let known = catalog.head(&publisher.channel).expect("believed");
    assert_eq!(known.signed.digest(), heads[2].digest());
    assert!(ledger.statements.is_empty(), "by a key that may not pause anything: struck off");
    let nothing = Trust::load(&Memory::default()).expect("readable");
    assert!(nothing.is_none(), "no network was joined");
}
