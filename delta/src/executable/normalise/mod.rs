//! Tables whose numbers depend on where they stand, written so that they do not: same length, and reversible.
//!
//! Both sides of a patch are compared in this form, and the new side is put back at the end. A table that is
//! not built as expected stays as it is. What was done is told by the maker of a patch for the new side; the
//! old side is normalised alike by everyone, because it is only read.

mod frames;
mod functions;
mod index;
mod relocations;

use super::{Image, Kind, Section};

/// Which tables of an image are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tables {
    /// A bit for each section of the image: those that are.
    sections: u64,
}

/// Sections of an image that may be normalised: the first ones.
const MOST: usize = 60;
/// Larger tables stay as they are: making an index takes some times their size in memory. The largest programs
/// there are have frame tables of 20 MiB.
const MAX_TABLE: usize = 32 * 1024 * 1024;

impl Tables {
    /// Which ones are, as a number: a bit for each normalised section.
    pub(crate) fn bits(self) -> u64 {
        self.sections
    }

    /// Reads that number: `None` when it names a section that the image does not have, or that has no normal form.
    pub(crate) fn from_bits(bits: u64, image: &Image) -> Option<Self> {
        let tables = Self { sections: bits };
        let may_be = |(number, section)| tables.has(number) && may_be_normal(section);
        let named = image.sections.iter().enumerate().filter(|section| may_be(*section)).count();
        (usize::try_from(bits.count_ones()) == Ok(named)).then_some(tables)
    }

    /// Whether the section of this number is.
    pub(crate) fn has(self, section: usize) -> bool {
        section < MOST && self.sections >> section & 1 == 1
    }
}

/// Normalises the tables of an image within its contents and says which.
pub(crate) fn normalise(contents: &mut [u8], image: &Image) -> Tables {
    let mut tables = Tables::default();
    // The index is made from the frames, so it goes before they change, and comes back after them. Nothing else is
    // made from another table.
    for order in [Kind::FrameIndex, Kind::Frames, Kind::Relocations, Kind::Functions] {
        for (number, section) in sections(image, order) {
            if normalise_one(contents, image, section) {
                tables.sections |= 1 << number;
            }
        }
    }
    tables
}

fn sections(image: &Image, kind: Kind) -> impl DoubleEndedIterator<Item = (usize, &Section)> {
    image.sections.iter().enumerate().take(MOST).filter(move |(_, section)| section.kind == kind)
}

/// Whether a section is a table with a normal form.
fn may_be_normal(section: &Section) -> bool {
    !matches!(section.kind, Kind::Code | Kind::Data) && section.size <= MAX_TABLE
}

/// Whether the section was normalised; if not, it is as it was.
fn normalise_one(contents: &mut [u8], image: &Image, section: &Section) -> bool {
    if !may_be_normal(section) {
        return false;
    }
    match section.kind {
        Kind::FrameIndex => index::remove(contents, image, section).is_some(),
        Kind::Frames => {
            let original = contents[section.bytes()].to_vec();
            let done = frames::normalise(&mut contents[section.bytes()], section.address);
            if done.is_none() {
                contents[section.bytes()].copy_from_slice(&original);
            }
            done.is_some()
        }
        Kind::Relocations => {
            relocations::normalise(contents, image, section);
            true
        }
        Kind::Functions => {
            functions::normalise(&mut contents[section.bytes()]);
            true
        }
        Kind::Code | Kind::Data => false,
    }
}

/// Puts the tables of an image back that were normalised. What was not made by [`normalise`] becomes something.
pub(crate) fn restore(contents: &mut [u8], image: &Image, tables: Tables) {
    for order in [Kind::Functions, Kind::Relocations, Kind::Frames, Kind::FrameIndex] {
        for (number, section) in sections(image, order).rev() {
            if tables.has(number) {
                restore_one(contents, image, section);
            }
        }
    }
}

fn restore_one(contents: &mut [u8], image: &Image, section: &Section) {
    match section.kind {
        // What cannot be put back was not normalised here: the result is wrong, and its digest says so.
        Kind::FrameIndex => _ = index::insert(contents, image, section),
        Kind::Frames => _ = frames::restore(&mut contents[section.bytes()], section.address),
        Kind::Relocations => relocations::restore(contents, image, section),
        Kind::Functions => functions::restore(&mut contents[section.bytes()]),
        Kind::Code | Kind::Data => {}
    }
}

#[cfg(test)]
mod tests;
