//! What goes wrong in a story: nodes go and come, the network falls apart, programs end in the middle of a change, disks and
//! clocks fail.

use updraft_protocol::ComponentName;

use super::{Event, World, lines::Micros, ways::Weather};
use crate::{
    course::Deed,
    disk::{Capacity, Fault},
    scenario::{Departure, DiskFault, Skew},
};

/// Changes that fail while a disk is broken; no node makes so many before it is whole again.
const BROKEN_CHANGES: u64 = 256;

/// How a node's program is going to end in the middle of an installation.
#[derive(Debug, Clone)]
pub struct Doom {
    component: ComponentName,
    /// The number of the change.
    change: u64,
    how: Departure,
    back_after: Micros,
}

impl World {
    /// Something goes wrong, or comes right again.
    pub(super) fn go_wrong(&mut self, deed: Deed) {
        match deed {
            Deed::Leave { node, how, back_after } => {
                if let Some(node) = self.called(&node) {
                    self.leave(node, how, back_after.map(|time| time.0));
                }
            }
            Deed::Divide { nodes, one_way } => {
                let some = nodes.iter().filter_map(|name| self.called(name)).collect();
                self.ways.divide(&some, one_way);
            }
            Deed::Cut { node, lasts } => {
                if let Some(node) = self.called(&node) {
                    self.ways.set_cut(node, true);
                    self.queue.put(self.now + lasts.0, Event::Whole(node));
                }
            }
            Deed::Heal => self.heal(),
            Deed::Weather { loss, twice, late } => {
                self.ways.weather = Weather { loss, twice, late };
            }
            Deed::CrashAt { node, change, how, back_after } => {
                if let Some(node) = self.called(&node) {
                    self.doom(node, u64::from(change), how, back_after.0);
                }
            }
            Deed::Clock { node, by } => {
                if let Some(node) = self.called(&node) {
                    self.set_clock(node, by);
                }
            }
            Deed::Disk { node, fault, lasts } => {
                if let Some(node) = self.called(&node) {
                    self.break_disk(node, fault, lasts.0);
                }
            }
            Deed::Calm => self.calm(),
            // The others are done where they stand.
            _ => {}
        }
    }

    /// Lines are whole, and carry what waited for them.
    fn heal(&mut self) {
        self.ways.heal();
        self.send_held();
    }

    /// The line of one node is whole again.
    pub(super) fn make_whole(&mut self, node: u32) {
        self.ways.set_cut(node, false);
        self.send_held();
    }

    /// A node goes, and comes back if it is to.
    fn leave(&mut self, node: u32, how: Departure, back_after: Option<Micros>) {
        self.stop(node, how);
        if let Some(after) = back_after {
            self.back(node, how, after);
        }
    }

    /// A node that has gone comes back after a time.
    fn back(&mut self, node: u32, how: Departure, after: Micros) {
        let event = match how {
            Departure::Vanish => Event::Whole(node),
            Departure::Stop | Departure::Kill | Departure::PowerCut => Event::Starts(node),
        };
        self.queue.put(self.now + after, event);
    }

    fn doom(&mut self, node: u32, ahead: u64, how: Departure, back_after: Micros) {
        let component = self.people.component.clone();
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
        self.back(node, how, back_after);
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
        self.heal();
        self.ways.weather = Weather::default();
        for node in 0..u32::try_from(self.nodes.len()).expect("numbered so") {
            self.mend_disk(node);
            let this = self.node(node);
            this.folders.values().for_each(|folder| folder.disk.spare());
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
        self.count_followers();
        self.calm_since = Some(self.now);
    }
}
