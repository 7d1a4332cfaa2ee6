//! Contents and recipes that were damaged on purpose, and bytes from anywhere.

use flate2::{Decompress, FlushDecompress, Status};
use proptest::prelude::*;

use super::*;
use crate::{
    container::{
        inflate::{Fill, Inflate, Measure},
        rebuild::{rebuild, up_to},
        recipe::Recipe,
    },
    error::StreamError,
    patch::varint,
};

const MOST: usize = 1 << 20;

/// What this crate makes of a stream: its bytes, and how many it takes.
fn ours(packed: &[u8]) -> Result<(Vec<u8>, usize), StreamError> {
    let mut measure = Measure::new(MOST);
    let mut stream = Inflate::new(packed);
    stream.all(&mut measure)?;
    let mut raw = vec![0; measure.len()];
    let mut again = Inflate::new(packed);
    again.all(&mut Fill::new(&mut raw)).expect("it was measured");
    assert_eq!(stream.bytes(), again.bytes());
    Ok((raw, stream.bytes()))
}

/// What zlib makes of it.
fn zlibs(packed: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut stream = Decompress::new(false);
    let mut raw = Vec::with_capacity(MOST + 1);
    let status = stream.decompress_vec(packed, &mut raw, FlushDecompress::Finish).ok()?;
    let taken = usize::try_from(stream.total_in()).expect("small");
    (status == Status::StreamEnd && raw.len() <= MOST).then_some((raw, taken))
}

#[track_caller]
fn as_zlib_has_it(packed: &[u8]) {
    assert_eq!(ours(packed).ok(), zlibs(packed));
}

/// Small streams with blocks of all kinds.
fn streams() -> Vec<Vec<u8>> {
    let raw = text(1, 700);
    let mixed = [noise(2, 300), text(3, 300)].concat();
    vec![
        deflate(&raw, 6),
        deflate(&raw[..90], 6),
        deflate(&mixed, 0),
        miniz_oxide::deflate::compress_to_vec(&mixed, 9),
        deflate(&[7; 70_000], 9),
    ]
}

#[test]
fn damaged_streams_are_read_as_zlib_reads_them() {
    for packed in streams() {
        as_zlib_has_it(&packed);
        for len in 0..packed.len() {
            assert_eq!(ours(&packed[..len]), Err(StreamError::Short), "cut to {len}");
        }
        for at in 0..packed.len() {
            for bit in 0..8 {
                let mut damaged = packed.clone();
                damaged[at] ^= 1 << bit;
                as_zlib_has_it(&damaged);
            }
        }
    }
}

#[test]
fn contents_cut_anywhere_come_back() {
    let raw = text(4, 600);
    let packed = deflate(&raw, 6);
    let contents =
        [Entry::new(&packed, &raw).bytes(), gzip_with(8, b"n\0", &packed, &raw)].concat();
    for len in 0..contents.len() {
        there_and_back(&contents[..len]);
        there_and_back(&contents[len..]);
    }
}

#[test]
fn contents_with_any_byte_overwritten_come_back() {
    let raw = text(5, 500);
    let packed = deflate(&raw, 6);
    let contents = [Entry::new(&packed, &raw).bytes(), gzip(&packed, &raw)].concat();
    for at in 0..contents.len() {
        for value in [0x00, 0x01, 0x7f, 0xff, contents[at] ^ 4] {
            let mut damaged = contents.clone();
            damaged[at] = value;
            there_and_back(&damaged);
        }
    }
}

#[test]
fn a_stream_that_holds_something_else_than_announced_is_refused() {
    let raw = text(6, 3000);
    let contents = gzip(&deflate(&raw, 6), &raw);
    let stream = find(&contents, &LIMITS).streams()[0].clone();
    for (packed, size, expected) in [
        (stream.packed, stream.raw - 1, StreamError::Long),
        (stream.packed, stream.raw + 1, StreamError::Rest),
        (stream.packed - 1, stream.raw, StreamError::Short),
        (stream.packed + 1, stream.raw, StreamError::Rest),
    ] {
        let mut layout = Layout::new(contents.len());
        let lie = crate::container::Stream { packed, raw: size, ..stream.clone() };
        layout.push(lie, &LIMITS).expect("possible");
        match unpack(&contents, &layout) {
            Err(crate::ContainerError::Unpack { at: 10, source }) => assert_eq!(source, expected),
            other => panic!("{other:?}"),
        }
    }
}

/// Whatever a recipe says: no result, or a stream of these bytes within the bound.
fn inflates_to_itself(raw: &[u8], recipe: &[u8], most: usize) {
    if let Ok(packed) = up_to(raw, recipe, most) {
        assert!(packed.len() <= most);
        assert_eq!(ours(&packed), Ok((raw.to_vec(), packed.len())));
    }
}

#[test]
fn no_overwritten_byte_of_a_recipe_packs_other_bytes() {
    let raw = text(7, 1500);
    for packed in [
        miniz_oxide::deflate::compress_to_vec(&raw, 9),
        miniz_oxide::deflate::compress_to_vec(&raw, 1),
        deflate(&raw, 0),
        deflate(&raw, 6),
    ] {
        let Some(recipe) = Recipe::new(&packed, &raw) else { continue };
        let wrong = rebuild(&raw, &recipe.0, packed.len() + 1);
        assert_eq!(wrong, Err(StreamError::Rest));
        assert_eq!(rebuild(&raw, &recipe.0, packed.len() - 1), Err(StreamError::Long));
        for at in 0..recipe.0.len() {
            assert!(
                up_to(&raw, &recipe.0[..at], packed.len()) != Ok(packed.clone()),
                "cut to {at}"
            );
            for value in 0..=255 {
                let mut damaged = recipe.0.clone();
                damaged[at] = value;
                inflates_to_itself(&raw, &damaged, 2 * packed.len());
            }
        }
    }
}

#[test]
fn a_recipe_that_asks_for_much_gets_an_error() {
    let raw = text(8, 2000);
    let number = |number| {
        let mut out = Vec::new();
        varint::push(&mut out, number);
        out
    };
    // Counted and of its own codes: more tokens than there are, than a block may have, than can be told.
    for tokens in [2001, 1 << 20, (1 << 20) + 1, 1 << 40, u64::MAX] {
        let block = [vec![0, 2 | 4 | 8], number(tokens)].concat();
        let recipe = [vec![0, block.len().to_le_bytes()[0]], block].concat();
        assert_eq!(up_to(&raw, &recipe, 1 << 20), Err(StreamError::Recipe), "{tokens}");
    }
    // Empty blocks one after another are bounded by the recipe, and by the size of the result.
    let blocks: Vec<u8> = std::iter::repeat_n([0, 8, 0], 40).flatten().collect();
    let recipe = [vec![0, 120], blocks].concat();
    inflates_to_itself(&raw, &recipe, 1 << 20);
    assert_eq!(up_to(&raw, &recipe, 100), Err(StreamError::Long));
}

#[test]
fn packing_that_takes_too_much_work_is_given_up() {
    // Two letters, at random, with zlib's highest level: every place is like every other.
    let raw: Vec<u8> = noise(9, 100_000).iter().map(|byte| b'a' + byte % 2).collect();
    let packed = deflate(&raw, 9);
    // Another row may come near enough; this one is given up.
    assert!(Recipe::new(&packed, &raw).is_none_or(|recipe| recipe.0[0] != 1));
    assert_eq!(rebuild(&raw, &[1, 0], packed.len()), Err(StreamError::Work));
    let usual = deflate(&raw, 6);
    assert!(Recipe::new(&usual, &raw).is_some_and(|recipe| recipe.len() == 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bytes_from_anywhere_behind_a_header_come_back(
        headers in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 64..300)), 1..5),
    ) {
        let contents: Vec<u8> = headers.iter().flat_map(|(zip, bytes)| {
            if *zip {
                Entry { flags: 8, method: 8, sizes: (0, 0), packed: bytes }.bytes()
            } else {
                gzip(bytes, bytes)
            }
        }).collect();
        there_and_back(&contents);
    }

    #[test]
    fn bytes_from_anywhere_are_read_as_zlib_reads_them(
        first in prop::sample::select(vec![0_u8, 1, 2, 3, 4, 5]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        as_zlib_has_it(&bytes);
        as_zlib_has_it(&[vec![first], bytes].concat());
    }

    #[test]
    fn many_changes_at_once_are_read_as_zlib_reads_them(
        which in 0_usize..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut packed = streams().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(packed.len());
            packed[at] = value;
        }
        as_zlib_has_it(&packed);
    }

    #[test]
    fn recipes_from_anywhere_pack_these_bytes_or_nothing(
        seed in 0_u64..20,
        len in 0_usize..3000,
        row in 0_u8..50,
        blocks in prop::collection::vec(0_u8..32, 0..40),
        tokens in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let raw = text(seed, len);
        let length = u8::try_from(blocks.len()).expect("below 128");
        inflates_to_itself(&raw, &[vec![row, length], blocks.clone(), tokens.clone()].concat(), 1 << 20);
        inflates_to_itself(&raw, &[vec![row, 0], tokens].concat(), 1 << 20);
        inflates_to_itself(&raw, &blocks, 1 << 20);
    }

    #[test]
    fn what_is_measured_is_never_more_than_allowed(most in 0_usize..100_000, len in 0_usize..100_000) {
        let packed = deflate(&vec![b'x'; len], 6);
        let mut measure = Measure::new(most);
        let result = Inflate::new(&packed).all(&mut measure);
        prop_assert_eq!(result.is_ok(), len <= most);
        prop_assert!(measure.len() <= most);
    }
}
