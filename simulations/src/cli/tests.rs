//! The commands, from their arguments to what is printed and written, with a run that is made up.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::CommandFactory;
use serde_json::Value;

use super::{
    output::{Bars, Format},
    signals::Signals,
    *,
};
use crate::{
    outcome::{Ended, Outcome},
    report::{self, sample},
    run::{Progress, RunError, RunOptions, Watch},
    scenario::Scenario,
};

/// What was printed.
#[derive(Debug, Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics here").clone()).expect("text")
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run that comes out as the sample, with the seed and kind that were asked for.
fn made_up(
    scenario: &Scenario,
    options: &RunOptions,
    watch: &mut dyn Watch,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    watch.progress(Progress { seconds: 1.0, of: 2.0, events: 3, nodes_done: 4, nodes_wanted: 5 });
    let mut outcome = sample::outcome();
    outcome.broken.clear();
    outcome.judged.retain(|judged| judged.met);
    (outcome.seed, outcome.kind) = (options.seed, scenario.kind);
    outcome.scenario.clone_from(&options.name);
    if stop.load(Ordering::SeqCst) {
        outcome.ended = Ended::Stopped;
    }
    Ok(outcome)
}

/// The same, and a promise is broken.
fn broken(
    scenario: &Scenario,
    options: &RunOptions,
    watch: &mut dyn Watch,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    let broken = sample::outcome().broken;
    made_up(scenario, options, watch, stop).map(|outcome| Outcome { broken, ..outcome })
}

/// Exit code, standard output and standard error of a command line.
fn said(line: &[&str], runner: run::Runner, signals: &Signals) -> (u8, String, String) {
    let cli = Cli::try_parse_from([&["updraft-sim"], line].concat()).expect("a good command line");
    let [data, talk] = [Page::default(), Page::default()];
    let format = if cli.global.json { Format::Json } else { Format::Text };
    let mut output =
        Output::new(Box::new(data.clone()), Box::new(talk.clone()), format, Bars::Hidden);
    let ended = match &cli.command {
        Command::Run(args) => run::run_with(args, &mut output, runner, signals),
        Command::Replay(args) => replay::run_with(args, &mut output, runner, signals),
        other => dispatch(other, &mut output),
    };
    let code = match ended.and_then(|exit| output.finish().map(|()| exit)) {
        Ok(exit) => exit.code(),
        Err(problem) => {
            output.problem(&problem);
            problem.code.exit_code()
        }
    };
    (code, data.text(), talk.text())
}

fn says(line: &[&str]) -> (u8, String, String) {
    said(line, made_up, &Signals::default())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn the_tree_of_commands_is_sound_and_every_option_has_help() {
    fn look(command: &clap::Command) {
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{}: {}", command.get_name(), argument.get_id());
        }
        assert!(command.get_about().is_some(), "{}", command.get_name());
        command.get_subcommands().for_each(look);
    }
    Cli::command().debug_assert();
    look(&Cli::command());
    let help = Cli::command().render_help().to_string();
    assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
}

#[test]
fn the_list_has_every_scenario_with_its_size() {
    let (code, out, err) = says(&["list"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let line = out.lines().find(|line| line.starts_with("first-release ")).expect("it is built in");
    let words: Vec<_> = line.split_whitespace().take(3).collect();
    assert_eq!(words, ["first-release", "world", "21"]);
    let (_, out, _) = says(&["list", "--json"]);
    let list = json(&out);
    assert_eq!(list["schema"], "updraft.sim.list/1");
    assert_eq!(list["scenarios"].as_array().map(Vec::len), Some(crate::builtin::ALL.len()));
}

#[test]
fn a_scenario_is_told_in_words() {
    let (code, out, _) = says(&["show", "upgrade-vote"]);
    assert_eq!(code, 0);
    for part in [
        "40 nodes take part, in a world:",
        "7 × electors; 100 Mbit/s up, 100 Mbit/s down, 40ms one way; 7 of them vote",
        "1m: the first elector proposes that the nodes speak protocol 2 instead of 1",
        "every honest node sees the vote as `active`",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let (_, out, _) = says(&["show", "upgrade-vote", "--json"]);
    let shown = json(&out);
    assert_eq!(shown["story"][1]["do"], "propose");
    assert_eq!(shown["groups"][1]["electors"], 7);
    let (_, out, _) = says(&["show", "--keys"]);
    assert_eq!(out, crate::scenario::KEYS);
}

#[test]
fn an_unknown_scenario_is_told_with_the_nearest() {
    let (code, out, err) = says(&["show", "first-relase"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("error[UD0205]: there is no scenario `first-relase`"), "{err}");
    assert!(err.contains("hint: the nearest is `first-release`"), "{err}");
    let (code, _, err) = says(&["run", "no-such-file.toml"]);
    assert_eq!(code, 2);
    assert!(err.starts_with("error[UD0205]: no-such-file.toml cannot be read"), "{err}");
}

#[test]
fn check_tells_all_faults_of_all_files_and_runs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.toml");
    let text = "title = \"\"\nteaches = \"t\"\n[[group]]\nname = \"a\"\nelectors = 2\nweight = 0\n";
    fs::write(&bad, text).expect("own folder");
    let (code, out, err) = says(&["check", utf8(&bad), "first-release"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("bad.toml has 3 faults\n"), "{err}");
    for fault in
        ["`title` is empty", "`electors = 2`, and it has 1 nodes", "a vote that counts nothing"]
    {
        assert!(err.contains(fault), "{err}");
    }
    assert!(err.contains("first-release can run"), "{err}");
    let (code, out, _) = says(&["check", utf8(&bad), "first-release", "--json"]);
    let checked = json(&out);
    assert_eq!(code, 2);
    assert_eq!(checked["scenarios"][0]["problem"]["causes"].as_array().map(Vec::len), Some(3));
    assert_eq!(checked["scenarios"][1]["canRun"], true);
    assert_eq!(says(&["check", "first-release"]).0, 0);
}

#[test]
fn more_faults_than_are_told_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.toml");
    let groups: String =
        (0..20).map(|n| format!("[[group]]\nname = \"g{n}\"\nweight = 0\n")).collect();
    fs::write(&bad, format!("title = \"t\"\nteaches = \"t\"\n{groups}")).expect("own folder");
    let (code, _, err) = says(&["check", utf8(&bad)]);
    assert_eq!(code, 2);
    assert!(err.contains("has 20 faults; these are the first 16\n"), "{err}");
    assert_eq!(err.matches("a vote that counts nothing").count(), 16, "{err}");
}

#[test]
fn a_run_prints_a_table_and_leaves_a_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("deep/out");
    let line = ["run", "first-release", "--seed", "42", "--report", utf8(&out)];
    let (code, data, talk) = says(&line);
    assert_eq!(code, 0, "{talk}");
    assert!(data.contains("first-release, a world with seed 42"), "{data}");
    assert!(data.ends_with("✓ everything came as expected and no promise was broken\n"), "{data}");
    let mut names: Vec<_> = fs::read_dir(&out)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("plain"))
        .collect();
    names.sort();
    let expected =
        ["first-release-42.html", "first-release-42.json", "first-release-42.recording.json"];
    assert_eq!(names, expected);
    let page = text_of(&out.join("first-release-42.html"));
    assert!(page.starts_with("<!doctype html>") && talk.contains("first-release-42.html"));
    // The same again leaves the same bytes.
    let (_, _, _) = says(&line);
    assert_eq!(text_of(&out.join("first-release-42.html")), page);
}

#[test]
fn a_run_for_programs_is_lines_of_json() {
    let (code, data, talk) = says(&["run", "first-release", "--json"]);
    assert_eq!((code, talk.as_str()), (0, ""));
    let done = json(data.lines().last().expect("a line"));
    assert_eq!(done["type"], "done");
    assert_eq!((&done["good"], &done["outcome"]["seed"]), (&true.into(), &1.into()));
    let expected = made_up_outcome();
    assert_eq!(done["reportHash"], report::hash(&expected).expect("json"));
}

fn made_up_outcome() -> Outcome {
    let scenario =
        source::load("first-release", &source::Instead::default()).expect("built in").scenario;
    let options = RunOptions::of("first-release", &scenario);
    struct Nobody;
    impl Watch for Nobody {
        fn progress(&mut self, _progress: Progress) {}
    }
    made_up(&scenario, &options, &mut Nobody, &AtomicBool::new(false)).expect("made up")
}

#[test]
fn a_broken_promise_ends_with_1() {
    let (code, data, _) = said(&["run", "first-release"], broken, &Signals::default());
    assert_eq!(code, 1);
    assert!(data.ends_with("✗ 1 promise was broken\n"), "{data}");
}

#[test]
fn what_was_stopped_leaves_a_partial_report_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let signals = Signals::default();
    signals.stop.store(true, Ordering::SeqCst);
    let line = ["run", "first-release", "--report", utf8(folder.path())];
    let (code, data, talk) = said(&line, made_up, &signals);
    assert_eq!(code, 130);
    assert!(data.contains("somebody stopped it"), "{data}");
    assert!(
        talk.contains("it was stopped; the report is of what had happened until then"),
        "{talk}"
    );
    assert!(text_of(&folder.path().join("first-release-1.html")).contains("not finished"));
}

#[test]
fn another_kind_is_checked_as_that_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("many.toml");
    let text = "title = \"t\"\nteaches = \"t\"\n[[group]]\nname = \"a\"\ncount = 65\n";
    fs::write(&file, text).expect("own folder");
    assert_eq!(says(&["run", utf8(&file)]).0, 0);
    let (code, _, err) = says(&["run", utf8(&file), "--kind", "cluster"]);
    assert_eq!(code, 2);
    assert!(err.contains("65 nodes in a cluster, at most 64 are possible"), "{err}");
}

#[test]
fn a_recording_runs_again_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    says(&["run", "first-release", "--seed", "5", "--report", utf8(folder.path())]);
    let file = folder.path().join("first-release-5.recording.json");
    let (code, data, talk) = says(&["replay", utf8(&file)]);
    assert_eq!(code, 0, "{talk}");
    assert!(data.contains("with seed 5"), "{data}");
    assert!(talk.contains("It is the same run, event for event."), "{talk}");
    let other = text_of(&file).replace("3f9c3f9c", "00000000");
    fs::write(&file, other).expect("own folder");
    let (code, _, talk) = says(&["replay", utf8(&file)]);
    assert_eq!(code, 1);
    assert!(talk.contains("error[UD0001]: this is not the run that was recorded"), "{talk}");
    assert_eq!(says(&["replay", "Cargo.toml"]).0, 2);
}

#[test]
fn a_recording_cannot_write_outside_of_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    says(&["run", "first-release", "--report", utf8(folder.path())]);
    let file = folder.path().join("first-release-1.recording.json");
    let evil = text_of(&file).replace("\"name\": \"first-release\"", "\"name\": \"../../evil\"");
    fs::write(&file, evil).expect("own folder");
    let out = folder.path().join("a/b");
    let (code, _, talk) = says(&["replay", utf8(&file), "--report", utf8(&out)]);
    assert_eq!(code, 0, "{talk}");
    assert!(out.join("_.._evil-1.html").exists(), "{talk}");
    for (name, expected) in [
        ("..", "scenario"),
        ("", "scenario"),
        ("a b/c", "a_b_c"),
        (".hidden", "hidden"),
        ("ü", "_"),
    ] {
        assert_eq!(files::harmless(name), expected);
    }
}

#[test]
fn two_outcomes_stand_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in ["1", "2"] {
        says(&["run", "first-release", "--seed", seed, "--report", utf8(folder.path())]);
    }
    let [one, two] = [1, 2].map(|n| folder.path().join(format!("first-release-{n}.json")));
    let line = ["compare", utf8(&one), utf8(&two), "--report", utf8(folder.path())];
    let (code, data, _) = says(&line);
    assert_eq!(code, 0);
    assert!(data.starts_with("The seeds differ: 1 and 2.\n"), "{data}");
    assert!(
        text_of(&folder.path().join("compare.html"))
            .contains("How release 1.1.0 spread in both runs")
    );
    let written = json(&text_of(&folder.path().join("compare.json")));
    assert_eq!(written["names"][1], "first-release, seed 2");
    let (_, data, _) = says(&["compare", utf8(&one), utf8(&one), "--json"]);
    assert_eq!(json(&data)["notes"][0], "Both are the same run, event for event.");
    assert_eq!(says(&["compare", utf8(&one), "Cargo.toml"]).0, 2);
}

#[test]
fn a_page_is_made_again_from_its_outcome() {
    let folder = tempfile::tempdir().expect("a folder");
    says(&["run", "first-release", "--report", utf8(folder.path())]);
    let [outcome, page] =
        ["json", "html"].map(|end| folder.path().join(format!("first-release-1.{end}")));
    let first = text_of(&page);
    fs::remove_file(&page).expect("it is there");
    let (code, _, talk) = says(&["report", utf8(&outcome)]);
    assert_eq!((code, text_of(&page)), (0, first));
    assert!(!talk.contains("warning"), "{talk}");
    let changed = text_of(&outcome).replacen("\"seed\": 1", "\"seed\": 9", 1);
    fs::write(&outcome, changed).expect("own folder");
    let (_, _, talk) = says(&["report", utf8(&outcome)]);
    assert!(talk.contains("is not as it was written"), "{talk}");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("own folder");
    let (code, _, talk) = says(&["run", "first-release", "--report", utf8(&file)]);
    assert_eq!(code, 1);
    assert!(talk.contains("error[UD0707]"), "{talk}");
}
