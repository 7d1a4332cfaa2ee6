//! Votes as people meet them: commands, one node that votes by itself, and a count that anybody makes again.

mod heights;
mod liar;
mod replaced;

use std::fs;

use serde_json::Value;

use crate::harness::{
    Said, arg,
    ceremony::{all, at},
    electors::{self, voter, wait_until},
    items,
    network::Network,
    node::Kind,
    release::COMPONENT,
    run, text, until, updraft,
};

/// A network with these electors, whose publisher votes with the first.
#[track_caller]
fn electing(names: &[&str]) -> Network {
    let mut network = electors::electing(names);
    network.publisher.stop();
    network.publisher.configure(&voter(Kind::seed(), &network, names[0]));
    network.publisher.start();
    network
}

/// Publishes a release of a line of software.
#[track_caller]
fn publish(network: &Network, line: &str, version: &str) {
    let release = network.release("1.0.0");
    let words = format!("publish {} --component {line} --as {version} -k dev --yes", arg(&release));
    at(network, &words).good();
}

/// What a recount comes to, as a document.
#[track_caller]
fn tally(network: &Network, more: &str) -> Value {
    at(network, &format!("--json tally p-1{more}")).good().json()
}

fn weight(document: &Value, stance: &str) -> u64 {
    document["weights"][stance].as_u64().expect("a weight")
}

#[test]
fn a_vote_is_proposed_cast_by_the_node_and_by_hand_decided_and_counted_again() {
    let network = electing(&["ann", "ben"]);
    publish(&network, COMPONENT, "1.0.0");
    let said = at(&network, "trust show").good();
    assert!(said.out.contains("votes       ann, weight 1, 50.0 % "), "{}", said.out);
    at(&network, "votes p-1").refused(5, "UD0904", &["p-1"]);
    let propose = format!("propose 2 --line {COMPONENT} --voting 1h --min-ready 0/1");
    at(&network, &format!("{propose} -k dev --yes")).refused(4, "UD0902", &["`dev`", "ann"]);
    let unasked = at(&network, &format!("{propose} -k ann"));
    assert_eq!(unasked.code, Some(1), "nobody said yes: {}", unasked.err);
    let opened = at(&network, &format!("{propose} -k ann --yes")).good();
    assert!(opened.out.starts_with("Opened p-1, b3:"), "{}", opened.out);
    for part in ["speaks protocol 2 instead of 1", "voting from", "more than 2/3", "Will sign: "] {
        assert!(opened.err.contains(part), "{part} in\n{}", opened.err);
    }
    wait_until(&network.publisher, "voting");

    // The node numbers its own ballots; somebody else's key signs here.
    let doubled = at(&network, "vote p-1 yes -k ann --yes");
    doubled.refused(2, "UD0204", &["itself votes", "leave `--key` out"]);
    let unasked = at(&network, "vote p-1 yes --reason tried");
    unasked.refused(1, "UD0001", &["nothing was cast", "--yes"]);
    let cast = at(&network, "vote p-1 yes --reason tried --yes").good();
    assert!(cast.out.starts_with("Cast. 1 of 2 needed."), "{}", cast.out);
    at(&network, "vote p-1 yes --yes").refused(7, "UD0901", &["it has said so"]);
    at(&network, "vote p-1 abstain -k ben --yes").good();
    let table = at(&network, "votes").good().out;
    let row = table.lines().find(|line| line.starts_with("p-1 ")).expect("a row");
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(words[..9], ["p-1", COMPONENT, "protocol", "2", "voting", "1", "0", "0", "2/2"]);
    let told = at(&network, "votes p-1").good().out;
    assert!(told.contains("missing: 1 of 2 are for it, 2 are needed"), "{told}");

    counted_everywhere(network);
}

/// With the node, without it, and from a file on a machine that has joined nothing; then the last vote.
#[track_caller]
fn counted_everywhere(mut network: Network) {
    let said = at(&network, "tally p-1 --ballots").good();
    let line = "p-1  2 may vote · 2 voted · yes 1 (threshold 2: not yet)";
    assert!(said.out.starts_with(line), "{}", said.out);
    assert!(said.out.contains("counts") && said.out.contains("abstain"), "{}", said.out);
    let with = tally(&network, " --out votes.json");
    assert_eq!((weight(&with, "yes"), weight(&with, "abstain")), (1, 1));
    assert_eq!((&with["agrees"], &with["firstRootBy"]), (&true.into(), &"project".into()));
    // Outside of the project nothing but the node tells which root is the first.
    let outside = network.publisher.json(&["tally", "p-1"]);
    assert_eq!((&outside["agrees"], &outside["firstRootBy"]), (&true.into(), &"node".into()));
    assert_eq!(outside["firstRoot"], with["firstRoot"]);

    network.publisher.stop();
    let said = at(&network, "tally p-1 --ballots").good();
    assert!(said.out.contains("counts") && said.out.contains("abstain"), "{}", said.out);
    let without = tally(&network, "");
    assert_eq!((&with["state"], &without["state"]), (&"voting".into(), &"voting".into()));
    assert_eq!((&without["weights"], &without["agrees"]), (&with["weights"], &Value::Null));
    let file = network.project().join("votes.json");
    let kept = fs::read_to_string(&file).expect("written");
    let kept: Value = serde_json::from_str(&kept).expect("the node's answer as it is");
    assert_eq!(kept["proposal"]["digest"], with["digest"]);
    let elsewhere = |line: &str| -> Said {
        let data = network.place().join("elsewhere");
        let mut command = updraft(network.place());
        command.current_dir(network.project()).args(line.split(' ')).args(["-d", arg(&data)]);
        run(&mut command)
    };
    let document = elsewhere("--json tally p-1 --file votes.json").good().json();
    assert_eq!((&document["weights"], &document["agrees"]), (&with["weights"], &true.into()));
    let honest = fs::read_to_string(&file).expect("written");
    let lie = honest.replace("\"yes\":1", "\"yes\":2");
    assert_ne!(lie, honest);
    fs::write(&file, lie).expect("own file");
    let found_out = elsewhere("tally p-1 --file votes.json");
    found_out.refused(6, "UD0907", &["counted here: yes 1,", "claimed: yes 2,"]);

    network.publisher.start();
    at(&network, "vote p-1 yes -k ben --yes").good();
    wait_until(&network.publisher, "lockedIn");
    let said = at(&network, "tally p-1").good();
    assert!(said.out.contains("locked in: a certificate of 2 ballots proves it"), "{}", said.out);
    at(&network, "vote p-1 no --yes").refused(7, "UD0901", &["locked in"]);
    assert_eq!(items(&network.publisher.json(&["votes"])["proposals"])[0]["state"], "lockedIn");
    // What proves it outlives the node.
    network.publisher.stop();
    assert_eq!(tally(&network, "")["decided"][0]["decision"], "lockIn");
}

#[test]
fn a_node_whose_program_does_not_speak_what_is_decided_says_so() {
    let network = electing(&["ann"]);
    publish(&network, "updraft", "9.0.0");
    let before = network.publisher.status()["protocol"].clone();
    assert_eq!(
        (&before["leftBehind"], &before["warnings"]),
        (&false.into(), &Value::Array(vec![]))
    );
    at(&network, "propose 99 --voting 6s --grace 1h --min-ready 0/1 -k ann --yes").good();
    until("the open vote is told", || {
        (network.publisher.get("/api/v1/status")["votesOpen"] == 1).then_some(())
    });
    let status = at(&network, "status").good();
    assert!(status.err.contains("1 vote open: `updraft votes`"), "{}", status.err);
    at(&network, "vote p-1 yes --yes").good();
    wait_until(&network.publisher, "active");
    let status = until("the status tells it", || {
        let status = network.publisher.status();
        (status["protocol"]["leftBehind"] == true).then_some(status)
    });
    assert_eq!(
        (&status["protocol"]["active"], &status["node"]["protocol"]),
        (&99.into(), &99.into())
    );
    let problem = items(&status["problems"]).iter().find(|problem| problem["code"] == "UD0905");
    let detail = text(&problem.expect("it is a problem")["detail"]).to_owned();
    assert!(detail.contains("protocol 99 is in force since p-1"), "{detail}");
    let words = at(&network, "status").good().out;
    assert!(words.contains("protocol 99") && words.contains("UD0905:"), "{words}");
    assert_eq!(network.publisher.metric("updraft_protocol_version"), 99);
    assert_eq!(network.publisher.metric("updraft_proposals{state=\"active\"}"), 1);
}

#[test]
fn a_vote_that_was_decided_is_called_off_before_it_activates() {
    let network = electing(&["ann"]);
    publish(&network, COMPONENT, "1.0.0");
    let line =
        format!("propose 2 --line {COMPONENT} --voting 1h --lead 1h --min-ready 0/1 -k ann --yes");
    at(&network, &line).good();
    wait_until(&network.publisher, "voting");
    at(&network, "vote p-1 yes --yes").good();
    wait_until(&network.publisher, "lockedIn");
    at(&network, "vote p-1 cancel --yes").good();
    wait_until(&network.publisher, "cancelled");
    assert!(items(&network.publisher.json(&["votes"])["proposals"]).is_empty());
    let all = network.publisher.json(&["votes", "--all"]);
    assert_eq!(
        items(&all["proposals"])[0]["certificates"],
        serde_json::json!(["lockIn", "cancel"])
    );
    let said = at(&network, "tally p-1").good();
    assert!(said.out.contains("cancelled: a certificate of 1 ballots proves it"), "{}", said.out);
}
