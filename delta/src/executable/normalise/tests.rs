//! Every table comes back, whatever it was made of; honest ones of two versions look alike in between.

use proptest::prelude::*;

use super::{
    super::{Machine, Section},
    *,
};

/// Functions of a version: how long each is, and where its table of handlers lies, if it has one.
type Functions<'a> = &'a [(u32, Option<u32>)];

const CODE: u64 = 0x1000;

/// An `.eh_frame` for these functions, one after the other from [`CODE`] on; with a list that ends in between.
fn frames(functions: Functions<'_>, address: u64) -> Vec<u8> {
    // zPLR: personality, handlers and functions, all relative to where they stand.
    let mut bytes = vec![
        28, 0, 0, 0, 0, 0, 0, 0, 1, b'z', b'P', b'L', b'R', 0, 1, 0x78, 16, 7, 0x1B, 1, 2, 3, 4,
    ];
    bytes.extend([0x1B, 0x1B, 0x0C, 7, 8, 0x90, 1, 0, 0]);
    let mut function = CODE;
    for (number, (length, handlers)) in functions.iter().enumerate() {
        let here = bytes.len() as u64;
        bytes.extend([24, 0, 0, 0]);
        bytes.extend(low_bytes(here + 4));
        bytes.extend(low_bytes(function.wrapping_sub(address + here + 8)));
        bytes.extend(length.to_le_bytes());
        bytes.push(4);
        let distance = handlers.map_or(0, |at| u64::from(at).wrapping_sub(address + here + 17));
        bytes.extend(low_bytes(distance));
        bytes.extend([0; 7]);
        function += u64::from(*length);
        if number == 2 {
            bytes.extend([0; 4]);
        }
    }
    bytes
}

fn low_bytes(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}

/// The index over frames that linkers make.
fn index_of(functions: Functions<'_>, frames_address: u64, address: u64) -> Vec<u8> {
    let mut bytes = vec![1, 0x1B, 0x03, 0x3B];
    bytes.extend(low_bytes(frames_address.wrapping_sub(address + 4)));
    bytes.extend(low_bytes(functions.len() as u64));
    let (mut function, mut record) = (CODE, frames_address + 32);
    for (number, (length, _)) in functions.iter().enumerate() {
        bytes.extend(low_bytes(function.wrapping_sub(address)));
        bytes.extend(low_bytes(record.wrapping_sub(address)));
        function += u64::from(*length);
        record += if number == 2 { 32 } else { 28 };
    }
    bytes
}

/// An image of these sections, one after the other, and its bytes.
fn image(sections: &[(Kind, u64, Vec<u8>)]) -> (Vec<u8>, Image) {
    let mut bytes = vec![0xEE; 16];
    let mut placed = Vec::new();
    for (kind, address, contents) in sections {
        let (offset, size) = (bytes.len(), contents.len());
        placed.push(Section { offset, size, address: *address, kind: *kind, label: 1 });
        bytes.extend(contents);
    }
    let addresses = 0..0x1000_0000;
    (bytes, Image { at: 0, machine: Machine::X86, sections: placed, addresses, bases: Vec::new() })
}

fn image_of_code_and_a_large_table() -> (Vec<u8>, Image) {
    let (bytes, mut image) =
        image(&[(Kind::Code, 0x1000, vec![0; 8]), (Kind::Relocations, 0x2000, vec![0; 24])]);
    image.sections[1].size = MAX_TABLE + 1;
    (bytes, image)
}

fn unwinding(functions: Functions<'_>, at: u64) -> (Vec<u8>, Image) {
    let frames = frames(functions, at + 0x4000);
    let index = index_of(functions, at + 0x4000, at);
    image(&[(Kind::FrameIndex, at, index), (Kind::Frames, at + 0x4000, frames)])
}

fn back(bytes: &[u8], image: &Image, tables: Tables) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    restore(&mut bytes, image, tables);
    bytes
}

const FUNCTIONS: [(u32, Option<u32>); 6] = [
    (64, None),
    (32, Some(0x8000)),
    (48, Some(0x8010)),
    (16, None),
    (80, Some(0x8020)),
    (96, Some(0x8000)),
];

#[test]
fn frames_that_moved_are_the_same_in_normal_form() {
    let (old, old_image) = unwinding(&FUNCTIONS, 0x2_0000);
    let (mut moved, moved_image) = unwinding(&FUNCTIONS, 0x2_0340);
    let mut normal = old.clone();
    let tables = normalise(&mut normal, &old_image);
    assert_eq!(tables.bits(), 0b11);
    assert_eq!(normalise(&mut moved, &moved_image), tables);
    assert_eq!(normal, moved);
    assert_eq!(back(&normal, &old_image, tables), old);
}

#[test]
fn one_function_more_changes_one_record() {
    let normal = |functions: Functions<'_>| {
        let mut frames = frames(functions, 0x2_0000);
        frames::normalise(&mut frames, 0x2_0000).expect("built like that");
        frames
    };
    let mut grown = FUNCTIONS;
    grown[1].0 += 16;
    let (old, new) = (normal(&FUNCTIONS), normal(&grown));
    let different = old.iter().zip(&new).filter(|(a, b)| a != b).count();
    assert_eq!(different, 1, "its length");
}

#[test]
fn an_index_that_is_not_what_linkers_make_stays() {
    let (mut bytes, image) = unwinding(&FUNCTIONS, 0x2_0000);
    bytes[16 + 13] ^= 1;
    let tables = normalise(&mut bytes.clone(), &image);
    assert_eq!(tables.bits(), 0b10);
}

#[test]
fn an_index_without_frames_stays() {
    let (mut bytes, image) =
        image(&[(Kind::FrameIndex, 0x1000, vec![1, 0x1B, 3, 0x3B, 0, 0, 0, 0, 0, 0, 0, 0])]);
    let before = bytes.clone();
    assert_eq!(normalise(&mut bytes, &image), Tables::default());
    assert_eq!(bytes, before);
}

#[test]
fn relocations_and_functions_in_a_row_are_all_alike() {
    let rows: Vec<u8> = (0..50_u64)
        .flat_map(|i| [0x4000 + 8 * i, 8, 0x1000].map(u64::to_le_bytes))
        .flatten()
        .collect();
    let functions: Vec<u8> = (0..50_u32)
        .flat_map(|i| [0x1000 + 32 * i, 0x1010 + 32 * i, 0x9000 + 8 * i].map(u32::to_le_bytes))
        .flatten()
        .collect();
    let (mut bytes, image) =
        image(&[(Kind::Relocations, 0x1000, rows), (Kind::Functions, 0x9000, functions)]);
    let before = bytes.clone();
    let tables = normalise(&mut bytes, &image);
    assert_eq!(tables.bits(), 0b11);
    let rows = bytes[16..16 + 50 * 24].chunks(24).skip(1);
    assert!(rows.clone().all(|row| row == rows.clone().next().expect("some")));
    let functions = bytes[16 + 50 * 24..].chunks(12).skip(1);
    assert!(functions.clone().all(|row| row == functions.clone().next().expect("some")));
    assert_eq!(back(&bytes, &image, tables), before);
}

#[test]
fn an_address_in_the_data_is_not_said_twice_by_its_relocation() {
    let data: Vec<u8> = (0..50_u64).flat_map(|i| (0x7_1234 + i * i * 24).to_le_bytes()).collect();
    for (machine, relative) in [(Machine::X86, 8_u64), (Machine::Arm, 1027)] {
        let rows: Vec<u8> = (0..50_u64)
            .flat_map(|i| [0x4000 + 8 * i, relative, 0x7_1234 + i * i * 24].map(u64::to_le_bytes))
            .flatten()
            .collect();
        let (mut bytes, mut image) =
            image(&[(Kind::Relocations, 0x1000, rows), (Kind::Data, 0x4000, data.clone())]);
        image.machine = machine;
        let before = bytes.clone();
        let tables = normalise(&mut bytes, &image);
        let mut rows = bytes[16..16 + 50 * 24].chunks(24);
        assert!(rows.all(|row| row[16..] == [0; 8]), "{machine:?}");
        assert_eq!(back(&bytes, &image, tables), before);
    }
}

#[test]
fn a_relocation_at_the_edge_of_the_data_or_of_another_table_comes_back() {
    // The last one would take bytes behind the section; others apply to the table itself and to a second one.
    let places = [0x4000_u64, 0x4008, 0x4009, 0x1000, 0x1010, 0x2000, 0x2008, u64::MAX];
    let rows: Vec<u8> =
        places.iter().flat_map(|at| [*at, 8, 0x7777].map(u64::to_le_bytes)).flatten().collect();
    let (mut bytes, image) = image(&[
        (Kind::Relocations, 0x1000, rows.clone()),
        (Kind::Relocations, 0x2000, rows),
        (Kind::Data, 0x4000, vec![0x11; 16]),
    ]);
    let before = bytes.clone();
    let tables = normalise(&mut bytes, &image);
    assert_eq!(back(&bytes, &image, tables), before);
}

#[test]
fn tables_are_told_by_bits_that_the_image_has() {
    let (_, image) = unwinding(&FUNCTIONS, 0x2_0000);
    assert!(Tables::from_bits(0b11, &image).is_some_and(|tables| tables.has(1) && !tables.has(2)));
    assert_eq!(Tables::from_bits(0b100, &image), None);
    assert_eq!(Tables::from_bits(u64::MAX, &image), None);
    let (_, image) = image_of_code_and_a_large_table();
    assert_eq!(Tables::from_bits(0b01, &image), None, "code has no normal form");
    assert_eq!(Tables::from_bits(0b10, &image), None, "too large to be put back");
}

proptest! {
    /// Bytes of any kind: what is normalised comes back, what is not is as it was.
    #[test]
    fn whatever_a_table_holds_comes_back(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), 0..40_u8, any::<u8>()], 1..400),
        address in 0..0x1000_0000_u64,
    ) {
        for kind in Kind::ALL {
            let (original, image) = image(&[
                (kind, address, bytes.clone()),
                (Kind::FrameIndex, 0x100, bytes.clone()),
                (Kind::Data, 0, bytes.clone()),
            ]);
            let mut normal = original.clone();
            let tables = normalise(&mut normal, &image);
            prop_assert_eq!(back(&normal, &image, tables), original);
        }
    }

    /// Honest frames with one byte changed: the records still end where they should, or not.
    #[test]
    fn damaged_frames_come_back(at: prop::sample::Index, value: u8, address in 0..0x1000_0000_u64) {
        let (mut original, image) = unwinding(&FUNCTIONS, address);
        let at = at.index(original.len());
        original[at] = value;
        let mut normal = original.clone();
        let tables = normalise(&mut normal, &image);
        prop_assert_eq!(back(&normal, &image, tables), original);
    }

    /// A patch may claim that any bytes are in normal form.
    #[test]
    fn nothing_that_is_put_back_panics(
        bytes in prop::collection::vec(any::<u8>(), 1..300),
        bits in 0..4_u64,
    ) {
        for kind in Kind::ALL {
            let (original, image) = image(&[(kind, 0x1000, bytes.clone()), (Kind::FrameIndex, 0x100, bytes.clone())]);
            let Some(tables) = Tables::from_bits(bits, &image) else {
                prop_assert!(bits & 1 == 1 && matches!(kind, Kind::Code | Kind::Data));
                continue;
            };
            prop_assert_eq!(back(&original, &image, tables).len(), original.len());
        }
    }
}
