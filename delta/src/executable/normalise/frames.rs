//! `.eh_frame`: where each function begins becomes the gap after the one before.
//!
//! The section is a list of records, each with its length in front. A common record (CIE) says how the numbers
//! of those that refer to it are written; a frame record (FDE) has the distance back to its common record, the
//! distance to its function, the function's length, and often the distance to its table of handlers (LSDA).
//! Every function that moves changes two of these. Here they become: the place of the common record in the
//! section, the gap after the function before, and the distance from the table before.
//!
//! Numbers are of 32 bits and wrap, so every step can be undone. Source: the Linux Standard Base, "Exception
//! Frames"; encodings of pointers are DWARF's.

use std::collections::BTreeMap;

use super::super::references::low_bits;

/// Relative to where it stands, 32 bits, signed: what compilers write.
const PC_RELATIVE: u8 = 0x1B;
/// No pointer at all.
const OMITTED: u8 = 0xFF;
/// A common record's letters: `zPLRSBG` are all there are.
const LETTERS: usize = 8;

/// How a common record says that pointers are written: to functions, to tables of handlers.
#[derive(Debug, Clone, Copy)]
struct Encodings {
    function: u8,
    handlers: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// Gaps instead of distances. `address` is the section's.
pub(super) fn normalise(section: &mut [u8], address: u64) -> Option<()> {
    Walk::over(section, address, Way::There)
}

/// Distances again.
pub(super) fn restore(section: &mut [u8], address: u64) -> Option<()> {
    Walk::over(section, address, Way::Back)
}

/// Where the frame records stand in the section. `None` for a section that is not built like that.
pub(super) fn records(section: &[u8]) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(record) = Record::from(section, at)? {
        if record.id != 0 {
            found.push(u32::try_from(record.at).ok()?);
        }
        at = record.end;
    }
    Some(found)
}

/// One record's length and first number.
#[derive(Debug, Clone, Copy)]
struct Record {
    at: usize,
    /// 0 for a common record, else the way to it.
    id: u32,
    /// Where the next one begins.
    end: usize,
}

impl Record {
    /// The next record from `at` on, `Some(None)` at the end, `None` if there is something else.
    fn from(section: &[u8], mut at: usize) -> Option<Option<Self>> {
        // Empty records end a list, and linkers put lists one after the other.
        while read(section, at) == Some(0) {
            at += 4;
        }
        if at + 8 > section.len() {
            return Some(None);
        }
        let length = read(section, at)?;
        let end = at.checked_add(4)?.checked_add(usize::try_from(length).ok()?)?;
        // Lengths of 64 bits begin with ones; nobody writes them.
        (length >= 4 && end <= section.len()).then_some(())?;
        Some(Some(Self { at, id: read(section, at + 4)?, end }))
    }
}

/// One pass over the records.
struct Walk<'s> {
    section: &'s mut [u8],
    /// The section's address, as far as 32 bits go.
    address: u32,
    way: Way,
    encodings: BTreeMap<usize, Option<Encodings>>,
    /// Where the function before ended.
    ended: u32,
    /// Where the table of handlers before begins.
    handlers: u32,
}

impl<'s> Walk<'s> {
    fn over(section: &'s mut [u8], address: u64, way: Way) -> Option<()> {
        let address = low_bits(address);
        let encodings = BTreeMap::new();
        let mut walk = Self { section, address, way, encodings, ended: 0, handlers: 0 };
        let mut at = 0;
        while let Some(record) = Record::from(walk.section, at)? {
            if record.id != 0 {
                walk.frame(record)?;
            }
            at = record.end;
        }
        Some(())
    }

    fn frame(&mut self, record: Record) -> Option<()> {
        let Record { at, id, end } = record;
        (end >= at + 16).then_some(())?;
        let id = usize::try_from(id).ok()?;
        let common = match self.way {
            Way::There => (at + 4).checked_sub(id)?,
            Way::Back => id - 1,
        };
        // Only what stands before it, so that the common record is as it was when it is read again.
        (common < at).then_some(())?;
        let section = &*self.section;
        let encodings = *self.encodings.entry(common).or_insert_with(|| encodings(section, common));
        let Encodings { function, handlers } = encodings?;
        (function == PC_RELATIVE).then_some(())?;
        let id = match self.way {
            Way::There => common + 1,
            Way::Back => at + 4 - common,
        };
        self.write(at + 4, u32::try_from(id).ok()?);
        self.function(at + 8);
        if handlers == PC_RELATIVE {
            self.handlers(at + 16, end);
        }
        Some(())
    }

    /// The distance to the function at `at`, with its length after it.
    fn function(&mut self, at: usize) {
        let (here, number) = (self.address_of(at), self.number(at));
        let begins = match self.way {
            Way::There => here.wrapping_add(number),
            Way::Back => self.ended.wrapping_add(number),
        };
        let written = match self.way {
            Way::There => begins.wrapping_sub(self.ended),
            Way::Back => begins.wrapping_sub(here),
        };
        self.write(at, written);
        self.ended = begins.wrapping_add(self.number(at + 4));
    }

    /// The distance to the table of handlers, behind the size of what follows the function.
    fn handlers(&mut self, size_at: usize, end: usize) {
        let Some((size, at)) = uleb(self.section, size_at) else { return };
        if size < 4 || at + 4 > end {
            return;
        }
        let (here, number) = (self.address_of(at), self.number(at));
        // Zero says that there is none, in both forms. What would become zero takes the place of what zero
        // would become.
        let none = here.wrapping_sub(self.handlers);
        let written = match (number, self.way) {
            (0, _) => return,
            (_, Way::There) => match here.wrapping_add(number).wrapping_sub(self.handlers) {
                0 => none,
                distance => distance,
            },
            (_, Way::Back) if number == none => self.handlers.wrapping_sub(here),
            (_, Way::Back) => number.wrapping_add(self.handlers).wrapping_sub(here),
        };
        self.write(at, written);
        let distance = if self.way == Way::There { number } else { written };
        self.handlers = here.wrapping_add(distance);
    }

    fn number(&self, at: usize) -> u32 {
        read(self.section, at).unwrap_or(0)
    }

    fn write(&mut self, at: usize, number: u32) {
        self.section[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    fn address_of(&self, at: usize) -> u32 {
        self.address.wrapping_add(low_bits(at as u64))
    }
}

/// How the common record at `at` says that pointers are written.
fn encodings(section: &[u8], at: usize) -> Option<Encodings> {
    let record = Record::from(section, at)??;
    (record.at == at && record.id == 0).then_some(())?;
    let letters = section.get(at + 9..record.end)?;
    let length = letters.iter().take(LETTERS).position(|letter| *letter == 0)?;
    let letters = &letters[..length];
    // Alignment of code and of data, the register of the return address, then the size of what follows.
    let mut next = at + 9 + length + 1;
    for _ in 0..3 {
        next = uleb(section, next)?.1;
    }
    let mut encodings = Encodings { function: 0, handlers: OMITTED };
    let Some((b'z', letters)) = letters.split_first() else { return Some(encodings) };
    next = uleb(section, next)?.1;
    for letter in letters {
        let byte = *section.get(next)?;
        match letter {
            b'R' => encodings.function = byte,
            b'L' => encodings.handlers = byte,
            b'P' => next += pointer_size(byte),
            b'S' | b'B' | b'G' => continue,
            _ => return None,
        }
        next += 1;
    }
    Some(encodings)
}

fn pointer_size(encoding: u8) -> usize {
    match encoding & 15 {
        2 | 10 => 2,
        3 | 11 => 4,
        _ => 8,
    }
}

/// A number of seven bits a byte and where it ends.
fn uleb(section: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in section.get(at..)?.iter().enumerate().take(9) {
        value |= u64::from(byte & 127) << (7 * index);
        if byte & 128 == 0 {
            return Some((value, at + index + 1));
        }
    }
    None
}

fn read(section: &[u8], at: usize) -> Option<u32> {
    let bytes = section.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}
