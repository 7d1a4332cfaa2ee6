//! A machine that is not as a node needs it: what is wrong is named, and nothing that was there is touched.

use std::{fs, net::TcpListener, os::unix::fs::symlink};

use crate::harness::{
    dir, items,
    network::Network,
    node::{Kind, Node},
    release::COMPONENT,
    text, until,
};

#[test]
fn a_data_directory_in_use_names_the_process_that_uses_it() {
    let network = Network::found();
    let pid = network.publisher.pid().to_string();
    let said = network.publisher.start_in_vain();
    said.refused(1, "UD0705", &[&format!("process {pid}"), "hint:"]);
    assert!(network.publisher.status()["health"].is_string(), "the first still runs");
}

#[test]
fn a_port_in_use_is_named() {
    let mut network = Network::found();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    network.publisher.stop();
    let listen = format!("[\"/ip4/127.0.0.1/tcp/{port}\"]");
    network.publisher.configure(&Kind::seed().with("p2p.listen", listen));
    let said = network.publisher.start_in_vain();
    said.refused(1, "UD0706", &[&port.to_string(), "hint:", "--listen"]);
}

#[test]
fn an_unknown_key_of_the_configuration_keeps_a_node_from_starting_and_is_named() {
    let mut network = Network::found();
    network.publisher.stop();
    network.publisher.configure(&Kind::seed().with("transfer.uplod_limit", "\"1MiB/s\""));
    let said = network.publisher.start_in_vain();
    said.refused(2, "UD0201", &["transfer.uplod_limit", "transfer.upload_limit"]);
}

#[test]
fn a_node_without_a_network_says_how_to_get_one() {
    let place = dir::folder();
    let node = Node::prepare(place.path(), "lonely", &Kind::follower());
    node.start_in_vain().refused(2, "UD0201", &["updraft join", "updraft init"]);
}

#[test]
fn a_full_disk_refuses_a_release_and_loses_none() {
    let mut network = Network::found();
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| network.release(version));
    network.publish(&first, "1.0.0").good();
    let full = |kind: Kind| kind.with("store.min_free_disk", "\"4096TiB\"");

    network.publisher.stop();
    network.publisher.configure(&full(Kind::seed()));
    network.publisher.start();
    let said = network.publish(&second, "1.1.0");
    said.refused_in_json(1, "UD0703", &["needs"]);
    network.publisher.wait_until_held("1.0.0");
    network.publisher.stop();
    network.publisher.configure(&Kind::seed());
    network.publisher.start();

    let mut node = network.join("node-1", &full(Kind::obedient()));
    node.wait_until_known("1.0.0");
    node.say(&["install", COMPONENT]).refused(1, "UD0703", &["needs"]);
    assert_eq!(node.installed(), None);
    assert!(!fs::exists(node.current()).expect("a look"), "nothing is half there");

    node.stop();
    node.configure(&Kind::follower());
    node.start();
    network.publish(&second, "1.1.0").good();
    node.wait_for("1.1.0");
}

#[test]
fn a_current_that_somebody_replaced_is_shown_and_never_overwritten() {
    let network = Network::found();
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    let node = network.join("node-1", &Kind::obedient());
    node.wait_until_known("1.0.0");
    node.say(&["install", COMPONENT]).good();
    let current = node.current();
    fs::remove_file(&current).expect("a link");
    fs::create_dir(&current).expect("own folder");
    fs::write(current.join("precious"), "by hand").expect("own folder");

    until("the status shows it", || {
        let said = node.say(&["status"]).good();
        said.out.contains("`current` is").then_some(())
    });

    network.publish(&network.release("1.1.0"), "1.1.0").good();
    node.wait_until_known("1.1.0");
    let said = node.say(&["install", COMPONENT]);
    assert_ne!(said.code, Some(0), "{}", said.out);
    assert!(said.err.contains("current"), "{}", said.err);
    assert_eq!(fs::read_to_string(current.join("precious")).expect("still there"), "by hand");

    let status = node.status();
    let component = &items(&status["components"])[0];
    assert_eq!(component["lastUpdate"]["result"], "failed", "{component}");
    assert!(text(&component["lastUpdate"]["error"]).contains("current"), "{component}");
    let said = node.say(&["status", "--exit-code"]);
    assert_eq!(said.code, Some(10), "a person should look: {}", said.out);
    assert!(said.out.contains("the last update of demo-app failed"), "{}", said.out);

    // Put back as it was, everything goes on.
    fs::remove_dir_all(&current).expect("own folder");
    symlink("versions/1.0.0", &current).expect("own folder");
    node.say(&["install", COMPONENT]).good();
    assert_eq!(node.installed().as_deref(), Some("1.1.0"));
    assert_eq!(items(&node.status()["problems"]), [] as [serde_json::Value; 0]);
}
