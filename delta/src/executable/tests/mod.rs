//! What the parsers make of files, and of bytes that are none.

mod files;
mod hostile;

use super::*;
use files::*;

fn section(offset: usize, size: usize, address: u64, kind: Kind, name: &str) -> Section {
    let label = if name.is_empty() { 0 } else { label(name.as_bytes()) };
    Section { offset, size, address, kind, label }
}

fn only(contents: &[u8]) -> Image {
    let mut images = find(contents);
    assert_eq!(images.len(), 1, "{images:?}");
    images.remove(0)
}

/// A small program as Linux has it: headers and constants, then code, then data whose end is zeros.
pub(crate) fn linux() -> Vec<u8> {
    let segments = [
        (R, place(0, 0x300, 0x40_0000)),
        (RX, place(0x300, 0x100, 0x40_1300)),
        (R | 2, place(0x400, 0x80, 0x40_2400).of(0x1000)),
    ];
    let sections = [
        ("", 0, 0, place(0, 0, 0)),
        (".rela.dyn", RELA, ALLOC, place(0x80, 0x30, 0x40_0080)),
        (".rodata", PROGBITS, ALLOC, place(0xc0, 0x40, 0x40_00c0)),
        (".eh_frame_hdr", PROGBITS, ALLOC, place(0x100, 0x20, 0x40_0100)),
        (".eh_frame", PROGBITS, ALLOC, place(0x120, 0x1e0, 0x40_0120)),
        (".text", PROGBITS, ALLOC_EXEC, place(0x300, 0xf0, 0x40_1300)),
        (".data", PROGBITS, ALLOC, place(0x400, 0x80, 0x40_2400)),
        (".bss", NOBITS, ALLOC, place(0x480, 0xf80, 0x40_2480)),
        (".comment", PROGBITS, 0, place(0x480, 0x10, 0)),
    ];
    elf(X86_ELF, &segments, &sections)
}

/// A small program as Windows has it.
pub(super) fn windows() -> Vec<u8> {
    let sections = [
        (".text", EXECUTE, place(0x200, 0x400, 0x1000).of(0x3e0)),
        (".rdata", READ, place(0x600, 0x200, 0x2000).of(0x120)),
        (".data", READ, place(0x800, 0x200, 0x3000).of(0x5000)),
        (".bss", ZEROS, place(0, 0x200, 0x8000)),
        (".pdata", READ, place(0xa00, 0x600, 0x9000).of(0x210)),
        (".tls", READ, place(0x1000, 0x200, 0xa000).of(0)),
    ];
    pe(X86_PE, &sections)
}

/// A small program as macOS has it.
pub(super) fn mac() -> Vec<u8> {
    let base = 0x1_0000_0000;
    let text = [
        ("__text", INSTRUCTIONS, place(0x600, 0x200, base + 0x600)),
        ("__stubs", STUBS, place(0x800, 0x40, base + 0x800)),
        ("__const", REGULAR, place(0x880, 0x80, base + 0x880)),
    ];
    let data = [
        ("__const", REGULAR, place(0x1000, 0x20, base + 0x1000)),
        ("__bss", ZERO_FILL, place(0, 0x900, base + 0x1700)),
    ];
    let segments: [MachoSegment<'_>; 4] = [
        ("__PAGEZERO", 0, place(0, 0, 0).of(base), &[]),
        ("__TEXT", 5, place(0, 0x1000, base), &text),
        ("__DATA", 3, place(0x1000, 0x700, base + 0x1000).of(0x1000), &data),
        ("__LINKEDIT", 1, place(0x1700, 0x123, base + 0x2000), &[]),
    ];
    macho(ARM_MACHO, &segments)
}

#[test]
fn elf_is_its_sections_and_what_lies_between_them() {
    let image = only(&linux());
    let expected = [
        section(0, 0x80, 0x40_0000, Kind::Data, ""),
        section(0x80, 0x30, 0x40_0080, Kind::Relocations, ".rela.dyn"),
        section(0xb0, 0x10, 0x40_00b0, Kind::Data, ""),
        section(0xc0, 0x40, 0x40_00c0, Kind::Data, ".rodata"),
        section(0x100, 0x20, 0x40_0100, Kind::FrameIndex, ".eh_frame_hdr"),
        section(0x120, 0x1e0, 0x40_0120, Kind::Frames, ".eh_frame"),
        section(0x300, 0xf0, 0x40_1300, Kind::Code, ".text"),
        section(0x3f0, 0x10, 0x40_13f0, Kind::Data, ""),
        section(0x400, 0x80, 0x40_2400, Kind::Data, ".data"),
    ];
    assert_eq!(image.sections, expected);
    assert_eq!((image.at, image.machine), (0, Machine::X86));
    assert_eq!(image.addresses, 0x40_0000..0x40_3400);
    assert_eq!(image.bases, [0x40_00c0, 0x40_0100, 0x40_1300]);
    assert!(expected.iter().all(|section| Kind::ALL.contains(&section.kind)));
}

#[test]
fn elf_without_sections_is_its_segments() {
    let segments = [(R, place(0, 0x200, 0)), (RX, place(0x200, 0x100, 0x1200))];
    let image = only(&elf(ARM_ELF, &segments, &[]));
    let expected =
        [section(0, 0x200, 0, Kind::Data, ""), section(0x200, 0x100, 0x1200, Kind::Code, "")];
    assert_eq!(image.sections, expected);
    assert_eq!((image.machine, image.addresses), (Machine::Arm, 0..0x1300));
    assert_eq!(image.bases, []);
}

#[test]
fn pe_is_its_sections_and_its_headers() {
    let image = only(&windows());
    let expected = [
        section(0, 0x200, IMAGE_BASE, Kind::Data, ""),
        section(0x200, 0x400, IMAGE_BASE + 0x1000, Kind::Code, ".text"),
        section(0x600, 0x200, IMAGE_BASE + 0x2000, Kind::Data, ".rdata"),
        section(0x800, 0x200, IMAGE_BASE + 0x3000, Kind::Data, ".data"),
        // What its size in memory has nothing of is no part of it.
        section(0xa00, 0x400, IMAGE_BASE + 0x9000, Kind::Functions, ".pdata"),
        section(0x1000, 0x200, IMAGE_BASE + 0xa000, Kind::Data, ".tls"),
    ];
    assert_eq!(image.sections, expected);
    assert_eq!(image.machine, Machine::X86);
    assert_eq!(image.addresses, IMAGE_BASE..IMAGE_BASE + 0xb000);
    assert_eq!(image.bases, [IMAGE_BASE, IMAGE_BASE + 0x1000, IMAGE_BASE + 0x2000]);
    assert_eq!(only(&pe(ARM_PE, &[])).machine, Machine::Arm);
}

#[test]
fn macho_is_its_sections_and_what_lies_between_them() {
    let base = 0x1_0000_0000;
    let image = only(&mac());
    let named = |offset, size, kind, name: &str, segment: &str| {
        let name = format!("{name:\0<16}{segment:\0<16}");
        section(offset, size, base + offset as u64, kind, &name)
    };
    let between = |offset, size| section(offset, size, base + offset as u64, Kind::Data, "");
    let expected = [
        between(0, 0x600),
        named(0x600, 0x200, Kind::Code, "__text", "__TEXT"),
        named(0x800, 0x40, Kind::Code, "__stubs", "__TEXT"),
        between(0x840, 0x40),
        named(0x880, 0x80, Kind::Data, "__const", "__TEXT"),
        between(0x900, 0x700),
        named(0x1000, 0x20, Kind::Data, "__const", "__DATA"),
        between(0x1020, 0x6e0),
        section(0x1700, 0x123, base + 0x2000, Kind::Data, ""),
    ];
    assert_eq!(image.sections, expected);
    assert_ne!(expected[4].label, expected[6].label);
    assert_eq!((image.machine, image.addresses), (Machine::Arm, base..base + 0x2123));
    assert_eq!(image.bases, [base + 0x600, base, base + 0x880]);
}

#[test]
fn macho_segments_without_sections_are_code_if_they_can_be_executed() {
    let segments: [MachoSegment<'_>; 2] =
        [("__TEXT", 5, place(0, 0x200, 0), &[]), ("__DATA", 3, place(0x200, 0x10, 0x1000), &[])];
    let image = only(&macho(X86_MACHO, &segments));
    let expected =
        [section(0, 0x200, 0, Kind::Code, ""), section(0x200, 0x10, 0x1000, Kind::Data, "")];
    assert_eq!((image.machine, image.sections), (Machine::X86, expected.to_vec()));
}

/// `dsymutil` keeps the headers of a program's sections in a file that does not have their bytes.
#[test]
fn macho_sections_outside_their_segment_have_no_bytes() {
    let text = [("__text", INSTRUCTIONS, place(0, 0x100, 0x400))];
    let debug = [("__debug_info", REGULAR, place(0x300, 0x80, 0x1000))];
    let segments: [MachoSegment<'_>; 2] = [
        ("__TEXT", 5, place(0, 0, 0).of(0x1000), &text),
        ("__DWARF", 7, place(0x300, 0x80, 0x1000), &debug),
    ];
    let image = only(&macho(X86_MACHO, &segments));
    assert_eq!(image.sections.len(), 1);
    assert_eq!(image.sections[0].bytes(), 0x300..0x380);
}

#[test]
fn of_sections_that_overlap_the_earlier_counts() {
    let segments = [(RX, place(0, 0x1000, 0x1000))];
    let sections = [
        (".middle", PROGBITS, ALLOC, place(0x400, 0x100, 0x1400)),
        (".around", PROGBITS, ALLOC_EXEC, place(0x300, 0x300, 0x1300)),
        (".within", PROGBITS, ALLOC, place(0x320, 0x10, 0x1320)),
        (".end", PROGBITS, ALLOC, place(0x580, 0x100, 0x1580)),
        (".nothing", PROGBITS, ALLOC, place(0x700, 0, 0x1700)),
        (".elsewhere", PROGBITS, ALLOC, place(0x800, 0x10, 0x2000)),
    ];
    let expected = [
        section(0, 0x300, 0x1000, Kind::Data, ""),
        section(0x300, 0x100, 0x1300, Kind::Code, ".around"),
        section(0x400, 0x100, 0x1400, Kind::Data, ".middle"),
        section(0x500, 0x100, 0x1500, Kind::Code, ".around"),
        section(0x600, 0x80, 0x1600, Kind::Data, ".end"),
        section(0x680, 0x980, 0x1680, Kind::Data, ""),
    ];
    assert_eq!(only(&elf(X86_ELF, &segments, &sections)).sections, expected);
}

#[test]
fn images_are_found_at_any_place_and_one_after_the_other() {
    let mut contents = b"MZ and \x7fELF and \xcf\xfa\xed stand in texts; ".to_vec();
    let mut starts = Vec::new();
    for file in [windows(), mac(), linux(), mac(), windows(), linux(), linux()] {
        let between = 7 + 300 * starts.len();
        contents.extend((0..between).map(|at| b"\x7fELFMZ\xcf\xfa"[at % 8]));
        starts.push((contents.len(), only(&file)));
        contents.extend(file);
    }
    let found = find(&contents);
    assert_eq!(found.iter().map(|image| image.at).collect::<Vec<_>>(), starts_of(&starts));
    for (image, (start, alone)) in found.iter().zip(&starts) {
        assert_eq!(at(&contents, *start).as_ref(), Some(image));
        assert_eq!(image.sections.len(), alone.sections.len());
        for (here, there) in image.sections.iter().zip(&alone.sections) {
            assert_eq!(*here, Section { offset: start + there.offset, ..*there });
        }
        assert_eq!((&image.addresses, &image.bases), (&alone.addresses, &alone.bases));
    }
}

fn starts_of(images: &[(usize, Image)]) -> Vec<usize> {
    images.iter().map(|(start, _)| *start).collect()
}

/// A universal file: a table, and then files whose offsets count from their own beginning.
#[test]
fn slices_of_a_universal_file_are_found() {
    let mut contents = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2];
    contents.resize(0x4000, 0);
    contents.extend(mac());
    contents.resize(0x8000, 0);
    contents.extend(mac());
    assert_eq!(find(&contents).iter().map(|image| image.at).collect::<Vec<_>>(), [0x4000, 0x8000]);
}

#[test]
fn no_more_images_are_found_than_can_be_used() {
    let file = elf(X86_ELF, &[(RX, place(0x40, 8, 0x1000))], &[]);
    let images = find(&file.repeat(MAX_IMAGES + 1));
    assert_eq!(images.len(), MAX_IMAGES);
    assert_eq!(images[MAX_IMAGES - 1].at, (MAX_IMAGES - 1) * file.len());
}

#[test]
fn numbers_may_be_relative_to_the_tables_of_go() {
    let tables = [0x48, 0x60, 0x68, 0x80, 0x90];
    let segments = [(R, place(0, 0x400, 0x40_0000))];
    for name in [".gopclntab", ".data.rel.ro.gopclntab"] {
        let sections = [(name, PROGBITS, ALLOC, place(0x100, 0x100, 0x40_0100))];
        let mut file = elf(X86_ELF, &segments, &sections);
        put(&mut file, 0x100, &pclntab(tables));
        assert_eq!(only(&file).bases, tables.map(|table| 0x40_0100 + table));
    }
    let rodata = [("__rodata", REGULAR, place(0x300, 0x20, 0x300))];
    let data = [
        ("__rodata", REGULAR, place(0x400, 0x100, 0x400)),
        ("__gopclntab", REGULAR, place(0x500, 0x100, 0x500)),
    ];
    let segments: [MachoSegment<'_>; 2] = [
        ("__TEXT", 5, place(0, 0x400, 0), &rodata),
        ("__DATA_CONST", 3, place(0x400, 0x200, 0x400), &data),
    ];
    let mut file = macho(ARM_MACHO, &segments);
    put(&mut file, 0x500, &pclntab(tables));
    assert_eq!(only(&file).bases[..2], [0, 0x400]);
    assert_eq!(only(&file).bases[2..], tables.map(|table| 0x500 + table));
}

#[test]
fn the_tables_of_go_stand_anywhere_in_a_section_of_pe() {
    let file = pe(X86_PE, &[(".rdata", READ, place(0x200, 0x600, 0x1000))]);
    let base = IMAGE_BASE + 0x1000;
    let tables = [0x48, 0x60, 0x68, 0x80, 0x90];
    let with = |places: &[(usize, [u64; 5])]| {
        let mut file = file.clone();
        for (start, tables) in places {
            put(&mut file, 0x200 + start, &pclntab(*tables));
        }
        only(&file).bases[2..].to_vec()
    };
    let expected = tables.map(|table| base + 0x128 + table);
    assert_eq!(with(&[(0x128, tables)]), expected);
    // One that is not aligned is a coincidence, as is one with tables outside the section.
    assert_eq!(with(&[(0x124, tables)]), []);
    assert_eq!(with(&[(0x50, [0x48, 0x60, 0x68, 0x80, 0x5b0]), (0x128, tables)]), expected);
    assert_eq!(with(&[(0x50, [0x48, 0x60, 0x68, 0x80, u64::MAX]), (0x128, tables)]), expected);
    assert_eq!(with(&[(0x128, tables), (0x300, tables)]), expected);
    // The section ends amid the header.
    assert_eq!(with(&[(0x5d0, [0; 5])]), []);
}
