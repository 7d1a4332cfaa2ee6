//! Who may sign, and how many have to: too little is refused with the way on.

use std::{fs, path::PathBuf};

use crate::harness::{Said, arg, dir, network::Network, node::Kind, release::COMPONENT};

/// A network whose releases need two of three keys.
fn two_of_three() -> Network {
    let init = ["--root-keys", "2/3", "--release-keys", "2/3", "--no-password"];
    Network::found_with(&init, &Kind::seed())
}

/// Publishes with these keys and nothing else.
fn publish(network: &Network, keys: &[&str], more: &[&str]) -> Said {
    let release = network.release("1.0.0");
    let mut args =
        vec!["--yes", "publish", arg(&release), "--component", COMPONENT, "--as", "1.0.0"];
    keys.iter().for_each(|key| args.extend(["--key", key]));
    args.extend(more);
    network.at_project(&args)
}

#[test]
fn a_key_that_is_not_here_is_named() {
    let network = Network::found();
    publish(&network, &["nobody"], &[]).refused(5, "UD0801", &["nobody", "dev"]);
}

#[test]
fn a_key_without_a_say_is_refused_and_those_with_one_are_named() {
    let network = Network::found();
    let before = dir::settled(&network.publisher.data);
    network.at_project(&["key", "generate", "stranger", "--no-password"]).good();
    publish(&network, &["stranger"], &[]).refused(6, "UD0402", &["stranger", "dev"]);
    assert_eq!(dir::state(&network.publisher.data), before, "nothing was kept");
}

#[test]
fn one_of_two_signatures_is_too_few_and_the_hint_leads_on() {
    let network = two_of_three();
    let before = dir::settled(&network.publisher.data);
    let said = publish(&network, &["ci-1"], &[]);
    said.refused(6, "UD0402", &["ci-1", "ci-2", "hint:", "updraft sign"]);
    assert_eq!(dir::state(&network.publisher.data), before, "nothing was kept");
}

#[test]
fn the_same_key_twice_is_one_signature() {
    let network = two_of_three();
    publish(&network, &["ci-1", "ci-1"], &[]).refused(6, "UD0402", &["ci-2"]);

    let bundle = bundle(&network, &["ci-1"]);
    let again = network.at_project(&["--yes", "sign", arg(&bundle), "--key", "ci-1"]).good();
    assert!(again.out.contains("1 of 2"), "{}", again.out);
    let said = network.at_project(&["publish", "--bundle", arg(&bundle)]);
    said.refused(6, "UD0402", &["hint:", "updraft sign"]);

    // The node counts for itself.
    let before = dir::settled(&network.publisher.data);
    let bytes = fs::read(&bundle).expect("own file");
    let kind = "application/vnd.updraft.bundle";
    let problem = network.publisher.request("POST /api/v1/releases", kind, &bytes).refused();
    assert_eq!(problem["code"], "UD0402", "{problem}");
    assert_eq!(dir::state(&network.publisher.data), before, "nothing was kept");
}

#[test]
fn a_bundle_that_enough_have_signed_is_announced() {
    let network = two_of_three();
    let bundle = bundle(&network, &["ci-1"]);
    let said = network.at_project(&["--yes", "sign", arg(&bundle), "--key", "ci-3"]).good();
    assert!(said.out.contains("2 of 2"), "{}", said.out);
    network.at_project(&["publish", "--bundle", arg(&bundle)]).good();
    network.publisher.wait_until_held("1.0.0");
}

fn bundle(network: &Network, keys: &[&str]) -> PathBuf {
    let bundle = network.place().join("release.bundle");
    publish(network, keys, &["--out", arg(&bundle)]).good();
    bundle
}
