//! The corpus of the fuzzer, replayed on stable: every input it keeps still keeps every promise.
//!
//! Checks and targets are the fuzzer's own (`protocol/fuzz/checks`); this file only reads files. Seeds are real
//! messages and known attacks; `UPDRAFT_WRITE_VECTORS=1` writes them anew and removes nothing that was found.
//! Its own program because memory is counted by the allocator; tests take turns, or they would count each other's.

#[path = "../fuzz/checks/mod.rs"]
mod checks;
#[path = "corpus/seeds.rs"]
mod seeds;

#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use checks::{Outcome, TARGETS, Target, costly, most_memory};
use peak_alloc::PeakAlloc;
use samples::golden;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
static TURN: Mutex<()> = Mutex::new(());

/// What the repository is ready to carry for all targets together.
const MOST_BYTES: usize = 1024 * 1024;

/// The folder of corpora, seeds written anew first if that was asked for.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    if golden::is_writing() {
        for (target, name, bytes) in seeds::all() {
            golden::write(&folder.join(target).join(name), &bytes);
        }
    }
    folder
});

/// The inputs of a target, with their names.
#[expect(clippy::disallowed_methods, reason = "a corpus is files")]
fn inputs(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = FOLDER.join(target.name);
    let input = |name: String| {
        let path = folder.join(&name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, bytes)
    };
    golden::names(&folder).into_iter().map(input).collect()
}

/// What is wrong with an input, if anything is.
fn broken(target: &Target, bytes: &[u8]) -> Option<String> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    if catch_unwind(|| (target.check)(bytes)).is_err() {
        return Some("breaks a promise, see above".to_owned());
    }
    let peak = MEMORY.peak_usage().saturating_sub(before);
    let allowed = most_memory(bytes.len());
    (peak > allowed).then(|| format!("takes {peak} bytes of memory, {allowed} are allowed"))
}

#[test]
fn every_input_of_the_corpus_keeps_every_promise() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = Vec::new();
    for target in TARGETS {
        // What a target makes once and keeps is not memory of its first input.
        (target.check)(&[0; 2]);
        for (name, bytes) in inputs(target) {
            let problem = broken(target, &bytes);
            found.extend(problem.map(|problem| format!("corpus/{}/{name} {problem}", target.name)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_longest_of_each_kind_is_read_in_proportional_memory() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for input in costly::MESSAGES.iter().chain(costly::OBJECTS) {
        let bytes = (input.make)();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        (input.read)(&bytes);
        let peak = MEMORY.peak_usage().saturating_sub(before);
        let allowed = most_memory(bytes.len());
        assert!(peak <= allowed, "{}: {peak} bytes of memory, {allowed} are allowed", input.name);
    }
}

/// A corpus of refusals alone gets no further than the first check.
#[test]
fn every_target_has_a_corpus_that_is_read_and_one_that_is_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for target in TARGETS {
        let outcomes: BTreeSet<_> = inputs(target)
            .iter()
            .map(|(_, bytes)| (target.check)(bytes) == Outcome::Read)
            .collect();
        assert_eq!(outcomes.len(), 2, "{}: only {outcomes:?}", target.name);
    }
}

#[test]
fn every_corpus_belongs_to_a_target_and_all_are_small_and_within_its_length() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let named: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(named.len(), TARGETS.len(), "two targets share a name");
    assert_eq!(golden::names(&FOLDER), named.into_iter().collect::<Vec<_>>());
    let mut all = 0;
    for target in TARGETS {
        for (name, bytes) in inputs(target) {
            let (got, longest) = (bytes.len(), target.longest);
            assert!(
                got <= longest,
                "{}/{name}: {got} bytes, never tried above {longest}",
                target.name
            );
            all += got;
        }
    }
    assert!(all <= MOST_BYTES, "{all} bytes; scripts/fuzz.sh --keep keeps what is worth it");
}

/// Whoever says something new on the wire gives the fuzzer a target for it.
#[test]
fn every_kind_of_message_is_an_input_of_a_target() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let known: BTreeSet<Vec<u8>> =
        TARGETS.iter().flat_map(inputs).map(|(_, bytes)| bytes).collect();
    let missing: Vec<_> = samples::all()
        .into_iter()
        .filter(|sample| !known.contains(&sample.bytes))
        .map(|sample| sample.name)
        .collect();
    assert!(
        missing.is_empty(),
        "no corpus holds {missing:?}: fuzz/checks/mod.rs says how to add one"
    );
}
