//! A node that dies in the middle of a fetch goes on where it was.

use std::fs;

use crate::harness::{dir, items, network::Network, node::Kind, number, release, until};

/// Bytes of a chunk, as publishers cut them.
const CHUNK: u64 = 256 * 1024;
/// Requests under way at once on the node under test.
const IN_FLIGHT: u64 = 2;

#[test]
fn a_node_killed_in_the_middle_of_a_fetch_does_not_begin_again() {
    let network = Network::found();
    let release = release::make(network.place(), "1.0.0", 6 * 1024 * 1024);
    network.publish(&release, "1.0.0").good();
    let whole = number(&network.publisher.wait_until_held("1.0.0")["sizeBytes"]);

    let in_flight = IN_FLIGHT.to_string();
    let kind = Kind::follower().with("transfer.parallel_chunks", in_flight);
    let slow = kind.clone().with("transfer.download_limit", "\"1MiB/s\"");
    let mut node = network.join("node-1", &slow);
    let kept = until("half of the release is here", || {
        let operations = node.get("/api/v1/operations");
        let running = items(&operations).iter().find(|operation| operation["state"] == "running");
        let done = number(running?["progress"].get("done")?);
        (done >= whole / 2).then_some(done)
    });
    node.kill();
    assert!(kept < whole, "it was killed in the middle: {kept} of {whole} bytes");

    node.configure(&kind);
    node.start();
    node.wait_for("1.0.0");
    let received = number(&node.status()["totals"]["received"]);
    let most = whole - kept + 2 * CHUNK * IN_FLIGHT;
    assert!(received > 0, "something was missing");
    assert!(received <= most, "{received} bytes came again, {kept} of {whole} were here");
    let current = fs::canonicalize(node.current()).expect("a version");
    assert_eq!(dir::snapshot(&current), dir::snapshot(&release));
}
