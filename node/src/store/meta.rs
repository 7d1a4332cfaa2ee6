//! The metadata database: names of its trees, forms of its keys, typed reading and writing.
//!
//! Nothing else in the program names sled, so it can be replaced here. Whatever a promise depends on is
//! flushed before the function returns; there is no background flusher.

use std::{
    fs::{File, TryLockError},
    ops::Bound,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use updraft_protocol::{
    Blob, ChannelName, ComponentName, Digest, Hasher, Head, Manifest, ObjectRef, Signed, Statement,
    codec::{self, Wire},
};

use super::{
    error::StoreError,
    records::{CastBallot, ComponentRecord, HistoryEntry, Record as _, Vouched},
};

/// Page cache: the database holds kilobytes, and an idle node should stay small.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// How long a database that was closed is waited for, at most.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LET_GO_LOOK: Duration = Duration::from_millis(5);
/// Lines of history kept; the oldest goes when another comes.
pub const MAX_HISTORY: u64 = 10_000;

/// The open database.
#[derive(Debug)]
pub(super) struct Meta {
    db: sled::Db,
    /// `schema` → version, 4 bytes big endian.
    about: sled::Tree,
    /// channel, 0, sequence number (8 bytes big endian) → signed head.
    heads: sled::Tree,
    /// what a statement takes the place of (see [`slot`]) → statement.
    statements: sled::Tree,
    /// channel → what this node vouched for last, as a witness.
    vouched: sled::Tree,
    /// proposal → how this node voted last on it.
    cast: sled::Tree,
    /// digest → signed manifest.
    manifests: sled::Tree,
    /// component → record.
    components: sled::Tree,
    /// running number (8 bytes big endian) → entry.
    history: sled::Tree,
    /// digest → size, digest and size of its chunk list.
    blobs: sled::Tree,
}

/// What a statement takes the place of: a witness's word that of its last one on the same channel, a builder's that
/// of its last one on the same release, anything else only itself. So they do not pile up.
fn slot(statement: &Statement) -> Digest {
    let name = match statement {
        Statement::Heartbeat(signed) => signed.peek().ok().map(|word| {
            vec![statement.kind().to_owned(), word.by.to_hex(), word.channel.to_string()]
        }),
        Statement::Attestation(signed) => signed.peek().ok().map(|word| {
            let release = [word.component.to_string(), word.target.to_string()];
            let [component, target] = release;
            let by = word.by.to_hex();
            vec![statement.kind().to_owned(), by, component, target, word.version.to_string()]
        }),
        _ => None,
    };
    let Some(name) = name else { return statement.id() };
    let mut hasher = Hasher::new();
    for word in name {
        hasher.update(word.as_bytes());
        hasher.update(b"\0");
    }
    hasher.finish()
}

fn failed(action: &'static str) -> impl FnOnce(sled::Error) -> StoreError {
    move |source| StoreError::Database { action, source: Box::new(source) }
}

/// Waits until the database's file is let go of. A thread of sled may hold it, and its lock, for a moment after the
/// database was closed (its issue 1234), and a program that was started meanwhile until it runs. The caller holds the
/// lock of the data directory, so nobody else has it open. Whatever else is wrong, opening it tells.
#[expect(clippy::disallowed_methods, reason = "sleeps between two looks, never instead of one")]
fn wait_until_let_go(path: &Path) {
    let Ok(file) = File::open(path.join("db")) else { return };
    let begun = Instant::now();
    while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        if begun.elapsed() > LET_GO_WITHIN {
            return;
        }
        thread::sleep(LET_GO_LOOK);
    }
}

impl Meta {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        wait_until_let_go(path);
        let db = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(None)
            .open()
            .map_err(failed("open"))?;
        let tree = |name: &str| db.open_tree(name).map_err(failed("open a tree of"));
        Ok(Self {
            about: tree("about")?,
            heads: tree("heads")?,
            statements: tree("statements")?,
            vouched: tree("vouched")?,
            cast: tree("cast")?,
            manifests: tree("manifests")?,
            components: tree("components")?,
            history: tree("history")?,
            blobs: tree("blobs")?,
            db,
        })
    }

    /// Puts something else in place of a row.
    #[cfg(test)]
    pub(super) fn damage(&self, tree: &str, key: &[u8], row: &[u8]) {
        let tree = self.db.open_tree(tree).expect("a tree");
        self.put(&tree, key, row.to_vec()).expect("writes");
    }

    fn put(&self, tree: &sled::Tree, key: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
        tree.insert(key, value).map_err(failed("write to"))?;
        self.flush()
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(failed("flush"))
    }

    pub(super) fn schema(&self) -> Result<Option<u32>, StoreError> {
        let Some(bytes) = get(&self.about, b"schema")? else { return Ok(None) };
        let bytes = bytes.as_ref().try_into().map_err(|_| StoreError::BadRecord {
            what: "the schema".to_owned(),
            reason: format!("it has {} bytes, not 4", bytes.len()),
        })?;
        Ok(Some(u32::from_be_bytes(bytes)))
    }

    pub(super) fn put_schema(&self, version: u32) -> Result<(), StoreError> {
        self.put(&self.about, b"schema", version.to_be_bytes().to_vec())
    }

    /// A number that was kept by name.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let Some(bytes) = get(&self.about, name.as_bytes())? else { return Ok(None) };
        let bytes = bytes.as_ref().try_into().map_err(|_| StoreError::BadRecord {
            what: format!("the number `{name}`"),
            reason: format!("it has {} bytes, not 8", bytes.len()),
        })?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }

    pub(super) fn put_number(&self, name: &str, number: u64) -> Result<(), StoreError> {
        self.put(&self.about, name.as_bytes(), number.to_be_bytes().to_vec())
    }

    pub(super) fn put_statement(&self, statement: &Statement) -> Result<(), StoreError> {
        self.put(&self.statements, slot(statement).as_bytes(), encode(statement)?)
    }

    pub(super) fn remove_statement(&self, statement: &Statement) -> Result<(), StoreError> {
        let (slot, is_it) = (slot(statement), Some(encode(statement)?));
        // What took its place stays.
        let gone: Option<&[u8]> = None;
        self.statements
            .compare_and_swap(slot.as_bytes(), is_it, gone)
            .map_err(failed("remove from"))?
            .ok();
        self.flush()
    }

    pub(super) fn statements(&self) -> Result<Vec<Statement>, StoreError> {
        let decoded = self.statements.iter().map(|row| {
            let (key, value) = row.map_err(failed("read"))?;
            decode(|| format!("statement {key:02x?}"), &value)
        });
        decoded.collect()
    }

    pub(super) fn put_vouched(
        &self,
        channel: &ChannelName,
        vouched: &Vouched,
    ) -> Result<(), StoreError> {
        self.put(&self.vouched, channel.as_str().as_bytes(), vouched.encode())
    }

    pub(super) fn vouched(&self) -> Result<Vec<(ChannelName, Vouched)>, StoreError> {
        let read = self.vouched.iter().map(|row| {
            let (key, value) = row.map_err(failed("read"))?;
            let channel: ChannelName = parse_key(&key)?;
            let what = || format!("what was vouched for on `{channel}`");
            let vouched = Vouched::decode(what, &value)?;
            Ok((channel, vouched))
        });
        read.collect()
    }

    pub(super) fn put_cast(&self, proposal: &Digest, cast: &CastBallot) -> Result<(), StoreError> {
        self.put(&self.cast, proposal.as_bytes(), cast.encode())
    }

    pub(super) fn cast(&self) -> Result<Vec<(Digest, CastBallot)>, StoreError> {
        let read = self.cast.iter().map(|row| {
            let (key, value) = row.map_err(failed("read"))?;
            let bytes: [u8; 32] = key.as_ref().try_into().map_err(|_| StoreError::BadRecord {
                what: "a ballot of this node".to_owned(),
                reason: format!("its key has {} bytes, not 32", key.len()),
            })?;
            let proposal = Digest::from_bytes(bytes);
            let what = || format!("the ballot of this node on {proposal}");
            Ok((proposal, CastBallot::decode(what, &value)?))
        });
        read.collect()
    }

    /// Removes the heads of a channel from number `seq` on, all or none.
    pub(super) fn remove_heads_from(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let from = Bound::Included(head_key(channel, seq));
        let to = Bound::Included(head_key(channel, u64::MAX));
        for row in self.heads.range::<Vec<u8>, _>((from, to)) {
            batch.remove(row.map_err(failed("read"))?.0);
        }
        self.heads.apply_batch(batch).map_err(failed("write to"))?;
        self.flush()
    }

    pub(super) fn put_head(
        &self,
        channel: &ChannelName,
        seq: u64,
        head: &Signed<Head>,
    ) -> Result<(), StoreError> {
        self.put(&self.heads, &head_key(channel, seq), encode(head)?)
    }

    pub(super) fn head(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<Option<Signed<Head>>, StoreError> {
        let found = get(&self.heads, &head_key(channel, seq))?;
        found.map(|bytes| decode(|| format!("head {seq} of `{channel}`"), &bytes)).transpose()
    }

    pub(super) fn newest_seq(&self, channel: &ChannelName) -> Result<Option<u64>, StoreError> {
        let newest = self.heads.scan_prefix(head_prefix(channel)).next_back();
        let Some((key, _)) = newest.transpose().map_err(failed("read"))? else { return Ok(None) };
        running_number(&key, "a head").map(Some)
    }

    /// Heads after `seq` in order, at most `max_count` of them and at most `max_bytes` of their encodings.
    pub(super) fn heads_after(
        &self,
        channel: &ChannelName,
        seq: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Signed<Head>>, StoreError> {
        let from = Bound::Excluded(head_key(channel, seq));
        let to = Bound::Included(head_key(channel, u64::MAX));
        let (mut heads, mut bytes) = (Vec::new(), 0_usize);
        for row in self.heads.range::<Vec<u8>, _>((from, to)).take(max_count) {
            let (key, value) = row.map_err(failed("read"))?;
            bytes = bytes.saturating_add(value.len());
            if bytes > max_bytes {
                break;
            }
            let what = || format!("head {} of `{channel}`", running_number(&key, "").unwrap_or(0));
            heads.push(decode(what, &value)?);
        }
        Ok(heads)
    }

    pub(super) fn channels(&self) -> Result<Vec<ChannelName>, StoreError> {
        let mut channels = Vec::new();
        let mut next = self.heads.iter().keys().next();
        while let Some(key) = next.transpose().map_err(failed("read"))? {
            let name = key.split(|byte| *byte == 0).next().unwrap_or_default();
            let channel: ChannelName = parse_key(name)?;
            let after = Bound::Excluded(head_key(&channel, u64::MAX));
            channels.push(channel);
            next = self.heads.range::<Vec<u8>, _>((after, Bound::Unbounded)).keys().next();
        }
        Ok(channels)
    }

    pub(super) fn put_manifest(&self, manifest: &Signed<Manifest>) -> Result<(), StoreError> {
        self.put(&self.manifests, manifest.digest().as_bytes(), encode(manifest)?)
    }

    pub(super) fn manifest(&self, digest: &Digest) -> Result<Option<Signed<Manifest>>, StoreError> {
        let found = get(&self.manifests, digest.as_bytes())?;
        found.map(|bytes| decode(|| format!("manifest {digest}"), &bytes)).transpose()
    }

    pub(super) fn manifests(&self) -> Result<Vec<Signed<Manifest>>, StoreError> {
        let decoded = self.manifests.iter().map(|row| {
            let (key, value) = row.map_err(failed("read"))?;
            decode(|| format!("manifest {key:02x?}"), &value)
        });
        decoded.collect()
    }

    pub(super) fn remove_manifest(&self, digest: &Digest) -> Result<(), StoreError> {
        self.manifests.remove(digest.as_bytes()).map_err(failed("remove from"))?;
        self.flush()
    }

    pub(super) fn put_component(
        &self,
        name: &ComponentName,
        record: &ComponentRecord,
    ) -> Result<(), StoreError> {
        self.put(&self.components, name.as_str().as_bytes(), record.encode())
    }

    pub(super) fn component(
        &self,
        name: &ComponentName,
    ) -> Result<Option<ComponentRecord>, StoreError> {
        let found = get(&self.components, name.as_str().as_bytes())?;
        let read =
            |bytes: sled::IVec| ComponentRecord::decode(|| format!("component `{name}`"), &bytes);
        found.map(read).transpose()
    }

    pub(super) fn components(&self) -> Result<Vec<(ComponentName, ComponentRecord)>, StoreError> {
        let read = self.components.iter().map(|row| {
            let (key, value) = row.map_err(failed("read"))?;
            let name: ComponentName = parse_key(&key)?;
            let record = ComponentRecord::decode(|| format!("component `{name}`"), &value)?;
            Ok((name, record))
        });
        read.collect()
    }

    /// Adds a line and lets the oldest go until at most `most` are left. Callers hold the lock of writers: the
    /// next number is read and then used.
    pub(super) fn append_history(&self, entry: &HistoryEntry, most: u64) -> Result<(), StoreError> {
        let end = |key: Option<_>| -> Result<Option<u64>, StoreError> {
            let Some((key, _)) = key else { return Ok(None) };
            let key: sled::IVec = key;
            running_number(&key, "the history").map(Some)
        };
        let last = end(self.history.last().map_err(failed("read"))?)?;
        let number = last.map_or(0, |last| last.saturating_add(1));
        self.history.insert(number.to_be_bytes(), entry.encode()).map_err(failed("write to"))?;
        while let Some(first) = end(self.history.first().map_err(failed("read"))?)?
            && number - first >= most
        {
            self.history.remove(first.to_be_bytes()).map_err(failed("remove from"))?;
        }
        self.flush()
    }

    /// Entries from the newest on.
    pub(super) fn history(
        &self,
        component: Option<&ComponentName>,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let mut entries = Vec::new();
        for row in self.history.iter().rev() {
            if entries.len() >= limit {
                break;
            }
            let (_, value) = row.map_err(failed("read"))?;
            let entry = HistoryEntry::decode(|| "the history".to_owned(), &value)?;
            if component.is_none_or(|component| entry.component == *component) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    pub(super) fn put_blob(&self, blob: &Blob) -> Result<(), StoreError> {
        let mut value = Vec::with_capacity(BLOB_ROW);
        value.extend(blob.size.to_be_bytes());
        value.extend(blob.chunks.digest.as_bytes());
        value.extend(blob.chunks.size.to_be_bytes());
        self.put(&self.blobs, blob.digest.as_bytes(), value)
    }

    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<Blob>, StoreError> {
        let Some(row) = get(&self.blobs, digest.as_bytes())? else { return Ok(None) };
        let blob = split_blob_row(*digest, &row).ok_or_else(|| StoreError::BadRecord {
            what: format!("blob {digest}"),
            reason: format!("it has {} bytes, not {BLOB_ROW}", row.len()),
        })?;
        Ok(Some(blob))
    }

    pub(super) fn remove_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        self.blobs.remove(digest.as_bytes()).map_err(failed("remove from"))?;
        self.flush()
    }
}

/// Bytes of a row of the tree `blobs`.
const BLOB_ROW: usize = 8 + 32 + 4;

fn split_blob_row(digest: Digest, row: &[u8]) -> Option<Blob> {
    let (size, rest) = row.split_first_chunk::<8>()?;
    let (list, rest) = rest.split_first_chunk::<32>()?;
    let (list_size, rest) = rest.split_first_chunk::<4>()?;
    let chunks =
        ObjectRef { digest: Digest::from_bytes(*list), size: u32::from_be_bytes(*list_size) };
    rest.is_empty().then(|| Blob { digest, size: u64::from_be_bytes(*size), chunks })
}

fn get(tree: &sled::Tree, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
    tree.get(key).map_err(failed("read"))
}

/// A name never has a 0 in it, so no channel's keys lie among another's.
fn head_prefix(channel: &ChannelName) -> Vec<u8> {
    [channel.as_str().as_bytes(), &[0]].concat()
}

fn head_key(channel: &ChannelName, seq: u64) -> Vec<u8> {
    [head_prefix(channel).as_slice(), &seq.to_be_bytes()].concat()
}

/// The number at the end of a key.
fn running_number(key: &[u8], what: &str) -> Result<u64, StoreError> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(|| {
        StoreError::BadRecord { what: what.to_owned(), reason: "its key is too short".to_owned() }
    })
}

fn parse_key<T: std::str::FromStr<Err: std::fmt::Display>>(key: &[u8]) -> Result<T, StoreError> {
    let text = String::from_utf8_lossy(key);
    text.parse().map_err(|error: T::Err| StoreError::BadRecord {
        what: format!("`{}`", text.escape_default()),
        reason: error.to_string(),
    })
}

fn encode<T: Wire>(value: &T) -> Result<Vec<u8>, StoreError> {
    codec::encode(value).map_err(StoreError::Encode)
}

fn decode<T: Wire>(what: impl FnOnce() -> String, bytes: &[u8]) -> Result<T, StoreError> {
    codec::decode(bytes)
        .map_err(|error| StoreError::BadRecord { what: what(), reason: error.to_string() })
}
