//! A vote about the protocol of the software that is managed: what needs it is made ready ahead, and everybody switches
//! when it comes into force.

use super::*;

/// Seconds of voting, and from there to the activation: time to try the release, and to make it ready everywhere.
const VOTING: u32 = 15;
const LEAD: u32 = 6;

impl Parliament {
    /// Publishes the managed software; its program says that it is fine, whatever it is asked.
    #[track_caller]
    fn publish_component(&self, version: &str, more: &str) {
        let folder = self.folder(version);
        let program = folder.join(COMPONENT);
        fs::write(&program, format!("#!/bin/sh\necho {version} is fine\n")).expect("own folder");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
        let folder = arg(&folder);
        let words = format!("publish {folder} --component {COMPONENT} --as {version} -k dev --yes");
        at(&self.network, &format!("{words}{more}")).good();
    }
}

/// Whether a version lies beside the one that runs.
fn lies_ready(node: &Node, version: &str) -> bool {
    let versions = node.current().with_file_name("versions");
    versions.join(version).join(COMPONENT).is_file()
}

#[test]
fn a_release_that_needs_a_new_protocol_of_its_software_is_staged_ahead_and_goes_live_by_the_vote() {
    let parliament = Parliament::found();
    parliament.publish_component("1.0.0", "");
    // Four vote; the fifth is an elector's node that says nothing.
    let nodes = parliament.nodes(&ELECTORS);
    nodes.iter().for_each(|node| node.wait_for("1.0.0"));
    parliament.publish_component("2.0.0", " --needs-protocol 2");
    for node in &nodes {
        until("it is held back", || {
            let detail = node.component()?["heldBy"]["detail"].as_str()?.to_owned();
            detail.contains("needs protocol 2 of demo-app").then_some(())
        });
    }
    let words = format!(
        "propose 2 --line {COMPONENT} --release 2.0.0 --voting {VOTING}s --lead {LEAD}s --grace 3600s -k ann --yes"
    );
    at(&parliament.network, &words).good();
    nodes[..4].iter().for_each(yes);
    for node in &nodes {
        wait_until(node, "lockedIn");
    }
    for node in &nodes {
        until("it lies ready", || lies_ready(node, "2.0.0").then_some(()));
        assert_eq!(node.installed().as_deref(), Some("1.0.0"), "{} waits", node.name);
    }
    let fetched: Vec<Value> =
        nodes.iter().map(|node| node.status()["totals"]["received"].clone()).collect();
    for (node, before) in nodes.iter().zip(fetched) {
        node.wait_for("2.0.0");
        wait_until(node, "active");
        assert_eq!(failed(node), 0, "{} failed to install something", node.name);
        assert_eq!(node.status()["totals"]["received"], before, "{} had it all", node.name);
        assert_eq!(protocol(node)["active"], 1, "what nodes speak is another line");
    }
    parliament.publish_component("2.1.0", " --needs-protocol 2");
    nodes.iter().for_each(|node| node.wait_for("2.1.0"));
}
