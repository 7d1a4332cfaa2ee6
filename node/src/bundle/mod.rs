//! A bundle: one file with a release, its head and their bytes, which travels from signer to signer and to a node.
//!
//! ```text
//!  0   16 bytes  `updraft-bundle/1`
//!  16  4 bytes   length of the header, little-endian
//!  20  header    signed head, signed manifest, list of parts
//!      zeros     up to a multiple of 4 KiB
//!      parts     raw bytes in the order of the list, nothing after them
//! ```
//!
//! Signatures live in the header, so signing writes a new file and renames it over the old one: a power cut
//! leaves one of the two. The parts are copied by the kernel (`copy_file_range`), and because they begin at a
//! multiple of a block, file systems that share extents (btrfs, XFS) copy nothing at all.
//!
//! A bundle proves nothing by itself. [`Bundle::open`] refuses whatever does not fit together, and every byte
//! that is handed out has to be checked against its digest: [`Bundle::object`] does, [`Bundle::blob_reader`]
//! leaves it to the reader, [`Bundle::verify`] checks them all.

mod header;
mod write;

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use updraft_protocol::{
    Digest, Head, Manifest, NetworkId, ObjectRef, SecretKey, Signed,
    codec::{self, DecodeError, EncodeError, Wire as _},
};

pub use self::write::BundleWriter;
use self::{
    header::{Header, fits_together},
    write::{pump, replace},
};

const MAGIC: &[u8; 16] = b"updraft-bundle/1";
/// Magic and the header's length.
const PREFIX: usize = 20;
/// Parts begin at a multiple of this: the block size of every common file system.
const ALIGNMENT: u64 = 4_096;
/// Why a file is not a bundle, or a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be read or written.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file does not begin as a bundle does.
    #[error("{0} is not a bundle")]
    NotABundle(PathBuf),
    /// The header has no meaning.
    #[error("the bundle's header cannot be read")]
    Header(#[source] DecodeError),
    /// A header that no reader would take.
    #[error("the bundle's header cannot be written")]
    Unwritable(#[source] EncodeError),
    /// The parts do not fill the file exactly.
    #[error("the bundle should be {expected} bytes long and is {got}")]
    Length {
        /// By its own list.
        expected: u64,
        /// On disk.
        got: u64,
    },
    /// Head, manifest and parts do not belong together.
    #[error("the bundle does not fit together: {0}")]
    Unfitting(String),
    /// A part is not what its digest says.
    #[error("the bundle's part {0} is damaged")]
    Damaged(Digest),
    /// The bundle has no such part.
    #[error("the bundle has no part {0}")]
    Missing(Digest),
}

fn io_error(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> BundleError + use<> {
    let path = path.to_owned();
    move |source| BundleError::Io { doing, path: path.clone(), source }
}

/// Where the first part begins.
fn parts_begin(header: u32) -> u64 {
    let prefix = u64::try_from(PREFIX).expect("twenty");
    (prefix + u64::from(header)).next_multiple_of(ALIGNMENT)
}

/// An opened bundle: its header is read and fits together, its parts lie where the list says.
#[derive(Debug, Clone)]
pub struct Bundle {
    file: Arc<File>,
    path: PathBuf,
    header: Header,
    head: Head,
    manifest: Manifest,
    begin: u64,
}

impl Bundle {
    /// Opens a bundle. Nothing in it is believed: signatures and digests are still to be checked.
    ///
    /// # Errors
    /// Every [`BundleError`] but those of writing. At most 1.1 MiB is read before the file is refused.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let failed = io_error("read", path);
        let not_a_bundle = || BundleError::NotABundle(path.to_owned());
        let mut file = File::open(path).map_err(&failed)?;
        let facts = file.metadata().map_err(&failed)?;
        if !facts.is_file() {
            return Err(not_a_bundle());
        }
        let mut prefix = [0; PREFIX];
        file.read_exact(&mut prefix).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => not_a_bundle(),
            _ => failed(error),
        })?;
        let (magic, length) = prefix.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(not_a_bundle());
        }
        let length = u32::from_le_bytes(length.try_into().expect("the last four of twenty"));
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size > Header::MAX {
            let (name, limit) = (Header::NAME, Header::MAX);
            return Err(BundleError::Header(DecodeError::TooLarge { name, got: size, limit }));
        }
        let begin = parts_begin(length);
        if facts.len() < begin {
            return Err(BundleError::Length { expected: begin, got: facts.len() });
        }
        let mut front = vec![0; usize::try_from(begin).expect("a header is small") - PREFIX];
        file.read_exact(&mut front).map_err(&failed)?;
        let (bytes, padding) = front.split_at(size);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BundleError::Unfitting("there is something between its parts".to_owned()));
        }
        let header: Header = codec::decode(bytes).map_err(BundleError::Header)?;
        let (head, manifest) = fits_together(&header)?;
        // Each size is one that the manifest's own check bounds; the sum of 66 + 65 cannot overflow.
        let objects = header.objects.iter().map(|part| u64::from(part.size));
        let expected =
            begin + objects.chain(header.blobs.iter().map(|part| part.size)).sum::<u64>();
        if expected != facts.len() {
            return Err(BundleError::Length { expected, got: facts.len() });
        }
        let (file, path) = (Arc::new(file), path.to_owned());
        Ok(Self { file, path, header, head, manifest, begin })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The head with its signatures.
    pub fn signed_head(&self) -> &Signed<Head> {
        &self.header.head
    }

    /// The manifest with its signatures.
    pub fn signed_manifest(&self) -> &Signed<Manifest> {
        &self.header.manifest
    }

    /// What the head claims.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What the manifest claims.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The objects in it.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        self.header.objects.iter()
    }

    /// Digests of the blobs in it.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.header.blobs.iter().map(|part| part.digest)
    }

    /// An object's bytes, checked against its digest.
    ///
    /// # Errors
    /// [`BundleError::Missing`], [`BundleError::Damaged`], [`BundleError::Io`].
    pub fn object(&self, digest: &Digest) -> Result<Vec<u8>, BundleError> {
        let mut offset = self.begin;
        for part in &self.header.objects {
            if part.digest == *digest {
                let mut bytes = vec![0; usize::try_from(part.size).expect("at most 16 MiB")];
                self.file
                    .read_exact_at(&mut bytes, offset)
                    .map_err(io_error("read", &self.path))?;
                let intact = Digest::of(&bytes) == *digest;
                return if intact { Ok(bytes) } else { Err(BundleError::Damaged(*digest)) };
            }
            offset += u64::from(part.size);
        }
        Err(BundleError::Missing(*digest))
    }

    /// A blob's bytes as they are, unchecked. Readers do not disturb each other.
    ///
    /// # Errors
    /// [`BundleError::Missing`].
    pub fn blob_reader(&self, digest: &Digest) -> Result<BlobReader, BundleError> {
        let objects = self.header.objects.iter().map(|part| u64::from(part.size)).sum::<u64>();
        let mut offset = self.begin + objects;
        for part in &self.header.blobs {
            if part.digest == *digest {
                return Ok(BlobReader { file: self.file.clone(), offset, left: part.size });
            }
            offset += part.size;
        }
        Err(BundleError::Missing(*digest))
    }

    /// Reads every part and compares it with its digest.
    ///
    /// # Errors
    /// The first part that is [`BundleError::Damaged`]; [`BundleError::Io`].
    pub fn verify(&self) -> Result<(), BundleError> {
        for part in &self.header.objects {
            self.object(&part.digest)?;
        }
        for part in &self.header.blobs {
            let mut reader = self.blob_reader(&part.digest)?;
            let (digest, _) = pump(&mut reader, part.size, &mut io::sink())
                .map_err(io_error("read", &self.path))?;
            if digest != part.digest {
                return Err(BundleError::Damaged(part.digest));
            }
        }
        Ok(())
    }

    /// Adds the signatures of `keys` to head and manifest and rewrites the file, whole or not at all.
    ///
    /// # Errors
    /// [`BundleError::Io`]; [`BundleError::Unwritable`] when there would be more signatures than allowed.
    pub fn sign(&mut self, keys: &[SecretKey], network: &NetworkId) -> Result<(), BundleError> {
        let mut header = self.header.clone();
        for key in keys {
            header.head.sign(key, network);
            header.manifest.sign(key, network);
        }
        let failed = io_error("copy", &self.path);
        // A handle of its own: the position of the one that readers share must not move.
        let mut from = File::open(&self.path).map_err(&failed)?;
        from.seek(SeekFrom::Start(self.begin)).map_err(&failed)?;
        replace(&self.path, &header, |out| {
            io::copy(&mut from, out).map_err(&failed)?;
            Ok(())
        })?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

/// The bytes of one blob of a bundle.
#[derive(Debug)]
pub struct BlobReader {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for BlobReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let got = self.file.read_at(&mut buf[..most], self.offset)?;
        if got == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let moved = u64::try_from(got).expect("at most what was left");
        self.offset += moved;
        self.left -= moved;
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
