//! A peer that takes requests and never answers costs time, never the release.

use std::{fs, time::Instant};

use crate::harness::{
    DEADLINE, dir, items,
    network::Network,
    node::Kind,
    peer::{Asked, Conduct, HostilePeer},
    release::COMPONENT,
    text, until,
};

#[test]
fn a_peer_that_never_answers_does_not_keep_a_release_away() {
    let network = Network::found();
    let release = network.release("1.0.0");
    network.publish(&release, "1.0.0").good();
    let known = network.publisher.wait_until_held("1.0.0");
    let silent = HostilePeer::start(Conduct::Silence, &network.publisher, &[&known]);
    let kind = Kind::obedient().with("p2p.bootstrap", format!("[\"{}\"]", silent.address));
    let node = network.join("node-1", &kind);
    until("publisher and silent peer are connected", || {
        let peers = node.json(&["peers"]);
        let wanted = [silent.id.as_str(), network.publisher.peer_id()];
        let is_there = |id: &str| items(&peers["peers"]).iter().any(|peer| peer["id"] == id);
        wanted.into_iter().all(is_there).then_some(())
    });
    node.wait_until_known("1.0.0");

    let begun = Instant::now();
    let done = node.say(&["--json", "install", COMPONENT]).good().last_line();
    assert!(begun.elapsed() < DEADLINE, "it took {} s", begun.elapsed().as_secs());
    assert_eq!((&done["type"], &done["to"]), (&"done".into(), &"1.0.0".into()), "{done}");
    let sources: Vec<_> = items(&done["sources"]).iter().map(|s| text(&s["peer"])).collect();
    assert_eq!(sources, [network.publisher.peer_id()]);
    let current = fs::canonicalize(node.current()).expect("a version");
    assert_eq!(dir::snapshot(&current), dir::snapshot(&release));
    let asked: Vec<_> = silent.asked.try_iter().collect();
    // Which of them it was asked for is a matter of who answers first elsewhere; it answers neither.
    let relied_on = asked.iter().any(|asked| matches!(asked, Asked::Object | Asked::Chunk));
    assert!(relied_on, "it was asked for bytes: {asked:?}");
}
