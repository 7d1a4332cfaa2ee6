//! The longest of each kind, made to take long: too slow to be changed a million times, too large to be committed.
//! Each of them is read, or refused for the one reason that it is made for, within limits of its own.

use updraft_delta::{
    ContainerError, Level, StreamError,
    container::{Layout, Limits, pack},
    fuzzing,
    patch::{self, Expected, Options},
};
use updraft_protocol::PatchCodec;

use crate::{generate, rig::Costly};

/// What each may take of a processor. The program that fuzzes is some three times slower than others.
const MOST_MILLISECONDS: i64 = 4_000;
const MIB: usize = 1024 * 1024;

const fn input(
    name: &'static str,
    make: fn() -> Vec<u8>,
    read: fn(&[u8]),
    most_memory: fn(usize) -> usize,
) -> Costly {
    Costly { name, make, read, most_memory, most_milliseconds: MOST_MILLISECONDS }
}

/// All of them.
pub(crate) const INPUTS: &[Costly] = &[
    // Twice the contents beside what is read: in normal form, and back.
    input("an executable every 64 bytes", headers, no_executable, |bytes| 2 * bytes + MIB),
    input("letters that take too much work", letters, too_much_work, |bytes| bytes + 4 * MIB),
    input("plain patch of a large program", plain, apply, |_| 48 * MIB),
    input("fast patch of a large program", fast, apply, |_| 64 * MIB),
    input("dense patch of new bytes alone", dense, apply, |_| 64 * MIB),
];

/// ELF headers that are their own tables: each has as many sections as there may be, and lies in the last one.
fn headers() -> Vec<u8> {
    const TRIES: usize = 65_536;
    let mut header = b"\x7fELF\x02\x01\x01\0\x02\0\0\0\0\0\0\0".to_vec();
    header.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    for number in [1_u64 << 40, 20, 64] {
        header.extend(number.to_le_bytes());
    }
    header.extend([0; 4]);
    for number in [64_u16, 56, 1, 64, 512, 0] {
        header.extend(number.to_le_bytes());
    }
    header.repeat(TRIES)
}

fn no_executable(contents: &[u8]) {
    assert_eq!(fuzzing::executables(contents), 0);
}

/// Two letters in no order: every place is like every other.
fn letters() -> Vec<u8> {
    generate::noise(9, 128 * 1024).iter().map(|byte| b'a' + byte % 2).collect()
}

/// Packs them by the habits of zlib's highest level.
fn too_much_work(raw: &[u8]) {
    let limits = Limits { raw: MIB as u64, streams: 1 };
    // One stream: 8 KiB that hold 128 KiB, and a recipe of two bytes.
    let list = [1, 0, 0x80, 0x40, 0x80, 0x80, 0x08, 2, 1, 0];
    let layout = Layout::read(&list, 8 * 1024, &limits).expect("it is legal");
    let refused = pack(raw, &layout, Vec::new());
    let work = matches!(refused, Err(ContainerError::Pack { source: StreamError::Work, .. }));
    assert!(work, "{refused:?}");
}

/// Bytes of the programs that are patched.
const SIZE: usize = MIB / 2;

fn sides(codec: PatchCodec) -> [Vec<u8>; 2] {
    let old = generate::program(1, SIZE);
    let new = match codec {
        PatchCodec::RefdiffDense => generate::program(2, SIZE / 2),
        _ => generate::next_version(&old, 2),
    };
    [old, new]
}

fn made(codec: PatchCodec) -> Vec<u8> {
    let [old, new] = sides(codec);
    patch::create(&old, &new, &Options { codec, level: Level::FAST }).expect("a patch")
}

fn plain() -> Vec<u8> {
    made(PatchCodec::BsdiffZstd)
}

fn fast() -> Vec<u8> {
    made(PatchCodec::RefdiffFast)
}

fn dense() -> Vec<u8> {
    made(PatchCodec::RefdiffDense)
}

fn apply(bytes: &[u8]) {
    let codec = patch::inspect(bytes).expect("it is legal").codec;
    let [old, new] = sides(codec);
    let mut out = Vec::with_capacity(new.len());
    let expected = Expected { codec, new_size: new.len() as u64 };
    patch::apply(&*old, bytes, &expected, &mut out).expect("it is legal");
    assert!(out == new);
}
