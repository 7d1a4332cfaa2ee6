//! Plugs the network and the store into what the fetch room and the delta crate ask for.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use updraft_delta::ReadAt;
use updraft_protocol::{
    ChunkList, ChunkRange, Digest, PackedAnswer, PackedRequest, TransferAnswer, TransferRequest,
    limits::MAX_PACK_CHUNKS,
};

use super::{
    context::{Context, lock},
    limiter::Limiter,
    packed::{self, Versions},
    route::Wanted,
};
use crate::{
    fetch::{Chunks, KeepError, Lie, PeerError, Peers},
    network::{Conduct, Network, PeerId, PeerInfo, RequestError},
    store::{PartialBlob, Store},
};

/// Peers asked what they hold when a fetch begins or runs dry.
pub(super) const MAX_ASKED: usize = 32;
/// Chunks kept in memory while a blob is read at several places at once: one for each stream of a patch, and
/// the places between two chunks.
const READ_CACHE: usize = 8;

/// Chunks of a pack that may take as long as one chunk alone. As many as are asked for one by one at the same time, so
/// that a pack is given up at the rate at which single chunks are: four in each `chunk_timeout`.
const CHUNKS_PER_TIMEOUT: usize = 4;

/// The network as the fetch room sees it, for one job.
#[derive(Debug, Clone)]
pub(super) struct SwarmPeers {
    network: Network,
    chunk_timeout: Duration,
    download: Arc<Limiter>,
    versions: Versions,
}

impl SwarmPeers {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            network: context.network.clone(),
            chunk_timeout: context.chunk_timeout,
            download: context.download.clone(),
            versions: Versions::new(context.packs.clone()),
        }
    }

    /// Peers connected now that speak Updraft, the best behaved first.
    pub(super) async fn connected(&self) -> Vec<PeerId> {
        let Ok(mut peers) = self.network.peers().await else { return Vec::new() };
        peers.iter().filter(|peer| peer.direction.is_some()).for_each(|peer| self.note(peer));
        peers.retain(|peer| peer.direction.is_some() && peer.speaks_updraft != Some(false));
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.score));
        peers.into_iter().take(MAX_ASKED).map(|peer| peer.id).collect()
    }

    /// Peers that the DHT names as holders.
    pub(super) async fn named_by_dht(&self, blob: Digest) -> Vec<PeerId> {
        match self.network.providers(blob).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%blob, %error, "the DHT names nobody");
                Vec::new()
            }
        }
    }

    /// Learns what a peer offers, unless that is known. It has just answered, so it is connected.
    async fn assess(&self, peer: PeerId) {
        if !self.versions.wants_to_know(peer) {
            return;
        }
        let Ok(peers) = self.network.peers().await else { return };
        peers.iter().filter(|info| info.id == peer).for_each(|info| self.note(info));
    }

    fn note(&self, peer: &PeerInfo) {
        self.versions.note(peer.id, packed::offers_packs(peer));
    }

    /// Asks in the newest version that both speak.
    async fn ask(
        &self,
        peer: PeerId,
        request: TransferRequest,
    ) -> Result<TransferAnswer, PeerError> {
        if !self.versions.speaks_packs(peer) {
            return self.singly(peer, request).await;
        }
        match self.packed(peer, PackedRequest::One(request), 1).await? {
            Some(PackedAnswer::One(answer)) => Ok(answer),
            Some(PackedAnswer::Chunks(_)) => {
                self.accuse(peer, Lie::WrongAnswer);
                Err(PeerError::Malformed)
            }
            None => self.singly(peer, request).await,
        }
    }

    /// Asks in the first version.
    async fn singly(
        &self,
        peer: PeerId,
        request: TransferRequest,
    ) -> Result<TransferAnswer, PeerError> {
        let asked = async {
            let answer = self.network.transfer(peer, request).await;
            if matches!(answer, Err(RequestError::Refused { .. })) {
                self.versions.note_silence(peer);
            }
            answer
        };
        self.within(1, asked).await
    }

    /// Asks in the second version; `None` if the peer does not speak it, or not yet: it may not have heard of the
    /// decision that this node acts by. Then the same may be asked singly.
    async fn packed(
        &self,
        peer: PeerId,
        request: PackedRequest,
        chunks: usize,
    ) -> Result<Option<PackedAnswer>, PeerError> {
        let asked = async {
            match self.network.pack(peer, request).await {
                Err(RequestError::Refused { .. } | RequestError::Unsupported { .. }) => {
                    self.versions.note_refusal(peer);
                    Ok(None)
                }
                answer => answer.map(Some),
            }
        };
        self.within(chunks, asked).await
    }

    /// Waits for an answer with so many chunks.
    async fn within<A>(
        &self,
        chunks: usize,
        asked: impl Future<Output = Result<A, RequestError>>,
    ) -> Result<A, PeerError> {
        let patience = patience(self.chunk_timeout, chunks);
        let answer = tokio::time::timeout(patience, asked).await.map_err(|_| PeerError::Timeout)?;
        answer.map_err(|error| match error {
            RequestError::Timeout { .. } => PeerError::Timeout,
            RequestError::Malformed { .. } => PeerError::Malformed,
            RequestError::Stopped(_) => PeerError::Stopped,
            RequestError::Unreachable { .. }
            | RequestError::Refused { .. }
            | RequestError::Unsupported { .. }
            | RequestError::Unsendable { .. }
            | RequestError::Overloaded { .. } => PeerError::Unreachable,
        })
    }

    /// Taking chunks more slowly keeps the rate: the next ones are asked for when these are through.
    async fn pass(&self, bytes: usize) {
        self.download.pass(bytes as u64, Duration::MAX).await;
    }
}

/// How long an answer with so many chunks may take.
fn patience(chunk_timeout: Duration, chunks: usize) -> Duration {
    let times = u32::try_from(chunks.div_ceil(CHUNKS_PER_TIMEOUT)).unwrap_or(u32::MAX);
    chunk_timeout.saturating_mul(times.max(1))
}

impl Peers for SwarmPeers {
    type Id = PeerId;

    async fn transfer(
        &self,
        peer: PeerId,
        request: TransferRequest,
    ) -> Result<TransferAnswer, PeerError> {
        let answer = self.ask(peer, request).await?;
        match &answer {
            TransferAnswer::Chunk(bytes) => self.pass(bytes.len()).await,
            TransferAnswer::Have(_) => self.assess(peer).await,
            TransferAnswer::Object(_) | TransferAnswer::NotHeld | TransferAnswer::Busy => {}
        }
        Ok(answer)
    }

    fn pack(&self, peer: PeerId) -> usize {
        if self.versions.speaks_packs(peer) { MAX_PACK_CHUNKS } else { 1 }
    }

    async fn chunks(
        &self,
        peer: PeerId,
        blob: Digest,
        indices: Vec<u32>,
    ) -> Result<PackedAnswer, PeerError> {
        let request = PackedRequest::Chunks { blob, ranges: ChunkRange::pack(&indices) };
        let answer = match (self.packed(peer, request, indices.len()).await?, indices.first()) {
            (Some(answer), _) => answer,
            // The others are asked for one by one as well, now that it is known.
            (None, Some(index)) => {
                match self.singly(peer, TransferRequest::Chunk { blob, index: *index }).await? {
                    TransferAnswer::Chunk(bytes) => PackedAnswer::Chunks(vec![bytes]),
                    other => PackedAnswer::One(other),
                }
            }
            (None, None) => PackedAnswer::Chunks(Vec::new()),
        };
        if let PackedAnswer::Chunks(chunks) = &answer {
            self.pass(chunks.iter().map(Vec::len).sum()).await;
        }
        Ok(answer)
    }

    async fn holders(&self, blob: Digest) -> Vec<PeerId> {
        let (mut holders, named) = tokio::join!(self.connected(), self.named_by_dht(blob));
        holders.extend(named);
        holders.sort_unstable();
        holders.dedup();
        holders
    }

    fn accuse(&self, peer: PeerId, lie: Lie) {
        let conduct = match lie {
            Lie::WrongBytes => Conduct::BadChunk,
            Lie::WrongAnswer => Conduct::Malformed,
        };
        let network = self.network.clone();
        // At most one for each peer that a fetch knows, and ended at once.
        tokio::spawn(async move {
            if network.report(peer, conduct).await.is_err() {
                tracing::debug!(%peer, "the network has stopped; nobody left to tell");
            }
        });
    }
}

/// A blob under way, as the fetch room sees it.
#[derive(Debug)]
pub(super) struct Shelf {
    /// The blob.
    pub(super) blob: PartialBlob,
    /// What of it is needed; `None` if all is.
    pub(super) wanted: Option<Wanted>,
}

impl Chunks for Shelf {
    /// What is not needed is as good as held.
    fn held(&self) -> Vec<bool> {
        let mut held = self.blob.held();
        if let Some(wanted) = &self.wanted {
            held.iter_mut().zip(&*wanted.flags).for_each(|(held, wanted)| *held |= !wanted);
        }
        held
    }

    fn chunk_size(&self) -> u32 {
        self.blob.chunks().chunk_size
    }

    fn keep(&self, index: u32, bytes: &[u8]) -> Result<(), KeepError> {
        self.blob.write_chunk(index, bytes).map_err(|refused| {
            if refused.is_senders_fault() {
                KeepError::WrongDigest
            } else {
                KeepError::Store(Box::new(refused))
            }
        })
    }
}

/// A blob, read by position; every chunk is checked when it is read.
pub(super) struct StoredBlob {
    store: Store,
    digest: Digest,
    list: Arc<ChunkList>,
    cache: Mutex<VecDeque<(u32, Arc<Vec<u8>>)>>,
}

impl StoredBlob {
    /// Opens a blob; `None` if it is not complete here.
    pub(super) fn open(
        store: &Store,
        digest: Digest,
    ) -> Result<Option<Self>, crate::store::StoreError> {
        if !store.has_blob(&digest) {
            return Ok(None);
        }
        let list = store.chunk_list(&digest)?;
        Ok(list.map(|list| Self { store: store.clone(), digest, list, cache: Mutex::default() }))
    }

    /// A blob of which only some chunks are here; reading others is an error. It can be read for as long as somebody
    /// has a handle on it.
    pub(super) fn in_part(store: &Store, partial: &PartialBlob) -> Self {
        let list = Arc::new(partial.chunks().clone());
        Self { store: store.clone(), digest: partial.blob().digest, list, cache: Mutex::default() }
    }

    fn chunk(&self, index: u32) -> io::Result<Arc<Vec<u8>>> {
        let mut cache = lock(&self.cache);
        if let Some((_, bytes)) = cache.iter().find(|(cached, _)| *cached == index) {
            return Ok(bytes.clone());
        }
        let read = self.store.read_chunk(&self.digest, index).map_err(io::Error::other)?;
        let rotten = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("chunk {index} of the blob is missing or damaged"),
            )
        };
        let bytes = Arc::new(read.ok_or_else(rotten)?);
        if cache.len() >= READ_CACHE {
            cache.pop_front();
        }
        cache.push_back((index, bytes.clone()));
        Ok(bytes)
    }
}

impl ReadAt for StoredBlob {
    fn size(&self) -> u64 {
        self.list.blob_size
    }

    fn read_exact_at(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            let size = u64::from(self.list.chunk_size);
            let index = u32::try_from(offset / size)
                .map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            if offset >= self.list.blob_size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let chunk = self.chunk(index)?;
            let start = usize::try_from(offset % size).map_err(io::Error::other)?;
            let piece = chunk.get(start..).unwrap_or_default();
            let len = piece.len().min(out.len());
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (head, rest) = out.split_at_mut(len);
            head.copy_from_slice(&piece[..len]);
            out = rest;
            offset += len as u64;
        }
        Ok(())
    }
}

impl ReadAt for crate::install::Contents {
    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        Self::read_exact_at(self, offset, out)
    }
}

#[cfg(test)]
#[path = "adapters_tests.rs"]
mod tests;
