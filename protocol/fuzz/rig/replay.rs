//! An ordinary test's side of the rig: every input that a fuzzer keeps still keeps every promise.
//!
//! What is said here holds for any corpus; whose it is, says the test. Memory is counted by the allocator, so a test
//! that replays is a program of its own, and its tests take turns, or they would count each other's.

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use peak_alloc::PeakAlloc;

use crate::{
    checks::{TARGETS, costly},
    golden,
    rig::{Outcome, Target},
    seeds,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
static TURN: Mutex<()> = Mutex::new(());

/// The folder of the corpora of the crate whose test this is, seeds written anew first if that was asked for.
static CORPUS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    if golden::is_writing() {
        for (target, name, bytes) in seeds::all() {
            golden::write(&folder.join(target).join(name), &bytes);
        }
    }
    folder
});

/// Holds others up as long as it lives.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs something and says what it held in memory at most.
fn peak_of(run: impl FnOnce()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    run();
    MEMORY.peak_usage().saturating_sub(before)
}

/// The inputs of a target, with their names.
#[expect(clippy::disallowed_methods, reason = "a corpus is files")]
pub(crate) fn inputs(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = CORPUS.join(target.name);
    let input = |name: String| {
        let path = folder.join(&name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, bytes)
    };
    golden::names(&folder).into_iter().map(input).collect()
}

/// What is wrong with an input, if anything is.
fn broken(target: &Target, bytes: &[u8]) -> Option<String> {
    let mut kept = true;
    let peak = peak_of(|| kept = catch_unwind(|| (target.check)(bytes)).is_ok());
    if !kept {
        return Some("breaks a promise, see above".to_owned());
    }
    let allowed = (target.most_memory)(bytes.len());
    (peak > allowed).then(|| format!("takes {peak} bytes of memory, {allowed} are allowed"))
}

pub(crate) fn every_input_keeps_every_promise() {
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

pub(crate) fn the_longest_of_each_kind_takes_proportional_memory() {
    for input in costly::INPUTS {
        let bytes = (input.make)();
        let peak = peak_of(|| (input.read)(&bytes));
        let allowed = (input.most_memory)(bytes.len());
        assert!(peak <= allowed, "{}: {peak} bytes of memory, {allowed} are allowed", input.name);
    }
}

/// A corpus of refusals alone gets no further than the first check.
pub(crate) fn every_target_reads_and_refuses() {
    for target in TARGETS {
        let outcomes: BTreeSet<_> = inputs(target)
            .iter()
            .map(|(_, bytes)| (target.check)(bytes) == Outcome::Read)
            .collect();
        assert_eq!(outcomes.len(), 2, "{}: only {outcomes:?}", target.name);
    }
}

/// `most` is what the repository is ready to carry for all targets together.
pub(crate) fn every_corpus_belongs_to_a_target_and_all_are_small(most: usize) {
    let named: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(named.len(), TARGETS.len(), "two targets share a name");
    assert_eq!(golden::names(&CORPUS), named.into_iter().collect::<Vec<_>>());
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
    assert!(all <= most, "{all} bytes; scripts/fuzz.sh --keep keeps what is worth it");
}
