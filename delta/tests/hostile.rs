//! Patches that were damaged on purpose: each one is refused with a reason, or gives the right bytes.

mod generate;

use std::io;

use proptest::prelude::*;
use updraft_delta::{
    Blame, Level, PatchError,
    patch::{self, Expected, Options},
};
use updraft_protocol::PatchCodec;

struct Pair {
    old: Vec<u8>,
    new: Vec<u8>,
    patch: Vec<u8>,
}

/// A small pair whose patch has bytes in all five streams, some stored and some compressed.
fn pair() -> Pair {
    let old = generate::program(1, 6_000);
    let mut new = generate::next_version(&old, 2);
    new.extend_from_slice(&[b'z'; 300]);
    let patch = patch::create(&old, &new, &Options { level: Level::FAST }).expect("small");
    let streams = patch::inspect(&patch).expect("a patch").streams;
    assert!(streams.iter().all(|size| size.raw > 0));
    assert!(streams.iter().any(|size| size.raw == size.packed));
    assert!(streams.iter().any(|size| size.raw > size.packed));
    Pair { old, new, patch }
}

impl Pair {
    /// What comes of applying these bytes as the patch: never more than the signed size.
    fn apply(&self, patch: &[u8]) -> Result<Vec<u8>, PatchError> {
        let mut out = Vec::new();
        let new_size = self.new.len() as u64;
        let expected = Expected { codec: PatchCodec::BsdiffZstd, new_size };
        let result = patch::apply(&*self.old, patch, &expected, &mut out);
        assert!(out.len() <= self.new.len(), "wrote past the signed size");
        result.map(|_| out)
    }

    /// Damage that zstd does not see may leave the meaning as it was; nothing else may pass.
    fn refused_or_right(&self, patch: &[u8]) -> bool {
        match self.apply(patch) {
            Ok(out) => out == self.new,
            Err(error) => error.blame() != Blame::Here,
        }
    }
}

#[test]
fn a_patch_cut_short_anywhere_is_refused() {
    let pair = pair();
    for len in 0..pair.patch.len() {
        let error = pair.apply(&pair.patch[..len]).expect_err("cut short");
        let typed = matches!(
            error,
            PatchError::NotAPatch | PatchError::ShortHeader { .. } | PatchError::Length { .. }
        );
        assert!(typed, "{len}: {error:?}");
    }
}

#[test]
fn a_patch_with_bytes_after_it_is_refused() {
    let pair = pair();
    for extra in [1, 2, 100, 100_000] {
        let longer = [pair.patch.clone(), vec![0; extra]].concat();
        assert!(matches!(pair.apply(&longer), Err(PatchError::Length { .. })), "{extra}");
    }
}

#[test]
fn no_single_flipped_bit_gives_wrong_contents() {
    let pair = pair();
    let mut refused = 0;
    for at in 0..pair.patch.len() {
        for bit in 0..8 {
            let mut patch = pair.patch.clone();
            patch[at] ^= 1 << bit;
            assert!(pair.refused_or_right(&patch), "bit {bit} of byte {at}");
            refused += usize::from(pair.apply(&patch).is_err());
        }
    }
    assert!(refused * 100 > pair.patch.len() * 8 * 99, "{refused} of {}", pair.patch.len() * 8);
}

#[test]
fn no_overwritten_byte_gives_wrong_contents() {
    let pair = pair();
    for at in 0..pair.patch.len() {
        for value in [0x00, 0x7f, 0x80, 0xff] {
            let mut patch = pair.patch.clone();
            patch[at] = value;
            assert!(pair.refused_or_right(&patch), "byte {at} = {value}");
        }
    }
}

#[test]
fn a_patch_for_other_contents_is_refused_before_anything_is_written() {
    let pair = pair();
    let expected = Expected { codec: PatchCodec::BsdiffZstd, new_size: pair.new.len() as u64 };
    let mut other = pair.old.clone();
    other[3000] ^= 1;
    let mut out = Vec::new();
    let error = patch::apply(&other, &pair.patch, &expected, &mut out).expect_err("another base");
    assert!(matches!(error, PatchError::OtherBase { .. }), "{error:?}");
    other.pop();
    let shorter = patch::apply(&other, &pair.patch, &expected, &mut out).expect_err("shorter");
    assert!(matches!(shorter, PatchError::OtherBaseSize { .. }), "{shorter:?}");
    assert_eq!((error.blame(), shorter.blame()), (Blame::Base, Blame::Base));
    assert!(out.is_empty());
}

#[test]
fn a_patch_that_makes_another_size_than_signed_is_refused() {
    let pair = pair();
    for new_size in [0, pair.new.len() as u64 - 1, pair.new.len() as u64 + 1, u64::MAX] {
        let expected = Expected { codec: PatchCodec::BsdiffZstd, new_size };
        let result = patch::apply(&pair.old, &pair.patch, &expected, io::sink());
        assert!(matches!(result, Err(PatchError::OtherSize { .. })), "{result:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bytes_from_anywhere_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let pair = pair();
        prop_assert!(pair.apply(&bytes).is_err());
        prop_assert!(pair.apply(&[b"updelta\x01".to_vec(), bytes].concat()).is_err());
    }

    #[test]
    fn many_changes_at_once_never_give_wrong_contents(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let pair = pair();
        let mut patch = pair.patch.clone();
        for (at, value) in changes {
            let at = at.index(patch.len());
            patch[at] = value;
        }
        prop_assert!(pair.refused_or_right(&patch));
    }

    #[test]
    fn a_missing_or_doubled_part_never_gives_wrong_contents(
        from: prop::sample::Index,
        len in 1_usize..40,
        doubled: bool,
    ) {
        let pair = pair();
        let from = from.index(pair.patch.len());
        let to = pair.patch.len().min(from + len);
        let mut patch = pair.patch.clone();
        if doubled {
            let part = patch[from..to].to_vec();
            patch.splice(from..from, part);
        } else {
            patch.drain(from..to);
        }
        prop_assert!(pair.refused_or_right(&patch));
    }
}
