//! A publisher's machine without a node: networks are founded, releases signed by several, bad input refused.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

/// A machine of its own: a home, a project, a data directory.
struct Machine {
    home: tempfile::TempDir,
}

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// The problem, by code and exit code, with the words it has to contain.
    fn refused(&self, id: &str, code: i32, says: &str) {
        let named = self.err.contains(&format!("error[{id}]"));
        assert!(
            named && self.code == code,
            "expected {id} and {code}, got {} {}",
            self.code,
            self.err
        );
        assert!(self.err.contains(says), "expected `{says}` in\n{}", self.err);
    }

    fn last_line(self) -> Value {
        let out = self.ok();
        serde_json::from_str(out.lines().last().expect("a line")).expect("JSON")
    }
}

impl Machine {
    fn new() -> Self {
        let machine = Self { home: tempfile::tempdir().expect("a folder") };
        fs::create_dir(machine.path("net")).expect("made");
        fs::create_dir_all(machine.path("net/app/bin")).expect("made");
        fs::write(machine.path("net/app/bin/demo"), "#!/bin/sh\necho 1\n").expect("written");
        fs::write(machine.path("net/app/README"), "read me").expect("written");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run(&self, line: &str) -> Ended {
        self.run_with(line, &[])
    }

    fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Ended {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_updraft"))
            .args(line.split(' '))
            .env_clear()
            .env("HOME", self.home.path())
            .env("UPDRAFT_DATA_DIR", self.path("data"))
            .envs(variables.iter().copied())
            .current_dir(self.path("net"))
            .output()
            .expect("the binary runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ended { code: status.code().expect("not killed"), out: text(stdout), err: text(stderr) }
    }

    fn founded(arguments: &str) -> Self {
        let machine = Self::new();
        machine.run(&format!("init --network demo {arguments}")).ok();
        machine
    }
}

#[test]
fn two_of_three_sign_a_release_one_after_the_other() {
    let machine = Machine::founded("--no-password --release-keys 2/3");
    let made = machine.run("publish app --as 1.0.0 --component demo -k ci-1 -o demo.bundle --json");
    let made = made.last_line();
    assert_eq!((&made["type"], &made["seq"]), (&"result".into(), &1.into()));
    assert_eq!(made["signed"], serde_json::json!(["ci-1"]));
    let early = machine.run("sign demo.bundle -k ci-1 --yes --json").last_line();
    assert_eq!((&early["complete"], &early["needed"]), (&false.into(), &2.into()));
    let unasked = machine.run("sign demo.bundle -k ci-2");
    assert_eq!(unasked.code, 1, "nobody said yes");
    assert!(unasked.err.contains("Will sign demo@1.0.0"), "{}", unasked.err);
    let signed = machine.run("sign demo.bundle -k ci-2 --yes --json").last_line();
    assert_eq!(signed["complete"], true);
    assert_eq!(signed["signed"].as_array().expect("a list").len(), 2);
}

#[test]
fn announcing_needs_a_node_and_says_so_before_any_work() {
    let machine = Machine::founded("--dev");
    machine.run("publish app --as 1.0.0").refused("UD0101", 3, "no node answers");
}

#[test]
fn a_dry_run_signs_nothing_and_leaves_nothing() {
    let machine = Machine::founded("--dev");
    let before = fs::read_dir(machine.path("net")).expect("read").count();
    let told = machine.run("publish app --as 1.0.0 --dry-run --json").last_line();
    assert_eq!((&told["dryRun"], &told["component"]), (&true.into(), &"net".into()));
    assert_eq!(fs::read_dir(machine.path("net")).expect("read").count(), before);
}

#[test]
fn founding_again_finds_what_was_founded() {
    let machine = Machine::founded("--dev");
    let first = machine.run("init --network demo --dev --json").last_line();
    assert_eq!(first["created"], false);
    fs::remove_file(machine.path("net/updraft.release.toml")).expect("removed");
    let again = machine.run("init --json").last_line();
    assert_eq!(again["root"], first["root"]);
    assert!(machine.path("net/updraft.release.toml").exists());
    assert!(machine.path("data/trust/demo/root.1").exists());
    machine.run("init --network other").refused("UD0407", 6, "`demo` already");
}

#[test]
fn a_network_that_one_lost_key_would_end_is_refused() {
    let machine = Machine::new();
    let refused = machine.run("init --network demo --root-keys 3/3 --no-password");
    refused.refused("UD0802", 2, "losing one key would end the network");
    assert!(!machine.path("net/keys").exists());
}

#[test]
fn keys_have_a_password_unless_it_is_said_otherwise() {
    let machine = Machine::new();
    machine.run("key generate ci").refused("UD0801", 4, "UPDRAFT_KEY_PASSWORD_FILE");
    fs::write(machine.path("password"), "right\n").expect("written");
    let file = machine.path("password");
    let with = [("UPDRAFT_KEY_PASSWORD_FILE", file.to_str().expect("text"))];
    let made = machine.run_with("key generate ci --json", &with).last_line();
    assert_eq!(made["password"], true);
    let again = machine.run_with("key generate ci", &with);
    again.refused("UD0707", 1, "never overwritten");
    let public = machine.run("key export ci --public").ok();
    assert_eq!(public.trim(), made["public"]);
    machine.run("key show nobody").refused("UD0801", 5, "there are ci");
    let path = made["path"].as_str().expect("a path");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("set");
    machine.run("key show ci").refused("UD0801", 4, "chmod 600");
}

#[test]
fn a_wrong_password_signs_nothing() {
    let machine = Machine::new();
    let file = machine.path("password");
    let with = [("UPDRAFT_KEY_PASSWORD_FILE", file.to_str().expect("text"))];
    fs::write(&file, "right").expect("written");
    machine.run_with("init --network demo --root-keys 1/2", &with).ok();
    fs::write(&file, "wrong").expect("written");
    let refused = machine.run_with("publish app --as 1.0.0 -o demo.bundle", &with);
    refused.refused("UD0801", 4, "wrong password for the key `ci`");
}

#[test]
fn a_key_without_a_say_and_a_missing_key_are_refused() {
    let machine = Machine::founded("--no-password");
    machine.run("key generate mallory --no-password").ok();
    let publish = |key: &str| machine.run(&format!("publish app --as 1.0.0 -k {key} -o x.bundle"));
    publish("mallory").refused("UD0402", 6, "could sign ci");
    publish("root-1").refused("UD0402", 6, "not a release key of stable");
    publish("nobody").refused("UD0801", 5, "no key `nobody`");
}

#[test]
fn what_cannot_be_published_is_refused_by_name() {
    let machine = Machine::founded("--dev");
    let publish = || machine.run("publish app --as 1.0.0 -o x.bundle");
    machine.run("publish none --as 1.0.0 -o x.bundle").refused("UD0708", 1, "none does not exist");
    symlink("/etc/passwd", machine.path("net/app/out")).expect("linked");
    fs::write(machine.path("net/app/readme"), "").expect("written");
    let refused = publish();
    refused.refused("UD0708", 1, "`out` links to an absolute path");
    assert!(refused.err.contains("`readme` and `README`"), "{}", refused.err);
    machine.run("publish app --as 1.0 -o x.bundle").refused_by_arguments("1.0");
    machine
        .run("publish app/bin/demo --component demo --as 1.0.0 --channel nightly -o x.bundle")
        .refused("UD0204", 2, "no channel `nightly`");
    assert!(!machine.path("net/x.bundle").exists());
}

impl Ended {
    fn refused_by_arguments(&self, says: &str) {
        assert!(self.code == 2 && self.err.contains(says), "{} {}", self.code, self.err);
    }
}

#[test]
fn a_bundle_that_was_tampered_with_is_not_signed() {
    let machine = Machine::founded("--dev");
    machine.run("publish app --as 1.0.0 -o demo.bundle").ok();
    let path = machine.path("net/demo.bundle");
    let good = fs::read(&path).expect("read");
    let mut bad = good.clone();
    let last = bad.len() - 1;
    bad[last] ^= 1;
    fs::write(&path, &bad).expect("written");
    machine.run("sign demo.bundle -k dev --yes").refused("UD0406", 6, "damaged");
    fs::write(&path, &good[..last]).expect("written");
    machine.run("sign demo.bundle -k dev --yes").refused("UD0406", 6, "bytes long");
    machine.run("sign app/README -k dev --yes").refused("UD0708", 1, "is not a bundle");
}

#[test]
fn a_bundle_of_another_network_is_not_signed() {
    let (ours, theirs) = (Machine::founded("--dev"), Machine::founded("--dev"));
    theirs.run("publish app --as 1.0.0 -o demo.bundle").ok();
    let bundle = theirs.path("net/demo.bundle");
    let refused = ours.run(&format!("sign {} -k dev --yes", bundle.display()));
    refused.refused("UD0401", 6, "for another network than demo");
}

#[test]
fn a_project_does_not_sign_for_a_data_directory_of_another_network() {
    let (ours, theirs) = (Machine::founded("--dev"), Machine::founded("--dev"));
    let data = theirs.path("data");
    let with = [("UPDRAFT_DATA_DIR", data.to_str().expect("text"))];
    let refused = ours.run_with("publish app --as 1.0.0 -o demo.bundle", &with);
    refused.refused("UD0407", 6, "not the expected one");
}

#[test]
fn a_data_directory_in_use_is_named_with_its_process() {
    let machine = Machine::founded("--dev");
    let lock = fs::File::options().write(true).open(machine.path("data/lock")).expect("there");
    lock.lock().expect("free");
    fs::write(machine.path("data/lock"), "4242\n").expect("written");
    let refused = machine.run("publish app --as 1.0.0 -o demo.bundle");
    refused.refused("UD0705", 1, "process 4242");
}

#[test]
fn a_ticket_reads_back_and_one_for_nobody_is_refused() {
    let machine = Machine::founded("--dev");
    machine.run("ticket create").refused("UD0101", 3, "--address");
    let peer = "12D3KooWGRUfh5mWyUoHTCmrZyUfPFyu1v2LPWvbGoVDCXYiuXW1";
    let address = format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}");
    let ticket = machine.run(&format!("ticket create --address {address} --json")).last_line();
    let text = ticket["ticket"].as_str().expect("a ticket");
    let shown = machine.run(&format!("ticket show {text} --json")).last_line();
    assert_eq!((&shown["network"], &shown["addresses"][0]), (&"demo".into(), &address.into()));
    let (start, last) = text.split_at(text.len() - 1);
    let mistyped = format!("{start}{}", if last == "q" { "p" } else { "q" });
    machine.run(&format!("ticket show {mistyped}")).refused("UD0204", 2, "ticket");
    let newcomer = Machine::new();
    newcomer.run(&format!("join {text} --yes")).refused("UD0701", 9, "nobody");
    assert!(!newcomer.path("data/trust").exists());
}

#[test]
fn nothing_signed_is_known_of_a_release_that_was_never_announced() {
    let machine = Machine::founded("--dev");
    machine.run("verify demo@1.0.0 app").refused("UD0302", 5, "demo@1.0.0");
    machine.run("verify demo app").refused("UD0202", 2, "which version");
}
