//! Which parts of the new bytes resemble which old ones.
//!
//! ```text
//!  new ++ old ─ suffix.rs ─▶ for each place in new: its two nearest neighbours in old
//!                              └─ scan.rs ─▶ Equivalence, Equivalence, … (in order of new, never overlapping)
//! ```
//!
//! For patches that know of references, in the same form:
//!
//! ```text
//!  old, new ─ stretches.rs ─▶ what stands on both sides, and is not looked at any more
//!  Side, Side ─ project.rs ─▶ references as marks ─ kmers.rs, segment.rs ─▶ Equivalence, … ─ refine.rs ─▶ their ends
//! ```
//!
//! Matching only proposes. A patch made from any list of equivalences that keeps the rules of [`Equivalence`]
//! is right; from a good one it is small.

mod kmers;
mod project;
mod refine;
mod scan;
mod segment;
mod steps;
mod stretches;
mod suffix;

pub(crate) use stretches::{SHORTEST as SHORTEST_STRETCH, stretches};
pub use suffix::MAX_BOTH_SIDES;

use crate::{error::CreateError, executable::Side};

/// A stretch of new bytes that resembles a stretch of old bytes of the same length.
///
/// "Resembles" means that most bytes are equal: code whose addresses moved differs in a few places of each
/// hundred. In a list, equivalences are in ascending order of `new`, do not overlap there, have at least one
/// byte and lie inside both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Equivalence {
    /// First byte in the old contents.
    pub old: usize,
    /// First byte in the new contents.
    pub new: usize,
    /// Number of bytes; at least 1.
    pub len: usize,
}

/// Finds what of `new` resembles `old`.
///
/// Takes time in proportion to both sides together whatever their contents, memory of at most ten bytes for
/// each of theirs, and gives the same list on any number of threads. Refuses more than [`MAX_BOTH_SIDES`].
pub fn equivalences(old: &[u8], new: &[u8]) -> Result<Vec<Equivalence>, CreateError> {
    if old.is_empty() || new.is_empty() {
        return Ok(Vec::new());
    }
    let neighbours = suffix::neighbours(old, new)?;
    let found = scan::scan(old, new, &neighbours);
    debug_assert!(keeps_its_rules(old, new, &found), "an equivalence is out of place");
    Ok(found)
}

/// Finds what of the new side resembles the old one, references counting as what they lead to.
///
/// Takes time in proportion to both sides for real contents, memory of at most ten bytes for each of their
/// bytes, and gives the same list on any number of threads.
pub(crate) fn resembling(old: &Side, new: &Side) -> Vec<Equivalence> {
    let (old, new) = rayon::join(|| project::project(old), || project::project(new));
    let found = segment::segment(&segment::Index::of(&old), &new);
    debug_assert!(keeps_its_rules(&old, &new, &found), "an equivalence is out of place");
    found
}

fn keeps_its_rules(old: &[u8], new: &[u8], found: &[Equivalence]) -> bool {
    found.iter().all(|e| e.len > 0 && e.old + e.len <= old.len() && e.new + e.len <= new.len())
        && found.windows(2).all(|pair| pair[0].new + pair[0].len <= pair[1].new)
}

#[cfg(test)]
mod tests;
