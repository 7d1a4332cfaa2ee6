//! The newcomer's command: a whole network on one desk, to its end, out of time, and interrupted.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{dir, items, number, run, text, until, updraft};

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect("every line is a document")).collect()
}

#[test]
fn the_demonstration_ends_well_and_says_what_it_saved() {
    let home = dir::folder();
    let said = run(updraft(home.path()).args([
        "--json",
        "devnet",
        "--demo",
        "--exit-when-done",
        "--timeout",
        "120s",
    ]))
    .good();
    let lines = lines(&said.out);
    let summary = lines.last().expect("a summary");
    assert_eq!(summary["type"], "summary");
    assert_eq!((number(&summary["nodes"]), number(&summary["installed"])), (4, 4));
    assert_eq!(number(&summary["releases"]), 2);
    let [full, fetched, patches] =
        ["fullBytes", "fetchedBytes", "patchBytes"].map(|name| number(&summary[name]));
    assert!(patches > 0 && patches * 10 < full * 3, "patches {patches} of {full} bytes");
    assert!(fetched < full, "fetched {fetched} of {full} bytes");
    assert!(number(&summary["peersUsedMax"]) >= 2, "{summary}");
    let nodes = lines.iter().filter(|line| line["type"] == "node");
    assert_eq!(nodes.clone().count(), 5);
    for node in nodes {
        assert_is_gone(number(&node["pid"]));
    }
    let left: Vec<_> = fs::read_dir(home.path()).expect("own folder").collect();
    assert!(left.is_empty(), "nothing is written into a home: {left:?}");
}

#[test]
fn a_demonstration_out_of_time_names_who_is_missing_what() {
    let home = dir::folder();
    let said = run(updraft(home.path()).args([
        "devnet",
        "--demo",
        "--nodes",
        "2",
        "--exit-when-done",
        "--timeout",
        "1s",
    ]));
    assert_eq!(said.code, Some(1), "{}", said.err);
    for node in ["node-1", "node-2"] {
        assert!(said.err.contains(&format!("{node} has nothing")), "{}", said.err);
    }
    assert!(said.err.contains("hint:") && said.err.contains("--timeout"), "{}", said.err);
}

#[test]
fn an_interrupted_demonstration_leaves_no_process_behind() {
    let home = dir::folder();
    let mut child = updraft(home.path())
        .args(["--json", "devnet", "--demo", "--nodes", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let mut nodes = Vec::new();
    for line in out.lines() {
        let line: Value = serde_json::from_str(&line.expect("text")).expect("a document");
        if line["type"] == "node" {
            nodes.push(line);
        }
        if nodes.len() == 3 {
            break;
        }
    }
    let desk = text(&nodes[0]["dataDir"]).to_owned();
    let pids: Vec<_> = nodes.iter().map(|node| number(&node["pid"])).collect();
    assert!(pids.iter().all(|pid| !is_gone(*pid)), "they run: {pids:?}");
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::INT).expect("our child");
    let ended = until("the end of the demonstration", || child.try_wait().expect("our child"));
    assert_eq!(ended.code(), Some(130), "as every program that Ctrl-C ends");
    pids.into_iter().for_each(assert_is_gone);
    assert!(!fs::exists(&desk).expect("a look"), "the temporary folder {desk} is gone");
}

#[test]
fn every_node_of_a_network_with_electors_votes_and_what_it_says_to_type_works_as_written() {
    let home = dir::folder();
    let mut child = updraft(home.path())
        .args(["devnet", "--electors", "--nodes", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // Kept to the end: it goes on talking.
    let mut talk = BufReader::new(child.stderr.take().expect("piped")).lines();
    let said: Vec<String> = talk
        .by_ref()
        .map(|line| line.expect("text"))
        .skip_while(|line| !line.starts_with("Every node votes."))
        .take_while(|line| !line.starts_with("and the last one"))
        .collect();
    let commands: Vec<&str> = said.iter().filter_map(|line| line.strip_prefix("  ")).collect();
    let network = commands[0].strip_prefix("cd ").expect("the folder comes first");
    // The shell finds the program under test under the name that people use.
    let bin = home.path().join("bin");
    fs::create_dir(&bin).expect("own folder");
    let program = updraft(home.path()).get_program().to_owned();
    std::os::unix::fs::symlink(program, bin.join("updraft")).expect("own folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("there is one"));
    let shell = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).env("PATH", &path).env("HOME", home.path());
        run(shell.current_dir(network))
    };
    let works = |line: &str| until(line, || Some(shell(line)).filter(|said| said.code == Some(0)));
    let trust = works("updraft -d ../node-1 --json trust show").json();
    let operators: BTreeSet<_> =
        items(&trust["electors"]).iter().map(|elector| text(&elector["operator"])).collect();
    assert_eq!(operators, BTreeSet::from(["node-1", "node-2"]));

    // Each of two votes is needed, and each node casts its own and tries the release.
    commands[1..].iter().for_each(|command| drop(works(command)));
    works("updraft -d ../node-2 vote p-1 yes --yes");
    for node in ["publisher", "node-1", "node-2"] {
        until("the decision is known everywhere", || {
            let votes = works(&format!("updraft -d ../{node} --json votes --all")).json();
            let state = votes["proposals"][0]["state"].as_str().unwrap_or_default().to_owned();
            ["lockedIn", "active"].contains(&state.as_str()).then_some(())
        });
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::INT).expect("our child");
    until("the end of the network", || child.try_wait().expect("our child"));
}

/// Whether a process has ended; one that nobody has asked how it ended counts as ended.
fn is_gone(pid: u64) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // The state stands behind the name, which may have any characters in it.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

fn assert_is_gone(pid: u64) {
    until(&format!("the end of process {pid}"), || is_gone(pid).then_some(()));
}
