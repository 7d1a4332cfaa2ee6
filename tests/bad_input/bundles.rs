//! Signed objects that are damaged, foreign, stale or old: refused by the node, which keeps nothing of them.

use std::{fs, path::Path};

use serde_json::Value;
use updraft_node::bundle::{Bundle, BundleWriter};
use updraft_protocol::{Head, NetworkId, SecretKey, Signed, Timestamp};

use crate::harness::{arg, dir, network::Network};

/// Hands a bundle to the node as any program could; gives the problem, after looking that nothing was kept and
/// that the command refuses it as well.
#[track_caller]
fn refused(network: &Network, bundle: &Path) -> Value {
    let node = &network.publisher;
    let before = (dir::settled(&node.data), node.books());
    let bytes = fs::read(bundle).expect("own file");
    let kind = "application/vnd.updraft.bundle";
    let problem = node.request("POST /api/v1/releases", kind, &bytes).refused();
    let said = node.say(&["publish", "--bundle", arg(bundle)]);
    assert_eq!(said.code, Some(6), "{}", said.err);
    assert_eq!(dir::settled(&node.data), before.0, "nothing was kept: {problem}");
    assert_eq!(node.books(), before.1, "nothing is believed: {problem}");
    problem
}

#[test]
fn no_flipped_byte_of_a_bundle_is_taken() {
    let network = Network::found();
    let good = network.bundle("1.0.0");
    let bytes = fs::read(&good).expect("own file");
    let opened = Bundle::open(&good).expect("good");
    let manifest = opened.signed_manifest().payload();
    let place = bytes.windows(manifest.len()).position(|piece| piece == manifest);
    let place = place.expect("the manifest lies in the header as it was signed");
    let end = place + manifest.len();
    let bad = network.place().join("bad.bundle");
    // In the manifest, in its signature, in the head before it, in the lists behind it, in a blob.
    for at in [place + 1, place + manifest.len() / 2, end - 1, end + 40, place / 2, end + 130] {
        flip(&bytes, at, &bad);
        refused(&network, &bad);
    }
    flip(&bytes, bytes.len() - 1_000, &bad);
    assert_eq!(refused(&network, &bad)["code"], "UD0406");

    network.publisher.say(&["publish", "--bundle", arg(&good)]).good();
}

fn flip(bytes: &[u8], at: usize, to: &Path) {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x10;
    fs::write(to, bytes).expect("own folder");
}

#[test]
fn a_bundle_of_another_network_is_refused() {
    let (network, other) = (Network::found(), Network::found());
    let problem = refused(&network, &other.bundle("1.0.0"));
    assert!(["UD0401", "UD0402"].iter().any(|code| problem["code"] == *code), "{problem}");
}

#[test]
fn a_head_that_has_expired_is_refused() {
    let network = Network::found();
    let fresh = network.bundle("1.0.0");
    let stale = network.place().join("stale.bundle");
    let opened = Bundle::open(&fresh).expect("good");
    let head = Head {
        time: Timestamp::from_seconds(1_000_000_000),
        expires: Timestamp::from_seconds(1_000_086_400),
        ..opened.head().clone()
    };
    resign(&opened, &head, &network.secret_key(), &stale);
    let problem = refused(&network, &stale);
    assert_eq!(problem["code"], "UD0403", "{problem}");
    assert!(problem["detail"].to_string().contains("expired"), "{problem}");
}

/// Writes a bundle like `of` with another head, signed well.
fn resign(of: &Bundle, head: &Head, key: &SecretKey, to: &Path) {
    let network: NetworkId = head.network;
    let mut signed = Signed::unsigned(head).expect("within limits");
    signed.sign(key, &network);
    let mut writer = BundleWriter::new(signed, of.signed_manifest().clone());
    for object in of.objects() {
        writer.object(of.object(&object.digest).expect("it has it")).expect("an object");
    }
    for blob in of.manifest().blobs() {
        writer.blob(blob, of.blob_reader(&blob.digest).expect("it has it"));
    }
    writer.write(to).expect("own folder");
}

#[test]
fn a_bundle_from_the_past_does_not_bring_the_past_back() {
    let network = Network::found();
    let old = network.bundle("1.0.0");
    network.publisher.say(&["publish", "--bundle", arg(&old)]).good();
    network.publish(&network.release("1.1.0"), "1.1.0").good();
    let problem = refused(&network, &old);
    assert_eq!(problem["code"], "UD0404", "{problem}");
    let hint = problem["hint"].to_string();
    assert!(hint.contains("build it again"), "{problem}");
}

#[test]
fn two_histories_of_a_channel_are_not_both_believed() {
    let network = Network::found();
    let [first, rival] = ["1.0.0", "1.1.0"].map(|version| network.bundle(version));
    network.publisher.say(&["publish", "--bundle", arg(&first)]).good();
    let problem = refused(&network, &rival);
    assert_eq!(problem["code"], "UD0404", "{problem}");
}
