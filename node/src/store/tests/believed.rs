//! Roots, heads, components and the history: kept in order, across restarts, or refused.

use std::collections::BTreeSet;

use updraft_protocol::{
    ChannelName, Head, NetworkId, Root, SecretKey, Signed, Stance, Statement, Timestamp, codec,
    threshold::Role,
};

use super::*;

fn network(id: u8) -> NetworkId {
    NetworkId::from_bytes([id; 32])
}

fn root(id: u8, version: u64, prev: Option<Digest>) -> Signed<Root> {
    let key = SecretKey::from_seed(&[id; 32]);
    let root = Root {
        version,
        prev,
        ..Root::first(
            network(id),
            format!("net-{id}").parse().expect("a name"),
            Role::new(1, vec![key.public()]).expect("a role"),
            Timestamp::from_seconds(1),
        )
    };
    let mut signed = Signed::unsigned(&root).expect("within limits");
    signed.sign(&key, &root.network);
    signed
}

fn head(channel: &str, seq: u64, expires: u64) -> Signed<Head> {
    let head = Head {
        network: network(1),
        channel: channel.parse().expect("a channel"),
        seq,
        prev: (seq > 1).then(|| Digest::of(&seq.to_be_bytes())),
        time: Timestamp::from_seconds(1),
        expires: Timestamp::from_seconds(expires),
        releases: Vec::new(),
        withdrawn: Vec::new(),
        min_supported: Vec::new(),
    };
    Signed::unsigned(&head).expect("within limits")
}

fn stable() -> ChannelName {
    "stable".parse().expect("a channel")
}

#[test]
fn roots_are_kept_in_order_and_across_restarts() {
    let dir = folder();
    let first = root(1, 1, None);
    let second = root(1, 2, Some(first.digest()));
    let store = open(&dir);
    assert!(matches!(
        store.append_root(&second),
        Err(StoreError::RootOrder { expected: 1, offered: 2 })
    ));
    assert_eq!(store.network(), None);
    store.append_root(&first).expect("kept");
    store.append_root(&second).expect("kept");
    store.append_root(&first).expect("known");
    drop(store);
    let store = open(&dir);
    assert_eq!(store.network(), "net-1".parse().ok());
    assert_eq!(store.roots(0, 10).expect("reads"), [first.clone(), second.clone()]);
    assert_eq!(store.roots(1, 10).expect("reads"), std::slice::from_ref(&second));
    assert_eq!(store.roots(0, 1).expect("reads"), [first]);
    assert_eq!(store.roots(u64::MAX, 1).expect("reads"), []);
    assert_eq!(store.newest_root().expect("reads"), Some(second));
}

#[test]
fn a_root_that_contradicts_the_chain_leaves_no_trace() {
    let dir = folder();
    let store = open(&dir);
    let first = root(1, 1, None);
    store.append_root(&first).expect("kept");
    let before = files(dir.path());
    let mut rival = root(1, 1, None);
    let mut changed = rival.peek().expect("reads");
    changed.expires = Timestamp::from_seconds(9_999);
    rival = Signed::unsigned(&changed).expect("within limits");
    assert!(matches!(store.append_root(&rival), Err(StoreError::RootDiffers { version: 1 })));
    let gap = root(1, 3, Some(first.digest()));
    assert!(matches!(store.append_root(&gap), Err(StoreError::RootOrder { expected: 2, .. })));
    let foreign = root(2, 1, None);
    assert!(matches!(store.append_root(&foreign), Err(StoreError::OtherNetwork { .. })));
    assert_eq!(files(dir.path()), before);
}

#[test]
fn a_damaged_root_is_an_error_and_never_an_older_root() {
    let dir = folder();
    let store = open(&dir);
    let first = root(1, 1, None);
    store.append_root(&first).expect("kept");
    store.append_root(&root(1, 2, Some(first.digest()))).expect("kept");
    let trust = dir.path().join("trust/net-1");
    flip(&trust.join("root.2"), 0);
    assert!(matches!(store.newest_root(), Err(StoreError::DamagedRoot { .. })));
    fs::copy(trust.join("root.1"), trust.join("root.2")).expect("copies");
    assert!(matches!(store.newest_root(), Err(StoreError::DamagedRoot { .. })));
}

#[test]
fn two_networks_in_one_trust_folder_are_refused_by_name() {
    let dir = folder();
    open(&dir).append_root(&root(1, 1, None)).expect("kept");
    let trust = dir.path().join("trust");
    fs::create_dir(trust.join("other")).expect("makes");
    assert!(Store::open(dir.path(), OPTIONS).is_ok(), "a folder without roots is none");
    fs::write(trust.join("other/root.1"), b"x").expect("writes");
    let error = Store::open(dir.path(), OPTIONS).expect_err("two");
    assert_eq!(error.to_string(), "the trust folder has several networks: net-1, other");
}

#[test]
fn heads_are_kept_in_order_by_channel_and_across_restarts() {
    let dir = folder();
    let store = open(&dir);
    for seq in 1..=3 {
        store.accept_head(&head("stable", seq, 50), &BTreeSet::new(), None).expect("kept");
    }
    store.accept_head(&head("stable-2", 1, 50), &BTreeSet::new(), None).expect("kept");
    store.accept_head(&head("stable", 2, 50), &BTreeSet::new(), None).expect("known");
    drop(store);
    let store = open(&dir);
    assert_eq!(store.channels().expect("reads"), [stable(), "stable-2".parse().expect("name")]);
    let seqs = |after, count, bytes| -> Vec<u64> {
        let heads = store.heads_after(&stable(), after, count, bytes).expect("reads");
        heads.iter().map(|head| head.peek().expect("reads").seq).collect()
    };
    assert_eq!(seqs(0, 10, 1 << 20), [1, 2, 3]);
    assert_eq!(seqs(1, 1, 1 << 20), [2]);
    assert_eq!(seqs(u64::MAX, 10, 1 << 20), Vec::<u64>::new());
    let one = codec::encode(&head("stable", 1, 50)).expect("encodes").len();
    assert_eq!(seqs(0, 10, one), [1]);
    assert_eq!(store.newest_head(&stable()).expect("reads"), Some(head("stable", 3, 50)));
    assert_eq!(store.head(&stable(), 4).expect("reads"), None);
}

#[test]
fn a_head_that_jumps_or_contradicts_is_refused() {
    let dir = folder();
    let store = open(&dir);
    store.accept_head(&head("stable", 1, 50), &BTreeSet::new(), None).expect("kept");
    assert!(matches!(
        store.accept_head(&head("stable", 3, 50), &BTreeSet::new(), None),
        Err(StoreError::HeadOrder { expected: 2, offered: 3, .. })
    ));
    assert!(matches!(
        store.accept_head(&head("stable", 1, 51), &BTreeSet::new(), None),
        Err(StoreError::HeadDiffers { seq: 1, .. })
    ));
    assert_eq!(store.newest_head(&stable()).expect("reads"), Some(head("stable", 1, 50)));
}

#[test]
fn a_data_directory_of_a_later_version_is_refused_and_not_rewritten() {
    let dir = folder();
    open(&dir).inner.meta.put_schema(SCHEMA + 1).expect("writes");
    for _ in 0..2 {
        let refused = Store::open(dir.path(), OPTIONS);
        assert!(matches!(refused, Err(StoreError::NewerSchema { found: 2, known: 1 })));
    }
}

#[test]
fn components_are_remembered_across_restarts() {
    let dir = folder();
    let name = "demo-app".parse().expect("a name");
    let mut record = ComponentRecord::following(stable());
    record.hold = Some(Hold {
        version: "1.0.0".parse().expect("a version"),
        reason: "rolled back".to_owned(),
        since: Timestamp::from_seconds(5),
    });
    open(&dir).put_component(&name, &record).expect("kept");
    let store = open(&dir);
    assert_eq!(store.component(&name).expect("reads"), Some(record.clone()));
    assert_eq!(store.components().expect("reads"), [(name, record)]);
}

#[test]
fn a_store_that_was_closed_just_now_can_be_opened_again() {
    let name = "demo-app".parse().expect("a name");
    let record = ComponentRecord::following(stable());
    let again_and_again = || {
        let dir = folder();
        (0..20).for_each(|_| open(&dir).put_component(&name, &record).expect("kept"));
    };
    // Whatever lets go of a database is held up by the others.
    std::thread::scope(|scope| (0..32).for_each(|_| drop(scope.spawn(again_and_again))));
}

fn line(component: &str, at: u64) -> HistoryEntry {
    HistoryEntry {
        at: Timestamp::from_seconds(at),
        component: component.parse().expect("a name"),
        from: None,
        to: "1.0.0".parse().ok(),
        what: Happening::Installed,
        by: "policy".to_owned(),
        detail: String::new(),
    }
}

#[test]
fn history_is_told_from_the_newest_line_on() {
    let dir = folder();
    let store = open(&dir);
    for at in 0..6 {
        store.history_append(&line(if at % 2 == 0 { "a" } else { "b" }, at)).expect("kept");
    }
    drop(store);
    let store = open(&dir);
    let at = |component: Option<&str>, limit| -> Vec<u64> {
        let component = component.map(|name| name.parse().expect("a name"));
        let lines = store.history(component.as_ref(), limit).expect("reads");
        lines.iter().map(|line| line.at.as_seconds()).collect()
    };
    assert_eq!(at(None, 3), [5, 4, 3]);
    assert_eq!(at(Some("a"), 2), [4, 2]);
    assert_eq!(at(Some("c"), 2), Vec::<u64>::new());
}

#[test]
fn the_oldest_lines_of_history_go_when_there_are_too_many() {
    let dir = folder();
    let store = open(&dir);
    for at in 0..9 {
        store.inner.meta.append_history(&line("a", at), 4).expect("kept");
    }
    let lines = store.history(None, 100).expect("reads");
    let at: Vec<u64> = lines.iter().map(|line| line.at.as_seconds()).collect();
    assert_eq!(at, [8, 7, 6, 5]);
}

#[test]
fn a_witness_finds_its_last_word_again_after_a_restart() {
    let dir = folder();
    let word = |seq, begun| Vouched {
        root_version: 2,
        begun,
        seq,
        head: Digest::of(&[7]),
        time: Timestamp::from_seconds(seq),
    };
    let store = open(&dir);
    assert_eq!(store.vouched().expect("read"), []);
    store.put_vouched(&stable(), &word(3, 1)).expect("kept");
    let last = word(4, 2);
    store.put_vouched(&stable(), &last).expect("kept");
    drop(store);
    assert_eq!(open(&dir).vouched().expect("read"), [(stable(), last)]);
}

#[test]
fn the_ballots_of_this_node_are_there_after_a_restart_whatever_they_say() {
    let dir = folder();
    let stances = [
        Stance::Yes,
        Stance::No,
        Stance::Abstain,
        Stance::Ready { artifact: Digest::of(b"artifact"), selftest: Digest::of(b"selftest") },
        Stance::Cancel,
    ];
    let ballots: BTreeMap<Digest, CastBallot> = (1..)
        .zip(stances)
        .map(|(seq, stance)| (Digest::of(stance.word().as_bytes()), CastBallot { seq, stance }))
        .collect();
    let store = open(&dir);
    assert_eq!(store.cast().expect("read"), []);
    for (proposal, ballot) in &ballots {
        store.put_cast(proposal, ballot.seq, ballot.stance).expect("kept");
    }
    drop(store);
    assert_eq!(BTreeMap::from_iter(open(&dir).cast().expect("read")), ballots);
}

#[test]
fn a_ballot_takes_the_place_of_the_last_one_on_its_proposal_alone() {
    let dir = folder();
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    let store = open(&dir);
    store.put_cast(&one, 1, Stance::Yes).expect("kept");
    store.put_cast(&other, 1, Stance::Abstain).expect("kept");
    store.put_cast(&one, 2, Stance::No).expect("kept");
    drop(store);
    let cast = BTreeMap::from_iter(open(&dir).cast().expect("read"));
    assert_eq!(cast[&one], CastBallot { seq: 2, stance: Stance::No });
    assert_eq!(cast[&other], CastBallot { seq: 1, stance: Stance::Abstain });
}

/// Who does not know how he voted could vote otherwise under the same number.
#[test]
fn a_ballot_that_cannot_be_read_is_an_error_and_never_left_out() {
    let dir = folder();
    let store = open(&dir);
    let proposal = Digest::of(b"proposal");
    let digest = Digest::of(b"artifact");
    for row in [
        "garbage".to_owned(),
        r#"{"seq":1,"stance":"perhaps","artifact":null,"selftest":null}"#.to_owned(),
        format!(r#"{{"seq":1,"stance":"ready","artifact":"{digest}","selftest":null}}"#),
    ] {
        store.put_cast(&Digest::of(b"a good one"), 1, Stance::Yes).expect("kept");
        store.inner.meta.damage("cast", proposal.as_bytes(), row.as_bytes());
        let error = store.cast().expect_err(&row);
        assert!(error.to_string().contains(&proposal.to_string()), "{error}");
    }
    store.put_cast(&proposal, 2, Stance::Yes).expect("kept");
    store.inner.meta.damage("cast", b"no digest", b"{}");
    assert!(matches!(store.cast(), Err(StoreError::BadRecord { .. })));
}

#[test]
fn the_epoch_in_which_a_decision_was_learnt_is_there_after_a_restart() {
    let dir = folder();
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    let store = open(&dir);
    for epoch in [9, 7] {
        store.put_learnt(&one, epoch).expect("kept");
    }
    drop(store);
    let store = open(&dir);
    assert_eq!(store.learnt(&one).expect("read"), Some(7));
    assert_eq!(store.learnt(&other).expect("read"), None);
}

#[test]
fn the_height_is_there_after_a_restart() {
    let dir = folder();
    let store = open(&dir);
    assert_eq!(store.height().expect("read"), None);
    for height in [7, u64::MAX] {
        store.put_height(height).expect("kept");
    }
    drop(store);
    let store = open(&dir);
    assert_eq!(store.height().expect("read"), Some(u64::MAX));
    assert_eq!(store.time().expect("read"), Timestamp::from_seconds(0), "another number");
    store.inner.meta.damage("about", b"height", b"short");
    assert!(matches!(store.height(), Err(StoreError::BadRecord { .. })));
}

#[test]
fn what_took_the_place_of_a_statement_is_not_struck_off_with_it() {
    let dir = folder();
    let store = open(&dir);
    let word = |seq| {
        let heartbeat = updraft_protocol::Heartbeat {
            network: NetworkId::from_bytes([9; 32]),
            by: SecretKey::from_seed(&[1; 32]).public().id(),
            channel: stable(),
            seq,
            head: Digest::of(&[7]),
            time: Timestamp::from_seconds(seq),
            valid_for: 60,
        };
        Statement::Heartbeat(Signed::unsigned(&heartbeat).expect("a heartbeat"))
    };
    store.put_statement(&word(1)).expect("kept");
    store.put_statement(&word(2)).expect("kept");
    store.remove_statement(&word(1)).expect("it is gone already");
    assert_eq!(store.statements().expect("read"), [word(2)]);
    store.remove_statement(&word(2)).expect("struck off");
    assert_eq!(store.statements().expect("read"), []);
}
