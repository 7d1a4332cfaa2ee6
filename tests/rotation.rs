//! Keys are stolen and taken back: who was away believes the last root, and a channel goes on where its people say.

use std::path::PathBuf;

use updraft_node::bundle::Bundle;
use updraft_protocol::{Digest, Gossip, Head, Signed};

use crate::harness::{
    arg,
    ceremony::{all, at, founded, next_root},
    network::Network,
    node::{Kind, Node},
    number,
    peer::{Asked, Conduct, HostilePeer},
    release::COMPONENT,
    until,
};

fn publish(network: &Network, key: &str, version: &str, more: &str) {
    let release = network.release(version);
    let line = format!(
        "publish {} --component {COMPONENT} --as {version} -k {key} --yes{more}",
        arg(&release)
    );
    at(network, &line).good();
}

/// A release that somebody with a stolen key signs and does not announce.
fn stolen(network: &Network, version: &str) -> PathBuf {
    publish(network, "ci", version, " -o stolen.bundle");
    network.project().join("stolen.bundle")
}

/// A network whose only release key was stolen after 1.0.0: all of it believes the thief's 6.6.6.
fn robbed() -> (Network, Node) {
    let network = founded();
    publish(&network, "ci", "1.0.0", "");
    let node = network.join("node", &Kind::obedient());
    node.wait_until_known("1.0.0");
    let stolen = stolen(&network, "6.6.6");
    node.say(&["publish", "--bundle", arg(&stolen)]).good();
    network.publisher.wait_until_known("6.6.6");
    (network, node)
}

fn root_version(node: &Node) -> u64 {
    number(&node.get("/api/v1/trust")["rootVersion"])
}

fn wait_for_root(node: &Node, version: u64) {
    until(&format!("{} is on root {version}", node.name), || {
        (root_version(node) == version).then_some(())
    });
}

/// What a node says about something that this peer sent.
fn wait_for_refusal(node: &Node, from: &HostilePeer) -> String {
    let refusal = format!("refused something from {}", from.id);
    until("the lie is refused", || {
        node.logged().lines().find(|line| line.contains(&refusal)).map(str::to_owned)
    })
}

#[test]
fn who_was_away_for_four_roots_refuses_what_the_revoked_key_signed() {
    let network = founded();
    publish(&network, "ci", "1.0.0", "");
    let mut away = network.join("away", &Kind::follower());
    away.wait_for("1.0.0");
    away.stop();
    let mut behind = network.join("behind", &Kind::seed());
    all(&network, &["key generate ci-b --no-password", "key generate watch --no-password"]);
    next_root(&network, &["root add-key witness watch", "root threshold witness 1"]);
    wait_for_root(&behind, 2);
    behind.stop();
    let stolen = stolen(&network, "6.6.6");
    let rotate = ["root add-key release ci-b", "root remove-key release ci --reason compromised"];
    next_root(&network, &rotate);
    next_root(&network, &["root expire root 200d"]);
    next_root(&network, &["root expire root 100d"]);
    assert_eq!(root_version(&network.publisher), 5);

    // Whoever is on root 2 has nothing better to tell.
    behind.forget_everybody();
    behind.start();
    away.forget_everybody();
    away.start();
    away.say(&["peers", "add", &behind.listen()[0]]).good();
    wait_for_root(&away, 2);
    away.say(&["peers", "add", &network.publisher.listen()[0]]).good();
    wait_for_root(&away, 5);

    let bundle = Bundle::open(&stolen).expect("good");
    let thief = HostilePeer::start(Conduct::Silence, &away, &[]);
    let manifest = bundle.signed_manifest().clone();
    thief.announce(Gossip::announce(bundle.signed_head().clone(), Some(manifest)));
    wait_for_refusal(&away, &thief);
    away.say(&["publish", "--bundle", arg(&stolen)]).refused(6, "UD0402", &[]);
    assert_eq!(away.installed().as_deref(), Some("1.0.0"));
}

#[test]
fn a_number_at_the_end_of_all_numbers_ends_no_channel() {
    let network = founded();
    publish(&network, "ci", "1.0.0", "");
    let node = network.join("node", &Kind::follower());
    node.wait_for("1.0.0");
    let next = Bundle::open(&stolen(&network, "6.6.6")).expect("good").head().clone();
    let far = Head { seq: 1 << 63, prev: Some(Digest::of(b"never published")), ..next };
    let mut signed = Signed::unsigned(&far).expect("within limits");
    signed.sign(&network.stolen_key("ci"), &far.network);
    let thief = HostilePeer::start(Conduct::Silence, &node, &[]);
    thief.wait_until_asked(Asked::News);
    thief.announce(Gossip::announce(signed, None));
    // Its signatures are good, so the thief is asked once more, for the links that are missing.
    thief.wait_until_asked(Asked::News);

    all(&network, &["key generate ci-b --no-password"]);
    let rotate = ["root add-key release ci-b", "root remove-key release ci --reason compromised"];
    next_root(&network, &rotate);
    wait_for_root(&node, 2);
    publish(&network, "ci-b", "1.1.0", "");
    node.wait_for("1.1.0");
}

#[test]
fn what_a_thief_put_on_a_channel_goes_when_the_root_names_an_earlier_head() {
    let (network, node) = robbed();
    all(&network, &["key generate ci-b --no-password"]);
    next_root(
        &network,
        &[
            "root add-key release ci-b",
            "root remove-key release ci --reason compromised --base stable=1",
        ],
    );
    wait_for_root(&node, 2);
    until("6.6.6 is on offer nowhere", || {
        let releases = [&node, &network.publisher].map(|node| node.get("/api/v1/releases"));
        releases.iter().all(|known| !known.to_string().contains("6.6.6")).then_some(())
    });
    publish(&network, "ci-b", "1.1.0", "");
    node.wait_until_known("1.1.0");
    node.say(&["install", COMPONENT]).good();
    assert_eq!(node.installed().as_deref(), Some("1.1.0"));
}

#[test]
fn a_head_that_came_while_people_signed_is_given_up_only_by_choice() {
    let network = founded();
    publish(&network, "ci", "1.0.0", "");
    all(
        &network,
        &[
            "key generate ci-b --no-password",
            "root begin -m rotate",
            "root add-key release ci-b",
            "root remove-key release ci",
            "root sign -k root-1 -k root-2 --yes",
        ],
    );
    publish(&network, "ci", "1.1.0", "");
    let wise = ["has head 2", "from head 1", "nobody chose", "updraft root base stable=1"];
    at(&network, "root apply --yes").refused(2, "UD0204", &wise);
    assert_eq!(root_version(&network.publisher), 1, "what is refused changes nothing");
    let chosen = at(&network, "root base stable=1").good();
    assert!(!chosen.err.contains("signatures were"), "they hold: {}", chosen.err);
    let applied = at(&network, "root apply --yes").good();
    let said =
        "stable has head 2 here, and root 2 lets it go on from head 1: what came after is given up";
    assert!(applied.err.contains(said), "{}", applied.err);
    assert_eq!(root_version(&network.publisher), 2);
    let review = at(&network, "root review").good();
    assert!(review.out.contains("stable goes on from head 1 because root 2"), "{}", review.out);
}

#[test]
fn a_root_that_only_names_a_base_leads_back_behind_what_a_thief_signed() {
    let (network, node) = robbed();
    // The keys are changed, and nobody looks at what is the newest.
    all(&network, &["key generate ci-b --no-password"]);
    let rotate = ["root add-key release ci-b", "root remove-key release ci --reason compromised"];
    next_root(&network, &rotate);
    wait_for_root(&node, 2);

    all(&network, &["root begin -m back"]);
    let draft = at(&network, "root base stable=1").good();
    for part in ["stable goes on from head 1", "its keys stay"] {
        assert!(draft.out.contains(part), "{part} in {}", draft.out);
    }
    let given_up =
        "stable has head 2 here, and root 3 lets it go on from head 1: what came after is given up";
    let signed = at(&network, "root sign -k root-1 -k root-2 --yes").good();
    assert!(signed.err.contains(given_up), "{}", signed.err);
    let applied = at(&network, "root apply --yes").good();
    assert!(applied.err.contains(given_up), "{}", applied.err);
    wait_for_root(&node, 3);
    publish(&network, "ci-b", "1.1.0", "");
    node.wait_until_known("1.1.0");
    let head = node.get("/api/v1/status")["channels"].to_string();
    assert!(!node.get("/api/v1/releases").to_string().contains("6.6.6"), "{head}");
    node.say(&["install", COMPONENT]).good();
    assert_eq!(node.installed().as_deref(), Some("1.1.0"));
}
