//! A program that was built before protocol 2 joins after the switch: it fetches its successor from peers, becomes it,
//! and takes part.

use std::{path::Path, process::Command};

use updraft_node::network::Service;

use super::*;
use crate::harness::{herald::services, items, protocol_1, text};

/// The real program as a release, without the debug information that makes it large.
fn program(parliament: &Parliament) -> PathBuf {
    let folder = parliament.folder("program");
    let program = folder.join("updraft");
    fs::copy(Path::new(env!("CARGO_BIN_EXE_updraft")), &program).expect("it was built");
    // A machine that can link has it; if not, the release is larger, that is all.
    let _ = Command::new("strip").arg(&program).status();
    folder
}

/// What a node says of itself, by the way that people ask: its port changes with its program.
pub(super) fn status(node: &Node) -> Option<Value> {
    let said = node.say(&["--json", "status"]);
    serde_json::from_str(&said.out).ok()
}

#[track_caller]
pub(super) fn wait_for(node: &Node, version: &str) {
    until(&format!("{} runs {version}", node.name), || {
        let status = status(node)?;
        let mut components = items(&status["components"]).iter();
        components.find(|c| c["name"] == COMPONENT && c["installed"] == version).map(drop)
    });
}

#[test]
fn an_old_program_joins_after_the_switch_becomes_the_new_one_and_takes_part() {
    let parliament = Parliament::found();
    // The highest on offer, and what was voted for. The one test in which the real program itself is published, fetched
    // and started, all its 54 MB: elsewhere a script stands for it.
    let program = program(&parliament);
    // Nobody has the stand-in that a patch would be made from, and making it takes as long as all the rest.
    let words = "--component updraft --as 9.1.0 --deltas 0 -k dev --yes";
    at(&parliament.network, &format!("publish {} {words}", arg(&program))).good();
    parliament.publish_app("1.0.0");
    let nodes = parliament.nodes(&ELECTORS[..4]);
    // The grace is over as well: what the old program knows of protocol 1, nobody answers any more.
    parliament.decree_what_was("9.1.0");
    for node in &nodes {
        wait_until(node, "final");
    }

    // A program that speaks it and has never heard of it only has to be told.
    let late = parliament.network.join("late", &Kind::follower());
    late.wait_for("1.0.0");
    until("it speaks protocol 2", || (protocol(&late)["active"] == 2).then_some(()));

    let mut old = Node::prepare(parliament.network.place(), "old", &Kind::follower());
    old.say(&["--yes", "join", &parliament.network.publisher.ticket()]).good();
    old.start_as(&protocol_1());
    let process = old.pid();
    let before = status(&old).expect("it answers");
    assert_eq!(
        (&before["protocol"]["newest"], &before["node"]["version"]),
        (&1.into(), &"0.0.9".into())
    );
    let after = until("it is the new program, and takes part", || {
        status(&old).filter(|status| {
            let protocol = &status["protocol"];
            (&protocol["newest"], &protocol["active"], &protocol["leftBehind"])
                == (&2.into(), &2.into(), &false.into())
        })
    });
    assert_eq!(old.pid(), process, "the process stays");
    assert_eq!(text(&after["protocol"]["fork"]), text(&protocol(&nodes[0])["fork"]));
    let logged = old.logged();
    assert!(logged.contains("this program speaks up to 1: it takes no part"), "it says so loudly");
    let (start, app) =
        (logged.find("the node starts again"), logged.find("demo-app 1.0.0 is installed"));
    assert!(start.is_some() && app.is_none_or(|app| Some(app) > start), "by which rules?");
    wait_for(&old, "1.0.0");
    parliament.publish_app("1.1.0");
    wait_for(&old, "1.1.0");
}

#[test]
fn only_a_program_that_speaks_packs_offers_them() {
    let network = Network::found();
    let id = network.publisher.network_id();
    let mut old = Node::prepare(network.place(), "old", &Kind::follower());
    old.say(&["--yes", "join", &network.publisher.ticket()]).good();
    old.start_as(&protocol_1());
    let usual = [Service::Bootstrap, Service::CatchUp, Service::Transfer];
    assert_eq!(services(&old, id), usual);
    assert_eq!(services(&network.publisher, id), [&usual[..], &[Service::Packed]].concat());
}

#[test]
fn an_old_program_without_a_successor_says_so_loudly_and_stays_out() {
    let parliament = Parliament::found();
    parliament.publish_app("1.0.0");
    let nodes = parliament.nodes(&ELECTORS[..4]);
    parliament.decree_what_was("9.0.0");
    for node in &nodes {
        wait_until(node, "final");
    }
    at(&parliament.network, "yank updraft@9.0.0 --reason broken -k dev --yes").good();
    let mut old = Node::prepare(parliament.network.place(), "old", &Kind::follower());
    old.say(&["--yes", "join", &parliament.network.publisher.ticket()]).good();
    old.start_as(&protocol_1());
    until("it says that it is left behind", || {
        let status = status(&old)?;
        let warnings = status["protocol"]["warnings"].to_string();
        (status["protocol"]["leftBehind"] == true && warnings.contains("install one by hand"))
            .then_some(())
    });
    assert_eq!(old.say(&["status", "--exit-code"]).code, Some(10));
    let install = old.say(&["--yes", "install", COMPONENT]);
    install.refused(7, "UD0905", &["takes no part"]);
    assert_eq!(old.installed(), None, "it installs nothing by rules that are over");
}
