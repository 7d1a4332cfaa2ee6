//! Blobs and objects: resumed, checked on every way in and out, bounded, swept.

use std::{collections::BTreeSet, io::Read as _};

use proptest::prelude::*;
use updraft_protocol::Holding;

use super::*;

#[test]
fn a_blob_goes_on_where_it_stopped() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let partial = open(&dir).begin_blob(&blob, &list).expect("begins");
    for index in [0, 3] {
        partial.write_chunk(index, chunk(&bytes, &list, index)).expect("kept");
    }
    drop(partial);

    let store = open(&dir);
    assert_eq!(store.holding(&blob.digest), Holding::Nothing, "nothing is served unchecked");
    let partial = store.begin_blob(&blob, &list).expect("goes on");
    assert_eq!(partial.held(), [true, false, false, true, false]);
    for index in [1, 2, 4] {
        partial.write_chunk(index, chunk(&bytes, &list, index)).expect("kept");
    }
    partial.finish().expect("whole");
    let mut read = Vec::new();
    let mut reader = open_after(store, partial, &dir).open_blob(&blob.digest).expect("opens");
    reader.as_mut().expect("held").read_to_end(&mut read).expect("reads");
    assert_eq!(read, bytes);
}

/// The store of a new process.
fn open_after(store: Store, partial: PartialBlob, dir: &TempDir) -> Store {
    drop((store, partial));
    open(dir)
}

#[test]
fn a_torn_part_of_any_length_costs_only_its_wrong_chunks() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    for length in [0, 1, 65_536, 65_537, SIZE - 1, SIZE + 1, 2 * SIZE] {
        let mut torn = bytes.clone();
        torn.resize(length, 0xff);
        fs::write(store.part_path(&blob.digest), &torn).expect("writes");
        let held = store.begin_blob(&blob, &list).expect("goes on").held();
        for (index, held) in (0..).zip(held) {
            let span = list.span(index).expect("in range");
            assert_eq!(
                held,
                span.offset + u64::from(span.len) <= length as u64,
                "{length} {index}"
            );
        }
    }
}

#[test]
fn checked_chunks_are_served_while_the_rest_is_fetched() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    let partial = store.begin_blob(&blob, &list).expect("begins");
    partial.write_chunk(2, chunk(&bytes, &list, 2)).expect("kept");
    assert!(store.holding(&blob.digest).holds(2));
    assert!(!store.holding(&blob.digest).holds(1));
    let served = store.read_chunk(&blob.digest, 2).expect("reads");
    assert_eq!(served.as_deref(), Some(chunk(&bytes, &list, 2)));
    assert_eq!(store.read_chunk(&blob.digest, 1).expect("reads"), None);
    assert!(!store.has_blob(&blob.digest));
}

#[test]
fn a_second_fetcher_shares_the_chunks_of_the_first() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    let first = store.begin_blob(&blob, &list).expect("begins");
    let second = store.begin_blob(&blob, &list).expect("begins");
    first.write_chunk(0, chunk(&bytes, &list, 0)).expect("kept");
    assert_eq!(second.held(), first.held());
}

#[test]
fn a_chunk_that_is_not_the_listed_one_leaves_no_trace() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let partial = open(&dir).begin_blob(&blob, &list).expect("begins");
    let before = files(dir.path());
    let right = chunk(&bytes, &list, 0);
    let mut flipped = right.to_vec();
    flipped[10] ^= 1;
    let refused = [
        partial.write_chunk(0, &flipped),
        partial.write_chunk(0, &right[1..]),
        partial.write_chunk(0, &[right, b"x"].concat()),
        partial.write_chunk(1, right),
        partial.write_chunk(5, right),
        partial.write_chunk(u32::MAX, right),
        partial.write_chunk(4, &[]),
    ];
    for result in refused {
        assert!(result.expect_err("refused").is_senders_fault());
    }
    assert_eq!(files(dir.path()), before);
    assert_eq!(partial.held(), [false; 5]);
}

#[test]
fn a_blob_that_lacks_chunks_does_not_get_its_name() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    let partial = store.begin_blob(&blob, &list).expect("begins");
    partial.write_chunk(0, chunk(&bytes, &list, 0)).expect("kept");
    assert!(matches!(partial.finish(), Err(StoreError::Incomplete { missing: 4, .. })));
    assert!(!store.has_blob(&blob.digest));
}

#[test]
fn a_chunk_that_rots_before_the_end_is_fetched_again() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    let partial = store.begin_blob(&blob, &list).expect("begins");
    for index in 0..list.len() {
        partial.write_chunk(index, chunk(&bytes, &list, index)).expect("kept");
    }
    flip(&store.part_path(&blob.digest), 70_000);
    assert!(matches!(partial.finish(), Err(StoreError::Incomplete { missing: 1, .. })));
    assert_eq!(partial.held(), [true, false, true, true, true]);
    partial.write_chunk(1, chunk(&bytes, &list, 1)).expect("kept");
    partial.finish().expect("whole");
}

#[test]
fn chunks_that_fit_their_list_but_not_the_blob_are_discarded() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    let lie = Blob { digest: Digest::of(b"another"), ..blob };
    let before = files(dir.path());
    let added = store.add_blob(&mut bytes.as_slice(), &lie, &list);
    assert!(matches!(added, Err(StoreError::NotTheBlob { .. })), "{added:?}");
    assert_eq!(without_database(files(dir.path())), without_database(before));
}

fn without_database(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.retain(|name, _| !name.starts_with("db"));
    files
}

#[test]
fn a_rotten_chunk_is_never_served_and_the_others_are_kept() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    store.add_blob(&mut bytes.as_slice(), &blob, &list).expect("added");
    assert_eq!(store.holding(&blob.digest), Holding::Everything);
    flip(&store.blob_path(&blob.digest), 65_536);

    assert_eq!(store.read_chunk(&blob.digest, 1).expect("reads"), None);
    assert!(!store.has_blob(&blob.digest));
    assert_eq!(store.holding(&blob.digest), Holding::Nothing);
    let partial = store.begin_blob(&blob, &list).expect("goes on");
    assert_eq!(partial.held(), [true, false, true, true, true]);
    partial.write_chunk(1, chunk(&bytes, &list, 1)).expect("kept");
    partial.finish().expect("whole again");
    assert_eq!(
        store.read_chunk(&blob.digest, 1).expect("reads").as_deref(),
        Some(chunk(&bytes, &list, 1))
    );
}

#[test]
fn a_reader_stops_before_the_first_rotten_byte() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    store.add_blob(&mut bytes.as_slice(), &blob, &list).expect("added");
    let mut reader = store.open_blob(&blob.digest).expect("opens").expect("held");
    flip(&store.blob_path(&blob.digest), 2 * 65_536 + 5);
    let mut read = Vec::new();
    let error = reader.read_to_end(&mut read).expect_err("rotten");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(read, bytes[..2 * 65_536]);
}

#[test]
fn a_blob_whose_chunk_list_is_lost_is_not_served_and_can_be_mended() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    open(&dir).add_blob(&mut bytes.as_slice(), &blob, &list).expect("added");
    let store = open(&dir);
    flip(&dir.path().join("store/objects").join(blob.chunks.digest.to_hex()), 3);
    assert_eq!(store.read_chunk(&blob.digest, 0).expect("reads"), None);
    assert_eq!(store.holding(&blob.digest), Holding::Nothing);
    let partial = store.begin_blob(&blob, &list).expect("goes on");
    assert!(partial.is_complete());
    partial.finish().expect("whole again");
    assert!(store.read_chunk(&blob.digest, 0).expect("reads").is_some());
}

#[test]
fn a_publishers_wrong_bytes_leave_no_file() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    let before = without_database(files(dir.path()));
    let mut flipped = bytes.clone();
    flipped[SIZE - 1] ^= 1;
    let short = &bytes[..SIZE - 1];
    let long = [bytes.as_slice(), b"x"].concat();
    for wrong in [flipped.as_slice(), short, &long, &[]] {
        assert!(store.add_blob(&mut { wrong }, &blob, &list).is_err());
        assert_eq!(without_database(files(dir.path())), before);
        assert_eq!(store.holding(&blob.digest), Holding::Nothing);
    }
}

#[test]
fn a_chunk_list_of_another_blob_is_refused_before_anything_is_written() {
    let dir = folder();
    let (_, blob, list) = sample(SIZE);
    let store = open(&dir);
    let before = files(dir.path());
    let mut other = list.clone();
    other.digests.swap(0, 1);
    let longer = Blob { size: blob.size + 1, ..blob };
    for (blob, list) in [(&blob, &other), (&longer, &list)] {
        let begun = store.begin_blob(blob, list);
        assert!(matches!(begun, Err(StoreError::WrongChunkList { .. })));
    }
    assert_eq!(files(dir.path()), before);
}

#[test]
fn a_blob_that_does_not_fit_is_refused_before_anything_is_written() {
    let (bytes, blob, list) = sample(SIZE);
    for (options, expected) in [
        (StoreOptions { max_size: blob.size - 1, ..OPTIONS }, SpaceLimit::MaxSize),
        // The blob fits, its chunk list does not.
        (StoreOptions { max_size: blob.size + 1, ..OPTIONS }, SpaceLimit::MaxSize),
        (StoreOptions { min_free_disk: u64::MAX, ..OPTIONS }, SpaceLimit::MinFreeDisk),
    ] {
        let dir = folder();
        let store = open_with(&dir, options);
        let before = files(dir.path());
        match store.begin_blob(&blob, &list) {
            Err(StoreError::DiskFull { limit, .. }) => assert_eq!(limit, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(files(dir.path()), before);
    }
    let room = blob.size + u64::from(blob.chunks.size);
    let dir = folder();
    let store = open_with(&dir, StoreOptions { max_size: room, ..OPTIONS });
    store.add_blob(&mut bytes.as_slice(), &blob, &list).expect("fits exactly");
    assert_eq!(store.usage().expect("counts").bytes, room);
}

#[test]
fn what_a_blob_takes_already_is_not_asked_for_again() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let room = blob.size + u64::from(blob.chunks.size);
    let options = StoreOptions { max_size: room, ..OPTIONS };
    let partial = open_with(&dir, options).begin_blob(&blob, &list).expect("begins");
    partial.write_chunk(0, chunk(&bytes, &list, 0)).expect("kept");
    drop(partial);
    assert!(open_with(&dir, options).begin_blob(&blob, &list).is_ok());
}

#[test]
fn a_removed_blob_takes_no_more_chunks() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    let partial = store.begin_blob(&blob, &list).expect("begins");
    store.remove_blob(&blob.digest).expect("removed");
    let refused = partial.write_chunk(0, chunk(&bytes, &list, 0)).expect_err("removed");
    assert!(!refused.is_senders_fault());
    assert!(matches!(partial.finish(), Err(StoreError::Removed { .. })));
    assert!(store.blob_sizes().expect("lists").is_empty());
}

#[test]
fn objects_read_back_and_rotten_ones_are_gone() {
    let dir = folder();
    let store = open(&dir);
    let object = store.put_object(b"a tree").expect("kept");
    assert_eq!(store.object(&object.digest).expect("reads").as_deref(), Some(&b"a tree"[..]));
    let path = dir.path().join("store/objects").join(object.digest.to_hex());
    flip(&path, 0);
    assert_eq!(store.object(&object.digest).expect("reads"), None);
    assert!(!path.exists());
    store.put_object(b"a tree").expect("kept again");
    assert!(store.object(&object.digest).expect("reads").is_some());
}

#[test]
fn what_was_half_written_is_removed_at_the_next_start() {
    let dir = folder();
    drop(open(&dir));
    let leftover = dir.path().join("store/objects/.tmp-abc");
    fs::write(&leftover, b"half").expect("writes");
    drop(open(&dir));
    assert!(!leftover.exists());
}

#[test]
fn full_and_sample_verification_find_what_they_read() {
    let (bytes, blob, list) = sample(SIZE);
    for (verify, found) in
        [(VerifyOnStart::None, false), (VerifyOnStart::Sample, true), (VerifyOnStart::Full, true)]
    {
        let dir = folder();
        let store = open(&dir);
        store.add_blob(&mut bytes.as_slice(), &blob, &list).expect("added");
        flip(&store.blob_path(&blob.digest), SIZE - 1);
        drop(store);
        let store = open_with(&dir, StoreOptions { verify, ..OPTIONS });
        assert_eq!(store.has_blob(&blob.digest), !found, "{verify:?}");
    }
}

#[test]
fn verification_reports_what_is_rotten_and_how_far_it_is() {
    let dir = folder();
    let (bytes, blob, list) = sample(SIZE);
    let store = open(&dir);
    store.add_blob(&mut bytes.as_slice(), &blob, &list).expect("added");
    let object = store.put_object(b"a tree").expect("kept");
    let sound = store.verify_all(&mut |_| {}).expect("verifies");
    assert_eq!(sound, VerifyReport { blobs: 1, objects: 2, rotten: Vec::new() });

    let file = fs::File::options().write(true).open(store.blob_path(&blob.digest)).expect("opens");
    file.set_len(blob.size - 1).expect("cuts");
    flip(&dir.path().join("store/objects").join(object.digest.to_hex()), 0);
    let mut last = None;
    let report = store.verify_all(&mut |progress| last = Some(progress)).expect("verifies");
    assert_eq!(report.rotten, [object.digest, blob.digest]);
    assert_eq!(last, Some(VerifyProgress { done: 3, of: 3 }));
}

#[test]
fn a_sweep_keeps_what_its_roots_need_and_frees_the_rest() {
    let dir = folder();
    let store = open(&dir);
    let (bytes, blob, list) = sample(SIZE);
    store.add_blob(&mut bytes.as_slice(), &blob, &list).expect("added");
    let object = store.put_object(b"an old tree").expect("kept");
    let kept = store.sweep(&BTreeSet::from([blob.digest]), &BTreeSet::new()).expect("sweeps");
    assert_eq!(kept, Swept { removed: 1, bytes: u64::from(object.size) });
    assert!(store.read_chunk(&blob.digest, 0).expect("reads").is_some());
    store.sweep(&BTreeSet::new(), &BTreeSet::new()).expect("sweeps");
    assert_eq!(store.usage().expect("counts"), Usage::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever order chunks come in, however often the process ends and whatever happens to the file in
    /// between: only right chunks are held, and what is finished is the blob.
    #[test]
    fn only_right_chunks_are_ever_held(steps in prop::collection::vec((0_u8..4, 0_u32..6, any::<u16>()), 1..20)) {
        let dir = folder();
        let (bytes, blob, list) = sample(3 * 65_536 + 7);
        let mut store = open(&dir);
        let mut partial = store.begin_blob(&blob, &list).expect("begins");
        for (step, index, noise) in steps {
            match step {
                0 | 1 if index < list.len() => {
                    partial.write_chunk(index, chunk(&bytes, &list, index)).expect("kept");
                }
                2 => {
                    drop((partial, store));
                    store = open(&dir);
                    let path = store.part_path(&blob.digest);
                    flip(&path, usize::from(noise) * 3);
                    partial = store.begin_blob(&blob, &list).expect("goes on");
                }
                _ => prop_assert!(partial.write_chunk(index, &noise.to_be_bytes()).is_err()),
            }
            for (index, held) in (0..).zip(partial.held()) {
                let read = store.read_chunk(&blob.digest, index).expect("reads");
                prop_assert_eq!(read.is_some(), held);
                prop_assert!(read.is_none_or(|read| read == chunk(&bytes, &list, index)));
            }
        }
        for index in 0..list.len() {
            partial.write_chunk(index, chunk(&bytes, &list, index)).expect("kept");
        }
        partial.finish().expect("whole");
        prop_assert_eq!(fs::read(store.blob_path(&blob.digest)).expect("reads"), bytes);
    }
}
