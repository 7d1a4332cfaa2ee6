//! Where bytes stood before: the hash chains of an encoder, step by step.
//!
//! Finds the repeat an encoder would find, which is not always the longest one. Must never look further back or
//! take more steps than that encoder; counts its steps, so that its callers can end it.

use super::{
    habits::{Habits, Way},
    inflate::{MAX_REPEAT, Token, WINDOW},
};

/// zlib leaves this much of its window unused, so that it can always read a whole repeat ahead.
pub(super) const LOOKAHEAD: u32 = 262;

/// The places of a stream's bytes by what stands there.
#[derive(Debug)]
pub(super) struct Search<'a> {
    data: &'a [u8],
    habits: &'a Habits,
    /// The last place with each hash, and for each place in the window the one before with the same hash; plus 1,
    /// 0 for none.
    last: Vec<u32>,
    before: Box<[u32; WINDOW]>,
    /// Places up to here have been remembered, or left out for good.
    seen: u32,
    /// How far back a repeat may begin, and the first place that may be repeated.
    reach: u32,
    first: u32,
    /// Steps taken; one for each place looked at and one for each 16 bytes compared.
    work: u64,
}

impl<'a> Search<'a> {
    /// For these bytes, fewer than 2³² of them.
    pub(super) fn new(data: &'a [u8], habits: &'a Habits) -> Self {
        // zlib cannot repeat the first byte of all, whose place is its sign for none.
        let (reach, first) =
            if habits.way == Way::LazyGo { (1 << 15, 0) } else { ((1 << 15) - LOOKAHEAD, 1) };
        let last = vec![0; habits.hash.values()];
        Self { data, habits, last, before: Box::new([0; WINDOW]), seen: 0, reach, first, work: 0 }
    }

    /// Steps taken so far.
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// Remembers all places before this one that it has not come by yet.
    #[inline]
    pub(super) fn remember(&mut self, until: u32) {
        for place in self.seen..until {
            let Some(hash) = self.habits.hash.of(&self.data[place as usize..]) else { break };
            self.before[place as usize % WINDOW] = self.last[hash];
            self.last[hash] = place + 1;
        }
        self.seen = self.seen.max(until);
    }

    /// Leaves out the places before this one that it has not come by yet.
    pub(super) fn leave_out(&mut self, until: u32) {
        self.seen = self.seen.max(until);
    }

    /// The repeat that is found at a place, if it is longer than `longer_than`.
    pub(super) fn find(&mut self, at: u32, longer_than: u32, steps: u32) -> Option<Token> {
        let Habits { hash, least, nice, .. } = *self.habits;
        self.remember(at + 1);
        let here = self.data.get(at as usize..)?;
        let most = here.len().min(MAX_REPEAT);
        if most < least as usize || longer_than as usize >= most || hash.of(here).is_none() {
            return None;
        }
        // zlib looks at the first place up to a byte further away than at the others.
        let floor = at.saturating_sub(self.reach).max(self.first);
        let place = self.before[at as usize % WINDOW].checked_sub(1)?;
        if place < floor || place >= at {
            return None;
        }
        let floor =
            if self.first == 0 { floor } else { floor.max((at + 1).saturating_sub(self.reach)) };
        self.longest(
            here,
            Chain { at, place, floor, steps },
            longer_than as usize,
            most.min(nice as usize),
        )
    }

    fn longest(
        &mut self,
        here: &[u8],
        chain: Chain,
        longer_than: usize,
        nice: usize,
    ) -> Option<Token> {
        let Habits { far, way, .. } = *self.habits;
        let most = here.len().min(MAX_REPEAT);
        let mut longest = longer_than;
        let mut end = pair(here, longest - 1);
        let mut found = None;
        let mut place = chain.place;
        let mut steps = 0;
        loop {
            steps += 1;
            if pair(self.data, place as usize + longest - 1) == end {
                let there = &self.data[place as usize..];
                let len = same(here, there, most);
                self.work += len as u64 / 16;
                let distance = chain.at - place;
                let worth = way != Way::LazyGo || len > 4 || distance <= far;
                if len > longest && worth {
                    found = Some(Token { len: u32::try_from(len).ok()?, distance });
                    longest = len;
                    if len >= nice {
                        break;
                    }
                    end = pair(here, longest - 1);
                } else if way == Way::Straight && longest >= 8 && len >= 8 && {
                    // Both ends agree and the middle does not: it gives up.
                    let end = longest - 7..=longest;
                    there[end.clone()] == here[end]
                } {
                    break;
                }
            }
            // A number less 1 is the place. What is left of one window earlier is newer by chance, too.
            let older = self.before[place as usize % WINDOW];
            if steps >= chain.steps || older <= chain.floor || older > place {
                break;
            }
            place = older - 1;
        }
        self.work += u64::from(steps);
        found
    }
}

/// Where a search begins and ends.
struct Chain {
    at: u32,
    /// The newest place with the same hash.
    place: u32,
    /// The oldest one that may be looked at after it.
    floor: u32,
    /// Places looked at, at most.
    steps: u32,
}

/// Two bytes at once.
#[inline]
fn pair(bytes: &[u8], at: usize) -> [u8; 2] {
    *bytes[at..].first_chunk().expect("what is compared is inside of the data")
}

/// How many bytes at the beginning are the same, up to `most`.
#[inline]
pub(super) fn same(one: &[u8], other: &[u8], most: usize) -> usize {
    let (one, other) = (&one[..most], &other[..most]);
    let mut len = 0;
    for (a, b) in one.chunks_exact(8).zip(other.chunks_exact(8)) {
        let differ = u64::from_le_bytes(a.try_into().expect("eight bytes"))
            ^ u64::from_le_bytes(b.try_into().expect("eight bytes"));
        if differ != 0 {
            return len + (differ.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    len + one[len..].iter().zip(&other[len..]).take_while(|(a, b)| a == b).count()
}
