//! Who is asked what, and when again.

use super::*;

fn digest(n: u8) -> Digest {
    Digest::of(&[n])
}

#[test]
fn a_peer_is_asked_for_news_when_it_comes_and_one_thing_at_a_time() {
    let mut sync: Sync<u8> = Sync::default();
    sync.peer_came(1);
    assert_eq!(sync.due(Duration::ZERO), vec![(1, Question::News)]);
    sync.ask(1, Question::Roots);
    sync.ask(1, Question::News);
    assert!(
        sync.due(Duration::ZERO).is_empty(),
        "one question at a time, and the same one only once"
    );
    sync.answered(1, Question::News);
    assert_eq!(sync.due(Duration::ZERO), vec![(1, Question::Roots)]);
}

#[test]
fn a_manifest_is_asked_from_another_peer_when_one_does_not_have_it() {
    let mut sync: Sync<u8> = Sync::default();
    sync.peer_came(1);
    sync.peer_came(2);
    sync.due(Duration::ZERO);
    sync.answered(1, Question::News);
    sync.answered(2, Question::News);
    sync.want(&BTreeSet::from([digest(1)]), Duration::ZERO);
    let first = sync.due(Duration::ZERO);
    assert_eq!(first.len(), 1);
    sync.answered(first[0].0, first[0].1);
    sync.has_not(first[0].0, digest(1), Duration::ZERO);
    let second = sync.due(Duration::ZERO);
    assert_eq!(second.len(), 1);
    assert_ne!(first[0].0, second[0].0);
    sync.answered(second[0].0, second[0].1);
    sync.has_not(second[0].0, digest(1), Duration::ZERO);
    assert!(sync.due(Duration::ZERO).is_empty());
    let again = sync.next_wakeup(Duration::ZERO);
    assert!(again <= MAX_PAUSE, "who had it not may get it soon");
    assert!(!sync.due(again).is_empty());
}

#[test]
fn news_that_did_not_come_are_asked_for_again_after_a_pause() {
    let mut sync: Sync<u8> = Sync::default();
    sync.peer_came(1);
    sync.due(Duration::ZERO);
    sync.answered(1, Question::News);
    sync.news_failed(1, Duration::ZERO);
    assert!(sync.due(Duration::ZERO).is_empty());
    let again = sync.next_wakeup(Duration::ZERO);
    assert_eq!(sync.due(again), vec![(1, Question::News)]);
    sync.answered(1, Question::News);
    sync.news_came(1);
    assert!(sync.due(MAX_PAUSE).is_empty());
}

#[test]
fn who_had_news_is_asked_at_once_and_again_soon_however_often_it_knew_nothing_before() {
    let mut sync: Sync<u8> = Sync::default();
    sync.peer_came(1);
    let mut now = Duration::ZERO;
    for _ in 0..8 {
        assert_eq!(sync.due(now), vec![(1, Question::News)]);
        sync.answered(1, Question::News);
        sync.news_failed(1, now);
        now = sync.next_wakeup(now);
    }
    sync.had_news(1);
    assert_eq!(sync.due(now - MAX_PAUSE / 2), vec![(1, Question::News)]);
    sync.answered(1, Question::News);
    sync.news_failed(1, now);
    assert_eq!(sync.next_wakeup(now), now + MIN_PAUSE);
}

#[test]
fn a_manifest_that_is_no_longer_wanted_is_not_asked_for() {
    let mut sync: Sync<u8> = Sync::default();
    sync.want(&BTreeSet::from([digest(1)]), Duration::ZERO);
    sync.want(&BTreeSet::new(), Duration::ZERO);
    sync.peer_came(1);
    assert_eq!(sync.due(Duration::ZERO), vec![(1, Question::News)]);
    sync.answered(1, Question::News);
    assert!(sync.due(Duration::ZERO).is_empty());
}

#[test]
fn a_manifest_is_awaited_while_somebody_may_give_it_and_not_for_long() {
    let mut sync: Sync<u8> = Sync::default();
    sync.want(&BTreeSet::from([digest(1)]), Duration::ZERO);
    assert!(!sync.is_awaited(&digest(1), Duration::ZERO), "nobody is there");
    sync.peer_came(1);
    sync.peer_came(2);
    assert!(sync.is_awaited(&digest(1), Duration::ZERO));
    assert!(!sync.is_awaited(&digest(2), Duration::ZERO), "nobody wants it");
    let over = MANIFEST_PATIENCE;
    assert!(sync.next_wakeup(Duration::ZERO) <= over);
    // That it is wanted again and again is no reason to wait longer.
    sync.want(&BTreeSet::from([digest(1)]), over / 2);
    assert!(sync.is_awaited(&digest(1), over - Duration::from_millis(1)));
    assert!(!sync.is_awaited(&digest(1), over));
    sync.has_not(1, digest(1), Duration::ZERO);
    assert!(sync.is_awaited(&digest(1), Duration::ZERO));
    sync.has_not(2, digest(1), Duration::ZERO);
    assert!(!sync.is_awaited(&digest(1), Duration::ZERO), "nobody has it");
}

#[test]
fn an_endless_chain_of_roots_is_not_followed_for_ever() {
    let mut sync: Sync<u8> = Sync::default();
    sync.peer_came(1);
    let mut steps = 0_u64;
    loop {
        let due = sync.due(Duration::ZERO);
        let Some((peer, question)) = due.first().copied() else { break };
        sync.answered(peer, question);
        sync.roots_came(1, Page::Full);
        sync.ask(1, Question::Roots);
        steps += 1;
        assert!(steps <= MAX_ROOT_STEPS / MAX_ROOTS_PER_ANSWER as u64 + 2);
    }
}

#[test]
fn rounds_reach_everybody_in_turn() {
    let mut sync: Sync<u8> = Sync::default();
    (0..7).for_each(|peer| sync.peer_came(peer));
    for (peer, question) in sync.due(Duration::ZERO) {
        sync.answered(peer, question);
    }
    let mut reached = BTreeSet::new();
    for round in 1..=3 {
        for (peer, question) in sync.due(ROUND * round) {
            sync.answered(peer, question);
            reached.insert(peer);
        }
    }
    assert_eq!(reached.len(), 7);
}

#[test]
fn who_answers_news_and_never_tells_what_was_said_is_asked_for_it_ever_more_seldom() {
    let mut sync: Sync<u8> = Sync::default();
    sync.peer_came(1);
    let said = Question::Statements(None);
    let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..8 {
        // Its news always say that there is more.
        for (peer, question) in sync.due(now) {
            sync.answered(peer, question);
        }
        sync.news_came(1);
        sync.statements_failed(1, now);
        let again = sync.next_wakeup(now);
        assert!(again - now >= last && again - now <= MAX_PAUSE);
        (last, now) = (again - now, again);
        assert_eq!(sync.due(now), [(1, said)]);
        sync.answered(1, said);
    }
    assert_eq!(last, MAX_PAUSE);
    sync.statements_came(1, Page::Last, now);
    assert!(sync.due(now + MAX_PAUSE).is_empty());
}

#[test]
fn who_tells_a_first_page_and_never_the_second_is_asked_ever_more_seldom() {
    let mut sync: Sync<u8> = Sync::default();
    sync.peer_came(1);
    sync.due(Duration::ZERO);
    sync.answered(1, Question::News);
    let (first, second) = (Question::Statements(None), Question::Statements(Some(digest(9))));
    let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
    sync.ask(1, first);
    for _ in 0..8 {
        assert_eq!(sync.due(now), [(1, first)]);
        sync.answered(1, first);
        assert!(sync.statements_came(1, Page::Full, now));
        sync.ask(1, second);
        assert_eq!(sync.due(now), [(1, second)]);
        sync.answered(1, second);
        sync.statements_failed(1, now);
        let again = sync.next_wakeup(now);
        assert!(again - now >= last && again - now <= MAX_PAUSE);
        (last, now) = (again - now, again);
    }
    assert_eq!(last, MAX_PAUSE);
}
