//! From neighbours to equivalences: the scan of bsdiff, over exact longest matches that cost nothing to find.
//!
//! The scan walks through the new bytes and leaves the current alignment of old and new only for a match that
//! explains clearly more than the alignment does. Both ends of an alignment are then stretched over differing
//! bytes for as long as most are equal. Segments of the new bytes are scanned side by side; where an alignment
//! crosses from one segment into the next, the two halves are joined again.

use rayon::prelude::*;

use super::{Equivalence, suffix::Neighbours};

/// New bytes scanned by one task. Fixed, so that the result does not depend on the number of threads; each
/// border costs at most one control record, so 2 MiB make that invisible.
const SEGMENT: usize = 2 * 1024 * 1024;

/// A match must explain this many bytes more than the current alignment does; fewer do not pay for a record.
///
/// Measured, with bsdiff's own 8 as the measure: 6 gives esbuild 0.28.1 → 0.28.2 3.5 % fewer bytes and ruff
/// 0.17.4 → 0.17.5 3.9 % more, 11 gives 1.1 % more and 2.5 % fewer, 14 gives 4.1 % more and 3.1 % fewer.
const GAIN: usize = 11;

/// Finds the equivalences of all segments, in order.
pub(super) fn scan(old: &[u8], new: &[u8], neighbours: &Neighbours) -> Vec<Equivalence> {
    let segments: Vec<Vec<Equivalence>> = (0..new.len().div_ceil(SEGMENT))
        .into_par_iter()
        .map(|segment| {
            let start = segment * SEGMENT;
            let end = new.len().min(start + SEGMENT);
            Scan::new(old, &new[..end], start, neighbours).run()
        })
        .collect();
    join(segments.into_iter().flatten())
}

/// Makes one of neighbours that continue each other on both sides.
pub(super) fn join(parts: impl Iterator<Item = Equivalence>) -> Vec<Equivalence> {
    let mut joined: Vec<Equivalence> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last) if last.new + last.len == part.new && last.old + last.len == part.old => {
                last.len += part.len;
            }
            _ => joined.push(part),
        }
    }
    joined
}

/// Where a match or an alignment begins on both sides.
#[derive(Debug, Clone, Copy)]
struct Place {
    old: usize,
    new: usize,
}

/// A longest match.
#[derive(Debug, Clone, Copy)]
struct Match {
    old: usize,
    len: usize,
}

/// Measures matches. A suffix one byte further on shares at most one byte less with its neighbour, so what was
/// measured once is not compared again, and all measuring together takes time in proportion to the bytes.
#[derive(Debug)]
struct Measure<'a> {
    old: &'a [u8],
    new: &'a [u8],
    neighbours: &'a Neighbours,
    at: usize,
    lens: [usize; 2],
    /// Equal bytes seen so far: at most twice those of the segment, once for each neighbour.
    compared: usize,
}

impl Measure<'_> {
    /// The longest match at `at`, which must not go down from one call to the next.
    fn longest(&mut self, at: usize) -> Match {
        let step = at - self.at;
        self.at = at;
        let mut best = Match { old: 0, len: 0 };
        for (neighbour, len) in self.neighbours.of(at).into_iter().zip(&mut self.lens) {
            let known = len.saturating_sub(step);
            let more = neighbour
                .map_or(0, |old| common_prefix(&self.old[old + known..], &self.new[at + known..]));
            self.compared += more;
            *len = known + more;
            if let Some(old) = neighbour.filter(|_| *len > best.len) {
                best = Match { old, len: *len };
            }
        }
        best
    }
}

pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = 8;
    let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD)).take_while(|(a, b)| a == b).count();
    let done = words * WORD;
    done + a[done..].iter().zip(&b[done..]).take_while(|(a, b)| a == b).count()
}

/// The scan of one segment: `new` ends where the segment ends.
#[derive(Debug)]
struct Scan<'a> {
    old: &'a [u8],
    new: &'a [u8],
    measure: Measure<'a>,
    /// Where the alignment under way begins.
    aligned: Place,
    found: Vec<Equivalence>,
}

impl<'a> Scan<'a> {
    fn new(old: &'a [u8], new: &'a [u8], start: usize, neighbours: &'a Neighbours) -> Self {
        let measure = Measure { old, new, neighbours, at: start, lens: [0; 2], compared: 0 };
        // The alignment to begin with: most files begin as they did, and segments mostly stay in place.
        let aligned = Place { old: start.min(old.len()), new: start };
        Self { old, new, measure, aligned, found: Vec::new() }
    }

    fn run(mut self) -> Vec<Equivalence> {
        let start = self.aligned.new;
        let mut at = start;
        while at < self.new.len() {
            let (found_at, matched, explained) = self.next_match(at);
            at = found_at;
            if at == self.new.len() {
                self.close(None, at);
            } else if matched.len != explained {
                self.close(Some(matched), at);
            }
            at += matched.len;
        }
        // A last match that the alignment explains wholly ends the segment without having closed it.
        if self.aligned.new < self.new.len() {
            self.close(None, self.new.len());
        }
        debug_assert!(self.measure.compared <= 2 * (self.new.len() - start), "not linear");
        self.found
    }

    /// Whether the current alignment explains the new byte at `at`.
    fn explains(&self, at: usize) -> bool {
        let old = self.aligned.old + (at - self.aligned.new);
        self.old.get(old) == Some(&self.new[at])
    }

    /// Goes on to the next match that is worth a new alignment, or that the current one explains wholly.
    ///
    /// Gives its place, the match, and how many of its bytes the current alignment explains.
    fn next_match(&mut self, from: usize) -> (usize, Match, usize) {
        let mut explained = 0;
        let mut counted = from;
        for at in from..self.new.len() {
            let matched = self.measure.longest(at);
            while counted < at + matched.len {
                explained += usize::from(self.explains(counted));
                counted += 1;
            }
            if (matched.len == explained && matched.len > 0) || matched.len > explained + GAIN {
                return (at, matched, explained);
            }
            if counted > at {
                explained -= usize::from(self.explains(at));
            } else {
                counted = at + 1;
            }
        }
        (self.new.len(), Match { old: 0, len: 0 }, 0)
    }

    /// Ends the alignment under way before the match at `at`, or at the segment's end, and takes up the match's.
    fn close(&mut self, matched: Option<Match>, at: usize) {
        let mut forward = self.stretch_forward(at);
        let mut backward = matched.map_or(0, |matched| self.stretch_backward(matched, at));
        let room = at - self.aligned.new;
        if let Some(matched) = matched.filter(|_| forward + backward > room) {
            let overlap = forward + backward - room;
            let kept = self.split_overlap(matched, at, forward, overlap);
            forward -= overlap - kept;
            backward -= kept;
        }
        if forward > 0 {
            let Place { old, new } = self.aligned;
            self.found.push(Equivalence { old, new, len: forward });
        }
        self.aligned = match matched {
            Some(matched) => Place { old: matched.old - backward, new: at - backward },
            None => Place { old: self.old.len(), new: at },
        };
    }

    /// How far the alignment under way is worth following before `at`: where equal bytes outnumber others most.
    fn stretch_forward(&self, at: usize) -> usize {
        let old = &self.old[self.aligned.old..];
        let new = &self.new[self.aligned.new..at];
        best_reach(old.iter().zip(new))
    }

    /// How far before `at` the match's own alignment is worth following.
    fn stretch_backward(&self, matched: Match, at: usize) -> usize {
        let old = &self.old[..matched.old];
        let new = &self.new[self.aligned.new..at];
        best_reach(old.iter().rev().zip(new.iter().rev()))
    }

    /// How many of `overlap` bytes, which both alignments would cover, stay with the one under way.
    fn split_overlap(&self, matched: Match, at: usize, forward: usize, overlap: usize) -> usize {
        let first = self.aligned.new + forward - overlap;
        let mut score = 0_i64;
        let mut best = (0_i64, 0);
        for step in 0..overlap {
            let new = first + step;
            let theirs = (matched.old + new).checked_sub(at).and_then(|old| self.old.get(old));
            score += i64::from(self.explains(new));
            score -= i64::from(theirs == Some(&self.new[new]));
            if score > best.0 {
                best = (score, step + 1);
            }
        }
        best.1
    }
}

/// The length at which equal pairs outnumber unequal ones by the most; the shortest such length.
fn best_reach<'b>(pairs: impl Iterator<Item = (&'b u8, &'b u8)>) -> usize {
    let mut score = 0_i64;
    let mut best = (0_i64, 0);
    for (index, (a, b)) in pairs.enumerate() {
        score += if a == b { 1 } else { -1 };
        if score > best.0 {
            best = (score, index + 1);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::suffix::neighbours, *};

    fn longest_by_trying(old: &[u8], rest: &[u8]) -> usize {
        (0..old.len()).map(|at| common_prefix(&old[at..], rest)).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn the_measured_match_is_the_longest_there_is(
            old in prop::collection::vec(0_u8..3, 1..60),
            new in prop::collection::vec(0_u8..3, 1..60),
            step in 1_usize..4,
        ) {
            let neighbours = neighbours(&old, &new).expect("small");
            let mut measure =
                Measure { old: &old, new: &new, neighbours: &neighbours, at: 0, lens: [0; 2], compared: 0 };
            for at in (0..new.len()).step_by(step) {
                let found = measure.longest(at);
                prop_assert_eq!(found.len, longest_by_trying(&old, &new[at..]), "at {}", at);
                prop_assert_eq!(common_prefix(&old[found.old..], &new[at..]), found.len);
            }
        }
    }

    /// The current alignment explains all but the last bytes, too many to leave it and too few to keep to it,
    /// so the scan looks at every place, and at every place the match is as long as what is left.
    #[test]
    fn a_match_met_at_every_place_is_measured_once() {
        let almost: Vec<u8> = (0..4000_u32).map(|i| ((i * i) >> 7).to_le_bytes()[0]).collect();
        let mut new = almost.clone();
        new[3990..3995].fill(255);
        let old = [almost, new.clone()].concat();
        let neighbours = neighbours(&old, &new).expect("small");
        let mut scan = Scan::new(&old, &new, 0, &neighbours);
        assert!(scan.next_match(0).0 > 3900, "the scan does not leave early");
        assert!(scan.measure.compared <= 2 * new.len(), "{}", scan.measure.compared);
    }

    #[test]
    fn parts_that_continue_each_other_become_one() {
        let part = |old, new, len| Equivalence { old, new, len };
        let parts = [part(5, 0, 3), part(8, 3, 2), part(11, 5, 1), part(12, 7, 1)];
        let joined = join(parts.into_iter());
        assert_eq!(joined, [part(5, 0, 5), part(11, 5, 1), part(12, 7, 1)]);
    }
}
