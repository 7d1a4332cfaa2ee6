//! Clusters of real nodes: what a scenario says happens to them, in real time.

use std::sync::atomic::AtomicBool;

use updraft_simulations::{
    outcome::{Ended, Outcome},
    run,
    run::{Progress, RunError, RunOptions, Watch},
    scenario::{self, Scenario},
};

struct Nobody;

impl Watch for Nobody {
    fn progress(&mut self, _: Progress) {}
}

fn scenario(rest: &str) -> Scenario {
    let text = format!("title = \"t\"\nteaches = \"t\"\nkind = \"cluster\"\n{rest}");
    let scenario = scenario::read(&text, "t.toml").unwrap_or_else(|error| panic!("{error}"));
    let faults = scenario::check(&scenario);
    assert!(faults.is_empty(), "{faults:?}");
    scenario
}

fn run_cluster(rest: &str) -> Outcome {
    let scenario = scenario(rest);
    let options = RunOptions::of("t", &scenario);
    let outcome = run(&scenario, &options, &mut Nobody, &AtomicBool::new(false)).expect("it runs");
    assert_eq!((&outcome.hash, outcome.broken.len()), (&None, 0));
    assert!(outcome.is_good(), "{:#?}\n{:#?}", outcome.judged, outcome.timeline);
    outcome
}

#[test]
fn a_release_and_its_patch_come_to_everybody_over_the_lines_and_not_faster() {
    let outcome = run_cluster(
        r#"
until = "60s"
[links]
latency = "10ms"
up = "20Mbit/s"
down = "50Mbit/s"
[[group]]
name = "publisher"
role = "seed"
[[group]]
name = "machines"
count = 3
runs = "1.0.0"
[[release]]
version = "1.0.0"
size = "2MiB"
[[release]]
version = "1.1.0"
size = "2MiB"
[[release]]
version = "1.2.0"
size = "2MiB"
patches = { "1.1.0" = "100KiB" }
[[story]]
at = "3s"
do = "publish"
release = "1.1.0"
[[story]]
at = "8s"
do = "publish"
release = "1.2.0"
[[story]]
at = "11s"
do = "leave"
group = "machines"
share = "34%"
how = "kill"
back_after = "1s"
[[expect]]
that = "installed"
release = "1.2.0"
by = "30s"
[[expect]]
that = "at-most"
what = "failed-installs"
value = 0
"#,
    );
    assert_eq!((outcome.ended, outcome.nodes), (Ended::Done, 4));
    let [whole, patch] = &outcome.releases[..] else { panic!("{:#?}", outcome.releases) };
    for line in [whole, patch] {
        let optimum = line.optimum.as_ref().expect("all were there").seconds;
        assert!(line.reached[&100] >= optimum, "{} s of {optimum} s", line.reached[&100]);
        assert_eq!((line.installed, line.wanted, line.wrong), (3, 3, 0));
    }
    let got = |line: &updraft_simulations::outcome::ReleaseLine| line.sources.values().sum::<u64>();
    assert_eq!((got(whole), whole.patches), (3 * whole.size, 0));
    assert_eq!(got(patch), patch.patches);
    let asked = 3 * 100 * 1024;
    assert!(got(patch).abs_diff(asked) < asked / 25, "{} bytes of patches", got(patch));
    let carried: u64 = outcome.machines.iter().map(|node| node.carried.1).sum();
    assert!(carried > got(whole), "lines carry headers, too");
    assert!(
        outcome
            .machines
            .iter()
            .all(|node| node.group == "publisher" || node.runs.as_deref() == Some("1.2.0"))
    );
    assert!(outcome.timeline.lines.len() > 3, "{:?}", outcome.timeline);
}

#[test]
fn who_is_cut_off_hears_of_nothing_until_the_network_is_whole_again() {
    let outcome = run_cluster(
        r#"
until = "90s"
[[group]]
name = "publisher"
role = "seed"
[[group]]
name = "here"
count = 2
[[group]]
name = "there"
count = 2
[[release]]
version = "1.0.0"
size = "300KiB"
[[story]]
at = "2s"
do = "partition"
groups = ["there"]
[[story]]
at = "3s"
do = "publish"
release = "1.0.0"
[[story]]
at = "12s"
do = "heal"
[[expect]]
that = "installed"
release = "1.0.0"
group = "here"
by = "10s"
[[expect]]
that = "installed"
release = "1.0.0"
[[expect]]
that = "converged"
within = "1m"
"#,
    );
    assert_eq!(outcome.ended, Ended::Done);
    let there: Vec<f64> = outcome
        .machines
        .iter()
        .filter(|node| node.group == "there")
        .map(|node| node.since.expect("it runs it"))
        .collect();
    assert!(there.iter().all(|since| *since > 12.0), "{there:?}");
}

#[test]
fn electors_vote_and_what_needs_the_new_protocol_goes_live() {
    let outcome = run_cluster(
        r#"
until = "60s"
[[group]]
name = "publisher"
role = "seed"
[[group]]
name = "electors"
count = 3
electors = 3
runs = "1.0.0"
[[release]]
version = "1.0.0"
size = "64KiB"
[[release]]
version = "2.0.0"
size = "64KiB"
needs_protocol = 2
[[story]]
at = "2s"
do = "publish"
release = "2.0.0"
[[story]]
at = "4s"
do = "propose"
component = "app"
to = 2
release = "2.0.0"
voting = "10s"
lead = "6s"
grace = "6s"
[[story]]
at = "5s"
do = "vote"
[[expect]]
that = "installed"
release = "2.0.0"
by = "40s"
"#,
    );
    let vote = outcome.votes.first().expect("one vote");
    assert!(vote.states.contains_key("active") || vote.states.contains_key("final"), "{vote:?}");
}

#[test]
fn what_only_a_world_can_do_is_refused_before_anything_runs_and_all_of_it_is_named() {
    let text = r#"
title = "t"
teaches = "t"
[[group]]
name = "a"
count = 70
[[group]]
name = "liars"
hostile = "stall"
[[group]]
name = "small"
disk = "1MiB"
clock = "+1s"
[[story]]
at = "1s"
do = "weather"
twice = "1%"
[[story]]
at = "2s"
do = "leave"
how = "power-cut"
[[story]]
at = "3s"
do = "crash-at"
"#;
    let mut scenario = scenario::read(text, "t.toml").expect("readable");
    scenario.kind = scenario::Kind::Cluster;
    let options = RunOptions::of("t", &scenario);
    let refused = run(&scenario, &options, &mut Nobody, &AtomicBool::new(false));
    let Err(RunError::Unsupported { what, .. }) = refused else { panic!("{refused:?}") };
    for part in [
        "72 nodes in a cluster, at most 64",
        "`liars`: hostile nodes",
        "`small`: wrong clocks",
        "`small`: small disks",
        "step 1 (`weather` at 1s): messages that come twice",
        "step 2 (`leave` at 2s): power cuts",
        "step 3 (`crash-at` at 3s): steps `crash-at`",
        "a world can (`--kind world`)",
    ] {
        assert!(what.contains(part), "{part} is missing from: {what}");
    }
}

#[test]
fn a_run_that_is_stopped_says_so() {
    let scenario = scenario("[[group]]\nname = \"a\"\ncount = 2\n");
    let options = RunOptions::of("t", &scenario);
    let outcome = run(&scenario, &options, &mut Nobody, &AtomicBool::new(true)).expect("it runs");
    assert_eq!((outcome.ended, outcome.nodes), (Ended::Stopped, 2));
}
