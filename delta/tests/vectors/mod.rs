//! Patches that were made once go on being read: those of the document, and those of two programs.
//!
//! What a patch is made of may change with every version. What a patch means may not: releases are signed with it.

use updraft_delta::patch::{self, Expected};
use updraft_protocol::PatchCodec;

use crate::programs::{Machine, Program};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits");
    digits.chunks_exact(2).map(byte).collect()
}

fn applied(old: &[u8], patch: &[u8], new_size: usize) -> Vec<u8> {
    let codec = patch::inspect(patch).expect("a header").codec;
    let mut new = Vec::new();
    let expected = Expected { codec, new_size: new_size as u64 };
    patch::apply(old, patch, &expected, &mut new).expect("a patch that was made once");
    new
}

/// `old`, `new` and the patches of the section on test vectors: each a line of a name and hexadecimal digits, which may
/// go on in lines that begin with a blank.
#[test]
fn the_patches_of_the_document_are_read() {
    let document = include_str!("../../../docs/DELTA.md");
    let section = document.split("## Test vectors").nth(1).expect("there is such a section");
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
        bytes(&found.unwrap_or_else(|| panic!("{name} is missing")).1)
    };
    let (old, new) = (named("old"), named("new"));
    for (name, codec) in [
        ("plain", PatchCodec::BsdiffZstd),
        ("fast", PatchCodec::RefdiffFast),
        ("dense", PatchCodec::RefdiffDense),
    ] {
        let patch = named(name);
        assert_eq!(patch::inspect(&patch).expect("a header").codec, codec);
        assert_eq!(applied(&old, &patch, new.len()), new, "{name}");
    }
}

#[test]
fn patches_of_programs_that_were_made_once_are_read() {
    for (machine, fast, dense) in [
        (Machine::X86, include_str!("x86_fast.hex"), include_str!("x86_dense.hex")),
        (Machine::Arm, include_str!("arm_fast.hex"), include_str!("arm_dense.hex")),
    ] {
        let program = Program::new(machine, 1, 40);
        let (old, new) = (program.link(), program.next(2).link());
        for patch in [fast, dense] {
            assert!(applied(&old, &bytes(patch), new.len()) == new, "{machine:?}");
        }
    }
}
