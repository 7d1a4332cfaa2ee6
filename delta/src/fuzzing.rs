//! Three ways into private rooms, for the fuzzer (`delta/fuzz`): what no patch reaches often enough to be tried well,
//! and what an input would take.
//!
//! No part of the interface, and nothing in this crate may call it. A promise that is broken is a panic; it must never
//! make one of what is only a wrong patch.

use crate::{
    entropy::Coder,
    error::PatchError,
    executable::{self, Image, MAX_ADDRESS, MAX_BASES, MAX_IMAGES, MAX_SECTIONS, Side},
    patch::{self, Expected},
};

/// Finds the images in these contents, brings their tables into normal form and puts them back; how many there are.
pub fn executables(contents: &[u8]) -> usize {
    let images = executable::find(contents);
    assert_sound(contents, &images);
    for image in &images {
        let again = executable::at(contents, image.at);
        assert_eq!(again.as_ref(), Some(image), "found at its place, and another one");
    }
    let extents = executable::extents(contents);
    assert_eq!(extents.len(), images.len(), "as many extents as images");
    for (extent, image) in extents.iter().zip(&images) {
        assert!(extent.start == image.at && (image.end()..=contents.len()).contains(&extent.end));
    }
    let side = Side::new(contents.to_vec(), images);
    let mut again = side.bytes.clone();
    for range in side.without_references() {
        assert!(range.end <= again.len(), "a table outside of the contents");
    }
    for (image, tables) in side.space.images().iter().zip(&side.tables) {
        executable::restore(&mut again, image, *tables);
    }
    assert!(again == contents, "tables came back as something else");
    side.tables.len()
}

/// The way from what a patch says of unchanged contents to the new ones, with numbers that nobody coded: each of their
/// bits is one of `bits`, and zero behind the last one.
pub fn told(old: &[u8], new_size: usize, bits: &[u8]) -> Result<Vec<u8>, PatchError> {
    patch::follow(old, new_size, Bits { bytes: bits, at: 0 })
}

/// Bytes of the new contents that this patch of codec 2 or 3 codes by themselves: nearly all the time of a dense one.
pub fn literals(old: &[u8], patch: &[u8], expected: &Expected) -> Result<usize, PatchError> {
    patch::literals(old, patch, expected)
}

/// What everybody who has an image relies on.
pub(crate) fn assert_sound(contents: &[u8], images: &[Image]) {
    assert!(images.len() <= MAX_IMAGES);
    let mut end = 0;
    for image in images {
        assert!(image.at >= end, "images overlap");
        assert!(!image.sections.is_empty() && image.sections.len() <= MAX_SECTIONS);
        assert!(image.addresses.start < image.addresses.end && image.addresses.end <= MAX_ADDRESS);
        assert!(image.bases.len() <= MAX_BASES);
        assert!(image.bases.iter().all(|base| image.addresses.contains(base)));
        end = image.at;
        for section in &image.sections {
            assert!(section.size > 0 && section.offset >= end, "{section:?} begins before {end}");
            end = section.bytes().end;
            assert!(section.address >= image.addresses.start);
            assert!(section.address + section.size as u64 <= image.addresses.end);
            assert!(section.label < 62);
        }
        assert!(end <= contents.len());
    }
}

/// Bits as they are: a coder would hide from a fuzzer which of its bytes is which number.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Coder for Bits<'_> {
    fn bit(&mut self, _: u16, _: bool) -> bool {
        let byte = self.bytes.get(self.at / 8).copied().unwrap_or(0);
        let bit = byte >> (self.at % 8) & 1 == 1;
        self.at += 1;
        bit
    }
}
