//! A release that is on its way when the protocol changes arrives, by one operation and without a byte to spare.

use super::*;
use crate::harness::{dir, items, number, release};

/// Bytes of the release, and how fast a node may take them: it takes ten seconds and more.
const SIZE: usize = 10 * 1024 * 1024;
const LIMIT: &str = "\"1MiB/s\"";
/// Seconds from the decision to the activation: the last bytes come after it.
const LEAD: i64 = 3;
/// Bytes of a chunk, as publishers cut them, and requests of a node that are under way at once.
const CHUNK: u64 = 256 * 1024;
const IN_FLIGHT: u64 = 4;

/// The operation that installs something on a node, with how many bytes of how many it has.
fn running(node: &Node) -> Option<(String, u64, u64)> {
    let operations = node.get("/api/v1/operations");
    let running = items(&operations).iter().find(|operation| operation["state"] == "running")?;
    let progress = &running["progress"];
    let id = running["id"].as_str().expect("a name").to_owned();
    Some((id, number(progress.get("done")?), number(progress.get("total")?)))
}

fn served(nodes: &[&Node], service: &str) -> u64 {
    let name =
        format!("updraft_requests_served_total{{service=\"{service}\",result=\"answered\"}} ");
    nodes.iter().map(|node| node.metric_or_zero(&name)).sum()
}

#[test]
fn a_transfer_that_is_under_way_at_the_activation_goes_on_in_the_other_protocol() {
    let parliament = Parliament::found();
    let network = &parliament.network;
    let slow = Kind::follower()
        .with("transfer.download_limit", LIMIT)
        .with("transfer.parallel_chunks", IN_FLIGHT.to_string());
    let nodes: Vec<Node> = ["a", "b", "c"].map(|name| network.join(name, &slow)).into();
    let everybody: Vec<&Node> = nodes.iter().chain([&network.publisher]).collect();
    let release = release::make(network.place(), "1.0.0", SIZE);
    network.publish(&release, "1.0.0").good();
    let begun: Vec<(String, u64, u64)> = nodes
        .iter()
        .map(|node| until("bytes come", || running(node).filter(|(_, done, _)| *done > 0)))
        .collect();
    parliament.decree("9.0.0", LEAD, 600);
    everybody.iter().for_each(|node| drop(wait_until(node, "lockedIn")));
    assert_eq!(protocol(&nodes[0])["active"], 1, "it has begun before the change");
    let packs = served(&everybody, "packed");
    assert_eq!(packs, 0, "nobody speaks protocol 2 yet");

    for (node, (id, ..)) in nodes.iter().zip(&begun) {
        until("protocol 2 is spoken", || (protocol(node)["active"] == 2).then_some(()));
        let (now, done, total) = running(node).expect("it is under way");
        assert_eq!(&now, id, "{}", node.name);
        assert!(done < total, "{} has everything: {done} of {total}", node.name);
    }
    for (node, (id, _, total)) in nodes.iter().zip(&begun) {
        node.wait_for("1.0.0");
        assert_eq!(failed(node), 0, "{} failed to install something", node.name);
        let operations = node.get("/api/v1/operations");
        let ended: Vec<(&str, &str)> = items(&operations)
            .iter()
            .map(|operation| (operation["id"].as_str(), operation["state"].as_str()))
            .map(|(id, state)| (id.unwrap_or_default(), state.unwrap_or_default()))
            .collect();
        assert_eq!(ended, [(id.as_str(), "done")], "{}", node.name);
        // What was asked for in the one protocol when it ended may be asked for again in the other.
        let received = number(&node.status()["totals"]["received"]);
        assert!(received <= total + 2 * CHUNK * IN_FLIGHT, "{received} bytes for {total}");
        let current = fs::canonicalize(node.current()).expect("a version");
        assert_eq!(dir::snapshot(&current), dir::snapshot(&release));
    }
    assert!(served(&everybody, "packed") > packs, "the rest came in packs");
}
