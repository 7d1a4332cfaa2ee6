//! Everything that lies on a disk, how it hangs together, and the room that it takes.
//!
//! Pure. Answers as a POSIX file system does, to the kind of the error. Room is counted as people see it: what was
//! removed and is not open gives its room back at once, as with a file system that commits when it runs full.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
};

use updraft_node::install::disk::{Found, Free};

use super::{
    bytes::Bytes,
    loss::{Choices, Loss},
    names::{Change, Entries, Names},
    node::{Body, Capacity, Node},
};

/// The number of a folder, file or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(u64);

/// The folder that everything lies in; it is always there.
pub(super) const ROOT: NodeId = NodeId(0);

/// What a new name may stand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Whatever can be replaced.
    Anything,
    /// Nothing.
    Nothing,
}

/// What is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remove {
    Folder,
    FileOrLink,
}

/// All that lies on a disk.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: BTreeMap<NodeId, Node>,
    next: u64,
    capacity: Capacity,
    used: Capacity,
    /// Something lost its name since the last sweep.
    has_litter: bool,
}

fn gone() -> io::Error {
    ErrorKind::NotFound.into()
}

/// A name as the room gives it: one name, not a path, and none that leads up.
fn check_name(name: &str) -> io::Result<()> {
    let is_name = !["", ".", ".."].contains(&name) && !name.contains('/');
    if is_name { Ok(()) } else { Err(ErrorKind::InvalidInput.into()) }
}

impl Tree {
    pub(super) fn new(capacity: Capacity) -> Self {
        let mut root = Node::new(Body::folder(), 0o755);
        root.open = 1;
        let nodes = BTreeMap::from([(ROOT, root)]);
        let mut tree = Self { nodes, next: 1, capacity, used: Capacity::NONE, has_litter: false };
        tree.charge(ROOT);
        tree
    }

    pub(super) fn set_capacity(&mut self, capacity: Capacity) {
        self.capacity = capacity;
    }

    /// How many folders, files and links are remembered, those included that only a power cut would bring back.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, id: NodeId) -> io::Result<&Node> {
        self.nodes.get(&id).ok_or_else(gone)
    }

    fn node_mut(&mut self, id: NodeId) -> io::Result<&mut Node> {
        self.nodes.get_mut(&id).ok_or_else(gone)
    }

    fn names_mut(&mut self, id: NodeId) -> io::Result<&mut Names> {
        match &mut self.node_mut(id)?.body {
            Body::Folder(names) => Ok(names),
            Body::File(_) | Body::Link(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// The names in a folder.
    pub(super) fn entries(&self, id: NodeId) -> io::Result<&Entries> {
        match &self.node(id)?.body {
            Body::Folder(names) => Ok(names.seen()),
            Body::File(_) | Body::Link(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn found(&self, id: NodeId) -> io::Result<Found> {
        Ok(self.node(id)?.found())
    }

    pub(super) fn link_text(&self, id: NodeId) -> io::Result<Option<&str>> {
        Ok(match &self.node(id)?.body {
            Body::Link(target) => Some(target),
            Body::Folder(_) | Body::File(_) => None,
        })
    }

    /// What a path below a folder leads to; an empty one to the folder. Links are an error, on the way and at the
    /// end.
    pub(super) fn find(&self, from: NodeId, path: &str) -> io::Result<Option<NodeId>> {
        let mut at = from;
        for name in path.split('/').filter(|_| !path.is_empty()) {
            check_name(name)?;
            let Some(next) = self.entries(at)?.get(name) else { return Ok(None) };
            at = *next;
            if self.link_text(at)?.is_some() {
                return Err(io::Error::other("a link is in the way"));
            }
        }
        Ok(Some(at))
    }

    /// What has a name in a folder, be it a link.
    pub(super) fn named(&self, folder: NodeId, name: &str) -> io::Result<Option<NodeId>> {
        check_name(name)?;
        Ok(self.entries(folder)?.get(name).copied())
    }

    /// Makes something under a free name.
    pub(super) fn make(
        &mut self,
        folder: NodeId,
        name: &str,
        body: Body,
        mode: u32,
    ) -> io::Result<NodeId> {
        if self.named(folder, name)?.is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !self.node(folder)?.is_named {
            return Err(gone());
        }
        let node = Node::new(body, mode);
        let cost = node.cost();
        let free = self.free();
        if free.bytes < cost.bytes || free.files.is_some_and(|files| files < cost.files) {
            return Err(ErrorKind::StorageFull.into());
        }
        let id = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(id, node);
        self.charge(id);
        self.names_mut(folder)?.change(Change { without: None, with: Some((name.into(), id)) });
        Ok(id)
    }

    /// Renames within a folder.
    pub(super) fn rename(
        &mut self,
        folder: NodeId,
        from: &str,
        to: &str,
        over: Over,
    ) -> io::Result<()> {
        let moved = self.named(folder, from)?.ok_or_else(gone)?;
        let replaced = self.named(folder, to)?;
        if let Some(replaced) = replaced {
            if over == Over::Nothing {
                return Err(ErrorKind::AlreadyExists.into());
            }
            if replaced == moved {
                return Ok(());
            }
            let moves_folder = matches!(self.node(moved)?.body, Body::Folder(_));
            match &self.node(replaced)?.body {
                Body::Folder(_) if !moves_folder => return Err(ErrorKind::IsADirectory.into()),
                Body::Folder(names) if !names.seen().is_empty() => {
                    return Err(ErrorKind::DirectoryNotEmpty.into());
                }
                Body::File(_) | Body::Link(_) if moves_folder => {
                    return Err(ErrorKind::NotADirectory.into());
                }
                Body::Folder(_) | Body::File(_) | Body::Link(_) => {}
            }
        }
        let change = Change { without: Some(from.into()), with: Some((to.into(), moved)) };
        self.names_mut(folder)?.change(change);
        replaced.map_or(Ok(()), |replaced| self.unname(replaced))
    }

    /// Takes a name away.
    pub(super) fn remove(&mut self, folder: NodeId, name: &str, what: Remove) -> io::Result<()> {
        let id = self.named(folder, name)?.ok_or_else(gone)?;
        match (&self.node(id)?.body, what) {
            (Body::Folder(_), Remove::FileOrLink) => return Err(ErrorKind::IsADirectory.into()),
            (Body::File(_) | Body::Link(_), Remove::Folder) => {
                return Err(ErrorKind::NotADirectory.into());
            }
            (Body::Folder(names), Remove::Folder) if !names.seen().is_empty() => {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            (Body::Folder(_), Remove::Folder)
            | (Body::File(_) | Body::Link(_), Remove::FileOrLink) => {}
        }
        self.names_mut(folder)?.change(Change { without: Some(name.into()), with: None });
        self.unname(id)
    }

    fn unname(&mut self, id: NodeId) -> io::Result<()> {
        self.node_mut(id)?.is_named = false;
        self.charge(id);
        self.has_litter = true;
        Ok(())
    }

    pub(super) fn set_mode(&mut self, id: NodeId, mode: u32) -> io::Result<()> {
        self.node_mut(id)?.set_mode(mode);
        Ok(())
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, id: NodeId) -> io::Result<&[u8]> {
        match &self.node(id)?.body {
            Body::File(bytes) => Ok(bytes.seen()),
            Body::Folder(_) | Body::Link(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn bytes_mut(&mut self, id: NodeId) -> io::Result<&mut Bytes> {
        match &mut self.node_mut(id)?.body {
            Body::File(bytes) => Ok(bytes),
            Body::Folder(_) | Body::Link(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    /// Writes as many of the bytes as there is room for, and says how many.
    pub(super) fn write(&mut self, id: NodeId, at: usize, bytes: &[u8]) -> io::Result<usize> {
        let room = self.node(id)?.charged.bytes.saturating_add(self.free().bytes);
        let room = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(at);
        let count = bytes.len().min(room);
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::StorageFull.into());
        }
        self.bytes_mut(id)?.write(at, &bytes[..count]);
        self.charge(id);
        Ok(count)
    }

    pub(super) fn resize(&mut self, id: NodeId, size: u64) -> io::Result<()> {
        let room = self.node(id)?.charged.bytes.saturating_add(self.free().bytes);
        if size > room {
            return Err(ErrorKind::StorageFull.into());
        }
        let size = usize::try_from(size).map_err(|_| ErrorKind::FileTooLarge)?;
        self.bytes_mut(id)?.resize(size);
        self.charge(id);
        Ok(())
    }

    /// Takes room for a file without changing its size.
    pub(super) fn reserve(&mut self, id: NodeId, bytes: u64) -> io::Result<()> {
        let room = self.node(id)?.charged.bytes.saturating_add(self.free().bytes);
        if bytes > room {
            return Err(ErrorKind::StorageFull.into());
        }
        let node = self.node_mut(id)?;
        node.reserved = node.reserved.max(bytes);
        self.charge(id);
        Ok(())
    }

    /// Makes a file's bytes or a folder's names durable, and the mode.
    pub(super) fn sync(&mut self, id: NodeId) -> io::Result<()> {
        let node = self.node_mut(id)?;
        node.sync();
        let is_folder = matches!(node.body, Body::Folder(_));
        if is_folder && self.has_litter {
            self.sweep();
        }
        Ok(())
    }

    /// A sync that fails: nothing becomes durable, nor by a second one.
    pub(super) fn fail_to_sync(&mut self, id: NodeId) -> io::Result<()> {
        self.node_mut(id)?.fail_to_sync();
        Ok(())
    }

    /// What may be taken.
    pub(super) fn free(&self) -> Free {
        Free {
            bytes: self.capacity.bytes.saturating_sub(self.used.bytes),
            files: Some(self.capacity.files.saturating_sub(self.used.files)),
        }
    }

    /// Brings what is counted for a node up to date.
    fn charge(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let cost = node.cost();
        self.used.bytes = (self.used.bytes + cost.bytes).saturating_sub(node.charged.bytes);
        self.used.files = (self.used.files + cost.files).saturating_sub(node.charged.files);
        node.charged = cost;
    }

    /// A handle on a node was made.
    pub(super) fn opened(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open += 1;
        }
    }

    /// A handle on a node is gone.
    pub(super) fn closed(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open = node.open.saturating_sub(1);
            self.has_litter |= !node.is_named;
        }
        self.charge(id);
    }

    /// The program ended: nothing is open.
    pub(super) fn close_all(&mut self) {
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in ids {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.open = u32::from(id == ROOT);
            }
            self.charge(id);
        }
        self.sweep();
    }

    /// Forgets what has no name, is not open, and would not come back after a power cut.
    fn sweep(&mut self) {
        let mut wanted: BTreeSet<NodeId> = BTreeSet::new();
        let open = self.nodes.iter().filter(|(_, node)| node.open > 0).map(|(id, _)| *id);
        let mut ahead: Vec<NodeId> = open.collect();
        while let Some(id) = ahead.pop() {
            if wanted.insert(id)
                && let Some(Node { body: Body::Folder(names), .. }) = self.nodes.get(&id)
            {
                ahead.extend(names.reachable());
            }
        }
        self.nodes.retain(|id, _| wanted.contains(id));
        self.has_litter = false;
    }

    /// The power fails: what is lost is lost, and all else is durable.
    pub(super) fn cut(&mut self, loss: Loss) {
        let mut choices = Choices::new(loss);
        let mut left = BTreeMap::new();
        let mut ahead = vec![ROOT];
        while let Some(id) = ahead.pop() {
            let Some(node) = self.nodes.get(&id) else { continue };
            let node = node.after_cut(&mut choices);
            if let Body::Folder(names) = &node.body {
                ahead.extend(names.seen().values());
            }
            left.insert(id, node);
        }
        (self.nodes, self.used, self.has_litter) = (left, Capacity::NONE, false);
        self.close_all();
    }
}
