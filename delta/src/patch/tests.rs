//! Patches that no honest publisher makes: well-formed around one lie each, and the lie is named.

use std::io;

use super::{
    streams::{StreamSize, pack},
    *,
};

const OLD: &[u8] = b"the old contents, forty bytes and no more";
const NEW_SIZE: u64 = 20;

/// Seek, add, copy, diff and extra.
type Raw = [Vec<u8>; 5];
const ADD: usize = 1;
const DIFF: usize = 3;

/// A patch taken apart, to be put together with something wrong in it.
struct Crafted {
    raw: Raw,
    new_size: u64,
    new: Vec<u8>,
}

impl Crafted {
    /// Records of seek, add and copy; differences are zeros and extra bytes are `x`.
    fn of(records: &[(i64, u64, u64)]) -> Self {
        let [mut seek, mut add, mut copy, mut diff, mut extra] = Raw::default();
        for (by, old, fresh) in records {
            varint::push(&mut seek, varint::fold(*by));
            varint::push(&mut add, *old);
            varint::push(&mut copy, *fresh);
        }
        let added: u64 = records.iter().fold(0, |sum, (_, add, _)| sum.saturating_add(*add));
        diff.resize(piece(added.min(NEW_SIZE)), 0);
        extra.resize(piece(NEW_SIZE) - diff.len(), b'x');
        let new = b"never reached".to_vec();
        Self { raw: [seek, add, copy, diff, extra], new_size: NEW_SIZE, new }
    }

    fn bytes(&self) -> Vec<u8> {
        let (sizes, packed) = packed(&self.raw);
        self.with_sizes(sizes, &packed)
    }

    fn with_sizes(&self, sizes: [StreamSize; 5], packed: &[u8]) -> Vec<u8> {
        let header = Header::of(PatchCodec::BsdiffZstd, OLD, &self.new);
        let mut bytes = Vec::new();
        Header { new_size: self.new_size, ..header }.write(&mut bytes);
        for size in sizes {
            varint::push(&mut bytes, size.raw);
            varint::push(&mut bytes, size.packed);
        }
        bytes.extend_from_slice(packed);
        bytes
    }

    fn apply(&self) -> (Result<Applied, PatchError>, Vec<u8>) {
        apply_bytes(&self.bytes(), self.new_size)
    }
}

fn packed(raw: &Raw) -> ([StreamSize; 5], Vec<u8>) {
    let names =
        [StreamName::Seek, StreamName::Add, StreamName::Copy, StreamName::Diff, StreamName::Extra];
    let named = std::array::from_fn::<_, 5, _>(|index| (names[index], &*raw[index]));
    let packed = pack(named, Level::FAST).expect("packs");
    let bytes = packed.iter().flat_map(|stream| stream.bytes.clone()).collect();
    (std::array::from_fn(|index| packed[index].size), bytes)
}

fn apply_bytes(patch: &[u8], new_size: u64) -> (Result<Applied, PatchError>, Vec<u8>) {
    let mut out = Vec::new();
    let expected = Expected { codec: PatchCodec::BsdiffZstd, new_size };
    (apply(OLD, patch, &expected, &mut out), out)
}

/// The error for these records. Whatever was wrong, no more than the signed size was written.
fn refusal(records: &[(i64, u64, u64)]) -> PatchError {
    let (result, out) = Crafted::of(records).apply();
    assert!(out.len() as u64 <= NEW_SIZE);
    result.expect_err("a lie is in it")
}

#[test]
fn a_crafted_patch_without_a_lie_applies() {
    let mut honest = Crafted::of(&[(4, 10, 3), (-14, 5, 2)]);
    let new = [&OLD[4..14], b"xxx", &OLD[..5], b"xx"].concat();
    honest.new = new.clone();
    let (result, out) = honest.apply();
    assert_eq!(result.expect("honest").size, NEW_SIZE);
    assert_eq!(out, new);
}

#[test]
fn a_record_that_writes_nothing_is_refused_at_once() {
    let error = refusal(&[(0, 5, 5), (0, 0, 0), (0, 5, 5)]);
    assert!(matches!(error, PatchError::NoProgress { record: 1 }), "{error:?}");
}

#[test]
fn reading_before_the_old_contents_is_refused() {
    let error = refusal(&[(0, 5, 0), (-6, 5, 10)]);
    assert!(matches!(error, PatchError::OutsideOld { record: 1, at: -1, .. }), "{error:?}");
    let error = refusal(&[(i64::MIN, 5, 15)]);
    assert!(matches!(error, PatchError::OutsideOld { record: 0, .. }), "{error:?}");
}

#[test]
fn reading_past_the_old_contents_is_refused() {
    let end = i64::try_from(OLD.len()).expect("small");
    for (by, add) in [(end - 4, 5), (end, 1), (end + 1, 1), (i64::MAX, 5)] {
        let error = refusal(&[(by, add, NEW_SIZE - add)]);
        assert!(matches!(error, PatchError::OutsideOld { .. }), "{error:?}");
    }
    let error = refusal(&[(end + 1, 0, NEW_SIZE)]);
    assert!(matches!(error, PatchError::OutsideOld { len: 0, .. }), "{error:?}");
}

#[test]
fn two_seeks_that_would_wrap_around_are_refused() {
    let error = refusal(&[(5, 5, 0), (i64::MAX, 5, 10)]);
    assert!(matches!(error, PatchError::OutsideOld { record: 1, .. }), "{error:?}");
}

#[test]
fn a_record_longer_than_its_stream_is_refused() {
    let error = refusal(&[(0, u64::MAX, u64::MAX)]);
    assert!(matches!(error, PatchError::Overrun { record: 0, got: u64::MAX, left: 20 }));
    let error = refusal(&[(0, 5, 16)]);
    assert!(matches!(error, PatchError::Overrun { got: 16, left: 15, .. }), "{error:?}");
}

#[test]
fn records_that_stop_too_early_are_refused() {
    let error = refusal(&[(0, 5, 5)]);
    let expected = StreamName::Seek;
    assert!(matches!(error, PatchError::BadControl { record: 1, stream } if stream == expected));
}

#[test]
fn records_that_go_on_after_the_end_are_refused() {
    let error = refusal(&[(0, 10, 10), (0, 0, 0)]);
    assert!(matches!(error, PatchError::Unused { stream: StreamName::Seek, left: 1 }));
}

#[test]
fn a_number_in_a_longer_form_is_refused() {
    let mut crafted = Crafted::of(&[(0, 10, 10)]);
    crafted.raw[ADD] = vec![0x8a, 0x00];
    let (result, _) = crafted.apply();
    assert!(matches!(result, Err(PatchError::BadControl { stream: StreamName::Add, .. })));
}

#[test]
fn a_result_other_than_announced_is_refused() {
    let error = refusal(&[(0, 10, 10)]);
    assert!(matches!(error, PatchError::WrongResult { .. }), "{error:?}");
    assert_eq!(error.blame(), crate::Blame::Blob);
}

#[test]
fn a_bomb_in_a_stream_stops_at_the_announced_size() {
    let crafted = Crafted::of(&[(0, 10, 10)]);
    let mut raw = crafted.raw.clone();
    raw[DIFF] = vec![0; 100_000_000];
    let (mut streams, bytes) = packed(&raw);
    assert!(bytes.len() < 20_000);
    // The announced size has to be above the packed one for the header to add up.
    let announced = streams[DIFF].packed + 1;
    streams[DIFF].raw = announced;
    let new_size = announced + 10;
    let bomb = Crafted { new_size, ..Crafted::of(&[(0, 10, 10)]) }.with_sizes(streams, &bytes);
    let (result, out) = apply_bytes(&bomb, new_size);
    assert!(matches!(result, Err(PatchError::BadControl { record: 1, .. })), "{result:?}");
    assert!(out.len() as u64 <= new_size);
}

#[test]
fn sizes_that_do_not_add_up_are_refused_before_any_stream_is_read() {
    let crafted = Crafted::of(&[(0, 10, 10)]);
    let (good, bytes) = packed(&crafted.raw);
    let with = |change: &dyn Fn(&mut [StreamSize; 5])| {
        let mut streams = good;
        change(&mut streams);
        let (result, out) = apply_bytes(&crafted.with_sizes(streams, &bytes), NEW_SIZE);
        assert!(out.is_empty());
        result.expect_err("does not add up")
    };
    let error = with(&|s| s[4].raw += 1);
    assert!(matches!(error, PatchError::StreamSize { stream: StreamName::Extra, .. }));
    let error = with(&|s| s[0].raw = u64::MAX);
    assert!(matches!(error, PatchError::StreamSize { stream: StreamName::Copy, .. }));
    let error = with(&|s| s[1].packed = 0);
    assert!(matches!(error, PatchError::StreamSize { stream: StreamName::Add, .. }));
    let error = with(&|s| s[2].packed = u64::MAX);
    assert!(matches!(error, PatchError::StreamSize { stream: StreamName::Copy, .. }));
    let error = with(&|s| (s[3].raw, s[4].raw) = (u64::MAX, u64::MAX));
    assert!(matches!(error, PatchError::StreamSize { .. }), "{error:?}");
    let error = with(&|s| (s[0].raw, s[0].packed) = (9, 9));
    assert!(matches!(error, PatchError::Length { .. }), "{error:?}");
}

#[test]
fn sizes_above_what_patches_are_for_are_refused_before_they_are_used() {
    let (streams, bytes) = packed(&Raw::default());
    let crafted = Crafted { new_size: MAX_SIDE + 1, ..Crafted::of(&[]) };
    let (result, _) = apply_bytes(&crafted.with_sizes(streams, &bytes), MAX_SIDE + 1);
    assert!(matches!(result, Err(PatchError::TooLarge { limit: MAX_SIDE, .. })), "{result:?}");
}

#[test]
fn an_unknown_codec_and_a_foreign_file_are_named() {
    let mut bytes = Crafted::of(&[(0, 10, 10)]).bytes();
    bytes[3] = 9;
    assert!(matches!(inspect(&bytes), Err(PatchError::UnknownCodec { got: 9 })));
    bytes[0] = b'B';
    assert!(matches!(inspect(&bytes), Err(PatchError::NotAPatch)));
    assert!(matches!(inspect(&[][..]), Err(PatchError::NotAPatch)));
}

#[test]
fn what_fails_on_this_machine_is_not_blamed_on_the_patch() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Unreadable;
    impl ReadAt for Unreadable {
        fn size(&self) -> u64 {
            OLD.len() as u64
        }
        fn read_exact_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
            Err(io::Error::other("disk"))
        }
    }
    let bytes = Crafted::of(&[(0, 10, 10)]).bytes();
    let expected = Expected { codec: PatchCodec::BsdiffZstd, new_size: NEW_SIZE };
    let full = apply(OLD, &bytes, &expected, Full).expect_err("full");
    let unread = apply(&Unreadable, &bytes, &expected, io::sink()).expect_err("unreadable");
    assert_eq!((full.blame(), unread.blame()), (crate::Blame::Here, crate::Blame::Here));
}
