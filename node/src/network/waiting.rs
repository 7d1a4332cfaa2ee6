//! Words that nobody could hear yet: kept for a moment, because who is connected says only afterwards what it listens
//! to, and asks of itself no more than every ten minutes. Without I/O; never says anything itself.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Messages kept, of at most 64 KiB each. When full, the oldest gives way: who comes can ask for it.
const MAX_WAITING: usize = 16;
/// How long a message waits. Whoever comes later asks for all that is known.
const WAITS: Duration = Duration::from_secs(60);

/// A message and when it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    said: Instant,
    pub(super) bytes: Vec<u8>,
}

/// Messages that reached nobody, oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<Word>);

impl Waiting {
    /// Keeps a message that has reached nobody. Said again, it waits as one that was said now.
    pub(super) fn keep(&mut self, bytes: Vec<u8>, now: Instant) {
        self.0.retain(|word| word.bytes != bytes);
        if self.0.len() >= MAX_WAITING {
            self.0.pop_front();
        }
        self.0.push_back(Word { said: now, bytes });
    }

    /// The oldest message that is not too old.
    pub(super) fn take(&mut self, now: Instant) -> Option<Word> {
        while let Some(word) = self.0.pop_front() {
            if now.saturating_duration_since(word.said) < WAITS {
                return Some(word);
            }
        }
        None
    }

    /// Puts back what was taken and still reached nobody; it has waited as long as it has.
    pub(super) fn put_back(&mut self, word: Word) {
        self.0.push_front(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is left, in order.
    fn drain(waiting: &mut Waiting, now: Instant) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| waiting.take(now)).map(|word| word.bytes).collect()
    }

    #[test]
    fn of_too_many_words_the_oldest_give_way() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        let words: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n]).collect();
        words.iter().for_each(|word| waiting.keep(word.clone(), now));
        assert_eq!(drain(&mut waiting, now), words[4..]);
    }

    #[test]
    fn a_word_waits_for_a_minute_and_no_longer() {
        let (mut waiting, begin) = (Waiting::default(), Instant::now());
        waiting.keep(vec![1], begin);
        waiting.keep(vec![2], begin + Duration::from_secs(1));
        assert_eq!(drain(&mut waiting, begin + WAITS), [vec![2]]);
    }

    #[test]
    fn a_word_that_is_said_again_waits_once_and_from_then_on() {
        let (mut waiting, begin) = (Waiting::default(), Instant::now());
        waiting.keep(vec![1], begin);
        waiting.keep(vec![2], begin);
        waiting.keep(vec![1], begin + WAITS / 2);
        assert_eq!(drain(&mut waiting, begin + WAITS), [vec![1]]);
    }

    #[test]
    fn what_is_put_back_is_the_next_and_no_younger() {
        let (mut waiting, begin) = (Waiting::default(), Instant::now());
        waiting.keep(vec![1], begin);
        waiting.keep(vec![2], begin + Duration::from_secs(1));
        let word = waiting.take(begin).expect("kept");
        waiting.put_back(word.clone());
        assert_eq!(waiting.take(begin), Some(word.clone()));
        waiting.put_back(word);
        assert_eq!(drain(&mut waiting, begin + WAITS), [vec![2]]);
    }
}
