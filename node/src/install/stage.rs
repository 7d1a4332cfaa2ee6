//! Staging: the contents of a release become a folder of files that were read back from the disk.
//!
//! Nothing here touches what is live. Any error throws the attempt away: after a failed sync the same bytes
//! are not tried again.

use std::{
    error::Error,
    io::{self, Write},
    slice,
};

use updraft_protocol::{
    Digest, Entry, Node, ReleaseVersion, Tree,
    broken::{self, Break},
    codec,
};

use super::{
    Installer,
    beneath::{Folder, Taken},
    check::{self, FOLDER_MODE, split},
    disk::DiskFile,
    error::InstallError,
    listing,
    machine::{Phase, Record},
};

/// Names of this prefix were being written; they are removed at the next start.
pub(super) const TEMPORARY: &str = ".tmp-";

/// What each entry takes besides its contents: a block of a folder or the rest of a file's last block.
const BYTES_PER_ENTRY: u64 = 4_096;
/// Files besides the entries: the folder, the listing, the link.
const FILES_BESIDES: u64 = 8;

/// A version that is ready to be switched to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The version.
    pub version: ReleaseVersion,
    /// Digest of its listing.
    pub tree: Digest,
    /// Bytes of its files.
    pub bytes: u64,
}

impl Installer {
    /// Makes a version ready: writes what `fill` gives (all files' contents in the order of the listing),
    /// reads it back and compares it with the listing. What is live does not change.
    ///
    /// A version that is kept already with these contents is only checked. On an error nothing stays.
    pub fn stage<E>(
        &mut self,
        version: &ReleaseVersion,
        tree_digest: &Digest,
        tree: &Tree,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Staged, InstallError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let encoded = codec::encode(tree).map_err(InstallError::BadListing)?;
        let got = Digest::of(&encoded);
        if got != *tree_digest {
            return Err(InstallError::WrongListing { expected: *tree_digest, got });
        }
        self.settle()?;
        let bytes = tree.content_size();
        let staged = Staged { version: version.clone(), tree: got, bytes };
        if let Phase::Staging { .. } | Phase::Switching { .. } | Phase::Reverting { .. } =
            self.state.phase()
        {
            let intent = Record::Intent { to: version.clone(), tree: got, attempt: 0 };
            self.state.apply(&intent)?;
        }
        if self.is_kept_as(version, &got)? {
            self.checked = Some(version.clone());
            return Ok(staged);
        }
        self.check_room(tree, bytes)?;
        let name = version.to_string();
        if self.versions.look_at(&name)?.is_some() {
            return Err(InstallError::Occupied { path: self.versions.path_of(&name) });
        }
        let attempt = self.journal.lines();
        self.record(&Record::Intent { to: version.clone(), tree: got, attempt })?;
        let temporary = format!("{TEMPORARY}{attempt}");
        let made = listing::keep(&self.trees, &got, &encoded)
            .and_then(|()| self.make(version, tree, &temporary, fill))
            .and_then(|()| self.record(&Record::Staged { to: version.clone() }));
        if let Err(error) = made {
            // Comes to rest by the same path as after a crash; if the disk refuses that as well, the next
            // call tries it again.
            self.needs_recovery = true;
            if let Err(later) = self.settle() {
                tracing::warn!(component = %self.component, error = %later, "an attempt is left over");
            }
            return Err(error);
        }
        self.checked = Some(version.clone());
        Ok(staged)
    }

    /// Whether the version is there with these contents. Makes room for it if it is there with others.
    fn is_kept_as(
        &mut self,
        version: &ReleaseVersion,
        tree: &Digest,
    ) -> Result<bool, InstallError> {
        let Some(slot) = self.state.slots().get(version).copied() else { return Ok(false) };
        let is_live = self.state.active() == Some(version);
        if slot.tree == *tree && self.verify(version).is_ok() {
            return if is_live {
                Err(InstallError::AlreadyLive { version: version.clone() })
            } else {
                Ok(true)
            };
        }
        if is_live {
            return Err(InstallError::LiveDiffers { version: version.clone() });
        }
        self.remove_version(version)?;
        Ok(false)
    }

    fn check_room(&self, tree: &Tree, bytes: u64) -> Result<(), InstallError> {
        let entries = u64::try_from(tree.entries.len()).unwrap_or(u64::MAX);
        let need = bytes.saturating_add(entries.saturating_mul(BYTES_PER_ENTRY));
        let free = self.root.free()?;
        let have = free.bytes.saturating_sub(self.min_free_disk);
        if need > have {
            return Err(InstallError::DiskFull { what: "bytes", need, have });
        }
        let need = entries.saturating_add(FILES_BESIDES);
        match free.files {
            Some(have) if need > have => Err(InstallError::DiskFull { what: "files", need, have }),
            _ => Ok(()),
        }
    }

    /// Makes the folder of a version under its temporary name, checks it, and gives it its name.
    fn make<E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        version: &ReleaseVersion,
        tree: &Tree,
        temporary: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), InstallError> {
        self.versions.make_folder(temporary, 0o700)?;
        let top = self.versions.folder(temporary)?;
        let mut writer = TreeWriter::new(&top, tree);
        let filled = fill(&mut writer);
        if let Some(error) = writer.failed.take() {
            return Err(error);
        }
        filled.map_err(|error| InstallError::Fill {
            version: version.clone(),
            source: error.into(),
        })?;
        writer.finish()?;
        top.set_mode(FOLDER_MODE)?;
        top.sync()?;
        if !broken::is(Break::TreesAreNotChecked) {
            check::check(&self.versions.folder(temporary)?, version, tree)?;
        }
        let name = version.to_string();
        if self.versions.rename_to_free(temporary, &name)? == Taken::Occupied {
            return Err(InstallError::Occupied { path: self.versions.path_of(&name) });
        }
        self.versions.sync()
    }
}

/// A file that is being written.
struct OpenFile<'a> {
    folder: Folder,
    name: &'a str,
    file: Box<dyn DiskFile>,
    mode: u32,
    left: u64,
}

/// Takes the contents of all files as one stream and makes the entries of a listing from it.
struct TreeWriter<'a> {
    top: &'a Folder,
    rest: slice::Iter<'a, Entry>,
    open: Option<OpenFile<'a>>,
    folders: Vec<&'a str>,
    expected: u64,
    got: u64,
    /// The reason behind an error that went out as one of [`Write`].
    failed: Option<InstallError>,
}

impl<'a> TreeWriter<'a> {
    fn new(top: &'a Folder, tree: &'a Tree) -> Self {
        Self {
            top,
            rest: tree.entries.iter(),
            open: None,
            folders: Vec::new(),
            expected: tree.content_size(),
            got: 0,
            failed: None,
        }
    }

    /// Makes entries up to the next file that has contents.
    fn advance(&mut self) -> Result<(), InstallError> {
        while self.open.is_none() {
            let Some(entry) = self.rest.next() else { return Ok(()) };
            let (parent, name) = split(entry.path.as_str());
            let folder = self.top.folder(parent)?;
            match &entry.node {
                Node::Folder => {
                    folder.make_folder(name, FOLDER_MODE)?;
                    folder.folder(name)?.set_mode(FOLDER_MODE)?;
                    self.folders.push(entry.path.as_str());
                }
                Node::Link { target } => folder.link(target.as_str(), name)?,
                Node::File { mode, size, .. } => {
                    let file = folder.create(name)?;
                    // A full disk is met before the bytes are made.
                    file.reserve(*size)
                        .map_err(InstallError::io("make room in", folder.path_of(name)))?;
                    self.open =
                        Some(OpenFile { folder, name, file, mode: mode.bits(), left: *size });
                    self.close_if_full()?;
                }
            }
        }
        Ok(())
    }

    fn close_if_full(&mut self) -> Result<(), InstallError> {
        let Some(open) = self.open.take_if(|open| open.left == 0) else { return Ok(()) };
        open.folder.set_file_mode(&*open.file, open.name, open.mode)?;
        if broken::is(Break::FilesAreNotSynced) {
            return Ok(());
        }
        open.folder.sync_file(&*open.file, open.name)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, InstallError> {
        self.advance()?;
        let Some(open) = &mut self.open else {
            return Err(InstallError::TooManyBytes { expected: self.expected });
        };
        let most = usize::try_from(open.left).unwrap_or(usize::MAX).min(bytes.len());
        let written = open
            .folder
            .step_on_file("write", open.name)
            .and_then(|()| open.file.write(&bytes[..most]))
            .map_err(InstallError::io("write", open.folder.path_of(open.name)))?;
        let count = u64::try_from(written).unwrap_or(u64::MAX);
        open.left = open.left.saturating_sub(count);
        self.got = self.got.saturating_add(count);
        self.close_if_full()?;
        Ok(written)
    }

    /// Makes what needs no contents any more, and syncs the folders, the innermost first.
    fn finish(mut self) -> Result<(), InstallError> {
        self.advance()?;
        if self.open.is_some() {
            return Err(InstallError::TooFewBytes { got: self.got, expected: self.expected });
        }
        // A folder stands in the listing before what is in it.
        self.folders.iter().rev().try_for_each(|path| self.top.folder(path)?.sync())
    }
}

impl Write for TreeWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.failed.is_some() {
            return Err(io::Error::other("the release cannot be written"));
        }
        self.take(bytes).map_err(|error| {
            self.failed = Some(error);
            io::Error::other("the release cannot be written")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
