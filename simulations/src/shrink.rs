//! A course that fails is made as short as it can be: what is left is what it takes.
//!
//! Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002): parts of the course are
//! left out, large ones first, as long as the run fails in the same way. Pure but for the runs, which are handed in.

use crate::{
    course::Happening,
    outcome::{Ended, Outcome},
};

/// Runs until the result has to do.
pub const MAX_RUNS: usize = 2_000;

/// In which way a run has failed. Two runs that fail for the same reason say the same, wherever and whenever it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A promise was broken.
    Promise(String),
    /// What was expected did not come.
    Expectation(String),
}

impl Failure {
    /// Of a run; `None` if it has not failed, or was stopped.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        if outcome.ended == Ended::Stopped {
            return None;
        }
        let broken = outcome.broken.first().map(|broken| Self::Promise(broken.promise.clone()));
        let unmet = || outcome.judged.iter().find(|judged| !judged.met);
        broken.or_else(|| unmet().map(|judged| Self::Expectation(judged.expected.clone())))
    }

    /// Whether something may be left out. A promise holds whatever happens. What is expected may only come if certain
    /// things happen, so only what goes wrong is left out of these.
    fn may_miss(&self, happening: &Happening) -> bool {
        match self {
            Self::Promise(_) => true,
            Self::Expectation(_) => happening.deed.is_a_fault(),
        }
    }
}

/// What came of shrinking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// What is left.
    pub course: Vec<Happening>,
    /// Runs that it took.
    pub runs: usize,
    /// Whether nothing more can be left out, one by one.
    pub is_minimal: bool,
}

/// Leaves out of `course` what can be left out while `fails` says that the run still fails in this way; it says `None` to
/// end at once.
pub fn shrink(
    course: Vec<Happening>,
    failure: &Failure,
    mut fails: impl FnMut(&[Happening]) -> Option<bool>,
) -> Shrunk {
    let mut left = course;
    let mut runs = 0;
    let mut parts = 2;
    loop {
        let loose: Vec<usize> =
            (0..left.len()).filter(|place| failure.may_miss(&left[*place])).collect();
        if loose.is_empty() {
            return Shrunk { course: left, runs, is_minimal: true };
        }
        parts = parts.clamp(1, loose.len());
        let size = loose.len().div_ceil(parts);
        let mut shorter = None;
        for part in loose.chunks(size) {
            if runs >= MAX_RUNS {
                return Shrunk { course: left, runs, is_minimal: false };
            }
            let kept = (0..left.len()).filter(|place| part.binary_search(place).is_err());
            let candidate: Vec<Happening> = kept.map(|place| left[place].clone()).collect();
            runs += 1;
            match fails(&candidate) {
                Some(true) => {
                    shorter = Some(candidate);
                    break;
                }
                Some(false) => {}
                None => return Shrunk { course: left, runs, is_minimal: false },
            }
        }
        match shorter {
            Some(candidate) => {
                left = candidate;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => return Shrunk { course: left, runs, is_minimal: true },
            None => parts *= 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        course::Deed,
        scenario::{Departure, Time},
    };

    fn course(nodes: u32) -> Vec<Happening> {
        let leave = |n: u32| Deed::Leave {
            node: format!("machines-{n}"),
            how: Departure::Kill,
            back_after: Some(Time::from_secs(1)),
        };
        let mut course: Vec<Happening> = (1..=nodes)
            .map(|n| Happening { at: Time::from_secs(u64::from(n)), deed: leave(n) })
            .collect();
        course.push(Happening { at: Time::from_secs(100), deed: Deed::Calm });
        course
    }

    fn who(course: &[Happening]) -> Vec<String> {
        let names = course.iter().filter_map(|happening| match &happening.deed {
            Deed::Leave { node, .. } => Some(node.clone()),
            _ => None,
        });
        names.collect()
    }

    #[test]
    fn what_it_takes_is_found_among_much_else() {
        let failure = Failure::Promise("p".into());
        let both = ["machines-7".to_owned(), "machines-61".to_owned()];
        let shrunk = shrink(course(80), &failure, |course| {
            Some(both.iter().all(|name| who(course).contains(name)))
        });
        assert_eq!(who(&shrunk.course), both);
        assert_eq!(shrunk.course.len(), 2, "a broken promise does not need calm");
        assert!(shrunk.is_minimal && shrunk.runs < 120, "{} runs", shrunk.runs);
    }

    #[test]
    fn what_makes_a_run_come_right_stays_when_that_was_expected() {
        let failure = Failure::Expectation("all run it".into());
        let shrunk = shrink(course(9), &failure, |_| Some(true));
        assert_eq!(shrunk.course.iter().map(|one| &one.deed).collect::<Vec<_>>(), [&Deed::Calm]);
    }

    #[test]
    fn a_failure_that_needs_nothing_needs_nothing_and_one_that_needs_all_keeps_all() {
        let failure = Failure::Promise("p".into());
        assert!(shrink(course(9), &failure, |_| Some(true)).course.is_empty());
        let all = course(9);
        let shrunk = shrink(all.clone(), &failure, |candidate| Some(candidate.len() == all.len()));
        assert_eq!((shrunk.course, shrunk.is_minimal), (all, true));
    }

    #[test]
    fn who_stops_it_gets_what_there_is() {
        let failure = Failure::Promise("p".into());
        let mut left = 3;
        let shrunk = shrink(course(50), &failure, |_| {
            left -= 1;
            (left > 0).then_some(true)
        });
        assert!(!shrunk.is_minimal && shrunk.course.len() < 51);
    }
}
