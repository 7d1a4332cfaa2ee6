use super::*;
use crate::{builtin, scenario::read};

struct Nobody;

impl Watch for Nobody {
    fn progress(&mut self, _progress: Progress) {}
}

fn outcome(name: &str, seed: u64) -> Outcome {
    let text = builtin::find(name).map(|found| found.text).expect("it is built in");
    let scenario = read(text, name).expect("a scenario");
    let options = RunOptions { seed, ..RunOptions::of(name, &scenario) };
    run(&scenario, &options, &mut Nobody, &AtomicBool::new(false)).expect("a world can do it")
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
    for seed in 0..5 {
        let outcome = outcome("chaos", seed);
        assert!(outcome.is_good(), "seed {seed}: {:#?} {:#?}", outcome.broken, outcome.judged);
    }
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let one = outcome("first-release", 7);
    assert_eq!(one, outcome("first-release", 7));
    assert_ne!(one.hash, outcome("first-release", 8).hash);
}

#[test]
fn debug_chaos() {
    let text = builtin::find("chaos").map(|found| found.text).expect("it is built in");
    let scenario = read(text, "chaos").expect("a scenario");
    let mut world = World::new(Arc::new(scenario), 0);
    while world.step(900_000_000) {}
    let component = world.people.component.clone();
    for (number, node) in world.nodes.iter().enumerate() {
        let live = node.inventory(&component).0.map(|live| live.version.to_string());
        let machine = node.running.as_ref().map(|r| &r.machine);
        let stage = machine.and_then(|m| m.component(&component)).map(|c| format!("{:?} {:?} pinned {} q {:?}", c.stage(), c.last_update, c.pinned, c.quarantined));
        let head = machine.and_then(|m| m.catalog().head(&world.people.channel)).map(|h| h.head.seq);
        let open = node.installer(&component).is_some();
        println!("{number} {} {live:?} head {head:?} peers {} open {open} {stage:?} carrying {:?}", world.name(number as u32), node.peers.len(), node.running.as_ref().map(|r| r.carrying.len()));
    }
}
