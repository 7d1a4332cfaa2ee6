//! The corpus of the fuzzer, replayed on stable: every input it keeps still keeps every promise.
//!
//! Checks, targets and rig are the fuzzer's own (`protocol/fuzz`); this file only says whose corpus it is. Seeds are
//! real messages and known attacks; `UPDRAFT_WRITE_VECTORS=1` writes them anew and removes nothing that was found.

#[path = "../fuzz/checks/mod.rs"]
mod checks;
#[path = "../fuzz/rig/replay.rs"]
mod replay;
#[expect(dead_code, reason = "only the fuzzer measures time")]
#[path = "../fuzz/rig/mod.rs"]
mod rig;
#[path = "corpus/seeds.rs"]
mod seeds;

#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;

use std::collections::BTreeSet;

use checks::TARGETS;
use samples::golden;

/// What the repository is ready to carry for all targets together.
const MOST_BYTES: usize = 1024 * 1024;

#[test]
fn every_input_of_the_corpus_keeps_every_promise() {
    let _turn = replay::turn();
    replay::every_input_keeps_every_promise();
}

#[test]
fn the_longest_of_each_kind_is_read_in_proportional_memory() {
    let _turn = replay::turn();
    replay::the_longest_of_each_kind_takes_proportional_memory();
}

#[test]
fn every_target_has_a_corpus_that_is_read_and_one_that_is_refused() {
    let _turn = replay::turn();
    replay::every_target_reads_and_refuses();
}

#[test]
fn every_corpus_belongs_to_a_target_and_all_are_small_and_within_its_length() {
    let _turn = replay::turn();
    replay::every_corpus_belongs_to_a_target_and_all_are_small(MOST_BYTES);
}

/// Whoever says something new on the wire gives the fuzzer a target for it.
#[test]
fn every_kind_of_message_is_an_input_of_a_target() {
    let _turn = replay::turn();
    let known: BTreeSet<Vec<u8>> =
        TARGETS.iter().flat_map(replay::inputs).map(|(_, bytes)| bytes).collect();
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
