//! What decoding costs in memory, counted by the allocator: bytes that lie about their lengths get none.
//!
//! Its own program because an allocator is of a whole program. Tests take turns, or they would count each
//! other's memory; none may use it before its turn.

#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use updraft_protocol::{
    ChunkList, Digest, Entry, Node, TransferAnswer, Tree, Wire, codec,
    limits::{MAX_CHUNK, MAX_CHUNKS, MAX_OBJECT, MAX_TREE_ENTRIES},
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
static TURN: Mutex<()> = Mutex::new(());

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Most memory in use during `work` over what was in use before it.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}

/// What decoding may cost: in proportion to the bytes that came, and never more than the type allows.
fn allowed(received: usize, limit: usize) -> usize {
    (64 * KIB + 32 * received).min(4 * limit + MIB)
}

#[test]
fn a_length_that_lies_costs_no_more_than_the_bytes_that_came() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for sample in samples::all() {
        let limit = sample.limit as u64;
        let lies = [u64::MAX, i64::MAX as u64, 1 << 32, limit * 4, limit, limit / 8, 30_000];
        let last = sample.bytes.len().saturating_sub(8);
        for at in 0..=last {
            for lie in lies {
                let mut bytes = sample.bytes.clone();
                let end = bytes.len().min(at + 8);
                bytes[at..end].copy_from_slice(&lie.to_le_bytes()[..end - at]);
                let peak = peak_of(|| drop((sample.rewrite)(&bytes)));
                let allowed = allowed(bytes.len(), sample.limit);
                assert!(
                    peak <= allowed,
                    "{}: {lie} at byte {at} of {} took {peak} bytes of memory, {allowed} are allowed",
                    sample.name,
                    bytes.len()
                );
            }
        }
    }
}

fn reads_within_its_limit<T: Wire + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = codec::encode(value).expect("the largest that is allowed");
    let peak = peak_of(|| assert_eq!(codec::decode::<T>(&bytes).as_ref(), Ok(value)));
    let allowed = 4 * T::MAX + MIB;
    assert!(peak <= allowed, "{} bytes took {peak} bytes of memory", bytes.len());
}

#[test]
fn the_largest_values_are_read_within_four_times_their_limit() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    reads_within_its_limit(&TransferAnswer::Object(vec![7; MAX_OBJECT]));
    reads_within_its_limit(&TransferAnswer::Chunk(vec![7; MAX_CHUNK as usize]));
    reads_within_its_limit(&ChunkList {
        blob_size: u64::from(MAX_CHUNK) * MAX_CHUNKS as u64,
        chunk_size: MAX_CHUNK,
        digests: vec![Digest::of(b"chunk"); MAX_CHUNKS],
    });
}

/// Nothing takes so much more memory than it has bytes as folders with short names do.
#[test]
fn the_largest_tree_of_the_shortest_names_is_read() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = |n: usize| Entry { path: samples::name(&format!("{n:05x}")), node: Node::Folder };
    reads_within_its_limit(&Tree { entries: (0..MAX_TREE_ENTRIES).map(entry).collect() });
}
