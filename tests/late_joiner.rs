//! Who comes late, when the publisher is gone, learns and gets everything from the nodes that are there.

use std::fs;

use crate::harness::{dir, network::Network, node::Kind, number};

#[test]
fn a_node_that_joins_after_the_publisher_died_installs_the_newest_release() {
    let mut network = Network::found();
    let nodes = ["node-1", "node-2"].map(|name| network.join(name, &Kind::follower()));
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| network.release(version));
    network.publish(&first, "1.0.0").good();
    nodes.iter().for_each(|node| node.wait_for("1.0.0"));
    network.publish(&second, "1.1.0").good();
    for node in &nodes {
        node.wait_for("1.1.0");
        let patches = number(&node.status()["totals"]["receivedPatches"]);
        assert!(
            patches > 0,
            "{} took a patch, so nobody but the publisher has 1.1.0 whole",
            node.name
        );
    }
    network.publisher.kill();

    let late = network.join_through(&nodes[0], "late", &Kind::follower());
    late.wait_for("1.1.0");
    let current = fs::canonicalize(late.current()).expect("a version");
    assert_eq!(dir::snapshot(&current), dir::snapshot(&second));
}
