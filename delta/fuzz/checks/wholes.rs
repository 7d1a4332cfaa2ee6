//! Wholes in front of which stands a list of programs that is not theirs: what comes out has the signed size, or is refused.
//!
//! The list is a real one with changes. The frame behind it is honest: what is changed there, zstd refuses.

use std::{
    io::{self, Write},
    sync::LazyLock,
};

use updraft_delta::{
    Level,
    blob::{Cut, compress_whole, decompress_whole},
};

use super::{
    byte, changed,
    files::{Format, program},
    olds::CALLS,
    refused,
};
use crate::rig::Outcome;

/// A whole, taken apart.
struct Whole {
    contents: Vec<u8>,
    list: Vec<u8>,
    frame: Vec<u8>,
}

static WHOLES: LazyLock<[Whole; 3]> = LazyLock::new(|| {
    let some = |format| program(format, &CALLS);
    let one = |contents: Vec<u8>| Whole::of(contents);
    [
        one([some(Format::Elf), some(Format::ElfArm)].concat()),
        one([some(Format::Pe), b"something else".to_vec(), some(Format::MachoX86)].concat()),
        one(some(Format::Macho)),
    ]
});

/// A whole begins with this if there are programs in it; the size of their list follows.
const MARK: &[u8; 4] = b"UpW\x01";

impl Whole {
    fn of(contents: Vec<u8>) -> Self {
        let mut blob = Vec::new();
        let size = contents.len() as u64;
        compress_whole(&*contents, &Cut::nowhere(size), Level::FAST, &mut blob)
            .expect("into memory");
        let rest = blob.strip_prefix(MARK).expect("there are programs");
        let (len, rest) = rest.split_first().expect("the size of a list");
        assert!(*len < 128, "a number of one byte");
        let (list, frame) = rest.split_at(usize::from(*len));
        Self { list: list.to_vec(), frame: frame.to_vec(), contents }
    }
}

/// Contents that come out, and never more of them than were signed.
struct Out {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        assert!(self.bytes.len() <= self.most, "more is written than was signed: {}", self.most);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first byte says whose list is changed.
pub(super) fn check(mut input: &[u8]) -> Outcome {
    let Whole { contents, list, frame } = &WHOLES[usize::from(byte(&mut input)) % WHOLES.len()];
    let told = changed(list.clone(), input);
    let [low, high, ..] = told.len().to_le_bytes();
    let len = if told.len() < 128 {
        vec![low]
    } else {
        vec![low | 128, (told.len() >> 7).to_le_bytes()[0]]
    };
    assert!(high < 64, "a number of two bytes");
    let blob = [&MARK[..], &len, &told, frame].concat();
    let mut out = Out { bytes: Vec::new(), most: contents.len() };
    match decompress_whole(&blob, contents.len() as u64, &mut out) {
        Ok(()) => {
            assert_eq!(out.bytes.len(), contents.len(), "another size than was signed");
            assert!(told != *list || out.bytes == *contents, "its own list gives something else");
            Outcome::Read
        }
        Err(error) => refused(&error),
    }
}
