//! The contents of an installed version as one stream: all files in the order of the listing, read by position.
//!
//! A patch reads the old version through this. It checks no digest; who reads checks what comes out of it.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use updraft_protocol::{ReleaseVersion, Tree};

use super::{
    Installer,
    beneath::Folder,
    disk::{DiskFile, Kind},
    error::InstallError,
};

/// One file's place in the stream.
#[derive(Debug)]
struct Part {
    start: u64,
    size: u64,
    path: String,
}

/// The files of a version as one stream.
#[derive(Debug)]
pub struct Contents {
    folder: Folder,
    /// Files that are not empty, by their first byte.
    parts: Vec<Part>,
    size: u64,
    /// The file read last: a patch reads mostly forward, and a release may have more files than a process
    /// may have open.
    last: Mutex<Option<(usize, Box<dyn DiskFile>)>>,
}

impl Contents {
    fn new(folder: Folder, tree: &Tree) -> Self {
        let mut size = 0_u64;
        let mut parts = Vec::new();
        for (path, _, bytes, _) in tree.files().filter(|(_, _, bytes, _)| *bytes > 0) {
            parts.push(Part { start: size, size: bytes, path: path.to_string() });
            size = size.saturating_add(bytes);
        }
        Self { folder, parts, size, last: Mutex::new(None) }
    }

    /// Bytes of the whole stream.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `out` with the bytes from `offset` on. Past the end, or in a file that was cut, is an error of
    /// kind `UnexpectedEof`.
    pub fn read_exact_at(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            let index = self.parts.partition_point(|part| part.start <= offset).checked_sub(1);
            let (index, part) = index
                .and_then(|index| Some((index, self.parts.get(index)?)))
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            let within = offset - part.start;
            let left = part.size.saturating_sub(within);
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (now, later) = out.split_at_mut(count);
            self.read_part(index, part, within, now)?;
            out = later;
            offset += count as u64;
        }
        Ok(())
    }

    fn read_part(&self, index: usize, part: &Part, at: u64, out: &mut [u8]) -> io::Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(open, _)| *open != index) {
            let file = self.folder.file(&part.path).map_err(io::Error::other)?;
            let file = file.ok_or(io::ErrorKind::NotFound)?;
            if file.look_at()?.kind != Kind::File {
                return Err(io::Error::other("not a regular file"));
            }
            *last = Some((index, file));
        }
        let (_, file) = last.as_ref().expect("set just above if it was not");
        file.read_exact_at(out, at)
    }
}

impl Installer {
    /// Opens the contents of a kept version whose listing is `tree`.
    pub fn contents(
        &self,
        version: &ReleaseVersion,
        tree: &Tree,
    ) -> Result<Contents, InstallError> {
        self.slot(version)?;
        Ok(Contents::new(self.versions.folder(&version.to_string())?, tree))
    }
}
