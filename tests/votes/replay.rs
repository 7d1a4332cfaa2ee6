//! Random runs as files: one that breaks a promise keeps itself, and can be run again, today and for ever.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use updraft_protocol::Digest;

use super::{
    actions::{Action, from_words, in_words},
    world::World,
};

/// Names a file to run again besides those in `replays/`, from the top of the repository.
const REPLAY: &str = "UPDRAFT_VOTE_REPLAY";

/// Writes down a run that broke a promise. Gives the file.
pub(super) fn keep(actions: &[Action], wrong: &str) -> PathBuf {
    let words = in_words(actions);
    let comment: String = wrong.lines().map(|line| format!("# {line}\n")).collect();
    // One file a run: others may break something at the same time.
    let digest = Digest::of(words.as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    let name = format!("vote-{:08x}.txt", u32::from_be_bytes([a, b, c, d]));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, comment + &words).expect("a place for the run");
    path
}

/// What is said of a run that broke a promise: what it broke, where it is, and how it is run again.
pub(super) fn broken(actions: &[Action], wrong: &str) -> String {
    let path = keep(actions, wrong);
    let path = path.display();
    format!(
        "{wrong}\n{} actions are kept in {path}\nrun it again: {REPLAY}={path} cargo test -p updraft-node --test e2e \
         votes::replay\nonce it is mended, put it into tests/votes/replays/",
        actions.len()
    )
}

fn run_again(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    let run = text.and_then(|text| from_words(&text));
    let run = run.and_then(|actions| World::run(&actions).map(drop));
    run.map_err(|wrong| format!("{}: {wrong}", path.display()))
}

#[test]
fn what_broke_a_promise_once_does_not_break_it_again() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = fs::read_dir(top.join("tests/votes/replays")).expect("a folder");
    let kept = folder.map(|entry| entry.expect("an entry").path());
    let named = env::var_os(REPLAY).map(|path| top.join(path));
    let wrong: Vec<String> = kept.chain(named).filter_map(|path| run_again(&path).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_run_that_broke_a_promise_is_kept_as_a_file_that_can_be_run_again() {
    let actions = [Action::Wait(3), Action::Spread(2), Action::Restart(1)];
    let path = keep(&actions, "it broke\ntwo lines");
    let text = fs::read_to_string(&path).expect("it is kept");
    assert_eq!(from_words(&text), Ok(actions.to_vec()));
    assert_eq!(run_again(&path), Ok(()), "it only pretended");
    let told = broken(&actions, "it broke");
    assert!(told.contains(&format!("{REPLAY}={}", path.display())), "{told}");
    fs::remove_file(&path).expect("it is there");
    assert!(run_again(&path).is_err(), "what is not there did not pass");
}
