//! Literals as their model sees them: the old contents, then all gaps between pieces one after the other.
//!
//! The pieces between them are not known while literals are read: both are read at the same time. In their place
//! stand a few old bytes, what the piece before a gap was made from. Distances in code are blotted out, so that
//! code is recognised wherever it calls to.

use super::super::gaps::Gap;
use crate::executable::{
    Kind, Machine, Place, Side, Space,
    references::{Bits, x86_field_follows, x86_target_at},
};

/// Old bytes that are put before each gap.
const LEAD: usize = 24;
/// What a byte of a distance counts as.
const BLOT: u8 = 1;
/// Blotted bytes that are at hand without being looked up again; a power of two.
const RECENT: usize = 64;

/// Where a gap's bytes stand on the tape.
#[derive(Debug, Clone, Copy)]
struct Laid {
    tape: usize,
    new: usize,
}

/// What was read so far.
#[derive(Debug)]
pub(in super::super) struct Tape<'a> {
    old: &'a Side,
    space: &'a Space,
    /// Gaps, each with its lead before it.
    bytes: Vec<u8>,
    laid: Vec<Laid>,
    /// Where distances begin.
    fields: Bits,
    /// It was looked through for them up to here.
    settled: usize,
    /// The last settled bytes, blotted; each at its place modulo their number.
    recent: [u8; RECENT],
    /// The section of the gap under way, and where on the tape it ends.
    here: Option<Place>,
    here_until: usize,
}

impl<'a> Tape<'a> {
    /// A tape for these gaps.
    pub(super) fn new(old: &'a Side, space: &'a Space, gaps: &[Gap]) -> Self {
        let most = gaps.iter().map(|gap| gap.len() + LEAD).sum();
        Self {
            old,
            space,
            bytes: Vec::with_capacity(most),
            laid: Vec::with_capacity(gaps.len()),
            fields: Bits::zeros(most),
            settled: 0,
            recent: [0; RECENT],
            here: None,
            here_until: 0,
        }
    }

    /// Bytes of the old contents, which come before the tape in one numbering.
    pub(super) fn old_size(&self) -> usize {
        self.old.bytes.len()
    }

    /// What is on the tape.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes in which every distance is known.
    pub(super) fn settled(&self) -> usize {
        self.settled
    }

    /// Begins a gap with its lead.
    pub(super) fn begin(&mut self, gap: &Gap) {
        self.settle_all();
        let lead = &self.old.bytes[gap.after().saturating_sub(LEAD)..gap.after()];
        self.bytes.extend_from_slice(lead);
        self.settle_all();
        self.laid.push(Laid { tape: self.bytes.len(), new: gap.new_at() });
        self.here_until = 0;
    }

    /// The section that the next byte lies in.
    pub(super) fn here(&mut self) -> Option<Place> {
        if self.bytes.len() >= self.here_until {
            let new = self.new_offset(self.bytes.len());
            self.here = self.space.place_of(new).copied();
            let left = self.here.map_or(1, |place| place.section.bytes().end - new);
            self.here_until = self.bytes.len() + left;
        }
        self.here
    }

    /// The place in the new contents of a byte in the gap under way.
    pub(super) fn new_offset(&self, tape: usize) -> usize {
        let Some(laid) = self.laid.last() else { return 0 };
        laid.new + tape - laid.tape
    }

    /// Takes in a byte of the gap.
    pub(super) fn push(&mut self, byte: u8, here: Option<&Place>) {
        self.bytes.push(byte);
        let code =
            here.filter(|here| here.section.kind == Kind::Code && here.machine == Machine::X86);
        match code {
            Some(here) => self.settle_code(here),
            None => self.settle_all(),
        }
    }

    fn settle_all(&mut self) {
        while self.settled < self.bytes.len() {
            self.settle(self.bytes[self.settled]);
        }
    }

    fn settle(&mut self, blotted: u8) {
        self.recent[self.settled % RECENT] = blotted;
        self.settled += 1;
    }

    /// Looks for distances in what came.
    fn settle_code(&mut self, here: &Place) {
        let first = self.laid.last().map_or(0, |laid| laid.tape);
        while self.settled < self.bytes.len() {
            let at = self.settled;
            if at >= first + 2 && x86_field_follows(self.bytes[at - 2], self.bytes[at - 1]) {
                if at + 4 > self.bytes.len() {
                    return;
                }
                let target = x86_target_at(&self.bytes, at, here.address(self.new_offset(at + 4)));
                if self.space.addresses(here.image).contains(&target) {
                    self.fields.set(at);
                    (0..4).for_each(|_| self.settle(BLOT));
                    continue;
                }
            }
            self.settle(self.bytes[at]);
        }
    }

    /// Where the distance leads that begins at this place of the tape, if one does.
    pub(super) fn target(&self, at: usize) -> Option<u64> {
        if at >= self.settled || !self.fields.get(at) {
            return None;
        }
        let gap = self.laid.partition_point(|laid| laid.tape <= at).checked_sub(1)?;
        let Laid { tape, new } = self.laid[gap];
        let place = self.space.place_of(new + at - tape)?;
        Some(x86_target_at(&self.bytes, at, place.address(new + at - tape + 4)))
    }

    /// The last `LEN` settled bytes, blotted; fewer than [`RECENT`].
    pub(super) fn run<const LEN: usize>(&self) -> Option<[u8; LEN]> {
        const { assert!(LEN < RECENT) };
        let first = self.settled.checked_sub(LEN)?;
        Some(std::array::from_fn(|index| self.recent[(first + index) % RECENT]))
    }

    /// The byte at this place of the old contents, blotted.
    pub(super) fn blotted_old(&self, at: usize) -> u8 {
        if self.old.fields.covers(at) { BLOT } else { self.old.bytes[at] }
    }

    /// Whether the bytes at two settled places of old contents and tape together count as the same.
    #[inline]
    pub(super) fn alike(&self, a: usize, b: usize) -> bool {
        self.byte(a) == self.byte(b) || self.is_blotted(b) && self.is_blotted(a)
    }

    fn is_blotted(&self, at: usize) -> bool {
        match at.checked_sub(self.old.bytes.len()) {
            None => self.old.fields.covers(at),
            Some(at) => self.fields.covers(at, 4),
        }
    }

    /// The byte at this place of old contents and tape together, if it is there.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        match at.checked_sub(self.old.bytes.len()) {
            None => Some(self.old.bytes[at]),
            Some(at) => self.bytes.get(at).copied(),
        }
    }

    /// The old contents.
    pub(super) fn old(&self) -> &'a Side {
        self.old
    }

    /// Takes the bytes of the gaps off the tape and writes them where they belong.
    pub(in super::super) fn lay(self, gaps: &[Gap], new: &mut [u8]) {
        for (gap, laid) in gaps.iter().zip(&self.laid) {
            new[gap.bytes()].copy_from_slice(&self.bytes[laid.tape..laid.tape + gap.len()]);
        }
    }
}
