//! PE: Windows and UEFI. Only PE32+, which is what 64 bits are called there, for x86-64 and arm64.
//!
//! Addresses in its headers are relative to the address the file would like to be loaded at; so are most
//! 32-bit numbers in its data: unwind tables, exception tables, imports, base relocations. Source: Microsoft's
//! "PE Format".

use super::{Claim, Kind, MAX_PARTS, Machine, Part, label, reader::Reader};

pub(super) const MAGIC: &[u8] = b"MZ";

const SIGNATURE: &[u8] = b"PE\0\0";
const MACHINE_AMD64: u16 = 0x8664;
const MACHINE_ARM64: u16 = 0xaa64;
const PE32_PLUS: u16 = 0x20b;
const CNT_CODE: u32 = 0x20;
const CNT_UNINITIALIZED_DATA: u32 = 0x80;
const MEM_EXECUTE: u32 = 0x2000_0000;
/// Sizes of a name, a section header, and of what stands before the optional header.
const NAME: usize = 8;
const SECTION_HEADER: u64 = 40;
const FILE_HEADER: u64 = 24;

/// Where the header behind the DOS stub begins, if there is one.
pub(super) fn header(file: Reader<'_>) -> Option<u64> {
    let start = u64::from(file.u32(0x3c)?);
    (file.bytes(start, 4)? == SIGNATURE).then_some(start)
}

/// What the file says about itself, if it is of this format.
pub(super) fn parse(file: Reader<'_>) -> Option<Claim> {
    let header = header(file)?;
    let machine = match file.u16(header + 4)? {
        MACHINE_AMD64 => Machine::X86,
        MACHINE_ARM64 => Machine::Arm,
        _ => return None,
    };
    let optional = header + FILE_HEADER;
    if file.u16(optional)? != PE32_PLUS {
        return None;
    }
    let base = file.u64(optional + 24)?;
    let end = base.checked_add(u64::from(file.u32(optional + 56)?))?;
    let named = sections(file, header, base, machine)?;
    let address_of = |name: &[u8]| {
        let mut same = named.iter().filter(|(other, _)| *other == name);
        same.next().map(|(_, part)| part.address)
    };
    let bases = [Some(base), address_of(b".text"), address_of(b".rdata")];
    // Go's linker puts its tables amid `.rdata`.
    let go = named.iter().find(|(name, _)| *name == b".rdata").map(|(_, part)| *part);
    let mut parts: Vec<Part> = named.into_iter().map(|(_, part)| part).collect();
    let size = u64::from(file.u32(optional + 60)?);
    parts.push(Part { offset: 0, size, address: base, kind: Kind::Data, label: 0 });
    let bases = bases.into_iter().flatten().collect();
    Some(Claim { machine, parts, addresses: base..end, bases, go })
}

/// The sections that have bytes in the file, with their names.
fn sections<'a>(
    file: Reader<'a>,
    header: u64,
    base: u64,
    machine: Machine,
) -> Option<Vec<(&'a [u8], Part)>> {
    let count = file.u16(header + 6)?;
    if usize::from(count) > MAX_PARTS {
        return None;
    }
    let alignment = u64::from(file.u32(header + FILE_HEADER + 36)?.max(1));
    let table = header + FILE_HEADER + u64::from(file.u16(header + 20)?);
    let mut found = Vec::new();
    for index in 0..u64::from(count) {
        let header = table + SECTION_HEADER * index;
        let field = |at: u64| file.u32(header + at).map(u64::from);
        let (memory, address, raw, offset) = (field(8)?, field(12)?, field(16)?, field(20)?);
        let flags = file.u32(header + 36)?;
        if offset == 0 || flags & CNT_UNINITIALIZED_DATA != 0 {
            continue;
        }
        // Sections are filled up to the alignment in the file, and some old linkers give no size in memory.
        let size = if memory == 0 { raw } else { raw.min(memory.next_multiple_of(alignment)) };
        let name = file.text(header, NAME);
        let address = base.checked_add(address)?;
        let kind = match name {
            _ if flags & (CNT_CODE | MEM_EXECUTE) != 0 => Kind::Code,
            // On arm64 its records are of another build.
            b".pdata" if machine == Machine::X86 => Kind::Functions,
            _ => Kind::Data,
        };
        found.push((name, Part { offset, size, address, kind, label: label(name) }));
    }
    Some(found)
}
