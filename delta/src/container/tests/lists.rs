//! Lists of streams that were cut, damaged or made up.

use proptest::prelude::*;

use super::*;
use crate::{
    container::{ContainerError, MOST_PACKED},
    patch::varint,
};

const SIZE: usize = 10_000;

/// A list of these numbers and no recipes.
fn list(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| varint::push(&mut out, *number));
    out
}

fn read(numbers: &[u64]) -> Result<Layout, ContainerError> {
    Layout::read(&list(numbers), SIZE, &LIMITS)
}

#[test]
fn a_right_list_is_read() {
    let layout = read(&[2, 0, 64, 5, 0, 9000, 936, 966_000, 0]).expect("right");
    let places: Vec<_> = layout.streams().iter().map(|s| (s.at, s.packed, s.raw)).collect();
    assert_eq!(places, [(0, 64, 5), (9064, 936, 966_000)]);
    assert_eq!((layout.packed_size(), layout.unpacked_size()), (SIZE, SIZE - 1000 + 966_005));
    assert!(read(&[0]).expect("an empty one").streams().is_empty());
}

#[test]
fn streams_outside_over_each_other_or_too_short_are_refused() {
    for numbers in [
        &[1, 0, SIZE as u64 + 1, 5, 0][..],
        &[1, 9937, 64, 5, 0],
        &[1, u64::MAX, 64, 5, 0],
        &[1, 0, u64::MAX, 5, 0],
        &[1, 5, u64::MAX - 4, 5, 0],
        &[2, 0, 9000, 5, 0, 937, 64, 5, 0],
        &[2, 0, 64, 5, 0, u64::MAX - 63, 64, 5, 0],
        &[1, 0, 63, 5, 0],
        &[1, 0, 0, 0, 0],
    ] {
        let error = read(numbers).expect_err("misplaced");
        assert!(matches!(error, ContainerError::Misplaced { .. }), "{numbers:?}: {error:?}");
    }
}

#[test]
fn streams_that_descend_cannot_be_held() {
    let stream = |at| super::super::Stream { at, packed: 100, raw: 100, recipe: None };
    let mut layout = Layout::new(SIZE);
    layout.push(stream(500), &LIMITS).expect("the first one");
    for at in [0, 400, 401, 500, 599] {
        let error = layout.push(stream(at), &LIMITS).expect_err("before the end of the last one");
        assert!(matches!(error, ContainerError::Misplaced { .. }), "{at}: {error:?}");
    }
    layout.push(stream(600), &LIMITS).expect("right behind it");
}

#[test]
fn more_than_a_stream_can_hold_or_a_caller_allows_is_refused() {
    let possible = 1032 * 64 + 1031;
    assert!(read(&[1, 0, 64, possible, 0]).is_ok());
    for raw in [possible + 1, 1 << 40, u64::MAX] {
        let error = read(&[1, 0, 64, raw, 0]).expect_err("impossible");
        assert!(matches!(error, ContainerError::Impossible { .. }), "{error:?}");
    }
    let limits = Limits { raw: 100_000, streams: 2 };
    let read = |numbers: &[u64]| Layout::read(&list(numbers), SIZE, &limits);
    assert!(read(&[2, 0, 100, 50_000, 0, 0, 100, 50_000, 0]).is_ok());
    let error = read(&[2, 0, 100, 50_000, 0, 0, 100, 50_001, 0]).expect_err("too large");
    assert!(
        matches!(error, ContainerError::TooLarge { got: 100_001, limit: 100_000 }),
        "{error:?}"
    );
    for count in [3, 1 << 20, u64::MAX] {
        let error = read(&[count]).expect_err("too many");
        assert!(matches!(error, ContainerError::TooMany { limit: 2, .. }), "{error:?}");
    }
    let generous = Limits { raw: u64::MAX, streams: usize::MAX };
    let error = Layout::read(&list(&[(1 << 20) + 1]), SIZE, &generous).expect_err("too many");
    assert!(matches!(error, ContainerError::TooMany { .. }), "{error:?}");
}

#[test]
fn a_stream_longer_than_any_that_is_packed_again_is_refused() {
    const MOST: u64 = 32 << 20;
    let read = |packed| {
        Layout::read(
            &list(&[1, 0, packed, 100, 0]),
            usize::MAX >> 1,
            &Limits { raw: 100, streams: 1 },
        )
    };
    assert!(read(MOST).is_ok());
    let error = read(MOST + 1).expect_err("too long");
    assert!(
        matches!(error, ContainerError::StreamTooLong { at: 0, packed, limit: MOST } if packed == MOST + 1),
        "{error:?}"
    );
}

#[test]
fn a_stream_longer_than_any_that_is_packed_again_stays_as_it_is() {
    // Stored blocks: each has five bytes in front, and the last one says that it is.
    let stored = |packed: usize| {
        const BLOCK: usize = 65_535;
        let (whole, rest) = (packed / (BLOCK + 5), packed % (BLOCK + 5) - 5);
        let mut stream = [&[0, 255, 255, 0, 0][..], &[7; BLOCK]].concat().repeat(whole);
        let [low, high, ..] = rest.to_le_bytes();
        stream.extend([1, low, high, !low, !high]);
        stream.resize(packed, 7);
        (stream, whole * BLOCK + rest)
    };
    for (packed, streams) in [(MOST_PACKED, 1), (MOST_PACKED + 1, 0)] {
        let (stream, raw) = stored(packed);
        let found = find(&gzip(&stream, &vec![7; raw]), &LIMITS);
        assert_eq!(found.streams().len(), streams);
    }
}

#[test]
fn recipes_that_are_too_long_or_missing_and_bytes_left_are_refused() {
    let error = read(&[1, 0, 100, 50, 51]).expect_err("longer than half of its stream");
    assert!(matches!(error, ContainerError::BadRecipe { len: 51, .. }), "{error:?}");
    let error = read(&[1, 0, 100, 50, 50]).expect_err("not there");
    assert!(matches!(error, ContainerError::BadRecipe { len: 50, .. }), "{error:?}");
    let error = read(&[1, 0, 100, 50, 2, 0, 0, 7]).expect_err("a byte too many");
    assert!(matches!(error, ContainerError::Trailing { left: 1 }), "{error:?}");
    let needless = Layout::read(&[0x80, 0x00], SIZE, &LIMITS).expect_err("a needless byte");
    assert!(matches!(needless, ContainerError::BadNumber { field: "streams" }), "{needless:?}");
}

/// A few streams, unpacked, and their list.
struct Listed {
    contents: Vec<u8>,
    unpacked: Vec<u8>,
    list: Vec<u8>,
}

fn listed() -> Listed {
    let mut contents = noise(1, 30);
    for part in 0..4 {
        let raw = text(part, 400 + 300 * usize::try_from(part).expect("small"));
        let packed = match part {
            // An encoder that needs corrections, and one with codes of its own.
            1 => miniz_oxide::deflate::compress_to_vec(&raw, 9),
            _ => deflate(&raw, 9 - u32::try_from(part).expect("small")),
        };
        contents.extend(gzip(&packed, &raw));
    }
    let layout = there_and_back(&contents);
    assert!(layout.streams().len() >= 3);
    let mut list = Vec::new();
    layout.write(&mut list);
    let unpacked = unpack(&contents, &layout).expect("unpacks");
    Listed { contents, unpacked, list }
}

impl Listed {
    /// A list that is read keeps every promise: sizes are right and packing gives that size, or an error.
    fn keeps_its_promises(&self, list: &[u8]) {
        let Ok(layout) = Layout::read(list, self.contents.len(), &LIMITS) else { return };
        if let Ok(unpacked) = unpack(&self.contents, &layout) {
            assert_eq!(unpacked.len(), layout.unpacked_size());
        }
        let mut out = Vec::new();
        if pack(&self.unpacked, &layout, &mut out).is_ok() {
            assert_eq!(out.len(), self.contents.len());
        }
        assert!(out.len() <= self.contents.len());
    }
}

#[test]
fn a_list_cut_short_anywhere_is_refused() {
    let listed = listed();
    for len in 0..listed.list.len() {
        let cut = Layout::read(&listed.list[..len], listed.contents.len(), &LIMITS);
        let error = cut.expect_err("cut short");
        let typed =
            matches!(error, ContainerError::BadNumber { .. } | ContainerError::BadRecipe { .. });
        assert!(typed, "{len}: {error:?}");
    }
}

#[test]
fn no_overwritten_byte_of_a_list_breaks_a_promise() {
    let listed = listed();
    for at in 0..listed.list.len() {
        for value in [0x00, 0x01, 0x02, 0x07, 0x3f, 0x7f, 0x80, 0xff] {
            let mut list = listed.list.clone();
            list[at] = value;
            listed.keeps_its_promises(&list);
        }
    }
}

proptest! {
    #[test]
    fn no_made_up_list_breaks_a_promise(
        numbers in prop::collection::vec(prop_oneof![0_u64..300, 0_u64..5000, any::<u64>()], 0..40),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let listed = listed();
        listed.keeps_its_promises(&[list(&numbers), bytes.clone()].concat());
        listed.keeps_its_promises(&bytes);
    }
}
