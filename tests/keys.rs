//! Keys for people: passwords change, keys are carried from machine to machine, fingerprints are read aloud,
//! and anybody can see whom a machine believes.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::{Said, arg, items, run, text, updraft};

/// A person's machine: a home, and the directory it stands in.
struct Desk {
    home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        fs::create_dir(home.path().join("net")).expect("made");
        Self { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = updraft(self.home.path());
        command.args(line.split(' ')).current_dir(self.path("net"));
        command.env("UPDRAFT_DATA_DIR", self.path("data"));
        command
    }

    fn run(&self, line: &str) -> Said {
        run(&mut self.command(line))
    }

    /// Runs with a password and a new one, each in a file.
    fn with_passwords(&self, old: &str, new: Option<&str>, line: &str) -> Said {
        let mut command = self.command(line);
        fs::write(self.path("old"), old).expect("written");
        command.env("UPDRAFT_KEY_PASSWORD_FILE", self.path("old"));
        if let Some(new) = new {
            fs::write(self.path("new"), new).expect("written");
            command.env("UPDRAFT_KEY_NEW_PASSWORD_FILE", self.path("new"));
        }
        run(&mut command)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o777
}

#[test]
fn a_password_is_changed_removed_and_set_again() {
    let desk = Desk::new();
    let made = desk.with_passwords("one", None, "key generate ci --json").good().json();
    let unanswered = desk.with_passwords("one", None, "key passwd ci");
    unanswered.refused(4, "UD0801", &["needs a new password", "UPDRAFT_KEY_NEW_PASSWORD_FILE"]);
    desk.with_passwords("wrong", Some("two"), "key passwd ci").refused(
        4,
        "UD0801",
        &["wrong password"],
    );
    desk.with_passwords("one", Some("two"), "key passwd ci").good();
    desk.with_passwords("one", Some("x"), "key passwd ci").refused(
        4,
        "UD0801",
        &["wrong password"],
    );
    let removed = desk.with_passwords("two", None, "key passwd ci --no-password").good();
    assert!(removed.err.contains("this key has no password"), "{}", removed.err);
    let set = desk.with_passwords("", Some("three"), "key passwd ci --json").good().json();
    assert_eq!((&set["password"], &set["public"]), (&true.into(), &made["public"]));
    assert_eq!(mode(Path::new(text(&made["path"]))), 0o600);
}

#[test]
fn a_key_is_carried_to_another_machine_and_never_put_over_one() {
    let (theirs, ours) = (Desk::new(), Desk::new());
    let made = theirs.with_passwords("one", None, "key generate ci --json").good().json();
    let stick = ours.path("stick");
    fs::copy(text(&made["path"]), &stick).expect("copied");
    fs::set_permissions(&stick, fs::Permissions::from_mode(0o644)).expect("set");
    let line = format!("key import {}", arg(&stick));
    let kept = ours.run(&line).good();
    assert!(kept.err.contains("others can read"), "{}", kept.err);
    let shown = ours.run("key show ci --json").good().json();
    assert_eq!(shown["public"], made["public"]);
    ours.run(&line).refused(1, "UD0707", &["never overwritten"]);
    ours.with_passwords("bad", None, &format!("{line} dana")).refused(4, "UD0801", &["wrong"]);
    let renamed = ours.with_passwords("one", None, &format!("{line} dana --json")).good().json();
    assert_eq!((&renamed["name"], &renamed["public"]), (&"dana".into(), &made["public"]));
    assert_eq!(mode(Path::new(text(&renamed["path"]))), 0o600);
    fs::write(&stick, "-----BEGIN PRIVATE KEY-----\n").expect("written");
    ours.run(&line).refused(4, "UD0801", &["not a usable key file"]);
    ours.run("key import nowhere").refused(1, "UD0707", &["nowhere"]);
}

#[test]
fn the_same_words_are_said_wherever_a_root_is_compared() {
    let desk = Desk::new();
    let made = desk.run("init --network demo --no-password --json").good().json();
    let words = text(&made["words"]);
    assert_eq!(words.split(' ').count(), 8);
    let again = desk.run("init").good();
    assert!(again.out.contains(&format!("{}   ({words})", text(&made["fingerprint"]))));
    let peer = "12D3KooWGRUfh5mWyUoHTCmrZyUfPFyu1v2LPWvbGoVDCXYiuXW1";
    let create = format!("ticket create --address /ip4/127.0.0.1/tcp/1/p2p/{peer} --json");
    let ticket = desk.run(&create).good().json();
    assert_eq!(ticket["words"], made["words"]);
    let ticket = text(&ticket["ticket"]).to_owned();
    assert!(desk.run(&format!("ticket show {ticket}")).good().out.contains(words));
    // A newcomer sees them before anybody is asked, and nobody is there to answer.
    let joining = Desk::new().run(&format!("join {ticket}"));
    assert!(joining.code == Some(9) && joining.err.contains(words), "{}", joining.err);
    let trust = desk.run("trust show --json").good().json();
    assert_eq!((&trust["words"], &trust["fingerprint"]), (&made["words"], &made["fingerprint"]));
    assert!(desk.run("trust show").good().out.contains(words));
}

#[test]
fn a_machine_without_a_node_shows_whom_it_believes() {
    let desk = Desk::new();
    desk.run("trust show").refused(2, "UD0201", &["no trust root"]);
    let init = "init --network demo --no-password --root-keys 2/3 --release-keys 1/2 --json";
    let made = desk.run(init).good().json();
    let trust = desk.run("trust show --json").good().json();
    assert_eq!((&trust["schema"], &trust["rootVersion"]), (&"updraft.trust/1".into(), &1.into()));
    assert_eq!((&trust["firstRoot"], &trust["root"]), (&made["root"], &made["root"]));
    assert_eq!((&trust["kind"], &trust["expiry"]), (&"production".into(), &"long".into()));
    let roles = items(&trust["roles"]);
    assert_eq!((&roles[0]["role"], &roles[0]["threshold"]), (&"root".into(), &2.into()));
    assert_eq!(roles.len(), 4, "root, and release on three channels");
    for key in items(&roles[0]["keys"]) {
        assert!(text(&trust["keyNames"][text(key)]).starts_with("root-"));
    }
    let shown = desk.run("trust show").good();
    for part in ["release:stable", "2 of 3", "ci-2", "root-3"] {
        assert!(shown.out.contains(part), "{part} in\n{}", shown.out);
    }
    assert!(!shown.out.contains("DEV NETWORK"), "{}", shown.out);
}

#[test]
fn a_network_for_trying_out_is_called_so_wherever_it_is_named() {
    let desk = Desk::new();
    fs::write(desk.path("net/demo"), "1").expect("written");
    let peer = "12D3KooWGRUfh5mWyUoHTCmrZyUfPFyu1v2LPWvbGoVDCXYiuXW1";
    for line in [
        "init --network demo --dev",
        "trust show",
        &format!("ticket create --address /ip4/127.0.0.1/tcp/1/p2p/{peer}"),
        "publish demo --as 1.0.0 --component demo -o demo.bundle",
        "sign demo.bundle -k dev --yes",
    ] {
        let said = desk.run(line).good();
        assert!(format!("{}{}", said.out, said.err).contains("DEV NETWORK"), "{line}: {said:?}");
    }
}
