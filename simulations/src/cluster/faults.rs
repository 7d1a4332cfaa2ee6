//! What goes wrong in a story: nodes go and come, and the network falls apart. As in a world, where there are the same words.

use std::collections::BTreeSet;

use super::running::{Cluster, Due, Life};
use crate::{
    scenario::{Act, Departure, Share, Span},
    world::{lines::Micros, ways::Weather},
};

impl Cluster {
    /// Something goes wrong, or right again, if that is what the step is.
    pub(super) fn go_wrong(&mut self, act: &Act) {
        match act {
            Act::Leave { group, share, how, back_after } => {
                for node in self.some_of(group.as_deref(), *share) {
                    self.leave(node, *how, *back_after);
                }
            }
            Act::Churn { group, share, lasts, away, how } => {
                self.churn(group.as_deref(), *share, lasts.0, *away, *how);
            }
            Act::Partition { groups, share, one_way } => {
                let named = groups.iter().flat_map(|group| self.all_of(Some(group)));
                let mut some: BTreeSet<u32> = named.collect();
                some.extend(share.map(|share| self.some_of(None, share)).into_iter().flatten());
                self.wire.change(|ways| ways.divide(&some, *one_way));
            }
            Act::SwizzleClog { share, lasts } => self.swizzle(*share, lasts.0),
            Act::Heal => self.heal(),
            Act::Weather { loss, twice, late } => {
                let weather = Weather { loss: *loss, twice: *twice, late: *late };
                self.wire.change(|ways| ways.weather = weather);
            }
            Act::Calm => self.calm(),
            _ => {}
        }
    }

    /// A node goes, and comes back if it is to.
    pub(super) fn leave(&mut self, node: u32, how: Departure, back_after: Option<Span>) {
        self.stop(node, how);
        if let Some(after) = back_after {
            let at = self.wire.now() + self.pick(after);
            self.plan(at, Due::Starts(node));
        }
    }

    /// The line of a node is dead, or alive again.
    pub(super) fn set_clogged(&mut self, node: u32, is_dead: bool) {
        let changed = if is_dead { self.clogged.insert(node) } else { self.clogged.remove(&node) };
        if changed {
            self.wire.change(|ways| ways.set_cut(node, is_dead));
        }
    }

    fn churn(
        &mut self,
        group: Option<&str>,
        share: Share,
        lasts: Micros,
        away: Span,
        how: Departure,
    ) {
        let all = self.all_of(group);
        let a_minute = share.of(all.len()) as u64;
        let count = a_minute.saturating_mul(lasts) / 60_000_000;
        for _ in 0..count {
            let Some(node) = self.chance.one(&all).copied() else { return };
            let at = self.wire.now() + self.chance.below(lasts);
            self.plan(at, Due::Leaves(node, how, Some(away)));
        }
    }

    /// Cuts nodes off one after the other, and connects them again in another order (FoundationDB's swizzle-clogging).
    fn swizzle(&mut self, share: Share, lasts: Micros) {
        let all = self.seats.len();
        let places = self.chance.some(share.of(all), all);
        let mut some: Vec<u32> =
            places.into_iter().map(|place| self.seats[place].character.number).collect();
        for (begin, cut) in [(0, true), (lasts, false)] {
            self.chance.shuffle(&mut some);
            let step = lasts / (some.len() as u64).max(1);
            for (place, node) in (0..).zip(&some) {
                self.plan(self.wire.now() + begin + place * step, Due::Cut(*node, cut));
            }
        }
    }

    fn heal(&mut self) {
        self.clogged.clear();
        self.wire.change(crate::world::ways::Ways::heal);
    }

    /// Everything is whole again, and everybody is there.
    fn calm(&mut self) {
        self.measured.is_calm(self.wire.now());
        self.heal();
        let away: Vec<u32> = self
            .seats
            .iter()
            .filter(|seat| matches!(seat.life, Life::Away | Life::Going))
            .map(|seat| seat.character.number)
            .collect();
        away.into_iter().for_each(|node| self.start(node));
    }
}
