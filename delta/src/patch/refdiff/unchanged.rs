//! What of both sides is not looked at, because it is the same: whole files, mostly.
//!
//! It is copied when a patch is applied, from where it lies in the old contents. The rest of the new contents is the
//! patch's business, and is called changed here. Images and compressed streams are changed as a whole or not at
//! all.

use std::ops::Range;

use super::{
    super::varint::{fold, unfold},
    pieces::Sizes,
};
use crate::{
    entropy::{Coder, Numbers},
    error::PatchError,
    matching::{self, Equivalence, SHORTEST_STRETCH},
};

/// Old contents up to this size are compared whole: what is new may be like a file that stays. Larger ones without
/// what is the same, to save memory on both sides.
const COMPARED_WHOLE: usize = 64 * 1024 * 1024;

/// What is the same on both sides, and what of the old side is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unchanged {
    /// In the order of the new contents, none overlapping another there.
    stretches: Vec<Equivalence>,
    sizes: Sizes,
    old_whole: bool,
}

/// Contexts of numbers.
mod context {
    pub(super) const OLD_WHOLE: usize = 0;
    pub(super) const COUNT: usize = 1;
    pub(super) const GAP: usize = 2;
    pub(super) const SEEK: usize = 3;
    pub(super) const LEN: usize = 4;
    pub(super) const ALL: usize = 5;
}

impl Unchanged {
    /// Finds what is the same. No stretch begins or ends within what is to stay whole on its side.
    pub(super) fn find(old: (&[u8], &[Range<usize>]), new: (&[u8], &[Range<usize>])) -> Self {
        let found = matching::stretches(old.0, new.0);
        let stretches = found.into_iter().filter_map(|stretch| {
            let stretch = within(stretch, new.1, |stretch| stretch.new)?;
            let stretch = within(stretch, old.1, |stretch| stretch.old)?;
            // What was cut off for one side may have moved a border of the other.
            within(stretch, new.1, |stretch| stretch.new)
        });
        let sizes = Sizes { old: old.0.len(), new: new.0.len() };
        Self { stretches: stretches.collect(), sizes, old_whole: sizes.old <= COMPARED_WHOLE }
    }

    /// Codes the stretches: gaps between them, where they come from, how long they are.
    pub(super) fn code<C: Coder>(
        coder: &mut C,
        sizes: Sizes,
        known: Option<&Self>,
    ) -> Result<Self, PatchError> {
        let mut numbers = Numbers::new(context::ALL);
        let old_whole = known.is_none_or(|known| known.old_whole);
        let old_whole = match numbers.code(coder, context::OLD_WHOLE, u64::from(!old_whole)) {
            0 => true,
            1 => false,
            got => return Err(PatchError::Impossible { field: "what is compared", got }),
        };
        let known = known.map_or(&[][..], |known| &known.stretches);
        let count = numbers.code(coder, context::COUNT, known.len() as u64);
        let most = (sizes.new / SHORTEST_STRETCH) as u64;
        if count > most {
            return Err(PatchError::TooScattered { got: count, limit: most });
        }
        let mut stretches = Vec::new();
        let (mut old_end, mut new_end) = (0_u64, 0_u64);
        for record in 0..count {
            let known = usize::try_from(record).ok().and_then(|record| known.get(record));
            let known =
                known.copied().unwrap_or(Equivalence { old: 0, new: 0, len: SHORTEST_STRETCH });
            let gap = numbers.code(coder, context::GAP, (known.new as u64).saturating_sub(new_end));
            let seek = (known.old as u64).wrapping_sub(old_end).cast_signed();
            let seek = unfold(numbers.code(coder, context::SEEK, fold(seek)));
            let len = known.len.saturating_sub(SHORTEST_STRETCH) as u64;
            let len =
                numbers.code(coder, context::LEN, len).saturating_add(SHORTEST_STRETCH as u64);
            let (old, new) = (i128::from(old_end) + i128::from(seek), new_end.saturating_add(gap));
            let (old_size, new_size) = (sizes.old as u64, sizes.new as u64);
            if new.saturating_add(len) > new_size {
                return Err(PatchError::OutsideNew { record, at: new, new_size });
            }
            let inside = u64::try_from(old).ok().filter(|old| old.saturating_add(len) <= old_size);
            let Some(old) = inside else {
                return Err(PatchError::OutsideOld { record, at: old, len, old_size });
            };
            (old_end, new_end) = (old + len, new + len);
            let index =
                |checked| usize::try_from(checked).expect("inside contents that are in memory");
            stretches.push(Equivalence { old: index(old), new: index(new), len: index(len) });
        }
        Ok(Self { stretches, sizes, old_whole })
    }

    /// Bytes of both sides.
    pub(super) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// What is the same.
    pub(super) fn stretches(&self) -> &[Equivalence] {
        &self.stretches
    }

    /// The old contents that are compared, ascending.
    pub(super) fn compared_old(&self) -> Vec<Range<usize>> {
        if self.old_whole {
            return others(&[], self.sizes.old);
        }
        let mut same: Vec<Range<usize>> =
            self.stretches.iter().map(|stretch| stretch.old..stretch.old + stretch.len).collect();
        same.sort_by_key(|range| (range.start, range.end));
        others(&same, self.sizes.old)
    }

    /// The new contents that changed, ascending.
    pub(super) fn changed_new(&self) -> Vec<Range<usize>> {
        let same: Vec<Range<usize>> =
            self.stretches.iter().map(|stretch| stretch.new..stretch.new + stretch.len).collect();
        others(&same, self.sizes.new)
    }
}

/// What of `0..size` is in none of these ranges, which ascend and may overlap.
fn others(ranges: &[Range<usize>], size: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    for range in ranges {
        if from < range.start {
            found.push(from..range.start);
        }
        from = from.max(range.end);
    }
    if from < size {
        found.push(from..size);
    }
    found
}

/// The stretch without what of it lies in ranges that go on beyond its ends; `None` if that leaves too little.
fn within(
    stretch: Equivalence,
    whole: &[Range<usize>],
    side: impl Fn(&Equivalence) -> usize,
) -> Option<Equivalence> {
    let (mut start, mut end) = (side(&stretch), side(&stretch) + stretch.len);
    let first = whole.partition_point(|range| range.end <= start);
    if let Some(range) = whole.get(first).filter(|range| range.start < start) {
        start = range.end;
    }
    let last = whole.partition_point(|range| range.start < end);
    if let Some(range) = whole[..last].last().filter(|range| range.end > end) {
        end = range.start;
    }
    if end < start || end - start < SHORTEST_STRETCH {
        return None;
    }
    let cut = start - side(&stretch);
    Some(Equivalence { old: stretch.old + cut, new: stretch.new + cut, len: end - start })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{Reader, Writer};

    const SIZES: Sizes = Sizes { old: 1_000_000, new: 900_000 };

    fn part(old: usize, new: usize, len: usize) -> Equivalence {
        Equivalence { old, new, len }
    }

    fn known(old_whole: bool) -> Unchanged {
        let stretches =
            vec![part(500_000, 10, 100_000), part(0, 200_000, 65_536), part(0, 300_000, 70_000)];
        Unchanged { stretches, sizes: SIZES, old_whole }
    }

    fn written(known: &Unchanged) -> Vec<u8> {
        let mut coder = Writer::new();
        Unchanged::code(&mut coder, SIZES, Some(known)).expect("inside");
        coder.finish()
    }

    #[test]
    fn what_was_written_is_read() {
        for old_whole in [true, false] {
            let known = known(old_whole);
            let bytes = written(&known);
            assert_eq!(
                Unchanged::code(&mut Reader::new(&bytes), SIZES, None).expect("honest"),
                known
            );
        }
    }

    #[test]
    fn what_is_not_the_same_is_left() {
        let unchanged = known(false);
        assert_eq!(unchanged.compared_old(), [70_000..500_000, 600_000..1_000_000]);
        let changed = [0..10, 100_010..200_000, 265_536..300_000, 370_000..900_000];
        assert_eq!(unchanged.changed_new(), changed);
        assert_eq!(known(true).compared_old(), others(&[], SIZES.old));
    }

    #[test]
    fn stretches_outside_of_either_side_are_refused() {
        for stretch in [part(940_000, 0, 70_000), part(0, 840_000, 70_000)] {
            let lie = Unchanged { stretches: vec![stretch], sizes: SIZES, old_whole: true };
            let larger = Sizes { old: 2_000_000, new: 2_000_000 };
            let mut coder = Writer::new();
            Unchanged::code(&mut coder, larger, Some(&lie)).expect("inside of larger sides");
            let bytes = coder.finish();
            let error =
                Unchanged::code(&mut Reader::new(&bytes), SIZES, None).expect_err("outside");
            let named =
                matches!(error, PatchError::OutsideOld { .. } | PatchError::OutsideNew { .. });
            assert!(named, "{error:?}");
        }
    }

    #[test]
    fn whole_things_are_not_cut() {
        let stretch = part(1000, 0, 300_000);
        let whole = |ranges: &[Range<usize>]| within(stretch, ranges, |stretch| stretch.new);
        assert_eq!(whole(&[]), Some(stretch));
        assert_eq!(whole(&[10..20, 200_000..300_000]), Some(stretch));
        assert_eq!(whole(&[10..20, 290_000..300_001]), Some(part(1000, 0, 290_000)));
        assert_eq!(whole(&[0..400_000, 500_000..600_000]), None);
        let other = |ranges: &[Range<usize>]| within(stretch, ranges, |stretch| stretch.old);
        assert_eq!(other(&[500..51_000, 400_000..500_000]), Some(part(51_000, 50_000, 250_000)));
    }
}
