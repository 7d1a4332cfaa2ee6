//! Two halves of a network are shown two histories of one channel. When they meet, everybody stops.

use std::time::{Duration, Instant};

use crate::harness::{arg, network::Network, node::Kind, until};

/// All connected honest nodes show the alarm this soon after one has seen both histories.
const ALARM: Duration = Duration::from_secs(30);

#[test]
fn halves_that_were_shown_two_histories_freeze_when_they_meet() {
    let network = Network::found();
    let [ours, theirs] = ["1.0.0", "1.1.0"].map(|version| network.bundle(version));
    let alone = network.join_alone("seed-b", &Kind::seed());
    network.publisher.say(&["publish", "--bundle", arg(&ours)]).good();
    alone.say(&["publish", "--bundle", arg(&theirs)]).good();
    let a = network.join("node-a", &Kind::follower());
    let b = network.join_through(&alone, "node-b", &Kind::follower());
    a.wait_for("1.0.0");
    b.wait_for("1.1.0");

    let met = Instant::now();
    alone.say(&["peers", "add", &network.publisher.listen()[0]]).good();
    let everybody = [&network.publisher, &alone, &a, &b];
    until("everybody shows that the channel has two histories", || {
        everybody.iter().all(|node| node.logged().contains("is frozen")).then_some(())
    });
    assert!(met.elapsed() < ALARM, "it took {} s", met.elapsed().as_secs());

    assert_eq!(a.installed().as_deref(), Some("1.0.0"), "nothing is switched");
    assert_eq!(b.installed().as_deref(), Some("1.1.0"), "nothing is switched");
    let next = network.bundle("1.2.0");
    for node in [&network.publisher, &a] {
        let refused = node.say(&["publish", "--bundle", arg(&next)]);
        assert!(refused.err.contains("UD0409"), "{}: {}", node.name, refused.err);
    }
}
