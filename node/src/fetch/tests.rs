//! The machine, with values and with random peers that stall, lie and vanish.

use super::*;

const LIMITS: Limits = Limits { in_flight: 16, peers: 8 };

fn at(millis: u64) -> Elapsed {
    Duration::from_millis(millis)
}

fn requests(actions: &[Action<u8>]) -> Vec<(u8, u32)> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Request(peer, chunks) => Some(chunks.iter().map(|index| (*peer, *index))),
            _ => None,
        })
        .flatten()
        .collect()
}

fn answered(peer: u8, index: u32, kept: usize, rest: Rest) -> Input<u8> {
    Input::Answered(peer, Answer { asked: vec![index], kept, rest })
}

fn kept(peer: u8, index: u32) -> Input<u8> {
    answered(peer, index, 1, Rest::LeftOut)
}

fn wrong(peer: u8, index: u32) -> Input<u8> {
    answered(peer, index, 0, Rest::Wrong)
}

fn failed(peer: u8, index: u32, failure: Failure) -> Input<u8> {
    answered(peer, index, 0, Rest::Failed(failure))
}

/// A machine of `chunks` chunks and peers that hold everything.
fn with_seeders(chunks: usize, seeders: &[u8]) -> (Machine<u8>, Vec<(u8, u32)>) {
    let mut machine = Machine::new(vec![false; chunks], LIMITS, 1);
    let mut asked = Vec::new();
    for peer in seeders {
        machine.handle(Input::Found(*peer), at(0));
        asked.extend(requests(&machine.handle(Input::Holds(*peer, Holding::Everything), at(0))));
    }
    (machine, asked)
}

#[test]
fn several_peers_are_asked_at_once_and_never_for_the_same_chunk() {
    let (_, asked) = with_seeders(10, &[1, 2, 3]);
    let chunks: BTreeSet<u32> = asked.iter().map(|(_, index)| *index).collect();
    let peers: BTreeSet<u8> = asked.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(chunks.len(), asked.len());
    assert_eq!(peers.len(), 3);
}

#[test]
fn the_rarest_chunk_goes_first() {
    let mut machine = Machine::new(vec![false; 4], LIMITS, 1);
    machine.handle(Input::Found(1), at(0));
    machine.handle(Input::Found(2), at(0));
    machine.handle(Input::Found(3), at(0));
    // Chunk 3 is held by one peer only, the others by two.
    let common = Holding::from_flags(&[true, true, true, false]);
    machine.peers.get_mut(&1).expect("found").rest_until = at(1_000);
    machine.handle(Input::Holds(1, common), at(0));
    let asked = requests(&machine.handle(Input::Holds(2, Holding::Everything), at(0)));
    assert_eq!(asked.first(), Some(&(2, 3)));
}

#[test]
fn nodes_that_start_together_ask_for_different_chunks() {
    let first = |seed| {
        let mut machine = Machine::new(vec![false; 64], LIMITS, seed);
        machine.handle(Input::Found(1), at(0));
        requests(&machine.handle(Input::Holds(1, Holding::Everything), at(0)))
    };
    assert_ne!(first(1), first(2));
}

#[test]
fn a_peer_that_sends_one_wrong_chunk_is_never_asked_again() {
    let (mut machine, asked) = with_seeders(10, &[1]);
    let actions = machine.handle(wrong(1, asked[0].1), at(10));
    assert!(actions.contains(&Action::Drop(1)));
    let actions = machine.handle(Input::Found(1), at(20));
    assert!(!actions.contains(&Action::AskHolding(1)));
    let later = machine.handle(Input::Holds(1, Holding::Everything), at(30));
    assert!(requests(&later).is_empty());
}

#[test]
fn a_stalled_chunk_is_asked_elsewhere_once_nothing_else_is_left() {
    let (mut machine, asked) = with_seeders(3, &[1, 2]);
    let stalled: BTreeSet<u32> =
        asked.iter().filter(|(peer, _)| *peer == 1).map(|(_, i)| *i).collect();
    let quick = asked.iter().find(|(peer, _)| *peer == 2).expect("asked too").1;
    assert!(requests(&machine.handle(kept(2, quick), at(10))).is_empty());
    let wakeup = machine.next_wakeup(at(10)).expect("a hedge is due");
    let hedged = requests(&machine.handle(Input::Tick, wakeup));
    assert_eq!(hedged.iter().map(|(_, index)| *index).collect::<BTreeSet<_>>(), stalled);
    assert!(hedged.iter().all(|(peer, _)| *peer == 2));
    let ends = hedged.iter().flat_map(|(peer, index)| machine.handle(kept(*peer, *index), wakeup));
    assert_eq!(ends.collect::<Vec<_>>(), vec![Action::Done]);
    for index in stalled {
        assert!(machine.handle(failed(1, index, Failure::NoAnswer), wakeup + at(9)).is_empty());
    }
}

#[test]
fn a_busy_peer_is_left_alone_for_a_while() {
    let (mut machine, asked) = with_seeders(20, &[1]);
    for (peer, index) in asked {
        assert!(requests(&machine.handle(failed(peer, index, Failure::Busy), at(0))).is_empty());
    }
    assert!(requests(&machine.handle(Input::Tick, at(100))).is_empty());
    assert!(!requests(&machine.handle(Input::Tick, at(10_000))).is_empty());
}

#[test]
fn a_partial_holder_is_asked_again_what_it_has() {
    let mut machine = Machine::new(vec![false; 2], LIMITS, 1);
    let found = machine.handle(Input::Found(1), at(0));
    assert!(found.contains(&Action::AskHolding(1)));
    machine.handle(Input::Holds(1, Holding::Nothing), at(0));
    let again = machine.handle(Input::Tick, machine.next_wakeup(at(0)).expect("a question is due"));
    assert!(again.contains(&Action::AskHolding(1)));
}

#[test]
fn chunks_that_nobody_has_start_a_search_and_it_is_not_repeated_at_once() {
    let mut machine: Machine<u8> = Machine::new(vec![false; 2], LIMITS, 1);
    assert!(machine.handle(Input::Tick, at(0)).contains(&Action::Search), "one at the beginning");
    assert!(
        !machine.handle(Input::Tick, at(600)).contains(&Action::Search),
        "it is still under way"
    );
    machine.handle(Input::Searched, at(800));
    assert!(!machine.handle(Input::Tick, at(900)).contains(&Action::Search));
    assert!(machine.handle(Input::Tick, at(60_000)).contains(&Action::Search));
}

#[test]
fn chunks_that_are_here_are_not_fetched_again() {
    let mut machine = Machine::new(vec![true, false, true], LIMITS, 1);
    machine.handle(Input::Found(1), at(0));
    let asked = requests(&machine.handle(Input::Holds(1, Holding::Everything), at(0)));
    assert_eq!(asked, vec![(1, 1)]);
    assert_eq!(machine.handle(kept(1, 1), at(1)), vec![Action::Done]);
}

#[test]
fn a_complete_blob_is_done_at_once() {
    let mut machine: Machine<u8> = Machine::new(vec![true, true], LIMITS, 1);
    assert_eq!(machine.handle(Input::Tick, at(0)), vec![Action::Done]);
    assert!(machine.handle(Input::Tick, at(1)).is_empty());
}

#[test]
fn partial_holders_that_are_due_at_about_the_same_time_are_asked_together() {
    let mut machine: Machine<u8> = Machine::new(vec![false; 8], LIMITS, 1);
    let part = || Holding::from_flags(&[true, false]);
    for peer in 1..=3 {
        machine.handle(Input::Found(peer), at(0));
        machine.handle(Input::Holds(peer, part()), at(10 * u64::from(peer)));
    }
    let asked = |actions: Vec<Action<u8>>| {
        let holding = |action: &Action<u8>| matches!(action, Action::AskHolding(_));
        actions.into_iter().filter(holding).count()
    };
    assert_eq!(asked(machine.handle(Input::Tick, at(249))), 0);
    assert_eq!(machine.next_wakeup(at(249)), Some(at(250)));
    assert_eq!(asked(machine.handle(Input::Tick, at(250))), 3);
}
