//! Programs of some hundred bytes in every format that is known, with every table that has a normal form.
//!
//! Two programs of a few different functions are two versions: everything behind the first difference has moved.
//! Must give the same bytes for ever: inputs of the corpus change them place by place.

/// What a program is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// ELF for x86-64.
    Elf,
    /// ELF for arm64.
    ElfArm,
    /// PE for x86-64.
    Pe,
    /// Mach-O for arm64.
    Macho,
    /// Mach-O for x86-64.
    MachoX86,
}

impl Format {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Elf, Self::ElfArm, Self::Pe, Self::Macho, Self::MachoX86];

    fn is_arm(self) -> bool {
        matches!(self, Self::ElfArm | Self::Macho)
    }

    /// Bytes before the first section.
    fn headers(self) -> usize {
        match self {
            Self::Elf | Self::ElfArm => 0x80,
            Self::Pe => 0x140,
            Self::Macho | Self::MachoX86 => 0x160,
        }
    }
}

/// Where all of them are loaded.
const BASE: u64 = 0x10_0000;

/// A section; its address is [`BASE`] and its place in the file.
struct Section {
    name: &'static str,
    at: usize,
    bytes: Vec<u8>,
}

impl Section {
    fn address(&self) -> u64 {
        BASE + self.at as u64
    }

    fn is_code(&self) -> bool {
        self.name.ends_with("text")
    }
}

/// A program of functions that call each other so many times each.
pub(crate) fn program(format: Format, calls: &[u8]) -> Vec<u8> {
    let starts = starts(format, calls);
    let mut sections: Vec<Section> = Vec::new();
    let mut add = |name, make: &dyn Fn(u64) -> Vec<u8>| {
        let end = sections.last().map_or(format.headers(), |last| last.at + last.bytes.len());
        let at = end.next_multiple_of(8);
        sections.push(Section { name, at, bytes: make(BASE + at as u64) });
    };
    let code = |_| code(format, calls, &starts);
    let data = |at| data(&starts, at);
    let go = |_| go(&starts);
    match format {
        Format::Elf | Format::ElfArm => {
            // The index stands before the frames that it is of, as linkers have it.
            let index_size = 12 + 8 * calls.len() as u64;
            let frames_at = |index: u64| (index + index_size).next_multiple_of(8);
            add(".text", &code);
            add(".rodata", &data);
            add(".eh_frame_hdr", &|at| index(&starts, at, frames_at(at)));
            add(".eh_frame", &|at| frames(&starts, at));
            add(".rela.dyn", &|_| relocations(&starts));
            add(".gopclntab", &go);
        }
        Format::Pe => {
            add(".text", &code);
            add(".rdata", &|at| [go(at), data(at)].concat());
            add(".pdata", &|at| functions(&starts, at));
        }
        Format::Macho | Format::MachoX86 => {
            add("__text", &code);
            add("__const", &data);
            add("__gopclntab", &go);
        }
    }
    match format {
        Format::Elf => elf(62, &sections),
        Format::ElfArm => elf(183, &sections),
        Format::Pe => pe(&sections),
        Format::Macho => macho(0x0100_000c, &sections),
        Format::MachoX86 => macho(0x0100_0007, &sections),
    }
}

/// Addresses at which functions begin, and where the last one ends.
fn starts(format: Format, calls: &[u8]) -> Vec<u64> {
    let mut starts = vec![BASE + format.headers() as u64];
    for calls in calls {
        let size = 4 + 16 * u64::from(*calls);
        starts.push(starts.last().expect("the first") + size);
    }
    starts
}

/// Sixteen bytes for each call: the call, an address, and something else.
fn code(format: Format, calls: &[u8], starts: &[u64]) -> Vec<u8> {
    let mut code = Vec::new();
    let constants = starts.last().expect("an end") + 8;
    for (number, calls) in calls.iter().enumerate() {
        for call in 0..usize::from(*calls) {
            let here = starts[0] + code.len() as u64;
            let target = starts[(7 * number + 3 * call) % (starts.len() - 1)];
            let constant = constants + 8 * call as u64;
            if format.is_arm() {
                let pages = (constant >> 12).wrapping_sub((here + 4) >> 12);
                let adrp = 0x9000_0000 | (pages & 3) << 29 | (pages >> 2 & 0x7_FFFF) << 5;
                code.extend(low(0x9400_0000 | target.wrapping_sub(here) >> 2 & 0x3FF_FFFF));
                code.extend(low(adrp));
                code.extend(low(0x9100_0000 | (constant & 0xFFF) << 10));
                code.extend(low(0xAA00_03E0 | number as u64));
            } else {
                code.push(0xE8);
                code.extend(low(target.wrapping_sub(here + 5)));
                code.extend([0x48, 0x8D, 0x05]);
                code.extend(low(constant.wrapping_sub(here + 12)));
                code.extend([0x50, 0x51, 0x52, 0x90]);
            }
        }
        code.extend(if format.is_arm() {
            [0xC0, 0x03, 0x5F, 0xD6]
        } else {
            [0xC3, 0xCC, 0xCC, 0xCC]
        });
    }
    code
}

/// Addresses of functions, then how far they are from here, then words.
fn data(starts: &[u64], at: u64) -> Vec<u8> {
    let mut data: Vec<u8> = starts.iter().flat_map(|start| start.to_le_bytes()).collect();
    starts.iter().for_each(|start| data.extend(low(start.wrapping_sub(at))));
    data.extend(b"some words that stay as they are in every version of it");
    data
}

/// A common record with handlers, and a record for each function.
fn frames(starts: &[u64], at: u64) -> Vec<u8> {
    let mut frames = vec![28, 0, 0, 0, 0, 0, 0, 0, 1, b'z', b'P', b'L', b'R', 0, 1, 0x78, 16, 7];
    frames.extend([0x1B, 1, 2, 3, 4, 0x1B, 0x1B, 0x0C, 7, 8, 0x90, 1, 0, 0]);
    for (number, pair) in starts.windows(2).enumerate() {
        let here = frames.len() as u64;
        frames.extend([24, 0, 0, 0]);
        frames.extend(low(here + 4));
        frames.extend(low(pair[0].wrapping_sub(at + here + 8)));
        frames.extend(low(pair[1] - pair[0]));
        frames.push(4);
        let handlers = BASE + 8 * number as u64;
        frames.extend(low(if number % 3 == 2 { 0 } else { handlers.wrapping_sub(at + here + 17) }));
        frames.extend([0; 7]);
    }
    frames.extend([0; 4]);
    frames
}

/// The index over them.
fn index(starts: &[u64], at: u64, frames: u64) -> Vec<u8> {
    let functions = &starts[..starts.len() - 1];
    let mut index = vec![1, 0x1B, 0x03, 0x3B];
    index.extend(low(frames.wrapping_sub(at + 4)));
    index.extend(low(functions.len() as u64));
    for (number, start) in functions.iter().enumerate() {
        index.extend(low(start.wrapping_sub(at)));
        index.extend(low((frames + 32 + 28 * number as u64).wrapping_sub(at)));
    }
    index
}

/// `Elf64_Rela`.
fn relocations(starts: &[u64]) -> Vec<u8> {
    let entry = |(number, start): (usize, &u64)| {
        [BASE + 0x800 + 8 * number as u64, 8, *start].map(u64::to_le_bytes).concat()
    };
    starts.iter().enumerate().flat_map(entry).collect()
}

/// `RUNTIME_FUNCTION`, counted from where the program is loaded.
fn functions(starts: &[u64], at: u64) -> Vec<u8> {
    let entry = |pair: &[u64]| [pair[0] - BASE, pair[1] - BASE, at - BASE].map(low).concat();
    starts.windows(2).flat_map(entry).collect()
}

/// Go's table of functions: where its five tables begin, then what is in them.
fn go(starts: &[u64]) -> Vec<u8> {
    let mut table = vec![0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
    for number in [starts.len() as u64, 1, 0, 72, 80, 88, 96, 104] {
        table.extend(number.to_le_bytes());
    }
    table.extend(b"main.a\0\0unit\0\0\0\0file.go\0counters");
    starts.iter().for_each(|start| table.extend(low(start - starts[0])));
    table
}

/// The lowest four bytes.
fn low(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put_u16(file: &mut [u8], at: usize, number: usize) {
    put(file, at, &u16::try_from(number).expect("small").to_le_bytes());
}

fn put_u32(file: &mut [u8], at: usize, number: u64) {
    put(file, at, &low(number));
}

fn put_u64s(file: &mut [u8], at: usize, numbers: &[u64]) {
    for (index, number) in numbers.iter().enumerate() {
        put(file, at + 8 * index, &number.to_le_bytes());
    }
}

/// Sections in their places, zeros in place of headers.
fn laid(sections: &[Section]) -> Vec<u8> {
    let mut file = Vec::new();
    for section in sections {
        file.resize(section.at, 0);
        file.extend(&section.bytes);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    file
}

/// One segment, all of it; section headers and their names at the end.
fn elf(machine: usize, sections: &[Section]) -> Vec<u8> {
    let mut file = laid(sections);
    let loaded = file.len() as u64;
    put(&mut file, 0, b"\x7fELF\x02\x01");
    put_u16(&mut file, 18, machine);
    let table = file.len();
    put_u64s(&mut file, 32, &[64, table as u64]);
    for (at, number) in
        [(54, 56), (56, 1), (58, 64), (60, sections.len() + 1), (62, sections.len())]
    {
        put_u16(&mut file, at, number);
    }
    put_u64s(&mut file, 64, &[1 | 5 << 32, 0, BASE, 0, loaded, loaded]);
    let mut names = Vec::new();
    file.resize(table + 64 * (sections.len() + 1), 0);
    for (index, section) in sections.iter().enumerate() {
        let kind: u64 = if section.name == ".rela.dyn" { 4 } else { 1 };
        let flags = if section.is_code() { 6 } else { 2 };
        let fields = [names.len() as u64 | kind << 32, flags, section.address(), section.at as u64];
        put_u64s(&mut file, table + 64 * index, &fields);
        put_u64s(&mut file, table + 64 * index + 32, &[section.bytes.len() as u64]);
        names.extend(section.name.bytes().chain([0]));
    }
    let names_at = file.len() as u64;
    put_u64s(&mut file, table + 64 * sections.len(), &[3 << 32, 0, 0, names_at]);
    file.extend(names);
    file
}

fn pe(sections: &[Section]) -> Vec<u8> {
    const HEADER: usize = 0x40;
    let mut file = laid(sections);
    put(&mut file, 0, b"MZ");
    put_u32(&mut file, 0x3c, HEADER as u64);
    put(&mut file, HEADER, b"PE\0\0");
    for (at, number) in [(4, 0x8664), (6, sections.len()), (20, 112), (24, 0x20b)] {
        put_u16(&mut file, HEADER + at, number);
    }
    put_u64s(&mut file, HEADER + 48, &[BASE]);
    for (at, number) in [(60, 8), (80, file.len() as u64), (84, 0x140)] {
        put_u32(&mut file, HEADER + at, number);
    }
    for (index, section) in sections.iter().enumerate() {
        let at = HEADER + 24 + 112 + 40 * index;
        put(&mut file, at, section.name.as_bytes());
        let (size, place) = (section.bytes.len() as u64, section.at as u64);
        for (field, number) in [size, place, size, place].into_iter().enumerate() {
            put_u32(&mut file, at + 8 + 4 * field, number);
        }
        put_u32(&mut file, at + 36, if section.is_code() { 0x6000_0020 } else { 0x4000_0040 });
    }
    file
}

/// One segment, all of it.
fn macho(machine: u64, sections: &[Section]) -> Vec<u8> {
    let mut file = laid(sections);
    let size = file.len() as u64;
    for (at, number) in [(0, 0xfeed_facf), (4, machine), (12, 2), (16, 1)] {
        put_u32(&mut file, at, number);
    }
    let count = sections.len() as u64;
    for (at, number) in [(32, 0x19), (36, 72 + 80 * count), (88, 5), (92, 5), (96, count)] {
        put_u32(&mut file, at, number);
    }
    put(&mut file, 40, b"__TEXT");
    put_u64s(&mut file, 56, &[BASE, size, 0, size]);
    for (index, section) in sections.iter().enumerate() {
        let at = 104 + 80 * index;
        put(&mut file, at, section.name.as_bytes());
        put(&mut file, at + 16, b"__TEXT");
        put_u64s(&mut file, at + 32, &[section.address(), section.bytes.len() as u64]);
        put_u32(&mut file, at + 48, section.at as u64);
        put_u32(&mut file, at + 64, if section.is_code() { 0x8000_0400 } else { 0 });
    }
    file
}
