//! Which byte lies at which address, over all images of one side.
//!
//! Every image is loaded by itself, so images may use the same addresses. Here each has addresses of its own:
//! the number of the image stands above the highest bit that an address may use.

use std::ops::Range;

use super::{Image, Machine, Section};

/// Bits of an address within its image.
const BITS: u32 = super::MAX_ADDRESS.trailing_zeros();

/// A section and the image that it belongs to. Its address has the image's number in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The section.
    pub(crate) section: Section,
    /// Number of the image.
    pub(crate) image: usize,
    /// Its instructions.
    pub(crate) machine: Machine,
}

impl Place {
    /// The address of a byte of the contents that lies in this section, or would if the section went on.
    pub(crate) fn address(&self, offset: usize) -> u64 {
        self.section.address.wrapping_add(offset.wrapping_sub(self.section.offset) as u64)
    }
}

/// The images of one side.
#[derive(Debug, Default)]
pub(crate) struct Space {
    images: Vec<Image>,
    /// Every section of every image, ascending by offset.
    places: Vec<Place>,
    /// Numbers of places, ascending by address.
    by_address: Vec<usize>,
}

impl Space {
    /// The space of images that ascend by offset and do not overlap.
    pub(crate) fn new(images: Vec<Image>) -> Self {
        let mut places = Vec::new();
        for (number, image) in images.iter().enumerate() {
            for section in &image.sections {
                let address = first_address(number) + section.address;
                let section = Section { address, ..*section };
                places.push(Place { section, image: number, machine: image.machine });
            }
        }
        let mut by_address: Vec<usize> = (0..places.len()).collect();
        by_address.sort_by_key(|place| (places[*place].section.address, *place));
        Self { images, places, by_address }
    }

    /// Its images.
    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    /// Every section of every image, ascending by offset.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The section that the byte at `offset` lies in.
    pub(crate) fn place_of(&self, offset: usize) -> Option<&Place> {
        let after = self.places.partition_point(|place| place.section.offset <= offset);
        self.places[..after].last().filter(|place| place.section.bytes().contains(&offset))
    }

    /// Where the byte of this address lies in the contents.
    pub(crate) fn offset_of(&self, address: u64) -> Option<usize> {
        let of = |place: &usize| &self.places[*place].section;
        let after = self.by_address.partition_point(|place| of(place).address <= address);
        let section = self.by_address[..after].last().map(of)?;
        let into = usize::try_from(address - section.address).ok()?;
        (into < section.size).then(|| section.offset + into)
    }

    /// Addresses that references of this image may lead to.
    pub(crate) fn addresses(&self, image: usize) -> Range<u64> {
        let first = first_address(image);
        let Range { start, end } = self.images[image].addresses;
        first + start..first + end
    }

    /// What numbers of this image's data may be relative to.
    pub(crate) fn bases(&self, image: usize) -> impl Iterator<Item = u64> {
        self.images[image].bases.iter().map(move |base| first_address(image) + base)
    }

    /// Where sections begin or end within these bytes, ascending; may hold a place twice.
    pub(crate) fn borders(&self, bytes: Range<usize>) -> impl Iterator<Item = usize> {
        let first = self.places.partition_point(|place| place.section.bytes().end <= bytes.start);
        self.places[first..]
            .iter()
            .take_while(move |place| place.section.offset < bytes.end)
            .flat_map(|place| [place.section.bytes().start, place.section.bytes().end])
            .filter(move |border| bytes.start < *border && *border < bytes.end)
    }
}

/// The address 0 of an image.
pub(crate) fn first_address(image: usize) -> u64 {
    (image as u64) << BITS
}
