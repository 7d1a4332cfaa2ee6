//! A program that was built before protocol 2 is there all the time: it fetches and serves before the switch, is left
//! behind by it, becomes its successor within the grace, and goes on.

use super::{
    old_program::{status, wait_for},
    *,
};
use crate::harness::protocol_1;

/// What a node says of itself while one program replaces another is asked of it by the command line.
fn protocol_of(node: &Node) -> Option<Value> {
    status(node).map(|status| status["protocol"].clone())
}

#[test]
fn an_old_program_that_stays_through_the_whole_change_fetches_serves_upgrades_and_goes_on() {
    let parliament = Parliament::found();
    let network = &parliament.network;
    parliament.publish_updraft("9.1.0", &parliament.successor());
    let nodes = parliament.nodes(&ELECTORS[..4]);
    // The end of a program ends its connections at once by TCP, and by QUIC only when the other side loses patience.
    let by_tcp = Kind::follower().with("p2p.listen", "[\"/ip4/127.0.0.1/tcp/0\"]");
    let mut old = Node::prepare(network.place(), "old", &by_tcp);
    old.say(&["--yes", "join", &network.publisher.ticket()]).good();
    old.start_as(&protocol_1());
    // Of the new program, and connected to the old one alone: whatever it gets, it gets from there.
    let only = format!("[\"{}\"]", old.peer_id());
    let behind_it = Kind::follower().with("p2p.allow_peers", only);
    let behind_it = network.join_through(&old, "behind-it", &behind_it);
    parliament.publish_app("1.0.0");
    behind_it.wait_for("1.0.0");
    assert_eq!(old.installed().as_deref(), Some("1.0.0"), "it fetches from new programs");
    let process = old.pid();

    let words = "propose 2 --release 9.1.0 --voting 15s --lead 3s --grace 10s -k ann --yes";
    at(network, words).good();
    nodes.iter().for_each(yes);
    for node in nodes.iter().chain([&old, &behind_it]) {
        wait_until(node, "lockedIn");
    }
    // It is decided, and not in force: everybody speaks as before.
    parliament.publish_app("1.1.0");
    behind_it.wait_for("1.1.0");
    old.wait_for("1.1.0");
    let before = protocol_of(&old).expect("it answers");
    let speaks = (&before["active"], &before["newest"], &before["leftBehind"]);
    assert_eq!(speaks, (&1.into(), &1.into(), &false.into()), "{before}");

    wait_until(&nodes[0], "active");
    until("the old program has become the new one, and takes part", || {
        let now = protocol_of(&old)?;
        let speaks = (&now["active"], &now["newest"], &now["leftBehind"]);
        (speaks == (&2.into(), &2.into(), &false.into())).then_some(())
    });
    assert_eq!(old.pid(), process, "the process stays");
    let logged = old.logged();
    let at = |what: &str| logged.find(what).unwrap_or_else(|| panic!("{what}: not in its log"));
    // It was ready before it was needed, and had no part in between.
    assert!(at("updraft@9.1.0 is ready for protocol 2") < at("p-1 is active"));
    assert!(at("this program speaks up to 1: it takes no part") < at("the node starts again"));
    let state = vote(&nodes[0]).expect("known")["state"].clone();
    assert_eq!(state, "active", "the grace was long enough");
    // The next program has another port here, and nobody else tells the one behind it.
    let address =
        until("it listens again", || status(&old)?["listening"][0].as_str().map(str::to_owned));
    let place = address.split("/p2p/").next().expect("a first part");
    until_ok("the one behind it is connected to the next program", || {
        // Whoever still takes the one before for connected dials nobody.
        behind_it.say(&["peers", "add", &address]);
        let peers = behind_it.json(&["peers"]).to_string();
        if peers.contains(place) { Ok(()) } else { Err(peers) }
    });
    parliament.publish_app("1.2.0");
    wait_for(&old, "1.2.0");
    behind_it.wait_for("1.2.0");

    wait_until(&nodes[0], "final");
    parliament.publish_app("1.3.0");
    wait_for(&old, "1.3.0");
    behind_it.wait_for("1.3.0");
    for node in nodes.iter().chain([&old, &behind_it]) {
        let protocol = protocol_of(node).expect("it answers");
        assert_eq!((&protocol["active"], &protocol["leftBehind"]), (&2.into(), &false.into()));
    }
    // The one behind it asks again when its only source has not got it yet; who knows others has no such excuse.
    for node in nodes.iter().chain([&old]) {
        assert!(!node.logged().contains("update.failed"), "{} failed to install", node.name);
    }
}
