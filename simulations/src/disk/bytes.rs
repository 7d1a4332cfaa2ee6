//! The bytes of one file: what is read, and what a power cut would leave of it.
//!
//! Pure. What was written since the last sync may be lost from any byte on; where its end is lost, zeros may lie in
//! its place. What a failed sync was to make durable stays readable and is never made durable by another one:
//! Linux marks such pages clean.

use std::sync::Arc;

use super::loss::{Choices, Part};

/// The bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Bytes {
    /// What survives in any case.
    kept: Arc<[u8]>,
    /// What is read, where it is not `kept`.
    seen: Option<Vec<u8>>,
    /// What was done since the last sync.
    pending: Vec<Edit>,
    /// A sync failed: `seen` is not what `kept` and `pending` make.
    has_lost: bool,
}

#[derive(Debug, Clone)]
enum Edit {
    Write { at: usize, bytes: Box<[u8]> },
    Resize(usize),
}

impl Edit {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => write(to, *at, bytes),
            Self::Resize(size) => to.resize(*size, 0),
        }
    }
}

fn write(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at.saturating_add(bytes.len());
    if to.len() < end {
        to.resize(end, 0);
    }
    to[at..end].copy_from_slice(bytes);
}

impl Bytes {
    /// A file of these bytes, durable.
    pub(super) fn of(bytes: Arc<[u8]>) -> Self {
        Self { kept: bytes, seen: None, pending: Vec::new(), has_lost: false }
    }

    /// What is read.
    pub(super) fn seen(&self) -> &[u8] {
        self.seen.as_deref().unwrap_or(&self.kept)
    }

    /// Writes; a gap before `at` is filled with zeros.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.edit(Edit::Write { at, bytes: bytes.into() });
        }
    }

    /// Cuts, or fills up with zeros.
    pub(super) fn resize(&mut self, size: usize) {
        self.edit(Edit::Resize(size));
    }

    fn edit(&mut self, edit: Edit) {
        edit.apply(self.seen.get_or_insert_with(|| self.kept.to_vec()));
        self.pending.push(edit);
    }

    /// Makes durable what no earlier sync has lost.
    pub(super) fn sync(&mut self) {
        if self.has_lost {
            let mut kept = self.kept.to_vec();
            self.pending.iter().for_each(|edit| edit.apply(&mut kept));
            self.kept = kept.into();
        } else if let Some(seen) = self.seen.take() {
            self.kept = seen.into();
        }
        self.pending.clear();
    }

    /// A sync that fails: what it was for is readable, and lost.
    pub(super) fn fail_to_sync(&mut self) {
        self.has_lost |= !self.pending.is_empty();
        self.pending.clear();
    }

    /// What is left after a power cut.
    pub(super) fn after_cut(&self, choices: &mut Choices) -> Arc<[u8]> {
        if self.pending.is_empty() {
            return Arc::clone(&self.kept);
        }
        let mut left = self.kept.to_vec();
        let whole = choices.survivors(Part::Data, self.pending.len());
        self.pending[..whole].iter().for_each(|edit| edit.apply(&mut left));
        if let Some(Edit::Write { at, bytes }) = self.pending.get(whole) {
            let torn = choices.survivors(Part::Data, bytes.len());
            write(&mut left, *at, &bytes[..torn]);
            let size = self.seen().len();
            if left.len() < size && choices.size_outlives_bytes() {
                left.resize(size, 0);
            }
        }
        left.into()
    }
}
