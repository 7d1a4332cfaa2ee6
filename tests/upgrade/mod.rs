//! A network changes its own protocol: real nodes vote, switch, and go on, and who was away or is too old catches up.

mod decree;
mod old_program;
mod partition;
mod strangers;
mod switch;
mod together;

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::Value;

use crate::harness::{
    Said, arg,
    ceremony::{all, at},
    network::Network,
    node::{Kind, Node},
    release::{self, COMPONENT},
    text, until, until_ok,
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
        let network = Network::found();
        for name in ELECTORS {
            all(&network, &[&format!("key generate {name} --no-password")]);
        }
        all(&network, &["root begin -m electors"]);
        for name in ELECTORS {
            let line = format!("root add-key electorate {name} --weight 1 --operator {name}");
            all(&network, &[&line]);
        }
        all(&network, &["root sign -k dev --yes", "root apply --yes"]);
        let parliament = Self { network };
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
        let release = release::make(self.network.place(), version, release::USUAL);
        let words = format!(
            "publish {} --component {COMPONENT} --as {version} -k dev --yes",
            arg(&release)
        );
        at(&self.network, &words).good();
    }

    /// What a node of this elector is configured with.
    fn voter(&self, name: &str) -> Kind {
        let key = self.network.project().join("keys").join(format!("{name}.key"));
        Kind::follower()
            .with("governance.voter", "true")
            .with("governance.voter_key", format!("\"{}\"", key.display()))
    }

    /// Starts the nodes of these electors.
    #[track_caller]
    fn nodes(&self, names: &[&str]) -> Vec<Node> {
        names.iter().map(|name| self.network.join(name, &self.voter(name))).collect()
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

/// The vote, as a node sees it; `None` before it has heard of it.
fn vote(node: &Node) -> Option<Value> {
    let answer = node.request("GET /api/v1/proposals/p-1?all=true", "application/json", b"");
    (answer.status == 200).then(|| answer.good())
}

/// Whether a vote that stands like this will never stand as it is wanted. A decision that others made changes even
/// how a vote has ended; whoever waits for that does not ask here.
fn is_over(state: &str, wanted: &str) -> bool {
    let step = |state: &str| match state {
        "announced" => 0,
        "open" => 1,
        "lockedIn" | "failed" | "rejected" => 2,
        "active" | "cancelled" => 3,
        _ => 4,
    };
    let ended = matches!(state, "failed" | "rejected" | "cancelled" | "overtaken" | "final");
    state != wanted && (ended || step(state) >= step(wanted))
}

/// Waits until the vote stands like this on a node, and fails at once when it has come to stand otherwise for good.
#[track_caller]
fn wait_until(node: &Node, state: &str) -> Value {
    until_ok(&format!("p-1 is {state} on {}", node.name), || {
        let seen = vote(node).ok_or("it has not heard of it")?;
        let stands = text(&seen["state"]);
        assert!(
            !is_over(stands, state),
            "p-1 is {stands} and not {state} on {}: {seen:#}",
            node.name
        );
        if stands == state { Ok(seen) } else { Err(format!("{seen:#}")) }
    })
}

/// Says yes for the elector of a node, once the vote is open there.
#[track_caller]
fn yes(node: &Node) {
    wait_until(node, "open");
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
