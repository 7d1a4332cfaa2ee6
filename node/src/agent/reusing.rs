//! Files of a release that lie here already, in versions that are kept: which blocks of its whole artifact they spare,
//! and the contents made of both. Blocks on the disk; what may be spared, `updraft_delta::reuse` decides.
//!
//! A file is hashed before a block is counted on because of it: what rotted is fetched like any other.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

use updraft_delta::{
    AssembleError,
    blob::{Block, Index},
    reuse::{FilesHere, Layout, assemble_blocks, chunks_of},
};
use updraft_protocol::{ChunkList, Digest, Hasher, Tree, codec};

use super::{
    action::{Fetched, Job, JobError, Leg},
    adapters::{StoredBlob, SwarmPeers},
    context::{Context, lock},
    fetching::{bring_blob, bring_object},
    route::Spared,
};
use crate::{
    fetch::Report,
    install::{Contents, Installer},
    network::PeerId,
    problem::chain,
    store::{PartialBlob, StoreError},
};

/// Below this share of a release's contents, in percent, nothing is looked at more closely.
const WORTH_PERCENT: u64 = 10;
/// Bytes of a file hashed at a time.
const BUFFER: usize = 128 * 1024;

/// The files of all kept versions of a component.
#[derive(Debug)]
pub(super) struct KeptFiles {
    versions: Vec<Contents>,
    /// Where each lies: in which version, from which byte of its contents on, and how many bytes it has.
    places: BTreeMap<Digest, (usize, u64, u64)>,
}

impl KeptFiles {
    /// Those that an installer keeps; a version whose listing is lost has none.
    pub(super) fn of(installer: &Installer) -> Self {
        let mut files = Self { versions: Vec::new(), places: BTreeMap::new() };
        for version in installer.state().slots().keys() {
            let opened = installer
                .listing(version)
                .and_then(|tree| Ok((installer.contents(version, &tree)?, tree)));
            match opened {
                Ok((contents, tree)) => files.add(contents, &tree),
                Err(error) => {
                    tracing::debug!(%version, error = %chain(&error), "its files are not counted on");
                }
            }
        }
        files
    }

    fn add(&mut self, contents: Contents, tree: &Tree) {
        let mut from = 0_u64;
        for (_, _, bytes, digest) in tree.files() {
            self.places.entry(digest).or_insert((self.versions.len(), from, bytes));
            from = from.saturating_add(bytes);
        }
        self.versions.push(contents);
    }

    /// Bytes of a tree's contents whose files are listed here.
    fn shared(&self, tree: &Tree) -> u64 {
        let here = tree.files().filter(|(_, _, _, digest)| self.places.contains_key(digest));
        here.fold(0, |sum, (_, _, bytes, _)| sum.saturating_add(bytes))
    }

    /// Whether a file is here, byte for byte.
    fn is_sound(&self, file: &Digest) -> bool {
        let Some((_, _, size)) = self.places.get(file).copied() else { return false };
        let (mut hasher, mut buffer, mut at) = (Hasher::new(), vec![0; BUFFER], 0);
        while at < size {
            let len = usize::try_from(size - at).unwrap_or(usize::MAX).min(BUFFER);
            let piece = &mut buffer[..len];
            if self.read_exact_at(file, at, piece).is_err() {
                return false;
            }
            hasher.update(piece);
            at += len as u64;
        }
        hasher.finish() == *file
    }
}

impl FilesHere for KeptFiles {
    fn read_exact_at(&self, file: &Digest, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let (version, from, size) =
            self.places.get(file).copied().ok_or(io::ErrorKind::NotFound)?;
        let contents = self.versions.get(version).ok_or(io::ErrorKind::NotFound)?;
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        contents.read_exact_at(from.saturating_add(offset), buf)
    }
}

/// Finds out which chunks of a job's whole artifact are not needed, from its listing, its ends and the files here; says
/// what came over the network for it, too. Finds nothing rather than fail: then all of it is fetched.
pub(super) async fn spare(
    context: &Context,
    peers: Arc<SwarmPeers>,
    job: &Job,
    who: &[PeerId],
) -> (Option<Spared>, Option<Report<PeerId>>) {
    let mut came = None;
    let found = find(context, peers, job, who, &mut came).await;
    let spared = found.unwrap_or_else(|error| {
        tracing::debug!(release = %job.manifest.release_name(), %error, "no files are reused");
        None
    });
    (spared, came)
}

async fn find(
    context: &Context,
    peers: Arc<SwarmPeers>,
    job: &Job,
    who: &[PeerId],
    came: &mut Option<Report<PeerId>>,
) -> Result<Option<Spared>, JobError> {
    let (listing, whole) = (job.manifest.tree.object, job.manifest.whole);
    let Some(installer) = context.installer(&job.component) else { return Ok(None) };
    let Some(tree) = bring_object(context, &peers, listing, who).await? else { return Ok(None) };
    let tree: Tree = codec::decode(&tree).map_err(|error| damaged(&error))?;
    let Some((files, tree)) = on_disk(move || {
        let files = KeptFiles::of(&lock(&installer));
        let share = u128::from(files.shared(&tree)) * 100;
        let is_worth_it = share >= u128::from(tree.content_size()) * u128::from(WORTH_PERCENT);
        is_worth_it.then_some((files, tree))
    })
    .await?
    else {
        return Ok(None);
    };
    let Some(list) = bring_object(context, &peers, whole.chunks, who).await? else {
        return Ok(None);
    };
    let list: ChunkList = codec::decode(&list).map_err(|error| damaged(&error))?;
    let ends = chunks_of(&list, Index::ends(whole.size));
    let what = (&whole, list.clone());
    *came = Some(bring_blob(context, peers, what, Some(ends.into()), who.to_vec(), |_| {}).await?);
    let store = context.store.clone();
    on_disk(move || {
        let partial = store.begin_blob(&whole, &list).map_err(|error| failed(&error))?;
        let blob = StoredBlob::in_part(&store, &partial);
        let index = Index::read(&blob, tree.content_size()).map_err(|error| failed(&error))?;
        let wanted = index.map(|index| wanted(&index, &list, &tree, &files));
        Ok(wanted.filter(|wanted| wanted.contains(&false)).map(|wanted| Spared::new(&list, wanted)))
    })
    .await?
}

/// The chunks that are needed: those of blocks that have a file which is not here, and both ends.
fn wanted(index: &Index, list: &ChunkList, tree: &Tree, files: &KeptFiles) -> Vec<bool> {
    let layout = Layout::of(tree);
    let mut sound = BTreeMap::new();
    let mut is_sound = |file: &Digest| {
        files.places.contains_key(file)
            && *sound.entry(*file).or_insert_with(|| files.is_sound(file))
    };
    let fetched = index.blocks().iter().filter(|block| !layout.is_here(block, &mut is_sound));
    let fetched = fetched.map(|block| block.packed.clone());
    chunks_of(list, fetched.chain(Index::ends(list.blob_size)))
}

/// Does something on a thread that may block.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| JobError::Failed(error.to_string()))
}

fn damaged(error: &dyn std::error::Error) -> JobError {
    JobError::Damaged(error.to_string())
}

fn failed(error: &(dyn std::error::Error + 'static)) -> JobError {
    JobError::Failed(chain(error))
}

/// A whole artifact of which only some chunks came, and the files for the rest.
#[derive(Debug)]
pub(super) struct InPart {
    partial: PartialBlob,
    files: KeptFiles,
}

impl InPart {
    /// That of a way, if it is one; `None` for all others.
    pub(super) fn of(
        context: &Context,
        installer: &Installer,
        fetched: &Fetched,
    ) -> Result<Option<Self>, StoreError> {
        let [Leg { from: None, blob, to }] = &fetched.route[..] else { return Ok(None) };
        if context.store.has_blob(blob) {
            return Ok(None);
        }
        let Some(list) = context.store.chunk_list(blob)? else { return Ok(None) };
        let partial = context.store.begin_blob(&to.whole, &list)?;
        Ok(Some(Self { partial, files: KeptFiles::of(installer) }))
    }

    /// Writes the contents of the release.
    pub(super) fn write(
        &self,
        context: &Context,
        tree: &Tree,
        out: &mut dyn Write,
    ) -> Result<(), AssembleError> {
        let blob = StoredBlob::in_part(&context.store, &self.partial);
        let (list, held) = (self.partial.chunks(), self.partial.held());
        let is_held = |block: &Block| {
            let needed = chunks_of(list, [block.packed.clone()]);
            needed.iter().zip(&held).all(|(needed, held)| *held || !needed)
        };
        assemble_blocks(&blob, tree, is_held, &self.files, out)
    }

    /// What came of it is of no use any more: others are told that nothing of it is here.
    pub(super) fn discard(self, context: &Context) {
        let blob = self.partial.blob().digest;
        if let Err(error) = context.store.remove_blob(&blob) {
            tracing::warn!(%blob, error = %chain(&error), "what was fetched of it stays until the next sweep");
        }
    }
}
