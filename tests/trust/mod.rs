//! Whom a network listens to besides its publisher: witnesses, brakes, builders, and keys that take themselves back.

mod brakes;
mod dev;
mod releases;
mod stops;
mod witnesses;

use std::path::PathBuf;

use serde_json::Value;
use updraft_node::{
    keys::{KeyFolder, Protection},
    store::{Store, StoreOptions, VerifyOnStart},
};
use updraft_protocol::{PublicKey, Role, Root, Signed};

use crate::harness::{items, network::Network, node::Node};

/// A network whose second root was changed by its root key.
struct Governed {
    network: Network,
}

impl Governed {
    /// Founds a network and lets `change` the roles of root 2, with keys made for it by name.
    #[track_caller]
    fn found(change: impl FnOnce(&mut Root, &dyn Fn(&[&str]) -> Vec<PublicKey>)) -> Self {
        let mut network = Network::found();
        let folder = KeyFolder::new(network.project().join("keys"));
        let keys = |names: &[&str]| {
            let make = |name: &&str| {
                let name = name.parse().expect("a name");
                folder.generate(name, Protection::None).expect("own folder").public
            };
            names.iter().map(make).collect()
        };
        network.publisher.stop();
        let options =
            StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };
        let store = Store::open(&network.publisher.data, options).expect("nobody uses it");
        let first = store.newest_root().expect("readable").expect("founded");
        let mut root = first.peek().expect("a root");
        root.version = 2;
        root.prev = Some(first.digest());
        change(&mut root, &keys);
        let mut second = Signed::unsigned(&root).expect("within limits");
        second.sign(&network.secret_key(), &root.network);
        store.append_root(&second).expect("the next one");
        drop(store);
        network.publisher.start();
        Self { network }
    }

    /// The file of a key, as an argument or a setting.
    fn key(&self, name: &str) -> PathBuf {
        self.network.project().join("keys").join(format!("{name}.key"))
    }
}

fn role(threshold: u16, keys: Vec<PublicKey>) -> Role {
    Role::new(threshold, keys).expect("a role")
}

/// What a node says of the channel `stable`.
fn stable(node: &Node) -> Value {
    let status = node.get("/api/v1/status");
    let found = items(&status["channels"]).iter().find(|channel| channel["name"] == "stable");
    found.cloned().expect("every network has it")
}

/// The codes of what a node says is wrong.
fn problems(node: &Node) -> Vec<String> {
    let status = node.get("/api/v1/status");
    items(&status["problems"])
        .iter()
        .map(|p| p["code"].as_str().expect("text").to_owned())
        .collect()
}
