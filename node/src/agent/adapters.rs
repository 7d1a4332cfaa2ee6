//! Plugs the network and the store into what the fetch room and the delta crate ask for.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use updraft_delta::ReadAt;
use updraft_protocol::{ChunkList, Digest, TransferAnswer, TransferRequest};

use super::{context::lock, limiter::Limiter};
use crate::{
    fetch::{Chunks, KeepError, Lie, PeerError, Peers},
    network::{Conduct, Network, PeerId, RequestError},
    store::{PartialBlob, Store},
};

/// Peers asked what they hold when a fetch begins or runs dry.
pub(super) const MAX_ASKED: usize = 32;
/// Chunks kept in memory while a blob is read at several places at once: one for each stream of a patch, and
/// the places between two chunks.
const READ_CACHE: usize = 8;

/// The network as the fetch room sees it.
#[derive(Debug, Clone)]
pub(super) struct SwarmPeers {
    pub(super) network: Network,
    pub(super) chunk_timeout: Duration,
    pub(super) download: Arc<Limiter>,
}

impl SwarmPeers {
    /// Peers connected now that speak Updraft, the best behaved first.
    pub(super) async fn connected(&self) -> Vec<PeerId> {
        let Ok(mut peers) = self.network.peers().await else { return Vec::new() };
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
}

impl Peers for SwarmPeers {
    type Id = PeerId;

    async fn transfer(
        &self,
        peer: PeerId,
        request: TransferRequest,
    ) -> Result<TransferAnswer, PeerError> {
        let asked = self.network.transfer(peer, request);
        let answer = tokio::time::timeout(self.chunk_timeout, asked)
            .await
            .map_err(|_| PeerError::Timeout)?;
        if let Ok(TransferAnswer::Chunk(bytes)) = &answer {
            // Taking chunks more slowly keeps the rate: the next one is asked for when this one is through.
            self.download.pass(bytes.len() as u64, Duration::MAX).await;
        }
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
pub(super) struct Shelf(pub(super) PartialBlob);

impl Chunks for Shelf {
    fn held(&self) -> Vec<bool> {
        self.0.held()
    }

    fn keep(&self, index: u32, bytes: &[u8]) -> Result<(), KeepError> {
        self.0.write_chunk(index, bytes).map_err(|refused| {
            if refused.is_senders_fault() {
                KeepError::WrongDigest
            } else {
                KeepError::Store(Box::new(refused))
            }
        })
    }
}

/// A complete blob, read by position; every chunk is checked when it is read.
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

    fn chunk(&self, index: u32) -> io::Result<Arc<Vec<u8>>> {
        let mut cache = lock(&self.cache);
        if let Some((_, bytes)) = cache.iter().find(|(cached, _)| *cached == index) {
            return Ok(bytes.clone());
        }
        let read = self.store.read_chunk(&self.digest, index).map_err(io::Error::other)?;
        let rotten = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("chunk {index} of the blob is damaged"),
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

/// An open file, read by position.
#[derive(Debug)]
pub(super) struct PlainFile {
    file: std::fs::File,
    size: u64,
}

impl PlainFile {
    pub(super) fn new(file: std::fs::File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for PlainFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, out, offset)
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
