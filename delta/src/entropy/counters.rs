//! Counters by number, of which many may be meant and few be used: most work is small, and to fill a table that it
//! hardly touches would take longer than the work.
//!
//! They come into being page by page. It must never matter to what is coded when that happens: a counter that nobody
//! touched is a new one.

use super::counter::Counter;

/// Counters that come into being together: four lines of a processor's cache.
const PAGE: usize = 64;

/// Pages that there is room for at first.
const AT_FIRST: usize = 16;

/// So many counters, all of them new.
#[derive(Debug)]
pub(crate) struct Counters {
    /// For each page, where its counters begin; zero, where new ones lie, for a page that nobody touched.
    pages: Vec<u32>,
    counters: Vec<Counter>,
}

impl Counters {
    pub(crate) fn new(count: usize) -> Self {
        let pages = count.div_ceil(PAGE);
        let mut counters = Vec::with_capacity(PAGE * pages.min(AT_FIRST));
        counters.extend_from_slice(&[Counter::NEW; PAGE]);
        Self { pages: vec![0; pages], counters }
    }

    /// The counter of this number.
    #[inline]
    pub(crate) fn get(&self, number: usize) -> Counter {
        self.counters[self.pages[number / PAGE] as usize + number % PAGE]
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, number: usize) -> &mut Counter {
        let page = &mut self.pages[number / PAGE];
        if *page == 0 {
            *page = begin_page(&mut self.counters);
        }
        &mut self.counters[*page as usize + number % PAGE]
    }
}

#[cold]
fn begin_page(counters: &mut Vec<Counter>) -> u32 {
    let page = counters.len();
    counters.extend_from_slice(&[Counter::NEW; PAGE]);
    u32::try_from(page).expect("tables have millions at most")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_touched_is_new_and_what_was_learnt_stays_where_it_was() {
        const COUNT: usize = 1000;
        let mut counters = Counters::new(COUNT);
        let mut model = vec![Counter::NEW; COUNT];
        for step in 0..3000_usize {
            let number = step * step * 7 % COUNT;
            let bit = step % 3 == 0;
            counters.get_mut(number).learn(bit, 60);
            model[number].learn(bit, 60);
        }
        assert!(model.contains(&Counter::NEW));
        for (number, counter) in model.iter().enumerate() {
            assert_eq!(counters.get(number), *counter, "{number}");
        }
    }
}
