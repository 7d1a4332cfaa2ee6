//! Patches that were damaged on purpose: each one is refused with a reason, or gives the right bytes.

mod generate;
#[path = "generate/executable.rs"]
mod programs;

use std::{io, sync::LazyLock};

use proptest::prelude::*;
use updraft_delta::{
    Blame, Level, PatchError,
    patch::{self, Expected, Options},
};
use updraft_protocol::PatchCodec;

use programs::{Machine, Program};

struct Pair {
    codec: PatchCodec,
    old: Vec<u8>,
    new: Vec<u8>,
    patch: Vec<u8>,
}

/// A small pair whose plain patch has bytes in all five streams.
fn pair() -> Pair {
    let old = generate::program(1, 6_000);
    let mut new = generate::next_version(&old, 2);
    new.extend_from_slice(&[b'z'; 300]);
    let pair = Pair::of(PatchCodec::BsdiffZstd, old, new);
    let sizes = stream_sizes(&pair.patch);
    assert!(sizes.iter().all(|(raw, _)| *raw > 0));
    assert!(sizes.iter().any(|(raw, packed)| raw == packed));
    assert!(sizes.iter().any(|(raw, packed)| raw > packed));
    pair
}

/// The sizes of a plain patch's streams, unpacked and packed: ten numbers behind the header.
fn stream_sizes(patch: &[u8]) -> [(u64, u64); 5] {
    fn number(rest: &mut &[u8]) -> u64 {
        let len = rest.iter().position(|byte| *byte < 128).expect("a number ends") + 1;
        let (bytes, after) = rest.split_at(len);
        *rest = after;
        bytes.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 127))
    }
    let mut rest = &patch[4..];
    let (_old, _new) = (number(&mut rest), number(&mut rest));
    rest = &rest[16..];
    std::array::from_fn(|_| (number(&mut rest), number(&mut rest)))
}

/// Small pairs for all codecs, for those that know of references with images in them.
static PAIRS: LazyLock<[Pair; 3]> = LazyLock::new(|| {
    let of = |codec, machine| {
        let program = Program::new(machine, 3, 60);
        let side = |program: &Program| [b"text before it".to_vec(), program.link()].concat();
        let new = [side(&program.next(4)), generate::noise(5, 200)].concat();
        Pair::of(codec, side(&program), new)
    };
    [pair(), of(PatchCodec::RefdiffFast, Machine::X86), of(PatchCodec::RefdiffDense, Machine::Arm)]
});

impl Pair {
    fn of(codec: PatchCodec, old: Vec<u8>, new: Vec<u8>) -> Self {
        let patch =
            patch::create(&old, &new, &Options { codec, level: Level::FAST }).expect("small");
        Self { codec, old, new, patch }
    }

    /// What comes of applying these bytes as the patch: never more than the signed size.
    fn apply(&self, patch: &[u8]) -> Result<Vec<u8>, PatchError> {
        let mut out = Vec::new();
        let new_size = self.new.len() as u64;
        let expected = Expected { codec: self.codec, new_size };
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
    for pair in &*PAIRS {
        for len in 0..pair.patch.len() {
            let error = pair.apply(&pair.patch[..len]).err();
            let blame = error.as_ref().map(PatchError::blame);
            assert_eq!(blame, Some(Blame::Blob), "{:?} at {len}: {error:?}", pair.codec);
            let typed = matches!(
                error,
                Some(
                    PatchError::NotAPatch
                        | PatchError::ShortHeader { .. }
                        | PatchError::Length { .. }
                )
            );
            // What is coded has no length that it could miss: it is another message, and not the right one.
            assert!(typed || pair.codec != PatchCodec::BsdiffZstd, "{len}: {error:?}");
        }
    }
}

#[test]
fn a_patch_with_bytes_after_it_is_refused() {
    for pair in &*PAIRS {
        for (extra, byte) in [1, 2, 100, 100_000].into_iter().zip([0, 1, 0, 1].into_iter().cycle())
        {
            let longer = [pair.patch.clone(), vec![byte; extra]].concat();
            let error = pair.apply(&longer).err();
            let blame = error.as_ref().map(PatchError::blame);
            assert_eq!(blame, Some(Blame::Blob), "{:?}, {extra} more: {error:?}", pair.codec);
            let typed = matches!(error, Some(PatchError::Length { .. }));
            assert!(typed || pair.codec != PatchCodec::BsdiffZstd, "{extra} more: {error:?}");
        }
    }
}

#[test]
fn no_single_flipped_bit_gives_wrong_contents() {
    for pair in &*PAIRS {
        let mut refused = 0;
        for at in 0..pair.patch.len() {
            for bit in 0..8 {
                let mut patch = pair.patch.clone();
                patch[at] ^= 1 << bit;
                match pair.apply(&patch) {
                    Ok(out) => assert!(out == pair.new, "{:?}: bit {bit} of byte {at}", pair.codec),
                    Err(error) => {
                        assert_ne!(error.blame(), Blame::Here, "{error:?}");
                        refused += 1;
                    }
                }
            }
        }
        // What is left are bits that mean nothing: of zstd's frames, of the last byte of a coder.
        assert!(refused * 100 > pair.patch.len() * 8 * 99, "{refused} of {}", pair.patch.len() * 8);
    }
}

#[test]
fn no_overwritten_byte_gives_wrong_contents() {
    for pair in &*PAIRS {
        for at in 0..pair.patch.len() {
            for value in [0x00, 0x7f, 0x80, 0xff] {
                let mut patch = pair.patch.clone();
                patch[at] = value;
                assert!(pair.refused_or_right(&patch), "{:?}: byte {at} = {value}", pair.codec);
            }
        }
    }
}

#[test]
fn a_patch_for_other_contents_is_refused_before_anything_is_written() {
    for pair in &*PAIRS {
        let expected = Expected { codec: pair.codec, new_size: pair.new.len() as u64 };
        let mut other = pair.old.clone();
        other[3000] ^= 1;
        let mut out = Vec::new();
        let error =
            patch::apply(&other, &pair.patch, &expected, &mut out).expect_err("another base");
        assert!(matches!(error, PatchError::OtherBase { .. }), "{error:?}");
        other.pop();
        let shorter = patch::apply(&other, &pair.patch, &expected, &mut out).expect_err("shorter");
        assert!(matches!(shorter, PatchError::OtherBaseSize { .. }), "{shorter:?}");
        assert_eq!((error.blame(), shorter.blame()), (Blame::Base, Blame::Base));
        assert!(out.is_empty());
    }
}

#[test]
fn a_patch_that_makes_another_size_than_signed_is_refused() {
    for pair in &*PAIRS {
        for new_size in [0, pair.new.len() as u64 - 1, pair.new.len() as u64 + 1, u64::MAX] {
            let expected = Expected { codec: pair.codec, new_size };
            let result = patch::apply(&pair.old, &pair.patch, &expected, io::sink());
            assert!(matches!(result, Err(PatchError::OtherSize { .. })), "{result:?}");
        }
    }
}

#[test]
fn a_dense_patch_that_says_much_itself_is_refused_before_that_is_read() {
    let options = Options { codec: PatchCodec::RefdiffDense, level: Level::FAST };
    let patch = patch::create(&[], &[], &options).expect("small");
    let new_size = 40 << 20_u64;
    let large = [&patch[..5], &[0x80, 0x80, 0x80, 0x14], &patch[6..]].concat();
    let expected = Expected { codec: options.codec, new_size };
    let result = patch::apply(&[][..], &large, &expected, io::sink());
    assert!(
        matches!(result, Err(PatchError::TooMuchNew { got, .. }) if got == new_size),
        "{result:?}"
    );
}

#[test]
fn a_patch_of_another_codec_than_signed_is_refused() {
    for pair in &*PAIRS {
        for codec in PatchCodec::ALL.into_iter().filter(|codec| *codec != pair.codec) {
            let expected = Expected { codec, new_size: pair.new.len() as u64 };
            let result = patch::apply(&pair.old, &pair.patch, &expected, io::sink());
            assert!(matches!(result, Err(PatchError::OtherCodec { .. })), "{result:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bytes_from_anywhere_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for pair in &*PAIRS {
            prop_assert!(pair.apply(&bytes).is_err());
            // Behind an honest header, so that the codec reads them.
            let header = pair.patch[..4 + 2 + 2 + 16].to_vec();
            prop_assert!(pair.refused_or_right(&[header, bytes.clone()].concat()));
        }
    }

    #[test]
    fn many_changes_at_once_never_give_wrong_contents(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for pair in &*PAIRS {
            let mut patch = pair.patch.clone();
            for (at, value) in &changes {
                let at = at.index(patch.len());
                patch[at] = *value;
            }
            prop_assert!(pair.refused_or_right(&patch));
        }
    }

    #[test]
    fn a_missing_or_doubled_part_never_gives_wrong_contents(
        from: prop::sample::Index,
        len in 1_usize..40,
        doubled: bool,
    ) {
        for pair in &*PAIRS {
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
}
