//! What was believed: the chain of roots as files, heads and manifests in the database.
//!
//! Keeps order and refuses to forget; verifies no signature. Who hands something in has verified it and says which
//! signatures were good, and who reads something verifies it again by the root it trusts. Every accepting function
//! returns after the thing is durable, because the node then tells others of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use updraft_protocol::{
    ChannelBase, ChannelName, Digest, Head, KeyId, Manifest, NetworkName, Root, Signable, Signed,
    Stance, Statement, Timestamp,
    codec::{self, Wire as _},
};

use super::{
    CastBallot, Store, Vouched,
    disk::{self, lock},
    error::StoreError,
};

/// Newest heads that are looked up when a node starts: enough to notice a contradiction with what peers still talk
/// of, and to see whether a new root's base leads to the newest.
const LINKS: usize = 1_024;

/// Numbers that are kept by name.
const TIME: &str = "time";
const HEIGHT: &str = "height";

/// The name of the epoch in which a decision was learnt.
fn learnt(decision: &Digest) -> String {
    format!("learnt/{decision}")
}

/// A head that is kept, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLink {
    /// Its digest.
    pub digest: Digest,
    /// The keys that signed it.
    pub signers: BTreeSet<KeyId>,
}

/// The one network of this store and how many roots it has.
#[derive(Debug)]
pub(super) struct Trusted {
    name: NetworkName,
    roots: u64,
}

/// Finds the trusted network. `None`: a store that has not joined one.
pub(super) fn find(trust: &Path) -> Result<Option<Trusted>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(trust).map_err(StoreError::io("list", trust))? {
        let entry = entry.map_err(StoreError::io("list", trust))?;
        if entry.path().join("root.1").exists() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort();
    if names.len() > 1 {
        return Err(StoreError::SeveralNetworks { names });
    }
    let Some(name) = names.pop() else { return Ok(None) };
    let folder = trust.join(&name);
    disk::remove_leftovers(&folder)?;
    let name = name.parse().map_err(|_| StoreError::DamagedRoot {
        path: folder.clone(),
        reason: "its name is no network's".to_owned(),
    })?;
    let mut roots = 1;
    while root_path(&folder, roots + 1).exists() {
        roots += 1;
    }
    Ok(Some(Trusted { name, roots }))
}

fn root_path(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("root.{version}"))
}

/// What is held with the signatures of these keys, which are good, from another copy of it; `None` if it has them
/// already. Signatures rot, and peers add worthless ones: only one that was found good takes the place of another.
fn mended<T: Signable + Clone>(
    held: &Signed<T>,
    offered: &Signed<T>,
    signers: &BTreeSet<KeyId>,
) -> Option<Signed<T>> {
    let mut whole = held.clone();
    whole.adopt(offered, signers);
    if whole.signatures() == held.signatures() {
        return None;
    }
    // So many worthless ones are held that the good ones find no place beside them.
    Some(if whole.check().is_err() { offered.clone() } else { whole })
}

impl Store {
    fn trust_folder(&self, name: &NetworkName) -> PathBuf {
        self.inner.data_dir.join("trust").join(name.as_str())
    }

    /// The name of the network that this store has joined.
    pub fn network(&self) -> Option<NetworkName> {
        lock(&self.inner.trusted).as_ref().map(|trusted| trusted.name.clone())
    }

    /// Keeps the next root. The first one decides which network this store is of.
    ///
    /// Keeping a root that is there does nothing; another one of its version is refused.
    pub fn append_root(&self, signed: &Signed<Root>) -> Result<(), StoreError> {
        let root = signed.peek().map_err(StoreError::Payload)?;
        let bytes = codec::encode(signed).map_err(StoreError::Encode)?;
        // Held while the file is written: two callers must not write one version.
        let mut trusted = lock(&self.inner.trusted);
        let have = trusted.as_ref().map_or(0, |trusted| trusted.roots);
        if let Some(name) = trusted.as_ref().map(|trusted| trusted.name.clone()) {
            let first = self.read_root(&name, 1)?.peek().map_err(StoreError::Payload)?;
            if first.network != root.network {
                return Err(StoreError::OtherNetwork { trusted: name.to_string() });
            }
            if root.version <= have {
                let same = self.read_root(&name, root.version)?.digest() == signed.digest();
                let differs = StoreError::RootDiffers { version: root.version };
                return if same { Ok(()) } else { Err(differs) };
            }
        }
        if root.version != have + 1 {
            return Err(StoreError::RootOrder { expected: have + 1, offered: root.version });
        }
        let name = trusted.as_ref().map_or(root.name, |trusted| trusted.name.clone());
        let folder = self.trust_folder(&name);
        disk::create_folder(&folder)?;
        disk::write_durable(&folder, &format!("root.{}", root.version), &bytes)?;
        *trusted = Some(Trusted { name, roots: root.version });
        Ok(())
    }

    fn read_root(&self, name: &NetworkName, version: u64) -> Result<Signed<Root>, StoreError> {
        let path = root_path(&self.trust_folder(name), version);
        let damaged = |reason: String| StoreError::DamagedRoot { path: path.clone(), reason };
        let bytes = disk::read_bounded(&path, Signed::<Root>::MAX)?
            .ok_or_else(|| damaged("it is gone".to_owned()))?;
        let signed: Signed<Root> =
            codec::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
        let root = signed.peek().map_err(|error| damaged(error.to_string()))?;
        if root.version != version {
            return Err(damaged(format!("it holds root {}", root.version)));
        }
        Ok(signed)
    }

    /// The roots after version `after`, in order, at most `max`.
    ///
    /// A damaged file is an error and never skipped: skipping it would bring revoked keys back.
    pub fn roots(&self, after: u64, max: usize) -> Result<Vec<Signed<Root>>, StoreError> {
        let (name, last) = match &*lock(&self.inner.trusted) {
            Some(trusted) => (trusted.name.clone(), trusted.roots),
            None => return Ok(Vec::new()),
        };
        let versions = after.saturating_add(1)..=last;
        versions.take(max).map(|version| self.read_root(&name, version)).collect()
    }

    /// The last root of the chain.
    pub fn newest_root(&self) -> Result<Option<Signed<Root>>, StoreError> {
        let last = lock(&self.inner.trusted).as_ref().map_or(0, |trusted| trusted.roots);
        Ok(self.roots(last.saturating_sub(1), 1)?.pop())
    }

    /// Keeps the next head of its channel, which begins at `base` if there is one.
    ///
    /// Of a head that is there the held copy stays, with the signatures of these `signers`, which are good, in place
    /// of its own; another head of its number, or a gap, is refused.
    pub fn accept_head(
        &self,
        signed: &Signed<Head>,
        signers: &BTreeSet<KeyId>,
        base: Option<&ChannelBase>,
    ) -> Result<(), StoreError> {
        let head = signed.peek().map_err(StoreError::Payload)?;
        let (channel, seq) = (head.channel, head.seq);
        let _writer = lock(&self.inner.writers);
        if let Some(held) = self.inner.meta.head(&channel, seq)? {
            if held.digest() != signed.digest() {
                return Err(StoreError::HeadDiffers { channel, seq });
            }
            let mended = mended(&held, signed, signers);
            return mended.map_or(Ok(()), |head| self.inner.meta.put_head(&channel, seq, &head));
        }
        let expected = self.inner.meta.newest_seq(&channel)?.map_or(1, |seq| seq.saturating_add(1));
        let at_base = base.is_some_and(|base| {
            (seq == base.seq && base.head == Some(signed.digest()))
                || (seq == base.seq.saturating_add(1) && base.head == head.prev)
        });
        if seq != expected && !at_base {
            return Err(StoreError::HeadOrder { channel, expected, offered: seq });
        }
        self.inner.meta.put_head(&channel, seq, signed)
    }

    /// Forgets the heads of a channel that do not lead on from `base` (`None`: all of them). Doing it again does
    /// nothing.
    pub fn begin_anew(
        &self,
        channel: &ChannelName,
        base: Option<&ChannelBase>,
    ) -> Result<(), StoreError> {
        let _writer = lock(&self.inner.writers);
        let from = match base {
            None => 0,
            Some(base) => {
                let held = self.inner.meta.head(channel, base.seq)?;
                let is_it = held.is_some_and(|held| base.head == Some(held.digest()));
                if is_it { base.seq.saturating_add(1) } else { base.seq }
            }
        };
        self.inner.meta.remove_heads_from(channel, from)
    }

    /// The newest heads of a channel in short, by number, with what `signers` finds out, and of the one at `at`, as far as they are kept.
    pub fn head_links(
        &self,
        channel: &ChannelName,
        at: u64,
        signers: impl Fn(&Signed<Head>) -> BTreeSet<KeyId>,
    ) -> Result<BTreeMap<u64, KeptLink>, StoreError> {
        let newest = self.inner.meta.newest_seq(channel)?.unwrap_or(0);
        let after = newest.saturating_sub(LINKS as u64);
        let heads = self.inner.meta.heads_after(channel, after, LINKS, usize::MAX)?;
        let mut links = BTreeMap::new();
        for head in heads.into_iter().chain(self.inner.meta.head(channel, at)?) {
            if let Ok(claim) = head.peek() {
                let link = KeptLink { digest: head.digest(), signers: signers(&head) };
                links.insert(claim.seq, link);
            }
        }
        Ok(links)
    }

    /// Keeps a statement; a witness's word takes the place of its last one.
    pub fn put_statement(&self, statement: &Statement) -> Result<(), StoreError> {
        self.inner.meta.put_statement(statement)
    }

    /// Forgets a statement.
    pub fn remove_statement(&self, statement: &Statement) -> Result<(), StoreError> {
        self.inner.meta.remove_statement(statement)
    }

    /// All statements that are kept, in no order.
    pub fn statements(&self) -> Result<Vec<Statement>, StoreError> {
        self.inner.meta.statements()
    }

    /// Keeps what this node is about to say as a witness; it takes the place of its last word on the channel.
    pub fn put_vouched(&self, channel: &ChannelName, vouched: &Vouched) -> Result<(), StoreError> {
        self.inner.meta.put_vouched(channel, vouched)
    }

    /// What this node said last as a witness, by channel.
    pub fn vouched(&self) -> Result<Vec<(ChannelName, Vouched)>, StoreError> {
        self.inner.meta.vouched()
    }

    /// Keeps how this node is about to vote on a proposal; it takes the place of its last ballot there.
    pub fn put_cast(&self, proposal: &Digest, seq: u32, stance: Stance) -> Result<(), StoreError> {
        self.inner.meta.put_cast(proposal, &CastBallot { seq, stance })
    }

    /// How this node voted last, by proposal.
    pub fn cast(&self) -> Result<Vec<(Digest, CastBallot)>, StoreError> {
        self.inner.meta.cast()
    }

    /// Keeps the epoch in which this node learnt of a decision.
    pub fn put_learnt(&self, decision: &Digest, epoch: u64) -> Result<(), StoreError> {
        self.inner.meta.put_number(&learnt(decision), epoch)
    }

    /// That epoch, if there was one.
    pub fn learnt(&self, decision: &Digest) -> Result<Option<u64>, StoreError> {
        self.inner.meta.number(&learnt(decision))
    }

    /// Keeps the highest height that has decided anything.
    pub fn put_height(&self, height: u64) -> Result<(), StoreError> {
        self.inner.meta.put_number(HEIGHT, height)
    }

    /// That height, if there was one.
    pub fn height(&self) -> Result<Option<u64>, StoreError> {
        self.inner.meta.number(HEIGHT)
    }

    /// The latest signed moment that was kept; the epoch if none was.
    pub fn time(&self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_seconds(self.inner.meta.number(TIME)?.unwrap_or(0)))
    }

    /// Keeps the latest signed moment.
    pub fn put_time(&self, time: Timestamp) -> Result<(), StoreError> {
        self.inner.meta.put_number(TIME, time.as_seconds())
    }

    /// One head of a channel.
    pub fn head(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<Option<Signed<Head>>, StoreError> {
        self.inner.meta.head(channel, seq)
    }

    /// The heads after number `seq`, in order: at most `max_count`, and at most `max_bytes` of encodings.
    pub fn heads_after(
        &self,
        channel: &ChannelName,
        seq: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Signed<Head>>, StoreError> {
        self.inner.meta.heads_after(channel, seq, max_count, max_bytes)
    }

    /// The last head of a channel.
    pub fn newest_head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, StoreError> {
        match self.inner.meta.newest_seq(channel)? {
            Some(seq) => self.inner.meta.head(channel, seq),
            None => Ok(None),
        }
    }

    /// The channels of which a head is held.
    pub fn channels(&self) -> Result<Vec<ChannelName>, StoreError> {
        self.inner.meta.channels()
    }

    /// Keeps a manifest. Of one that is there the held copy stays, as [`Store::accept_head`] has it.
    pub fn put_manifest(
        &self,
        signed: &Signed<Manifest>,
        signers: &BTreeSet<KeyId>,
    ) -> Result<(), StoreError> {
        signed.peek().map_err(StoreError::Payload)?;
        let digest = signed.digest();
        let _not_sweeping = self.inner.while_not_sweeping();
        let _writer = lock(&self.inner.writers);
        let held = match self.inner.meta.manifest(&digest) {
            Ok(held) => held.filter(|held| held.digest() == digest),
            // What has rotted gives way: its name says what has to stand here.
            Err(StoreError::BadRecord { .. }) => None,
            Err(error) => return Err(error),
        };
        match held {
            None => self.inner.meta.put_manifest(signed),
            Some(held) => mended(&held, signed, signers)
                .map_or(Ok(()), |manifest| self.inner.meta.put_manifest(&manifest)),
        }
    }

    /// The manifest whose payload has this digest.
    pub fn manifest(&self, digest: &Digest) -> Result<Option<Signed<Manifest>>, StoreError> {
        self.inner.meta.manifest(digest)
    }

    /// All manifests, in order of their digests.
    pub fn manifests(&self) -> Result<Vec<Signed<Manifest>>, StoreError> {
        self.inner.meta.manifests()
    }
}
