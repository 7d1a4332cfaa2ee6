//! What does a stretch of old bytes become in the new version? Its bytes, with every reference corrected.
//!
//! A [`Block`] is about 32 bytes of a piece, longer where a reference would be cut. Both sides of a patch make
//! the same blocks from the same knowledge, so only what is not as predicted has to be said.

use super::{
    hypotheses::{Hypotheses, Judge},
    targets::{Sureness, Targets},
};
use crate::executable::{
    Kind, Machine, Place, Side, Space, first_address,
    references::{arm, distance, low_bits, read_u32, read_u64},
};

/// Bytes of a block, if no reference is cut.
pub(super) const BLOCK: usize = 32;
/// Predicted bytes, some after the block among them: models look ahead.
const AHEAD: usize = 48;
/// References that begin in a block.
const FIELDS: usize = BLOCK / 4 + 1;
/// Instructions after an `adrp` among which the one is looked for that completes its address.
const COMPLETED_WITHIN: usize = 9;
/// An address lower than this above the beginning of its image is taken for a number.
const LOWEST: u64 = 4096;

/// What a reference is; the role of its bytes begins with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    /// A distance in x86-64 code.
    X86 = 1,
    /// A number in data that may be an address.
    Data = 5,
    /// An instruction of arm64 that branches.
    Branch = 9,
    /// One that makes a part of an address: the same roles as a branch.
    Page = 10,
}

/// A reference in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Where in the block.
    pub(super) at: usize,
    pub(super) sort: Sort,
    pub(super) sureness: u8,
    /// Where it led, and where it is predicted to lead.
    pub(super) target: u64,
    pub(super) predicted: u64,
}

const NO_FIELD: Field = Field { at: 0, sort: Sort::X86, sureness: 0, target: 0, predicted: 0 };

/// A stretch of a piece and what it is predicted to become.
#[derive(Debug)]
pub(super) struct Block {
    /// First byte in the old contents, and in the new ones.
    pub(super) old: usize,
    pub(super) new: usize,
    pub(super) len: usize,
    /// Bytes of the piece before it.
    pub(super) done: usize,
    /// Bytes of the whole piece.
    pub(super) piece_len: usize,
    /// What the bytes become; after the block, what they were.
    pub(super) bytes: [u8; AHEAD],
    /// For each byte, 0 or its place in a reference: 1–4 in x86-64 code, 5–8 in data, 9–12 in arm64 code.
    pub(super) roles: [u8; AHEAD],
    /// For each byte of a reference, its number.
    field_of: [u8; AHEAD],
    fields: [Field; FIELDS],
    count: usize,
    hypotheses: [Hypotheses; FIELDS],
    /// References of which little is known, and those that change.
    pub(super) unsure: u32,
    pub(super) changed: u32,
    /// Whether the old bytes are code, and the label of their section.
    pub(super) code: bool,
    pub(super) label: u8,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            old: 0,
            new: 0,
            len: 0,
            done: 0,
            piece_len: 0,
            bytes: [0; AHEAD],
            roles: [0; AHEAD],
            field_of: [0; AHEAD],
            fields: [NO_FIELD; FIELDS],
            count: 0,
            hypotheses: [Hypotheses::NONE; FIELDS],
            unsure: 0,
            changed: 0,
            code: false,
            label: 0,
        }
    }

    /// Its references, in order.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields[..self.count]
    }

    /// The reference that a byte belongs to.
    pub(super) fn field_of(&self, byte: usize) -> Option<&Field> {
        (self.roles[byte] > 0).then(|| &self.fields[usize::from(self.field_of[byte])])
    }

    /// The predicted bytes.
    pub(super) fn predicted(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// What the number in data with this reference might be.
    pub(super) fn hypotheses(&self, field: usize) -> &Hypotheses {
        &self.hypotheses[field]
    }

    fn begin(&mut self, old: &[u8], at: usize) {
        self.old = at;
        let ahead = AHEAD.min(old.len() - at);
        self.bytes[..ahead].copy_from_slice(&old[at..at + ahead]);
        self.bytes[ahead..].fill(0);
        self.roles.fill(0);
        self.count = 0;
        self.unsure = 0;
        self.changed = 0;
    }

    /// Notes a reference whose four bytes become `number`.
    fn note(&mut self, field: Field, number: u32, was: u32) {
        let at = field.at;
        let first = if field.sort == Sort::Page { Sort::Branch } else { field.sort } as u8;
        self.bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        for (byte, role) in (at..at + 4).zip(first..) {
            self.roles[byte] = role;
            self.field_of[byte] = u8::try_from(self.count).expect("few");
        }
        self.unsure += u32::from(field.sureness < Sureness::Mapped as u8);
        self.changed += u32::from(number != was);
        self.fields[self.count] = field;
        self.count += 1;
        self.len = self.len.max(at + 4);
    }
}

/// How the bytes of a piece are predicted.
#[derive(Debug, Clone, Copy)]
enum Method {
    /// As they are.
    Copy,
    X86,
    Arm,
    Data,
}

/// An `adrp` whose address is completed by a later instruction.
#[derive(Debug, Clone, Copy)]
struct Pending {
    at: usize,
    address: u64,
    scale: u32,
}

/// Makes the blocks of one piece after the other.
#[derive(Debug)]
pub(super) struct Predictor<'a> {
    old: &'a Side,
    new: &'a Space,
    /// Where old references lead now.
    targets: Targets<'a>,
    /// Which of several meanings a number in data has.
    judge: Judge,
    method: Method,
    /// Of the piece under way: the address of an old byte less its offset, and of a new byte less the old offset.
    old_base: u64,
    new_base: u64,
    old_addresses: std::ops::Range<u64>,
    /// Addresses that references of the new section may lead to.
    new_addresses: std::ops::Range<u64>,
    /// The first address of the old image.
    first: u64,
    /// Old and new addresses that numbers in data may be relative to.
    bases: Vec<(u64, u64)>,
    pending: Vec<Pending>,
    /// Where the piece begins in the old contents and in the new ones, and where it ends in the old.
    start: usize,
    new_start: usize,
    end: usize,
}

impl<'a> Predictor<'a> {
    pub(super) fn new(old: &'a Side, new: &'a Space, targets: Targets<'a>) -> Self {
        Self {
            old,
            new,
            targets,
            judge: Judge::new(),
            method: Method::Copy,
            old_base: 0,
            new_base: 0,
            old_addresses: 0..0,
            new_addresses: 0..0,
            first: 0,
            bases: Vec::new(),
            pending: Vec::new(),
            start: 0,
            new_start: 0,
            end: 0,
        }
    }

    /// Takes up a piece: `len` bytes of `old` become those at `new`.
    pub(super) fn begin(&mut self, block: &mut Block, old: usize, new: usize, len: usize) {
        let (from, to) = (self.old.space.place_of(old), self.new.place_of(new));
        self.method = Method::Copy;
        (self.start, self.new_start, self.end) = (old, new, old + len);
        self.pending.clear();
        block.piece_len = len;
        block.code = from.is_some_and(|place| place.section.kind == Kind::Code);
        block.label = from.map_or(0, |place| place.section.label);
        let (Some(from), Some(to)) = (from, to) else { return };
        self.old_base = from.address(0);
        self.new_base = to.address(new).wrapping_sub(old as u64);
        self.old_addresses = self.old.space.addresses(from.image);
        self.new_addresses = self.new.addresses(to.image);
        self.first = first_address(from.image);
        self.method = method(from, to);
        self.bases.clear();
        if matches!(self.method, Method::Data) {
            let moved = |base| (base, self.targets.moves.shift(base).0.wrapping_add(base));
            self.bases.extend(self.old.space.bases(from.image).map(moved));
        }
    }

    /// The next block of the piece, from this byte of it on.
    pub(super) fn block(&mut self, block: &mut Block, done: usize) {
        let at = self.start + done;
        block.begin(&self.old.bytes, at);
        block.done = done;
        block.new = self.new_start + done;
        block.len = BLOCK.min(self.end - at);
        match self.method {
            Method::Copy => {}
            Method::X86 => self.x86(block),
            Method::Arm => self.arm(block),
            Method::Data => self.data(block),
        }
    }

    /// Learns from a block's bytes as they came.
    pub(super) fn learn(&mut self, block: &Block, came: &[u8]) {
        let dirty = came != block.predicted();
        for (number, field) in block.fields().iter().enumerate() {
            let word = || read_u32(came, field.at);
            if field.sort == Sort::Data {
                self.judge.learn(block.hypotheses(number), block.label, word());
                continue;
            }
            // What came as predicted from what is known teaches nothing.
            if !dirty && field.sureness >= Sureness::Mapped as u8 {
                continue;
            }
            let here = self.new_base.wrapping_add((block.old + field.at) as u64);
            let target = match field.sort {
                Sort::X86 => here.wrapping_add(4).wrapping_add(distance(word())),
                Sort::Branch => match arm::branch(word()) {
                    Some(distance) => here.wrapping_add(distance),
                    None => continue,
                },
                Sort::Data | Sort::Page => continue,
            };
            if self.new_addresses.contains(&target) {
                self.targets.learn(field.target, target, field.predicted);
            }
        }
    }

    fn x86(&self, block: &mut Block) {
        let from = block.old;
        let mut at = 0;
        while at < BLOCK.min(self.end - from) {
            if !self.old.fields.starts(from + at) || from + at + 4 > self.end {
                at += 1;
                continue;
            }
            let was = read_u32(&self.old.bytes, from + at);
            let old_here = self.old_base.wrapping_add((from + at) as u64);
            let target = old_here.wrapping_add(4).wrapping_add(distance(was));
            let (predicted, sureness) = self.targets.new_address(target);
            let here = self.new_base.wrapping_add((from + at) as u64);
            let number = low_bits(predicted.wrapping_sub(here).wrapping_sub(4));
            block.note(
                Field { at, sort: Sort::X86, sureness: sureness as u8, target, predicted },
                number,
                was,
            );
            at += 4;
        }
    }

    fn arm(&mut self, block: &mut Block) {
        let from = block.old;
        let mut at = usize::try_from(self.old_base.wrapping_add(from as u64).wrapping_neg() % 4)
            .expect("below 4");
        while at < BLOCK.min(self.end - from) && from + at + 4 <= self.end {
            self.arm_word(block, at);
            at += 4;
        }
    }

    fn arm_word(&mut self, block: &mut Block, at: usize) {
        let offset = block.old + at;
        let word = read_u32(&self.old.bytes, offset);
        let old_here = self.old_base.wrapping_add(offset as u64);
        let new_here = self.new_base.wrapping_add(offset as u64);
        if let Some(distance) = arm::branch(word) {
            let target = old_here.wrapping_add(distance);
            if self.old_addresses.contains(&target) {
                let (predicted, sureness) = self.targets.new_address(target);
                let field =
                    Field { at, sort: Sort::Branch, sureness: sureness as u8, target, predicted };
                block.note(field, arm::with_branch(word, predicted.wrapping_sub(new_here)), word);
            }
        } else if let Some(pages) = arm::page(word) {
            let page = (old_here / arm::PAGE).wrapping_add(pages).wrapping_mul(arm::PAGE);
            let Some((completed, into, scale)) = self.completion(offset, arm::written(word)) else {
                return;
            };
            let target = page.wrapping_add(into);
            if self.old_addresses.contains(&target) {
                let (predicted, sureness) = self.targets.new_address(target);
                let pages = (predicted / arm::PAGE).wrapping_sub(new_here / arm::PAGE);
                let field =
                    Field { at, sort: Sort::Page, sureness: sureness as u8, target, predicted };
                block.note(field, arm::with_page(word, pages), word);
                self.pending.retain(|pending| pending.at != completed && pending.at > offset);
                self.pending.push(Pending { at: completed, address: predicted, scale });
            }
        } else if let Some(index) = self.pending.iter().position(|pending| pending.at == offset) {
            let Pending { address, scale, .. } = self.pending.swap_remove(index);
            let sureness = Sureness::Mapped as u8;
            let field = Field { at, sort: Sort::Page, sureness, target: 0, predicted: address };
            block.note(field, arm::with_in_page(word, address, scale), word);
        }
    }

    /// The instruction that completes the address in this register: where, what it adds, and its scale.
    fn completion(&self, adrp: usize, register: u32) -> Option<(usize, u64, u32)> {
        let words = (1..=COMPLETED_WITHIN).map(|word| adrp + 4 * word);
        words.take_while(|at| at + 4 <= self.old.bytes.len()).find_map(|at| {
            let (into, scale) = arm::in_page(read_u32(&self.old.bytes, at), register)?;
            Some((at, into, scale))
        })
    }

    fn data(&mut self, block: &mut Block) {
        let from = block.old;
        let mut at = usize::try_from(self.old_base.wrapping_add(from as u64).wrapping_neg() % 4)
            .expect("below 4");
        while at < BLOCK.min(self.end - from) && from + at + 4 <= self.end {
            self.number(block, at);
            at += 4;
        }
    }

    /// A number of 32 bits in data, which may be an address, a distance, or an offset from one of the bases.
    fn number(&mut self, block: &mut Block, at: usize) {
        let offset = block.old + at;
        let was = read_u32(&self.old.bytes, offset);
        if was == 0 {
            return;
        }
        let old_here = self.old_base.wrapping_add(offset as u64);
        let new_here = self.new_base.wrapping_add(offset as u64);
        let mut found = Hypotheses::of(was);
        let mut sureness = Sureness::Mapped as u8;
        let mut target = 0;
        if old_here.is_multiple_of(8) && offset + 8 <= self.old.bytes.len() {
            let address = self.first.wrapping_add(read_u64(&self.old.bytes, offset));
            if address >= self.old_addresses.start.saturating_add(LOWEST)
                && self.old_addresses.contains(&address)
            {
                let (new, sure) = self.targets.new_address(address);
                (target, sureness) = (address, sure as u8);
                found.add(Hypotheses::ADDRESS, low_bits(new));
            }
        }
        if target == 0 {
            let address = old_here.wrapping_add(distance(was));
            if self.old_addresses.contains(&address)
                && self.judge.considers(block.label, Hypotheses::DISTANCE)
            {
                let (new, sure) = self.targets.new_address(address);
                sureness = sureness.min(sure as u8);
                found.add(Hypotheses::DISTANCE, low_bits(new.wrapping_sub(new_here)));
            }
            let span = self.old_addresses.end - self.old_addresses.start;
            if was.cast_signed() > 0 && u64::from(was) < span {
                for (index, (old, new)) in self.bases.iter().enumerate() {
                    let address = old.wrapping_add(u64::from(was));
                    let meaning = Hypotheses::BASES + index;
                    if self.old_addresses.contains(&address)
                        && self.judge.considers(block.label, meaning)
                    {
                        let (moved, _) = self.targets.new_address(address);
                        found.add(meaning, low_bits(moved.wrapping_sub(*new)));
                    }
                }
            }
        }
        if !found.disagree() {
            return;
        }
        let (chosen, trust) = self.judge.choose(&mut found, block.label, old_here);
        let number = block.count;
        let field = Field {
            at,
            sort: Sort::Data,
            sureness: sureness.min(trust),
            target,
            predicted: u64::from(chosen),
        };
        block.note(field, chosen, was);
        block.hypotheses[number] = found;
    }
}

fn method(from: &Place, to: &Place) -> Method {
    match (from.section.kind, to.section.kind) {
        (Kind::Code, Kind::Code) if from.machine == to.machine => match from.machine {
            Machine::X86 => Method::X86,
            Machine::Arm => Method::Arm,
        },
        (Kind::Code, _) | (_, Kind::Code) => Method::Copy,
        // In normal form there is nothing left in them that moves.
        (Kind::Frames | Kind::FrameIndex | Kind::Functions, _) => Method::Copy,
        _ => Method::Data,
    }
}
