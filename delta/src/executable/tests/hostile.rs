//! Files that lie.

use proptest::prelude::*;

use super::*;
use crate::fuzzing::assert_sound;

fn files() -> [Vec<u8>; 3] {
    [linux(), windows(), mac()]
}

/// Numbers of the headers are somewhere in these bytes of the files.
fn headers(file: &[u8]) -> Vec<usize> {
    let tables = file.len().saturating_sub(1000)..file.len();
    (0..file.len().min(1000)).chain(tables).collect()
}

#[test]
fn files_that_end_early_are_sound_or_none() {
    for file in files() {
        let whole = only(&file);
        let last = whole.sections.last().expect("has sections").bytes().end;
        for len in 0..file.len() {
            let images = find(&file[..len]);
            assert_sound(&file[..len], &images);
            assert!(len >= last || images.is_empty(), "{len} bytes of {last} are no image");
        }
    }
}

#[test]
fn files_with_a_wrong_byte_are_sound_or_none() {
    for file in files() {
        for at in headers(&file) {
            for byte in [0, 0x7f, 0xff] {
                let mut file = file.clone();
                file[at] = byte;
                assert_sound(&file, &find(&file));
            }
        }
    }
}

#[test]
fn sums_that_are_too_large_are_none() {
    let large =
        [u64::MAX, u64::MAX - 1, u64::MAX / 2, MAX_ADDRESS, MAX_ADDRESS - 1, u64::MAX << 12];
    for file in files() {
        for at in headers(&file) {
            for number in large {
                let mut file = file.clone();
                put(&mut file, at, &number.to_le_bytes());
                assert_sound(&file, &find(&file));
                put(&mut file, at, &number.to_le_bytes()[..4]);
                assert_sound(&file, &find(&file));
            }
        }
    }
}

#[test]
fn addresses_have_a_limit() {
    let at_address = |address| find(&elf(X86_ELF, &[(RX, place(0, 0x100, address))], &[])).len();
    assert_eq!(at_address(MAX_ADDRESS - 0x100), 1);
    assert_eq!(at_address(MAX_ADDRESS - 0xff), 0);
    assert_eq!(at_address(u64::MAX - 0xff), 0);
    assert_eq!(at_address(u64::MAX), 0);
}

#[test]
fn other_files_are_none() {
    // 32 bits, big endian, another machine, nothing that is loaded, and an archive of such.
    let segments = [(RX, place(0, 0x100, 0x1000))];
    let right = elf(X86_ELF, &segments, &[]);
    assert_eq!(find(&right).len(), 1);
    for (at, byte) in [(4, 1), (5, 2), (18, 40), (54, 32), (56, 0), (0, 0)] {
        let mut wrong = right.clone();
        wrong[at] = byte;
        assert_eq!(find(&wrong), [], "byte {at} is {byte}");
    }
    let sections = [(".text", PROGBITS, ALLOC_EXEC, place(0x40, 0x40, 0))];
    assert_eq!(find(&elf(X86_ELF, &[], &sections).repeat(3)), []);
    let right = windows();
    for (at, byte) in
        [(1, b'K'), (0x3c, 0), (PE_HEADER, 0), (PE_HEADER + 4, 0x4c), (PE_HEADER + 25, 1)]
    {
        let mut wrong = right.clone();
        wrong[at] = byte;
        assert_eq!(find(&wrong), [], "byte {at} is {byte}");
    }
    let right = mac();
    for (at, byte) in [(0, 0xce), (4, 0x12), (7, 0), (12, 1), (16, 0)] {
        let mut wrong = right.clone();
        wrong[at] = byte;
        assert_eq!(find(&wrong), [], "byte {at} is {byte}");
    }
    assert_eq!(find(b""), []);
    assert_eq!(find(b"\x7fELF\x02\x01 is how it begins, and this is not it"), []);
}

#[test]
fn files_with_thousands_of_sections_are_none() {
    let spots = |count: u64| (0..count).map(|at| place(0x1000 + 2 * at, 1, 0x2000 + 2 * at));
    let segments = [(RX, place(0, 0x8000, 0x1000))];
    let with = |count: u64| {
        let sections: Vec<_> = spots(count).map(|spot| (".x", PROGBITS, ALLOC, spot)).collect();
        find(&elf(X86_ELF, &segments, &sections))
    };
    // Each and the gap behind it, and what lies before the first.
    assert_eq!(with(255).iter().map(|image| image.sections.len()).collect::<Vec<_>>(), [511]);
    for count in [256, 511, 512, 5000] {
        assert_eq!(with(count), []);
    }
    let sections: Vec<_> = spots(5000).map(|spot| (".x", READ, spot)).collect();
    let with = |count| find(&pe(X86_PE, &sections[..count])).len();
    assert_eq!((with(255), with(256), with(5000)), (1, 0, 0));
    let sections: Vec<_> = spots(5000).map(|spot| ("__x", ZERO_FILL, spot)).collect();
    let with = |count| {
        let segments: [MachoSegment<'_>; 1] =
            [("__DATA", 3, place(0, 0x7000, 0x1000), &sections[..count])];
        find(&macho(X86_MACHO, &segments)).len()
    };
    assert_eq!((with(255), with(256), with(5000)), (1, 0, 0));
}

proptest! {
    #[test]
    fn anything_behind_a_magic_is_sound_or_none(
        file in 0_usize..3,
        from in 0_usize..400,
        bytes in prop::collection::vec(any::<u8>(), 1..2000),
    ) {
        let mut file = files()[file].clone();
        put(&mut file, from, &bytes);
        assert_sound(&file, &find(&file));
    }

    #[test]
    fn small_changes_are_sound_or_none(
        file in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..0x2000, 1_usize..9), 1..12),
    ) {
        let mut file = files()[file].clone();
        let places = headers(&file);
        for (place, number, len) in changes {
            put(&mut file, places[place.index(places.len())], &number.to_le_bytes()[..len]);
        }
        assert_sound(&file, &find(&file));
        let doubled = [file.as_slice(), &file].concat();
        assert_sound(&doubled, &find(&doubled));
    }
}
