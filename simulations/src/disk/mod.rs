//! A disk that forgets what was not synced, tears writes, runs full and fails, and does the same again.
//!
//! [`VirtualDisk`] lies below the real installer ([`Installer::open_on`](updraft_node::install::Installer::open_on)).
//! It keeps the promises of POSIX and not one more, as ext4 without its kindness to programs that forget
//! (`noauto_da_alloc`) and XFS do:
//!
//! - bytes, size and mode of a file are durable after a sync of the file; before it, any beginning of what was done
//!   may survive a power cut, the last write torn, and zeros in place of what is lost;
//! - names are durable after a sync of their folder; before it, any beginning of the changes may survive, and a
//!   rename is one change;
//! - after a sync that failed the bytes can still be read, a second sync succeeds, and they are lost all the same
//!   (Rebello and others, “Can Applications Recover from fsync Failures?”, ATC 2020).
//!
//! A program that ends loses nothing. There is no clock and no chance here: what goes wrong was said by the caller.
//! Two things are kinder than some real disks: changes of one folder do not overtake each other, and what was
//! synced is never damaged.

mod bytes;
mod faults;
mod handle;
mod loss;
mod names;
mod node;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::{Arc, Mutex};

use updraft_node::install::Disk;

use self::{
    faults::Faults,
    handle::{Handle, Machine, VirtualFolder, lock},
    tree::{ROOT, Tree},
};
pub use self::{
    faults::{Counts, Fault},
    loss::Loss,
    node::Capacity,
};

/// A disk in memory, and the machine it is in.
#[derive(Debug)]
pub struct VirtualDisk {
    machine: Arc<Mutex<Machine>>,
}

impl VirtualDisk {
    /// An empty disk, as wide as said.
    pub fn new(capacity: Capacity) -> Self {
        Self::of(Tree::new(capacity), Faults::default())
    }

    fn of(tree: Tree, faults: Faults) -> Self {
        Self { machine: Arc::new(Mutex::new(Machine { tree, faults, program: 0 })) }
    }

    /// The folder that everything lies in, for the program that runs.
    pub fn root(&self) -> Arc<dyn Disk> {
        Arc::new(VirtualFolder(Handle::open(&self.machine, ROOT)))
    }

    /// Another disk with the same on it, synced or not, the same faults ahead, and no program running. Contents
    /// that were synced are shared.
    pub fn copy(&self) -> Self {
        let machine = lock(&self.machine);
        let (mut tree, mut faults) = (machine.tree.clone(), machine.faults.clone());
        tree.close_all();
        faults.revive();
        Self::of(tree, faults)
    }

    /// What was asked of it so far.
    pub fn counts(&self) -> Counts {
        lock(&self.machine).faults.counts()
    }

    /// Folders, files and links that take memory, those included that only a power cut would bring back.
    pub fn remembered(&self) -> usize {
        lock(&self.machine).tree.len()
    }

    /// Makes the disk wider or narrower. What lies on it stays; what is too much is only not free.
    pub fn set_capacity(&self, capacity: Capacity) {
        lock(&self.machine).tree.set_capacity(capacity);
    }

    /// Lets one change fail: the one that is asked for when [`Counts::changes`] is `change`. Nothing of it is done,
    /// but for a write, of which half is, and a sync, after which the bytes are lost.
    pub fn fail_at(&self, change: u64, fault: Fault) {
        lock(&self.machine).faults.fail_at(change, fault);
    }

    /// Lets no more changes fail.
    pub fn mend(&self) {
        lock(&self.machine).faults.mend();
    }

    /// Ends the program with the change that is asked for when [`Counts::changes`] is `change`: from there on
    /// everything it asks, read or write, errs and does nothing. Half of a write may be done.
    pub fn dead_from(&self, change: u64) {
        lock(&self.machine).faults.dead_from(change);
    }

    /// The program does not end with a change after all.
    pub fn spare(&self) {
        lock(&self.machine).faults.revive();
    }

    /// The program ends, and another one may begin: nothing is lost, and what was open stays closed.
    pub fn kill(&self) {
        let mut machine = lock(&self.machine);
        machine.program += 1;
        machine.faults.revive();
        machine.tree.close_all();
    }

    /// The power fails and comes back: the program has ended, and of what was not synced is there what `loss`
    /// leaves. All that is there is durable.
    pub fn cut_power(&self, loss: Loss) {
        self.kill();
        lock(&self.machine).tree.cut(loss);
    }
}
