//! Whole worlds: the same seed is the same run, and chaos breaks no promise.

use super::*;
use crate::{builtin, run::Unwatched, scenario::read};

fn outcome(name: &str, seed: u64) -> Outcome {
    let text = builtin::find(name).map(|found| found.text).expect("it is built in");
    let scenario = read(text, name).expect("a scenario");
    let options = RunOptions { seed, ..RunOptions::of(name, &scenario) };
    run(&scenario, &options, &mut Unwatched, &AtomicBool::new(false)).expect("a world can do it")
}

fn good(name: &str) -> Outcome {
    let outcome = outcome(name, 7);
    println!("{}", serde_json::to_string_pretty(&outcome.releases).expect("numbers"));
    println!("{:#?} {:#?} {:#?}", outcome.votes, outcome.counted, outcome.ended);
    assert!(outcome.is_good(), "{:#?} {:#?}", outcome.broken, outcome.judged);
    outcome
}

#[test]
fn a_release_comes_to_everybody() {
    good("first-release");
}

#[test]
fn eight_leechers_take_not_much_longer_than_their_lines() {
    good("eight-leechers");
}

#[test]
fn a_network_changes_its_protocol_by_vote() {
    good("upgrade-vote");
}

#[test]
fn chaos_breaks_no_promise_and_ends_when_it_is_calm() {
    let seeds = std::env::var("UPDRAFT_SIM_SEEDS").ok().and_then(|text| text.parse().ok());
    let bad: Vec<String> = (0..seeds.unwrap_or(5))
        .map(|seed| (seed, outcome("chaos", seed)))
        .filter(|(_, outcome)| !outcome.is_good())
        .map(|(seed, outcome)| format!("seed {seed}: {:?} {:?}", outcome.broken, outcome.judged))
        .collect();
    assert!(bad.is_empty(), "{} bad seeds:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let one = outcome("first-release", 7);
    assert_eq!(one, outcome("first-release", 7));
    assert_ne!(one.hash, outcome("first-release", 8).hash);
}
