//! Open folders and files of a virtual disk, as a program holds them. They end with the program.

use std::{
    ffi::OsString,
    fmt,
    io::{self, ErrorKind, Read, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use updraft_node::install::disk::{Disk, DiskFile, Found, Free};

use super::{
    faults::{Faults, Verdict, dead},
    node::Body,
    tree::{NodeId, Over, Remove, Tree},
};

/// A disk and the program that uses it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) tree: Tree,
    pub(super) faults: Faults,
    /// Which program it is: handles of an earlier one are dead.
    pub(super) program: u64,
}

/// The machine, for as long as one call takes. What a panicking test left is as good as what a crash leaves.
pub(super) fn lock(machine: &Mutex<Machine>) -> MutexGuard<'_, Machine> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open folder or file.
pub(super) struct Handle {
    machine: Arc<Mutex<Machine>>,
    node: NodeId,
    program: u64,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.node).finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut machine = lock(&self.machine);
        if machine.program == self.program {
            machine.tree.closed(self.node);
        }
    }
}

impl Handle {
    /// Opens what has this number, for the program that runs.
    pub(super) fn open(machine: &Arc<Mutex<Machine>>, node: NodeId) -> Self {
        let mut locked = lock(machine);
        locked.tree.opened(node);
        Self { machine: Arc::clone(machine), node, program: locked.program }
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, Machine>> {
        let machine = lock(&self.machine);
        if machine.program != self.program || machine.faults.is_dead() {
            return Err(dead());
        }
        Ok(machine)
    }

    /// Asks something.
    fn look<T>(&self, look: impl FnOnce(&Tree, NodeId) -> io::Result<T>) -> io::Result<T> {
        look(&self.alive()?.tree, self.node)
    }

    /// Changes something that changes as a whole.
    fn change<T>(&self, change: impl FnOnce(&mut Tree, NodeId) -> io::Result<T>) -> io::Result<T> {
        let mut machine = self.alive()?;
        machine.faults.change().whole()?;
        change(&mut machine.tree, self.node)
    }

    fn sync(&self) -> io::Result<()> {
        let mut machine = self.alive()?;
        let verdict = machine.faults.sync();
        match verdict {
            Verdict::Done => machine.tree.sync(self.node),
            Verdict::Fails(_) => {
                machine.tree.fail_to_sync(self.node)?;
                verdict.whole()
            }
            Verdict::Dies | Verdict::Dead => verdict.whole(),
        }
    }

    fn beneath(&self, node: NodeId) -> Self {
        Self::open(&self.machine, node)
    }
}

/// An open folder.
#[derive(Debug)]
pub(super) struct VirtualFolder(pub(super) Handle);

impl VirtualFolder {
    fn file(&self, node: NodeId, access: Access) -> Box<dyn DiskFile> {
        Box::new(VirtualFile { handle: self.0.beneath(node), access, at: 0 })
    }
}

impl Disk for VirtualFolder {
    fn folder(&self, path: &str) -> io::Result<Arc<dyn Disk>> {
        let found = self.0.look(|tree, here| {
            let found = tree.find(here, path)?.ok_or(ErrorKind::NotFound)?;
            tree.entries(found)?;
            Ok(found)
        })?;
        Ok(Arc::new(Self(self.0.beneath(found))))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        let found = self.0.look(|tree, here| tree.find(here, path))?;
        Ok(found.map(|node| self.file(node, Access::Read)))
    }

    fn open_log(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let node = self.0.look(|tree, here| {
            let node = tree.find(here, name)?.ok_or(ErrorKind::NotFound)?;
            tree.bytes(node)?;
            Ok(node)
        })?;
        Ok(self.file(node, Access::Log))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let node = self.0.change(|tree, here| tree.make(here, name, Body::file(), 0o600))?;
        Ok(self.file(node, Access::Write))
    }

    fn make_folder(&self, name: &str, mode: u32) -> io::Result<()> {
        self.0.change(|tree, here| tree.make(here, name, Body::folder(), mode)).map(drop)
    }

    fn link(&self, target: &str, name: &str) -> io::Result<()> {
        let body = Body::Link(target.into());
        self.0.change(|tree, here| tree.make(here, name, body, 0o777)).map(drop)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.change(|tree, here| tree.rename(here, from, to, Over::Anything))
    }

    fn rename_to_free(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.change(|tree, here| tree.rename(here, from, to, Over::Nothing))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.0.change(|tree, here| tree.remove(here, name, Remove::FileOrLink))
    }

    fn remove_folder(&self, name: &str) -> io::Result<()> {
        self.0.change(|tree, here| tree.remove(here, name, Remove::Folder))
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.0.change(|tree, here| tree.set_mode(here, mode))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn look_at(&self, name: &str) -> io::Result<Option<Found>> {
        self.0.look(|tree, here| tree.named(here, name)?.map(|node| tree.found(node)).transpose())
    }

    fn look_at_self(&self) -> io::Result<Found> {
        self.0.look(Tree::found)
    }

    fn link_text(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.look(|tree, here| {
            let Some(node) = tree.named(here, name)? else { return Ok(None) };
            Ok(tree.link_text(node)?.map(|text| text.as_bytes().to_vec()))
        })
    }

    fn names(&self) -> io::Result<Vec<OsString>> {
        self.0.look(|tree, here| {
            Ok(tree.entries(here)?.keys().map(|name| OsString::from(&**name)).collect())
        })
    }

    fn free(&self) -> io::Result<Free> {
        self.0.look(|tree, _| Ok(tree.free()))
    }
}

/// What a file was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    /// Written at the end.
    Log,
}

/// An open file, or whatever was opened in the belief that it is one.
#[derive(Debug)]
struct VirtualFile {
    handle: Handle,
    access: Access,
    at: usize,
}

impl VirtualFile {
    fn for_reading(&self) -> io::Result<()> {
        if self.access == Access::Read { Ok(()) } else { Err(not_opened_for_this()) }
    }

    fn for_writing(&self) -> io::Result<()> {
        if self.access == Access::Read { Err(not_opened_for_this()) } else { Ok(()) }
    }
}

fn not_opened_for_this() -> io::Error {
    io::Error::other("the file was not opened for this")
}

impl Read for VirtualFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.for_reading()?;
        let at = self.at;
        let count = self.handle.look(|tree, node| {
            let rest = tree.bytes(node)?.get(at..).unwrap_or_default();
            let count = rest.len().min(out.len());
            out[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })?;
        self.at += count;
        Ok(count)
    }
}

impl Write for VirtualFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.for_writing()?;
        let mut machine = self.handle.alive()?;
        let node = self.handle.node;
        let at = match self.access {
            Access::Log => machine.tree.bytes(node)?.len(),
            Access::Read | Access::Write => self.at,
        };
        let verdict = machine.faults.change();
        if verdict != Verdict::Done {
            // Nobody knows how much of a write was done that did not come to its end.
            let _ = machine.tree.write(node, at, &bytes[..bytes.len() / 2]);
            verdict.whole()?;
        }
        let count = machine.tree.write(node, at, bytes)?;
        drop(machine);
        self.at = at + count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for VirtualFile {
    fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()> {
        self.for_reading()?;
        self.handle.look(|tree, node| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let rest = tree.bytes(node)?.get(at..).unwrap_or_default();
            let asked = rest.get(..out.len()).ok_or(ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(asked);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.for_writing()?;
        self.handle.change(|tree, node| tree.resize(node, len))
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.handle.change(|tree, node| tree.set_mode(node, mode))
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        self.for_writing()?;
        self.handle.change(|tree, node| tree.reserve(node, bytes))
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.sync()
    }

    fn look_at(&self) -> io::Result<Found> {
        self.handle.look(Tree::found)
    }
}
