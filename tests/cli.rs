//! The program's manners: exit codes, what goes to which stream, closed pipes, bad configuration.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The program in an environment of its own: no home but `home`, no variables of the caller.
pub(crate) fn updraft(home: &tempfile::TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft"));
    command.args(arguments).env_clear().env("HOME", home.path()).stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn version_is_a_document_for_programs() {
    let (code, out, err) = run(&mut updraft(&home(), &["version", "--json"]));
    let document: serde_json::Value = serde_json::from_str(&out).expect("json");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(document["schema"], "updraft.version/1");
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["protocol"], serde_json::json!({ "min": 1, "max": 2 }));
}

#[test]
fn wrong_arguments_end_with_2_and_say_nothing_on_standard_output() {
    for arguments in [
        &[][..],
        &["--json"],
        &["--selftest", "2", "version"],
        &["--selftest", "two"],
        &["instal"],
        &["--token", "secret", "version"],
        &["version", "-q", "-v"],
    ] {
        let (code, out, err) = run(&mut updraft(&home(), arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_bad_configuration_is_refused_with_place_and_nearest_name() {
    let home = home();
    let folder = home.path().join(".config/updraft");
    fs::create_dir_all(&folder).expect("own folder");
    let file = folder.join("updraft.toml");
    fs::write(&file, "[p2p]\nmdsn = true\n").expect("own folder");
    let (code, out, err) = run(&mut updraft(&home, &["config", "check"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let place = format!("error[UD0201]: {}:2:1: unknown key `p2p.mdsn`", file.display());
    assert!(err.starts_with(&place) && err.contains("the nearest is `p2p.mdns`"), "{err}");
    assert!(!err.contains('\u{1b}'), "no colours in a pipe: {err:?}");

    let (code, _, err) = run(&mut updraft(&home, &["config", "check", "--json"]));
    let problem: serde_json::Value = serde_json::from_str(&err).expect("a problem document");
    assert_eq!((code, &problem["code"]), (Some(2), &"UD0201".into()));
    assert_eq!(problem["type"], "urn:updraft:problem:config-invalid");
}

#[test]
fn what_config_default_prints_is_a_configuration_that_changes_nothing() {
    let home = home();
    let (_, defaults, _) = run(&mut updraft(&home, &["config", "default"]));
    let file = home.path().join("all.toml");
    fs::write(&file, defaults).expect("own folder");
    let (_, without, _) = run(&mut updraft(&home, &["config", "show"]));
    let path = file.to_str().expect("a plain path");
    let (code, with, err) = run(&mut updraft(&home, &["-c", path, "config", "show"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(with, without);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = home();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = updraft(&home, &["completions", "bash"]);
    let (code, _, err) = run(command.stdout(writer));
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

#[test]
fn data_that_could_not_be_written_is_a_failure() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
    let (code, _, err) = run(updraft(&home(), &["config", "default"]).stdout(full));
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot write standard output"), "{err}");
}

#[test]
fn without_a_home_a_directory_has_to_be_named() {
    let home = home();
    let (code, _, err) = run(updraft(&home, &["paths"]).env_remove("HOME"));
    assert_eq!(code, Some(2));
    assert!(err.contains("--data-dir"), "{err}");
    let data = home.path().to_str().expect("a plain path");
    let (code, out, _) = run(updraft(&home, &["paths", "-d", data]).env_remove("HOME"));
    assert_eq!(code, Some(0));
    assert!(out.contains(&format!("{data}/identity.key")), "{out}");
}

#[test]
fn without_a_node_talking_commands_end_with_3_and_name_the_places() {
    let home = home();
    for arguments in [&["status"][..], &["check"], &["list"], &["install", "demo-app"], &["peers"]]
    {
        let (code, out, err) = run(&mut updraft(&home, arguments));
        assert_eq!((code, out.as_str()), (Some(3), ""), "{arguments:?}: {err}");
        assert!(err.starts_with("error[UD0101]: no node answers"), "{err}");
        assert!(err.contains("api.sock   no such file"), "{err}");
    }
    let (code, _, err) = run(&mut updraft(&home, &["-d", "there", "status", "--json"]));
    let problem: serde_json::Value = serde_json::from_str(&err).expect("a problem document");
    assert_eq!((code, problem["code"].as_str()), (Some(3), Some("UD0101")));
    assert!(
        !err.contains("unix:/run/updraft/"),
        "a named directory means that node and no other: {err}"
    );
}

#[test]
fn the_program_left_behind_is_older_and_speaks_less() {
    let home = home();
    let version = |program: &Path| {
        let mut command = Command::new(program);
        let (code, out, err) = run(command.args(["version", "--json"]).env("HOME", home.path()));
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_str::<serde_json::Value>(&out).expect("a document")
    };
    let new = version(Path::new(env!("CARGO_BIN_EXE_updraft")));
    let old = version(&crate::harness::protocol_1());
    assert_eq!(new["protocol"], serde_json::json!({ "min": 1, "max": 2 }));
    assert_eq!(old["protocol"], serde_json::json!({ "min": 1, "max": 1 }));
    let number = |document: &serde_json::Value| {
        document["version"].as_str().expect("text").parse::<semver::Version>().expect("a version")
    };
    assert!(number(&old) < number(&new), "the real program is an update of the old one");
}

#[test]
fn a_program_tries_itself_and_leaves_nothing_behind() {
    let home = home();
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).expect("own folder");
    let selftest = |program: &Path, protocol: &str| {
        let mut command = Command::new(program);
        command.args(["--selftest", protocol]).env_clear().env("TMPDIR", &temporary);
        run(command.current_dir(home.path()).stdin(Stdio::null()))
    };
    let (new, old) = (Path::new(env!("CARGO_BIN_EXE_updraft")), crate::harness::protocol_1());
    let tried = [(new, "2", "packed transfer"), (new, "1", "messages"), (&old, "1", "messages")];
    for (program, protocol, part) in tried {
        let (code, out, err) = selftest(program, protocol);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let says = format!("speaks protocol {protocol}: ");
        assert!(out.contains(&says) && out.contains(part) && out.lines().count() == 1, "{out}");
        assert_eq!(selftest(program, protocol).1, out, "what it says does not change");
    }
    for (program, protocol) in [(old.as_path(), "2"), (new, "3"), (new, "0")] {
        let (code, out, err) = selftest(program, protocol);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(&format!("not {protocol}")), "{err}");
    }
    let left: Vec<_> = fs::read_dir(home.path()).expect("own folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read_dir(&temporary).expect("own folder").count(), 0);
}

/// A folder with the program, and what is to stand beside it as `updraft-sim`.
fn installed_with(sim: Option<&str>) -> tempfile::TempDir {
    let folder = home();
    let (own, linked) = (env!("CARGO_BIN_EXE_updraft"), folder.path().join("updraft"));
    // The temporary folder may lie on another disk.
    fs::hard_link(own, &linked).or_else(|_| fs::copy(own, &linked).map(drop)).expect("own folder");
    if let Some(script) = sim {
        let file = folder.path().join("updraft-sim");
        fs::write(&file, script).expect("own folder");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("own file");
    }
    folder
}

#[test]
fn sim_becomes_the_program_beside_with_the_same_arguments_and_exit_code() {
    let folder = installed_with(Some("#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 42\n"));
    let said = |arguments: &[&str]| {
        let mut command = Command::new(folder.path().join("updraft"));
        command.args(arguments).env_clear().env("HOME", folder.path()).stdin(Stdio::null());
        run(&mut command)
    };
    for (arguments, passed) in [
        (
            &["sim", "run", "a b.toml", "--seed", "7", "--json"][..],
            "<run><a b.toml><--seed><7><--json>",
        ),
        (&["sim", "--help"], "<--help>"),
        (&["--json", "sim", "list"], "<--json><list>"),
        (&["sim"], "<>"),
    ] {
        let (code, out, err) = said(arguments);
        assert_eq!((code, out.as_str()), (Some(42), passed), "{arguments:?}: {err}");
    }
}

#[test]
fn without_the_program_beside_or_on_path_sim_says_where_it_belongs() {
    let folder = installed_with(None);
    let mut command = Command::new(folder.path().join("updraft"));
    command.args(["sim", "list"]).env_clear().env("PATH", folder.path()).stdin(Stdio::null());
    let (code, out, err) = run(command.env("HOME", folder.path()));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("error[UD0709]: the program `updraft-sim` is not there"), "{err}");
    assert!(err.contains("hint: put it beside `updraft`"), "{err}");
}
