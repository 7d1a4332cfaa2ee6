//! What followed the last time that the last bytes were seen? Looked up in the old contents and on the tape.

use super::{
    super::targets::{Sureness, Targets},
    tape::Tape,
};
use crate::executable::{
    Kind, Machine, Place, Space,
    references::{x86_target, x86_target_at},
};

/// Equal bytes before a place that are counted at most.
const LOOK_BACK: usize = 40;
/// After so many wrong bytes, a place is given up.
const PATIENCE: u32 = 8;
/// A place known for fewer equal bytes than a run has and these is left for one with [`BETTER_BY`] more.
const YOUNG: u32 = 4;
const BETTER_BY: u32 = 8;
/// Bytes blotted out at a time while the old contents are indexed.
const PART: usize = 64 * 1024;

/// A distance that is predicted whole: its bytes come one after the other.
#[derive(Debug, Clone, Copy)]
struct Distance {
    bytes: [u8; 4],
    left: usize,
    /// Where it led in the old contents; `None` if it is on the tape.
    old_target: Option<u64>,
    predicted: u64,
    sureness: u32,
}

/// The place that resembles the present one by its last `LEN` bytes.
#[derive(Debug)]
pub(super) struct Resemblance<const LEN: usize> {
    /// Where bytes with this hash ended last, in old contents and tape together.
    table: Vec<u32>,
    found: Option<Found>,
    /// Bytes of the tape that were looked at and remembered.
    seen: usize,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// The byte that should be next, in old contents and tape together.
    at: usize,
    equal: u32,
    wrong: u32,
    distance: Option<Distance>,
    expected: u8,
}

/// What it expects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expectation {
    pub(super) byte: u8,
    /// How good it was so far: 1 to 84.
    pub(super) strength: u32,
    /// 0, or one more than the sureness of the distance that the byte belongs to.
    pub(super) distance: u32,
    /// Bytes left of that distance.
    pub(super) left: u32,
}

impl<const LEN: usize> Resemblance<LEN> {
    #[expect(clippy::cast_possible_truncation, reason = "a run is short")]
    const SURE: u32 = LEN as u32 + YOUNG;

    /// Knows every `step`th place of the old contents.
    pub(super) fn new(tape: &Tape<'_>, bits: u32, step: usize) -> Self {
        let mut table = vec![0; 1 << bits];
        let size = tape.old_size();
        let mut blotted: Vec<u8> = Vec::with_capacity(PART + LEN);
        for start in (0..size).step_by(PART) {
            let end = size.min(start + PART);
            let kept = blotted.len().min(LEN);
            blotted.drain(..blotted.len() - kept);
            blotted.extend((start..end).map(|at| tape.blotted_old(at)));
            let first = start - kept;
            for at in (start.next_multiple_of(step)..end).step_by(step).filter(|at| *at >= LEN) {
                let run =
                    blotted[at - first - LEN..at - first].try_into().expect("as long as a run");
                table[slot::<LEN>(run, bits)] =
                    u32::try_from(at).expect("sides are smaller than 2^32");
            }
        }
        Self { table, found: None, seen: 0 }
    }

    /// Forgets the present place, when literals begin anew.
    pub(super) fn restart(&mut self) {
        self.found = None;
    }

    /// Remembers where the settled bytes end. If a place is `wanted`, looks for one, or a better one.
    pub(super) fn look(&mut self, tape: &Tape<'_>, wanted: bool) {
        let end = tape.settled();
        if self.seen == end {
            return;
        }
        self.seen = end;
        let Some(run) = tape.run::<LEN>() else { return };
        let bits = self.table.len().ilog2();
        let entry = &mut self.table[slot::<LEN>(&run, bits)];
        let from = *entry as usize;
        *entry = u32::try_from(tape.old_size() + end).expect("both sides are smaller than 2^32");
        // The bytes of a distance under way are not settled: it goes on that much later.
        let at = from + tape.bytes().len() - end;
        let leaves = self.found.is_none_or(|found| {
            found.equal < Self::SURE && found.distance.is_none() && found.at != at
        });
        if from == 0 || !wanted || !leaves {
            return;
        }
        let most = LOOK_BACK.min(end).min(from);
        let here = tape.old_size() + end;
        let equal = (1..=most).take_while(|back| tape.alike(from - back, here - back)).count();
        let so_far = u32::try_from(equal).expect("at most the look-back");
        if equal >= LEN && self.found.is_none_or(|found| so_far > found.equal + BETTER_BY) {
            self.found = Some(Found { at, equal: so_far, wrong: 0, distance: None, expected: 0 });
        }
    }

    /// Whether it knows a place that it would not leave.
    pub(super) fn is_sure(&self) -> bool {
        self.found.is_some_and(|found| found.equal >= Self::SURE)
    }

    /// What comes next if it goes on like there.
    pub(super) fn expect(
        &mut self,
        tape: &Tape<'_>,
        targets: &Targets<'_>,
        here: Option<&Place>,
    ) -> Option<Expectation> {
        let found = self.found.as_mut()?;
        if found.distance.is_none() {
            found.distance = distance_at(tape, targets, here, found.at);
        }
        let expected = match found.distance {
            Some(distance) => Some(distance.bytes[4 - distance.left]),
            None => tape.byte(found.at),
        };
        let Some(expected) = expected else {
            self.found = None;
            return None;
        };
        found.expected = expected;
        let length =
            if found.equal < 16 { found.equal / 2 } else { 8 + (found.equal.min(400) - 16) / 32 };
        Some(Expectation {
            byte: found.expected,
            strength: length.min(20) * 4 + found.wrong.min(3) + 1,
            distance: found.distance.map_or(0, |distance| distance.sureness + 1),
            left: found
                .distance
                .map_or(0, |distance| u32::try_from(distance.left).expect("at most 4")),
        })
    }

    /// Takes in the byte that came, the last one of the tape.
    pub(super) fn learn(
        &mut self,
        tape: &Tape<'_>,
        space: &Space,
        targets: &mut Targets<'_>,
        here: Option<&Place>,
    ) {
        let (Some(found), Some(byte)) = (&mut self.found, tape.bytes().last()) else { return };
        if found.expected == *byte {
            found.equal += 1;
            if found.equal % 16 == 0 {
                found.wrong = found.wrong.saturating_sub(1);
            }
        } else {
            found.equal = 0;
            found.wrong += 1;
        }
        found.at += 1;
        if let Some(distance) = &mut found.distance {
            distance.left -= 1;
            if distance.left == 0 {
                let at = tape.bytes().len() - 4;
                if let (Some(here), Some(old)) = (here, distance.old_target) {
                    let target =
                        x86_target_at(tape.bytes(), at, here.address(tape.new_offset(at + 4)));
                    if space.addresses(here.image).contains(&target) {
                        targets.learn(old, target, distance.predicted);
                    }
                }
                found.distance = None;
            }
        }
        if found.wrong > PATIENCE {
            self.found = None;
        }
    }
}

/// The distance that begins at this place, if one does, as it should be at the present one.
fn distance_at(
    tape: &Tape<'_>,
    targets: &Targets<'_>,
    here: Option<&Place>,
    at: usize,
) -> Option<Distance> {
    let here =
        here.filter(|here| here.section.kind == Kind::Code && here.machine == Machine::X86)?;
    let next = here.address(tape.new_offset(tape.bytes().len()) + 4);
    let (predicted, old_target, sureness) = match at.checked_sub(tape.old_size()) {
        None => {
            let old = tape.old();
            let same_opcode = at > 0 && tape.bytes().last() == Some(&old.bytes[at - 1]);
            let place = old.space.place_of(at).filter(|_| same_opcode && old.fields.starts(at))?;
            let target = x86_target(&old.bytes, at, place);
            let (predicted, sureness) = targets.new_address(target);
            (predicted, Some(target), sureness as u32)
        }
        Some(at) => (tape.target(at)?, None, Sureness::Mapped as u32),
    };
    let [a, b, c, d, ..] = predicted.wrapping_sub(next).to_le_bytes();
    Some(Distance { bytes: [a, b, c, d], left: 4, old_target, predicted, sureness })
}

/// A hash of a run of bytes: eight at a time, the last of them perhaps twice.
#[inline]
fn slot<const LEN: usize>(run: &[u8; LEN], bits: u32) -> usize {
    let mut sum = 0_u64;
    let mut take = |word: [u8; 8]| {
        sum = (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    };
    match run.last_chunk::<8>() {
        Some(last) => {
            run.chunks_exact(8).for_each(|word| take(word.try_into().expect("eight bytes")));
            take(*last);
        }
        None => {
            let mut word = [0; 8];
            word[..LEN].copy_from_slice(run);
            take(word);
        }
    }
    let hash = (sum ^ sum >> 31).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> (64 - bits);
    usize::try_from(hash).expect("few bits")
}
