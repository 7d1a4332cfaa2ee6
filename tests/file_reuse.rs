//! A release to which no patch leads, and most of whose files lie on the node already: these are not fetched.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::harness::{
    dir, items,
    network::Network,
    node::{Kind, Node},
    number, release,
};

/// Bytes of each of the three large files: every one of them is a block of its own.
const LARGE: usize = 9 * 1024 * 1024;
/// Chunks that the end of a block lies in, and both ends of the blob.
const EDGES: u64 = 4 * 256 * 1024;

/// A version whose third file is its own.
fn make(network: &Network, version: &str) -> PathBuf {
    let folder = release::make(network.place(), version, 1_000);
    for name in ["first", "second"] {
        fs::write(folder.join(name), release::noise(name, LARGE)).expect("own folder");
    }
    fs::write(folder.join("third"), release::noise(version, LARGE)).expect("own folder");
    folder
}

/// Bytes that the update to a version took from other nodes, once it is there byte for byte.
fn fetched(node: &Node, version: &str, release: &Path) -> u64 {
    node.wait_for(version);
    let current = fs::canonicalize(node.current()).expect("a version");
    assert_eq!(dir::snapshot(&current), dir::snapshot(release), "the tree on {}", node.name);
    let operations = node.get("/api/v1/operations");
    let update = items(&operations)
        .iter()
        .find(|operation| operation["to"] == version && operation["state"] == "done")
        .expect("the update is an operation");
    assert_eq!(number(&update["patchBytes"]), 0, "there is no patch");
    items(&update["sources"]).iter().map(|source| number(&source["bytes"])).sum()
}

#[test]
fn files_that_are_here_are_not_fetched_unless_they_are_rotten() {
    let network = Network::found();
    let [sound, rotten] = ["sound", "rotten"].map(|name| network.join(name, &Kind::follower()));
    let first = make(&network, "1.0.0");
    network.publish(&first, "1.0.0").good();
    let size = LARGE as u64;
    for node in [&sound, &rotten] {
        let came = fetched(node, "1.0.0", &first);
        assert!(came >= 3 * size, "{came}: nothing was here");
    }
    let file = fs::canonicalize(rotten.current()).expect("a version").join("second");
    let mut bytes = fs::read(&file).expect("there");
    bytes[LARGE / 2] ^= 1;
    fs::write(&file, bytes).expect("own file");

    let second = make(&network, "1.1.0");
    network.publish_with(&second, "1.1.0", &["--deltas", "0"]).good();
    let came = fetched(&sound, "1.1.0", &second);
    assert!((size..=size + EDGES).contains(&came), "{came} of one file");
    let came = fetched(&rotten, "1.1.0", &second);
    assert!((2 * size..=2 * size + EDGES).contains(&came), "{came} of two files");
}
