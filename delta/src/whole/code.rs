//! Distances in code become addresses, and back. Same length, and reversible for any bytes.
//!
//! What counts as a distance is said by the bytes before it, which do not change, and by the number itself: those that
//! lead into the image. On x86-64 the other numbers that look like addresses have to become something, too: they become
//! the distances that no number is left for. That is how cabinets of Windows treat calls. On arm64 every number of the
//! field is an address modulo the field's size, so none is left over.

use crate::executable::{
    Image, Kind, Machine,
    references::{arm, low_bits, read_u32, write_u32, x86_field_follows},
};

#[derive(Debug, Clone, Copy)]
enum Way {
    ToAddresses,
    ToDistances,
}

/// Distances in the code of an image become addresses.
pub(super) fn to_addresses(bytes: &mut [u8], image: &Image) {
    change(bytes, image, Way::ToAddresses);
}

/// Addresses in the code of an image become distances again.
pub(super) fn to_distances(bytes: &mut [u8], image: &Image) {
    change(bytes, image, Way::ToDistances);
}

fn change(bytes: &mut [u8], image: &Image, way: Way) {
    let lowest = image.addresses.start;
    let span = image.addresses.end - lowest;
    for section in image.sections.iter().filter(|section| section.kind == Kind::Code) {
        let code = &mut bytes[section.bytes()];
        match (image.machine, i32::try_from(span)) {
            (Machine::X86, Ok(span)) => x86(code, section.address - lowest, span.into(), way),
            // Distances of 32 bits do not reach across it.
            (Machine::X86, Err(_)) => {}
            (Machine::Arm, _) => arm(code, section.address, way),
        }
    }
}

/// Addresses count from the lowest of the image: that of the code is `first`, all are below `span`.
fn x86(code: &mut [u8], first: u64, span: i64, way: Way) {
    let Some([mut before, mut last]) = code.first_chunk().copied() else { return };
    let mut at = 2;
    while at + 4 <= code.len() {
        if !x86_field_follows(before, last) {
            (before, last) = (last, code[at]);
            at += 1;
            continue;
        }
        let number = i64::from(read_u32(code, at).cast_signed());
        let next = (first + at as u64 + 4).cast_signed();
        let changed = x86_number(number, next, span, way);
        let distance = match way {
            Way::ToAddresses => number,
            Way::ToDistances => changed,
        };
        write_u32(code, at, low_bits(changed.cast_unsigned()));
        // What follows is judged by the bytes that stood here. These four are no part of another number, even if they are
        // no address: who goes back sees them changed, and has to come to the same places.
        [_, _, before, last] = low_bits(distance.cast_unsigned()).to_le_bytes();
        at += 4;
    }
}

/// The other form of a number that stands before the address `next`.
fn x86_number(number: i64, next: i64, span: i64, way: Way) -> i64 {
    let (addresses, left_over) = (0..span, -next..0);
    match way {
        Way::ToAddresses if addresses.contains(&(number + next)) => number + next,
        Way::ToAddresses if left_over.contains(&(number - span)) => number - span,
        Way::ToDistances if addresses.contains(&number) => number - next,
        Way::ToDistances if left_over.contains(&number) => number + span,
        _ => number,
    }
}

fn arm(code: &mut [u8], first: u64, way: Way) {
    let aligned = usize::try_from(first.wrapping_neg() % 4).expect("below 4");
    let mut at = aligned;
    while at + 4 <= code.len() {
        let word = read_u32(code, at);
        let here = first + at as u64;
        let sum = |number: u64, here: u64| match way {
            Way::ToAddresses => number.wrapping_add(here),
            Way::ToDistances => number.wrapping_sub(here),
        };
        if let Some(distance) = arm::call(word) {
            write_u32(code, at, arm::with_branch(word, sum(distance, here)));
        } else if let Some(pages) = arm::page(word) {
            write_u32(code, at, arm::with_page(word, sum(pages, here / arm::PAGE)));
        }
        at += 4;
    }
}
