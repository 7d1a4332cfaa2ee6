//! Contents as they are compared: each reference replaced by a mark of what it leads to.
//!
//! Code that calls the same function is the same code, wherever that function lies today. So the bytes of a
//! reference become a hash of the bytes it leads to, themselves without references: equal on both sides if the
//! target is, unequal if it is not.

use crate::executable::{
    Kind, Machine, Place, Side,
    references::{arm, distance, read_u32, read_u64, x86_target},
};

/// Bytes of a target that are hashed.
const TARGET: usize = 24;
/// References out of the file, to zero-filled memory for one.
const NOWHERE: u32 = 0x5A5A_5A5A;
/// An address lower than this above the beginning of its image is taken for a number.
const LOWEST: u64 = 4096;
/// A distance in data shorter than this is taken for a number.
const SHORTEST: u64 = 65_536;

/// A reference: four bytes of the contents, and the address they lead to.
#[derive(Debug, Clone, Copy)]
struct Reference {
    at: usize,
    target: u64,
    sort: u8,
}

/// The contents of a side with marks for references.
pub(super) fn project(side: &Side) -> Vec<u8> {
    let references = references(side);
    let mut masked = side.bytes.clone();
    for reference in &references {
        masked[reference.at..][..4].fill(reference.sort);
    }
    let marks: Vec<u32> =
        references.iter().map(|reference| mark(&masked, side, reference)).collect();
    for (reference, mark) in references.iter().zip(marks) {
        masked[reference.at..][..4].copy_from_slice(&mark.to_le_bytes());
    }
    masked
}

fn mark(masked: &[u8], side: &Side, reference: &Reference) -> u32 {
    let Some(at) = side.space.offset_of(reference.target) else { return NOWHERE };
    let target = &masked[at..masked.len().min(at + TARGET)];
    // FNV-1a; no byte of a mark is zero, so that none looks like padding.
    let hash = target.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
    });
    let folded = (hash >> 32) ^ (hash >> 7) & 0xFFFF_FFFF;
    u32::try_from(folded).expect("32 bits") | 0x0101_0101
}

fn references(side: &Side) -> Vec<Reference> {
    let mut found = Vec::new();
    let without = side.without_references();
    for place in side.space.places() {
        if without.iter().any(|range| range.start == place.section.offset) {
            continue;
        }
        match (place.section.kind, place.machine) {
            (Kind::Code, Machine::X86) => x86(side, place, &mut found),
            (Kind::Code, Machine::Arm) => arm(side, place, &mut found),
            _ => data(side, place, &mut found),
        }
    }
    found
}

fn x86(side: &Side, place: &Place, found: &mut Vec<Reference>) {
    for at in place.section.bytes() {
        if side.fields.starts(at) {
            found.push(Reference { at, target: x86_target(&side.bytes, at, place), sort: 1 });
        }
    }
}

fn arm(side: &Side, place: &Place, found: &mut Vec<Reference>) {
    let addresses = side.space.addresses(place.image);
    let bytes = place.section.bytes();
    for at in bytes.clone().step_by(4).take_while(|at| at + 4 <= bytes.end) {
        let Some(distance) = arm::branch(read_u32(&side.bytes, at)) else { continue };
        let target = place.address(at).wrapping_add(distance);
        if addresses.contains(&target) {
            found.push(Reference { at, target, sort: 1 });
        }
    }
}

/// Addresses of 64 bits, and distances to code of 32.
fn data(side: &Side, place: &Place, found: &mut Vec<Reference>) {
    let addresses = side.space.addresses(place.image);
    let first = crate::executable::first_address(place.image);
    let bytes = place.section.bytes();
    let own = place.section.address..place.address(bytes.end);
    let misaligned = place.section.address.wrapping_neg() % 4;
    let mut at = bytes.start + usize::try_from(misaligned).expect("below 4");
    while at + 4 <= bytes.end {
        let here = place.address(at);
        if here.is_multiple_of(8) && at + 8 <= bytes.end {
            let target = first.wrapping_add(read_u64(&side.bytes, at));
            if target >= addresses.start + LOWEST && addresses.contains(&target) {
                found.push(Reference { at, target, sort: 2 });
                at += 8;
                continue;
            }
        }
        let number = distance(read_u32(&side.bytes, at));
        let target = here.wrapping_add(number);
        if number.cast_signed().unsigned_abs() > SHORTEST
            && addresses.contains(&target)
            && !own.contains(&target)
            && leads_to_code(side, target)
        {
            found.push(Reference { at, target, sort: 3 });
        }
        at += 4;
    }
}

fn leads_to_code(side: &Side, target: u64) -> bool {
    let place = side.space.offset_of(target).and_then(|at| side.space.place_of(at));
    place.is_some_and(|place| place.section.kind == Kind::Code)
}
