//! Conformance: the cases of TUF's own suite, told of our objects with their names kept, and cases of our own.
//!
//! A folder below `cases/` is one case: a story (`story.txt`) and the objects it names, in hexadecimal. Stories
//! are written by people and say what has to come of each step; `UPDRAFT_WRITE_VECTORS=1` writes the objects
//! anew, as `forge/` makes them. `cases/README.md` says how a story is read. Each story is told to the pure
//! machine; one of each group also to the real program.

mod forge;
#[path = "../../protocol/tests/samples/golden.rs"]
pub(crate) mod golden;
mod names;
mod program;
mod story;
mod teller;
mod victim;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use updraft_protocol::Timestamp;

use self::{story::Story, victim::Victim};

/// The moment from which the times of the files are counted: 2026-11-21T05:10:02Z.
const ZERO: Timestamp = Timestamp::from_seconds(1_795_237_802);

/// The folder of cases, their objects written anew first if that was asked for.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/cases");
    if golden::is_writing() {
        for scene in forge::all(ZERO) {
            for (file, bytes) in &scene.files {
                let path = folder.join(&scene.name).join(format!("{file}.hex"));
                golden::write(&path, golden::to_hex(bytes));
            }
        }
    }
    folder
});

/// The names of all cases: folders that hold a story.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    collect(&FOLDER, &mut names);
    names.sort();
    names
}

fn collect(folder: &Path, names: &mut Vec<String>) {
    if folder.join("story.txt").exists() {
        let name = folder.strip_prefix(&*FOLDER).expect("below the cases");
        names.push(name.to_str().expect("plain names").to_owned());
        return;
    }
    let mut below = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    below.by_ref().filter(|entry| entry.path().is_dir()).for_each(|entry| {
        collect(&entry.path(), names);
    });
}

/// The objects in a case's folder, by name.
fn objects(name: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = FOLDER.join(name);
    let files = golden::names(&folder).into_iter();
    files
        .filter_map(|file| file.strip_suffix(".hex").map(str::to_owned))
        .map(|file| {
            let text = golden::read(&folder.join(format!("{file}.hex")));
            (file, golden::from_hex(&text))
        })
        .collect()
}

#[test]
fn every_story_ends_for_the_pure_machine_as_it_is_told() {
    let mut wrong = Vec::new();
    for name in names() {
        let story = Story::read(&FOLDER, &name);
        let mut victim = Victim::new(ZERO, objects(&name));
        for step in &story.steps {
            match victim.take(step) {
                Ok(outcome) if outcome == step.outcome => {}
                Ok(outcome) => wrong.push(format!(
                    "{name}\n  {}\n  expected {}\n  got      {outcome}",
                    step.text, step.outcome
                )),
                Err(broken) => wrong.push(format!("{name}\n  {broken}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_holds_the_objects_of_its_scene_and_its_story_tells_of_all_of_them() {
    let mut forged = Vec::new();
    for scene in forge::all(ZERO) {
        let held = objects(&scene.name);
        assert!(held == scene.files, "{}: the files are not those that are forged", scene.name);
        let story = Story::read(&FOLDER, &scene.name);
        let told: BTreeSet<&str> = story.files().collect();
        let held: BTreeSet<&str> = held.keys().map(String::as_str).collect();
        assert_eq!(told, held, "{}", scene.name);
        forged.push(scene.name);
    }
    forged.sort();
    assert_eq!(names(), forged);
}

#[test]
fn every_test_of_tuf_is_a_folder_or_has_its_reason_in_the_document() {
    let document = golden::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/TESTING.md"));
    let names = names();
    let is_told = |case: &str| {
        let folder = format!("tuf/{case}");
        names.iter().any(|name| *name == folder || name.starts_with(&format!("{folder}/")))
    };
    let mut wrong = Vec::new();
    for test in names::TESTS {
        let case = test.strip_prefix("test_").expect("so tests are named");
        let row = document.lines().any(|line| line.starts_with(&format!("| `{test}` | ")));
        if is_told(case) == row {
            wrong.push(format!("{test}: has a folder or a row with its reason, one of them"));
        }
    }
    let roots = names::ROOT_ROTATIONS.map(|case| format!("root_rotation/{case}"));
    let others = names::OTHER_ROTATIONS.map(|case| format!("non_root_rotations/{case}"));
    for case in roots.iter().chain(&others) {
        if !is_told(case) {
            wrong.push(format!("{case}: has no folder"));
        }
    }
    let count = names.iter().filter(|name| name.contains("_rotation")).count();
    assert_eq!(count, roots.len() + others.len(), "no other rotations than TUF's");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tells a story to the real program.
macro_rules! told_to_the_program {
    ($($test:ident $case:literal)*) => {
        /// One of each group, each in a test of its own, so that they run side by side.
        mod the_program {
            $(#[test]
            fn $test() {
                super::program::tell(&super::Story::read(&super::FOLDER, $case));
            })*
        }
    };
}

told_to_the_program! {
    takes_what_is_honest "tuf/basic_refresh_trusted_data"
    refuses_what_is_unsigned "tuf/unsigned_metadata/snapshot"
    refuses_what_has_expired "tuf/snapshot_expired"
    counts_signers "tuf/invalid_sig_in_valid_metadata"
    does_not_go_back "tuf/snapshot_rollback/with_hashes"
    follows_roots_to_other_keys "tuf/root_rotation/3-of-5-all-keys-rotated-with-intermediate-step"
    stays_at_a_root_that_too_few_signed
        "tuf/root_rotation/3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys"
    follows_a_channel_to_other_keys "tuf/non_root_rotations/3-of-5-sign-second-combo"
    refuses_a_channels_old_keys "tuf/cached_role_is_verified_against_current_delegator"
    recovers_from_a_fast_forward "fast_forward/two_to_the_63"
    freezes_and_thaws "freeze/ended_by_a_root_without_the_key"
    sees_two_halves_meet "split_view/two_halves_meet"
    pauses_until_the_key_is_gone "brake/after_a_root_without_its_key"
    is_fresh_by_its_witnesses "tuf/timestamp_404"
    hears_witnesses_before_the_head "heartbeat/for_a_head_that_has_not_come"
    believes_a_key_that_takes_itself_back "self_revocation/a_release_key"
    refuses_a_key_that_the_root_revoked "revocation_by_the_root/a_release_signed_with_the_key"
    offers_no_withdrawn_release "withdrawn/by_one_key"
}
