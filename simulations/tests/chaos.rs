//! Many seeds of the scenario in which everything goes wrong and then has to come right. 200 seeds, or as many as
//! `UPDRAFT_CHAOS_SEEDS` says, from `UPDRAFT_CHAOS_FROM` on.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use updraft_simulations::{
    builtin,
    run::{RunOptions, Unwatched, run},
    scenario::read,
};

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn chaos_breaks_no_promise_and_comes_right_with_any_seed() {
    let chaos = builtin::find("chaos").expect("it is built in");
    let scenario = read(chaos.text, "chaos.toml").expect("it is built in");
    let next = AtomicU64::new(number("UPDRAFT_CHAOS_FROM", 0));
    let end = next.load(Ordering::Relaxed) + number("UPDRAFT_CHAOS_SEEDS", 200);
    let bad = Mutex::new(Vec::new());
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let options = RunOptions { seed, ..RunOptions::of("chaos", &scenario) };
                    let ran = run(&scenario, &options, &mut Unwatched, &AtomicBool::new(false));
                    let outcome = ran.expect("a world can do it");
                    if !outcome.is_good() {
                        let unmet = outcome.judged.iter().filter(|judged| !judged.met);
                        let why = format!("{:?} {:?}", outcome.broken, unmet.collect::<Vec<_>>());
                        bad.lock().expect("no test panics here").push((seed, why));
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().expect("no test panics here");
    assert!(
        bad.is_empty(),
        "{} seeds went wrong; `updraft-sim run chaos --seed N --report DIR` shows one: {bad:#?}",
        bad.len()
    );
}
