//! A node that makes room for another program: the process stays, the program in it is a new one.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{
    arg,
    network::Network,
    node::{Kind, Node},
    run, until, updraft,
};

fn tell(node: &Node) {
    let pid = i32::try_from(node.pid()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::USR2).expect("our child");
}

/// A variable that the process was given when its program began.
fn variable(node: &Node, name: &str) -> Option<String> {
    let given = fs::read(format!("/proc/{}/environ", node.pid())).unwrap_or_default();
    let mut given = given.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    given.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// Waits until the process has become another program for the so-manieth time, and that one answers.
fn wait_for_start(node: &Node, count: u32) {
    until(&format!("start {count} of {}", node.name), || {
        let starts = variable(node, "UPDRAFT_STARTS")?;
        let is_it = starts.starts_with(&format!("{count}@"));
        (is_it && node.say(&["--json", "status"]).code == Some(0)).then_some(())
    });
}

#[test]
fn a_node_becomes_the_program_that_was_installed_and_keeps_process_arguments_and_streams() {
    let network = Network::found();
    let mut node = network.join("node-1", &Kind::obedient());
    let place = network.place().join("releases/updraft");
    fs::create_dir_all(place.join("bin")).expect("own folder");
    let marker = network.place().join("started");
    let program = place.join("bin/updraft");
    // A release's program for all the node can tell; what it runs in the end is the one under test.
    let script = format!(
        "#!/bin/sh\necho \"$UPDRAFT_STARTED_BY: $0 $*\" >>{}\nexec {} \"$@\"\n",
        marker.display(),
        env!("CARGO_BIN_EXE_updraft")
    );
    fs::write(&program, script).expect("own folder");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
    let release = ["publish", arg(&place), "--component", "updraft", "--as", "9.0.0"];
    network.at_project(&[&["--yes", "--json"], &release[..]].concat()).good();
    node.wait_until_known("9.0.0");
    node.say(&["--yes", "install", "updraft"]).good();
    let pid = node.pid();
    let (peer, before) = (node.peer_id().to_owned(), arguments(pid));
    assert!(!marker.exists(), "installing starts nothing");

    tell(&node);
    wait_for_start(&node, 1);
    assert_eq!(node.status()["node"]["id"].as_str(), Some(peer.as_str()), "it is the same node");
    assert_eq!((node.pid(), arguments(pid)), (pid, before), "in the same process");
    let said = fs::read_to_string(&marker).expect("the program of the release ran");
    let current = node.data.join("components/updraft/current/bin/updraft");
    let begun = format!("{}: {} ", env!("CARGO_PKG_VERSION"), current.display());
    assert!(said.starts_with(&begun) && said.lines().count() == 1, "{said}");
    // Its standard input is still the one by which the test stops it.
    node.stop();
}

/// The arguments of a process, without its program.
fn arguments(pid: u32) -> Vec<u8> {
    let line = fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).expect("it runs");
    let end = line.iter().position(|byte| *byte == 0).unwrap_or(line.len());
    line[end..].to_vec()
}

#[test]
fn a_node_starts_again_as_itself_and_not_for_ever() {
    let network = Network::found();
    let mut node = network.join("node-1", &Kind::obedient());
    for count in 1..=3 {
        tell(&node);
        wait_for_start(&node, count);
        assert_eq!(
            variable(&node, "UPDRAFT_STARTED_BY").as_deref(),
            Some(env!("CARGO_PKG_VERSION"))
        );
    }
    tell(&node);
    until("the fourth time is refused", || {
        node.logged().contains("has started again 3 times within 10 minutes").then_some(())
    });
    node.say(&["status"]).good();
    assert!(variable(&node, "UPDRAFT_STARTS").is_some_and(|starts| starts.starts_with("3@")));
    node.stop();
}

/// Publishes a release of `updraft` with this program, and installs it.
fn install(network: &Network, node: &Node, script: &str) {
    let place = network.place().join("releases/updraft");
    fs::create_dir_all(&place).expect("own folder");
    let program = place.join("updraft");
    fs::write(&program, script).expect("own folder");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
    let release = ["publish", arg(&place), "--component", "updraft", "--as", "9.0.0"];
    network.at_project(&[&["--yes", "--json"], &release[..]].concat()).good();
    node.wait_until_known("9.0.0");
    node.say(&["--yes", "install", "updraft"]).good();
}

#[test]
fn a_node_whose_successor_dies_at_once_stays_what_it_is_after_three_attempts() {
    let network = Network::found();
    let mut node = network.join("node-1", &Kind::obedient());
    install(&network, &node, "#!/bin/sh\nexit 3\n");
    for _ in 0..3 {
        tell(&node);
        let process = format!("/proc/{}/stat", node.pid());
        until("the process ends with its program", || {
            fs::read_to_string(&process).expect("our child").contains(") Z ").then_some(())
        });
        // What a service manager does, with an environment that knows nothing.
        node.kill();
        node.start();
        assert_eq!(variable(&node, "UPDRAFT_STARTS"), None);
    }
    tell(&node);
    until("the fourth time is refused", || {
        let said = "has started again 3 times within 10 minutes, the last time as 9.0.0";
        node.logged().contains(said).then_some(())
    });
    node.say(&["status"]).good();
    node.stop();
}

#[test]
fn a_node_that_would_lose_its_key_does_not_start_again_and_names_the_remedy() {
    let network = Network::found();
    let password = network.place().join("password");
    fs::write(&password, "secret\n").expect("own folder");
    let mut generate = updraft(network.place());
    generate.current_dir(network.project()).args(["key", "generate", "wit"]);
    run(generate.env("UPDRAFT_KEY_PASSWORD_FILE", &password)).good();
    let key = network.project().join("keys/wit.key");
    let mut node = network.join("node-1", &Kind::obedient());
    node.stop();
    node.configure(&Kind::obedient().with("trust.witness_key", format!("\"{}\"", key.display())));
    let wrapper = |name: &str, lines: &str| {
        let path = network.place().join(name);
        let real = env!("CARGO_BIN_EXE_updraft");
        fs::write(&path, format!("#!/bin/sh\n{lines}\nexec {real} \"$@\"\n")).expect("own folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("own file");
        path
    };
    let by_file = format!("export UPDRAFT_KEY_PASSWORD_FILE={}", password.display());
    let by_descriptor = "export UPDRAFT_KEY_PASSWORD_FD=3\nexec 3<<END\nsecret\nEND";

    node.start_as(&wrapper("by-descriptor", by_descriptor));
    tell(&node);
    until("it is refused", || {
        let logged = node.logged();
        (logged.contains("could not unlock the key of trust.witness_key")
            && logged.contains("a file named by UPDRAFT_KEY_PASSWORD_FILE"))
        .then_some(())
    });
    node.say(&["status"]).good();
    node.stop();

    node.start_as(&wrapper("by-file", &by_file));
    tell(&node);
    wait_for_start(&node, 1);
    node.stop();
}
