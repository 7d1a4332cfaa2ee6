//! One folder, file or link: what it is, its mode, and what it costs.
//!
//! Pure. Knows nothing of what lies beside it.

use updraft_node::install::disk::{Found, Kind};

use super::{
    bytes::Bytes,
    loss::{Choices, Part},
    names::Names,
};

/// What a file or folder is charged in.
const BLOCK: u64 = 4_096;

/// How much there is of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes, taken in blocks of 4 KiB.
    pub bytes: u64,
    /// Files, folders and links.
    pub files: u64,
}

impl Capacity {
    /// More than any simulation fills: 1 TiB and a million files.
    pub const AMPLE: Self = Self { bytes: 1 << 40, files: 1_000_000 };
    /// Nothing.
    pub(super) const NONE: Self = Self { bytes: 0, files: 0 };
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Folder(Names),
    File(Bytes),
    Link(Box<str>),
}

impl Body {
    pub(super) fn file() -> Self {
        Self::File(Bytes::of([].into()))
    }

    pub(super) fn folder() -> Self {
        Self::Folder(Names::default())
    }
}

/// A folder, file or link, with what people see of it and what a power cut would leave.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) body: Body,
    /// The mode that is seen.
    mode: u32,
    /// The mode that survives.
    kept_mode: u32,
    /// A mode was set since the last sync.
    has_new_mode: bool,
    /// It can be reached by name.
    pub(super) is_named: bool,
    /// Handles on it.
    pub(super) open: u32,
    /// Room taken of the disk beyond what the bytes take.
    pub(super) reserved: u64,
    pub(super) charged: Capacity,
}

impl Node {
    pub(super) fn new(body: Body, mode: u32) -> Self {
        Self {
            body,
            mode,
            kept_mode: mode,
            has_new_mode: false,
            is_named: true,
            open: 0,
            reserved: 0,
            charged: Capacity::NONE,
        }
    }

    pub(super) fn found(&self) -> Found {
        let (kind, size) = match &self.body {
            Body::Folder(_) => (Kind::Folder, BLOCK),
            Body::File(bytes) => (Kind::File, bytes.seen().len() as u64),
            Body::Link(target) => (Kind::Link, target.len() as u64),
        };
        Found { kind, mode: self.mode, size }
    }

    /// What it costs as it is.
    pub(super) fn cost(&self) -> Capacity {
        if !self.is_named && self.open == 0 {
            return Capacity::NONE;
        }
        let bytes = match &self.body {
            Body::Folder(_) => BLOCK,
            Body::File(bytes) => (bytes.seen().len() as u64).max(self.reserved),
            // A short link lies in its inode.
            Body::Link(_) => 0,
        };
        Capacity { bytes: bytes.next_multiple_of(BLOCK), files: 1 }
    }

    /// What is left after a power cut.
    pub(super) fn after_cut(&self, choices: &mut Choices) -> Self {
        let body = match &self.body {
            Body::Folder(names) => Body::Folder(Names::of(names.after_cut(choices))),
            Body::File(bytes) => Body::File(Bytes::of(bytes.after_cut(choices))),
            Body::Link(target) => Body::Link(target.clone()),
        };
        let survives = !self.has_new_mode || choices.survivors(Part::Data, 1) == 1;
        Self::new(body, if survives { self.mode } else { self.kept_mode })
    }

    pub(super) fn set_mode(&mut self, mode: u32) {
        (self.mode, self.has_new_mode) = (mode, true);
    }

    /// Makes bytes or names durable, and the mode.
    pub(super) fn sync(&mut self) {
        match &mut self.body {
            Body::Folder(names) => names.sync(),
            Body::File(bytes) => bytes.sync(),
            Body::Link(_) => {}
        }
        if self.has_new_mode {
            (self.kept_mode, self.has_new_mode) = (self.mode, false);
        }
    }

    /// A sync that fails: nothing becomes durable, nor by a second one.
    pub(super) fn fail_to_sync(&mut self) {
        match &mut self.body {
            Body::Folder(names) => names.fail_to_sync(),
            Body::File(bytes) => bytes.fail_to_sync(),
            Body::Link(_) => {}
        }
        self.has_new_mode = false;
    }
}
