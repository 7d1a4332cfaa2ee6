//! Files of a release that lie here already, in versions that are kept: which blocks of its whole artifact they spare,
//! and the contents made of both. Blocks on the disk; what may be spared, `updraft_delta::reuse` decides.
//!
//! A file is hashed before a block is counted on because of it: what rotted is fetched like any other.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use updraft_delta::{
    AssembleError, ReadAt,
    blob::{Block, Index},
    reuse::{FilesHere, Layout, assemble_blocks, chunks_of},
};
use updraft_protocol::{ChunkList, Digest, Hasher, ReleaseVersion, Tree, codec};

use super::{
    action::{Fetched, Job, JobError, Leg},
    adapters::{StoredBlob, SwarmPeers},
    context::{Context, lock},
    fetching::{bring_object, refused_by_store},
    route::Spared,
};
use crate::{
    fetch::{self, Chunks, KeepError, Report},
    install::{Contents, Installer},
    network::PeerId,
    problem::chain,
    store::PartialBlob,
};

/// Below this share of a release's contents, in percent, nothing is looked at more closely.
const WORTH_PERCENT: u64 = 10;
/// How long peers may take to say what is needed for it. Who waits could fetch meanwhile, and a peer may say that it has
/// what it never gives.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of a file hashed at a time.
const BUFFER: usize = 128 * 1024;

/// The files of all kept versions of a component but one, by their digest.
#[derive(Debug)]
pub(super) struct KeptFiles {
    versions: Vec<Contents>,
    /// Where each lies, best first: in which version, from which byte of its contents on, and how many bytes it has.
    places: BTreeMap<Digest, Vec<(usize, u64, u64)>>,
}

impl KeptFiles {
    /// Those that an installer keeps; a version whose listing is lost has none, and neither has the one that is made:
    /// what lies there of it is removed first.
    pub(super) fn of(installer: &Installer, made: &ReleaseVersion) -> Self {
        let mut files = Self { versions: Vec::new(), places: BTreeMap::new() };
        // The newest one last: it has the most files in common, but any of them will do.
        for version in installer.state().slots().keys().filter(|version| *version != made) {
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
            self.places.entry(digest).or_default().push((self.versions.len(), from, bytes));
            from = from.saturating_add(bytes);
        }
        self.versions.push(contents);
    }

    /// Bytes of a tree's contents whose files are listed here.
    fn shared(&self, tree: &Tree) -> u64 {
        let here = tree.files().filter(|(_, _, _, digest)| self.places.contains_key(digest));
        here.fold(0, |sum, (_, _, bytes, _)| sum.saturating_add(bytes))
    }

    /// Whether a file is here, byte for byte; from where it is, it is read from then on.
    fn settle(&mut self, file: &Digest) -> bool {
        let Some(places) = self.places.remove(file) else { return false };
        let sound = places.into_iter().find(|place| self.digest(*place).is_ok_and(|d| d == *file));
        self.places.insert(*file, sound.into_iter().collect());
        sound.is_some()
    }

    fn digest(&self, (version, from, size): (usize, u64, u64)) -> io::Result<Digest> {
        let contents = self.versions.get(version).ok_or(io::ErrorKind::NotFound)?;
        let (mut hasher, mut buffer, mut at) = (Hasher::new(), vec![0; BUFFER], 0);
        while at < size {
            let len = usize::try_from(size - at).unwrap_or(usize::MAX).min(BUFFER);
            contents.read_exact_at(from.saturating_add(at), &mut buffer[..len])?;
            hasher.update(&buffer[..len]);
            at += len as u64;
        }
        Ok(hasher.finish())
    }

    /// Whether a block is whole files that are all here, byte for byte; each is read once, whatever blocks have it.
    fn have(&mut self, layout: &Layout, block: &Block, known: &mut BTreeMap<Digest, bool>) -> bool {
        layout.is_here(block, |file| *known.entry(*file).or_insert_with(|| self.settle(file)))
    }
}

impl FilesHere for KeptFiles {
    fn read_exact_at(&self, file: &Digest, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let place = self.places.get(file).and_then(|places| places.first());
        let (version, from, size) = *place.ok_or(io::ErrorKind::NotFound)?;
        let contents = self.versions.get(version).ok_or(io::ErrorKind::NotFound)?;
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        contents.read_exact_at(from.saturating_add(offset), buf)
    }
}

/// The chunks that say whether a blob has blocks, in memory: nothing is written before it is known that it pays.
#[derive(Debug)]
struct Ends {
    list: ChunkList,
    wanted: Vec<bool>,
    came: Mutex<BTreeMap<u32, Vec<u8>>>,
}

impl Ends {
    fn new(list: ChunkList) -> Self {
        let wanted = chunks_of(&list, Index::ends(list.blob_size));
        Self { list, wanted, came: Mutex::default() }
    }
}

impl Chunks for Ends {
    fn held(&self) -> Vec<bool> {
        let came = lock(&self.came);
        let is_held = |(index, wanted): (u32, &bool)| !wanted || came.contains_key(&index);
        (0..).zip(&self.wanted).map(is_held).collect()
    }

    fn chunk_size(&self) -> u32 {
        self.list.chunk_size
    }

    fn keep(&self, index: u32, bytes: &[u8]) -> Result<(), KeepError> {
        let span = self.list.span(index).ok_or(KeepError::WrongDigest)?;
        if u32::try_from(bytes.len()) != Ok(span.len) || Digest::of(bytes) != span.digest {
            return Err(KeepError::WrongDigest);
        }
        lock(&self.came).insert(index, bytes.to_vec());
        Ok(())
    }
}

impl ReadAt for Ends {
    fn size(&self) -> u64 {
        self.list.blob_size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let (came, size) = (lock(&self.came), u64::from(self.list.chunk_size));
        for (at, byte) in (offset..).zip(buf) {
            let chunk = u32::try_from(at / size).ok().and_then(|index| came.get(&index));
            let within = usize::try_from(at % size).map_err(io::Error::other)?;
            let found = chunk.and_then(|chunk| chunk.get(within));
            *byte = *found.ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        Ok(())
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
    let (listing, whole, made) =
        (job.manifest.tree.object, job.manifest.whole, job.manifest.version.clone());
    let Some(installer) = context.installer(&job.component) else { return Ok(None) };
    let until = Instant::now() + PATIENCE;
    let tree = in_time(until, bring_object(context, &peers, listing, who)).await?;
    let Some(tree) = tree? else { return Ok(None) };
    let tree: Tree = codec::decode(&tree).map_err(|error| damaged(&error))?;
    let shared = on_disk(move || {
        let files = KeptFiles::of(&lock(&installer), &made);
        let share = u128::from(files.shared(&tree)) * 100;
        let is_worth_it = share >= u128::from(tree.content_size()) * u128::from(WORTH_PERCENT);
        is_worth_it.then_some((files, tree))
    });
    let Some((mut files, tree)) = shared.await? else { return Ok(None) };
    let until = Instant::now() + PATIENCE;
    let list = in_time(until, bring_object(context, &peers, whole.chunks, who)).await?;
    let Some(list) = list? else { return Ok(None) };
    let list: ChunkList = codec::decode(&list).map_err(|error| damaged(&error))?;
    if list.blob_size != whole.size {
        return Err(JobError::Damaged("the chunk list is of another blob".to_owned()));
    }
    let ends = Arc::new(Ends::new(list));
    let (digest, who, progress) = (whole.digest, who.to_vec(), watch::Sender::new(0));
    let fetched = fetch::fetch_blob(peers, ends.clone(), digest, who, context.limits, &progress);
    *came = Some(in_time(until, fetched).await?.map_err(|error| failed(&error))?);
    on_disk(move || {
        let index = Index::read(&*ends, tree.content_size()).map_err(|error| failed(&error))?;
        let Some(index) = index else { return Ok(None) };
        let wanted = wanted(&index, &ends.list, &tree, &mut files);
        let came = lock(&ends.came).clone();
        Ok(wanted.contains(&false).then(|| Spared::new(&ends.list, wanted, came)))
    })
    .await?
}

/// Waits for peers no longer than until then.
async fn in_time<T>(until: Instant, asked: impl Future<Output = T>) -> Result<T, JobError> {
    let late = |_| JobError::NoHolders("nobody said in time what it takes".to_owned());
    tokio::time::timeout_at(until, asked).await.map_err(late)
}

/// The chunks that are needed: those of blocks that have a file which is not here, and both ends.
fn wanted(index: &Index, list: &ChunkList, tree: &Tree, files: &mut KeptFiles) -> Vec<bool> {
    let (layout, mut known) = (Layout::of(tree), BTreeMap::new());
    let fetched = index.blocks().iter().filter(|block| !files.have(&layout, block, &mut known));
    let fetched: Vec<_> = fetched.map(|block| block.packed.clone()).collect();
    chunks_of(list, fetched.into_iter().chain(Index::ends(list.blob_size)))
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
    /// That of a way, if it is one; `None` for all others, and where all of it is here by now.
    pub(super) fn of(
        context: &Context,
        installer: &Installer,
        fetched: &Fetched,
    ) -> Result<Option<Self>, JobError> {
        let [Leg { in_part: true, blob, to, .. }] = &fetched.route[..] else { return Ok(None) };
        if context.store.has_blob(blob) {
            return Ok(None);
        }
        let list = context.store.chunk_list(blob).map_err(refused_by_store)?;
        let lost = || JobError::Failed("the chunk list of the release is gone".to_owned());
        let partial = context.store.begin_blob(&to.whole, &*list.ok_or_else(lost)?);
        let files = KeptFiles::of(installer, &to.version);
        Ok(Some(Self { partial: partial.map_err(refused_by_store)?, files }))
    }

    /// Writes the contents of the release.
    pub(super) fn write(
        &mut self,
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
        // Of several copies of a file, the one that is sound.
        let index = Index::read(&blob, tree.content_size()).map_err(AssembleError::Whole)?;
        let (layout, mut known) = (Layout::of(tree), BTreeMap::new());
        for block in index.iter().flat_map(Index::blocks).filter(|block| !is_held(block)) {
            self.files.have(&layout, block, &mut known);
        }
        assemble_blocks(&blob, tree, is_held, &self.files, out)
    }

    /// What came of it is of no use any more, unless somebody else fetches it too: others are told that nothing of it is
    /// here.
    pub(super) fn discard(self) {
        let blob = self.partial.blob().digest;
        if let Err(error) = self.partial.abandon() {
            tracing::warn!(%blob, error = %chain(&error), "what came of it stays as long as its release");
        }
    }
}
