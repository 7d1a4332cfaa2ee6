//! One side of a patch as patches see it: contents in normal form, and what is known about them.

use std::ops::Range;

use super::{
    Image, Kind, Space,
    normalise::{self, Tables},
    references::X86Fields,
};

/// Contents in normal form, in which nobody has looked for references yet.
#[derive(Debug)]
pub(crate) struct Normal {
    /// The contents, tables in normal form.
    pub(crate) bytes: Vec<u8>,
    /// Which byte lies at which address.
    pub(crate) space: Space,
    /// For each image, which of its tables are in normal form.
    pub(crate) tables: Vec<Tables>,
}

impl Normal {
    /// These contents, with these images in them.
    pub(crate) fn new(mut bytes: Vec<u8>, images: Vec<Image>) -> Self {
        let tables = images.iter().map(|image| normalise::normalise(&mut bytes, image)).collect();
        Self { bytes, space: Space::new(images), tables }
    }

    /// Distances in their code.
    pub(crate) fn fields(&self) -> X86Fields {
        X86Fields::of(&self.bytes, &self.space)
    }

    /// The side, with what [`fields`](Self::fields) found.
    pub(crate) fn with(self, fields: X86Fields) -> Side {
        let Self { bytes, space, tables } = self;
        Side { bytes, space, tables, fields }
    }
}

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
    pub(crate) fn new(bytes: Vec<u8>, images: Vec<Image>) -> Self {
        let normal = Normal::new(bytes, images);
        let fields = normal.fields();
        normal.with(fields)
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
