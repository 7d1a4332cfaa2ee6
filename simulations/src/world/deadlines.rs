//! Until when questions wait for their answers. Most are answered long before, and cost nothing then: questions that wait
//! equally long stand in one row, and what was answered is passed over when its turn comes.

use std::collections::{BTreeMap, VecDeque};

use super::{lines::Micros, talk::QuestionId};

/// Rows of questions, by how long they wait.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    rows: BTreeMap<Micros, VecDeque<(Micros, QuestionId)>>,
}

impl Deadlines {
    /// A question waits from `now` on for so long.
    pub(super) fn put(&mut self, now: Micros, patience: Micros, question: QuestionId) {
        self.rows.entry(patience).or_default().push_back((now + patience, question));
    }

    /// The first moment at which a question is given up that still is open.
    pub(super) fn next(&mut self, is_open: impl Fn(QuestionId) -> bool) -> Option<Micros> {
        for row in self.rows.values_mut() {
            while row.front().is_some_and(|(_, question)| !is_open(*question)) {
                row.pop_front();
            }
        }
        self.rows.values().filter_map(|row| row.front()).map(|(at, _)| *at).min()
    }

    /// Takes out a question that is given up at this moment.
    pub(super) fn take(&mut self, at: Micros) -> Option<QuestionId> {
        let row =
            self.rows.values_mut().find(|row| row.front().is_some_and(|(due, _)| *due == at))?;
        row.pop_front().map(|(_, question)| question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_open_question_is_given_up_first_however_long_each_waits() {
        let mut deadlines = Deadlines::default();
        for (now, patience, question) in [(0, 20, 1), (1, 10, 2), (2, 10, 3), (3, 20, 4)] {
            deadlines.put(now, patience, QuestionId(question));
        }
        let open = |question: QuestionId| question.0 != 2;
        let mut given_up = Vec::new();
        while let Some(at) = deadlines.next(open) {
            given_up.push((at, deadlines.take(at).map(|question| question.0)));
        }
        assert_eq!(given_up, [(12, Some(3)), (20, Some(1)), (23, Some(4))]);
    }
}
