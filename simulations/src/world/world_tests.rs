//! Whole worlds: the same seed is the same run, and chaos breaks no promise.

use super::*;
use crate::{
    builtin,
    run::Unwatched,
    scenario::read,
    shrink::{Failure, shrink},
};

fn ran(text: &str, seed: u64) -> Outcome {
    let scenario = read(text, "t.toml").expect("a scenario");
    let options = RunOptions { seed, ..RunOptions::of("t", &scenario) };
    run(&scenario, &options, &mut Unwatched, &AtomicBool::new(false)).expect("a world can do it")
}

fn outcome(name: &str, seed: u64) -> Outcome {
    ran(builtin::find(name).map(|found| found.text).expect("it is built in"), seed)
}

/// A scenario with a publisher that begins so.
fn with_publisher(until: &str, rest: &str) -> String {
    format!(
        "title = \"t\"\nteaches = \"t\"\nuntil = \"{until}\"\n[[group]]\nname = \"publisher\"\nrole = \"seed\"\n{rest}"
    )
}

fn comes_as_expected(until: &str, rest: &str) -> Outcome {
    let outcome = ran(&with_publisher(until, rest), 1);
    assert!(outcome.is_good(), "{:?} {:?}", outcome.broken, outcome.judged);
    outcome
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let one = outcome("first-release", 7);
    assert_eq!(one, outcome("first-release", 7));
    assert_ne!(one.hash, outcome("first-release", 8).hash);
}

/// One of four machines goes for good, among much that harms nobody.
const FAILS: &str = r#"
[[group]]
name = "machines"
count = 4
[[release]]
version = "1.0.0"
[[story]]
at = "40s"
do = "weather"
late = "5%"
[[story]]
at = "50s..60s"
do = "leave"
group = "machines"
share = "25%"
how = "kill"
[[story]]
at = "55s"
do = "swizzle-clog"
share = "40%"
lasts = "4s"
[[story]]
at = "70s"
do = "publish"
release = "1.0.0"
[[story]]
at = "80s"
do = "clock"
group = "machines"
share = "50%"
by = "+1s"
[[expect]]
that = "installed"
release = "1.0.0"
"#;

#[test]
fn what_a_failed_run_needs_to_fail_is_found_and_fails_again() {
    let scenario = read(&with_publisher("3m", FAILS), "fails.toml").expect("a scenario");
    assert_eq!(crate::scenario::check(&scenario), []);
    let go = |course: &[Happening]| {
        let course = Some(course.to_vec());
        let options = RunOptions { course, ..RunOptions::of("fails", &scenario) };
        run(&scenario, &options, &mut Unwatched, &AtomicBool::new(false))
            .expect("a world can do it")
    };
    let whole = course::pick(&scenario, scenario.seed);
    let picked = run(
        &scenario,
        &RunOptions::of("fails", &scenario),
        &mut Unwatched,
        &AtomicBool::new(false),
    );
    assert_eq!(go(&whole).hash, picked.expect("a world can do it").hash, "a course is the whole");
    let failure = Failure::of(&go(&whole)).expect("one of them is gone");
    let shrunk =
        shrink(whole, &failure, |course| Some(Failure::of(&go(course)).as_ref() == Some(&failure)));
    let words: Vec<String> = shrunk.course.iter().map(|one| one.deed.to_string()).collect();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words[0].ends_with("is killed, for good"), "{words:?}");
    assert_eq!(words[1], "release 1.0.0 is published at publisher-1");
    assert_eq!(Failure::of(&go(&shrunk.course)), Some(failure));
}

/// Seed 1623 of chaos: a program that was to end in the middle of an installation, and had not, could install nothing when
/// all was calm.
#[test]
fn who_was_to_crash_and_did_not_is_spared_when_it_is_calm() {
    let text = r#"
[[group]]
name = "machines"
runs = "1.0.0"
[[release]]
version = "1.0.0"
[[release]]
version = "1.1.0"
[[story]]
at = "10s"
do = "crash-at"
group = "machines"
change = 20
how = "kill"
[[story]]
at = "30s"
do = "calm"
[[story]]
at = "60s"
do = "publish"
release = "1.1.0"
[[expect]]
that = "installed"
release = "1.1.0"
by = "80s"
"#;
    comes_as_expected("3m", text);
}

/// The first elector is away when it is to propose, and all are when they are to vote.
const AWAY: &str = r#"
[[group]]
name = "electors"
count = 3
electors = 3
[[release]]
version = "2.0.0"
component = "updraft"
speaks = 2
size = "64KiB"
[[story]]
at = "40s"
do = "publish"
release = "2.0.0"
[[story]]
at = "59s"
do = "leave"
group = "electors"
share = "100%"
how = "kill"
back_after = "4s"
[[story]]
at = "60s"
do = "propose"
to = 2
release = "2.0.0"
voting = "60s"
lead = "30s"
grace = "30s"
[[story]]
at = "61s"
do = "vote"
[[expect]]
that = "decided"
state = "final"
"#;

#[test]
fn who_is_away_proposes_and_votes_when_it_is_back() {
    let outcome = comes_as_expected("4m", AWAY);
    assert!(outcome.votes[0].proposed > 62.0, "it was away: {:?}", outcome.votes);
}

/// The publisher is away when it is to withdraw, and when it is to publish.
const PUBLISHER_AWAY: &str = r#"
[[group]]
name = "machines"
count = 3
[[release]]
version = "1.0.0"
size = "64KiB"
[[release]]
version = "1.1.0"
size = "64KiB"
[[story]]
at = "10s"
do = "publish"
release = "1.0.0"
[[story]]
at = "30s"
do = "leave"
group = "publisher"
how = "kill"
back_after = "5s"
[[story]]
at = "31s"
do = "withdraw"
release = "1.0.0"
[[story]]
at = "40s"
do = "leave"
group = "publisher"
how = "kill"
back_after = "5s"
[[story]]
at = "41s"
do = "publish"
release = "1.1.0"
[[expect]]
that = "heard"
release = "1.1.0"
by = "60s"
[[expect]]
that = "installed"
release = "1.1.0"
group = "machines"
by = "100s"
"#;

#[test]
fn a_publisher_that_is_away_withdraws_and_publishes_when_it_is_back() {
    comes_as_expected("2m", PUBLISHER_AWAY);
}

#[test]
fn what_runs_on_a_disk_that_is_full_was_installed_before_it_was() {
    for disk in ["4KiB", "12KiB", "1MiB"] {
        let small = format!(
            "[[group]]\nname = \"small\"\ndisk = \"{disk}\"\nruns = \"1.0.0\"\n[[release]]\nversion = \"1.0.0\"\n"
        );
        let outcome = ran(&with_publisher("20s", &small), 1);
        let runs = outcome.machines.iter().find(|line| line.group == "small");
        assert_eq!(runs.and_then(|line| line.runs.as_deref()), Some("1.0.0"), "{disk}");
        assert!(outcome.broken.is_empty(), "{disk}: {:?}", outcome.broken);
    }
}
