//! Several peers give a release at once, and one that lies is caught by the first chunk it gives.

use std::fs;

use crate::harness::{
    dir, items,
    network::Network,
    node::Kind,
    peer::{Asked, Conduct, HostilePeer},
    release::{self, COMPONENT},
    text, until,
};

#[test]
fn one_of_three_seeders_lies_and_the_release_is_installed_all_the_same() {
    let mut network = Network::found();
    let seeds = ["seed-1", "seed-2"].map(|name| network.join(name, &Kind::seed()));
    let release = release::make(network.place(), "1.0.0", 4 * 1024 * 1024);
    let said = network.publish_with(&release, "1.0.0", &["--wait-replicas", "2"]).good();
    assert_eq!(said.last_line()["replicas"], 2);
    let known = seeds[0].wait_until_held("1.0.0");
    seeds[1].wait_until_held("1.0.0");
    network.publisher.kill();

    let liar = HostilePeer::start(Conduct::Garbage, &seeds[0], &[&known]);
    let kind = Kind::obedient().with("p2p.bootstrap", format!("[\"{}\"]", liar.address));
    let node = network.join_through(&seeds[0], "node-1", &kind);
    node.say(&["peers", "add", &seeds[1].listen()[0]]).good();
    until("two seeds and the liar are connected", || {
        let peers = node.json(&["peers"]);
        let wanted = [&liar.id, seeds[0].peer_id(), seeds[1].peer_id()];
        let is_there = |id: &str| items(&peers["peers"]).iter().any(|peer| peer["id"] == id);
        wanted.into_iter().all(is_there).then_some(())
    });
    node.wait_until_known("1.0.0");

    let said = node.say(&["--json", "install", COMPONENT]).good();
    let done = said.last_line();
    assert_eq!((&done["type"], &done["to"]), (&"done".into(), &"1.0.0".into()), "{done}");
    let sources: Vec<_> = items(&done["sources"]).iter().map(|s| text(&s["peer"])).collect();
    assert!(!sources.contains(&liar.id.as_str()), "not one byte is the liar's: {sources:?}");
    assert_eq!(sources.len(), 2, "both honest seeds gave: {sources:?}");
    let current = fs::canonicalize(node.current()).expect("a version");
    assert_eq!(dir::snapshot(&current), dir::snapshot(&release));

    assert!(liar.asked.try_iter().any(|asked| asked == Asked::Chunk), "the lie was told");
    let peers = node.json(&["peers"]);
    let shown = items(&peers["peers"]).iter().find(|peer| peer["id"] == liar.id.as_str());
    assert!(shown.is_some_and(|peer| peer["banned"].is_string()), "{peers}");
}
