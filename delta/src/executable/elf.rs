//! ELF: Linux, Android and the BSDs. 64 bits, little endian, x86-64 and arm64.
//!
//! Sections come from the section header table; where a file has none (some are stripped of it), what the
//! program headers load stands for it. Source: the System V ABI, chapter "Object Files", and its supplements
//! for both machines.

use super::{Claim, Kind, MAX_PARTS, MAX_SECTIONS, Machine, Part, label, reader::Reader};

pub(super) const MAGIC: &[u8] = b"\x7fELF\x02\x01";

const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
const PT_LOAD: u32 = 1;
const PF_X: u32 = 1;
const SHT_RELA: u32 = 4;
const SHT_NOBITS: u32 = 8;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;
/// Names of sections are compared and hashed up to here.
const NAME: usize = 40;
/// Sizes of the entries of both tables. One that says otherwise is none.
const PROGRAM_HEADER: u64 = 56;
const SECTION_HEADER: u64 = 64;
/// Sections to which numbers in the data of common compilers are relative.
const BASES: [&[u8]; 3] = [b".text", b".rodata", b".eh_frame_hdr"];

/// A part of the file that is loaded.
#[derive(Debug, Clone, Copy)]
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
    memory: u64,
    executable: bool,
}

/// What the file says about itself, if it is of this format.
pub(super) fn parse(file: Reader<'_>) -> Option<Claim> {
    let machine = match file.u16(18)? {
        EM_X86_64 => Machine::X86,
        EM_AARCH64 => Machine::Arm,
        _ => return None,
    };
    // Those that are not loaded count too.
    if usize::from(file.u16(60)?) > MAX_SECTIONS {
        return None;
    }
    let segments = segments(file)?;
    let low = segments.iter().map(|segment| segment.address).min()?;
    let high = segments.iter().map(|segment| segment.address + segment.memory).max()?;
    let named = sections(file).unwrap_or_default();
    let bases = named.iter().filter(|(name, _)| BASES.contains(name));
    let bases = bases.map(|(_, part)| part.address).collect();
    // In a position-independent program it is `.data.rel.ro.gopclntab`.
    let go = named.iter().find(|(name, _)| name.ends_with(b".gopclntab")).map(|(_, part)| *part);
    let code = if named.is_empty() { Kind::Code } else { Kind::Data };
    let mut parts: Vec<Part> = named.into_iter().map(|(_, part)| part).collect();
    parts.extend(segments.iter().map(|segment| segment.as_part(code)));
    Some(Claim { machine, parts, addresses: low..high, bases, go })
}

fn segments(file: Reader<'_>) -> Option<Vec<Segment>> {
    let (table, size, count) = (file.u64(32)?, u64::from(file.u16(54)?), file.u16(56)?);
    if size != PROGRAM_HEADER || usize::from(count) > MAX_PARTS {
        return None;
    }
    let mut found = Vec::new();
    for index in 0..count {
        let header = table.checked_add(size * u64::from(index))?;
        if file.u32(header)? != PT_LOAD {
            continue;
        }
        let segment = Segment {
            executable: file.u32(header.checked_add(4)?)? & PF_X != 0,
            offset: file.u64(header.checked_add(8)?)?,
            address: file.u64(header.checked_add(16)?)?,
            size: file.u64(header.checked_add(32)?)?,
            memory: file.u64(header.checked_add(40)?)?,
        };
        segment.address.checked_add(segment.memory)?;
        found.push(segment);
    }
    Some(found)
}

impl Segment {
    /// What no section covers. Beside sections it is headers and padding, whatever the protection; where there
    /// are no sections, what can be executed is code.
    fn as_part(&self, code: Kind) -> Part {
        let kind = if self.executable { code } else { Kind::Data };
        Part { offset: self.offset, size: self.size, address: self.address, kind, label: 0 }
    }
}

/// The sections that are loaded from the file, with their names.
fn sections<'a>(file: Reader<'a>) -> Option<Vec<(&'a [u8], Part)>> {
    let (table, size) = (file.u64(40)?, u64::from(file.u16(58)?));
    let (count, names) = (file.u16(60)?, u64::from(file.u16(62)?));
    if size != SECTION_HEADER {
        return None;
    }
    let names = file.u64(table.checked_add(size * names)?.checked_add(24)?)?;
    let mut found = Vec::new();
    for index in 0..u64::from(count) {
        let header = table.checked_add(size * index)?;
        let kind = file.u32(header.checked_add(4)?)?;
        let flags = file.u64(header.checked_add(8)?)?;
        if flags & SHF_ALLOC == 0 || kind == SHT_NOBITS {
            continue;
        }
        let name = names.checked_add(u64::from(file.u32(header)?))?;
        let name = file.text(name, NAME);
        let kind = match name {
            _ if flags & SHF_EXECINSTR != 0 => Kind::Code,
            b".eh_frame" => Kind::Frames,
            b".eh_frame_hdr" => Kind::FrameIndex,
            b".rela.dyn" if kind == SHT_RELA => Kind::Relocations,
            _ => Kind::Data,
        };
        let address = file.u64(header.checked_add(16)?)?;
        let offset = file.u64(header.checked_add(24)?)?;
        let size = file.u64(header.checked_add(32)?)?;
        found.push((name, Part { offset, size, address, kind, label: label(name) }));
    }
    Some(found)
}
