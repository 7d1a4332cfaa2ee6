//! Forged announcements from a peer: refused with the reason, nothing kept, and the truth still gets through.

use std::path::PathBuf;

use updraft_node::bundle::Bundle;
use updraft_protocol::{Gossip, Head, NetworkId, SecretKey, Signed, Timestamp};

use crate::harness::{
    dir, items,
    network::Network,
    node::{Kind, Node},
    peer::{Conduct, HostilePeer},
    text, until,
};

/// A node that runs 1.0.0, and a signed bundle of 1.1.0 that nobody has heard of.
struct Stage {
    // Nodes first: they lie in the network's folder.
    node: Node,
    network: Network,
    bundle: PathBuf,
    /// The bundle's head.
    next: Head,
}

impl Stage {
    fn set() -> Self {
        let network = Network::found();
        network.publish(&network.release("1.0.0"), "1.0.0").good();
        let node = network.join("node-1", &Kind::follower());
        node.wait_for("1.0.0");
        let bundle = network.bundle("1.1.0");
        let next = Bundle::open(&bundle).expect("good").head().clone();
        Self { node, network, bundle, next }
    }
}

fn announcement(head: &Head, key: &SecretKey) -> Gossip {
    let mut signed = Signed::unsigned(head).expect("within limits");
    signed.sign(key, &head.network);
    Gossip::announce(signed, None)
}

#[test]
fn no_forged_announcement_changes_anything() {
    let Stage { network, node, bundle, next } = Stage::set();
    let (key, stranger) = (network.secret_key(), SecretKey::from_seed(&[7; 32]));
    let past = Timestamp::from_seconds(1_000_000_000);
    let forgeries = [
        ("a key without a say", announcement(&next, &stranger), "signed by 0 of the 1"),
        (
            "an expired head",
            announcement(&Head { time: past, expires: past.plus(86_400), ..next.clone() }, &key),
            "expired",
        ),
        (
            "a head of another network",
            announcement(&Head { network: NetworkId::from_bytes([9; 32]), ..next.clone() }, &key),
            "network",
        ),
    ];
    let before = (dir::settled(&node.data), node.books());
    for (what, forgery, reason) in forgeries {
        // One peer for each: who lies once may not be listened to again.
        let forger = HostilePeer::start(Conduct::Silence, &node, &[]);
        forger.announce(forgery);
        let refusal = until(&format!("{what} is refused"), || {
            let log = node.logged();
            let refusal = format!("refused something from {}", forger.id);
            log.lines().find(|line| line.contains(&refusal)).map(str::to_owned)
        });
        assert!(refusal.contains(reason), "{what}: {refusal}");
        assert_eq!(dir::settled(&node.data), before.0, "nothing is kept of {what}");
        assert_eq!(node.books(), before.1, "nothing is believed of {what}");
    }

    network.publisher.say(&["publish", "--bundle", crate::harness::arg(&bundle)]).good();
    node.wait_for("1.1.0");
}

#[test]
fn a_second_history_freezes_the_channel_and_changes_nothing_else() {
    let Stage { network, node, bundle, next } = Stage::set();
    let before = node.books();

    let rival = announcement(&Head { seq: 1, prev: None, ..next }, &network.secret_key());
    let liar = HostilePeer::start(Conduct::Silence, &node, &[]);
    liar.announce(rival);
    until("both see that the channel has two histories", || {
        [&node, &network.publisher]
            .iter()
            .all(|node| node.logged().contains("is frozen"))
            .then_some(())
    });
    let offered = |books: &serde_json::Value| {
        let releases = items(&books["releases"]["items"]).iter();
        releases.map(|release| release["manifest"].clone()).collect::<Vec<_>>()
    };
    let after = node.books();
    assert_eq!(offered(&after), offered(&before), "nothing of the rival is believed");
    let barred = text(&after["releases"]["items"][0]["barred"]);
    assert!(barred.contains("is frozen"), "{barred}");

    let refused = network.publisher.say(&["publish", "--bundle", crate::harness::arg(&bundle)]);
    assert_eq!(refused.code, Some(7), "nobody publishes on a frozen channel");
    assert!(refused.err.contains("UD0409"), "{}", refused.err);
    assert_eq!(node.installed().as_deref(), Some("1.0.0"));
}
