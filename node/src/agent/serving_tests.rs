//! What goes into a pack of chunks, and what of it goes out.

use std::num::NonZeroU64;

use tempfile::TempDir;
use updraft_protocol::{Blob, ChunkList, ObjectRef, codec};

use super::*;
use crate::store::{PartialBlob, StoreOptions, VerifyOnStart};

/// Five chunks of 1 MiB, of which this peer holds some.
fn store_with(dir: &TempDir, held: &[u32]) -> (Store, PartialBlob, Vec<Vec<u8>>) {
    let chunks: Vec<Vec<u8>> = (1..=5).map(|byte| vec![byte; 1024 * 1024]).collect();
    let bytes = chunks.concat();
    let list = ChunkList {
        blob_size: bytes.len() as u64,
        chunk_size: 1024 * 1024,
        digests: chunks.iter().map(|chunk| Digest::of(chunk)).collect(),
    };
    let blob = Blob {
        digest: Digest::of(&bytes),
        size: list.blob_size,
        chunks: ObjectRef::of(&codec::encode(&list).expect("a list")).expect("small"),
    };
    let options = StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };
    let store = Store::open(dir.path(), options).expect("opens");
    let partial = store.begin_blob(&blob, &list).expect("begins");
    for index in held {
        let chunk = chunks.get(usize::try_from(*index).expect("small")).expect("one of the five");
        partial.write_chunk(*index, chunk).expect("kept");
    }
    (store, partial, chunks)
}

fn ranges(ranges: &[(u32, u32)]) -> Vec<ChunkRange> {
    ranges.iter().map(|(first, count)| ChunkRange { first: *first, count: *count }).collect()
}

#[test]
fn a_pack_holds_what_was_asked_for_in_its_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, partial, chunks) = store_with(&dir, &[0, 2, 3]);
    let blob = partial.blob().digest;
    let packed = pack(&store, &blob, &ranges(&[(0, 1), (2, 2)])).expect("reads");
    assert_eq!(packed, [chunks[0].clone(), chunks[2].clone(), chunks[3].clone()]);
}

#[test]
fn a_pack_ends_before_the_first_chunk_that_is_not_held() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, partial, chunks) = store_with(&dir, &[0, 2, 3]);
    let blob = partial.blob().digest;
    assert_eq!(pack(&store, &blob, &ranges(&[(0, 4)])).expect("reads"), chunks[..1]);
    assert!(pack(&store, &blob, &ranges(&[(1, 3)])).expect("reads").is_empty());
    assert!(pack(&store, &blob, &ranges(&[(77, 3)])).expect("reads").is_empty());
    assert!(pack(&store, &Digest::of(b"other"), &ranges(&[(0, 3)])).expect("reads").is_empty());
}

#[test]
fn a_pack_is_cut_at_its_limit() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, partial, chunks) = store_with(&dir, &[0, 1, 2, 3, 4]);
    let blob = partial.blob().digest;
    let packed = pack(&store, &blob, &ranges(&[(0, 5)])).expect("reads");
    assert_eq!(packed, chunks[..4]);
    assert_eq!(packed.iter().map(Vec::len).sum::<usize>(), MAX_PACK_BYTES);
}

#[tokio::test(start_paused = true)]
async fn on_a_slow_line_the_beginning_of_a_pack_goes_and_then_nothing_for_a_while() {
    let upload = Limiter::new(NonZeroU64::new(100));
    let four = || vec![vec![7; 200]; 4];
    // From a full bucket a whole pack may go; eight seconds are borrowed for it.
    let (whole, sent) = as_fast_as_allowed(&upload, four()).await;
    assert_eq!((whole, sent), (PackedAnswer::Chunks(four()), 800));
    let busy = (PackedAnswer::One(TransferAnswer::Busy), 0);
    assert_eq!(as_fast_as_allowed(&upload, four()).await, busy);
    // Five of them are left, and then two: one chunk can wait for its turn.
    tokio::time::advance(Duration::from_secs(5)).await;
    let (part, sent) = as_fast_as_allowed(&upload, four()).await;
    assert_eq!((part, sent), (PackedAnswer::Chunks(vec![vec![7; 200]; 1]), 200));
}

#[tokio::test(start_paused = true)]
async fn a_pack_of_nothing_waits_for_nobody() {
    let upload = Limiter::new(NonZeroU64::new(100));
    assert!(upload.pass(10_000, Duration::ZERO).await);
    let nothing = as_fast_as_allowed(&upload, Vec::new()).await;
    assert_eq!(nothing, (PackedAnswer::Chunks(Vec::new()), 0));
}
