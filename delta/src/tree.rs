//! A tree's files as one stream: their bytes in list order, nothing between them.
//!
//! [`Contents`] reads that stream by position out of installed files; [`TreeWriter`] cuts a new stream into
//! files again and lets none through whose bytes are not what the tree says. Neither opens a file: what
//! touches a disk is behind [`FileSource`] and [`FileSink`].

use std::{
    fmt::Display,
    io::{self, Write},
};

use updraft_protocol::{Digest, FileMode, Hasher, Tree, TreePath};

use crate::{
    error::SplitError,
    read_at::{ReadAt, past_the_end},
};

/// Where the files of an installed tree are read.
pub trait FileSource {
    /// Fills `buf` with the bytes of the file at `path` from `offset` on.
    ///
    /// Never asked for bytes past the size that the tree gives; a shorter file is `UnexpectedEof`.
    fn read_exact_at(&self, path: &TreePath, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

/// The contents of an installed tree, read by position.
#[derive(Debug)]
pub struct Contents<'t, F> {
    /// Each file that has bytes, with the offset of its first; ascending.
    files: Vec<(u64, &'t TreePath)>,
    size: u64,
    source: F,
}

impl<'t, F: FileSource> Contents<'t, F> {
    /// The contents of `tree`, its files read from `source`.
    pub fn new(tree: &'t Tree, source: F) -> Self {
        let mut size = 0_u64;
        let mut files = Vec::new();
        for (path, _, len, _) in tree.files().filter(|(_, _, len, _)| *len > 0) {
            files.push((size, path));
            size = size.saturating_add(len);
        }
        Self { files, size, source }
    }
}

impl<F: FileSource> ReadAt for Contents<'_, F> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(past_the_end());
        }
        let mut at = self.files.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        while !buf.is_empty() {
            let (start, path) = self.files[at];
            let end = self.files.get(at + 1).map_or(self.size, |(next, _)| *next);
            let here = usize::try_from(end - offset).unwrap_or(usize::MAX).min(buf.len());
            let (piece, rest) = buf.split_at_mut(here);
            self.source.read_exact_at(path, offset - start, piece)?;
            offset += here as u64;
            buf = rest;
            at += 1;
        }
        Ok(())
    }
}

/// Takes the files of a tree, one after the other.
pub trait FileSink {
    /// The next file begins. Its folders are in the tree before it and may not exist yet.
    fn begin(&mut self, path: &TreePath, mode: FileMode, size: u64) -> io::Result<()>;

    /// More bytes of the file; their digest is not known to be right yet.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The file is complete and its digest is the tree's.
    fn finish(&mut self) -> io::Result<()>;
}

/// The file being written.
#[derive(Debug)]
struct Current<'t> {
    path: &'t TreePath,
    digest: Digest,
    left: u64,
    hasher: Hasher,
}

/// Cuts contents into the files of a tree and checks each one.
///
/// A file that was begun but not finished is not to be used: the sink's owner throws it away when anything
/// here fails. As a `Write` it takes whatever produces contents; the typed error is then in
/// [`failure`](Self::failure).
#[derive(Debug)]
pub struct TreeWriter<'t, S> {
    files: std::vec::IntoIter<(&'t TreePath, FileMode, u64, Digest)>,
    current: Option<Current<'t>>,
    sink: S,
    failure: Option<SplitError>,
}

impl<'t, S: FileSink> TreeWriter<'t, S> {
    /// Writes the files of `tree` into `sink`.
    pub fn new(tree: &'t Tree, sink: S) -> Self {
        let files = tree.files().collect::<Vec<_>>().into_iter();
        Self { files, current: None, sink, failure: None }
    }

    /// Takes the next bytes of the contents.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), SplitError> {
        while !bytes.is_empty() {
            self.advance()?;
            let Some(current) = &mut self.current else { return Err(SplitError::TooLong) };
            let here = usize::try_from(current.left).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(here);
            current.hasher.update(piece);
            current.left -= here as u64;
            let path = current.path;
            self.sink.write(piece).map_err(|error| sink_error(path, error))?;
            bytes = rest;
        }
        Ok(())
    }

    /// Ends the contents: every file must be there by now. Gives the sink back.
    pub fn finish(mut self) -> Result<S, SplitError> {
        self.advance()?;
        match self.current {
            None => Ok(self.sink),
            Some(current) => {
                Err(SplitError::TooShort { path: current.path.clone(), missing: current.left })
            }
        }
    }

    /// Why writing through `Write` failed, if it did.
    pub fn failure(&mut self) -> Option<SplitError> {
        self.failure.take()
    }

    /// Closes a full file and opens the next ones, passing those without bytes, until one wants bytes.
    fn advance(&mut self) -> Result<(), SplitError> {
        loop {
            match &self.current {
                Some(current) if current.left > 0 => return Ok(()),
                Some(_) => self.close()?,
                None => {}
            }
            let Some((path, mode, size, digest)) = self.files.next() else { return Ok(()) };
            self.sink.begin(path, mode, size).map_err(|error| sink_error(path, error))?;
            self.current = Some(Current { path, digest, left: size, hasher: Hasher::new() });
        }
    }

    fn close(&mut self) -> Result<(), SplitError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let got = current.hasher.finish();
        if got != current.digest {
            let (path, expected) = (current.path.clone(), current.digest);
            return Err(SplitError::WrongFile { path, expected, got });
        }
        self.sink.finish().map_err(|error| sink_error(current.path, error))
    }
}

fn sink_error(path: &TreePath, source: io::Error) -> SplitError {
    SplitError::Sink { path: path.clone(), source }
}

/// What a `Write` can tell of a failure; the failure itself is kept for who asks.
pub(crate) fn keep<E: Display>(result: Result<(), E>, failure: &mut Option<E>) -> io::Result<()> {
    result.map_err(|error| {
        let shown = io::Error::other(error.to_string());
        *failure = Some(error);
        shown
    })
}

impl<S: FileSink> Write for TreeWriter<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        keep(self.push(bytes), &mut self.failure).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
