//! What a simulated node keeps of signed things: in memory, by the rules of the node's own store. What is in it survives
//! every crash; it is what was flushed.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
};

use updraft_node::{
    agent::Ledger,
    catalog::{Link, Word},
};
use updraft_protocol::{
    ChannelBase, ChannelName, Digest, Head, KeyId, Manifest, Root, Signed, Stance, Statement,
    Timestamp,
};

/// Heads of a channel that are remembered in short, as the store does.
const LINKS: usize = 256;

/// The ledger of one node. Signed things are shared: thousands of nodes keep the same ones.
#[derive(Debug, Clone)]
pub struct Kept {
    /// From version 1 on.
    roots: Vec<Arc<Signed<Root>>>,
    heads: BTreeMap<(ChannelName, u64), Arc<Signed<Head>>>,
    manifests: BTreeMap<Digest, Arc<Signed<Manifest>>>,
    statements: BTreeMap<Digest, Arc<Statement>>,
    learnt: BTreeMap<Digest, u64>,
    height: Option<u64>,
    time: Timestamp,
    vouched: BTreeMap<ChannelName, Word>,
    cast: BTreeMap<Digest, (u32, Stance)>,
    /// How often something was changed.
    changes: u64,
}

impl Kept {
    /// Of a node that has joined a network.
    pub fn joined(first: Arc<Signed<Root>>) -> Self {
        Self {
            roots: vec![first],
            heads: BTreeMap::new(),
            manifests: BTreeMap::new(),
            statements: BTreeMap::new(),
            learnt: BTreeMap::new(),
            height: None,
            time: Timestamp::from_seconds(0),
            vouched: BTreeMap::new(),
            cast: BTreeMap::new(),
            changes: 0,
        }
    }

    /// How often something was changed: what is refused changes nothing.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Keeps the next root.
    pub fn put_root(&mut self, root: Arc<Signed<Root>>) {
        if self.roots.last().is_none_or(|last| last.digest() != root.digest()) {
            self.roots.push(root);
            self.changes += 1;
        }
    }

    /// Keeps a head under its number.
    pub fn put_head(&mut self, head: Arc<Signed<Head>>) {
        if let Ok(claim) = head.peek() {
            self.heads.insert((claim.channel, claim.seq), head);
            self.changes += 1;
        }
    }

    /// Keeps a manifest.
    pub fn put_manifest(&mut self, manifest: Arc<Signed<Manifest>>) {
        self.manifests.insert(manifest.digest(), manifest);
        self.changes += 1;
    }

    /// Keeps a statement.
    pub fn put_statement(&mut self, statement: Arc<Statement>) {
        self.statements.insert(statement.id(), statement);
        self.changes += 1;
    }

    /// Keeps the epoch in which a decision was learnt.
    pub fn put_learnt(&mut self, decision: Digest, epoch: u64) {
        self.learnt.insert(decision, epoch);
        self.changes += 1;
    }

    /// Keeps a height.
    pub fn put_height(&mut self, height: u64) {
        self.height = self.height.max(Some(height));
        self.changes += 1;
    }

    /// Keeps the latest signed time.
    pub fn put_time(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
        self.changes += 1;
    }

    fn heads_of(
        &self,
        channel: &ChannelName,
        from: u64,
    ) -> impl Iterator<Item = (u64, &Arc<Signed<Head>>)> {
        let range = (channel.clone(), from)..=(channel.clone(), u64::MAX);
        self.heads.range(range).map(|((_, seq), head)| (*seq, head))
    }
}

impl Ledger for Kept {
    type Error = Infallible;

    fn roots(&self, after: u64, max: usize) -> Result<Vec<Signed<Root>>, Infallible> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(self.roots.iter().skip(after).take(max).map(|root| root.as_ref().clone()).collect())
    }

    fn newest_root(&self) -> Result<Option<Signed<Root>>, Infallible> {
        Ok(self.roots.last().map(|root| root.as_ref().clone()))
    }

    fn head(&self, channel: &ChannelName, seq: u64) -> Result<Option<Signed<Head>>, Infallible> {
        Ok(self.heads.get(&(channel.clone(), seq)).map(|head| head.as_ref().clone()))
    }

    fn heads_after(
        &self,
        channel: &ChannelName,
        seq: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Signed<Head>>, Infallible> {
        let mut bytes = 0;
        let fits = |head: &&Arc<Signed<Head>>| {
            bytes += head.payload().len();
            bytes <= max_bytes
        };
        let Some(from) = seq.checked_add(1) else { return Ok(Vec::new()) };
        let heads = self.heads_of(channel, from).map(|(_, head)| head).take(max_count);
        Ok(heads.take_while(fits).map(|head| head.as_ref().clone()).collect())
    }

    fn newest_head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, Infallible> {
        let newest = self.heads_of(channel, 0).last();
        Ok(newest.map(|(_, head)| head.as_ref().clone()))
    }

    fn head_links(
        &self,
        channel: &ChannelName,
        at: u64,
        signers: impl Fn(&Signed<Head>) -> BTreeSet<KeyId>,
    ) -> Result<BTreeMap<u64, Link>, Infallible> {
        let newest = self.heads_of(channel, 0).last().map_or(0, |(seq, _)| seq);
        let from = newest.saturating_sub(LINKS as u64) + 1;
        let base = self.heads_of(channel, at).take_while(|(seq, _)| *seq == at);
        let link = |(seq, head): (u64, &Arc<Signed<Head>>)| {
            (seq, Link { digest: head.digest(), signers: signers(head) })
        };
        Ok(self.heads_of(channel, from).chain(base).map(link).collect())
    }

    fn begin_anew(
        &mut self,
        channel: &ChannelName,
        base: Option<&ChannelBase>,
    ) -> Result<(), Infallible> {
        let from = base.map_or(0, |base| {
            let held = self.heads.get(&(channel.clone(), base.seq));
            let is_it = held.is_some_and(|held| base.head == Some(held.digest()));
            if is_it { base.seq.saturating_add(1) } else { base.seq }
        });
        self.heads.retain(|(of, seq), _| of != channel || *seq < from);
        self.changes += 1;
        Ok(())
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Signed<Manifest>>, Infallible> {
        Ok(self.manifests.get(digest).map(|manifest| manifest.as_ref().clone()))
    }

    fn statements(&self) -> Result<Vec<Statement>, Infallible> {
        Ok(self.statements.values().map(|statement| statement.as_ref().clone()).collect())
    }

    fn remove_statement(&mut self, statement: &Statement) -> Result<(), Infallible> {
        if self.statements.remove(&statement.id()).is_some() {
            self.changes += 1;
        }
        Ok(())
    }

    fn learnt(&self, decision: &Digest) -> Result<Option<u64>, Infallible> {
        Ok(self.learnt.get(decision).copied())
    }

    fn height(&self) -> Result<Option<u64>, Infallible> {
        Ok(self.height)
    }

    fn time(&self) -> Result<Timestamp, Infallible> {
        Ok(self.time)
    }

    fn vouched(&self) -> Result<BTreeMap<ChannelName, Word>, Infallible> {
        Ok(self.vouched.clone())
    }

    fn put_vouched(&mut self, channel: &ChannelName, word: &Word) -> Result<(), Infallible> {
        self.vouched.insert(channel.clone(), word.clone());
        self.changes += 1;
        Ok(())
    }

    fn cast(&self) -> Result<BTreeMap<Digest, (u32, Stance)>, Infallible> {
        Ok(self.cast.clone())
    }

    fn put_cast(&mut self, proposal: &Digest, seq: u32, stance: Stance) -> Result<(), Infallible> {
        self.cast.insert(*proposal, (seq, stance));
        self.changes += 1;
        Ok(())
    }
}
