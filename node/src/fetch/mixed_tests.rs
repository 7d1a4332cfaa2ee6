//! The machine with peers that take packs and peers that do not: what one question names, and what becomes of chunks
//! that do not come.

use proptest::prelude::*;

use super::*;
use crate::fetch::peer::MAX_WINDOW;

/// Two packs of [`PACK`] are under way to one peer, which leaves a quarter.
const LIMITS: Limits = Limits { in_flight: 44, peers: 8 };
/// Chunks in a pack, where nothing else is said.
const PACK: usize = 16;

fn at(millis: u64) -> Elapsed {
    Duration::from_millis(millis)
}

type Questions = Vec<(u8, Vec<u32>)>;

fn questions(actions: &[Action<u8>]) -> Questions {
    let question = |action: &Action<u8>| match action {
        Action::Request(peer, chunks) => Some((*peer, chunks.clone())),
        _ => None,
    };
    actions.iter().filter_map(question).collect()
}

fn answer(peer: u8, asked: &[u32], kept: usize, rest: Rest) -> Input<u8> {
    Input::Answered(peer, Answer { asked: asked.to_vec(), kept, rest })
}

/// A machine and what it has asked so far.
struct Scene {
    machine: Machine<u8>,
    asked: Questions,
    now: Elapsed,
}

impl Scene {
    /// Peers that hold everything and take packs of so many chunks.
    fn new(chunks: usize, limits: Limits, packs: &[usize]) -> Self {
        let machine = Machine::new(vec![false; chunks], limits, 1);
        let mut scene = Self { machine, asked: Vec::new(), now: at(0) };
        for (peer, pack) in (0_u8..).zip(packs) {
            scene.feed(Input::Found(peer));
            scene.machine.set_pack(peer, *pack);
            scene.feed(Input::Holds(peer, Holding::Everything));
        }
        scene
    }

    fn feed(&mut self, input: Input<u8>) -> Vec<Action<u8>> {
        let actions = self.machine.handle(input, self.now);
        self.asked.extend(questions(&actions));
        actions
    }

    /// Everything that was asked is given, some milliseconds later, until so many chunks are missing at most.
    fn give_until(&mut self, missing: usize, millis: u64) {
        while self.machine.missing() > missing {
            self.now += at(millis);
            for (peer, asked) in std::mem::take(&mut self.asked) {
                self.feed(answer(peer, &asked, asked.len(), Rest::LeftOut));
            }
        }
    }

    fn longest(&self) -> usize {
        self.asked.iter().map(|(_, asked)| asked.len()).max().unwrap_or(0)
    }
}

#[test]
fn questions_grow_to_a_pack_while_a_peer_delivers() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK]);
    assert_eq!(scene.longest(), 1, "a stranger");
    scene.give_until(800, 50);
    assert_eq!(scene.longest(), PACK);
    assert_eq!(scene.asked.iter().map(|(_, asked)| asked.len()).sum::<usize>(), 2 * PACK);
}

#[test]
fn chunks_of_packs_count_one_by_one() {
    let limits = Limits { in_flight: 10, peers: 8 };
    let mut scene = Scene::new(1_500, limits, &[PACK]);
    scene.give_until(800, 50);
    assert_eq!(scene.asked.iter().map(|(_, asked)| asked.len()).sum::<usize>(), 8, "of ten");
}

#[test]
fn with_many_peers_nobody_is_asked_for_packs_that_single_chunks_would_fill() {
    let limits = Limits { in_flight: 16, peers: 8 };
    let mut scene = Scene::new(1_500, limits, &[PACK; 4]);
    scene.give_until(800, 50);
    assert_eq!(scene.longest(), 1);
    assert_eq!(scene.asked.len(), 16);
}

#[test]
fn questions_shrink_towards_the_end_when_others_could_take_a_share() {
    let limits = Limits { in_flight: 256, peers: 8 };
    let mut scene = Scene::new(1_500, limits, &[PACK, PACK, PACK]);
    scene.give_until(800, 50);
    assert_eq!(scene.longest(), PACK);
    let mut longest = PACK;
    while scene.machine.missing() > 0 {
        let fresh = scene.machine.queue.len();
        let (peer, asked) = scene.asked.remove(0);
        scene.now += at(1);
        let before = scene.asked.len();
        scene.feed(answer(peer, &asked, asked.len(), Rest::LeftOut));
        let now_longest = scene.asked[before..].iter().map(|(_, asked)| asked.len()).max();
        if fresh > 0 && fresh < 5 * PACK {
            longest = now_longest.unwrap_or(0);
            assert!(longest <= fresh.div_ceil(5), "{longest} of the last {fresh}");
        }
    }
    assert!(longest <= 1, "the last ones are single chunks, not {longest}");
}

#[test]
fn a_slow_peer_is_asked_for_less() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK]);
    scene.give_until(900, 50);
    assert_eq!(scene.longest(), PACK);
    scene.give_until(700, 600);
    assert_eq!((scene.longest(), scene.asked.len()), (1, MAX_WINDOW), "as the first version does");
}

#[test]
fn what_a_short_answer_leaves_out_is_asked_again_at_once_and_nobody_rests() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK]);
    scene.give_until(800, 50);
    let (peer, asked) = scene.asked.remove(0);
    assert!(asked.len() > 3);
    let actions = scene.feed(answer(peer, &asked, 3, Rest::LeftOut));
    let again: BTreeSet<u32> =
        questions(&actions).into_iter().flat_map(|(_, asked)| asked).collect();
    assert!(asked[3..].iter().any(|index| again.contains(index)), "the rarest are still these");
    assert!(asked[..3].iter().all(|index| !scene.machine.is_missing(*index)));
    assert_eq!(scene.machine.peers[&peer].failures, 0);
    assert_eq!(scene.machine.peers[&peer].rest_until, scene.now);
}

#[test]
fn an_answer_without_any_chunk_is_a_failure() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK]);
    scene.give_until(800, 50);
    let (peer, asked) = scene.asked.remove(0);
    let actions = scene.feed(answer(peer, &asked, 0, Rest::LeftOut));
    assert!(questions(&actions).is_empty(), "it rests");
    let peer = &scene.machine.peers[&peer];
    assert_eq!((peer.failures, peer.window, &peer.holding), (1, 1, &Holding::Nothing));
}

#[test]
fn right_chunks_before_a_wrong_one_are_here_and_the_others_are_asked_elsewhere() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK, 1]);
    scene.give_until(800, 50);
    let place = scene.asked.iter().position(|(_, asked)| asked.len() > 3).expect("a pack");
    let (liar, asked) = scene.asked.remove(place);
    let actions = scene.feed(answer(liar, &asked, 2, Rest::Wrong));
    assert!(actions.contains(&Action::Drop(liar)));
    assert!(asked[..2].iter().all(|index| !scene.machine.is_missing(*index)));
    assert!(asked[2..].iter().all(|index| scene.machine.is_missing(*index)));
    assert!(questions(&actions).iter().all(|(peer, _)| *peer != liar));
    scene.asked.retain(|(peer, _)| *peer != liar);
    scene.give_until(0, 50);
}

#[test]
fn a_stalled_pack_is_asked_elsewhere_one_by_one() {
    let mut scene = Scene::new(200, LIMITS, &[PACK, 1]);
    let stalled = loop {
        let found = scene.asked.iter().position(|(peer, asked)| *peer == 0 && asked.len() > 2);
        if let Some(place) = found {
            break scene.asked.remove(place).1;
        }
        scene.now += at(20);
        let (peer, asked) = scene.asked.remove(0);
        scene.feed(answer(peer, &asked, asked.len(), Rest::LeftOut));
    };
    // Whatever else is under way comes; then only the stalled pack is left.
    scene.give_until(stalled.len(), 10);
    assert!(scene.asked.is_empty(), "not due yet: {:?}", scene.asked);
    scene.now = scene.machine.next_wakeup(scene.now).expect("a hedge is due");
    scene.feed(Input::Tick);
    assert_eq!(scene.asked.len(), MAX_WINDOW);
    for (peer, asked) in &scene.asked {
        assert_eq!((*peer, asked.len()), (1, 1));
        assert!(stalled.contains(&asked[0]));
    }
}

/// Peer 0 alone is asked for as much as one peer may be and dribbles; then peer 1 comes, which holds everything, too.
fn dribbled(pack: usize) -> Scene {
    let limits = Limits { in_flight: 16, peers: 8 };
    let mut scene = Scene::new(200, limits, &[PACK]);
    scene.give_until(150, 50);
    let under_way: usize = scene.asked.iter().map(|(_, asked)| asked.len()).sum();
    assert_eq!((under_way, scene.longest()), (12, 6), "three quarters");
    scene.asked.clear();
    scene.feed(Input::Found(1));
    scene.machine.set_pack(1, pack);
    scene.feed(Input::Holds(1, Holding::Everything));
    scene
}

#[test]
fn a_peer_that_is_alone_leaves_places_to_who_comes_later() {
    for pack in [1, PACK] {
        let scene = dribbled(pack);
        let asked: Vec<(u8, usize)> =
            scene.asked.iter().map(|(peer, asked)| (*peer, asked.len())).collect();
        assert_eq!(asked, [(1, 1), (1, 1)], "at once, as a stranger is");
    }
}

#[test]
fn an_overdue_question_keeps_its_places() {
    let mut scene = dribbled(1);
    scene.give_until(100, 50);
    let before = scene.machine.in_flight;
    for _ in 0..100 {
        scene.now += HEDGE_AFTER;
        scene.feed(Input::Tick);
    }
    assert!((before..=16).contains(&scene.machine.in_flight));
}

#[test]
fn a_peer_that_dribbles_does_not_keep_another_from_giving_everything() {
    for pack in [1, PACK] {
        let mut scene = dribbled(pack);
        let stalled = scene.machine.peers[&0].in_flight();
        for _ in 0..1_000 {
            if scene.machine.missing() == 0 {
                break;
            }
            if scene.asked.is_empty() {
                scene.now = scene.machine.next_wakeup(scene.now).expect("a hedge is due");
                scene.feed(Input::Tick);
            }
            scene.now += at(50);
            for (peer, asked) in std::mem::take(&mut scene.asked) {
                // Peer 0 may be asked for a little more, and answers that no more than the rest.
                if peer == 1 {
                    scene.feed(answer(peer, &asked, asked.len(), Rest::LeftOut));
                }
            }
        }
        assert_eq!(scene.machine.missing(), 0);
        assert!(scene.machine.peers[&0].in_flight() >= stalled, "it never answered");
    }
}

#[test]
fn peers_that_can_give_nothing_do_not_make_questions_smaller() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK]);
    scene.give_until(900, 50);
    let here = scene.machine.held.clone();
    for peer in 1..4 {
        scene.feed(Input::Found(peer));
        scene.machine.set_pack(peer, PACK);
        scene.feed(Input::Holds(peer, Holding::from_flags(&here)));
    }
    scene.give_until(800, 50);
    assert_eq!(scene.longest(), PACK);
}

#[test]
fn packs_that_are_not_to_be_asked_for_any_more_are_not() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK]);
    scene.give_until(800, 50);
    scene.machine.set_pack(0, 1);
    for (peer, asked) in std::mem::take(&mut scene.asked) {
        scene.feed(answer(peer, &asked, asked.len(), Rest::LeftOut));
    }
    assert_eq!((scene.longest(), scene.asked.len()), (1, MAX_WINDOW));
}

#[test]
fn what_is_left_of_a_window_is_not_asked_for_in_crumbs() {
    let mut scene = Scene::new(1_500, LIMITS, &[PACK]);
    scene.give_until(800, 50);
    // Of a window of twenty sixteen stay under way: room for four, where ten are wanted.
    scene.machine.set_pack(0, 10);
    let (peer, asked) = scene.asked.remove(0);
    let actions = scene.feed(answer(peer, &asked, asked.len(), Rest::LeftOut));
    assert!(questions(&actions).is_empty(), "{actions:?}");
    let (peer, asked) = scene.asked.remove(0);
    scene.feed(answer(peer, &asked, asked.len(), Rest::LeftOut));
    let lengths: Vec<usize> = scene.asked.iter().map(|(_, asked)| asked.len()).collect();
    assert_eq!(lengths, [10, 10]);
}

#[test]
fn a_pack_of_scattered_chunks_has_no_more_ranges_than_a_question_may_name() {
    let limits = Limits { in_flight: 256, peers: 8 };
    let mut scene = Scene::new(6_000, limits, &[64]);
    // Invariants count the ranges of every question.
    scene.give_until(5_000, 50);
    assert!((30..=64).contains(&scene.longest()), "{}", scene.longest());
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Honest,
    /// Gives some of what it is asked for.
    Short,
    Liar,
    /// Cannot be asked what it has.
    Dead,
    /// Has nothing, and says so.
    Empty,
    /// Says it has everything and gives nothing.
    Boaster,
    Busy,
    /// Says it has everything and never answers.
    Silent,
}

proptest! {
    /// Whatever peers there are, of either version, and whenever they change: one honest one is enough, everything
    /// that was asked ends, and the invariants hold all the way.
    #[test]
    fn a_mixed_swarm_finishes(
        chunks in 1_usize..300,
        seed in any::<u64>(),
        in_flight in 1_usize..80,
        places in 1_usize..4,
        mut peers in proptest::collection::vec((prop_oneof![
            Just(Kind::Honest),
            Just(Kind::Short),
            Just(Kind::Liar),
            Just(Kind::Dead),
            Just(Kind::Empty),
            Just(Kind::Boaster),
            Just(Kind::Busy),
            Just(Kind::Silent),
        ], 1_usize..70), 0..7),
        honest_pack in 1_usize..70,
        order in proptest::collection::vec((any::<proptest::sample::Index>(), 0_u64..40), 400..401),
    ) {
        peers.push((Kind::Honest, honest_pack));
        let limits = Limits { in_flight, peers: places };
        let mut machine: Machine<u8> = Machine::new(vec![false; chunks], limits, seed);
        let mut now = at(0);
        let mut pending: Vec<Action<u8>> = Vec::new();
        for (peer, (_, pack)) in (0_u8..).zip(&peers) {
            pending.extend(machine.handle(Input::Found(peer), now));
            machine.set_pack(peer, *pack);
        }
        let mut order = order.into_iter().cycle();
        for _ in 0..20_000 {
            if pending.contains(&Action::Done) {
                break;
            }
            if pending.is_empty() {
                now = machine.next_wakeup(now).expect("never stuck without a wakeup");
                pending.extend(machine.handle(Input::Tick, now));
                continue;
            }
            let (place, millis) = order.next().expect("endless");
            let action = pending.swap_remove(place.index(pending.len()));
            now += at(millis);
            let kind = |peer: u8| peers[usize::from(peer)].0;
            let input = match action {
                Action::AskHolding(peer) if kind(peer) == Kind::Dead => Input::HoldsUnknown(peer),
                Action::AskHolding(peer) if kind(peer) == Kind::Empty => {
                    Input::Holds(peer, Holding::Nothing)
                }
                Action::AskHolding(peer) => Input::Holds(peer, Holding::Everything),
                Action::Request(peer, asked) => {
                    // One in four changes what it takes while it is being asked.
                    if millis < 10 {
                        machine.set_pack(peer, usize::try_from(millis).expect("small"));
                    }
                    match kind(peer) {
                        Kind::Honest => answer(peer, &asked, asked.len(), Rest::LeftOut),
                        Kind::Short => answer(peer, &asked, place.index(asked.len() + 1), Rest::LeftOut),
                        Kind::Liar => answer(peer, &asked, place.index(asked.len()), Rest::Wrong),
                        Kind::Boaster => answer(peer, &asked, 0, Rest::LeftOut),
                        Kind::Busy => answer(peer, &asked, 0, Rest::Failed(Failure::Busy)),
                        Kind::Silent => answer(peer, &asked, 0, Rest::Failed(Failure::NoAnswer)),
                        Kind::Dead | Kind::Empty => panic!("{peer} does not say that it has any"),
                    }
                }
                Action::Search => Input::Searched,
                Action::Drop(_) | Action::Done => Input::Tick,
            };
            pending.extend(machine.handle(input, now));
        }
        prop_assert_eq!(machine.missing(), 0);
    }
}
