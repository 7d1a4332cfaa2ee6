//! A stop reaches who is busy and who comes late.

use updraft_protocol::{Elector, Electorate};

use super::{Governed, problems, role, stable};
use crate::harness::{items, node::Kind, number, release, until};

/// Bytes of a release that takes a slow node some seconds.
const SLOW: usize = 4 * 1024 * 1024;

#[test]
fn a_release_that_is_paused_while_its_bytes_come_does_not_go_live() {
    let governed = Governed::found(|root, keys| root.brake = Some(role(1, keys(&["oncall"]))));
    let network = &governed.network;
    network.publish(&release::make(network.place(), "1.0.0", SLOW), "1.0.0").good();
    let slow = Kind::follower().with("transfer.download_limit", "\"1MiB/s\"");
    let node = network.join("node", &slow);
    until("its bytes come", || {
        let operations = node.get("/api/v1/operations");
        let running = items(&operations).iter().find(|operation| operation["state"] == "running");
        let done = number(running?["progress"].get("done")?);
        (done > 0).then_some(())
    });
    let brake = ["--yes", "brake", "--all", "--reason", "it eats disks", "-k", "oncall"];
    network.at_project(&brake).good();
    let failed = until("the update ends", || {
        let operations = node.get("/api/v1/operations");
        items(&operations).iter().find(|operation| operation["state"] == "failed").cloned()
    });
    assert!(failed.to_string().contains("it eats disks"), "{failed}");
    assert_eq!(node.installed(), None);
    until("it is held", || (node.component()?["heldBy"]["reason"] == "paused").then_some(()));
}

#[test]
fn who_comes_after_a_restart_of_everybody_who_heard_it_hears_of_a_stop_before_it_installs() {
    let mut governed = Governed::found(|root, keys| {
        root.brake = Some(role(1, keys(&["oncall", "other"])));
    });
    let network = &mut governed.network;
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    network.at_project(&["--yes", "key", "revoke", "other", "--reason", "lost"]).good();
    let brake = ["--yes", "brake", "--all", "--reason", "it eats disks", "-k", "oncall"];
    network.at_project(&brake).good();
    network.publisher.stop();
    network.publisher.start();
    let node = network.join("node", &Kind::follower());
    until("the pause is heard", || {
        (stable(&node)["pauses"][0]["reason"] == "it eats disks").then_some(())
    });
    until("the release is held", || {
        (node.component()?["heldBy"]["reason"] == "paused").then_some(())
    });
    assert!(problems(&node).contains(&"UD0411".to_owned()), "the key that took itself back");
    assert!(items(&node.get("/api/v1/operations")).is_empty(), "nothing was begun");
}

#[test]
fn an_electors_key_takes_itself_back_and_has_no_vote_any_more() {
    let governed = Governed::found(|root, keys| {
        let mut electors = Vec::new();
        for (key, name) in keys(&["ann", "bob", "eve"]).into_iter().zip(["ann", "bob", "eve"]) {
            electors.push(Elector { key, weight: 1, operator: name.parse().expect("a name") });
        }
        root.electorate = Some(Electorate::new(1, electors));
    });
    let network = &governed.network;
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    let propose = "propose 2 --line demo-app --voting 1h --min-ready 0/1 -k bob --yes";
    network.at_project(&propose.split(' ').collect::<Vec<_>>()).good();
    let vote = |stance| network.at_project(&["vote", "p-1", stance, "-k", "ann", "--yes"]);
    until("the vote has begun", || (vote("yes").code == Some(0)).then_some(()));
    let ballots = || network.at_project(&["tally", "p-1", "--ballots", "--json"]).good().out;
    let before = ballots();
    assert!(before.contains("\"voted\":1"), "{before}");
    let said = network.at_project(&["--yes", "key", "revoke", "ann", "--reason", "stolen"]).good();
    assert!(said.err.contains("`ann` counts no more as electorate"), "{}", said.err);
    let after = ballots();
    assert!(after.contains("\"voted\":0"), "what it had said counts nothing: {after}");
    vote("no").refused(4, "UD0902", &[]);
}
