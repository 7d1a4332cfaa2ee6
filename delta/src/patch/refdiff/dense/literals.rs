//! Bytes that resemble no old ones: context mixing, with what the old contents and the gaps before teach.

use super::super::{
    gaps::{Gap, total},
    targets::{Moves, Targets},
};
use super::{
    bits_for,
    bytes::{Bytes, Choice, Expected},
    flag::Flag,
    resemblance::{Expectation, Resemblance},
    tape::Tape,
};
use crate::{
    entropy::{Coder, mix},
    executable::{Kind, Side, Space},
};

const CONTEXTS: usize = 10;
/// From this strength on (eight equal bytes), a resemblance is asked first whether it goes on: where it does, one flag
/// takes the place of eight bits in all contexts.
const SURE: u32 = 17;
/// Lines for each context, as powers of two: those of few different values have small tables.
const BITS: [u32; CONTEXTS] = [6, 10, 15, 15, 15, 15, 15, 15, 15, 15];
/// Places known for each length of resemblance, as a power of two.
const PLACES: u32 = 19;

/// Codes the bytes of all gaps; `truth` are the new contents if they are known, else empty.
pub(in super::super) fn code<'a, C: Coder>(
    coder: &mut C,
    old: &'a Side,
    space: &'a Space,
    moves: &Moves,
    gaps: &[Gap],
    truth: &[u8],
) -> Tape<'a> {
    let mut tape = Tape::new(old, space, gaps);
    if gaps.is_empty() {
        return tape;
    }
    let places = tape.old_size() + total(gaps);
    let mut literals = Literals {
        bytes: Bytes::new(
            BITS.map(|bits| bits_for(2 * total(gaps), bits)),
            Choice { first: 2, second: 32 },
        ),
        long: Resemblance::new(&tape, bits_for(places, PLACES), 4),
        short: Resemblance::new(&tape, bits_for(places, PLACES), 1),
        targets: Targets::new(moves),
        sure: Flag::new(12, 16),
        went_on: 0xFFFF,
    };
    for gap in gaps {
        literals.gap(coder, &mut tape, space, gap, truth);
    }
    tape
}

struct Literals<'a> {
    bytes: Bytes<CONTEXTS, 2, 24>,
    long: Resemblance<20>,
    short: Resemblance<7>,
    targets: Targets<'a>,
    sure: Flag<3>,
    /// Whether resemblances that were asked first went on, the last bit for the last one.
    went_on: u32,
}

impl Literals<'_> {
    /// Whether the byte is what a resemblance expects.
    fn goes_on<C: Coder>(&mut self, coder: &mut C, expected: &Expectation, truth: u8) -> bool {
        let Expectation { byte, strength, distance, left } = *expected;
        let place = distance << 3 | left;
        let contexts = [
            mix(1, strength | place << 8),
            mix(2, u32::from(byte) | place << 8),
            mix(3, self.went_on & 0xFFFF),
        ];
        let choice = (strength / 8).min(15) as usize;
        let goes_on = self.sure.code(coder, &contexts, choice, truth == byte);
        self.went_on = self.went_on << 1 | u32::from(goes_on);
        goes_on
    }

    fn gap<C: Coder>(
        &mut self,
        coder: &mut C,
        tape: &mut Tape<'_>,
        space: &Space,
        gap: &Gap,
        truth: &[u8],
    ) {
        self.long.restart();
        self.short.restart();
        tape.begin(gap);
        let old = &tape.old().bytes;
        for at in 0..gap.len() {
            let here = tape.here();
            let here = here.as_ref();
            self.long.look(tape, true);
            self.short.look(tape, !self.long.is_sure());
            let long = self.long.expect(tape, &self.targets, here);
            let short = self.short.expect(tape, &self.targets, here);
            let code = here.is_some_and(|here| here.section.kind == Kind::Code);
            let beside = old.get(gap.after() + at).map_or(0, |byte| u32::from(*byte));
            let contexts = contexts(tape.bytes(), code, beside, [long, short]);
            let expected = [long, short].map(|expectation| {
                expectation.map(|Expectation { byte, strength, distance, .. }| Expected {
                    byte,
                    class: ((strength - 1) << 2) + distance.min(3),
                })
            });
            let strength = long.map_or(0, |long| long.strength).min(84) / 6;
            let second = strength.min(15) as usize * 2 + usize::from(code);
            let choice = Choice { first: usize::from(code), second };
            let truth = truth.get(gap.new_at() + at).copied().unwrap_or(0);
            let sure = long.or(short).filter(|found| found.strength >= SURE);
            let byte = match sure.filter(|sure| self.goes_on(coder, sure, truth)) {
                Some(sure) => sure.byte,
                None => self.bytes.code(coder, &contexts, &expected, choice, truth),
            };
            tape.push(byte, here);
            self.long.learn(tape, space, &mut self.targets, here);
            self.short.learn(tape, space, &mut self.targets, here);
        }
    }
}

/// The contexts of the byte after these: the last bytes in several choices, what kind of bytes they are, the old
/// byte that would be here if the last piece went on, and what is expected.
fn contexts(
    before: &[u8],
    code: bool,
    beside: u32,
    expected: [Option<Expectation>; 2],
) -> [u32; CONTEXTS] {
    let last = |back: usize| before.len().checked_sub(back).map_or(0, |at| u32::from(before[at]));
    let one = last(1);
    let two = one | last(2) << 8;
    let three = two | last(3) << 16;
    let four = three | last(4) << 24;
    let kind = u32::from(code) + 1;
    let [long, short] =
        expected.map(|expected| expected.map_or(0, |expected| u32::from(expected.byte) + 256));
    let strength = expected[0].map_or(0, |long| long.strength);
    let left = expected[0].map_or(0, |long| long.left);
    [
        kind,
        mix(1 + kind, one),
        mix(3 + kind, two),
        mix(5, three),
        mix(7, four),
        mix(mix(9, four), last(5) | last(6) << 8),
        mix(15, long << 8 | strength | short << 20),
        mix(mix(17, long | left << 12), one),
        mix(mix(19, beside), one),
        mix(mix(21, short), two),
    ]
}
