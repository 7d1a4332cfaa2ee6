//! What the tests of a fetch share: a place for chunks that knows the right ones, and time that passes.

use std::{
    future,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Chunks, KeepError};

/// The one right chunk of this number.
pub(super) fn chunk(index: u32) -> Vec<u8> {
    format!("chunk {index}").into_bytes()
}

/// So much time passes: at once, where time is paused.
pub(super) async fn passes(time: Duration) {
    let waited = tokio::time::timeout(time, future::pending::<()>()).await;
    assert!(waited.is_err(), "only time ends this");
}

/// Chunks of one blob, none of which is there at first.
pub(super) struct Shelf {
    held: Mutex<Vec<bool>>,
    chunk_size: u32,
}

impl Shelf {
    pub(super) fn new(chunks: usize, chunk_size: u32) -> Arc<Self> {
        Arc::new(Self { held: Mutex::new(vec![false; chunks]), chunk_size })
    }

    pub(super) fn is_full(&self) -> bool {
        self.held().iter().all(|held| *held)
    }
}

impl Chunks for Shelf {
    fn held(&self) -> Vec<bool> {
        self.held.lock().expect("not poisoned").clone()
    }

    fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    fn keep(&self, index: u32, bytes: &[u8]) -> Result<(), KeepError> {
        if bytes != chunk(index) {
            return Err(KeepError::WrongDigest);
        }
        self.held.lock().expect("not poisoned")[usize::try_from(index).expect("small")] = true;
        Ok(())
    }
}
