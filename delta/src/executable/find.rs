//! Looks for executables among contents: at their beginning, in an archive, one after the other.

use std::{cell::Cell, ops::Range};

use super::{Claim, Image, elf, macho, pe, reader::Reader};

/// Images of one side of a patch. What comes after them is matched as plain bytes.
pub(crate) const MAX_IMAGES: usize = 4096;

/// Sections of all images of one side together: as many as a thousand programs have. They take some hundred bytes of
/// memory each, and hardly any in a patch.
pub(crate) const MAX_ALL_SECTIONS: usize = 32_768;

/// Places that look like the beginning of an image, whether one is there or not. Reading the tables of one that
/// is none costs up to some 10 µs, and contents can be made that have one every few bytes: all of them together
/// take less than a second. Object files look like images too, so the bound is well above what archives hold.
const MAX_TRIES: usize = 65_536;

/// Bytes that are looked at together.
const BLOCK: usize = 256;

/// The images that lie in these contents, ascending and none within another.
pub(crate) fn find(contents: &[u8]) -> Vec<Image> {
    found(contents).into_iter().map(|(image, _)| image).collect()
}

/// The bytes of the images that lie in these contents, those that only say what is in them among them: without them
/// the image is not found again. Ascending; the last bytes of one may lie in the next.
pub(crate) fn extents(contents: &[u8]) -> Vec<Range<usize>> {
    let extent = |(image, read): (Image, usize)| image.at..image.end().max(image.at + read);
    found(contents).into_iter().map(extent).collect()
}

/// The images and how many bytes of each file were read.
fn found(contents: &[u8]) -> Vec<(Image, usize)> {
    let mut images: Vec<(Image, usize)> = Vec::new();
    let (mut from, mut sections) = (0, 0);
    for _ in 0..MAX_TRIES {
        let Some(start) = next_beginning(contents, from) else { break };
        from = start + 1;
        let read = Cell::new(0);
        let Some(image) = read_at(contents, start, &read) else { continue };
        from = image.end();
        sections += image.sections.len();
        if images.len() == MAX_IMAGES || sections > MAX_ALL_SECTIONS {
            break;
        }
        images.push((image, read.get()));
    }
    images
}

/// The image that begins at `at` of these contents, if one does.
pub(crate) fn at(contents: &[u8], at: usize) -> Option<Image> {
    read_at(contents, at, &Cell::new(0))
}

fn read_at(contents: &[u8], at: usize, read: &Cell<usize>) -> Option<Image> {
    let bytes = contents.get(at..)?;
    let file = Reader::watched(bytes, read);
    parser(bytes)?(file)?.check(at, file)
}

/// Who reads a file that begins with these bytes.
fn parser(bytes: &[u8]) -> Option<fn(Reader<'_>) -> Option<Claim>> {
    match bytes {
        _ if bytes.starts_with(elf::MAGIC) => Some(elf::parse),
        _ if bytes.starts_with(macho::MAGIC) => Some(macho::parse),
        // Its magic is two letters that stand in many texts.
        _ if bytes.starts_with(pe::MAGIC) => pe::header(Reader::new(bytes)).map(|_| pe::parse as _),
        _ => None,
    }
}

/// The first place from `from` on that has a parser.
fn next_beginning(contents: &[u8], from: usize) -> Option<usize> {
    let begins = |at: &usize| parser(&contents[*at..]).is_some();
    let mut at = from;
    while let Some(block) = contents.get(at..=at + BLOCK) {
        let found = if may_have_one(block) { (at..at + BLOCK).find(begins) } else { None };
        if found.is_some() {
            return found;
        }
        at += BLOCK;
    }
    (at..contents.len()).find(begins)
}

/// Whether a magic's first two bytes lie here. Looking at all of a block, with nothing that ends it early, is what
/// the compiler can do for many bytes at once; and most blocks have none.
fn may_have_one(block: &[u8]) -> bool {
    let pairs = block.iter().zip(&block[1..]);
    let found = pairs.fold(0, |found, (first, second)| {
        let one = |magic: &[u8]| u8::from(*first == magic[0]) & u8::from(*second == magic[1]);
        found | one(elf::MAGIC) | one(macho::MAGIC) | one(pe::MAGIC)
    });
    found != 0
}
