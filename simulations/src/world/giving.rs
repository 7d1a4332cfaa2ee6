//! What nodes give of the bytes that they have, and how liars give.

use updraft_protocol::{Digest, Holding, PackedAnswer, TransferAnswer, TransferRequest};

use super::{
    World,
    talk::{Answer, QUESTION, RIGHT, WRONG},
};
use crate::scenario::{Hostility, Role};

/// What a node serves at once to one peer and to all, by weight (`network/serving.rs`).
const MAX_WEIGHT_PER_PEER: u32 = 8;
const MAX_WEIGHT: u32 = 64;

impl World {
    /// Bytes, or what it holds.
    pub(super) fn give(&mut self, node: u32, request: &TransferRequest) -> Option<(Answer, u64)> {
        let this = &self.nodes[node as usize];
        let no = || (Answer::Transfer(TransferAnswer::NotHeld), QUESTION);
        if this.character.role == Role::Client {
            return Some(no());
        }
        match request {
            TransferRequest::Object(digest) => {
                let bytes =
                    this.objects.get(digest).and_then(|digest| self.releases.object_bytes(digest));
                let Some(bytes) = bytes else { return Some(no()) };
                let size = bytes.len() as u64;
                Some((Answer::Transfer(TransferAnswer::Object(bytes.to_vec())), size))
            }
            TransferRequest::Have(digest) => {
                let holding = match this.hostile {
                    Some(Hostility::Pretend) => Holding::Everything,
                    _ => this.holding(digest),
                };
                let size = match &holding {
                    Holding::Some(bits) => bits.len() as u64,
                    _ => 1,
                };
                if holding == Holding::Nothing {
                    return Some(no());
                }
                Some((Answer::Transfer(TransferAnswer::Have(holding)), QUESTION + size))
            }
            TransferRequest::Chunk { blob, index } => {
                if this.hostile == Some(Hostility::Stall) {
                    return None;
                }
                let Some(size) = self.chunk(node, blob, *index) else { return Some(no()) };
                self.node(node).counters.gave += size;
                let byte = self.truth(node);
                Some((Answer::Transfer(TransferAnswer::Chunk(vec![byte])), size))
            }
        }
    }

    /// Many chunks at once.
    pub(super) fn give_pack(
        &mut self,
        node: u32,
        blob: Digest,
        chunks: &[u32],
    ) -> Option<(Answer, u64)> {
        let this = &self.nodes[node as usize];
        if this.character.role == Role::Client {
            return Some((Answer::Packed(PackedAnswer::Chunks(Vec::new())), QUESTION));
        }
        if this.hostile == Some(Hostility::Stall) {
            return None;
        }
        let sizes: Vec<u64> =
            chunks.iter().map_while(|index| self.chunk(node, &blob, *index)).collect();
        let size = sizes.iter().sum::<u64>();
        self.node(node).counters.gave += size;
        let byte = self.truth(node);
        let given = sizes.iter().map(|_| vec![byte]).collect();
        Some((Answer::Packed(PackedAnswer::Chunks(given)), size + QUESTION))
    }

    fn truth(&self, node: u32) -> u8 {
        if self.nodes[node as usize].hostile == Some(Hostility::Corrupt) { WRONG } else { RIGHT }
    }

    /// Bytes of a chunk that a node gives.
    fn chunk(&self, node: u32, blob: &Digest, index: u32) -> Option<u64> {
        let this = &self.nodes[node as usize];
        let made = self.releases.find(blob)?;
        let span = made.list.span(index)?;
        let held = this.shelves.get(blob).is_some_and(|shelf| {
            shelf.is_complete || shelf.held.get(index as usize).copied().unwrap_or(false)
        });
        (held || this.hostile == Some(Hostility::Corrupt)).then_some(u64::from(span.len))
    }

    /// Whether a request of this weight finds a place, beside those of the peer and of all others.
    pub(super) fn has_room(&self, node: u32, from: u32, weight: u32) -> bool {
        let Some(running) = &self.nodes[node as usize].running else { return false };
        let own = running.serving.get(&from).copied().unwrap_or(0);
        let all: u32 = running.serving.values().sum();
        own + weight <= MAX_WEIGHT_PER_PEER && all + weight <= MAX_WEIGHT
    }
}
