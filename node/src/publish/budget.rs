//! Which patches are made at once, so that all of them together fit into the memory there is, and how long the rest takes.
//! Pure.

use std::{collections::VecDeque, num::NonZeroUsize, time::Duration};

/// Work that waits for memory, and what is left of it.
///
/// The most wanted work begins first. What does not fit beside that which is under way waits, and what comes after it may
/// go ahead; once nothing else is under way it fits, because what never would is not taken in.
#[derive(Debug)]
pub(super) struct Budget {
    memory: u64,
    threads: usize,
    waiting: VecDeque<Work>,
}

/// One piece of work: what it is called, and the memory that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) name: usize,
    pub(super) memory: u64,
}

impl Budget {
    /// With all work to be done, the most wanted first; and what is left out because it takes more than there is.
    pub(super) fn new(
        memory: u64,
        threads: NonZeroUsize,
        work: impl IntoIterator<Item = Work>,
    ) -> (Self, Vec<Work>) {
        let (waiting, left_out): (Vec<_>, Vec<_>) =
            work.into_iter().partition(|work| work.memory <= memory);
        (Self { memory, threads: threads.get(), waiting: waiting.into() }, left_out)
    }

    /// What may begin now, if anything may.
    pub(super) fn next(&mut self) -> Option<Work> {
        if self.threads == 0 {
            return None;
        }
        let at = self.waiting.iter().position(|work| work.memory <= self.memory)?;
        let work = self.waiting.remove(at)?;
        self.threads -= 1;
        self.memory -= work.memory;
        Some(work)
    }

    /// Work has ended: what it took is there for others.
    pub(super) fn end(&mut self, work: Work) {
        self.threads += 1;
        self.memory += work.memory;
    }
}

/// How long the rest takes if it goes on as fast as what is `done` of so many bytes; unknown before anything is.
pub(super) fn eta(done: u64, of: u64, took: Duration) -> Option<Duration> {
    let left = u128::from(of.saturating_sub(done));
    let nanos = (took.as_nanos().checked_mul(left)?).checked_div(u128::from(done))?;
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(memory: u64, threads: usize, work: &[u64]) -> Budget {
        budget_and_rest(memory, threads, work).0
    }

    fn budget_and_rest(memory: u64, threads: usize, work: &[u64]) -> (Budget, Vec<Work>) {
        let work = work.iter().enumerate().map(|(name, memory)| Work { name, memory: *memory });
        Budget::new(memory, NonZeroUsize::new(threads).expect("some"), work)
    }

    fn begun(budget: &mut Budget) -> Vec<Work> {
        std::iter::from_fn(|| budget.next()).collect()
    }

    fn names(work: &[Work]) -> Vec<usize> {
        work.iter().map(|work| work.name).collect()
    }

    #[test]
    fn as_much_begins_as_fits_and_the_rest_waits_for_it() {
        let mut budget = budget(10, 8, &[6, 5, 4, 1]);
        let first = begun(&mut budget);
        assert_eq!(names(&first), [0, 2], "the second does not fit beside the first");
        budget.end(first[1]);
        let small = begun(&mut budget);
        assert_eq!(names(&small), [3]);
        budget.end(first[0]);
        assert_eq!(names(&begun(&mut budget)), [1]);
    }

    #[test]
    fn no_more_begins_than_there_are_threads() {
        let mut budget = budget(10, 2, &[1, 1, 1]);
        let first = begun(&mut budget);
        assert_eq!(names(&first), [0, 1]);
        budget.end(first[0]);
        assert_eq!(names(&begun(&mut budget)), [2]);
    }

    #[test]
    fn what_takes_all_there_is_comes_last_but_comes_and_what_takes_more_never_does() {
        let (mut budget, left_out) = budget_and_rest(10, 8, &[3, 10, 11, 3]);
        assert_eq!(names(&left_out), [2]);
        let first = begun(&mut budget);
        assert_eq!(names(&first), [0, 3]);
        budget.end(first[0]);
        assert_eq!(names(&begun(&mut budget)), [0; 0]);
        budget.end(first[1]);
        assert_eq!(names(&begun(&mut budget)), [1]);
    }

    #[test]
    fn all_work_is_done_whatever_the_order_in_which_it_ends() {
        let sizes = [4, 9, 2, 7, 7, 1, 5, 10, 3];
        for pick in 0..20 {
            for threads in 1..5 {
                let mut budget = budget(10, threads, &sizes);
                let (mut under_way, mut done) = (begun(&mut budget), Vec::new());
                while !under_way.is_empty() {
                    let taken: u64 = under_way.iter().map(|work| work.memory).sum();
                    assert!(taken <= 10 && under_way.len() <= threads, "{under_way:?}");
                    let ended = under_way.remove(pick % under_way.len());
                    budget.end(ended);
                    done.push(ended.name);
                    under_way.extend(begun(&mut budget));
                }
                done.sort_unstable();
                assert_eq!(done, (0..sizes.len()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_rest_takes_as_long_as_what_is_done_took() {
        let seconds = Duration::from_secs;
        assert_eq!(eta(0, 100, seconds(9)), None);
        assert_eq!(eta(25, 100, seconds(10)), Some(seconds(30)));
        assert_eq!(eta(100, 100, seconds(10)), Some(Duration::ZERO));
        assert_eq!(eta(200, 100, seconds(10)), Some(Duration::ZERO));
        assert_eq!(eta(3, 4, Duration::from_millis(100)), Some(Duration::from_nanos(33_333_333)));
        assert!(eta(1, u64::MAX, Duration::MAX).is_none_or(|eta| eta > seconds(1_000_000)));
    }
}
