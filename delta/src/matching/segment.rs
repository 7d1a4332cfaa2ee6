//! From runs that occur on both sides to equivalences: the cheapest way to say the new bytes.
//!
//! The new bytes are walked once. At each place a few alignments to the old bytes are alive, each with what the
//! bytes so far would have cost if the way led through it: little for a byte that is equal, more for one that is
//! not, much for changing the alignment, more the further it jumps. A new alignment begins where a run of eight
//! or more equal bytes is found in the old bytes. In the end the cheapest way is followed back. That is the
//! Viterbi algorithm over alignments; where a greedy scan decides at once, this decides when it has seen what
//! came of it.

use rayon::prelude::*;

use super::{
    Equivalence,
    kmers::Kmers,
    refine::refine,
    scan::{common_prefix, join},
    steps::{Step, StepId, Steps},
};

/// New bytes walked by one task. Fixed, so that the result does not depend on the number of threads.
const PART: usize = 4 * 1024 * 1024;

/// Costs, in 1/50 bit. Measured together on esbuild 0.27.7 → 0.28.0 and ruff 0.17.4 → 0.17.5 for arm64: the
/// sizes of patches change by less than 1 % when all are a fifth higher or lower.
const EQUAL: i32 = 1;
/// A byte that differs within an alignment.
const DIFFERENT: i32 = 250;
/// A byte that is said itself.
const LITERAL: i32 = 125;
/// Ends an alignment without beginning another.
const TO_LITERALS: i32 = 350;
/// A new alignment, less than [`NEAR_DISTANCE`] from the one before.
const NEAR: i32 = 700;
/// A new alignment, less than [`MIDDLE_DISTANCE`] from the one before.
const MIDDLE: i32 = 1300;
/// A new alignment anywhere.
const FAR: i32 = 1900;
const NEAR_DISTANCE: u64 = 64;
const MIDDLE_DISTANCE: u64 = 65_536;

/// An alignment this much more expensive than the best never catches up: a far jump and some bytes.
const HOPELESS: i32 = 2400;
/// The same for literals, from which any alignment is reached.
const LITERALS_AT_MOST: i32 = 3000;
/// Alignments that are alive at most; when there are more, the best of them stay.
const ALIVE: usize = 24;
const KEPT: usize = 16;

/// After so many equal bytes, others are looked for at every [`QUIET_STEP`]th byte only, and only long runs.
const QUIET: u32 = 32;
const QUIET_STEP: usize = 16;
/// Equal bytes that are counted before an alignment is begun, at most.
const LOOK_AHEAD: usize = 64;
const SHORTEST: usize = 8;
/// A run that would save less than this share of the jump's cost, in percent, is none.
const WORTH_PERCENT: i32 = 60;

/// The old bytes and where their runs are.
#[derive(Debug)]
pub(super) struct Index<'o> {
    old: &'o [u8],
    short: Kmers<8, 1>,
    long: Kmers<24, 4>,
}

impl<'o> Index<'o> {
    /// Takes up to ten bytes of memory for each of the old ones.
    pub(super) fn of(old: &'o [u8]) -> Self {
        let (short, long) = rayon::join(|| Kmers::of(old), || Kmers::of(old));
        Self { old, short, long }
    }
}

/// The equivalences through which the new bytes are said most cheaply.
pub(super) fn segment(index: &Index<'_>, new: &[u8]) -> Vec<Equivalence> {
    let parts: Vec<Vec<Equivalence>> = (0..new.len().div_ceil(PART))
        .into_par_iter()
        .map(|part| {
            let start = part * PART;
            Walk::new(index, &new[..new.len().min(start + PART)], start).run()
        })
        .collect();
    let mut found = join(parts.into_iter().flatten());
    refine(index.old, new, &mut found);
    found
}

/// Where old bytes lie from new ones: the offset of one less that of the other.
type Diagonal = i64;

/// A way up to the present place.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// The alignment; for literals, the one before them.
    diagonal: Diagonal,
    cost: i32,
    /// The step that began it.
    step: StepId,
    /// Equal bytes up to here.
    run: u32,
}

struct Walk<'a> {
    index: &'a Index<'a>,
    new: &'a [u8],
    start: usize,
    steps: Steps,
    alive: Vec<Way>,
    literals: Way,
    candidates: Vec<Diagonal>,
}

impl<'a> Walk<'a> {
    fn new(index: &'a Index<'a>, new: &'a [u8], start: usize) -> Self {
        let mut steps = Steps::default();
        let step = steps.push(Step::of(start, 0, None, true));
        let literals = Way { diagonal: 0, cost: 0, step, run: 0 };
        Self { index, new, start, steps, alive: Vec::new(), literals, candidates: Vec::new() }
    }

    fn run(mut self) -> Vec<Equivalence> {
        for at in self.start..self.new.len() {
            let best = *self.best();
            let aligned = best.step != self.literals.step;
            let quiet = aligned && best.run >= QUIET;
            if !quiet || at % QUIET_STEP == 0 {
                self.look(at, &best, quiet);
            }
            self.advance(at);
            if aligned && best.cost + TO_LITERALS < self.literals.cost {
                let step = Step::of(at, best.diagonal, Some(best.step), true);
                let step = self.steps.push(step);
                self.literals =
                    Way { diagonal: best.diagonal, cost: best.cost + TO_LITERALS, step, run: 0 };
            }
            self.literals.cost += LITERAL;
            self.forget(at);
        }
        self.follow_back()
    }

    fn best(&self) -> &Way {
        let alive = self.alive.iter().min_by_key(|way| way.cost);
        alive.filter(|way| way.cost < self.literals.cost).unwrap_or(&self.literals)
    }

    /// Begins alignments at runs that occur in the old bytes.
    fn look(&mut self, at: usize, best: &Way, quiet: bool) {
        let Index { old, short, long } = self.index;
        let rest = &self.new[at..];
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        nearest(long.bucket(rest), 4, at, &[best.diagonal], &mut candidates);
        if !quiet {
            let homes = [best.diagonal, self.literals.diagonal];
            nearest(short.bucket(rest), 3, at, &homes, &mut candidates);
        }
        for diagonal in &candidates {
            if self.alive.iter().any(|way| way.diagonal == *diagonal) {
                continue;
            }
            let from =
                usize::try_from(as_diagonal(at) + diagonal).expect("an offset of the old bytes");
            let ahead = rest.len().min(LOOK_AHEAD);
            let equal = common_prefix(&old[from..], &rest[..ahead]);
            let jump = jump(diagonal.abs_diff(best.diagonal));
            let saved = i32::try_from(equal).expect("at most the look-ahead") * LITERAL;
            if equal < SHORTEST || saved * 100 < jump * WORTH_PERCENT {
                continue;
            }
            let step = self.steps.push(Step::of(at, *diagonal, Some(best.step), false));
            self.alive.push(Way { diagonal: *diagonal, cost: best.cost + jump, step, run: 0 });
        }
        self.candidates = candidates;
    }

    /// What the byte at `at` costs each alignment.
    fn advance(&mut self, at: usize) {
        let (old, byte) = (self.index.old, self.new[at]);
        self.alive.retain_mut(|way| {
            let old =
                usize::try_from(as_diagonal(at) + way.diagonal).ok().and_then(|from| old.get(from));
            let Some(old) = old else { return false };
            if *old == byte {
                way.cost += EQUAL;
                way.run += 1;
            } else {
                way.cost += DIFFERENT;
                way.run = 0;
            }
            true
        });
    }

    /// Drops ways that do not catch up, and keeps costs small: only their differences count.
    fn forget(&mut self, at: usize) {
        let best = self.best().cost;
        self.alive.retain(|way| way.cost < best + HOPELESS);
        self.literals.cost = self.literals.cost.min(best + LITERALS_AT_MOST);
        if self.alive.len() > ALIVE {
            self.alive.sort_by_key(|way| way.cost);
            self.alive.truncate(KEPT);
        }
        if self.steps.are_many() {
            let alive = self.alive.iter_mut().map(|way| &mut way.step);
            self.steps.forget(alive.chain([&mut self.literals.step]));
        }
        if at.is_multiple_of(1 << 16) {
            self.alive.iter_mut().for_each(|way| way.cost -= best);
            self.literals.cost -= best;
        }
    }

    fn follow_back(self) -> Vec<Equivalence> {
        let mut found = Vec::new();
        let mut end = self.new.len();
        let mut next = Some(self.best().step);
        while let Some(Step { new, diagonal, before, literal }) = next.map(|id| self.steps.get(id))
        {
            let at = *new as usize;
            if !literal && at < end {
                let old = usize::try_from(as_diagonal(at) + i64::from(*diagonal))
                    .expect("began in the old bytes");
                found.push(Equivalence { old, new: at, len: end - at });
            }
            end = at;
            next = *before;
        }
        found.reverse();
        found
    }
}

fn as_diagonal(at: usize) -> Diagonal {
    Diagonal::try_from(at).expect("sides are smaller than 2^31")
}

fn jump(distance: u64) -> i32 {
    match distance {
        d if d < NEAR_DISTANCE => NEAR,
        d if d < MIDDLE_DISTANCE => MIDDLE,
        _ => FAR,
    }
}

/// All offsets of a small bucket, and of a large one the two nearest to each home.
fn nearest(bucket: &[u32], small: usize, at: usize, homes: &[Diagonal], found: &mut Vec<Diagonal>) {
    let diagonal = |old: &u32| Diagonal::from(*old) - as_diagonal(at);
    if bucket.len() <= small {
        found.extend(bucket.iter().map(diagonal));
        return;
    }
    for home in homes {
        let expected = (as_diagonal(at) + home).max(0);
        let after = bucket.partition_point(|old| Diagonal::from(*old) < expected);
        found.extend(bucket[after.saturating_sub(1)..].iter().take(2).map(diagonal));
    }
}
