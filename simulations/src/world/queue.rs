//! What is to happen, by the moment. What is to happen at one moment happens in the order in which that was decided.
//!
//! Only what is to happen soon is kept in order, in a heap that is small enough for the nearest cache. All else lies by the
//! millisecond, in any order, until that has come (a calendar queue: Brown, 1988).

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap},
    mem,
};

use super::{lines::Micros, slots::Slots};

/// The place of an event in time, and where the event lies. Heaps move their entries about, so these are small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: Micros,
    order: u64,
    slot: u32,
}

impl Entry {
    /// Its place in time, as one number: a heap compares millions of them.
    fn place(&self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.order)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest: a heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place().cmp(&self.place())
    }
}

/// Microseconds that are put in order at once: a thousand events where there is one a microsecond.
const SOON: Micros = 1_000;

/// Events to come.
#[derive(Debug)]
pub struct Queue<E> {
    /// Everything before `later`; empty only if there is nothing at all.
    soon: BinaryHeap<Entry>,
    /// The moment, in units of [`SOON`], from which on things lie in `later`.
    ends: Micros,
    /// Everything else, by its moment in units of [`SOON`].
    later: BTreeMap<Micros, Vec<Entry>>,
    events: Slots<E>,
    order: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            soon: BinaryHeap::new(),
            ends: 0,
            later: BTreeMap::new(),
            events: Slots::default(),
            order: 0,
        }
    }
}

impl<E> Queue<E> {
    /// Has something happen at a moment.
    pub fn put(&mut self, at: Micros, event: E) {
        self.order += 1;
        let slot = self.events.put(event);
        let entry = Entry { at, order: self.order, slot };
        let unit = at / SOON;
        if self.soon.is_empty() {
            self.ends = unit + 1;
        }
        if unit < self.ends {
            self.soon.push(entry);
        } else {
            self.later.entry(unit).or_default().push(entry);
        }
    }

    /// When the next one happens.
    pub fn next(&self) -> Option<Micros> {
        self.soon.peek().map(|entry| entry.at)
    }

    /// Takes the next one out.
    pub fn take(&mut self) -> Option<(Micros, E)> {
        let Entry { at, slot, .. } = self.soon.pop()?;
        if self.soon.is_empty()
            && let Some((unit, entries)) = self.later.pop_first()
        {
            self.ends = unit + 1;
            // The room of a heap is used again.
            let mut heap = mem::take(&mut self.soon).into_vec();
            heap.extend(entries);
            self.soon = BinaryHeap::from(heap);
        }
        self.events.take(slot).map(|event| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::chance::Chance;

    #[test]
    fn the_earliest_comes_first_and_of_one_moment_what_was_put_first() {
        let mut queue = Queue::default();
        queue.put(0, '-');
        assert_eq!(queue.take(), Some((0, '-')), "its slot is used again");
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            queue.put(at, event);
        }
        assert_eq!(queue.next(), Some(1));
        let came: String = std::iter::from_fn(|| queue.take()).map(|(_, event)| event).collect();
        assert_eq!(came, "abcd");
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn what_is_put_far_ahead_and_at_once_comes_as_from_a_sorted_list() {
        let (mut queue, mut list) = (Queue::default(), Vec::new());
        let mut chance = Chance::of(7, "queue");
        let mut now = 0;
        for number in 0..20_000_u32 {
            let ahead = *chance.one(&[0, 1, SOON / 2, SOON, 40 * SOON, 9_000 * SOON]).expect("six");
            let at = now + chance.below(ahead + 1);
            queue.put(at, number);
            list.push((at, number));
            if chance.below(3) == 0 {
                list.sort_unstable();
                assert_eq!(queue.next(), list.first().map(|(at, _)| *at));
                assert_eq!(queue.take(), Some(list.remove(0)));
                now = queue.next().unwrap_or(now).max(now);
            }
        }
        list.sort_unstable();
        assert_eq!(std::iter::from_fn(|| queue.take()).collect::<Vec<_>>(), list);
    }
}
