//! From files to a manifest and the bytes it names: the tree, the whole blob, patches from earlier releases.
//!
//! Needs no network and no key, and signs nothing. A patch that cannot be made is told and left out; a release
//! never fails for want of a patch, because the whole artifact is always there.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use updraft_delta::{AssembleError, BlobError, offer};
use updraft_protocol::{
    Blob, ChannelName, Compatibility, ComponentName, Digest, Head, Manifest, NetworkId, ObjectRef,
    ReleaseKind, ReleaseVersion, Severity, Signed, Target, Timestamp, TreeRef, Verified,
    codec::{self, EncodeError},
};

use super::{
    Effort, Step,
    ledger::Trusted,
    patches::{Chosen, Goal, MadePatch},
    source::{Source, SourceError},
};
use crate::{
    bundle::{BundleError, BundleWriter},
    plain::PlainFile,
};

/// What a person says about a release.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The network.
    pub network: NetworkId,
    /// Of what.
    pub component: ComponentName,
    /// Which.
    pub version: ReleaseVersion,
    /// For which machines.
    pub target: Target,
    /// Where.
    pub channel: ChannelName,
    /// When.
    pub created: Timestamp,
    /// Why.
    pub kind: ReleaseKind,
    /// How urgent.
    pub severity: Severity,
    /// Whether it breaks something.
    pub compatibility: Compatibility,
    /// The lowest version that may go straight to it.
    pub min_version: Option<ReleaseVersion>,
    /// Versions that an update must not jump over.
    pub barriers: Vec<ReleaseVersion>,
    /// The protocol of its component without which it does not run.
    pub needs_protocol: Option<u32>,
    /// The lowest version that is looked after from this release on.
    pub min_supported: Option<ReleaseVersion>,
    /// Digest of the sources, if others can build it again.
    pub source: Option<Digest>,
    /// Notes, Markdown.
    pub notes: String,
}

/// Why a release could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The files are not fit.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Compressing failed.
    #[error("cannot compress the contents")]
    Compress(#[source] BlobError),
    /// What was compressed does not unpack to the files: they changed meanwhile, this machine errs, or Updraft does.
    #[error("the whole artifact that was made is not one of these files")]
    Untrue(#[source] AssembleError),
    /// The bytes cannot be kept while the release is built.
    #[error("cannot keep the release's bytes in {path} while it is built")]
    Work {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The release breaks a limit.
    #[error("the release cannot be described")]
    Describe(#[source] EncodeError),
}

/// A release that nobody has signed, and its bytes.
#[derive(Debug)]
pub struct Built {
    /// What will be signed.
    pub manifest: Manifest,
    tree: Vec<u8>,
    whole: NamedTempFile,
    whole_list: Vec<u8>,
    patches: Vec<MadePatch>,
}

impl Built {
    /// Puts the bytes into a bundle with the signed head and manifest and writes it.
    ///
    /// # Errors
    /// Those of [`BundleWriter::write`].
    pub fn write(
        &self,
        head: Signed<Head>,
        manifest: Signed<Manifest>,
        path: &Path,
    ) -> Result<(), BundleError> {
        let mut bundle = BundleWriter::new(head, manifest);
        for object in [&self.tree, &self.whole_list] {
            bundle.object(object.clone())?;
        }
        let whole = File::open(self.whole.path()).map_err(|source| BundleError::Io {
            doing: "read",
            path: self.whole.path().to_owned(),
            source,
        })?;
        bundle.blob(&self.manifest.whole, whole);
        for patch in &self.patches {
            bundle.object(patch.list.clone())?;
            bundle.blob(&patch.offer.blob, &*patch.bytes);
        }
        bundle.write(path)
    }
}

/// Builds a release of `source`. `past` are releases that a patch may start from, the most wanted first; their
/// bytes come from `trusted`. Temporary files go to `work`.
///
/// # Errors
/// Every [`BuildError`]; never for want of a patch.
pub fn build(
    source: &Source,
    draft: Draft,
    past: &[Verified<Manifest>],
    trusted: &Trusted<'_>,
    work: &Path,
    effort: &Effort,
    told: &mut dyn FnMut(Step),
) -> Result<Built, BuildError> {
    let tree = codec::encode(source.tree()).map_err(BuildError::Describe)?;
    let size = source.tree().content_size();
    let failed = |source| BuildError::Work { path: work.to_owned(), source };
    let mut whole = NamedTempFile::new_in(work).map_err(failed)?;
    told(Step::Compressing { files: source.tree().files().count(), bytes: size });
    // Patches need all contents at once; without them the contents only stream by.
    let mut chosen = Chosen::of(past, Digest::of(&tree), size, effort);
    let new = if chosen.is_empty() { None } else { Some(read_all(source)?) };
    let described = match &new {
        Some(new) => offer::whole(source.tree(), || &**new, effort.level, whole.as_file_mut()),
        None => {
            offer::whole(source.tree(), || source.contents(), effort.level, whole.as_file_mut())
        }
    }
    .map_err(compress_error)?;
    let made = whole.reopen().and_then(PlainFile::new).map_err(failed)?;
    offer::prove_whole(described.blob, &made, source.tree()).map_err(BuildError::Untrue)?;
    told(Step::Compressed {
        bytes: size,
        blob: described.blob.size,
        chunks: described.chunks.len(),
    });
    let tree_ref = TreeRef {
        object: ObjectRef::of(&tree).expect("the encoder refuses what is larger"),
        entries: u32::try_from(source.tree().entries.len())
            .expect("a checked tree has few entries"),
        bytes: size,
    };
    chosen.tell(told);
    let patches = match new {
        Some(new) => {
            let goal = Goal { new: &new, whole: described.blob.size };
            chosen.make(&goal, trusted, work, effort, told)
        }
        None => Vec::new(),
    };
    let manifest = describe(draft, tree_ref, described.blob, &patches);
    codec::encode(&manifest).map_err(BuildError::Describe)?;
    Ok(Built { manifest, tree, whole, whole_list: described.object, patches })
}

fn read_all(source: &Source) -> Result<Vec<u8>, BuildError> {
    let mut bytes = Vec::new();
    source.contents().read_to_end(&mut bytes).map_err(source_error)?;
    Ok(bytes)
}

/// What a person can mend is inside the error of the reader.
fn source_error(error: io::Error) -> BuildError {
    match error.downcast::<SourceError>() {
        Ok(error) => BuildError::Source(error),
        Err(error) => BuildError::Compress(BlobError::Read(error)),
    }
}

fn compress_error(error: BlobError) -> BuildError {
    match error {
        BlobError::Read(error) => source_error(error),
        other => BuildError::Compress(other),
    }
}

fn describe(draft: Draft, tree: TreeRef, whole: Blob, patches: &[MadePatch]) -> Manifest {
    Manifest {
        network: draft.network,
        component: draft.component,
        version: draft.version,
        target: draft.target,
        channel: draft.channel,
        created: draft.created,
        kind: draft.kind,
        severity: draft.severity,
        compatibility: draft.compatibility,
        min_version: draft.min_version,
        barriers: draft.barriers,
        needs_protocol: draft.needs_protocol,
        source: draft.source,
        notes: draft.notes,
        tree,
        whole,
        patches: patches.iter().map(|patch| patch.offer.clone()).collect(),
    }
}
