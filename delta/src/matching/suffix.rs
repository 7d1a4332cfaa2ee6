//! For each place in the new bytes, the two places in the old bytes that sort nearest to it.
//!
//! One suffix array over `new ++ old` puts every suffix of both sides in order. The longest match of a new
//! suffix is one of its two nearest old neighbours there, so two passes over the array find it for every place,
//! without a search and without a table of match lengths: the scan measures those, and only where it looks.
//!
//! Memory is the reason for every choice here. With both sides n bytes long: the text 2n, its array 8n, the
//! two neighbour lists 8n; the array is gone before the scan begins.

use libsais::SuffixArrayConstruction;

use crate::error::CreateError;

/// Old and new bytes together: suffixes are numbered with 31 bits, as twice the memory would help almost nobody.
pub const MAX_BOTH_SIDES: u64 = i32::MAX as u64;

/// Stands for "no old suffix on this side".
const NONE: u32 = u32::MAX;

/// The old suffixes that sort directly before and after each new one.
#[derive(Debug)]
pub(super) struct Neighbours {
    before: Vec<u32>,
    after: Vec<u32>,
}

impl Neighbours {
    /// The neighbours of the new suffix at `at`, in no order: offsets into the old bytes.
    pub(super) fn of(&self, at: usize) -> [Option<usize>; 2] {
        [self.before[at], self.after[at]].map(|old| (old != NONE).then(|| index(old)))
    }
}

fn index(value: u32) -> usize {
    usize::try_from(value).expect("every machine this runs on addresses 32 bits")
}

/// Sorts both sides and notes who stands next to whom.
pub(super) fn neighbours(old: &[u8], new: &[u8]) -> Result<Neighbours, CreateError> {
    let both = old.len() as u64 + new.len() as u64;
    if both > MAX_BOTH_SIDES {
        return Err(CreateError::TooLargeTogether { got: both, limit: MAX_BOTH_SIDES });
    }
    let array = sorted(old, new)?;
    let split = u32::try_from(new.len()).expect("both sides together fit into 31 bits");
    let (before, after) =
        rayon::join(|| nearest_old(array.iter(), split), || nearest_old(array.iter().rev(), split));
    Ok(Neighbours { before, after })
}

/// The suffix array of `new ++ old`. In this order an old suffix ends where the old bytes end, so what it
/// shares with another is never more than it has.
fn sorted(old: &[u8], new: &[u8]) -> Result<Vec<i32>, CreateError> {
    let text = [new, old].concat();
    SuffixArrayConstruction::for_text(&text)
        .in_owned_buffer32()
        .single_threaded()
        .run()
        .map(libsais::suffix_array::SuffixArrayWithText::into_vec)
        .map_err(|error| CreateError::Index { reason: format!("{error:?}") })
}

/// For each new suffix, the last old one met before it on the way through the array.
fn nearest_old<'a>(array: impl Iterator<Item = &'a i32>, split: u32) -> Vec<u32> {
    let mut nearest = vec![NONE; index(split)];
    let mut last_old = NONE;
    for suffix in array {
        let suffix = u32::try_from(*suffix).expect("a suffix array holds offsets");
        match suffix.checked_sub(split) {
            Some(old) => last_old = old,
            None => nearest[index(suffix)] = last_old,
        }
    }
    nearest
}
