//! What goes wrong in a story: nodes go and come, the network falls apart, programs end in the middle of a change, disks and
//! clocks fail.

use std::collections::BTreeSet;

use updraft_protocol::ComponentName;

use super::{Event, World, lines::Micros, ways::Weather};
use crate::{
    disk::{Capacity, Fault},
    scenario::{Act, Departure, DiskFault, Share, Skew, Span},
};

/// Changes that an installation makes to a disk, roughly: a crash by chance is at one of them.
const CHANGES: u64 = 40;
/// Changes that fail while a disk is broken; no node makes so many before it is whole again.
const BROKEN_CHANGES: u64 = 256;

/// How a node's program is going to end in the middle of an installation.
#[derive(Debug, Clone)]
pub struct Doom {
    component: ComponentName,
    /// The number of the change.
    change: u64,
    how: Departure,
    back_after: Span,
}

impl World {
    /// Something goes wrong, if that is what the step is.
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
                self.ways.divide(&some, *one_way);
            }
            Act::SwizzleClog { share, lasts } => self.swizzle(*share, lasts.0),
            Act::Heal => {
                self.ways.heal();
                self.send_held();
            }
            Act::Weather { loss, twice, late } => {
                self.ways.weather = Weather { loss: *loss, twice: *twice, late: *late };
            }
            Act::CrashAt { group, change, how, back_after } => {
                for node in self.all_of(group.as_deref()) {
                    self.doom(node, *change, *how, *back_after);
                }
            }
            Act::Clock { group, share, by } => {
                for node in self.some_of(group.as_deref(), *share) {
                    self.set_clock(node, *by);
                }
            }
            Act::Disk { group, share, fault, lasts } => {
                for node in self.some_of(group.as_deref(), *share) {
                    self.break_disk(node, *fault, lasts.0);
                }
            }
            Act::Calm => self.calm(),
            _ => {}
        }
    }

    /// A node goes, and comes back if it is to.
    pub(super) fn leave(&mut self, node: u32, how: Departure, back_after: Option<Span>) {
        self.stop(node, how);
        if let Some(after) = back_after {
            let at = self.now + self.pick(after);
            // Who vanished has gone on all the time: only its line comes back.
            let back = match how {
                Departure::Vanish => Event::Cut(node, false),
                _ => Event::Starts(node),
            };
            self.queue.put(at, back);
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
            let Some(node) = self.chances.nodes.one(&all).copied() else { return };
            let at = self.now + self.chances.nodes.below(lasts);
            self.queue.put(at, Event::Leaves(node, how, away));
        }
    }

    /// Cuts nodes off one after the other, and connects them again in another order (FoundationDB's swizzle-clogging).
    fn swizzle(&mut self, share: Share, lasts: Micros) {
        let all: Vec<u32> = (0..).zip(&self.nodes).map(|(number, _)| number).collect();
        let places = self.chances.nodes.some(share.of(all.len()), all.len());
        let mut some: Vec<u32> = places.into_iter().map(|place| all[place]).collect();
        for (begin, cut) in [(0, true), (lasts, false)] {
            self.chances.nodes.shuffle(&mut some);
            let step = lasts / (some.len() as u64).max(1);
            for (place, node) in (0..).zip(&some) {
                self.queue.put(self.now + begin + place * step, Event::Cut(*node, cut));
            }
        }
    }

    fn doom(&mut self, node: u32, change: Option<u32>, how: Departure, back_after: Span) {
        let component = self.people.component.clone();
        let ahead = change.map_or_else(|| self.chances.nodes.between(1, CHANGES), u64::from);
        let this = self.node(node);
        // A folder that is not there yet is made now, so that its disk can be told.
        if this.open(&component).is_err() {
            return;
        }
        let Some(folder) = this.folders.get(&component) else { return };
        let change = folder.disk.counts().changes + ahead;
        folder.disk.dead_from(change);
        this.doom = Some(Doom { component, change, how, back_after });
    }

    /// Ends the program of a node whose disk has seen the change at which it was to end. Says whether it did.
    pub(super) fn meets_its_doom(&mut self, node: u32) -> bool {
        let this = &self.nodes[node as usize];
        let Some(doom) = &this.doom else { return false };
        let changes =
            this.folders.get(&doom.component).map_or(0, |folder| folder.disk.counts().changes);
        if changes <= doom.change {
            return false;
        }
        let Some(Doom { how, back_after, .. }) = self.node(node).doom.take() else { return false };
        self.note("crashes", node, changes);
        self.write_down(node, || format!("the program ends at change {changes} of the disk"));
        self.stop(node, how);
        let at = self.now + self.pick(back_after);
        self.queue.put(at, Event::Starts(node));
        true
    }

    fn set_clock(&mut self, node: u32, by: Skew) {
        self.node(node).skew = by.0 / 1_000_000;
        if self.nodes[node as usize].running.is_some() {
            self.input(node, updraft_node::agent::Input::Tick);
        }
    }

    fn break_disk(&mut self, node: u32, fault: DiskFault, lasts: Micros) {
        for folder in self.node(node).folders.values() {
            match fault {
                DiskFault::Full => folder.disk.set_capacity(Capacity { bytes: 0, files: 0 }),
                DiskFault::Io => {
                    let begin = folder.disk.counts().changes;
                    (begin..begin + BROKEN_CHANGES)
                        .for_each(|change| folder.disk.fail_at(change, Fault::Device));
                }
            }
        }
        self.queue.put(self.now + lasts, Event::Mends(node));
    }

    /// A disk is whole again.
    pub(super) fn mend_disk(&mut self, node: u32) {
        let this = self.node(node);
        for folder in this.folders.values() {
            folder.disk.set_capacity(this.room);
            folder.disk.mend();
        }
    }

    /// Everything that was broken is whole again, everybody is there, and nobody lies any more.
    fn calm(&mut self) {
        self.ways.heal();
        self.ways.weather = Weather::default();
        self.send_held();
        for node in 0..u32::try_from(self.nodes.len()).expect("numbered so") {
            self.mend_disk(node);
            let this = self.node(node);
            this.hostile = None;
            this.skew = 0;
            this.doom = None;
            this.banned.clear();
            if this.running.is_none() {
                self.queue.put(self.now, Event::Starts(node));
            } else {
                self.input(node, updraft_node::agent::Input::Tick);
            }
        }
        self.calm_since = Some(self.now);
    }
}
