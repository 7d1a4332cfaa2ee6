//! The ways between nodes: how long something is under way, and whether there is a way at all. Pure: chance is an argument.

use std::collections::BTreeSet;

use super::{chance::Chance, lines::Micros};
use crate::scenario::{Links, Share};

/// Time until what was lost is sent again: what TCP waits at least before it takes something for lost (RFC 6298 allows
/// implementations less than its second; Linux takes 200 ms).
pub const RESEND: Micros = 200_000;
/// What is sent again so often comes at last: longer than this no connection waits without being given up for other
/// reasons.
const MAX_RESENT: u64 = 6;

/// One end of the ways.
#[derive(Debug, Clone)]
struct End {
    links: Links,
    hidden: bool,
    /// Which part of a divided network it is in.
    side: u32,
    /// It hears and is not heard.
    muted: bool,
    /// It neither hears nor is heard.
    cut: bool,
}

/// What befalls single messages, beside their loss on a line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Lost for good, with its connection left as it was.
    pub loss: Share,
    /// Comes twice.
    pub twice: Share,
    /// Comes late.
    pub late: Share,
}

/// All ways.
#[derive(Debug, Default)]
pub struct Ways {
    ends: Vec<End>,
    /// What befalls messages now.
    pub weather: Weather,
    sides: u32,
}

impl Ways {
    /// Adds an end; whether nobody can dial it is up to chance.
    pub fn add(&mut self, links: Links, chance: &mut Chance) {
        let hidden = chance.happens(links.nat.0);
        self.ends.push(End { links, hidden, side: 0, muted: false, cut: false });
    }

    /// Whether something that is sent now comes.
    pub fn leads(&self, from: u32, to: u32) -> bool {
        let (from, to) = (&self.ends[from as usize], &self.ends[to as usize]);
        let unheard = from.muted && !to.muted;
        !from.cut && !to.cut && !unheard && from.side == to.side
    }

    /// Whether both hear each other.
    pub fn both(&self, one: u32, other: u32) -> bool {
        self.leads(one, other) && self.leads(other, one)
    }

    /// Whether nobody can dial an end.
    pub fn is_hidden(&self, end: u32) -> bool {
        self.ends[end as usize].hidden
    }

    /// Whether a connection can be opened: not to who is hidden.
    pub fn opens(&self, from: u32, to: u32) -> bool {
        !self.ends[to as usize].hidden && self.both(from, to)
    }

    /// Whether all ways lead somewhere.
    pub fn is_whole(&self) -> bool {
        self.ends.iter().all(|end| !end.cut && !end.muted && end.side == 0)
    }

    /// How long what is sent now is under way, beside the time that lines need.
    pub fn takes(&self, from: u32, to: u32, chance: &mut Chance) -> Micros {
        let (a, b) = (&self.ends[from as usize].links, &self.ends[to as usize].links);
        let way = (a.latency.0 + b.latency.0) / 2;
        let jitter = (a.jitter.0 + b.jitter.0) / 2;
        let mut takes = way + chance.between(0, jitter);
        let loss = a.loss.0.saturating_add(b.loss.0) / 2;
        let mut resent = 0;
        while resent < MAX_RESENT && chance.happens(loss) {
            // Twice as long each time.
            takes += RESEND.max(2 * way) << resent;
            resent += 1;
        }
        takes
    }

    /// One way from an end to another one like it.
    pub fn usual(&self, end: u32) -> Micros {
        self.ends[end as usize].links.latency.0
    }

    /// Cuts some ends off from all others; they reach each other.
    pub fn divide(&mut self, some: &BTreeSet<u32>, one_way: bool) {
        self.sides += 1;
        for end in some {
            let end = &mut self.ends[*end as usize];
            if one_way {
                end.muted = true;
            } else {
                end.side = self.sides;
            }
        }
    }

    /// Cuts one end off from everybody, or connects it again.
    pub fn set_cut(&mut self, end: u32, cut: bool) {
        self.ends[end as usize].cut = cut;
    }

    /// Makes all ways whole again. The weather stays what it is.
    pub fn heal(&mut self) {
        for end in &mut self.ends {
            (end.side, end.muted, end.cut) = (0, false, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Time;

    fn ways(links: Links) -> (Ways, Chance) {
        let (mut ways, mut chance) = (Ways::default(), Chance::of(1, "ways"));
        (0..4).for_each(|_| ways.add(links, &mut chance));
        (ways, chance)
    }

    #[test]
    fn a_way_takes_half_the_latency_of_each_end_and_at_most_the_jitter_more() {
        let links = Links { latency: Time(30_000), jitter: Time(4_000), ..Links::default() };
        let (ways, mut chance) = ways(links);
        let took: Vec<_> = (0..200).map(|_| ways.takes(0, 1, &mut chance)).collect();
        assert!(took.iter().all(|took| (30_000..=34_000).contains(took)));
        assert!(took.len() == 200 && took.iter().any(|took| *took > 33_000));
    }

    #[test]
    fn what_is_lost_comes_later_each_time_twice_as_much() {
        let links = |parts| Links { latency: Time(1_000), loss: Share(parts), ..Links::default() };
        let (half, mut chance) = ways(links(500_000));
        let late = (0..400).filter(|_| half.takes(0, 1, &mut chance) > RESEND).count();
        assert!((150..250).contains(&late), "{late}");
        let (always, mut chance) = ways(links(1_000_000));
        assert_eq!(always.takes(0, 1, &mut chance), 1_000 + RESEND * 63);
    }

    #[test]
    fn a_division_cuts_both_ways_or_one_and_healing_ends_it() {
        let (mut ways, _) = ways(Links::default());
        ways.divide(&BTreeSet::from([0, 1]), false);
        assert!(ways.both(0, 1) && ways.both(2, 3) && !ways.leads(0, 2) && !ways.leads(2, 0));
        ways.heal();
        ways.divide(&BTreeSet::from([0, 1]), true);
        assert!(!ways.leads(0, 2) && ways.leads(2, 0) && ways.both(0, 1) && !ways.opens(2, 0));
        ways.set_cut(3, true);
        assert!(!ways.leads(2, 3) && !ways.leads(3, 2));
        ways.heal();
        assert!(ways.both(0, 2) && ways.both(2, 3));
    }

    #[test]
    fn nobody_can_dial_who_is_hidden_and_he_can_dial_others() {
        let hidden = Links { nat: Share::ALL, ..Links::default() };
        let (mut ways, mut chance) = ways(hidden);
        ways.add(Links::default(), &mut chance);
        assert!(!ways.opens(4, 0) && ways.opens(0, 4) && !ways.opens(0, 1));
    }
}
