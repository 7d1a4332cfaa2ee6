//! The program `updraft-sim` from outside: its exit codes, its streams, and what comes with it.

use std::process::{Command, Output, Stdio};

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft-sim"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn every_listed_scenario_can_be_shown_and_checked() {
    let (code, list, _) = run(&mut sim(&["list"]));
    assert_eq!(code, Some(0));
    let names: Vec<_> = list.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"first-release"), "{list}");
    let (code, _, err) = run(&mut sim(&[&["check"], names.as_slice()].concat()));
    assert_eq!(code, Some(0), "{err}");
    for name in names {
        let (code, shown, err) = run(&mut sim(&["show", name]));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{name}");
        assert!(shown.contains("What happens:"), "{name}");
    }
}

#[test]
fn what_show_prints_as_keys_can_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let (_, keys, _) = run(&mut sim(&["show", "--keys"]));
    std::fs::write(&file, keys).expect("own folder");
    let (code, _, err) = run(&mut sim(&["check", file.to_str().expect("a plain path")]));
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn wrong_arguments_and_scenarios_end_with_2_and_help_with_0() {
    for arguments in
        [&[][..], &["rnu"], &["run"], &["run", "no-such"], &["show"], &["check", "Cargo.toml"]]
    {
        let (code, out, err) = run(&mut sim(arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!err.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let (code, out, err) = run(&mut sim(arguments));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!out.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_problem_is_a_document_for_programs() {
    let (code, out, err) = run(&mut sim(&["run", "first-relase", "--json"]));
    let problem: serde_json::Value = serde_json::from_str(&err).expect("a problem document");
    assert_eq!((code, out.as_str(), problem["code"].as_str()), (Some(2), "", Some("UD0205")));
    assert_eq!(problem["type"], "urn:updraft:problem:scenario-invalid");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let (code, _, err) = run(sim(&["show", "--keys"]).stdout(writer));
    assert_eq!((code, err.as_str()), (Some(0), ""));
}
