//! Where images lie: those of the old contents are found again by who applies a patch, those of the new ones are
//! told, section by section, as what is different from an old image.

use super::super::varint::{fold, unfold};
use crate::{
    entropy::{Coder, Numbers},
    error::PatchError,
    executable::{
        self, Image, Kind, MAX_ADDRESS, MAX_ALL_SECTIONS, MAX_IMAGES, MAX_SECTIONS, Machine,
        Section, Tables,
    },
};

/// Contexts of numbers.
mod context {
    pub(super) const COUNT: usize = 0;
    pub(super) const GAP: usize = 1;
    pub(super) const LIKE: usize = 2;
    pub(super) const MACHINE: usize = 3;
    pub(super) const ADDRESSES: usize = 4;
    pub(super) const TABLES: usize = 5;
    pub(super) const SECTIONS: usize = 6;
    pub(super) const FROM: usize = 7;
    pub(super) const KIND: usize = 8;
    pub(super) const LABEL: usize = 9;
    pub(super) const OFFSET: usize = 10;
    pub(super) const ADDRESS: usize = 11;
    pub(super) const SIZE: usize = 12;
    pub(super) const ALL: usize = 13;
}

/// Old images among which the one is looked for that a new image is like.
const WINDOW: usize = 64;

/// Codes where the old images begin, and gives them.
pub(super) fn old_images<C: Coder>(
    coder: &mut C,
    contents: &[u8],
    images: Vec<Image>,
) -> Result<Vec<Image>, PatchError> {
    let mut numbers = Numbers::new(context::ALL);
    let count = numbers.code(coder, context::COUNT, images.len() as u64);
    within("old images", count, MAX_IMAGES as u64)?;
    let mut coded: Vec<Image> = Vec::new();
    let mut known = images.into_iter();
    let (mut before, mut sections) = (0, 0);
    for _ in 0..count {
        let known = known.next();
        let gap = known.as_ref().map_or(0, |image| image.at - before);
        let gap = numbers.code(coder, context::GAP, gap as u64);
        let at = usize::try_from(gap).ok().and_then(|gap| before.checked_add(gap));
        let image = match known {
            Some(image) => Some(image),
            None => at.and_then(|at| executable::at(contents, at)),
        };
        let Some(image) = image.filter(|image| image.sections[0].offset >= before) else {
            return Err(PatchError::Impossible { field: "old image", got: gap });
        };
        before = image.end();
        sections += image.sections.len();
        within("sections of all images", sections as u64, MAX_ALL_SECTIONS as u64)?;
        coded.push(image);
    }
    Ok(coded)
}

/// An image and which of its tables are in normal form.
pub(crate) type Told = (Image, Tables);

/// Codes the images of new contents of `new_size` bytes by what is different from the old ones.
pub(crate) fn new_images<C: Coder>(
    coder: &mut C,
    old: (&[Image], &[Tables]),
    new_size: usize,
    known: &[Told],
) -> Result<Vec<Told>, PatchError> {
    let numbers = Numbers::new(context::ALL);
    let mut telling =
        Telling { coder, numbers, old: old.0, tables: old.1, new_size, like: 0, end: 0 };
    let count = telling.number(context::COUNT, known.len() as u64);
    within("new images", count, MAX_IMAGES as u64)?;
    let mut images = Vec::new();
    let mut sections = 0;
    for index in 0..count {
        let known = usize::try_from(index).ok().and_then(|index| known.get(index));
        let told = telling.image(known)?;
        sections += told.0.sections.len();
        within("sections of all images", sections as u64, MAX_ALL_SECTIONS as u64)?;
        images.push(told);
    }
    Ok(images)
}

fn within(field: &'static str, got: u64, most: u64) -> Result<(), PatchError> {
    if got > most { Err(PatchError::Impossible { field, got }) } else { Ok(()) }
}

struct Telling<'a, C> {
    coder: &'a mut C,
    numbers: Numbers,
    old: &'a [Image],
    tables: &'a [Tables],
    new_size: usize,
    /// Number of the old image that the next one should be like.
    like: usize,
    /// Where the last image ends.
    end: usize,
}

impl<C: Coder> Telling<'_, C> {
    fn number(&mut self, context: usize, value: u64) -> u64 {
        self.numbers.code(self.coder, context, value)
    }

    /// Codes a number by its difference from an expected one.
    fn near(&mut self, context: usize, expected: u64, value: Option<u64>) -> u64 {
        let value = value.unwrap_or(expected);
        let difference = fold(value.wrapping_sub(expected).cast_signed());
        expected.wrapping_add_signed(unfold(self.number(context, difference)))
    }

    fn image(&mut self, known: Option<&Told>) -> Result<Told, PatchError> {
        let gap = known.map_or(0, |(image, _)| image.at.wrapping_sub(self.end) as u64);
        let gap = self.number(context::GAP, gap);
        within("gap before an image", gap, (self.new_size - self.end) as u64)?;
        let at = self.end + index(gap);
        // One more than the number of the old image, so that zero is none.
        let expected =
            if self.old.is_empty() { 0 } else { self.like.min(self.old.len() - 1) as u64 + 1 };
        let like = known.map(|(image, _)| self.most_like(image));
        let like = self.near(context::LIKE, expected, like);
        within("image that it is like", like, self.old.len() as u64)?;
        let like = index(like).checked_sub(1);
        if let Some(like) = like {
            self.like = like + 1;
        }
        let like = like.map(|like| (&self.old[like], self.tables[like]));
        let machine = self.machine(known, like)?;
        let expected = like.map_or(0..0, |(image, _)| image.addresses.clone());
        let start = self.near(
            context::ADDRESSES,
            expected.start,
            known.map(|(image, _)| image.addresses.start),
        );
        let end = self.near(
            context::ADDRESSES,
            expected.end,
            known.map(|(image, _)| image.addresses.end),
        );
        within("last address", end, MAX_ADDRESS)?;
        within("first address", start, end)?;
        let count = like.map_or(0, |(image, _)| image.sections.len() as u64);
        let count = self.near(
            context::SECTIONS,
            count,
            known.map(|(image, _)| image.sections.len() as u64),
        );
        within("sections", count, MAX_SECTIONS as u64)?;
        within("no sections", u64::from(count == 0), 0)?;
        let sections = self.sections(at, count, known, like)?;
        let image = Image { at, machine, sections, addresses: start..end, bases: Vec::new() };
        for section in &image.sections {
            let ends = section.address.checked_add(section.size as u64);
            if section.address < start || ends.is_none_or(|ends| ends > end) {
                let (field, got) = ("address of a section", section.address);
                return Err(PatchError::Impossible { field, got });
            }
        }
        let expected = like.map_or(0, |(_, tables)| tables.bits());
        let bits = known.map_or(expected, |(_, tables)| tables.bits());
        let bits = self.number(context::TABLES, (bits ^ expected) & TABLE_MASK) ^ expected;
        let Some(tables) = Tables::from_bits(bits, &image) else {
            return Err(PatchError::Impossible { field: "tables", got: bits });
        };
        self.end = image.end();
        Ok((image, tables))
    }

    fn machine(
        &mut self,
        known: Option<&Told>,
        like: Option<(&Image, Tables)>,
    ) -> Result<Machine, PatchError> {
        let number = |machine: Machine| machine as u64;
        let expected = like.map_or(0, |(image, _)| number(image.machine));
        let machine = known.map(|(image, _)| number(image.machine));
        match self.near(context::MACHINE, expected, machine) {
            0 => Ok(Machine::X86),
            1 => Ok(Machine::Arm),
            got => Err(PatchError::Impossible { field: "machine", got }),
        }
    }

    fn sections(
        &mut self,
        at: usize,
        count: u64,
        known: Option<&Told>,
        like: Option<(&Image, Tables)>,
    ) -> Result<Vec<Section>, PatchError> {
        let olds = like.map_or(&[][..], |(image, _)| &image.sections);
        let mut sections: Vec<Section> = Vec::new();
        // Ends of the section before in old and new contents, and how far its address moved.
        let (mut old_end, mut end) = (like.map_or(0, |(image, _)| image.at), at);
        let mut shift = 0_u64;
        let mut next = 0;
        for number in 0..index(count) {
            let known = known.map(|(image, _)| &image.sections[number]);
            // One more than the number of the old section, so that zero is none.
            let expected = if next < olds.len() { next as u64 + 1 } else { 0 };
            let from =
                known.map(|known| same_sort(olds, next, known).map_or(0, |from| from as u64 + 1));
            let from = self.near(context::FROM, expected, from);
            within("section that it is like", from, olds.len() as u64)?;
            let old = index(from).checked_sub(1).map(|from| &olds[from]);
            next = index(from).max(next);
            let (kind, label) = match old {
                Some(old) => (old.kind, old.label),
                None => self.sort(known)?,
            };
            let gap = old.map_or(0, |old| old.offset.saturating_sub(old_end) as u64);
            let offset =
                self.near(context::OFFSET, gap, known.map(|known| (known.offset - end) as u64));
            within("gap before a section", offset, (self.new_size - end) as u64)?;
            let offset = end + index(offset);
            let address = old.map_or(0, |old| old.address).wrapping_add(shift);
            let address = self.near(context::ADDRESS, address, known.map(|known| known.address));
            let size = old.map_or(0, |old| old.size as u64);
            let size = self.near(context::SIZE, size, known.map(|known| known.size as u64));
            within("empty section", u64::from(size == 0), 0)?;
            within("size of a section", size, (self.new_size - offset) as u64)?;
            if let Some(old) = old {
                shift = address.wrapping_sub(old.address);
                old_end = old.bytes().end;
            }
            end = offset + index(size);
            sections.push(Section { offset, size: index(size), address, kind, label });
        }
        Ok(sections)
    }

    fn sort(&mut self, known: Option<&Section>) -> Result<(Kind, u8), PatchError> {
        let kind = known.map_or(0, |known| known.kind as u64);
        let kind = self.number(context::KIND, kind);
        let label = self.number(context::LABEL, known.map_or(0, |known| u64::from(known.label)));
        let found = usize::try_from(kind).ok().and_then(|kind| Kind::ALL.get(kind));
        match (found, u8::try_from(label)) {
            (Some(kind), Ok(label)) => Ok((*kind, label)),
            _ => Err(PatchError::Impossible { field: "kind of a section", got: kind }),
        }
    }

    /// One more than the number of the old image whose sections are most like this one's; 0 if none is.
    fn most_like(&self, image: &Image) -> u64 {
        let likeness = |old: &Image| {
            let pairs = old.sections.iter().zip(&image.sections);
            let same = pairs.filter(|(a, b)| (a.kind, a.label) == (b.kind, b.label)).count();
            let sizes =
                old.sections.iter().zip(&image.sections).filter(|(a, b)| a.size == b.size).count();
            (old.machine == image.machine, same, sizes)
        };
        let first = self.like.saturating_sub(WINDOW / 2);
        let window = self.old.iter().enumerate().skip(first).take(WINDOW);
        let best = window
            .max_by_key(|(number, old)| (likeness(old), usize::MAX - number.abs_diff(self.like)));
        best.map_or(0, |(number, _)| number as u64 + 1)
    }
}

/// The old section that this one is like: the next one of its kind and name.
fn same_sort(olds: &[Section], next: usize, section: &Section) -> Option<usize> {
    let same = |old: &Section| (old.kind, old.label) == (section.kind, section.label);
    (next..olds.len()).find(|from| same(&olds[*from]))
}

/// Numbers that can be coded have 61 bits; sections of images are normalised up to the sixtieth.
const TABLE_MASK: u64 = (1 << 60) - 1;

fn index(checked: u64) -> usize {
    usize::try_from(checked).expect("inside contents that are in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{Reader, Writer};

    fn told(at: usize) -> Told {
        let section = Section { offset: at, size: 60, address: 0, kind: Kind::Code, label: 1 };
        let (machine, sections, addresses) = (Machine::X86, vec![section], 0..100);
        (Image { at, machine, sections, addresses, bases: Vec::new() }, Tables::default())
    }

    #[test]
    fn images_behind_the_end_are_refused() {
        let images = [told(0), told(150)];
        let mut coder = Writer::new();
        new_images(&mut coder, (&[], &[]), 1000, &images).expect("inside of larger contents");
        let bytes = coder.finish();
        let read = |size| new_images(&mut Reader::new(&bytes), (&[], &[]), size, &[]);
        assert_eq!(read(210).expect("just inside"), images);
        // In the last of these both gaps are no longer than the contents, but not one after the other.
        for (size, field) in
            [(209, "size of a section"), (149, "gap before an image"), (100, "gap before an image")]
        {
            match read(size) {
                Err(PatchError::Impossible { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{size}: {other:?}"),
            }
        }
    }
}
