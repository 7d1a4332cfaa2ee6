//! A network that is cut in two across the end of a vote comes to one outcome when it is whole again.

use super::*;

/// Cuts a node off: it comes back on another port, knows nobody, and nobody knows where it is.
#[track_caller]
fn cut_off(node: &mut Node) {
    node.stop();
    node.forget_everybody();
    node.start();
}

#[track_caller]
fn connect(node: &Node, other: &Node) {
    node.say(&["peers", "add", &other.listen()[0]]).good();
}

#[test]
fn who_was_cut_off_over_the_end_of_a_vote_takes_the_decision_that_the_others_made() {
    let parliament = Parliament::found();
    let mut nodes = parliament.nodes(&ELECTORS);
    parliament.propose(15, 3, 3_600);
    for node in &nodes {
        wait_until(node, "voting");
    }
    cut_off(&mut nodes[4]);
    nodes[..4].iter().for_each(yes);
    wait_until(&nodes[0], "active");
    // Alone it has seen the vote fail, for want of ballots.
    wait_until(&nodes[4], "failed");
    assert_eq!(protocol(&nodes[4])["active"], 1);
    connect(&nodes[4], &parliament.network.publisher);
    // What has failed there is in force there once it hears of it.
    until("the decision has come", || (vote(&nodes[4])?["state"] == "active").then_some(()));
    for node in &nodes {
        wait_until(node, "active");
        until("it speaks protocol 2", || (protocol(node)["active"] == 2).then_some(()));
    }
    assert_eq!(protocol(&nodes[4])["fork"], protocol(&nodes[0])["fork"]);
}

#[test]
fn who_was_away_for_the_whole_vote_acts_by_no_rules_that_are_over() {
    let parliament = Parliament::found();
    parliament.publish_app("1.0.0");
    let mut nodes = parliament.nodes(&ELECTORS);
    nodes[4].wait_for("1.0.0");
    nodes[4].stop();
    parliament.decree_what_was("9.0.0");
    for node in &nodes[..4] {
        wait_until(node, "final");
    }
    parliament.publish_app("1.1.0");
    nodes[4].start();
    nodes[4].wait_for("1.1.0");
    assert_eq!(protocol(&nodes[4])["active"], 2);
    let logged = nodes[4].logged();
    let speaks = logged.find("the protocol in force protocol=2");
    let installs = logged.find("fetching release=demo-app@1.1.0");
    assert!(speaks.is_some() && speaks < installs, "by which rules?");
}

#[test]
fn a_vote_that_neither_side_could_decide_has_failed_on_both_and_stays_so_when_they_meet() {
    let parliament = Parliament::found();
    let mut nodes = parliament.nodes(&ELECTORS);
    parliament.propose(15, 60, 3_600);
    for node in &nodes {
        wait_until(node, "voting");
    }
    // Three here, and two there, each on its own.
    cut_off(&mut nodes[3]);
    cut_off(&mut nodes[4]);
    connect(&nodes[4], &nodes[3]);
    nodes.iter().for_each(yes);
    for node in &nodes {
        wait_until(node, "failed");
    }
    connect(&nodes[3], &parliament.network.publisher);
    connect(&nodes[4], &parliament.network.publisher);
    // Whoever has this from the publisher has met the others.
    parliament.publish_app("1.0.0");
    for node in &nodes {
        node.wait_for("1.0.0");
    }
    // Ballots of the other side come with what else was said there.
    for node in &nodes[3..] {
        node.say(&["check"]).good();
    }
    // All five are for it, and said so in time; but nobody could show it in time.
    for node in nodes.iter().chain([&parliament.network.publisher]) {
        let seen = vote(node).expect("known");
        assert_eq!(
            (&seen["state"], &seen["certificates"]),
            (&"failed".into(), &Value::Array(vec![]))
        );
        assert_eq!(protocol(node)["active"], 1);
    }
}
