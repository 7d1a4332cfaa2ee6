//! A folder as one stream: its listing in front, then the contents of its files in the order of the listing.
//!
//! For patches between folders that nobody published. There is no signed tree, so what a folder holds is in the
//! stream itself, and a changed name or mode is a changed byte like any other. The listing has no digests: the
//! patch's checks cover the whole stream.
//!
//! | bytes | what |
//! |---|---|
//! | number | size of the rest of the listing |
//! | for each entry, ascending by path: | |
//! | 1 | 0 folder, 1 file, 2 file that can be run, 3 link |
//! | number, bytes | size of its path, and its path |
//! | number | of a file: its size |
//! | number, bytes | of a link: size of its target, and its target |
//! | then | the contents of all files, nothing between them |
//!
//! Nothing here opens a file: what touches a disk is behind [`FileSource`] and [`FolderSink`]. A listing comes from
//! whoever made the patch, so all of it is read and judged, as a signed tree would be, before the sink is told
//! anything.

use std::io::{self, Write};

use updraft_protocol::{
    Digest, Entry, FileMode, LinkTarget, Node, Tree, TreePath,
    codec::Wire as _,
    limits::{MAX_OBJECT, MAX_TREE_ENTRIES},
};

use crate::{
    error::FolderError,
    patch::varint::{self, Partial, Step},
    read_at::{ReadAt, past_the_end},
    tree::{Contents, FileSink, FileSource, keep},
};

/// In front of a patch between folders. A patch alone never begins like this: 70, which is `F`, is no codec.
pub const MARK: [u8; 4] = *b"UpDF";

/// Bytes of a listing. That of a tree that can be published is shorter: its object holds digests as well.
const MAX_LISTING: u64 = MAX_OBJECT as u64;

/// What an entry of a listing is.
mod kind {
    pub(super) const FOLDER: u8 = 0;
    pub(super) const PLAIN: u8 = 1;
    pub(super) const EXECUTABLE: u8 = 2;
    pub(super) const LINK: u8 = 3;
}

/// What the two sides of a patch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Two files: the contents alone.
    Files,
    /// Two folders: names, modes, links and contents.
    Folders,
}

impl Sides {
    /// What the file of a patch is between, by its first bytes. Whether the rest is a patch shows when it is read.
    pub fn of<P: ReadAt + ?Sized>(file: &P) -> io::Result<Self> {
        let mut first = [0; MARK.len()];
        if file.size() < MARK.len() as u64 {
            return Ok(Self::Files);
        }
        file.read_exact_at(0, &mut first)?;
        Ok(if first == MARK { Self::Folders } else { Self::Files })
    }

    /// What stands in front of the patch in its file.
    pub const fn mark(self) -> &'static [u8] {
        match self {
            Self::Files => &[],
            Self::Folders => &MARK,
        }
    }
}

/// What stands before the contents of a tree's files.
pub fn listing(tree: &Tree) -> Result<Vec<u8>, FolderError> {
    let mut entries = Vec::new();
    for Entry { path, node } in &tree.entries {
        entries.push(match node {
            Node::Folder => kind::FOLDER,
            Node::File { mode: FileMode::Plain, .. } => kind::PLAIN,
            Node::File { mode: FileMode::Executable, .. } => kind::EXECUTABLE,
            Node::Link { .. } => kind::LINK,
        });
        push_text(&mut entries, path.as_str());
        match node {
            Node::Folder => {}
            Node::File { size, .. } => varint::push(&mut entries, *size),
            Node::Link { target } => push_text(&mut entries, target.as_str()),
        }
    }
    let got = entries.len() as u64;
    if got > MAX_LISTING {
        return Err(FolderError::TooLong { got, limit: MAX_LISTING });
    }
    let mut listing = Vec::new();
    varint::push(&mut listing, got);
    listing.extend_from_slice(&entries);
    Ok(listing)
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    varint::push(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// A folder as a stream that is read by position.
#[derive(Debug)]
pub struct FolderStream<'t, F> {
    listing: Vec<u8>,
    contents: Contents<'t, F>,
}

impl<'t, F: FileSource> FolderStream<'t, F> {
    /// The stream of `tree`, its files read from `source`.
    pub fn new(tree: &'t Tree, source: F) -> Result<Self, FolderError> {
        Ok(Self { listing: listing(tree)?, contents: Contents::new(tree, source) })
    }
}

impl<F: FileSource> ReadAt for FolderStream<'_, F> {
    fn size(&self) -> u64 {
        self.contents.size().saturating_add(self.listing.len() as u64)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.size()) {
            return Err(past_the_end());
        }
        let border = self.listing.len() as u64;
        let listed = border.saturating_sub(offset);
        let (front, back) = buf.split_at_mut(buf.len().min(usize_of(listed)));
        self.listing.read_exact_at(offset.min(border), front)?;
        let at = offset + front.len() as u64;
        if back.is_empty() { Ok(()) } else { self.contents.read_exact_at(at - border, back) }
    }
}

fn usize_of(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Takes a folder: first the folders in it, then its files one after the other, links last.
pub trait FolderSink: FileSink {
    /// A folder. Those that it lies in came before.
    fn folder(&mut self, path: &TreePath) -> io::Result<()>;

    /// A link that stays inside. Everything but links is there already.
    fn link(&mut self, path: &TreePath, target: &LinkTarget) -> io::Result<()>;
}

/// A file that is still to be written.
#[derive(Debug)]
struct Pending {
    path: TreePath,
    mode: FileMode,
    size: u64,
}

#[derive(Debug)]
enum State {
    /// The number in front comes in, and has so many bytes until now.
    Size { number: Partial, taken: u64 },
    /// The listing comes in; where it ends in the stream.
    Listing { bytes: Vec<u8>, size: u64, end: u64 },
    /// Files come in: the one under way, and what is left of it.
    Files { current: Option<(TreePath, u64)> },
}

/// Cuts a stream into the files of a folder.
///
/// What it writes before [`finish`](Self::finish) is not to be used. As a `Write` it takes whatever makes the
/// stream; the typed error is then in [`failure`](Self::failure).
#[derive(Debug)]
pub struct FolderWriter<S> {
    sink: S,
    size: u64,
    state: State,
    files: std::vec::IntoIter<Pending>,
    links: Vec<(TreePath, LinkTarget)>,
    failure: Option<FolderError>,
}

impl<S: FolderSink> FolderWriter<S> {
    /// Writes a stream of `size` bytes into `sink`.
    pub fn new(size: u64, sink: S) -> Self {
        Self {
            sink,
            size,
            state: State::Size { number: Partial::default(), taken: 0 },
            files: Vec::new().into_iter(),
            links: Vec::new(),
            failure: None,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), FolderError> {
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Size { number, taken } => {
                    *taken += 1;
                    match number.push(*first) {
                        Step::More => {}
                        Step::Bad => return Err(FolderError::NoListing),
                        Step::Done(got) => {
                            let end = got.saturating_add(*taken);
                            self.begin_listing(got, end)?;
                        }
                    }
                    bytes = rest;
                }
                State::Listing { bytes: listing, size, end } => {
                    let left = usize_of(*size) - listing.len();
                    let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                    listing.extend_from_slice(piece);
                    bytes = rest;
                    if piece.len() == left {
                        let (listing, end) = (std::mem::take(listing), *end);
                        self.begin_files(&listing, end)?;
                    }
                }
                State::Files { current: Some((path, left)) } if *left > 0 => {
                    let (piece, rest) = bytes.split_at(usize_of(*left).min(bytes.len()));
                    let written = self.sink.write(piece);
                    written.map_err(|source| FolderError::Sink { path: path.clone(), source })?;
                    *left -= piece.len() as u64;
                    bytes = rest;
                }
                State::Files { .. } => self.next_file(bytes.len() as u64)?,
            }
        }
        Ok(())
    }

    /// Ends the stream: everything must be there by now. Makes the links, and gives the sink back.
    pub fn finish(mut self) -> Result<S, FolderError> {
        loop {
            match &self.state {
                State::Files { current: None } if self.files.as_slice().is_empty() => break,
                State::Files { current: Some((_, 1..)) }
                | State::Size { .. }
                | State::Listing { .. } => {
                    return Err(FolderError::Short);
                }
                State::Files { .. } => self.next_file(0)?,
            }
        }
        for (path, target) in std::mem::take(&mut self.links) {
            let made = self.sink.link(&path, &target);
            made.map_err(|source| FolderError::Sink { path, source })?;
        }
        Ok(self.sink)
    }

    /// Why writing through `Write` failed, if it did.
    pub fn failure(&mut self) -> Option<FolderError> {
        self.failure.take()
    }

    fn begin_listing(&mut self, size: u64, end: u64) -> Result<(), FolderError> {
        if size > MAX_LISTING {
            return Err(FolderError::TooLong { got: size, limit: MAX_LISTING });
        }
        if end > self.size {
            return Err(FolderError::OtherSize { expected: end, got: self.size });
        }
        self.state = State::Listing { bytes: Vec::new(), size, end };
        // A listing without bytes never comes in, so it is judged here.
        if size == 0 { self.begin_files(&[], end) } else { Ok(()) }
    }

    /// Judges the listing, makes its folders, and remembers the rest. `end` is where files begin in the stream.
    fn begin_files(&mut self, listing: &[u8], end: u64) -> Result<(), FolderError> {
        let tree = read(listing)?;
        let expected = end.saturating_add(tree.content_size());
        if expected != self.size {
            return Err(FolderError::OtherSize { expected, got: self.size });
        }
        let mut files = Vec::new();
        for Entry { path, node } in tree.entries {
            match node {
                Node::Folder => {
                    let made = self.sink.folder(&path);
                    made.map_err(|source| FolderError::Sink { path, source })?;
                }
                Node::File { mode, size, .. } => files.push(Pending { path, mode, size }),
                Node::Link { target } => self.links.push((path, target)),
            }
        }
        self.files = files.into_iter();
        self.state = State::Files { current: None };
        Ok(())
    }

    /// Closes the file under way, which is full, and begins the next one. `waiting` bytes want a file.
    fn next_file(&mut self, waiting: u64) -> Result<(), FolderError> {
        let State::Files { current } = &mut self.state else { return Err(FolderError::Short) };
        if let Some((path, _)) = current.take() {
            self.sink.finish().map_err(|source| FolderError::Sink { path, source })?;
        }
        match self.files.next() {
            Some(Pending { path, mode, size }) => {
                let begun = self.sink.begin(&path, mode, size);
                begun.map_err(|source| FolderError::Sink { path: path.clone(), source })?;
                *current = Some((path, size));
                Ok(())
            }
            None if waiting == 0 => Ok(()),
            None => {
                let got = self.size.saturating_add(waiting);
                Err(FolderError::OtherSize { expected: self.size, got })
            }
        }
    }
}

impl<S: FolderSink> Write for FolderWriter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let pushed = self.push(bytes);
        keep(pushed, &mut self.failure).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a listing, and judges it by the rules of what can be published. Digests are those of nothing: the
/// listing has none, and nobody looks at them.
fn read(mut listing: &[u8]) -> Result<Tree, FolderError> {
    let nothing = Digest::of(b"");
    let mut entries = Vec::new();
    while let Some((kind, rest)) = listing.split_first() {
        let entry = entries.len();
        if entry == MAX_TREE_ENTRIES {
            return Err(FolderError::TooMany { limit: MAX_TREE_ENTRIES });
        }
        listing = rest;
        let path = text(&mut listing, entry, "path")?;
        let path: TreePath = path.parse().map_err(|error: updraft_protocol::InvalidPath| {
            FolderError::BadPath { entry, path: error.path, reason: error.reason }
        })?;
        let node = match *kind {
            kind::FOLDER => Node::Folder,
            kind::PLAIN | kind::EXECUTABLE => {
                let missing = FolderError::BadEntry { entry, field: "size" };
                let size = varint::take(&mut listing).ok_or(missing)?;
                let plain = *kind == kind::PLAIN;
                let mode = if plain { FileMode::Plain } else { FileMode::Executable };
                Node::File { mode, size, digest: nothing }
            }
            kind::LINK => {
                let target = text(&mut listing, entry, "target")?;
                Node::Link { target: LinkTarget::new(target) }
            }
            got => return Err(FolderError::UnknownKind { entry, got }),
        };
        entries.push(Entry { path, node });
    }
    let tree = Tree { entries };
    tree.check().map_err(FolderError::NoFolder)?;
    Ok(tree)
}

/// Takes a text with its size in front.
fn text<'l>(
    listing: &mut &'l [u8],
    entry: usize,
    field: &'static str,
) -> Result<&'l str, FolderError> {
    let len = varint::take(listing).and_then(|len| usize::try_from(len).ok());
    let split = len.and_then(|len| listing.split_at_checked(len));
    let (text, rest) = split.ok_or(FolderError::BadEntry { entry, field })?;
    *listing = rest;
    std::str::from_utf8(text).map_err(|_| FolderError::NotText { entry, field })
}
