//! Writes bundles: parts are checked while they are copied, and the file appears whole or not at all.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use updraft_protocol::{Blob, Digest, Hasher, Head, Manifest, ObjectRef, Signed, codec};

use super::{
    BundleError, MAGIC,
    header::{BlobPart, Header, fits_together},
    io_error, parts_begin,
};
use crate::whole;

/// Memory one read takes while bytes are hashed or copied.
const PIECE: usize = 256 * 1024;

/// Collects what goes into a bundle; nothing is written before [`BundleWriter::write`].
pub struct BundleWriter<'a> {
    head: Signed<Head>,
    manifest: Signed<Manifest>,
    objects: Vec<(ObjectRef, Vec<u8>)>,
    blobs: Vec<(BlobPart, Box<dyn Read + 'a>)>,
}

impl std::fmt::Debug for BundleWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BundleWriter({} objects, {} blobs)", self.objects.len(), self.blobs.len())
    }
}

impl<'a> BundleWriter<'a> {
    /// A bundle of a head and a release that it lists, without bytes yet.
    pub fn new(head: Signed<Head>, manifest: Signed<Manifest>) -> Self {
        Self { head, manifest, objects: Vec::new(), blobs: Vec::new() }
    }

    /// Adds an object; one that is there already is not added twice.
    ///
    /// # Errors
    /// [`BundleError::Unfitting`] if it is larger than an object may be.
    pub fn object(&mut self, bytes: Vec<u8>) -> Result<(), BundleError> {
        let part =
            ObjectRef::of(&bytes).map_err(|error| BundleError::Unfitting(error.to_string()))?;
        if self.objects.iter().all(|(known, _)| known.digest != part.digest) {
            self.objects.push((part, bytes));
        }
        Ok(())
    }

    /// Adds a blob, whose bytes are read when the bundle is written; one that is there already is not added
    /// twice.
    pub fn blob(&mut self, blob: &Blob, bytes: impl Read + 'a) {
        if self.blobs.iter().all(|(known, _)| known.digest != blob.digest) {
            let part = BlobPart { digest: blob.digest, size: blob.size };
            self.blobs.push((part, Box::new(bytes)));
        }
    }

    /// Writes the bundle to `path`, whole or not at all; a file that is there is replaced.
    ///
    /// # Errors
    /// [`BundleError::Unfitting`] when the parts are not those of the manifest, [`BundleError::Damaged`] when a
    /// blob's bytes are not those of its digest, [`BundleError::Io`].
    pub fn write(mut self, path: &Path) -> Result<(), BundleError> {
        self.objects.sort_by_key(|(part, _)| part.digest);
        self.blobs.sort_by_key(|(part, _)| part.digest);
        let header = Header {
            head: self.head,
            manifest: self.manifest,
            objects: self.objects.iter().map(|(part, _)| *part).collect(),
            blobs: self.blobs.iter().map(|(part, _)| *part).collect(),
        };
        fits_together(&header)?;
        let failed = io_error("write", path);
        replace(path, &header, |out| {
            for (_, bytes) in &self.objects {
                out.write_all(bytes).map_err(&failed)?;
            }
            for (part, bytes) in &mut self.blobs {
                copy_verified(bytes, part, out, &failed)?;
            }
            Ok(())
        })
    }
}

fn copy_verified(
    bytes: &mut dyn Read,
    part: &BlobPart,
    out: &mut File,
    failed: &impl Fn(io::Error) -> BundleError,
) -> Result<(), BundleError> {
    let (digest, size) = pump(bytes, part.size, out).map_err(failed)?;
    if digest == part.digest && size == part.size {
        return Ok(());
    }
    Err(BundleError::Damaged(part.digest))
}

/// Copies and hashes; stops one byte after `limit`, so that a source that is too long is seen without being
/// read to its end.
pub(super) fn pump(
    bytes: &mut dyn Read,
    limit: u64,
    out: &mut dyn Write,
) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut piece = vec![0; PIECE];
    let mut size = 0_u64;
    let mut limited = bytes.take(limit.saturating_add(1));
    loop {
        let got = match limited.read(&mut piece) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&piece[..got]);
        out.write_all(&piece[..got])?;
        size += u64::try_from(got).expect("a piece is small");
    }
}

/// Writes header, padding and parts to `path`.
pub(super) fn replace(
    path: &Path,
    header: &Header,
    parts: impl FnOnce(&mut File) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let failed = io_error("write", path);
    let bytes = codec::encode(header).map_err(BundleError::Unwritable)?;
    let length = u32::try_from(bytes.len()).expect("a header has a limit far below 4 GiB");
    let begin = usize::try_from(parts_begin(length)).expect("a header is small");
    let mut front = Vec::with_capacity(begin);
    front.extend_from_slice(MAGIC);
    front.extend_from_slice(&length.to_le_bytes());
    front.extend_from_slice(&bytes);
    front.resize(begin, 0);
    whole::replace(path, |out| {
        out.write_all(&front)?;
        parts(out).map_err(Halted::Bundle)
    })
    .map_err(|halted| match halted {
        Halted::File(error) => failed(error),
        Halted::Bundle(error) => error,
    })
}

/// Why writing stopped: the file, or what goes into it.
enum Halted {
    File(io::Error),
    Bundle(BundleError),
}

impl From<io::Error> for Halted {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}
