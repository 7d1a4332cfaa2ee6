//! Tiny executables, made by hand.

use super::super::{elf, macho, pe};

/// Where bytes lie in a file and in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) address: u64,
    pub(super) memory: u64,
}

pub(super) fn place(offset: u64, size: u64, address: u64) -> Place {
    Place { offset, size, address, memory: size }
}

impl Place {
    /// The same with another size in memory.
    pub(super) fn of(self, memory: u64) -> Self {
        Self { memory, ..self }
    }
}

/// Overwrites what is there; the file grows if it has to.
pub(super) fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    file.resize(file.len().max(at + bytes.len()), 0);
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put_u16(file: &mut Vec<u8>, at: usize, number: usize) {
    put(file, at, &u16::try_from(number).expect("small").to_le_bytes());
}

fn put_u32(file: &mut Vec<u8>, at: usize, number: u64) {
    put(file, at, &u32::try_from(number).expect("small").to_le_bytes());
}

fn put_u64s(file: &mut Vec<u8>, at: usize, numbers: &[u64]) {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    put(file, at, &bytes);
}

/// Makes the file long enough for all these bytes; those outside every test's patience are left out.
fn cover<'a>(file: &mut Vec<u8>, places: impl Iterator<Item = &'a Place>) {
    let ends = places.map(|place| place.offset.saturating_add(place.size));
    let end = ends.filter(|end| *end < 1 << 20).max().unwrap_or(0);
    let end = usize::try_from(end).expect("small");
    file.resize(file.len().max(end), 0xcc);
}

pub(super) const X86_ELF: usize = 62;
pub(super) const ARM_ELF: usize = 183;
/// Types and flags of ELF's sections and segments.
pub(super) const PROGBITS: u64 = 1;
pub(super) const RELA: u64 = 4;
pub(super) const NOBITS: u64 = 8;
pub(super) const ALLOC: u64 = 2;
pub(super) const ALLOC_EXEC: u64 = 6;
pub(super) const R: u64 = 4;
pub(super) const RX: u64 = 5;

pub(super) type ElfSection<'a> = (&'a str, u64, u64, Place);

/// Segments have protections, sections a name, a type and flags. All tables come last.
pub(super) fn elf(
    machine: usize,
    segments: &[(u64, Place)],
    sections: &[ElfSection<'_>],
) -> Vec<u8> {
    let mut file = elf::MAGIC.to_vec();
    file.resize(64, 0);
    put_u16(&mut file, 18, machine);
    cover(&mut file, segments.iter().map(|(_, place)| place));
    cover(&mut file, sections.iter().map(|(.., place)| place));
    let table = file.len();
    put_u64s(&mut file, 32, &[table as u64]);
    put_u16(&mut file, 54, 56);
    put_u16(&mut file, 56, segments.len());
    for (index, (protection, place)) in segments.iter().enumerate() {
        let at = table + 56 * index;
        put_u64s(&mut file, at, &[1 | protection << 32, place.offset, place.address, 0]);
        put_u64s(&mut file, at + 32, &[place.size, place.memory, 0]);
    }
    if sections.is_empty() {
        return file;
    }
    let names = file.len();
    let at: Vec<u64> = sections.iter().map(|(name, ..)| put_name(&mut file, names, name)).collect();
    let table = file.len();
    put_u64s(&mut file, 40, &[table as u64]);
    put_u16(&mut file, 58, 64);
    put_u16(&mut file, 60, sections.len() + 1);
    put_u16(&mut file, 62, sections.len());
    for (index, (_, kind, flags, place)) in sections.iter().enumerate() {
        let fields =
            [at[index] | kind << 32, *flags, place.address, place.offset, place.size, 0, 0, 0];
        put_u64s(&mut file, table + 64 * index, &fields);
    }
    put_u64s(&mut file, table + 64 * sections.len(), &[3 << 32, 0, 0, names as u64, 0, 0, 0, 0]);
    file
}

/// Adds a name to a table of names; where it stands in it.
fn put_name(file: &mut Vec<u8>, names: usize, name: &str) -> u64 {
    let at = file.len();
    put(file, at, name.as_bytes());
    file.push(0);
    (at - names) as u64
}

pub(super) const X86_PE: usize = 0x8664;
pub(super) const ARM_PE: usize = 0xaa64;
pub(super) const IMAGE_BASE: u64 = 0x1_4000_0000;
/// Flags of PE's sections.
pub(super) const EXECUTE: u64 = 0x6000_0020;
pub(super) const READ: u64 = 0x4000_0040;
pub(super) const ZEROS: u64 = 0xc000_0080;
/// Where its signature stands, and where its section table begins.
pub(super) const PE_HEADER: usize = 0x80;
pub(super) const PE_SECTIONS: usize = PE_HEADER + 24 + 112;

/// Sections have a name and flags; their addresses are relative to the image base. 0x200 bytes of headers.
pub(super) fn pe(machine: usize, sections: &[(&str, u64, Place)]) -> Vec<u8> {
    let mut file = pe::MAGIC.to_vec();
    put_u32(&mut file, 0x3c, PE_HEADER as u64);
    put(&mut file, PE_HEADER, b"PE\0\0");
    put_u16(&mut file, PE_HEADER + 4, machine);
    put_u16(&mut file, PE_HEADER + 6, sections.len());
    put_u16(&mut file, PE_HEADER + 20, 112);
    let optional = PE_HEADER + 24;
    put_u16(&mut file, optional, 0x20b);
    put_u64s(&mut file, optional + 24, &[IMAGE_BASE]);
    put_u32(&mut file, optional + 32, 0x1000);
    put_u32(&mut file, optional + 36, 0x200);
    let end = sections.iter().map(|(.., place)| place.address + place.memory.max(place.size)).max();
    put_u32(&mut file, optional + 56, end.unwrap_or(0x200).next_multiple_of(0x1000));
    put_u32(&mut file, optional + 60, 0x200);
    for (index, (name, flags, place)) in sections.iter().enumerate() {
        let at = PE_SECTIONS + 40 * index;
        put(&mut file, at, name.as_bytes());
        let fields = [place.memory, place.address, place.size, place.offset, 0, 0, 0, *flags];
        for (index, field) in fields.into_iter().enumerate() {
            put_u32(&mut file, at + 8 + 4 * index, field);
        }
    }
    file.resize(file.len().max(0x200), 0);
    cover(&mut file, sections.iter().map(|(.., place)| place));
    file
}

pub(super) const X86_MACHO: u64 = 0x0100_0007;
pub(super) const ARM_MACHO: u64 = 0x0100_000c;
/// Flags of Mach-O's sections.
pub(super) const INSTRUCTIONS: u64 = 0x8000_0400;
pub(super) const STUBS: u64 = 0x408;
pub(super) const REGULAR: u64 = 0;
pub(super) const ZERO_FILL: u64 = 1;

pub(super) type MachoSegment<'a> = (&'a str, u64, Place, &'a [(&'a str, u64, Place)]);

/// Segments have a name, a protection and sections; those have a name and flags.
pub(super) fn macho(machine: u64, segments: &[MachoSegment<'_>]) -> Vec<u8> {
    let mut file = macho::MAGIC.to_vec();
    put_u32(&mut file, 4, machine);
    put_u32(&mut file, 12, 2);
    put_u32(&mut file, 16, segments.len() as u64 + 1);
    // A command that says nothing about segments: LC_UUID.
    put_u32(&mut file, 32, 0x1b);
    put_u32(&mut file, 36, 24);
    put(&mut file, 40, &[7; 16]);
    for (name, protection, place, sections) in segments {
        let at = file.len();
        file.resize(at + 72, 0);
        put_u32(&mut file, at, 0x19);
        put_u32(&mut file, at + 4, 72 + 80 * sections.len() as u64);
        put(&mut file, at + 8, name.as_bytes());
        put_u64s(&mut file, at + 24, &[place.address, place.memory, place.offset, place.size]);
        put_u32(&mut file, at + 56, *protection);
        put_u32(&mut file, at + 60, *protection);
        put_u32(&mut file, at + 64, sections.len() as u64);
        for (section, flags, place) in *sections {
            let at = file.len();
            file.resize(at + 80, 0);
            put(&mut file, at, section.as_bytes());
            put(&mut file, at + 16, name.as_bytes());
            put_u64s(&mut file, at + 32, &[place.address, place.size]);
            put_u32(&mut file, at + 48, place.offset);
            put_u32(&mut file, at + 64, *flags);
        }
    }
    cover(&mut file, segments.iter().map(|(_, _, place, _)| place));
    file
}

/// The header of Go's table of functions, with the places of its tables.
pub(super) fn pclntab(tables: [u64; 5]) -> Vec<u8> {
    let mut header = vec![0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
    put_u64s(&mut header, 8, &[100, 10, 0]);
    put_u64s(&mut header, 32, &tables);
    header
}
