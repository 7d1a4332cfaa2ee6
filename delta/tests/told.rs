//! What lists of programs may tell: a whole whose list was changed gives as many bytes as were signed, or is refused.
//!
//! Lists are real ones with changes, so that what is told is nearly right; the frame behind them stays as it was.

#[expect(dead_code, reason = "other tests use the rest")]
mod generate;
#[expect(dead_code, reason = "one version of a program is enough here")]
#[path = "generate/executable.rs"]
mod programs;

use std::sync::LazyLock;

use proptest::prelude::*;
use updraft_delta::{
    BlobError, Level,
    blob::{Cut, compress_whole, decompress_whole},
};

use programs::{Machine, Program};

/// A whole, taken apart.
struct Whole {
    contents: Vec<u8>,
    list: Vec<u8>,
    frame: Vec<u8>,
}

static WHOLES: LazyLock<[Whole; 3]> = LazyLock::new(|| {
    let program = |machine, seed| Program::new(machine, seed, 30).link();
    let noise = || generate::noise(7, 500);
    [
        Whole::of([noise(), program(Machine::X86, 1)].concat()),
        Whole::of([program(Machine::Arm, 2), noise(), program(Machine::X86, 3)].concat()),
        Whole::of((4..20).flat_map(|seed| program(Machine::Arm, seed)).collect()),
    ]
});

impl Whole {
    fn of(contents: Vec<u8>) -> Self {
        let mut blob = Vec::new();
        let size = contents.len() as u64;
        compress_whole(&*contents, &Cut::nowhere(size), Level::FAST, &mut blob)
            .expect("compresses");
        let rest = blob.strip_prefix(b"UpW\x01").expect("there are programs");
        let digits = rest.iter().position(|byte| *byte < 128).expect("a number ends") + 1;
        let (len, rest) = rest.split_at(digits);
        let len = len.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 127));
        let (list, frame) = rest.split_at(len);
        Self { list: list.to_vec(), frame: frame.to_vec(), contents }
    }

    /// What comes out with this list in front.
    fn with(&self, list: &[u8]) -> Result<Vec<u8>, BlobError> {
        let mut len = Vec::new();
        let mut left = list.len();
        while left > 127 {
            len.push((left & 127).to_le_bytes()[0] | 128);
            left >>= 7;
        }
        len.push(left.to_le_bytes()[0]);
        let blob = [b"UpW\x01", &*len, list, &self.frame].concat();
        let mut out = Vec::new();
        decompress_whole(&blob, self.contents.len() as u64, &mut out).map(|()| out)
    }
}

/// What is done to a list: bytes from a place on are taken out, and others put in, mostly as many.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, Vec<u8>)>> {
    let put = prop::collection::vec(any::<u8>(), 0..4);
    let change = (any::<prop::sample::Index>(), put, prop::option::weighted(0.2, 0..4_usize));
    let change = change.prop_map(|(at, put, out)| (at, out.unwrap_or(put.len()), put));
    prop::collection::vec(change, 1..4)
}

#[test]
fn lists_as_they_are_give_the_contents() {
    for whole in &*WHOLES {
        assert!(whole.with(&whole.list).expect("unpacks") == whole.contents);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn whatever_a_list_tells_the_size_is_the_signed_one(which in 0..3_usize, changes in changes()) {
        let whole = &WHOLES[which];
        let mut list = whole.list.clone();
        for (at, out, put) in changes {
            let at = at.index(list.len() + 1);
            let end = list.len().min(at + out);
            list.splice(at..end, put);
        }
        match whole.with(&list) {
            Ok(bytes) => prop_assert_eq!(bytes.len(), whole.contents.len()),
            Err(error) => prop_assert!(matches!(error, BlobError::Programs(_)), "{error:?}"),
        }
    }
}
