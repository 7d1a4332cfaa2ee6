//! How a network's keys change: a draft travels between people, a running node takes what comes of it, and what
//! was signed with a key that was taken back counts no more.

use std::{fs, path::PathBuf};

use serde_json::json;

use crate::harness::{
    Said, arg,
    ceremony::{all, at, founded},
    items,
    network::Network,
    node::Kind,
    number, run, text, until, updraft,
};

/// The desk of somebody who holds one root key, has the project's first root, and has joined nothing.
struct Signer {
    folder: PathBuf,
}

impl Signer {
    fn of(network: &Network, key: &str) -> Self {
        let folder = network.place().join(format!("desk-of-{key}"));
        fs::create_dir_all(folder.join("keys")).expect("own folder");
        for file in ["updraft.release.toml", "root.1", &format!("keys/{key}.key")] {
            fs::copy(network.project().join(file), folder.join(file)).expect("copied");
        }
        Self { folder }
    }

    fn run(&self, line: &str) -> Said {
        let mut command = updraft(&self.folder);
        command.args(line.split(' ')).args(["-d", arg(&self.folder.join("data"))]);
        run(&mut command)
    }
}

#[test]
fn a_root_key_is_rotated_by_two_people_over_a_file_that_travels() {
    let network = founded();
    let node = network.join("node", &Kind::obedient());
    all(
        &network,
        &[
            "key generate dana --no-password",
            "root begin -m rotate-root-3",
            "root add-key root dana",
            "root remove-key root root-3",
        ],
    );
    let draft = network.project().join("root.draft");
    let diff = at(&network, "root diff").good();
    assert!(diff.out.contains("+ root: dana") && diff.out.contains("- root: root-3"), "{diff:?}");

    // The file goes to another machine, which shows the same words before it signs.
    let bob = Signer::of(&network, "root-2");
    fs::copy(&draft, bob.folder.join("root.draft")).expect("sent");
    let unasked = bob.run("sign root.draft -k root-2");
    assert_eq!(unasked.code, Some(1), "nobody said yes: {}", unasked.err);
    // Names are those of each desk; what changes is the same.
    for part in ["+ root:", "- root:", "rotate-root-3"] {
        assert!(unasked.err.contains(part), "{}", unasked.err);
    }
    bob.run("sign root.draft -k root-2 --yes").good();
    assert!(!bob.folder.join("data").exists(), "a signer needs no data directory");

    // Meanwhile the publisher has signed its own copy; neither is enough alone.
    let status = at(&network, "root sign -k root-1 --yes --json").good().json();
    assert_eq!(
        (&status["complete"], &status["old"]["signed"]),
        (&json!(false), &json!(["root-1"]))
    );
    let early = at(&network, "root apply --yes");
    early.refused(6, "UD0402", &["could sign", "root-2"]);
    let back = bob.folder.join("root.draft");
    let applied = at(&network, &format!("root apply root.draft {} --yes --json", arg(&back)));
    let applied = applied.good().json();
    assert_eq!((&applied["rootVersion"], &applied["told"]), (&json!(2), &json!("node")));
    assert!(!draft.exists() && network.project().join("root.2").exists());

    let trust = at(&network, "trust show --json").good().json();
    assert_eq!((&trust["rootVersion"], &trust["root"]), (&json!(2), &applied["root"]));
    assert_eq!(network.publisher.get("/api/v1/trust")["root"], applied["root"]);
    until("the other node has root 2", || {
        node.say(&["check"]).good();
        (number(&node.get("/api/v1/trust")["rootVersion"]) == 2).then_some(())
    });
    // The old copy is of no use any more, and says so.
    bob.run("sign root.draft -k root-2 --yes").good();
    fs::copy(&back, &draft).expect("sent");
    at(&network, "root sign -k root-1 --yes").refused(6, "UD0404", &["root 2 is trusted already"]);
    all(&network, &["root cancel"]);
    assert!(!draft.exists());
}

#[test]
fn who_has_no_say_signs_nothing() {
    let network = founded();
    all(&network, &["key generate mallory --no-password", "root begin -m nothing"]);
    let draft = network.project().join("root.draft");
    let before = fs::read(&draft).expect("there");
    for key in ["mallory", "ci"] {
        let refused = at(&network, &format!("root sign -k root-1 -k {key} --yes"));
        refused.refused(6, "UD0402", &["root key of neither", key]);
    }
    assert_eq!(fs::read(&draft).expect("there"), before, "not even by the key that has a say");
    at(&network, "root sign -k nobody --yes").refused(5, "UD0801", &["no key `nobody`"]);
    at(&network, "root begin -m again").refused(2, "UD0204", &["root cancel"]);
    fs::write(&draft, "updraft-root-draft/1\nmessage  x\n").expect("written");
    at(&network, "root sign -k root-1 --yes").refused(6, "UD0401", &["not a root draft"]);
}

#[test]
fn a_root_that_one_lost_key_would_end_is_signed_by_nobody() {
    let network = founded();
    all(&network, &["root begin -m strict"]);
    let strict = at(&network, "root threshold root 3");
    strict.refused(2, "UD0802", &["losing one key would end the network", "add-key root"]);
    let left = at(&network, "root remove-key root root-3").good();
    assert!(left.err.contains("losing one key"), "{}", left.err);
    at(&network, "root sign -k root-1 --yes").refused(2, "UD0802", &["2 of 2 keys"]);
    all(&network, &["key generate dana --no-password", "root add-key root dana"]);
    all(&network, &["root sign -k root-1 -k dana --yes"]);
    // A key that is new counts only on the new side.
    let status = at(&network, "root status --json").good().json();
    assert_eq!((&status["complete"], items(&status["old"]["signed"]).len()), (&json!(false), 1));
    let other = founded();
    let theirs = other.project().join("root.draft");
    fs::copy(network.project().join("root.draft"), theirs).expect("sent");
    at(&other, "root sign -k root-1 --yes").refused(6, "UD0407", &["another network"]);
}

#[test]
fn a_stolen_release_key_is_revoked_and_what_it_signs_is_refused() {
    let network = founded();
    let release = network.release("1.0.0");
    let publish = |key: &str, version: &str, more: &str| {
        let line = format!(
            "publish {} --component demo --as {version} -k {key} --yes{more}",
            arg(&release)
        );
        at(&network, &line)
    };
    publish("ci", "1.0.0", "").good();
    publish("ci", "6.6.6", " -o stolen.bundle").good();
    all(
        &network,
        &[
            "key generate ci-b --no-password",
            "root begin -m stolen",
            "root add-key release ci-b",
            "root remove-key release ci --reason compromised",
            "root sign -k root-1 -k root-3 --yes",
        ],
    );
    let diff = at(&network, "root diff").good();
    for part in ["is revoked for ever: compromised", "stable goes on from head 1", "+ release:beta"]
    {
        assert!(diff.out.contains(part), "{part} in\n{}", diff.out);
    }
    all(&network, &["root apply --yes"]);
    at(&network, "root begin -m back").good();
    at(&network, "root add-key release ci").refused(6, "UD0405", &["revoked"]);
    all(&network, &["root cancel"]);

    // The publisher's own program refuses, and so does the node whoever asks.
    let stolen = network.project().join("stolen.bundle");
    at(&network, "publish --bundle stolen.bundle --yes").refused(6, "UD0402", &[]);
    let bytes = fs::read(&stolen).expect("there");
    let kind = "application/vnd.updraft.bundle";
    let before = network.publisher.books();
    let answer = network.publisher.request("POST /api/v1/releases", kind, &bytes);
    assert_eq!((answer.status, text(&answer.refused()["code"])), (422, "UD0402"));
    assert_eq!(network.publisher.books(), before, "what is refused changes nothing");

    // The line goes on with the new key, and the old release is signed again.
    publish("ci-b", "1.1.0", "").good();
    network.publisher.wait_until_known("1.1.0");
    let review = at(&network, "root review").good();
    assert!(review.out.contains("demo@1.0.0 on stable has 0 of 1 signatures"), "{}", review.out);
    all(&network, &["publish --refresh --channel stable -k ci-b --yes"]);
    let review = at(&network, "root review").good();
    assert!(!review.out.contains("demo@1.0.0"), "{}", review.out);
    network.publisher.wait_until_known("1.0.0");
    let trust = at(&network, "trust show").good();
    assert!(trust.out.contains("REVOKED") && trust.out.contains("compromised"), "{}", trust.out);
}

#[test]
fn a_root_is_put_into_force_without_a_node_and_a_node_begins_with_it() {
    let mut network = founded();
    network.publisher.stop();
    all(
        &network,
        &[
            "key generate oncall --no-password",
            "root begin -m brake",
            "root add-key brake oncall",
            "root expire root 30d",
            "root sign -k root-1 -k root-2 --yes",
        ],
    );
    let applied = at(&network, "root apply --yes --json").good().json();
    assert_eq!(applied["told"], "data");
    let trust = at(&network, "trust show --json").good().json();
    let brake = items(&trust["roles"]).iter().find(|role| role["role"] == "brake");
    let brake = brake.expect("a brake");
    assert_eq!(trust["keyNames"][text(&brake["keys"][0])], "oncall");
    network.publisher.start();
    assert_eq!(network.publisher.get("/api/v1/trust")["root"], applied["root"]);
    // Handing it in again changes nothing, another one is refused, rubbish is no root.
    let bytes = fs::read(network.project().join("root.2")).expect("kept");
    let offer = |bytes: &[u8]| {
        let kind = "application/vnd.updraft.root";
        network.publisher.request("POST /api/v1/trust/root", kind, bytes)
    };
    assert_eq!(offer(&bytes).status, 201);
    let first = fs::read(network.project().join("root.1")).expect("kept");
    assert_eq!((offer(&first).status, offer(b"no root").status), (409, 422));
    assert_eq!(network.publisher.get("/api/v1/trust")["rootVersion"], 2);
}

#[test]
fn a_root_that_was_completed_where_no_node_was_is_handed_over_later() {
    let network = founded();
    all(
        &network,
        &[
            "key generate oncall --no-password",
            "root begin -m brake",
            "root add-key brake oncall",
            "root sign -k root-1 --yes",
        ],
    );
    let bob = Signer::of(&network, "root-2");
    let draft = network.project().join("root.draft");
    fs::rename(&draft, bob.folder.join("root.draft")).expect("sent");
    bob.run("root sign -k root-2 --yes").good();
    let done = bob.run("root apply --yes --json").good().json();
    assert_eq!((&done["told"], &done["rootVersion"]), (&json!("project"), &json!(2)));
    assert_eq!(number(&network.publisher.get("/api/v1/trust")["rootVersion"]), 1);
    fs::copy(bob.folder.join("root.2"), network.project().join("root.2")).expect("sent back");
    let handed = at(&network, "root apply --json").good().json();
    assert_eq!((&handed["told"], &handed["root"]), (&json!("node"), &done["root"]));
    assert_eq!(network.publisher.get("/api/v1/trust")["root"], done["root"]);
    at(&network, "root apply").refused(1, "UD0707", &["no draft"]);
}
