//! One side of a patch as patches see it: contents in normal form, and what is known about them.

use std::ops::Range;

use super::{
    Image, Kind, Space,
    normalise::{self, Tables},
    references::X86Fields,
};

/// Contents whose images are known and normalised.
#[derive(Debug)]
pub(crate) struct Side {
    /// The contents, tables in normal form.
    pub(crate) bytes: Vec<u8>,
    /// Which byte lies at which address.
    pub(crate) space: Space,
    /// For each image, which of its tables are in normal form.
    pub(crate) tables: Vec<Tables>,
    /// Distances in code.
    pub(crate) fields: X86Fields,
}

impl Side {
    /// The side that these contents are, with these images in them.
    pub(crate) fn new(mut bytes: Vec<u8>, images: Vec<Image>) -> Self {
        let tables = images.iter().map(|image| normalise::normalise(&mut bytes, image)).collect();
        let space = Space::new(images);
        let fields = X86Fields::of(&bytes, &space);
        Self { bytes, space, tables, fields }
    }

    /// Bytes of tables in normal form in which no reference is left, ascending.
    pub(crate) fn without_references(&self) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        for (image, tables) in self.space.images().iter().zip(&self.tables) {
            for (number, section) in image.sections.iter().enumerate() {
                let whole =
                    matches!(section.kind, Kind::Frames | Kind::FrameIndex | Kind::Functions);
                if whole && tables.has(number) {
                    ranges.push(section.bytes());
                }
            }
        }
        ranges
    }
}
