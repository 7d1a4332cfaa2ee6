//! Where do references lead in the new version? A map from old addresses to new ones.
//!
//! It knows three things: which old bytes became which new ones (the equivalences, known before anything is
//! coded), to where references were seen to lead that are not among those (learnt as coding goes on), and what
//! lies near to such. Each answer says how sure it is.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::pieces::Piece;
use crate::executable::Space;

/// An equivalence shorter than this says nothing about where things moved: it may be there by chance.
const MEANINGFUL: usize = 16;
/// Something learnt counts for what lies up to this many bytes behind it.
const NEARBY: u64 = 4096;
/// Targets that are learnt at most; 16 MiB of memory. Real patches learn some ten thousands.
const MAX_LEARNT: usize = 1 << 19;
/// The same for places between the equivalences, which are kept in order.
const MAX_NEAR: usize = 1 << 16;

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Sureness {
    /// Taken from the nearest equivalence before it.
    Guessed = 0,
    /// Taken from something learnt not far before it.
    Near = 1,
    /// It lies in an equivalence.
    Mapped = 2,
    /// Another reference led there, or was said to.
    Learnt = 3,
}

/// Old bytes that became new ones, in addresses.
#[derive(Debug, Clone, Copy)]
struct Moved {
    start: u64,
    end: u64,
    /// What is added to an old address, wrapping.
    shift: u64,
}

/// Where old bytes moved: what the equivalences say about addresses.
#[derive(Debug)]
pub(super) struct Moves {
    /// Ascending, none overlapping another.
    moved: Vec<Moved>,
    lookup: Lookup,
}

impl Moves {
    /// What the pieces say. Of those that took the same old bytes, the longest counts.
    pub(super) fn of(pieces: &[Piece], old: &Space, new: &Space) -> Self {
        let mut claims: Vec<Claim> = Vec::new();
        for piece in pieces.iter().filter(|piece| piece.len() >= MEANINGFUL) {
            let (Some(from), Some(to)) = (old.place_of(piece.old()), new.place_of(piece.new_at()))
            else {
                continue;
            };
            let start = from.address(piece.old());
            let shift = to.address(piece.new_at()).wrapping_sub(start);
            let len = u32::try_from(piece.len()).expect("sides are smaller than 2^32");
            claims.push(Claim { start, shift, len });
        }
        let moved = divide(claims);
        let lookup = Lookup::of(&moved);
        Self { moved, lookup }
    }

    /// By how much the bytes of an address moved, or those before them, and which of the two.
    #[inline]
    pub(super) fn shift(&self, address: u64) -> (u64, bool) {
        match self.lookup.find(&self.moved, address) {
            Some(moved) => (moved.shift, address < moved.end),
            None => (self.moved.first().map_or(0, |moved| moved.shift), false),
        }
    }
}

/// The map from old addresses to new ones.
#[derive(Debug)]
pub(super) struct Targets<'m> {
    pub(super) moves: &'m Moves,
    learnt: Learnt,
    near: BTreeMap<u64, u64>,
}

impl<'m> Targets<'m> {
    /// Knows where bytes moved and nothing else yet.
    pub(super) fn new(moves: &'m Moves) -> Self {
        Self { moves, learnt: Learnt::default(), near: BTreeMap::new() }
    }

    /// The new address for an old one.
    #[inline]
    pub(super) fn new_address(&self, target: u64) -> (u64, Sureness) {
        if let Some(learnt) = self.learnt.get(target) {
            return (learnt, Sureness::Learnt);
        }
        let (shift, mapped) = self.moves.shift(target);
        if mapped {
            return (target.wrapping_add(shift), Sureness::Mapped);
        }
        if let Some((old, new)) = self.near.range(..=target).next_back()
            && target - old < NEARBY
        {
            return (new.wrapping_add(target - old), Sureness::Near);
        }
        (target.wrapping_add(shift), Sureness::Guessed)
    }

    /// Learns that a reference to `old` leads to `new` now, where `expected` was predicted.
    pub(super) fn learn(&mut self, old: u64, new: u64, expected: u64) {
        if new != expected || self.learnt.get(old).is_some() {
            self.learnt.set(old, new);
        }
        if self.near.len() < MAX_NEAR && !self.moves.shift(old).1 {
            self.near.insert(old, new);
        }
    }
}

/// Old addresses that a piece took.
#[derive(Debug, Clone, Copy)]
struct Claim {
    start: u64,
    shift: u64,
    len: u32,
}

impl Claim {
    fn end(&self) -> u64 {
        self.start + u64::from(self.len)
    }
}

/// Gives every address that was claimed to the longest claim to it; of equals to the one that begins first, and then to
/// the one that stands first.
///
/// A sweep over the addresses, in memory of some ten bytes for each claim beside the claims and the result: a patch may
/// have one for every 32 new bytes.
fn divide(mut claims: Vec<Claim>) -> Vec<Moved> {
    // Stable: the order in which claims stand is the last thing that decides.
    claims.sort_by_key(|claim| claim.start);
    let mut moved: Vec<Moved> = Vec::new();
    // Claims that have begun, by their number; the one that counts on top.
    let mut begun: BinaryHeap<(u32, Reverse<u32>)> = BinaryHeap::new();
    let claim_of = |number: u32| claims[number as usize];
    let mut next = 0_u32;
    let (mut at, mut last) = (0, None);
    loop {
        while begun.peek().is_some_and(|(_, top)| claim_of(top.0).end() <= at) {
            begun.pop();
        }
        let coming = claims.get(next as usize);
        let top = begun.peek().map(|(_, top)| top.0);
        if let Some(top) = top {
            let Claim { shift, .. } = claim_of(top);
            let end = claim_of(top).end();
            let until = coming.map_or(end, |coming| coming.start.min(end));
            if at < until {
                match moved.last_mut() {
                    Some(before) if last == Some(top) && before.end == at => before.end = until,
                    _ => moved.push(Moved { start: at, end: until, shift }),
                }
                (at, last) = (until, Some(top));
            }
        }
        match coming {
            Some(coming) if top.is_none() || coming.start == at => {
                at = coming.start;
                begun.push((coming.len, Reverse(next)));
                next += 1;
            }
            None if top.is_none() => return moved,
            _ => {}
        }
    }
}

/// Finds the last of sorted intervals that begins at an address or before it: a table leads to a few candidates.
#[derive(Debug)]
struct Lookup {
    first: u64,
    bits: u32,
    /// For each stretch of 2^`bits` addresses, the number of intervals that begin before it.
    before: Vec<u32>,
}

impl Lookup {
    fn of(moved: &[Moved]) -> Self {
        let first = moved.first().map_or(0, |moved| moved.start);
        let span = moved.last().map_or(0, |moved| moved.start) - first;
        // Two stretches for each interval. Where images lie far apart most are empty, and the search is longer.
        let most = (moved.len() as u64 * 2).max(1);
        let bits = (0..63).find(|bits| span >> bits < most).unwrap_or(63);
        let stretches = usize::try_from(span >> bits).expect("at most twice the intervals") + 2;
        let mut before = Vec::with_capacity(stretches);
        let mut passed = 0;
        for stretch in 0..stretches as u64 {
            while moved.get(passed).is_some_and(|moved| (moved.start - first) >> bits < stretch) {
                passed += 1;
            }
            before.push(u32::try_from(passed).expect("fewer than new bytes"));
        }
        Self { first, bits, before }
    }

    #[inline]
    fn find<'m>(&self, moved: &'m [Moved], address: u64) -> Option<&'m Moved> {
        let stretch = usize::try_from(address.checked_sub(self.first)? >> self.bits).ok()?;
        let (from, to) = match self.before.get(stretch..) {
            Some([from, to, ..]) => (*from as usize, *to as usize),
            _ => (moved.len(), moved.len()),
        };
        let after = from + moved[from..to].partition_point(|moved| moved.start <= address);
        moved[..after].last()
    }
}

/// New addresses by old ones: a hash table with linear probing, because a lookup comes for every reference.
#[derive(Debug, Default)]
struct Learnt {
    /// Old address plus one, so that zero is free; new address.
    slots: Vec<(u64, u64)>,
    used: usize,
}

impl Learnt {
    const FIRST: usize = 1 << 10;

    #[inline]
    fn get(&self, old: u64) -> Option<u64> {
        if self.slots.is_empty() {
            return None;
        }
        let (key, new) = self.slots[self.slot(old)];
        (key != 0).then_some(new)
    }

    fn set(&mut self, old: u64, new: u64) {
        if self.slots.is_empty() {
            self.slots = vec![(0, 0); Self::FIRST];
        }
        let slot = self.slot(old);
        if self.slots[slot].0 != 0 {
            self.slots[slot].1 = new;
            return;
        }
        if self.used == MAX_LEARNT {
            return;
        }
        self.slots[slot] = (old.wrapping_add(1), new);
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let larger = vec![(0, 0); self.slots.len() * 2];
            for (key, new) in std::mem::replace(&mut self.slots, larger) {
                if key != 0 {
                    let slot = self.slot(key.wrapping_sub(1));
                    self.slots[slot] = (key, new);
                }
            }
        }
    }

    /// Where it is, or the free place where it belongs.
    #[inline]
    fn slot(&self, old: u64) -> usize {
        let mask = self.slots.len() - 1;
        let hash = old.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let mut slot = usize::try_from(hash).expect("32 bits") & mask;
        while self.slots[slot].0 != 0 && self.slots[slot].0 != old.wrapping_add(1) {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim((start, len, shift): (u64, u32, u64)) -> Claim {
        Claim { start, shift, len }
    }

    /// Whose each address is, one by one.
    fn owner(claims: &[Claim], address: u64) -> Option<u64> {
        let claiming = claims.iter().filter(|claim| (claim.start..claim.end()).contains(&address));
        // Of equals, `min_by_key` gives the first.
        claiming.min_by_key(|claim| (Reverse(claim.len), claim.start)).map(|claim| claim.shift)
    }

    proptest! {
        #[test]
        fn every_address_is_its_longest_claims(
            claims in prop::collection::vec((0_u64..200, 1_u32..60, 0_u64..4), 0..40),
        ) {
            let claims: Vec<Claim> = claims.into_iter().map(claim).collect();
            let moved = divide(claims.clone());
            for pair in moved.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start, "{moved:?}");
            }
            for address in 0..300 {
                let found =
                    moved.iter().find(|moved| (moved.start..moved.end).contains(&address));
                let found = found.map(|moved| moved.shift);
                prop_assert_eq!(found, owner(&claims, address), "{}", address);
            }
        }
    }

    #[test]
    fn what_one_claim_owns_in_one_stretch_is_one() {
        // Short ones begin and end within a long one, and one sticks out.
        let claims = [(10, 100, 1), (20, 5, 2), (20, 99, 3), (90, 30, 4)].map(claim);
        let moved: Vec<_> = divide(claims.to_vec())
            .into_iter()
            .map(|Moved { start, end, shift }| (start, end, shift))
            .collect();
        assert_eq!(moved, [(10, 110, 1), (110, 119, 3), (119, 120, 4)]);
        assert!(divide(Vec::new()).is_empty());
    }
}
