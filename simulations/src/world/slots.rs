//! Places for things that are put down and taken up again by a number. A number is used again when its place is free:
//! whoever keeps one for longer has to know by the thing itself whether it still is the one.

/// Things by number.
#[derive(Debug)]
pub struct Slots<T> {
    things: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { things: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Puts something down; gives its number.
    pub fn put(&mut self, thing: T) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.things.push(None);
            u32::try_from(self.things.len() - 1).expect("fewer than 2^32 things lie here")
        });
        self.things[slot as usize] = Some(thing);
        slot
    }

    /// What lies there.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.things.get_mut(slot as usize)?.as_mut()
    }

    /// Takes it up; nothing if it is not there.
    pub fn take(&mut self, slot: u32) -> Option<T> {
        let thing = self.things.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_down_is_taken_up_once_and_its_place_is_used_again() {
        let mut slots = Slots::default();
        let numbers = ["a", "b"].map(|thing| slots.put(thing));
        assert_eq!(slots.take(numbers[0]), Some("a"));
        assert_eq!(slots.take(numbers[0]), None);
        assert_eq!(slots.put("c"), numbers[0]);
        assert_eq!(slots.get_mut(numbers[0]), Some(&mut "c"));
        assert_eq!(slots.get_mut(9), None);
        assert_eq!((slots.take(numbers[1]), slots.take(9)), (Some("b"), None));
    }
}
