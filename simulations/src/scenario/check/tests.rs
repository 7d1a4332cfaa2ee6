//! Everything that cannot be is found, all of it at once, and told with its place.

use super::*;
use crate::scenario::read;

/// A scenario that can run, with a release, a vote and a client in it.
const GOOD: &str = r#"
title = "t"
teaches = "t"
until = "10m"
[[group]]
name = "publisher"
role = "seed"
[[group]]
name = "machines"
count = 10
electors = 4
runs = "1.0.0"
[[release]]
version = "1.0.0"
[[release]]
version = "1.1.0"
patches = { "1.0.0" = "10KiB" }
[[story]]
at = "10s"
do = "publish"
release = "1.1.0"
"#;

fn faults(rest: &str) -> Vec<String> {
    let text = format!("{GOOD}{rest}");
    let scenario = read(&text, "t.toml").unwrap_or_else(|error| panic!("{error}"));
    check(&scenario).iter().map(ToString::to_string).collect()
}

/// The good scenario with a piece of it replaced.
fn instead(of: &str, by: &str) -> Vec<String> {
    assert!(GOOD.contains(of), "{of}");
    let scenario =
        read(&GOOD.replacen(of, by, 1), "t.toml").unwrap_or_else(|error| panic!("{error}"));
    check(&scenario).iter().map(ToString::to_string).collect()
}

fn step(act: &str) -> String {
    format!("[[story]]\nat = \"20s\"\ndo = {act}\n")
}

fn expect(what: &str) -> String {
    format!("[[expect]]\nthat = {what}\n")
}

#[test]
fn a_good_scenario_has_no_fault() {
    assert_eq!(faults(""), [""; 0]);
}

#[test]
fn all_faults_are_found_at_once() {
    let rest =
        [step("\"vote\"\nshare = \"0%\""), expect("\"decided\"\nstate = \"actve\"")].concat();
    assert_eq!(
        faults(&rest),
        [
            "step 2 (`vote` at 20s): `share = \"0%\"`: nobody is meant",
            "step 2 (`vote` at 20s): nothing is proposed before",
            "expectation 1 (`decided`): nothing is proposed",
            "expectation 1 (`decided`): there is no state `actve`; the nearest is `active`",
        ]
    );
}

#[test]
fn the_whole_and_its_network_are_looked_at() {
    for (of, by, fault) in [
        ("title = \"t\"", "title = \" \"", "the scenario: `title` is empty"),
        (
            "until = \"10m\"",
            "until = \"1001d\"",
            "the scenario: `until = \"1001d\"` is later than 1000d",
        ),
        (
            "[[group]]",
            "[network]\npublishers = 2\nthreshold = 3\n[[group]]",
            "`network`: `threshold = 3` of 2 publishers",
        ),
        (
            "[[group]]",
            "[network]\npublishers = 33\n[[group]]",
            "`network`: `publishers = 33`; 1 to 32 are possible",
        ),
        (
            "[[group]]",
            "[network]\nhead_lifetime = \"1ms\"\n[[group]]",
            "`network`: `head_lifetime = \"1ms\"`; at least 1s is needed",
        ),
    ] {
        assert_eq!(instead(of, by), [fault]);
    }
}

#[test]
fn groups_are_looked_at() {
    for (of, by, fault) in [
        ("electors = 4", "electors = 11", "group `machines`: `electors = 11`, and it has 10 nodes"),
        (
            "electors = 4",
            "witnesses = 11",
            "group `machines`: `witnesses = 11`, and it has 10 nodes",
        ),
        (
            "electors = 4",
            "weight = 0",
            "group `machines`: `weight = 0`: a vote that counts nothing",
        ),
        ("electors = 4", "peers = 0", "group `machines`: `peers = 0`: it would hear of nothing"),
        ("electors = 4", "speaks = 0", "group `machines`: `speaks = 0`: protocols begin with 1"),
        (
            "electors = 4",
            "starts = \"1m..11m\"",
            "group `machines`: `starts = \"1m..11m\"` is later than `until = \"10m\"`",
        ),
        (
            "electors = 4",
            "waits = true",
            "group `machines`: it waits, and no step `join` lets it start",
        ),
        (
            "runs = \"1.0.0\"",
            "runs = \"1.0.1\"",
            "group `machines`: there is no release `1.0.1`; the nearest is `1.0.0`",
        ),
        (
            "name = \"machines\"",
            "name = \"publisher\"",
            "group `publisher`: another group has this name",
        ),
        (
            "name = \"machines\"",
            "name = \"Machines\"",
            "group `Machines`: a name is 1 to 32 of a-z, 0-9 and -, and begins with a letter",
        ),
        (
            "role = \"seed\"",
            "role = \"seed\"\nruns = \"1.0.0\"",
            "group `publisher`: `runs = \"1.0.0\"`, and a seed installs nothing",
        ),
        (
            "role = \"seed\"",
            "hostile = \"eclipse\"",
            "the scenario: newcomers dial `publisher` first, and all of them lie; give another group `bootstrap = true`",
        ),
    ] {
        assert_eq!(instead(of, by), [fault]);
    }
    let many = "count = 300\nelectors = 257";
    assert_eq!(
        instead("count = 10\nelectors = 4", many),
        ["the scenario: 257 electors; a root lists at most 256"]
    );
}

#[test]
fn releases_are_looked_at() {
    for (of, by, fault) in [
        (
            "patches = { \"1.0.0\" = \"10KiB\" }",
            "patches = { \"0.9.0\" = \"10KiB\" }",
            "release `1.1.0`: there is no release `0.9.0`; there are: 1.0.0, 1.1.0",
        ),
        (
            "patches = { \"1.0.0\" = \"10KiB\" }",
            "patches = { \"1.1.0\" = \"10KiB\" }",
            "release `1.1.0`: a patch from 1.1.0 would lead back",
        ),
        (
            "patches = { \"1.0.0\" = \"10KiB\" }",
            "size = \"0B\"",
            "release `1.1.0`: `size = \"0B\"`; 1B to 16GiB are possible",
        ),
        (
            "patches = { \"1.0.0\" = \"10KiB\" }",
            "[[release]]\nversion = \"1.1.0\"",
            "release `1.1.0`: it is listed twice",
        ),
        (
            "patches = { \"1.0.0\" = \"10KiB\" }",
            "[[release]]\nversion = \"1.2.0\"",
            "release `1.2.0`: nobody publishes it, runs it, or comes from it by a patch",
        ),
    ] {
        assert_eq!(instead(of, by), [fault]);
    }
}

#[test]
fn what_happens_is_looked_at() {
    for (act, fault) in [
        ("\"publish\"\nrelease = \"1.1.1\"", "there is no release `1.1.1`; the nearest is `1.1.0`"),
        ("\"publish\"\nrelease = \"1.1.0\"", "release 1.1.0 is published twice"),
        (
            "\"publish\"\nrelease = \"1.0.0\"\ngroup = \"machine\"",
            "there is no group `machine`; the nearest is `machines`",
        ),
        ("\"join\"\ngroup = \"machines\"\ncount = 11", "`count = 11`, and `machines` has 10 nodes"),
        ("\"leave\"\nshare = \"0%\"", "`share = \"0%\"`: nobody is meant"),
        (
            "\"churn\"\nshare = \"1%\"\nlasts = \"0s\"\naway = \"1s\"",
            "`lasts = \"0s\"`: it is over at once",
        ),
        (
            "\"churn\"\nshare = \"1%\"\nlasts = \"1s\"\naway = \"0s\"",
            "`away = \"0s\"`: nobody is away",
        ),
        ("\"partition\"", "it says neither `groups` nor `share`: who is cut off?"),
        (
            "\"partition\"\ngroups = [\"machines\"]\nshare = \"10%\"",
            "it says both `groups` and `share`; one is enough",
        ),
        ("\"partition\"\ngroups = [\"machines\", \"publisher\"]", "all groups are on one side"),
        ("\"partition\"\nshare = \"100%\"", "`share = \"100%\"`: there is nobody on one side"),
        ("\"heal\"", "nothing is cut before"),
        ("\"crash-at\"\nchange = 0", "`change = 0`: changes begin with 1"),
        (
            "\"steal\"\nfrom = \"publishers\"\ncount = 4\n[[group]]\nname = \"liars\"\nhostile = \"stall\"",
            "`count = 4`, and there are 3 keys of publishers",
        ),
        (
            "\"steal\"\nfrom = \"electors\"\ncount = 5\n[[group]]\nname = \"liars\"\nhostile = \"stall\"",
            "`count = 5`, and there are 4 keys of electors",
        ),
        (
            "\"steal\"\nfrom = \"publishers\"\ncount = 1",
            "nobody lies who could use the keys; give a group `hostile`",
        ),
        (
            "\"steal\"\nfrom = \"publishers\"\ncount = 1\nrelease = \"1.1.0\"\n[[group]]\nname = \"liars\"\nhostile = \"stall\"",
            "release 1.1.0 is also published by those to whom the keys belong",
        ),
        (
            "\"steal\"\nfrom = \"electors\"\ncount = 1\nrelease = \"1.0.0\"\n[[group]]\nname = \"liars\"\nhostile = \"stall\"",
            "`release`: only who has stolen from `publishers` makes one",
        ),
        ("\"vote\"", "nothing is proposed before"),
    ] {
        let faults = faults(&step(act));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("step 2 (`"), "{faults:?}");
        assert!(faults[0].ends_with(&format!(": {fault}")), "{faults:?}\n{fault}");
    }
    let late = step("\"leave\"").replace("20s", "9m..11m");
    assert_eq!(faults(&late), ["step 2 (`leave` at 9m..11m): it lies after `until = \"10m\"`"]);
    let early = step("\"withdraw\"\nrelease = \"1.1.0\"").replace("20s", "5s");
    assert_eq!(
        faults(&early),
        ["step 2 (`withdraw` at 5s): release 1.1.0 is not published before"]
    );
}

#[test]
fn nothing_breaks_once_all_is_calm() {
    let calm = step("\"calm\"");
    let broken = [calm.clone(), step("\"leave\"").replace("20s", "30s")].concat();
    assert_eq!(
        faults(&broken),
        ["step 3 (`leave` at 30s): all is calm from 20s on; this breaks it"]
    );
    assert_eq!(
        faults(&calm.repeat(2)),
        ["the scenario: 2 steps are `calm`; there is one such moment"]
    );
}

const PROPOSE: &str = "\"propose\"\nfrom = 1\nto = 2\nrelease = \"1.1.0\"\nvoting = \"1h\"\nlead = \"1h\"\ngrace = \"1h\"";

#[test]
fn a_proposal_keeps_to_the_floors_of_its_network() {
    assert_eq!(faults(&step(PROPOSE)), [""; 0]);
    let short = PROPOSE.replace("voting = \"1h\"", "voting = \"10ms\"");
    assert_eq!(
        faults(&step(&short)),
        ["step 2 (`propose` at 20s): `voting = \"10ms\"`; a development network has at least 1s"]
    );
    let text = format!("{GOOD}{}", step(PROPOSE));
    let production = text.replacen("[[group]]", "[network]\nkind = \"production\"\n[[group]]", 1);
    let scenario = read(&production, "t.toml").expect("readable");
    let faults: Vec<_> = check(&scenario).iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "step 2 (`propose` at 20s): `voting = \"1h\"`; a production network has at least 3d",
            "step 2 (`propose` at 20s): `lead = \"1h\"`; a production network has at least 2d",
            "step 2 (`propose` at 20s): `grace = \"1h\"`; a production network has at least 7d",
        ]
    );
    let nobody = GOOD.replace("electors = 4", "");
    let scenario = read(&format!("{nobody}{}", step(PROPOSE)), "t.toml").expect("readable");
    assert_eq!(check(&scenario)[0].message, "nobody votes; give a group `electors`");
}

#[test]
fn what_is_expected_is_looked_at() {
    for (expected, fault) in [
        (
            "\"installed\"\nrelease = \"2.0.0\"",
            "there is no release `2.0.0`; the nearest is `1.0.0`",
        ),
        (
            "\"installed\"\nrelease = \"1.1.0\"\ngroup = \"publisher\"",
            "`publisher` are seeds, which install nothing",
        ),
        (
            "\"installed\"\nrelease = \"1.1.0\"\nby = \"11m\"",
            "`by = \"11m\"` is later than `until = \"10m\"`",
        ),
        (
            "\"never-installed\"\nrelease = \"1.0.0\"",
            "`machines` runs release 1.0.0 from the beginning",
        ),
        (
            "\"near-optimum\"\nrelease = \"1.1.0\"\nfactor = 0.9",
            "`factor = 0.9`: nothing is faster than the optimum, which is 1",
        ),
        ("\"near-optimum\"\nrelease = \"1.0.0\"\nfactor = 2", "release 1.0.0 is never published"),
        (
            "\"at-most\"\nwhat = \"duplicates\"\nvalue = 5",
            "`value = 5`: `duplicates` is a part, from 0 to 1",
        ),
        ("\"at-least\"\nwhat = \"lookups\"\nvalue = -1", "`value = -1`: nothing can be counted so"),
        ("\"decided\"\nstate = \"active\"", "nothing is proposed"),
        ("\"converged\"\nwithin = \"11m\"", "11m after 0s is later than `until = \"10m\"`"),
    ] {
        let faults = faults(&expect(expected));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].ends_with(&format!(": {fault}")), "{faults:?}\n{fault}");
    }
    let both = ["\"installed\"\nrelease = \"1.1.0\"", "\"never-installed\"\nrelease = \"1.1.0\""];
    assert_eq!(
        faults(&both.map(expect).concat()),
        ["expectation 1 (`installed`): release 1.1.0 is also expected never to be installed"]
    );
}

#[test]
fn a_cluster_takes_only_what_real_nodes_can_do() {
    let cluster = |rest: &str| {
        let text = format!("kind = \"cluster\"\n{GOOD}{rest}");
        let scenario = read(&text, "t.toml").unwrap_or_else(|error| panic!("{error}"));
        check(&scenario).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(cluster(""), [""; 0]);
    for (act, what) in [
        ("\"weather\"\ntwice = \"1%\"", "messages that come twice"),
        ("\"clock\"\nby = \"1s\"", "steps `clock`"),
        ("\"disk\"\nfault = \"io\"\nlasts = \"1s\"", "steps `disk`"),
        ("\"crash-at\"", "steps `crash-at`"),
        ("\"leave\"\nhow = \"power-cut\"", "power cuts"),
    ] {
        let faults = cluster(&step(act));
        let fault = format!(": {what} are for worlds only; a cluster is made of real nodes");
        assert!(faults.len() == 1 && faults[0].ends_with(&fault), "{faults:?}");
    }
    let patched = "[[release]]\nversion = \"9.0.0\"\nsize = \"1MiB\"\npatches = { \"1.1.0\" = \"1KiB\" }\n\
        wrong_patches = true\n";
    let refused = "release `9.0.0`: patches that lead to something else are for worlds only; a cluster is made of real nodes";
    assert!(cluster(patched).iter().any(|fault| fault == refused));
    let many = format!("kind = \"cluster\"\n{}", GOOD.replace("count = 10", "count = 64"));
    let scenario = read(&many, "t.toml").expect("readable");
    assert_eq!(
        check(&scenario)[0].to_string(),
        "the scenario: 65 nodes in a cluster, at most 64 are possible; `kind = \"world\"` takes more"
    );
    let long = format!("kind = \"cluster\"\n{}", GOOD.replace("10m", "31m"));
    let scenario = read(&long, "t.toml").expect("readable");
    assert!(check(&scenario)[0].message.ends_with("real time, for at most 30m"));
}

#[test]
fn nothing_lasts_longer_or_carries_more_than_can_be_counted() {
    let ages = "18446744073709551615us";
    for act in [
        format!("\"disk\"\nfault = \"io\"\nlasts = \"{ages}\""),
        format!("\"churn\"\nshare = \"1%\"\nlasts = \"10s\"\naway = \"{ages}\""),
        format!("\"leave\"\nshare = \"1%\"\nback_after = \"{ages}\""),
        format!("\"crash-at\"\nback_after = \"{ages}\""),
        format!("\"swizzle-clog\"\nshare = \"1%\"\nlasts = \"{ages}\""),
    ] {
        let faults = faults(&step(&act));
        assert!(faults.iter().any(|fault| fault.contains("is longer than 1000d")), "{faults:?}");
    }
    let many = faults(&step("\"churn\"\nshare = \"100%\"\nlasts = \"999d\"\naway = \"1s\""));
    assert!(many.iter().any(|fault| fault.contains("at most 1000000 can be picked")), "{many:?}");
    let lines =
        faults(&format!("[[group]]\nname = \"wide\"\nup = \"9000Gbit/s\"\nlatency = \"{ages}\"\n"));
    let of = |part: &str| lines.iter().any(|fault| fault.contains(part));
    assert!(of("`up = \"9000Gbit/s\"` is more than 8000Gbit/s") && of("`latency = "), "{lines:?}");
}

#[test]
fn what_breaks_for_a_while_ends_before_the_calm() {
    let calm = "[[story]]\nat = \"60s\"\ndo = \"calm\"\n";
    for (act, fits) in [
        ("churn\"\naway = \"1s\"\nlasts = \"5m", false),
        ("churn\"\naway = \"1s\"\nlasts = \"30s", true),
        ("swizzle-clog\"\nlasts = \"5m", false),
    ] {
        let broken = format!("[[story]]\nat = \"10s\"\nshare = \"10%\"\ndo = \"{act}\"\n{calm}");
        let faults = faults(&broken);
        let late = faults.iter().any(|fault| fault.contains("all is calm from 1m on"));
        assert_eq!(late, !fits, "{act}: {faults:?}");
    }
}

#[test]
fn a_patch_leads_from_a_release_of_the_same_component_that_stands_before_it() {
    let release = |version: &str, rest: &str| {
        format!("[[release]]\nversion = \"{version}\"\nsize = \"1MiB\"\n{rest}\n")
    };
    let late = release("8.1.0", "patches = { \"8.0.0\" = \"1KiB\" }") + &release("8.0.0", "");
    let found = faults(&late);
    let part = "release 8.0.0, from which there is a patch, has to stand before it";
    assert!(found.iter().any(|fault| fault.contains(part)), "{found:?}");
    let other = release("8.0.0", "component = \"other\"")
        + &release("8.1.0", "patches = { \"8.0.0\" = \"1KiB\" }");
    let found = faults(&other);
    assert!(found.iter().any(|fault| fault.contains("of another component")), "{found:?}");
}

#[test]
fn a_part_of_all_bytes_is_not_that_of_a_group() {
    let expected = "at-most\"\nwhat = \"seeder-share\"\nvalue = 0.5";
    let group = |group: &str| faults(&format!("[[expect]]\nthat = \"{expected}\n{group}"));
    assert_eq!(group(""), [""; 0]);
    let found = group("group = \"machines\"\n");
    assert!(found.iter().any(|fault| fault.contains("and not of a group's")), "{found:?}");
}
