//! What was changed comes back, whatever it was and however it passes by; lists that cannot be are refused.

use proptest::prelude::*;

use super::*;
use crate::executable::{Kind, Machine, Section, tests::linux};

/// Contents of which all but the first bytes are the code of an image.
fn code(machine: Machine, bytes: &[u8], address: u64, more: u64) -> (Vec<u8>, Image) {
    let contents = [&[0xE8; 7][..], bytes].concat();
    let section = Section { offset: 7, size: bytes.len(), address, kind: Kind::Code, label: 1 };
    let addresses = address.saturating_sub(more)..address + bytes.len() as u64 + more;
    (contents, Image { at: 3, machine, sections: vec![section], addresses, bases: Vec::new() })
}

/// Calls of one function, from everywhere.
fn calls(machine: Machine, count: u32) -> Vec<u8> {
    let call = |i: u32| match machine {
        Machine::X86 => {
            let [a, b, c, d] = (0x100_u32.wrapping_sub(8 * i + 5)).to_le_bytes();
            [0xE8, a, b, c, d, 0x90, 0x90, 0x90].to_vec()
        }
        Machine::Arm => {
            let word = |at: u32| 0x9400_0000 | 0x40_u32.wrapping_sub(at) & 0x3FF_FFFF;
            [word(2 * i).to_le_bytes(), word(2 * i + 1).to_le_bytes()].concat()
        }
    };
    (0..count).flat_map(call).collect()
}

/// Undoes it as it passes by in pieces of this size.
fn undone(changed: &[u8], images: &Images, piece: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut undoing = Undoing::new(images, &mut out);
    changed.chunks(piece).for_each(|bytes| undoing.write_all(bytes).expect("room"));
    out
}

fn changed(contents: &[u8], image: &Image) -> (Vec<u8>, Images) {
    let mut bytes = contents.to_vec();
    let alone = alone(image);
    code::to_addresses(&mut bytes[image.at..image.end()], &alone);
    (bytes, Images(vec![(image.clone(), Tables::default())]))
}

#[test]
fn calls_of_one_function_become_the_same_bytes() {
    for machine in [Machine::X86, Machine::Arm] {
        let bytes = calls(machine, 100);
        let (contents, image) = code(machine, &bytes, 0x40_0000, 0x10_0000);
        let (bytes, images) = changed(&contents, &image);
        // The first bytes of x86-64 code have none before them that say what they are.
        let rows = bytes[7 + 8..].chunks(8);
        assert!(rows.clone().all(|row| row == rows.clone().next().expect("some")), "{machine:?}");
        assert_eq!(undone(&bytes, &images, 5), contents);
    }
}

#[test]
fn a_list_comes_back_and_one_that_cannot_be_is_refused() {
    let (contents, image) = code(Machine::Arm, &calls(Machine::Arm, 10), 0x40_0000, 0x1000);
    let (_, images) = changed(&contents, &image);
    let list = images.write(contents.len()).expect("codes");
    assert_eq!(Images::read(&list, contents.len()).expect("the same").0, images.0);
    let refused = Images::read(&list, contents.len() - 1).map(drop);
    assert!(matches!(refused, Err(PatchError::Impossible { .. })), "{refused:?}");
    let longer = [&*list, &[1, 2, 3]].concat();
    let refused = Images::read(&longer, contents.len()).map(drop);
    assert!(matches!(refused, Err(PatchError::OtherEnd)), "{refused:?}");
}

#[test]
fn an_image_too_large_to_be_held_is_refused() {
    let (_, mut image) = code(Machine::Arm, &[0; 8], 0x40_0000, 0x1000);
    let size = MAX_IMAGE + 1;
    image.at = 0;
    image.sections[0].offset = 0;
    image.sections[0].size = size;
    image.addresses.end = image.sections[0].address + size as u64;
    let list = Images(vec![(image, Tables::default())]).write(size).expect("codes");
    let refused = Images::read(&list, size).map(drop);
    assert!(
        matches!(refused, Err(PatchError::Impossible { field: "size of an image", .. })),
        "{refused:?}"
    );
}

#[test]
fn what_a_list_has_no_room_for_stays_as_it_is() {
    let mut program = linux();
    program[0x300..0x3f0].copy_from_slice(&calls(Machine::X86, 30));
    let original = program.repeat(40);
    let mut sizes = Vec::new();
    for most in [0, 20, 60, 90, MAX_LIST] {
        let mut contents = original.clone();
        let Some(list) = to_addresses_with(&mut contents, most).expect("codes") else {
            assert!(contents == original);
            continue;
        };
        assert!(list.len() as u64 <= most && contents != original);
        let images = Images::read(&list, contents.len()).expect("was just written");
        assert!(undone(&contents, &images, 1000) == original, "{most}");
        sizes.push(images.0.len());
    }
    assert!(sizes.len() > 1 && sizes.is_sorted() && sizes[0] < 40, "{sizes:?}");
    assert_eq!(sizes.last(), Some(&40));
}

/// Bytes that are often taken for references.
fn any_code() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(0xE8_u8),
        Just(0x0F),
        Just(0x85),
        Just(0x05),
        Just(0),
        Just(0xFF),
        Just(0x94),
        Just(0x90),
        any::<u8>()
    ];
    prop::collection::vec(byte, 0..300)
}

proptest! {
    #[test]
    fn any_code_comes_back(
        bytes in any_code(),
        address in 0x1000..0x1_0000_0000_u64,
        more in prop_oneof![Just(0_u64), 0..0x1000_u64, 0..0x8000_0000_u64],
        piece in 1..400_usize,
        arm: bool,
    ) {
        prop_assume!(!bytes.is_empty());
        let machine = if arm { Machine::Arm } else { Machine::X86 };
        let (contents, image) = code(machine, &bytes, address, more);
        let (changed, images) = changed(&contents, &image);
        prop_assert_eq!(undone(&changed, &images, piece), contents);
    }

    /// A blob may claim that any bytes were changed, in images that it tells as it likes.
    #[test]
    fn whatever_is_undone_has_the_same_size(
        bytes in prop::collection::vec(any::<u8>(), 2_600..3_000),
        at in any::<prop::sample::Index>(),
        flip in 0..=255_u8,
    ) {
        let mut contents = linux().repeat(2);
        let mut list = to_addresses(&mut contents).expect("codes").expect("two programs");
        let at = at.index(list.len());
        list[at] ^= flip;
        if let Ok(images) = Images::read(&list, bytes.len()) {
            prop_assert_eq!(undone(&bytes, &images, 64).len(), bytes.len());
        }
        let images = Images(executable::find(&contents).into_iter().map(|image| (image, Tables::default())).collect());
        prop_assert_eq!(undone(&contents, &images, 64).len(), contents.len());
    }
}
