//! What goes wrong in a story: nodes go and come, and the network falls apart. As in a world, where there are the same words.

use super::running::{Cluster, Due, Life};
use crate::{
    course::Deed,
    scenario::{Departure, Time},
    world::ways::Weather,
};

impl Cluster {
    /// Something goes wrong, or right again.
    pub(super) fn go_wrong(&mut self, deed: Deed) {
        match deed {
            Deed::Leave { node, how, back_after } => {
                if let Some(node) = self.called(&node) {
                    self.leave(node, how, back_after);
                }
            }
            Deed::Divide { nodes, one_way } => {
                let some = nodes.iter().filter_map(|name| self.called(name)).collect();
                self.wire.change(|ways| ways.divide(&some, one_way));
            }
            Deed::Cut { node, lasts } => {
                if let Some(node) = self.called(&node) {
                    self.set_clogged(node, true);
                    self.plan(self.wire.now() + lasts.0, Due::Whole(node));
                }
            }
            Deed::Heal => self.heal(),
            Deed::Weather { loss, twice, late } => {
                let weather = Weather { loss, twice, late };
                self.wire.change(|ways| ways.weather = weather);
            }
            Deed::Calm => self.calm(),
            // What only a world can do was refused before the run, and the others are done where they stand.
            _ => {}
        }
    }

    /// A node goes, and comes back if it is to.
    pub(super) fn leave(&mut self, node: u32, how: Departure, back_after: Option<Time>) {
        self.stop(node, how);
        if let Some(after) = back_after {
            self.plan(self.wire.now() + after.0, Due::Starts(node));
        }
    }

    /// The line of a node is dead, or alive again.
    pub(super) fn set_clogged(&mut self, node: u32, is_dead: bool) {
        let changed = if is_dead { self.clogged.insert(node) } else { self.clogged.remove(&node) };
        if changed {
            self.wire.change(|ways| ways.set_cut(node, is_dead));
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
        self.wire.change(|ways| ways.weather = Weather::default());
        let away: Vec<u32> = self
            .seats
            .iter()
            .filter(|seat| matches!(seat.life, Life::Away | Life::Going))
            .map(|seat| seat.character.number)
            .collect();
        away.into_iter().for_each(|node| self.start(node));
    }
}
