//! Relocations: where each one applies becomes the distance from the one before, and an address that stands in the data
//! as well is not said twice.

use super::super::{
    Image, Kind, Machine, Section,
    references::{read_u64, write_u64},
};

/// Bytes of an `Elf64_Rela`: where, what kind and of which symbol, what is added.
const ENTRY: usize = 24;

/// The kind of those that add where the image is loaded, with no symbol.
const fn relative(machine: Machine) -> u64 {
    match machine {
        Machine::X86 => 8,
        Machine::Arm => 1027,
    }
}

/// Distances instead of addresses; of what is added, what it is more than the data has already.
pub(super) fn normalise(contents: &mut [u8], image: &Image, table: &Section) {
    let data = Data::of(image);
    let mut before = 0_u64;
    for entry in entries(table) {
        let address = read_u64(contents, entry);
        write_u64(contents, entry, address.wrapping_sub(before));
        before = address;
        data.change(contents, entry, address, u64::wrapping_sub);
    }
}

/// Addresses again.
pub(super) fn restore(contents: &mut [u8], image: &Image, table: &Section) {
    let data = Data::of(image);
    let mut address = 0_u64;
    for entry in entries(table) {
        address = address.wrapping_add(read_u64(contents, entry));
        write_u64(contents, entry, address);
        data.change(contents, entry, address, u64::wrapping_add);
    }
}

fn entries(table: &Section) -> impl Iterator<Item = usize> {
    let end = table.offset + table.size / ENTRY * ENTRY;
    (table.offset..end).step_by(ENTRY)
}

/// The data of an image. Tables are no part of it: they change while this is read.
struct Data<'i> {
    relative: u64,
    /// Ascending by address.
    sections: Vec<&'i Section>,
}

impl<'i> Data<'i> {
    fn of(image: &'i Image) -> Self {
        let data = image.sections.iter().filter(|section| section.kind == Kind::Data);
        let mut sections: Vec<&Section> = data.collect();
        sections.sort_by_key(|section| section.address);
        Self { relative: relative(image.machine), sections }
    }

    /// Changes what a relocation adds by the number at the address where it applies.
    fn change(&self, contents: &mut [u8], entry: usize, address: u64, how: fn(u64, u64) -> u64) {
        if read_u64(contents, entry + 8) != self.relative {
            return;
        }
        let Some(at) = self.number_at(address) else { return };
        let added = how(read_u64(contents, entry + 16), read_u64(contents, at));
        write_u64(contents, entry + 16, added);
    }

    /// Where the eight bytes of this address lie, if they lie in one section.
    fn number_at(&self, address: u64) -> Option<usize> {
        let after = self.sections.partition_point(|section| section.address <= address);
        let section = self.sections[..after].last()?;
        let into = usize::try_from(address - section.address).ok()?;
        (into.checked_add(8)? <= section.size).then_some(section.offset + into)
    }
}
