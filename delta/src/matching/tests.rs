//! Promises of matching as a whole.

use proptest::prelude::*;

use super::*;

/// Bytes that look random and are always the same.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

fn equal_bytes(old: &[u8], new: &[u8], found: &[Equivalence]) -> usize {
    found
        .iter()
        .map(|e| {
            let pairs = old[e.old..e.old + e.len].iter().zip(&new[e.new..e.new + e.len]);
            pairs.filter(|(a, b)| a == b).count()
        })
        .sum()
}

#[test]
fn equal_sides_are_one_equivalence_across_all_segments() {
    let bytes = noise(1, 5 * 1024 * 1024);
    let found = equivalences(&bytes, &bytes).expect("small");
    assert_eq!(found, [Equivalence { old: 0, new: 0, len: bytes.len() }]);
}

#[test]
fn a_moved_block_is_found_where_it_went() {
    let (a, b) = (noise(1, 4000), noise(2, 3000));
    let old = [a.clone(), b.clone()].concat();
    let new = [b, a].concat();
    let found = equivalences(&old, &new).expect("small");
    let expected = [
        Equivalence { old: 4000, new: 0, len: 3000 },
        Equivalence { old: 0, new: 3000, len: 4000 },
    ];
    assert_eq!(found, expected);
}

#[test]
fn scattered_changes_stay_inside_one_equivalence() {
    let old = noise(3, 50_000);
    let mut new = old.clone();
    for at in (100..new.len()).step_by(40) {
        new[at] = new[at].wrapping_add(1);
    }
    let found = equivalences(&old, &new).expect("small");
    assert_eq!(found, [Equivalence { old: 0, new: 0, len: 50_000 }]);
}

#[test]
fn unrelated_sides_have_almost_nothing_in_common() {
    let (old, new) = (noise(4, 20_000), noise(5, 20_000));
    let found = equivalences(&old, &new).expect("small");
    assert!(equal_bytes(&old, &new, &found) < 2_000);
}

/// A scan that searches at every place would take hours for these.
#[test]
fn sides_full_of_repeats_take_no_longer() {
    let zeros = vec![0_u8; 3_000_000];
    let mut new = zeros.clone();
    for at in (0..new.len()).step_by(1000) {
        new[at] = 1;
    }
    let found = equivalences(&zeros, &new).expect("small");
    assert!(equal_bytes(&zeros, &new, &found) > 2_900_000);
    let period = b"abcdefg".repeat(300_000);
    let found = equivalences(&period, &period[3..]).expect("small");
    assert_eq!(equal_bytes(&period, &period[3..], &found), period.len() - 3);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let old = noise(6, 5 * 1024 * 1024);
    let mut new = old.clone();
    new.rotate_left(1_234_567);
    for at in (0..new.len()).step_by(777) {
        new[at] ^= 0x55;
    }
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| equivalences(&old, &new).expect("small"))
    };
    assert_eq!(with(1), with(4));
}

proptest! {
    #[test]
    fn the_rules_of_equivalences_are_kept(
        old in prop::collection::vec(0_u8..4, 0..300),
        new in prop::collection::vec(0_u8..4, 0..300),
    ) {
        let found = equivalences(&old, &new).expect("small");
        prop_assert!(keeps_its_rules(&old, &new, &found));
    }
}
