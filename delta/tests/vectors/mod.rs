//! Patches and wholes that were made once go on being read: those of the document, and files beside this one.
//!
//! What a patch is made of may change with every version. What a patch means may not: releases are signed with it. So
//! `UPDRAFT_WRITE_VECTORS=1` makes the files that are missing, and never one again that is there.

use std::{collections::BTreeSet, path::Path};

use updraft_delta::{
    Level,
    blob::{self, Cut},
    patch::{self, Expected, Options, PartName, StreamName},
};
use updraft_protocol::PatchCodec;

use crate::programs::{Machine, Program};

#[expect(
    dead_code,
    clippy::disallowed_methods,
    reason = "vectors are files that are written when asked for, and nobody lists them"
)]
#[path = "../../../protocol/tests/samples/golden.rs"]
mod golden;
#[path = "../generate/pairs.rs"]
mod pairs;

/// The bytes of a file in this folder, made first if it is missing and that was asked for.
fn vector(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let path = path.with_extension("hex");
    if golden::is_writing() && !path.exists() {
        golden::write(&path, golden::to_hex(&make()));
    }
    golden::from_hex(&golden::read(&path))
}

/// The patch of this name and codec between these contents, which is read and gives the new ones.
fn patch_of(name: &str, codec: PatchCodec, old: &[u8], new: &[u8]) -> Vec<u8> {
    let options = Options { codec, level: Level::PUBLISH };
    let patch = vector(name, || patch::create(old, new, &options).expect("small"));
    assert!(applied(old, &patch, codec, new.len()) == new, "{name}");
    patch
}

fn applied(old: &[u8], patch: &[u8], codec: PatchCodec, new_size: usize) -> Vec<u8> {
    assert_eq!(patch::inspect(patch).expect("a header").codec, codec);
    let mut new = Vec::new();
    let expected = Expected { codec, new_size: new_size as u64 };
    patch::apply(old, patch, &expected, &mut new).expect("a patch that was made once");
    new
}

/// The streams that a patch has.
fn streams(patch: &[u8]) -> BTreeSet<StreamName> {
    let parts = patch::parts(patch).expect("parts");
    let stream = |part: patch::Part| match part.name {
        PartName::Stream(name) => Some(name),
        PartName::Header | PartName::Coded => None,
    };
    parts.into_iter().filter_map(stream).collect()
}

/// `old`, `new` and the patches of the section on test vectors: each a line of a name and hexadecimal digits, which may
/// go on in lines that begin with a blank.
#[test]
fn the_patches_of_the_document_are_read() {
    let document = include_str!("../../../docs/DELTA.md");
    let section = document.split("## Test vectors\n").nth(1).expect("there is such a section");
    let block = section.split("```").nth(1).expect("with a block");
    let mut lines: Vec<(&str, String)> = Vec::new();
    for line in block.lines().skip(1) {
        match line.split_once("  ") {
            Some((name, hex)) if !name.is_empty() => lines.push((name, hex.to_owned())),
            _ => lines.last_mut().expect("a name first").1.push_str(line),
        }
    }
    let named = |name: &str| {
        let found = lines.iter().find(|(named, _)| *named == name);
        golden::from_hex(&found.unwrap_or_else(|| panic!("{name} is missing")).1)
    };
    let (old, new) = (named("old"), named("new"));
    for (name, codec) in [
        ("plain", PatchCodec::BsdiffZstd),
        ("fast", PatchCodec::RefdiffFast),
        ("dense", PatchCodec::RefdiffDense),
    ] {
        assert_eq!(applied(&old, &named(name), codec, new.len()), new, "{name}");
    }
}

#[test]
fn patches_of_programs_are_read() {
    for (machine, fast, dense) in
        [(Machine::X86, "x86_fast", "x86_dense"), (Machine::Arm, "arm_fast", "arm_dense")]
    {
        let program = Program::new(machine, 1, 40);
        let (old, new) = (program.link(), program.next(2).link());
        patch_of(fast, PatchCodec::RefdiffFast, &old, &new);
        patch_of(dense, PatchCodec::RefdiffDense, &old, &new);
    }
}

/// In halves: what is made has its streams so, unless one of them is longer than 8 MiB.
#[test]
fn a_patch_of_which_much_is_wrong_is_read() {
    let (old, new) = pairs::in_step();
    let patch = patch_of("halves", PatchCodec::RefdiffFast, &old, &new);
    assert!(streams(&patch).is_superset(&[StreamName::Gaps, StreamName::Values].into()));
}

#[test]
fn patches_of_archives_are_read() {
    let archive = |name: &str, mark: &str| vector(name, || pairs::packed(&pairs::text(mark)));
    let old = archive("archive_old", "a line that will change");
    let new = archive("archive_new", "this line has changed");
    for (name, codec) in
        [("archive_fast", PatchCodec::RefdiffFast), ("archive_dense", PatchCodec::RefdiffDense)]
    {
        let patch = patch_of(name, codec, &old, &new);
        assert!(streams(&patch).contains(&StreamName::Containers), "{name}");
    }
}

#[test]
fn wholes_with_programs_are_unpacked() {
    for (machine, name) in [(Machine::X86, "x86_whole"), (Machine::Arm, "arm_whole")] {
        let program = Program::new(machine, 1, 40).link();
        let contents = [b"before it ", &*program, b" behind it"].concat();
        let size = contents.len() as u64;
        let whole = vector(name, || {
            let mut whole = Vec::new();
            blob::compress_whole(&*contents, &Cut::nowhere(size), Level::PUBLISH, &mut whole)
                .expect("small");
            whole
        });
        assert_eq!(whole[..4], *b"UpW\x01");
        let mut unpacked = Vec::new();
        blob::decompress_whole(&whole, size, &mut unpacked).expect("made once");
        assert!(unpacked == contents, "{name}");
    }
}
