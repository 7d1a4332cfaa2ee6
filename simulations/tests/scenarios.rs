//! Every scenario that comes with the program does what it says, with its own seed.
//!
//! Those about size take longer and are run by name: `updraft-sim run churn-1000`.

use std::{
    collections::VecDeque,
    sync::{Mutex, atomic::AtomicBool},
    thread,
};

use updraft_simulations::{
    builtin::{self, Builtin},
    run::{RunOptions, Unwatched, run},
    scenario::read,
};

/// Scenarios of hundreds of nodes.
const LARGE: [&str; 2] = ["churn-1000", "flash-crowd"];
/// Threads. A run takes one; two are what small machines have.
const THREADS: usize = 2;

/// What went wrong in a scenario, in words; nothing if all came as expected.
fn wrong_with(Builtin { name, text }: &Builtin) -> Option<String> {
    let scenario = read(text, name).expect("built in");
    let options = RunOptions::of(name, &scenario);
    let outcome = run(&scenario, &options, &mut Unwatched, &AtomicBool::new(false));
    let outcome = outcome.expect("a world can do it");
    let unmet: Vec<_> = outcome.judged.iter().filter(|judged| !judged.met).collect();
    (!outcome.is_good()).then(|| format!("{name}: {:?} {unmet:?}", outcome.broken))
}

#[test]
fn every_scenario_comes_to_what_it_expects() {
    let short = builtin::ALL.iter().filter(|builtin| !LARGE.contains(&builtin.name));
    let waiting: Mutex<VecDeque<&Builtin>> = Mutex::new(short.collect());
    let next = || waiting.lock().ok()?.pop_front();
    let work = || std::iter::from_fn(next).filter_map(wrong_with).collect::<Vec<_>>();
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no run panics")).collect()
    });
    assert_eq!(waiting.lock().map(|left| left.len()).ok(), Some(0));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_called_large_is_built_in() {
    assert!(LARGE.iter().all(|name| builtin::find(name).is_some()));
}
