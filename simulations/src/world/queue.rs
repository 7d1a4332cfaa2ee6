//! What is to happen, by the moment. What is to happen at one moment happens in the order in which that was decided.

use std::{cmp::Ordering, collections::BinaryHeap};

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

/// Events to come.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Entry>,
    events: Slots<E>,
    order: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Slots::default(), order: 0 }
    }
}

impl<E> Queue<E> {
    /// Has something happen at a moment.
    pub fn put(&mut self, at: Micros, event: E) {
        self.order += 1;
        let slot = self.events.put(event);
        self.heap.push(Entry { at, order: self.order, slot });
    }

    /// When the next one happens.
    pub fn next(&self) -> Option<Micros> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Takes the next one out.
    pub fn take(&mut self) -> Option<(Micros, E)> {
        let Entry { at, slot, .. } = self.heap.pop()?;
        self.events.take(slot).map(|event| (at, event))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is to happen any more.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_of_one_moment_what_was_put_first() {
        let mut queue = Queue::default();
        queue.put(0, '-');
        assert_eq!(queue.take(), Some((0, '-')), "its slot is used again");
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            queue.put(at, event);
        }
        assert_eq!((queue.next(), queue.len()), (Some(1), 4));
        let came: String = std::iter::from_fn(|| queue.take()).map(|(_, event)| event).collect();
        assert_eq!(came, "abcd");
        assert!(queue.is_empty());
    }
}
