//! Just enough about executables to know which byte lies at which address.
//!
//! A new version of a program is mostly the old one with everything moved a little, and every reference to
//! what moved changes with it. Whoever knows which address each byte has can follow a reference to its target
//! and say what it has to become. [`Image`] is that knowledge: sections of a file with their addresses, and
//! what kind of bytes they hold. Three parsers give it; nobody else knows a file format, and `go.rs` knows what one
//! compiler writes into all of them.
//!
//! ```text
//!  elf.rs  pe.rs  macho.rs ──▶ Image ──▶ find.rs     which images lie in these contents?
//!                                        space.rs    offset ◀──▶ address, over all images
//!  references.rs   what leads where          normalise/  tables whose numbers depend on where they stand
//!  side.rs         all of that for one side of a patch
//! ```
//!
//! What these parsers make of a file is part of the patch formats: who applies a patch parses the old contents
//! again and has to see what its maker saw. A file that is not what it claims to be gives no image and is
//! matched as plain bytes; wrong knowledge costs bytes of a patch and never makes a wrong result.

mod elf;
mod find;
mod go;
mod macho;
mod normalise;
mod pe;
mod reader;
pub(crate) mod references;
mod side;
mod space;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use find::{MAX_ALL_SECTIONS, MAX_IMAGES, at, extents, find};
pub(crate) use normalise::{Tables, normalise, restore};
pub(crate) use side::{Normal, Side};
pub(crate) use space::{Place, Space, first_address};

use std::ops::Range;

use reader::Reader;

/// Sections of one image. A file of more than half as many parts is matched as plain bytes.
pub(crate) const MAX_SECTIONS: usize = 512;

/// Parts of one file: `n` of them that overlap become at most `2n - 1` sections.
const MAX_PARTS: usize = MAX_SECTIONS / 2;

/// Addresses that 32-bit numbers of an image's data may be relative to.
pub(crate) const MAX_BASES: usize = 8;

/// No address of an image is larger. What 64-bit machines give to programs ends at 2^47.
pub(crate) const MAX_ADDRESS: u64 = 1 << 48;

/// The instructions of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Machine {
    /// x86-64, little endian.
    X86,
    /// arm64, little endian.
    Arm,
}

/// What the bytes of a section are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Instructions.
    Code,
    /// Anything that is loaded and not executed.
    Data,
    /// ELF's relocations with addends (`Elf64_Rela`, 24 bytes each).
    Relocations,
    /// ELF's `.eh_frame`: how to unwind the stack, a record for each function.
    Frames,
    /// ELF's `.eh_frame_hdr`: a sorted table over the records of [`Kind::Frames`].
    FrameIndex,
    /// PE's `.pdata` on x86-64: first byte, end and unwind data of each function, 12 bytes each.
    Functions,
}

impl Kind {
    /// All kinds, in the order of their numbers in a patch.
    pub(crate) const ALL: [Self; 6] = [
        Self::Code,
        Self::Data,
        Self::Relocations,
        Self::Frames,
        Self::FrameIndex,
        Self::Functions,
    ];
}

/// Consecutive bytes of the contents that are loaded at consecutive addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section {
    /// Where its bytes begin in the contents.
    pub(crate) offset: usize,
    /// Number of bytes, at least one.
    pub(crate) size: usize,
    /// Address of its first byte.
    pub(crate) address: u64,
    /// What its bytes are.
    pub(crate) kind: Kind,
    /// A number made of its name: sections of the same name hold bytes of the same sort.
    pub(crate) label: u8,
}

impl Section {
    /// Its bytes in the contents.
    pub(crate) fn bytes(&self) -> Range<usize> {
        self.offset..self.offset + self.size
    }
}

/// One executable or library among the contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Where the file begins in the contents.
    pub(crate) at: usize,
    /// Its instructions.
    pub(crate) machine: Machine,
    /// Ascending by offset, none overlapping another; at least one, at most [`MAX_SECTIONS`].
    pub(crate) sections: Vec<Section>,
    /// Every address that is used when it is loaded, those without bytes in the file too.
    pub(crate) addresses: Range<u64>,
    /// What 32-bit numbers in its data may be relative to, at most [`MAX_BASES`].
    pub(crate) bases: Vec<u64>,
}

impl Image {
    /// Where its last section ends in the contents.
    pub(crate) fn end(&self) -> usize {
        self.sections.last().map_or(self.at, |section| section.bytes().end)
    }
}

/// What a file says about itself, not yet believed.
#[derive(Debug)]
struct Claim {
    machine: Machine,
    /// Offsets count from the beginning of the file. Of parts that overlap, the earlier in the list counts.
    parts: Vec<Part>,
    addresses: Range<u64>,
    bases: Vec<u64>,
    /// The part that may hold Go's table of functions.
    go: Option<Part>,
}

/// A section as a file claims it to be.
#[derive(Debug, Clone, Copy)]
struct Part {
    offset: u64,
    size: u64,
    address: u64,
    kind: Kind,
    label: u8,
}

impl Claim {
    /// The image, if all of it can be true of a file that begins at `at` of the contents and goes no further
    /// than `file` does.
    fn check(self, at: usize, file: Reader<'_>) -> Option<Image> {
        let Self { machine, parts, addresses, mut bases, go } = self;
        if addresses.is_empty() || addresses.end > MAX_ADDRESS || parts.len() > MAX_PARTS {
            return None;
        }
        let mut sections: Vec<Section> = Vec::new();
        for part in parts {
            if part.offset.checked_add(part.size)? > file.len() {
                return None;
            }
            if part.lies_in(&addresses) {
                add_uncovered(&mut sections, part, at);
            }
        }
        if sections.is_empty() {
            return None;
        }
        // Searching it comes last: its bytes belong to this image now, and are looked through only once.
        if let Some(part) = go.filter(|part| part.lies_in(&addresses)) {
            bases.extend(go::tables(file, &part));
        }
        bases.retain(|base| addresses.contains(base));
        bases.truncate(MAX_BASES);
        Some(Image { at, machine, sections, addresses, bases })
    }
}

impl Part {
    fn lies_in(&self, addresses: &Range<u64>) -> bool {
        let end = self.address.checked_add(self.size);
        self.address >= addresses.start && end.is_some_and(|end| end <= addresses.end)
    }
}

/// Adds what of a part lies in no section yet, in its place. The part lies within the contents.
fn add_uncovered(sections: &mut Vec<Section>, part: Part, at: usize) {
    let start = at + usize_of(part.offset);
    let end = start + usize_of(part.size);
    let mut from = start;
    let mut next = sections.partition_point(|section| section.bytes().end <= start);
    while from < end {
        let until = sections.get(next).map_or(end, |section| section.offset.min(end));
        if from < until {
            let address = part.address + (from - start) as u64;
            let section = Section {
                offset: from,
                size: until - from,
                address,
                kind: part.kind,
                label: part.label,
            };
            sections.insert(next, section);
            next += 1;
        }
        let Some(covered) = sections.get(next) else { return };
        from = covered.bytes().end;
        next += 1;
    }
}

fn usize_of(checked: u64) -> usize {
    usize::try_from(checked).expect("lies within contents that are in memory")
}

/// A section's label: its name, hashed to a number from 1 to 61.
pub(crate) fn label(name: &[u8]) -> u8 {
    let sum =
        name.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    u8::try_from(sum % 61 + 1).expect("below 62")
}
