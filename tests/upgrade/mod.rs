//! A network changes its own protocol: real nodes vote, switch, and go on, and who was away or is too old catches up.

mod component;
mod decree;
mod old_program;
mod partition;
mod strangers;
mod switch;
mod together;
mod underway;

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::Value;

use crate::harness::{
    Said, arg,
    ceremony::at,
    electors::{electing, vote, voter, wait_until},
    network::Network,
    node::{Kind, Node},
    release::COMPONENT,
    until, until_ok,
};

/// Electors of the network, each with one vote of its own.
const ELECTORS: [&str; 5] = ["ann", "ben", "cem", "dora", "eve"];

/// A network with five electors, and a release that passes for one of `updraft` itself on the nodes of the test, which
/// speak both protocols already: its self-test says so.
struct Parliament {
    network: Network,
}

impl Parliament {
    fn found() -> Self {
        let parliament = Self { network: electing(&ELECTORS) };
        parliament.publish_updraft("9.0.0", &parliament.stand_in());
        parliament
    }

    /// A release whose program only says that it is fine.
    fn stand_in(&self) -> PathBuf {
        self.script("stand-in", "echo \"$1 $2 is fine\"")
    }

    /// A release whose program is the one of the test, for all anybody can tell, and small: what is fetched is a script
    /// that makes room for it.
    fn successor(&self) -> PathBuf {
        self.script("successor", concat!("exec ", env!("CARGO_BIN_EXE_updraft"), " \"$@\""))
    }

    fn script(&self, name: &str, line: &str) -> PathBuf {
        let folder = self.folder(name);
        let program = folder.join("updraft");
        fs::write(&program, format!("#!/bin/sh\n{line}\n")).expect("own folder");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
        folder
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.network.place().join(name);
        fs::create_dir_all(&folder).expect("own folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("own folder");
        folder
    }

    #[track_caller]
    fn publish_updraft(&self, version: &str, folder: &std::path::Path) {
        let words =
            format!("publish {} --component updraft --as {version} -k dev --yes", arg(folder));
        at(&self.network, &words).good();
    }

    #[track_caller]
    fn publish_app(&self, version: &str) {
        self.network.publish(&self.network.release(version), version).good();
    }

    /// Starts the nodes of these electors.
    #[track_caller]
    fn nodes(&self, names: &[&str]) -> Vec<Node> {
        let kind = |name| voter(Kind::follower(), &self.network, name);
        names.iter().map(|name| self.network.join(name, &kind(name))).collect()
    }

    /// Opens a vote about the network's own protocol. Times in seconds.
    #[track_caller]
    fn propose(&self, voting: u32, lead: u32, grace: u32) -> Said {
        let words = format!(
            "propose 2 --release 9.0.0 --voting {voting}s --lead {lead}s --grace {grace}s -k ann --yes"
        );
        at(&self.network, &words).good()
    }
}

/// Says yes for the elector of a node, once the vote is open there.
#[track_caller]
fn yes(node: &Node) {
    wait_until(node, "voting");
    until_ok(&format!("{} may vote", node.name), || {
        let said = node.say(&["--yes", "vote", "p-1", "yes"]);
        // Before a peer has told it what was voted so far, it casts nothing.
        if said.code == Some(0) { Ok(()) } else { Err(said.err) }
    });
}

/// How many of those asked to install something could not, ever.
fn failed(node: &Node) -> usize {
    let history = node.get("/api/v1/history");
    let lines = history["items"].as_array().expect("a list").iter();
    lines.filter(|line| line["result"] == "failed" || line["error"].is_string()).count()
}

/// The network's protocol, as a node sees it.
fn protocol(node: &Node) -> Value {
    node.get("/api/v1/status")["protocol"].clone()
}
