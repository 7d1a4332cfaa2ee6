//! Five electors, threshold four: the vote passes, everybody switches within one epoch, and releases go on.

use super::*;

/// Seconds of voting: time for five nodes to stage a release and try it, on a busy machine.
const VOTING: u32 = 15;
/// Seconds between the vote and the activation.
const LEAD: u32 = 6;

/// When a node saw the vote come into force, to the second.
fn came_into_force(node: &Node) -> i64 {
    let logged = node.logged();
    let line = logged.lines().find(|line| line.contains("p-1 is active"));
    let line = line.unwrap_or_else(|| panic!("{} says so", node.name));
    let moment = line.split_whitespace().next().unwrap_or_default();
    moment.parse::<jiff::Timestamp>().expect("a line of the log begins with its time").as_second()
}

#[test]
fn four_of_five_decide_and_all_switch_within_an_epoch_while_releases_go_on() {
    let parliament = Parliament::found();
    parliament.publish_app("1.0.0");
    let nodes = parliament.nodes(&ELECTORS);
    nodes.iter().for_each(|node| node.wait_for("1.0.0"));
    let publisher = &parliament.network.publisher;
    parliament.propose(VOTING, LEAD, 3_600);
    nodes[..3].iter().for_each(yes);
    until("three are ready", || (vote(publisher)?["weights"]["ready"] == 3).then_some(()));
    let open = vote(publisher).expect("known");
    assert_eq!((&open["state"], &open["threshold"]), (&"voting".into(), &4.into()), "{open}");
    assert_eq!(open["missing"][0], "3 of 5 are for it, 4 are needed", "{open}");
    assert_eq!(protocol(&nodes[0])["active"], 1);
    yes(&nodes[3]);
    for node in nodes.iter().chain([publisher]) {
        wait_until(node, "lockedIn");
    }
    assert_eq!(protocol(&nodes[4])["active"], 1, "it is decided, and not in force");

    // Releases go on before the switch, through it, and after it.
    let mut version = 0;
    let all: Vec<&Node> = nodes.iter().chain([publisher]).collect();
    until("the vote is in force everywhere", || {
        version += 1;
        parliament.publish_app(&format!("1.{version}.0"));
        all.iter()
            .all(|node| vote(node).is_some_and(|vote| vote["state"] == "active"))
            .then_some(())
    });
    let last = format!("2.{version}.0");
    parliament.publish_app(&last);
    for node in &nodes {
        node.wait_for(&last);
        assert_eq!(failed(node), 0, "{} failed to install something", node.name);
        assert_eq!(protocol(node)["active"], 2);
        assert_eq!(protocol(node)["leftBehind"], false);
    }
    let moments: Vec<i64> = all.iter().map(|node| came_into_force(node)).collect();
    let (first, last) = (moments.iter().min(), moments.iter().max());
    let apart = last.zip(first).map(|(last, first)| last - first);
    assert!(apart <= Some(1), "an epoch has a second here: {moments:?}");
    let forks: Vec<_> = all.iter().map(|node| protocol(node)["fork"].clone()).collect();
    assert!(forks.iter().all(|fork| *fork == forks[0]), "{forks:?}");
    // It changed something: chunks travel in packs.
    let packs: u64 = all
        .iter()
        .map(|node| {
            node.metric_or_zero(
                "updraft_requests_served_total{service=\"packed\",result=\"answered\"} ",
            )
        })
        .sum();
    assert!(packs > 0, "nobody asked for packs");
}
