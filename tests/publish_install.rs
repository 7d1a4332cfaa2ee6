//! The path of a release on real nodes: published, installed everywhere, updated by a patch, taken back, verified.

use std::fs;

use crate::harness::{
    Said, arg, dir, items,
    network::Network,
    node::{Kind, Node},
    number,
    release::{self, COMPONENT},
    text,
};

/// The line of a table that begins with this word.
fn line<'a>(said: &'a Said, word: &str) -> &'a str {
    said.out
        .lines()
        .find(|line| line.trim_start().starts_with(word))
        .unwrap_or_else(|| panic!("no line {word:?} in:\n{}", said.out))
}

fn assert_is(node: &Node, release: &std::path::Path) {
    let current = fs::canonicalize(node.current()).expect("a version");
    assert_eq!(dir::snapshot(&current), dir::snapshot(release), "the tree on {}", node.name);
}

#[test]
fn a_release_is_installed_and_the_next_one_comes_as_a_patch() {
    let network = Network::found();
    let nodes = ["node-1", "node-2"].map(|name| network.join(name, &Kind::follower()));
    let first = network.release("1.0.0");
    let said = network.publish(&first, "1.0.0").good();
    let result = said.last_line();
    assert_eq!(result["type"], "result");
    assert_eq!((&result["component"], &result["version"]), (&COMPONENT.into(), &"1.0.0".into()));
    for node in &nodes {
        node.wait_for("1.0.0");
        assert_is(node, &first);
        let totals = &node.status()["totals"];
        assert_eq!(number(&totals["receivedPatches"]), 0, "there is nothing to patch yet");
    }

    let second = network.release("1.1.0");
    network.publish(&second, "1.1.0").good();
    for node in &nodes {
        node.wait_for("1.1.0");
        assert_is(node, &second);
        let operations = node.get("/api/v1/operations");
        let update = items(&operations)
            .iter()
            .find(|operation| operation["to"] == "1.1.0" && operation["state"] == "done")
            .expect("the update is an operation");
        let fetched: u64 = items(&update["sources"]).iter().map(|s| number(&s["bytes"])).sum();
        let patch = number(&update["patchBytes"]);
        assert!(patch > 0 && patch == fetched, "{patch} of {fetched} bytes came as a patch");
        let whole = u64::try_from(release::USUAL).expect("small");
        assert!(fetched * 10 < whole * 3, "{fetched} bytes instead of {whole}");
        let totals = &node.status()["totals"];
        assert_eq!(number(&totals["receivedPatches"]), patch);
        assert!(number(&totals["savedByDelta"]) > 0);
    }
    reads_agree(&nodes[0]);
}

/// What the reading commands say to people and to programs after two releases is the same, and right.
fn reads_agree(node: &Node) {
    let status = node.status();
    let component = &items(&status["components"])[0];
    assert_eq!(component["installed"], "1.1.0");
    assert_eq!(component["state"], "upToDate");
    assert_eq!(items(&component["kept"]), ["1.0.0"]);
    let said = node.say(&["status"]).good();
    assert!(line(&said, COMPONENT).contains("up to date"), "{}", said.out);
    assert!(line(&said, "NODE").contains(&node.name), "{}", said.out);

    let history = node.json(&["history"]);
    let happened: Vec<_> = items(&history["items"])
        .iter()
        .map(|entry| (text(&entry["what"]), text(&entry["to"]), text(&entry["result"])))
        .collect();
    assert_eq!(happened, [("install", "1.1.0", "ok"), ("install", "1.0.0", "ok")]);
    let said = node.say(&["history", COMPONENT, "-n", "1"]).good();
    assert!(said.out.contains("1.1.0") && said.out.contains("install"), "{}", said.out);

    let list = node.json(&["list", "--all"]);
    let versions: Vec<_> = items(&list["releases"]).iter().map(|r| text(&r["version"])).collect();
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert!(versions.contains(&"1.0.0") && versions.contains(&"1.1.0"), "{versions:?}");
    let said = node.say(&["list"]).good();
    assert!(line(&said, COMPONENT).contains("1.1.0"), "{}", said.out);

    let show = node.json(&["show", &format!("{COMPONENT}@1.1.0")]);
    let shown = show.to_string();
    assert!(shown.contains("1.1.0") && shown.contains("1.0.0"), "the patch's base: {shown}");
    let said = node.say(&["show", &format!("{COMPONENT}@1.1.0")]).good();
    assert!(said.out.contains("1.1.0"), "{}", said.out);

    let check = node.json(&["check"]);
    assert!(number(&check["peersAsked"]) >= 1, "{check}");
    assert_eq!(items(&check["updates"]).len(), 0);
    let said = node.say(&["check", "--exit-code"]).good();
    assert!(said.out.contains("up to date"), "{}", said.out);

    let peers = node.json(&["peers"]);
    assert_eq!(items(&peers["peers"]).len(), 2, "the publisher and the other node: {peers}");
    let said = node.say(&["peers"]).good();
    assert_eq!(said.out.lines().count(), 3, "a header and two peers:\n{}", said.out);
}

#[test]
fn a_node_goes_back_stays_back_and_goes_forward_when_told() {
    let network = Network::found();
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| network.release(version));
    let node = network.join("node-1", &Kind::follower());
    network.publish(&first, "1.0.0").good();
    node.wait_for("1.0.0");
    network.publish(&second, "1.1.0").good();
    node.wait_for("1.1.0");

    let kept = node.json(&["rollback", COMPONENT, "--list"]);
    assert_eq!(items(&kept["kept"]), ["1.0.0"]);
    let said = node.say(&["rollback", COMPONENT, "--reason", "a test"]).good();
    assert!(said.out.contains("1.1.0") && said.out.contains("1.0.0"), "{}", said.out);
    node.wait_for("1.0.0");
    assert_is(&node, &first);

    // The network still offers 1.1.0, and another look at it changes nothing.
    node.say(&["check"]).good();
    let component = node.component().expect("followed");
    assert_eq!(component["installed"], "1.0.0");
    assert_eq!(component["available"], "1.1.0");
    assert_eq!(component["heldBy"]["reason"], "pin", "{component}");
    let said = node.say(&["check", "--exit-code", "--offline"]);
    assert_eq!(said.code, Some(10), "an update is on offer: {}", said.err);
    assert!(said.out.contains("1.0.0 → 1.1.0"), "{}", said.out);

    let said = node.say(&["install", COMPONENT]).good();
    assert!(said.out.contains("1.1.0"), "{}", said.out);
    assert_is(&node, &second);
    let component = node.component().expect("followed");
    assert_eq!(component["state"], "upToDate", "the pin is gone: {component}");
    let history = node.json(&["history"]);
    let whats: Vec<_> = items(&history["items"]).iter().map(|e| text(&e["what"])).collect();
    assert_eq!(whats, ["install", "rollback", "install", "install"]);
    assert!(history.to_string().contains("a test"), "the reason is kept: {history}");
}

#[test]
fn a_rollback_outlives_a_restart() {
    let network = Network::found();
    let mut node = network.join("node-1", &Kind::follower());
    for version in ["1.0.0", "1.1.0"] {
        network.publish(&network.release(version), version).good();
        node.wait_for(version);
    }
    node.say(&["rollback", COMPONENT]).good();
    node.kill();
    node.start();
    node.wait_for_peers(1);
    node.say(&["check"]).good();
    assert_eq!(node.installed().as_deref(), Some("1.0.0"));
    assert_eq!(node.component().expect("followed")["heldBy"]["reason"], "pin");
}

#[test]
fn files_are_verified_against_what_was_signed() {
    let network = Network::found();
    let release = network.release("1.0.0");
    network.publish(&release, "1.0.0").good();
    let node = network.join("node-1", &Kind::obedient());
    let name = format!("{COMPONENT}@1.0.0");
    node.wait_until_known("1.0.0");

    let out = network.place().join("got");
    let got = node.json(&["get", &name, "--output", arg(&out)]);
    assert_eq!(got["version"], "1.0.0");
    assert_eq!(dir::snapshot(&out), dir::snapshot(&release));
    assert_eq!(node.installed(), None, "`get` installs nothing");
    let said = node.say(&["verify", &name, arg(&out)]).good();
    assert!(said.out.contains("verified"), "{}", said.out);

    let file = out.join("share/data.bin");
    let mut bytes = fs::read(&file).expect("own file");
    bytes[1_000_000] ^= 1;
    fs::write(&file, bytes).expect("own file");
    let said = node.say(&["verify", &name, arg(&out)]);
    said.refused(6, "UD0406", &[]);
    assert!(line(&said, "share/data.bin").contains("differs"), "{}", said.out);
    let said = node.say(&["--json", "verify", &name, arg(&file)]);
    assert_eq!(said.code, Some(6), "{}", said.err);
    let document = said.json();
    assert_eq!(document["ok"], false);
    assert_eq!(document["files"][0]["result"], "differs");
}

#[test]
fn a_patch_that_does_not_lead_to_the_release_is_replaced_by_the_whole() {
    let network = Network::found();
    let node = network.join("node-1", &Kind::follower());
    network.publish(&network.release("1.0.0"), "1.0.0").good();
    node.wait_for("1.0.0");
    // Somebody edits an installed file: patches that start from it make something else.
    let installed = fs::canonicalize(node.current()).expect("a version");
    let largest = dir_files(&installed)
        .into_iter()
        .max_by_key(|file| fs::metadata(file).expect("installed").len());
    let largest = largest.expect("a file");
    let mut bytes = fs::read(&largest).expect("read");
    bytes[0] ^= 1;
    fs::write(&largest, bytes).expect("edited");

    let second = network.release("1.1.0");
    network.publish(&second, "1.1.0").good();
    node.wait_for("1.1.0");
    assert_is(&node, &second);
    let operations = node.get("/api/v1/operations");
    let update =
        items(&operations).iter().find(|operation| operation["to"] == "1.1.0").expect("one");
    assert_eq!(update["state"], "done");
    let fetched: u64 = items(&update["sources"]).iter().map(|s| number(&s["bytes"])).sum();
    let patch = number(&update["patchBytes"]);
    assert!(patch > 0, "the patch was tried first");
    assert!(fetched > patch, "then the whole came: {fetched} bytes, {patch} of them a patch");
}

/// Every regular file below a folder.
fn dir_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .flat_map(|entry| match entry.file_type().expect("a type") {
            kind if kind.is_dir() => dir_files(&entry.path()),
            kind if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}
