//! Whole artifacts: programs among the contents cost less than they do zstd, come back in any company, and a blob that
//! was damaged ends in an error or in as many bytes as were signed for.

mod generate;
#[path = "generate/executable.rs"]
mod programs;

use std::io;

use updraft_delta::{
    BlobError, FrameError, Level, PatchError,
    blob::{Cut, compress_whole, decompress_whole},
};

use programs::{Machine, Program};

fn packed(contents: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    compress_whole(contents, &Cut::nowhere(contents.len() as u64), Level::FAST, &mut blob)
        .expect("compresses");
    blob
}

fn unpacked(blob: &[u8], size: usize) -> Result<Vec<u8>, BlobError> {
    let mut out = Vec::new();
    decompress_whole(blob, size as u64, &mut out).map(|()| out)
}

fn frame(contents: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(contents, Level::FAST.get()).expect("compresses")
}

#[test]
fn programs_cost_less_than_their_bytes() {
    for machine in [Machine::X86, Machine::Arm] {
        let contents = Program::new(machine, 1, 3_000).link();
        let blob = packed(&contents);
        assert!(blob.len() * 100 < frame(&contents).len() * 95, "{machine:?}: {}", blob.len());
        assert!(unpacked(&blob, contents.len()).expect("unpacks") == contents);
    }
}

#[test]
fn programs_among_other_contents_come_back() {
    let program = |machine, seed| Program::new(machine, seed, 100).link();
    let contents = [
        b"text before it".to_vec(),
        program(Machine::X86, 2),
        program(Machine::Arm, 3),
        generate::noise(4, 5_000),
        program(Machine::Arm, 5)[..2_000].to_vec(),
        Program::new(Machine::X86, 2, 100).next(6).link(),
        generate::next_version(&generate::program(8, 4_000), 9),
    ]
    .concat();
    let blob = packed(&contents);
    assert_eq!(&blob[..4], b"UpW\x01");
    assert!(unpacked(&blob, contents.len()).expect("unpacks") == contents);
    assert!(unpacked(&blob, contents.len() + 1).is_err());
    assert!(unpacked(&blob, contents.len() - 1).is_err());
}

#[test]
fn contents_without_programs_are_one_frame() {
    let contents = generate::program(7, 20_000);
    let blob = packed(&contents);
    assert_eq!(zstd::stream::decode_all(&*blob).expect("a frame"), contents);
}

#[test]
fn contents_that_look_like_a_list_of_programs_are_not_taken_for_one() {
    for contents in [&b"UpW\x01"[..], b"UpW\x01\x05hello", b"Up", b""] {
        assert_eq!(unpacked(&packed(contents), contents.len()).expect("unpacks"), contents);
    }
}

#[test]
fn every_truncation_is_refused_and_no_flipped_bit_gives_more_bytes() {
    let contents = Program::new(Machine::X86, 8, 20).link();
    let blob = packed(&contents);
    for len in 0..blob.len() {
        assert!(unpacked(&blob[..len], contents.len()).is_err(), "{len}");
    }
    for bit in 0..blob.len() * 8 {
        let mut damaged = blob.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(bytes) = unpacked(&damaged, contents.len()) {
            assert_eq!(bytes.len(), contents.len(), "{bit}");
        }
    }
}

#[test]
fn lists_that_cannot_be_are_refused_with_their_reason() {
    let head = |list: &[u8]| [b"UpW\x01", list].concat();
    let refused = |blob: &[u8]| decompress_whole(blob, 1000, io::sink()).expect_err("refused");
    // Over a megabyte is announced; a number without an end, one that is cut off, and none at all.
    assert!(matches!(refused(&head(&[0xFF, 0xFF, 0xFF, 1])), BlobError::LongList { .. }));
    assert!(matches!(refused(&head(&[0xFF; 12])), BlobError::BadListSize));
    for cut in [&[0x80][..], &[]] {
        let error = refused(&head(cut));
        assert!(matches!(error, BlobError::Frame(FrameError::Short { .. })), "{error:?}");
    }
    let list = [0xFF; 30];
    let error = refused(&head(&[&[30], &list[..]].concat()));
    let BlobError::Programs(why) = &error else { panic!("{error:?}") };
    assert!(matches!(**why, PatchError::OtherEnd), "{why:?}");
}
