//! The steps of a search that may still be a part of its way. Those that are not are forgotten, so that a search takes
//! memory for the ways that are alive and not for all that were begun.

use std::num::NonZeroU32;

/// Where a way took up an alignment, or literals, and which step was before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) new: u32,
    pub(super) diagonal: i32,
    pub(super) before: Option<StepId>,
    pub(super) literal: bool,
}

impl Step {
    pub(super) fn of(at: usize, diagonal: i64, before: Option<StepId>, literal: bool) -> Self {
        let new = u32::try_from(at).expect("sides are smaller than 2^31");
        let diagonal = i32::try_from(diagonal).expect("sides are smaller than 2^31");
        Self { new, diagonal, before, literal }
    }
}

/// A step that is kept. Another one after [`Steps::forget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StepId(NonZeroU32);

/// Steps are forgotten when there are so many more than were kept the last time, and twice as many.
const SLACK: usize = 1 << 16;

/// The steps of one search.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// None refers to one behind it.
    steps: Vec<Step>,
    /// How many there may be before some are forgotten.
    most: usize,
}

impl Steps {
    pub(super) fn push(&mut self, step: Step) -> StepId {
        self.steps.push(step);
        StepId::of(self.steps.len() - 1)
    }

    pub(super) fn get(&self, id: StepId) -> &Step {
        &self.steps[id.index()]
    }

    /// Whether there are many that may be forgotten.
    pub(super) fn are_many(&self) -> bool {
        self.steps.len() > self.most.max(SLACK)
    }

    /// Keeps these steps and those before them, and says what they are called now.
    pub(super) fn forget<'i>(&mut self, kept: impl Iterator<Item = &'i mut StepId>) {
        let kept: Vec<&mut StepId> = kept.collect();
        // What each one is called later; first, whether it is kept.
        let mut names = vec![None; self.steps.len()];
        for id in &kept {
            names[id.index()] = Some(**id);
        }
        for at in (0..self.steps.len()).rev() {
            if let (Some(_), Some(before)) = (names[at], self.steps[at].before) {
                names[before.index()] = Some(before);
            }
        }
        let mut count = 0;
        for at in 0..self.steps.len() {
            if names[at].is_none() {
                continue;
            }
            let step = self.steps[at];
            let before = step.before.and_then(|before| names[before.index()]);
            names[at] = Some(StepId::of(count));
            self.steps[count] = Step { before, ..step };
            count += 1;
        }
        self.steps.truncate(count);
        for id in kept {
            *id = names[id.index()].expect("was marked");
        }
        self.most = count * 2 + SLACK;
    }
}

impl StepId {
    fn of(index: usize) -> Self {
        let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("a few for each byte of a part"))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(new: u32, before: Option<StepId>) -> Step {
        Step { new, diagonal: 0, before, literal: false }
    }

    fn way(steps: &Steps, mut end: Option<StepId>) -> Vec<u32> {
        let mut way = Vec::new();
        while let Some(step) = end.map(|id| steps.get(id)) {
            way.push(step.new);
            end = step.before;
        }
        way
    }

    #[test]
    fn ways_that_are_kept_stay_as_they_are_and_others_go() {
        let mut steps = Steps::default();
        let mut ends: Vec<Option<StepId>> = vec![None; 10];
        for number in 0..1000_u32 {
            let end = usize::try_from(number * 7 % 10).expect("small");
            ends[end] = Some(steps.push(step(number, ends[end])));
        }
        let before: Vec<_> = ends.iter().map(|end| way(&steps, *end)).collect();
        let mut kept: Vec<StepId> = [ends[3], ends[8]].into_iter().flatten().collect();
        steps.forget(kept.iter_mut());
        assert_eq!(steps.steps.len(), 200);
        assert_eq!(way(&steps, Some(kept[0])), before[3]);
        assert_eq!(way(&steps, Some(kept[1])), before[8]);
        let next = steps.push(step(2000, Some(kept[0])));
        assert_eq!(way(&steps, Some(next))[1..], before[3]);
    }

    #[test]
    fn there_are_many_when_twice_as_many_as_were_kept_and_some_more() {
        let mut steps = Steps::default();
        let mut end = None;
        while !steps.are_many() {
            end = Some(steps.push(step(0, end)));
        }
        assert_eq!(steps.steps.len(), SLACK + 1);
        let mut kept = end.expect("some");
        steps.forget(std::iter::once(&mut kept));
        assert!(!steps.are_many());
        assert_eq!((steps.steps.len(), steps.most), (SLACK + 1, SLACK * 3 + 2));
    }
}
