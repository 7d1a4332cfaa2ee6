//! Streams of encoders that are known, known in part and unknown.

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use updraft_protocol::Digest;

use super::*;
use crate::container::{
    habits::HABITS,
    inflate::{Inflate, Kind, Token, Tokens},
    rebuild::up_to,
    recipe::write,
    trees::{Counts, Plan},
};

/// A stream that shows the habits of a row and nothing else.
fn by_row(row: usize, raw: &[u8]) -> Vec<u8> {
    let row = u8::try_from(row).expect("below 128");
    up_to(raw, &[row, 0], usize::MAX).expect("any bytes can be packed")
}

#[test]
fn a_stream_of_zlib_has_a_recipe_of_two_bytes_at_every_level() {
    let raw = text(1, 400_000);
    for level in 1..=9 {
        assert_eq!(recipe_of(&deflate(&raw, level), &raw), Some(2), "level {level}");
    }
}

#[test]
fn short_streams_of_zlib_have_short_ones() {
    for len in (70..4000).step_by(131) {
        let raw = [noise(len, 90), text(len, usize::try_from(len).expect("small"))].concat();
        for level in [1, 6, 9] {
            let recipe = recipe_of(&deflate(&raw, level), &raw);
            assert!(recipe.is_some_and(|recipe| recipe < 20), "{recipe:?} at level {level}");
        }
    }
}

#[test]
fn what_zlib_could_not_compress_is_packed_again_too() {
    let raw = [noise(1, 100_000), text(2, 20_000), noise(3, 50_000), text(4, 300)].concat();
    for level in [1, 3, 6, 9] {
        let recipe = recipe_of(&deflate(&raw, level), &raw).expect("found");
        assert!(recipe < 200, "{recipe} at level {level}");
    }
    let recipe = recipe_of(&deflate(&raw, 0), &raw).expect("found");
    assert!(recipe < 40, "{recipe} for stored blocks only");
}

#[test]
fn long_runs_and_small_alphabets_are_packed_again() {
    let zeros = vec![0; 3_000_000];
    let few: Vec<u8> = noise(5, 100_000).iter().map(|byte| b'a' + byte % 3).collect();
    let lines =
        (0..6000).map(|line| format!("{:05},0,0,0,0\n", line * 7919 % 99_991)).collect::<String>();
    for raw in [zeros, few, lines.into_bytes()] {
        for level in [1, 6, 9] {
            assert_eq!(recipe_of(&deflate(&raw, level), &raw), Some(2), "level {level}");
        }
    }
}

#[test]
fn flushes_in_the_middle_cost_a_few_bytes_each() {
    let raw = text(6, 200_000);
    for flush in [FlushCompress::Sync, FlushCompress::Full, FlushCompress::Partial] {
        let mut encoder = Compress::new(Compression::new(6), false);
        let mut packed = Vec::with_capacity(300_000);
        for part in raw.chunks(30_000) {
            encoder.compress_vec(part, &mut packed, flush).expect("compresses");
        }
        encoder.compress_vec(&[], &mut packed, FlushCompress::Finish).expect("compresses");
        let recipe = recipe_of(&packed, &raw);
        // After a full one zlib has forgotten all that the guesses know.
        if !matches!(flush, FlushCompress::Full) {
            assert!(recipe.is_some_and(|recipe| recipe < 200), "{recipe:?} after {flush:?}");
        }
    }
}

#[test]
fn zlib_rs_is_known_at_most_levels() {
    let raw = text(7, 300_000);
    for level in 1..=9 {
        let config =
            zlib_rs::DeflateConfig { level, window_bits: -15, ..zlib_rs::DeflateConfig::default() };
        let mut out = vec![0; 400_000];
        let (packed, _) = zlib_rs::compress_slice(&mut out, &raw, config);
        let recipe = recipe_of(packed, &raw);
        if (3..=8).contains(&level) {
            assert!(recipe.is_some_and(|recipe| recipe < 100), "{recipe:?} at level {level}");
        }
    }
}

#[test]
fn an_unknown_encoder_is_followed_or_left_alone() {
    let raw = text(8, 200_000);
    for level in [1, 3, 6, 9] {
        let packed = miniz_oxide::deflate::compress_to_vec(&raw, level);
        let recipe = recipe_of(&packed, &raw);
        assert!(recipe.is_none_or(|recipe| recipe <= packed.len() / 2), "{recipe:?}");
    }
}

#[test]
fn every_row_of_habits_is_told_by_its_streams() {
    let raw = text(9, 60_000);
    for row in 0..HABITS.len() {
        let packed = by_row(row, &raw);
        let recipe = recipe_of(&packed, &raw);
        // Others may do nearly as well on so few bytes.
        assert!(recipe.is_some_and(|recipe| recipe <= 100), "{recipe:?} for row {row}");
    }
}

/// Recipes of any age are read with these rows: who changes what one means breaks patches that are in use.
#[test]
fn what_the_rows_mean_does_not_change() {
    let raw = [text(10, 120_000), noise(11, 3_000), text(10, 40_000)].concat();
    let all: Vec<u8> = (0..HABITS.len()).flat_map(|row| by_row(row, &raw)).collect();
    let expected = "b3:f2c78e102c82c78872d65033b280cefeafa36ab8923b9e911b4e001ff7d46ad5";
    assert_eq!(Digest::of(&all).to_string(), expected);
}

/// The same for how departures are written: every row's stream as another row has it.
#[test]
fn what_recipes_say_does_not_change() {
    let raw = [noise(13, 70_000), text(12, 60_000)].concat();
    let mut all = Vec::new();
    for row in 0..HABITS.len() {
        let packed = by_row((row + 17) % HABITS.len(), &raw);
        let recipe = write(&packed, &raw, row, raw.len(), usize::MAX).expect("of any length");
        assert!(up_to(&raw, &recipe, packed.len()).expect("right") == packed, "row {row}");
        all.extend(recipe);
    }
    let expected = "b3:570094f9b0c37b8d9e4194a10cd68c0d83e75def1e820f4d0d3b46b1afa02689";
    assert_eq!(Digest::of(&all).to_string(), expected);
}

/// Bits that all codes of these lengths take of one bit: 2¹⁵ when they are complete.
fn kraft(lengths: &[u8]) -> u32 {
    lengths.iter().filter(|length| **length > 0).map(|length| 1 << (15 - length)).sum()
}

fn complete_and_short(counts: &Counts) {
    let plan = Plan::new(counts);
    assert_eq!(kraft(&plan.own.literals), 1 << 15);
    assert_eq!(kraft(&plan.own.distances), 1 << 15);
    let coded = |counts: &[u32], lengths: &[u8]| {
        let short =
            |symbol: usize| lengths.get(symbol).is_some_and(|length| (1..=15).contains(length));
        (0..counts.len()).filter(|symbol| counts[*symbol] > 0).all(short)
    };
    assert!(coded(&counts.literals, &plan.own.literals));
    assert!(coded(&counts.distances, &plan.own.distances));
}

#[test]
fn codes_that_would_be_too_long_are_cut() {
    for symbols in 1..30 {
        // Weights that grow like this make the longest codes there can be.
        let mut counts = Counts::new();
        let (mut one, mut other) = (1, 1);
        for symbol in 0..symbols {
            counts.literals[symbol * 7] = one;
            counts.distances[symbol] = one;
            (one, other) = (other, one + other);
        }
        complete_and_short(&counts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn codes_are_complete_and_short(
        literals in prop::collection::vec((0_usize..286, 0_u32..18, any::<u32>()), 0..400),
        distances in prop::collection::vec((0_usize..30, 0_u32..18, any::<u32>()), 0..40),
    ) {
        let mut counts = Counts::new();
        for (symbol, bits, count) in literals {
            counts.literals[symbol] = counts.literals[symbol].max(count % (1 << bits));
        }
        for (symbol, bits, count) in distances {
            counts.distances[symbol] = counts.distances[symbol].max(count % (1 << bits));
        }
        complete_and_short(&counts);
    }

    #[test]
    fn any_bytes_are_packed_by_any_row_and_inflate_to_themselves(
        row in 0..HABITS.len(),
        parts in prop::collection::vec((any::<u8>(), 1_usize..700), 0..60),
    ) {
        let raw: Vec<u8> = parts.iter().flat_map(|(seed, len)| text(u64::from(*seed % 9), *len)).collect();
        let packed = by_row(row, &raw);
        prop_assert_eq!(miniz_oxide::inflate::decompress_to_vec(&packed).expect("deflate"), raw);
    }
}

/// Most encoders cannot write these blocks; the format can.
#[test]
fn blocks_without_tokens_and_blocks_of_two_kinds_are_packed_again() {
    let raw = text(12, 5000);
    let packed = deflate(&raw, 6);
    let mut tokens = Tokens::default();
    let block = Inflate::new(&packed).block(&mut tokens).expect("a block");
    assert!(matches!(block.kind, Kind::Own(_)));
    assert!(tokens.as_slice().iter().any(|token| *token != Token::LITERAL));
    // Stored and empty, twice; fixed and empty, four times, which are whole bytes; then zlib's.
    let mut bits = super::super::bits::BitWriter::default();
    for _ in 0..2 {
        bits.put(0, 3);
        bits.put_bytes(&[0, 0, 0xff, 0xff]);
    }
    for _ in 0..4 {
        bits.put(2, 10);
    }
    bits.put_bits_of(&packed, 8 * packed.len());
    let recipe = recipe_of(&bits.finish(), &raw);
    assert!(recipe.is_some_and(|recipe| recipe < 40), "{recipe:?}");
}
