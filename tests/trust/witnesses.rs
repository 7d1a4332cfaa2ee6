//! Freshness without a server: two witnesses of three are enough, one is not, and time alone makes a node stale.

use updraft_node::clock::Clock;
use updraft_protocol::{Digest, Heartbeat, Statement, codec};

use super::{Governed, problems, role, stable};
use crate::harness::{node::Kind, text, until};

/// Seconds for which the word of the test counts: long enough to see that it does.
const LIFETIME: u32 = 12;

/// A witness that stores and serves, and says so with this key.
fn witness(governed: &Governed, key: &str) -> Kind {
    Kind::seed().with("trust.witness_key", format!("\"{}\"", governed.key(key).display()))
}

#[test]
fn two_witnesses_of_three_make_a_release_fresh_and_one_does_not() {
    let governed = Governed::found(|root, keys| {
        root.witness = Some(role(2, keys(&["witness-1", "witness-2", "witness-3"])));
    });
    let network = &governed.network;
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    let node = network.join("node", &Kind::follower());
    let mut first = network.join("first", &witness(&governed, "witness-1"));
    until("one witness is heard", || (stable(&node)["witnesses"]["have"] == 1).then_some(()));
    assert_eq!(stable(&node)["freshness"], "stale");
    assert!(problems(&node).contains(&"UD0403".to_owned()));
    assert_eq!(node.installed(), None, "nothing is installed by itself");
    let held = node.component().expect("followed")["heldBy"]["detail"].clone();
    assert!(text(&held).contains("cannot prove freshness since"), "{held}");
    assert_eq!(node.say(&["status", "--exit-code"]).code, Some(10));

    let _third = network.join("third", &witness(&governed, "witness-3"));
    node.wait_for("1.0.0");
    let channel = stable(&node);
    assert_eq!(
        (&channel["freshness"], &channel["witnesses"]["have"]),
        (&"fresh".into(), &2.into())
    );
    assert!(channel["freshUntil"].is_string(), "{channel}");

    // A witness that comes back keeps to its word, and speaks about the next head.
    first.stop();
    network.publish(&network.release("1.1.0"), "1.1.0").good();
    until("one of two is not enough", || (stable(&node)["witnesses"]["have"] == 1).then_some(()));
    assert_eq!(node.installed().as_deref(), Some("1.0.0"));
    first.start();
    node.wait_for("1.1.0");
}

#[test]
fn a_witness_key_that_others_can_read_or_nobody_has_keeps_the_node_from_starting() {
    use std::os::unix::fs::PermissionsExt as _;

    let governed = Governed::found(|root, keys| root.witness = Some(role(1, keys(&["witness"]))));
    let mut node = governed.network.join("node", &witness(&governed, "witness"));
    node.stop();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(governed.key("witness"), open).expect("own file");
    node.start_in_vain().refused(4, "UD0801", &["trust.witness_key", "witness.key"]);
    node.configure(&witness(&governed, "nobody"));
    node.start_in_vain().refused(4, "UD0801", &["trust.witness_key", "nobody"]);
}

#[test]
fn a_node_goes_stale_by_time_alone_and_a_person_may_still_install_after_a_warning() {
    let governed = Governed::found(|root, keys| root.witness = Some(role(1, keys(&["witness"]))));
    let network = &governed.network;
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    let node = network.join("node", &Kind::obedient());
    node.wait_until_known("1.0.0");
    let head = node.request("GET /api/v1/channels/stable/head", "", &[]);
    let head: updraft_protocol::Signed<updraft_protocol::Head> =
        codec::decode(&head.body).expect("a signed head");
    let key = updraft_node::keys::KeyFolder::new(network.project().join("keys"))
        .load(&"witness".parse().expect("a name"))
        .expect("made for the test")
        .unlock(None)
        .expect("it has no password");
    let claim = head.peek().expect("a head");
    let heartbeat = Heartbeat {
        network: claim.network,
        by: key.public().id(),
        channel: claim.channel.clone(),
        seq: claim.seq,
        head: head.digest(),
        time: Clock::system().now(),
        valid_for: LIFETIME,
    };
    let mut signed = updraft_protocol::Signed::unsigned(&heartbeat).expect("within limits");
    signed.sign(&key, &heartbeat.network);
    let statement = Statement::Heartbeat(signed);
    let bytes = codec::encode(&statement).expect("small");
    let kind = "application/vnd.updraft.statement";
    let said = network.publisher.request("POST /api/v1/statements", kind, &bytes);
    assert_eq!(said.status, 202, "{}", String::from_utf8_lossy(&said.body));
    assert_eq!(said.good()["kind"], "heartbeat");
    until("the word is heard", || (stable(&node)["freshness"] == "fresh").then_some(()));
    let listed = node.get("/api/v1/statements");
    let id = statement.id().to_string();
    assert_eq!(listed["items"][0]["id"], id.as_str(), "{listed}");
    let same = node.request(&format!("GET /api/v1/statements/{id}"), "", &[]);
    assert_eq!(Digest::of(&same.body), Digest::of(&bytes), "as it was signed");

    until("the word runs out", || (stable(&node)["freshness"] == "stale").then_some(()));
    let metrics = node.request("GET /metrics", "", &[]);
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("updraft_channel_fresh{channel=\"stable\"} 0\n"), "{metrics}");
    assert_eq!(node.say(&["status", "--exit-code"]).code, Some(10));
    assert!(stable(&node)["staleSince"].is_string());
    let installed = node.say(&["install", "demo-app"]).good();
    assert!(installed.err.contains("warning: cannot prove freshness since"), "{}", installed.err);
    assert_eq!(node.installed().as_deref(), Some("1.0.0"));
    let state = node.component().expect("followed")["state"].clone();
    assert_eq!(state, "held", "never up to date while nothing proves it");

    let garbage = node.request("POST /api/v1/statements", kind, b"no statement");
    assert_eq!((garbage.status, &garbage.refused()["code"]), (422, &"UD0401".into()));
    let again = network.publisher.request("POST /api/v1/statements", "text/plain", &bytes);
    assert_eq!(again.status, 415);
}
