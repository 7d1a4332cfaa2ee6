//! A network for trying things out has one unprotected key, and whoever deals with its trust is told so each time.

use std::collections::BTreeSet;

use updraft_protocol::{Digest, Elector, Electorate};

use super::{Governed, role};
use crate::harness::{Said, arg, node::Kind, run, until, updraft};

/// Commands that take up no network's trust: they ask the node what it does, or concern one machine alone.
const WITHOUT: &[&str] = &[
    "check",
    "completions",
    "config check",
    "config default",
    "config get",
    "config path",
    "config show",
    "delta apply",
    "delta create",
    "delta inspect",
    "devnet",
    "history",
    "install",
    "key export",
    "key generate",
    "key import",
    "key list",
    "key passwd",
    "key show",
    "list",
    "paths",
    "peers add",
    "peers ban",
    "peers list",
    "peers unban",
    "rollback",
    "show",
    "sim",
    "ticket show",
    "version",
];

/// Names of commands in a help: `  name   What it does` in front of the options.
fn named(help: &str) -> Vec<String> {
    let commands = help.lines().take_while(|line| !line.ends_with("ptions:"));
    let name = |line: &str| {
        let name = line.strip_prefix("  ")?.split("  ").next()?;
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        (plain && !name.is_empty()).then(|| name.to_owned())
    };
    commands.filter_map(name).collect()
}

/// Every command there is, with its subcommand if it has some.
fn every_command(governed: &Governed) -> BTreeSet<String> {
    let help = |words: &[&str]| {
        let mut command = updraft(governed.network.place());
        run(command.args(words).arg("--help")).good().out
    };
    let mut all = BTreeSet::new();
    for name in named(&help(&[])).into_iter().filter(|name| name != "help") {
        // Another program, with commands of its own, if it lies beside this one.
        if name == "sim" {
            all.insert(name);
            continue;
        }
        let page = help(&[&name]);
        if !page.contains("\nCommands:") {
            all.insert(name);
            continue;
        }
        let below = named(&page).into_iter().filter(|below| below != "help");
        all.extend(below.map(|below| format!("{name} {below}")));
    }
    all
}

#[track_caller]
fn says_so(line: &str, said: Said) -> Said {
    let said = said.good();
    assert!(format!("{}{}", said.out, said.err).contains("DEV NETWORK"), "{line}: {said:?}");
    said
}

#[test]
fn no_command_that_touches_trust_forgets_to_name_a_network_for_trying_out() {
    let governed = Governed::found(|root, keys| {
        root.brake = Some(role(1, keys(&["oncall", "spare"])));
        root.builder = Some(role(1, keys(&["builder-1", "builder-2"])));
        let elector = |key| Elector { key, weight: 1, operator: "ann".parse().expect("a name") };
        let electors = keys(&["ann"]).into_iter().map(elector).collect();
        root.electorate = Some(Electorate::new(1, electors));
    });
    let network = &governed.network;
    let (one, two) = (network.release("1.0.0"), network.release("1.1.0"));
    let (one, two) = (arg(&one), arg(&two));
    let sources = Digest::of(b"the sources");
    let made = network.place().join("made");
    let joined = network.place().join("joined");
    let ticket = network.publisher.ticket();
    let mut tried = BTreeSet::new();
    for line in [
        format!("init {0}/net --dev -d {0}/data", arg(&made)),
        format!("join {ticket} -d {} --yes", arg(&joined)),
        format!("run --dry-run -d {}", arg(&joined)),
    ] {
        let said = run(updraft(network.place()).args(line.split(' ')));
        says_so(&line, said);
        tried.extend(line.split(' ').next().map(str::to_owned));
    }
    let publish = "publish --component demo-app -k dev --yes";
    let pause = format!("{}/pause.statement", network.place().display());
    for line in [
        "status",
        &format!("{publish} {one} --as 1.0.0 --source-digest {sources}"),
        "propose 2 --line demo-app --voting 1h --min-ready 0/1 -k ann --yes",
        "votes",
        "tally p-1",
        &format!("{publish} {two} --as 1.1.0 -o next.bundle"),
        "sign next.bundle -k dev --yes",
        &format!("verify demo-app@1.0.0 {one}"),
        "get demo-app@1.0.0 -o got",
        &format!("attest demo-app@1.0.0 {one} -k builder-1 --yes"),
        "brake demo-app@1.0.0 --reason x -k oncall --yes",
        "brakes",
        &format!("brake demo-app@1.0.0 --reason y -k spare --yes -o {pause}"),
        &format!("say {pause}"),
        "lift demo-app@1.0.0 --reason z --yes",
        "yank demo-app@1.0.0 --reason x --yes",
        "key revoke spare --reason stolen --yes",
        "trust show",
        "ticket create",
        "root show",
        "root begin -m next",
        "root add-key witness builder-1",
        "root remove-key builder builder-2",
        "root threshold release:stable 1",
        "root base stable=1",
        "root expire root 20d",
        "root diff",
        "root sign -k dev --yes",
        "root status",
        "root apply --yes",
        "root review",
        "root begin -m more",
        "root count p-1",
        "root uncount p-1",
        "root cancel",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let said = says_so(line, network.at_project(&words));
        if words[0] == "say" {
            assert!(said.err.contains("demo-app@1.0.0 for "), "a name, no digest: {}", said.err);
        }
        let grouped = ["key", "root", "ticket", "trust"].contains(&words[0]);
        tried.insert(words[..if grouped { 2 } else { 1 }].join(" "));
    }
    let vote = || network.at_project(&["vote", "p-1", "yes", "-k", "ann", "--yes"]);
    let cast = until("the vote has begun", || Some(vote()).filter(|said| said.code == Some(0)));
    says_so("vote", cast);
    tried.insert("vote".to_owned());
    let without = WITHOUT.iter().map(|name| (*name).to_owned());
    let known: BTreeSet<_> = tried.iter().cloned().chain(without).collect();
    let all = every_command(&governed);
    let gone: Vec<_> = known.difference(&all).collect();
    assert!(gone.is_empty(), "there are no such commands: {gone:?}");
    let forgotten: Vec<_> = all.difference(&known).collect();
    assert!(forgotten.is_empty(), "try these here, or say why they touch no trust: {forgotten:?}");
}

#[test]
fn another_network_than_the_projects_is_refused_with_the_way_out() {
    let governed = Governed::found(|root, keys| root.brake = Some(role(1, keys(&["oncall"]))));
    let other = crate::harness::network::Network::found();
    let node = other.join("node", &Kind::seed());
    let mut command = node.command(&["brake", "--all", "--reason", "x", "-k", "oncall"]);
    let said = run(command.current_dir(governed.network.project()));
    said.refused(6, "UD0407", &["two networks", "-d DIR"]);
}
