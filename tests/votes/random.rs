//! Votes in which anything may happen: messages that are late, lost for a while or told to some, electors who change
//! their minds and electors who lie, heights that come late, nodes that are started again, a key that takes itself
//! back, and roots that replace the electors and leave a vote out, and count it again. After every step nobody may
//! believe what is not proved, count anybody twice, or differ from who knows the same (`invariants.rs`); at the end, when
//! all have heard of every decision, all agree.
//!
//! A run is a list of actions. One that breaks a promise keeps itself as a file (`replay.rs`).

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestError, TestRunner},
};
use updraft_protocol::vote::Decision;

use super::{
    actions::{Action, Word, from_words, in_words},
    replay::broken,
    world::{ELECTORS, HEIGHT, LIARS, NODES, PROPOSALS, World},
};

/// Runs of one `cargo test`; `UPDRAFT_VOTE_RUNS` says otherwise.
const RUNS: u32 = 10_000;

/// What most are for.
#[derive(Debug, Clone, Copy)]
enum Mood {
    ForIt,
    AgainstIt,
}

fn word(mood: Mood) -> impl Strategy<Value = Word> {
    let (ready, cancel) = match mood {
        Mood::ForIt => (6, 1),
        Mood::AgainstIt => (1, 8),
    };
    prop_oneof![
        ready => Just(Word::Ready),
        2 => Just(Word::Yes),
        1 => Just(Word::No),
        cancel => Just(Word::Cancel),
    ]
}

/// Perhaps all who are honest agree about one of them; a time in which most are for one, and perhaps one in which they
/// think better of it; and perhaps a while after the votes.
fn story() -> impl Strategy<Value = Vec<Action>> {
    let begin = prop_oneof![
        2 => Just(Vec::new()),
        1 => (0..PROPOSALS).prop_map(agreement),
    ];
    let first = prop::collection::vec(action(Mood::ForIt), 1..50);
    let second = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(action(Mood::AgainstIt), 1..40),
    ];
    let after = prop_oneof![
        1 => Just(Vec::new()),
        1 => prop::collection::vec(aftermath(), 1..16),
    ];
    (begin, first, second, after)
        .prop_map(|(begin, first, second, after)| [begin, first, second, after].concat())
}

/// All who are honest are ready for it, and everybody hears of that.
fn agreement(proposal: usize) -> Vec<Action> {
    let honest = 0..ELECTORS.len() - LIARS;
    let votes = honest.map(|elector| Action::Vote(elector, proposal, Word::Ready));
    votes.chain([Action::Spread(ELECTORS.len())]).collect()
}

/// What happens whether anybody votes or not.
fn around() -> impl Strategy<Value = Action> {
    prop_oneof![
        (0..=HEIGHT, 0..NODES).prop_map(|(height, node)| Action::Height(height, node)),
        (0..NODES).prop_map(Action::Restart),
        (0..NODES).prop_map(Action::Root),
        (0..NODES).prop_map(Action::Revoke),
    ]
}

/// What happens when time goes on fast.
fn aftermath() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (1..16_u64).prop_map(Action::Wait),
        4 => around(),
        2 => (0..40_usize, 0..NODES).prop_map(|(m, n)| Action::Tell(m, n)),
        1 => (1..9_usize).prop_map(Action::Spread),
    ]
}

/// Most speak of one proposal, so that something is decided.
fn favourite() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 1 => 0..PROPOSALS]
}

fn action(mood: Mood) -> impl Strategy<Value = Action> {
    prop_oneof![
        1 => (0..3_u64).prop_map(Action::Wait),
        8 => (0..5_usize, favourite(), word(mood)).prop_map(|(e, p, w)| Action::Vote(e, p, w)),
        3 => (0..LIARS, favourite(), word(mood), 1..4_u32, 9..23_u64, 0..NODES)
            .prop_map(|(l, p, w, s, e, n)| Action::Lie(l, p, w, s, e, n)),
        6 => (0..40_usize, 0..NODES).prop_map(|(m, n)| Action::Tell(m, n)),
        3 => (1..9_usize).prop_map(Action::Spread),
        2 => around(),
    ]
}

fn runs() -> u32 {
    std::env::var("UPDRAFT_VOTE_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS)
}

#[test]
fn whatever_happens_nobody_believes_what_is_not_proved_and_all_agree_in_the_end() {
    let config = Config { cases: runs(), failure_persistence: None, ..Config::default() };
    let ran = TestRunner::new(config).run(&story(), |actions| {
        prop_assert_eq!(&from_words(&in_words(&actions)), &Ok(actions.clone()));
        World::run(&actions).map(drop).map_err(TestCaseError::fail)
    });
    match ran {
        Ok(()) => {}
        // The shortest that still breaks it.
        Err(TestError::Fail(wrong, actions)) => panic!("{}", broken(&actions, wrong.message())),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

#[test]
fn random_votes_do_decide_things() {
    let mut runner = TestRunner::deterministic();
    let strategy = story();
    let (mut locked, mut cancelled, mut neither) = (0, 0, 0);
    let (mut rivals, mut moved) = (0, 0);
    let (mut undone, mut again, mut compared) = (0, 0, 0);
    for _ in 0..500 {
        let actions = strategy.new_tree(&mut runner).expect("a value").current();
        let world = World::run(&actions);
        let world = world.unwrap_or_else(|wrong| panic!("{}", broken(&actions, &wrong)));
        let [lock_in, cancel] = [Decision::LockIn, Decision::Cancel].map(|it| world.has_seen(it));
        locked += usize::from(lock_in);
        cancelled += usize::from(cancel);
        neither += usize::from(!lock_in && !cancel);
        rivals += usize::from(world.has_rivals());
        moved += usize::from(world.was_in_force_before_the_end());
        undone += world.undone.0;
        again += world.undone.1;
        compared += world.compared;
    }
    assert!(locked > 20 && cancelled > 5 && neither > 20, "{locked} {cancelled} {neither}");
    assert!(rivals > 5 && moved > 20, "{rivals} {moved}");
    assert!(undone > 20 && again > 20, "{undone} {again}");
    assert!(compared > 1_000, "{compared} comparisons of who knows the same");
}
