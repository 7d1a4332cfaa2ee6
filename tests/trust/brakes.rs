//! One key stops, the release keys go on, and a stolen key takes itself back.

use super::{Governed, problems, role, stable};
use crate::harness::{arg, items, node::Kind, text, until};

#[test]
fn one_brake_key_pauses_a_release_everywhere_and_the_release_keys_lift_the_pause() {
    let governed = Governed::found(|root, keys| root.brake = Some(role(1, keys(&["oncall"]))));
    let network = &governed.network;
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    let node = network.join("node", &Kind::follower());
    node.wait_for("1.0.0");

    let unasked = network.at_project(&["brake", "--all", "--reason", "x", "-k", "oncall"]);
    unasked.refused(1, "UD0001", &["nothing was signed"]);
    assert!(unasked.err.contains("Will sign: key "), "{}", unasked.err);
    let brake = ["--yes", "brake", "--all", "--reason", "it eats disks", "-k", "oncall"];
    let said = network.at_project(&brake).good();
    assert!(said.out.contains("pauses everything on `stable`"), "{}", said.out);
    until("the pause is heard", || {
        (stable(&node)["pauses"][0]["reason"] == "it eats disks").then_some(())
    });
    let again = ["--yes", "brake", "--all", "--reason", "x", "-k", "oncall"];
    network.at_project(&again).refused(6, "UD0414", &["a short while ago"]);
    network.at_project(&["--yes", "brake", "--all", "--reason", "x", "-k", "dev"]).refused(
        6,
        "UD0402",
        &["`dev` is no brake key", "updraft key list"],
    );

    network.publish(&network.release("1.1.0"), "1.1.0").good();
    node.wait_until_known("1.1.0");
    until("the release is held", || {
        let component = node.component()?;
        (component["heldBy"]["reason"] == "paused").then_some(())
    });
    assert!(problems(&node).contains(&"UD0504".to_owned()));
    let listed = node.say(&["brakes"]).good();
    assert!(listed.out.contains("everything") && listed.out.contains("it eats disks"));
    node.say(&["install", "demo-app"]).refused(7, "UD0504", &["it eats disks"]);

    let file = network.place().join("lift.statement");
    let lift = ["--yes", "lift", "--all", "--reason", "mended", "-o", arg(&file)];
    network.at_project(&lift).good();
    assert!(!stable(&node)["pauses"].as_array().expect("a list").is_empty(), "only written");
    network.at_project(&["--yes", "sign", arg(&file), "-k", "dev"]).good();
    let said = network.at_project(&["say", arg(&file)]).good();
    assert!(said.out.contains("mended"), "{}", said.out);
    node.wait_for("1.1.0");
    assert_eq!(node.say(&["brakes"]).good().out, "");
}

#[test]
fn pauses_that_find_no_room_are_not_begun_and_those_that_do_are_told_in_one_document() {
    // Nine keys share the places of a channel: one is left for each.
    let names = ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9"];
    let governed = Governed::found(|root, keys| root.brake = Some(role(1, keys(&names))));
    let network = &governed.network;
    for (version, target) in
        [("1.0.0", "aarch64-unknown-linux-gnu"), ("1.0.0", "riscv64gc-unknown-linux-gnu")]
    {
        network.publish_with(&network.release(version), version, &["--target", target]).good();
    }
    let brake = |more: &[&str]| {
        let usual = ["--yes", "--json", "brake", "demo-app", "--reason", "x"];
        network.at_project(&[&usual[..], more].concat())
    };
    let arm = ["--target", "aarch64-unknown-linux-gnu"];
    let full = brake(&["-k", "b1"]);
    full.refused_in_json(6, "UD0414", &["2 pauses", "1 places on `stable`", "nothing was signed"]);
    assert!(full.err.contains("updraft brake --all --channel stable"), "{}", full.err);
    assert!(stable(&network.publisher)["pauses"].as_array().expect("a list").is_empty());
    let said = brake(&[&arm[..], &["-k", "b1"]].concat()).good().json();
    assert_eq!(
        (&said["schema"], items(&said["statements"]).len()),
        (&"updraft.statement/1".into(), 1)
    );
    // The place is taken for a week, by whichever pause.
    let again = brake(&["--target", "riscv64gc-unknown-linux-gnu", "-k", "b1"]);
    again.refused_in_json(6, "UD0414", &["1 of them taken"]);
    let file = network.place().join("x.statement");
    brake(&["-k", "b2", "-o", arg(&file)]).refused_in_json(2, "UD0204", &["2 statements"]);
    assert!(!file.exists());

    let lift = network.at_project(&["--yes", "--json", "lift", "demo-app"]).good().json();
    let lifted = items(&lift["statements"]);
    assert_eq!(lifted.len(), 2, "one for each kind of machine, in one document: {lift}");
    assert!(lifted.iter().all(|said| text(&said["words"]).contains("demo-app@1.0.0")), "{lift}");
}

#[test]
fn where_one_of_several_pauses_is_refused_those_before_it_are_told() {
    let governed = Governed::found(|root, keys| root.brake = Some(role(1, keys(&["oncall"]))));
    let network = &governed.network;
    let targets = ["aarch64-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu"];
    for target in targets {
        network.publish_with(&network.release("1.0.0"), "1.0.0", &["--target", target]).good();
    }
    let brake = ["--yes", "--json", "brake", "demo-app", "-k", "oncall", "--reason"];
    network.at_project(&[&brake[..], &["x", "--target", targets[1]]].concat()).good();
    let half = network.at_project(&[&brake[..], &["y"]].concat());
    let said = "said before that, and in force: key ";
    half.refused_in_json(6, "UD0414", &["a short while ago", said]);
    assert_eq!(half.out, "", "no document of half of it");
    assert_eq!(items(&stable(&network.publisher)["pauses"]).len(), 2);
}

#[test]
fn a_key_that_takes_itself_back_is_alarmed_about_and_counts_no_more() {
    let governed = Governed::found(|root, keys| {
        root.brake = Some(role(1, keys(&["oncall", "other"])));
    });
    let network = &governed.network;
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    let node = network.join("node", &Kind::follower());
    node.wait_for("1.0.0");
    network.at_project(&["key", "revoke", "oncall", "--reason", "stolen"]).refused(
        1,
        "UD0001",
        &["nothing was signed"],
    );
    let said = network.at_project(&["--yes", "key", "revoke", "oncall", "--reason", "stolen"]);
    assert!(said.good().out.contains("takes itself back for ever: stolen"));
    until("every node hears of it", || {
        problems(&node).contains(&"UD0411".to_owned()).then_some(())
    });
    let alarm = node.get("/api/v1/status")["alarms"][0].clone();
    assert!(text(&alarm["reason"]).contains("stolen"), "{alarm}");
    let brake = |key| network.at_project(&["--yes", "brake", "--all", "--reason", "x", "-k", key]);
    brake("oncall").refused(6, "UD0405", &["revoked"]);
    brake("other").good();
    until("the other key still pauses", || {
        (stable(&node)["pauses"][0]["reason"] == "x").then_some(())
    });
}
