//! Mach-O: macOS and iOS. 64 bits, little endian, x86-64 and arm64.
//!
//! A universal file is several of these behind a table; each is found by its own magic, and the offsets in it
//! count from there. Source: `mach-o/loader.h`.

use std::ops::Range;

use super::{Claim, Kind, MAX_PARTS, Machine, Part, label, reader::Reader};

pub(super) const MAGIC: &[u8] = &[0xcf, 0xfa, 0xed, 0xfe];

const CPU_X86_64: u32 = 0x0100_0007;
const CPU_ARM64: u32 = 0x0100_000c;
const MH_OBJECT: u32 = 1;
const LC_SEGMENT_64: u32 = 0x19;
const PROTECTION_EXECUTE: u32 = 4;
const PURE_INSTRUCTIONS: u32 = 0x8000_0000;
const SOME_INSTRUCTIONS: u32 = 0x400;
/// Types of sections that are zeros when the file is loaded, and have no bytes in it.
const ZERO_FILL: [u32; 3] = [1, 12, 18];
/// Libraries are a command each, and programs with hundreds of them are rare.
const MAX_COMMANDS: u32 = 1024;
/// Sizes of the file's header, of a segment's command, of a section's header, and of a name.
const HEADER: u64 = 32;
const SEGMENT: u64 = 72;
const SECTION: u64 = 80;
const NAME: usize = 16;

/// A part of the file that is loaded.
#[derive(Debug)]
struct Segment {
    /// Where its command stands.
    command: u64,
    /// Its bytes in the file.
    bytes: Range<u64>,
    addresses: Range<u64>,
    protection: u32,
    sections: u32,
}

/// What the file says about itself, if it is of this format.
pub(super) fn parse(file: Reader<'_>) -> Option<Claim> {
    let machine = match file.u32(4)? {
        CPU_X86_64 => Machine::X86,
        CPU_ARM64 => Machine::Arm,
        _ => return None,
    };
    // What is not linked yet has no addresses that mean anything, and archives have thousands of such files.
    if file.u32(12)? == MH_OBJECT {
        return None;
    }
    let segments = segments(file)?;
    let low = segments.iter().map(|segment| segment.addresses.start).min()?;
    let high = segments.iter().map(|segment| segment.addresses.end).max()?;
    let mut named = Vec::new();
    for segment in &segments {
        segment.add_sections(file, &mut named)?;
    }
    let called = |wanted: &'static [u8]| named.iter().filter(move |(name, _)| *name == wanted);
    let section = |name| called(name).next().map(|(_, part)| *part);
    // Go has its types in the last of two sections of that name, and numbers relative to them everywhere.
    let constants =
        section(b"__const").or_else(|| called(b"__rodata").next_back().map(|(_, part)| *part));
    // Compilers' unwind tables are relative to the file's header.
    let header =
        segments.iter().find(|segment| segment.bytes.start == 0 && !segment.bytes.is_empty());
    let bases = [
        section(b"__text").map(|part| part.address),
        header.map(|segment| segment.addresses.start),
        constants.map(|part| part.address),
    ];
    let go = section(b"__gopclntab");
    let mut parts: Vec<Part> = named.into_iter().map(|(_, part)| part).collect();
    parts.extend(segments.iter().map(Segment::as_part));
    let bases = bases.into_iter().flatten().collect();
    Some(Claim { machine, parts, addresses: low..high, bases, go })
}

/// The segments that can be read when they are loaded: `__PAGEZERO` cannot, and is four gigabytes of nothing.
fn segments(file: Reader<'_>) -> Option<Vec<Segment>> {
    let count = file.u32(16)?;
    if count > MAX_COMMANDS {
        return None;
    }
    let mut found = Vec::new();
    let mut command = HEADER;
    for _ in 0..count {
        if file.u32(command)? == LC_SEGMENT_64 {
            let segment = Segment::read(file, command)?;
            if segment.protection != 0 {
                found.push(segment);
            }
        }
        command = command.checked_add(u64::from(file.u32(command.checked_add(4)?)?))?;
    }
    // Those without bytes count too: reading them takes as long.
    let sections: u64 = found.iter().map(|segment| u64::from(segment.sections)).sum();
    (found.len() as u64 + sections <= MAX_PARTS as u64).then_some(found)
}

impl Segment {
    fn read(file: Reader<'_>, command: u64) -> Option<Self> {
        let field = |at: u64| file.u64(command.checked_add(at)?);
        let (address, memory, offset, size) = (field(24)?, field(32)?, field(40)?, field(48)?);
        Some(Self {
            command,
            bytes: offset..offset.checked_add(size)?,
            addresses: address..address.checked_add(memory)?,
            protection: file.u32(command.checked_add(60)?)?,
            sections: file.u32(command.checked_add(64)?)?,
        })
    }

    /// What no section covers. Beside sections it is headers and padding, whatever the protection.
    fn as_part(&self) -> Part {
        let executable = self.protection & PROTECTION_EXECUTE != 0 && self.sections == 0;
        let kind = if executable { Kind::Code } else { Kind::Data };
        let size = self.bytes.end - self.bytes.start;
        Part { offset: self.bytes.start, size, address: self.addresses.start, kind, label: 0 }
    }

    /// Adds the sections that have bytes in the file, with their names.
    fn add_sections<'a>(&self, file: Reader<'a>, found: &mut Vec<(&'a [u8], Part)>) -> Option<()> {
        for index in 0..u64::from(self.sections) {
            let header = self.command.checked_add(SEGMENT + SECTION * index)?;
            let field = |at: u64| header.checked_add(at);
            let flags = file.u32(field(64)?)?;
            let (address, size) = (file.u64(field(32)?)?, file.u64(field(40)?)?);
            let offset = u64::from(file.u32(field(48)?)?);
            // Files with nothing but debug information have the sections of their program, without the bytes.
            let absent = offset < self.bytes.start || offset.checked_add(size)? > self.bytes.end;
            if absent || ZERO_FILL.contains(&(flags & 0xff)) {
                continue;
            }
            let code = flags & (PURE_INSTRUCTIONS | SOME_INSTRUCTIONS) != 0;
            let kind = if code { Kind::Code } else { Kind::Data };
            // Segments have sections of the same name, so the label is made of both names.
            let label = label(file.bytes(header, 2 * NAME as u64)?);
            found.push((file.text(header, NAME), Part { offset, size, address, kind, label }));
        }
        Some(())
    }
}
