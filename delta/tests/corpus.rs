//! The corpus of the fuzzer, replayed on stable: every input it keeps still keeps every promise.
//!
//! Checks and targets are the fuzzer's own (`delta/fuzz`), the rig is protocol's; this file only says whose corpus it
//! is. Seeds are real patches, programs and streams; `UPDRAFT_WRITE_VECTORS=1` writes them anew and removes nothing
//! that was found.

#[path = "../fuzz/checks/mod.rs"]
mod checks;
mod generate;
#[expect(
    dead_code,
    clippy::disallowed_methods,
    reason = "nothing is in hexadecimal here, and a corpus is files that are written when asked for"
)]
#[path = "../../protocol/tests/samples/golden.rs"]
mod golden;
#[path = "../../protocol/fuzz/rig/replay.rs"]
mod replay;
#[expect(dead_code, reason = "only the fuzzer measures time")]
#[path = "../../protocol/fuzz/rig/mod.rs"]
mod rig;
#[path = "corpus/seeds.rs"]
mod seeds;

/// What the repository is ready to carry for all targets together.
const MOST_BYTES: usize = 300 * 1024;

#[test]
fn every_input_of_the_corpus_keeps_every_promise() {
    let _turn = replay::turn();
    replay::every_input_keeps_every_promise();
}

#[test]
fn the_longest_of_each_kind_takes_the_memory_that_it_may() {
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
