//! What the disk promises, what it does not, and that the installer lives with that.

mod crash;
mod forgetful;
mod promises;
mod same;
mod story;

use std::{
    io::{self, Read as _, Write as _},
    sync::Arc,
};

use updraft_node::install::{Disk, DiskFile};

use super::{Capacity, Fault, Loss, VirtualDisk};

fn disk() -> VirtualDisk {
    VirtualDisk::new(Capacity::AMPLE)
}

/// A new file with these bytes; not synced.
fn write(folder: &Arc<dyn Disk>, name: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let mut file = folder.create(name).expect("created");
    file.write_all(bytes).expect("written");
    file
}

fn read(folder: &Arc<dyn Disk>, name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    folder.open(name).expect("opens")?.read_to_end(&mut bytes).expect("reads");
    Some(bytes)
}

fn names(folder: &Arc<dyn Disk>) -> Vec<String> {
    let names = folder.names().expect("lists").into_iter();
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

fn kind<T>(outcome: io::Result<T>) -> Option<io::ErrorKind> {
    outcome.err().map(|error| error.kind())
}
