//! Releases that are not to be installed: withdrawn ones, old ones, and those that builders do not confirm.

use updraft_protocol::Digest;

use super::{Governed, problems, role};
use crate::harness::{
    arg, items,
    network::Network,
    node::{Kind, Node},
    text, until,
};

fn concerns(node: &Node) -> Vec<String> {
    let Some(component) = node.component() else { return Vec::new() };
    items(&component["concerns"]).iter().map(|c| text(&c["kind"]).to_owned()).collect()
}

#[test]
fn a_withdrawn_release_is_taken_by_nobody_and_said_by_whoever_runs_it() {
    let network = Network::found();
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    network.publish(&network.release("1.1.0"), "1.1.0").good();
    let mut node = network.join("node", &Kind::follower());
    node.wait_for("1.1.0");
    let yank = ["--yes", "yank", "demo-app@1.1.0", "--reason", "it eats disks"];
    let done = network.at_project(&yank).good();
    assert!(done.out.contains("demo-app@1.1.0 is withdrawn on stable, head 3."), "{}", done.out);
    until("whoever runs it hears of it", || (concerns(&node) == ["withdrawn"]).then_some(()));
    assert!(problems(&node).contains(&"UD0508".to_owned()));
    assert_eq!(node.component().expect("followed")["state"], "held", "not up to date");
    let listed = node.say(&["list", "--all"]).good();
    assert!(listed.out.contains("1.1.0 (withdrawn: it eats disks)"), "{}", listed.out);
    let shown = node.say(&["show", "demo-app@1.1.0"]).good();
    assert!(shown.out.contains("WITHDRAWN  it eats disks"), "{}", shown.out);
    network.at_project(&yank).refused(5, "UD0302", &["not on offer"]);

    let newcomer = network.join("newcomer", &Kind::follower());
    newcomer.wait_for("1.0.0");
    node.stop();
    node.start();
    until("it still knows after a restart", || (concerns(&node) == ["withdrawn"]).then_some(()));

    let file = network.place().join("back.bundle");
    let undo = ["--yes", "yank", "demo-app@1.1.0", "--undo", "-o", arg(&file)];
    network.at_project(&undo).good();
    network.at_project(&["publish", "--bundle", arg(&file)]).good();
    newcomer.wait_for("1.1.0");
    until("nothing is wrong any more", || concerns(&node).is_empty().then_some(()));
}

#[test]
fn a_node_below_what_is_looked_after_says_so() {
    let network = Network::found();
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    let node = network.join("node", &Kind::obedient());
    node.wait_until_known("1.0.0");
    node.say(&["install", "demo-app"]).good();
    assert_eq!(concerns(&node), [""; 0]);
    let least = ["--min-supported", "1.1.0"];
    network.publish_with(&network.release("1.1.0"), "1.1.0", &least).good();
    until("it hears of it", || (concerns(&node) == ["unsupported"]).then_some(()));
    assert!(problems(&node).contains(&"UD0413".to_owned()));
}

#[test]
fn a_node_waits_for_builders_and_shows_both_digests_when_one_of_them_differs() {
    let governed = Governed::found(|root, keys| {
        root.builder = Some(role(1, keys(&["builder-1", "builder-2"])));
    });
    let network = &governed.network;
    let release = network.release("1.0.0");
    let source = Digest::of(b"the sources").to_string();
    network.publish_with(&release, "1.0.0", &["--source-digest", &source]).good();
    let node = network.join("node", &Kind::follower().with("trust.require_builders", "1"));
    node.wait_until_known("1.0.0");
    until("it waits for a builder", || {
        (node.component()?["heldBy"]["reason"] == "requirement").then_some(())
    });
    let attest = |path: &std::path::Path, key| {
        network.at_project(&["--yes", "attest", "demo-app@1.0.0", arg(path), "-k", key])
    };
    let other = network.release("9.9.9");
    let differs = attest(&other, "builder-1").good();
    assert!(differs.err.contains("it differs"), "{}", differs.err);
    until("the difference is shown", || (concerns(&node) == ["buildsDiffer"]).then_some(()));
    let signed = node.wait_until_known("1.0.0");
    let build = &signed["builds"][0];
    assert_eq!((&build["agrees"], build["tree"] == signed["tree"]), (&false.into(), false));
    let detail = node.component().expect("followed")["concerns"][0]["detail"].clone();
    for tree in [&signed["tree"], &build["tree"]] {
        assert!(text(&detail).contains(text(tree)), "{detail} names {tree}");
    }
    assert_eq!(node.installed(), None);

    let agrees = attest(&release, "builder-2").good();
    assert!(agrees.err.contains("It agrees with what is signed"), "{}", agrees.err);
    node.wait_for("1.0.0");
    let shown = node.say(&["show", "demo-app@1.0.0"]).good();
    assert!(shown.out.contains("got the same") && shown.out.contains("got ANOTHER tree"));
}
