//! Old contents that patches are applied to: some KiB with all that patches know of.
//!
//! They are the same for ever, because inputs of the corpus are patches of them.

use std::{io::Write, sync::LazyLock};

use flate2::{Compression, write::DeflateEncoder};

use super::files::{Format, program};
use crate::generate;

/// How often functions of the programs in them call others.
pub(crate) const CALLS: [u8; 8] = [2, 3, 1, 4, 0, 3, 2, 1];

/// Texts that are packed in them.
pub(crate) const TEXTS: [u64; 2] = [300, 500];

/// All of them.
pub(crate) static OLDS: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    [
        [b"text before it ".to_vec(), program(Format::Elf, &CALLS)].concat(),
        [program(Format::Macho, &CALLS), program(Format::ElfArm, &CALLS[..4])].concat(),
        archive(Format::Pe, &CALLS, TEXTS),
        generate::program(1, 2000),
    ]
});

/// What is long enough that some of it may be copied without being compared, and little more.
pub(crate) static LONG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    [program(Format::Elf, &CALLS), generate::program(4, LONG_ENOUGH + 1000)].concat()
});

/// Bytes of the shortest stretch that is copied.
pub(crate) const LONG_ENOUGH: usize = 64 * 1024;

/// A program, a gzip member and an entry of a zip file.
pub(crate) fn archive(format: Format, calls: &[u8], texts: [u64; 2]) -> Vec<u8> {
    let [first, second] = texts.map(text);
    [program(format, calls), gzip(&first), zip(&second)].concat()
}

/// So many words, some of which come again.
pub(crate) fn text(words: u64) -> Vec<u8> {
    (0..words).flat_map(|word| format!("{} ", word * word % 97 * 31).into_bytes()).collect()
}

/// As zlib packs it.
pub(crate) fn deflated(raw: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(raw).expect("into memory");
    encoder.finish().expect("into memory")
}

/// A member of gzip.
pub(crate) fn gzip(raw: &[u8]) -> Vec<u8> {
    let size = u32::try_from(raw.len()).expect("small").to_le_bytes();
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &*deflated(raw), b"CRC!", &size].concat()
}

/// An entry of a zip file.
pub(crate) fn zip(raw: &[u8]) -> Vec<u8> {
    let packed = deflated(raw);
    let sizes =
        [&packed, raw].map(|bytes| u32::try_from(bytes.len()).expect("small").to_le_bytes());
    [&zip_header(sizes.concat().try_into().expect("two numbers"), 0), &*packed].concat()
}

/// The local header of an entry whose stream has these sizes, packed and unpacked.
pub(crate) fn zip_header(sizes: [u8; 8], flags: u8) -> [u8; 31] {
    let mut header = *b"PK\x03\x04\x14\0\0\0\x08\0timeCRC!sizesize\x01\0\0\0n";
    header[6] = flags;
    header[18..26].copy_from_slice(&sizes);
    header
}
