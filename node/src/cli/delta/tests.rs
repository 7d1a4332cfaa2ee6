//! What the commands say, and that they leave nothing behind when they are stopped or fail.

use std::{fs, path::Path};

use clap::FromArgMatches as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use updraft_delta::PatchError;

use super::{
    super::{
        Cli, Context, Exit, dispatch, help,
        output::{Format, Output},
        workplace::Wanted,
    },
    apply,
    patch_file::PatchFile,
    refusal,
    side::Side,
};
use crate::{
    build::Build,
    problem::{Code, Problem},
};

/// Runs a command as the program does, and gives what it printed: data and talk.
fn run(format: Format, words: &[&str]) -> (Result<Exit, Problem>, [String; 2]) {
    let words = ["updraft", "delta"].iter().chain(words);
    let matches = help::command().try_get_matches_from(words).expect("arguments");
    let cli = Cli::from_arg_matches(&matches).expect("arguments");
    let (output, pages) = Output::to_pages(format);
    let context = Context { global: cli.global, output, build: Build::THIS };
    let ended = dispatch(cli.command.expect("a command"), &context);
    (ended, pages.map(|page| page.text()))
}

/// Two versions, and the paths of them and of what is made.
fn desk() -> (TempDir, [String; 4]) {
    let folder = tempfile::tempdir().expect("a folder");
    let old: Vec<u8> = (0..20_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    let mut new = old.clone();
    new[40_000] ^= 1;
    let paths = ["old", "new", "patch", "made"].map(|name| folder.path().join(name));
    fs::write(&paths[0], old).expect("written");
    fs::write(&paths[1], new).expect("written");
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    (folder, paths.map(|path| text(&path)))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn each_command_says_what_it_did_in_one_line_and_its_steps_beside() {
    let (_folder, [old, new, patch, made]) = desk();
    let (ended, [data, talk]) = run(Format::Text, &["create", &old, &new, &patch]);
    assert_eq!(ended, Ok(Exit::Done));
    assert!(data.starts_with(&format!("{patch}: ")) && data.lines().count() == 1, "{data}");
    assert!(data.contains(" B, 0.0 % of new, ") && data.contains("; made in "), "{data}");
    assert!(
        talk.starts_with("   Comparing 78.1 KiB with 78.1 KiB\n    Checking a patch of "),
        "{talk}"
    );
    let (ended, [data, talk]) = run(Format::Text, &["apply", &old, &patch, &made]);
    assert_eq!(ended, Ok(Exit::Done));
    assert!(data.starts_with(&format!("{made}: 78.1 KiB written and checked in ")), "{data}");
    assert_eq!(talk, format!("    Applying {patch}\n"));
    let (ended, [data, talk]) = run(Format::Text, &["inspect", &patch]);
    assert_eq!((ended, talk.as_str()), (Ok(Exit::Done), ""));
    assert!(data.contains("\nold          78.1 KiB (80000 B), check "), "{data}");
}

#[test]
fn programs_get_one_document_with_the_same_names_everywhere() {
    let (_folder, [old, new, patch, made]) = desk();
    let document = |words: &[&str]| -> Value {
        let (ended, [data, talk]) = run(Format::Json, words);
        assert_eq!((ended, talk.as_str()), (Ok(Exit::Done), ""), "{words:?}");
        serde_json::from_str(&data).expect("one document")
    };
    let created = document(&["create", &old, &new, &patch, "--codec", "plain"]);
    let applied = document(&["apply", &old, &patch, &made]);
    let inspected = document(&["inspect", &patch]);
    for (document, schema) in [
        (&created, "updraft.delta-create/1"),
        (&applied, "updraft.delta-apply/1"),
        (&inspected, "updraft.delta-inspect/1"),
    ] {
        assert_eq!(document["schema"], schema);
        for name in ["between", "codec", "patchBytes", "old", "new"] {
            assert_eq!(document[name], created[name], "{schema} {name}");
        }
    }
    assert_eq!((&created["between"], &created["codec"]), (&json!("files"), &json!("plain")));
    assert_eq!((&created["patch"], &applied["path"]), (&json!(patch), &json!(made)));
    assert!(created["create"]["seconds"].is_f64() && applied["apply"]["cpuSeconds"].is_f64());
    assert!(created.get("stats").is_none(), "only what is asked for");
    let names = inspected["parts"].as_array().expect("a list").iter().map(|part| &part["name"]);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["header", "seek", "add", "copy", "diff", "extra"]
            .map(Value::from)
            .iter()
            .collect::<Vec<_>>()
    );
    let with = document(&["apply", &old, &patch, &made, "--force", "--stats"]);
    assert!(with["stats"]["applyBytesPerSecond"].as_u64().is_some_and(|rate| rate > 0), "{with}");
    assert_eq!(with["stats"]["parts"], inspected["parts"]);
    assert_eq!(with["stats"]["create"], Value::Null);
}

#[test]
fn an_empty_file_is_a_version_like_any_other() {
    let (folder, [old, new, ..]) = desk();
    let empty = folder.path().join("empty").to_str().expect("text").to_owned();
    fs::write(&empty, "").expect("written");
    for (n, (from, to)) in
        [(&empty, &new), (&old, &empty), (&empty, &empty)].into_iter().enumerate()
    {
        for codec in ["auto", "plain", "fast", "dense"] {
            let at = |what: &str| folder.path().join(format!("{what}-{n}-{codec}"));
            let (patch, made) = (at("patch"), at("made"));
            let [patch, made] = [&patch, &made].map(|path| path.to_str().expect("text"));
            let (ended, _) = run(Format::Text, &["create", from, to, patch, "--codec", codec]);
            assert_eq!(ended, Ok(Exit::Done), "{n} {codec}");
            let (ended, _) = run(Format::Text, &["apply", from, patch, made]);
            assert_eq!(ended, Ok(Exit::Done), "{n} {codec}");
            assert_eq!(fs::read(made).expect("made"), fs::read(to).expect("there"), "{n} {codec}");
        }
    }
}

#[test]
fn work_that_nobody_waits_for_stops_and_leaves_nothing() {
    let (folder, [old, new, patch, made]) = desk();
    let (ended, _) = run(Format::Text, &["create", &old, &new, &patch]);
    assert_eq!(ended, Ok(Exit::Done));
    let wanted = Wanted::default();
    let abandoned = wanted.watched();
    drop(wanted);
    let [old, patch, new] = [old, patch, made].map(Into::into);
    let args = apply::Args { old, patch, new, force: false, stats: false };
    let problem = apply::apply(&args, &abandoned).expect_err("abandoned");
    assert_eq!(problem.code, Code::FileUnusable);
    assert_eq!(names(folder.path()), ["new", "old", "patch"]);
}

#[test]
fn a_version_that_changes_while_it_is_read_is_not_the_fault_of_the_patch() {
    let (folder, [old, new, patch, made]) = desk();
    let at = |name: &str| folder.path().join(name);
    for name in ["a", "b"] {
        fs::create_dir(at(name)).expect("made");
        fs::copy(if name == "a" { &old } else { &new }, at(name).join("file")).expect("copied");
    }
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let [a, b, folders] = ["a", "b", "folders"].map(|name| text(&at(name)));
    let changes = [(old, new, patch, at("old")), (a, b, folders, at("a/file"))];
    for (old, new, patch, file) in changes {
        let (ended, _) = run(Format::Text, &["create", &old, &new, &patch]);
        assert_eq!(ended, Ok(Exit::Done));
        let patch = PatchFile::open(Path::new(&patch)).expect("a patch");
        let side = Side::open(Path::new(&old)).expect("a version");
        let why = |error| apply::Unwritten::Patch(error).why(&side, &patch, Path::new(&made));
        assert_eq!(why(PatchError::OtherEnd).code, Code::PatchRefused);
        fs::write(&file, "another one").expect("written");
        for error in [PatchError::OtherEnd, PatchError::NotAPatch] {
            let problem = why(error);
            assert_eq!(problem.code, Code::InputRefused);
            assert!(problem.detail.contains(&old), "{}", problem.detail);
            assert!(problem.detail.contains("changed while it was read"), "{}", problem.detail);
        }
        // Nobody reads it any more when the disk is full.
        let full = PatchError::Write(std::io::ErrorKind::StorageFull.into());
        assert_eq!(why(full).code, Code::DiskFull);
    }
}

#[test]
fn a_full_disk_is_not_the_fault_of_the_patch() {
    let [patch, old, new] = ["p", "o", "n"].map(Path::new);
    let full = PatchError::Write(std::io::ErrorKind::StorageFull.into());
    let problem = refusal::of_application(patch, old, new, &full);
    assert_eq!((problem.code, problem.detail.as_str()), (Code::DiskFull, "`n` cannot be written"));
    let cut = PatchError::OtherEnd;
    let problem = refusal::of_application(patch, old, new, &cut);
    assert_eq!(problem.code, Code::PatchRefused);
    assert!(problem.hint.expect("a hint").contains("fetch the patch again"));
}

#[test]
fn names_that_no_release_could_have_are_good_enough_for_files() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let (folder, [old, new, ..]) = desk();
    for name in [OsStr::new("con"), OsStr::new("a:b "), OsStr::from_bytes(b"x\xff\n")] {
        let old_named = folder.path().join(name);
        fs::copy(&old, &old_named).expect("copied");
        let patch = folder.path().join("patch");
        let words: Vec<&OsStr> = vec![
            "updraft".as_ref(),
            "delta".as_ref(),
            "create".as_ref(),
            old_named.as_ref(),
            new.as_ref(),
            patch.as_ref(),
            "--force".as_ref(),
        ];
        let matches = help::command().try_get_matches_from(words).expect("arguments");
        let cli = Cli::from_arg_matches(&matches).expect("arguments");
        let (output, _) = Output::to_pages(Format::Text);
        let context = Context { global: cli.global, output, build: Build::THIS };
        assert_eq!(dispatch(cli.command.expect("a command"), &context), Ok(Exit::Done), "{name:?}");
    }
}
