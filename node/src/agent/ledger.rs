//! What a node keeps of signed things, as the agent reads it: to answer peers, and to believe again after a start.
//!
//! The store is one ledger; a simulated node keeps one in memory, with the same rules of reading and none of the files.
//! Nothing is verified here: whoever reads verifies again.

use std::collections::{BTreeMap, BTreeSet};

use updraft_protocol::{
    ChannelBase, ChannelName, Digest, Head, KeyId, Manifest, Root, Signed, Stance, Statement,
    Timestamp,
};

use crate::{
    catalog::{Link, Word},
    store::{Store, StoreError, Vouched},
};

/// Signed things that are kept, and this node's own words.
///
/// Calls may block on a disk. What a call changes is durable when it returns, and doing it again does nothing.
pub trait Ledger {
    /// Why it could not be read or written.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The roots after version `after`, in order and without a gap, at most `max`.
    fn roots(&self, after: u64, max: usize) -> Result<Vec<Signed<Root>>, Self::Error>;

    /// The last root of the chain.
    fn newest_root(&self) -> Result<Option<Signed<Root>>, Self::Error>;

    /// One head of a channel.
    fn head(&self, channel: &ChannelName, seq: u64) -> Result<Option<Signed<Head>>, Self::Error>;

    /// The heads after number `seq`, in order: at most `max_count`, and at most `max_bytes` of encodings.
    fn heads_after(
        &self,
        channel: &ChannelName,
        seq: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Signed<Head>>, Self::Error>;

    /// The last head of a channel.
    fn newest_head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, Self::Error>;

    /// The newest heads of a channel in short, by number, with what `signers` finds out; and the one at `at`, as far as
    /// they are kept.
    fn head_links(
        &self,
        channel: &ChannelName,
        at: u64,
        signers: impl Fn(&Signed<Head>) -> BTreeSet<KeyId>,
    ) -> Result<BTreeMap<u64, Link>, Self::Error>;

    /// Forgets the heads of a channel that do not lead on from `base` (`None`: all of them).
    fn begin_anew(
        &mut self,
        channel: &ChannelName,
        base: Option<&ChannelBase>,
    ) -> Result<(), Self::Error>;

    /// The manifest whose payload has this digest.
    fn manifest(&self, digest: &Digest) -> Result<Option<Signed<Manifest>>, Self::Error>;

    /// All statements, in no order.
    fn statements(&self) -> Result<Vec<Statement>, Self::Error>;

    /// Forgets a statement.
    fn remove_statement(&mut self, statement: &Statement) -> Result<(), Self::Error>;

    /// The epoch in which this node learnt of a decision, if that was kept.
    fn learnt(&self, decision: &Digest) -> Result<Option<u64>, Self::Error>;

    /// The highest height that has decided anything.
    fn height(&self) -> Result<Option<u64>, Self::Error>;

    /// The latest signed moment; the epoch if none was kept.
    fn time(&self) -> Result<Timestamp, Self::Error>;

    /// What this node said last as a witness, by channel.
    fn vouched(&self) -> Result<BTreeMap<ChannelName, Word>, Self::Error>;

    /// Keeps what this node is about to say as a witness; it takes the place of its last word on the channel.
    fn put_vouched(&mut self, channel: &ChannelName, word: &Word) -> Result<(), Self::Error>;

    /// How this node voted last, by proposal: the number of its ballot, and what it said.
    fn cast(&self) -> Result<BTreeMap<Digest, (u32, Stance)>, Self::Error>;

    /// Keeps how this node is about to vote on a proposal; it takes the place of its last ballot there.
    fn put_cast(&mut self, proposal: &Digest, seq: u32, stance: Stance) -> Result<(), Self::Error>;
}

impl Ledger for Store {
    type Error = StoreError;

    fn roots(&self, after: u64, max: usize) -> Result<Vec<Signed<Root>>, StoreError> {
        Self::roots(self, after, max)
    }

    fn newest_root(&self) -> Result<Option<Signed<Root>>, StoreError> {
        Self::newest_root(self)
    }

    fn head(&self, channel: &ChannelName, seq: u64) -> Result<Option<Signed<Head>>, StoreError> {
        Self::head(self, channel, seq)
    }

    fn heads_after(
        &self,
        channel: &ChannelName,
        seq: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Signed<Head>>, StoreError> {
        Self::heads_after(self, channel, seq, max_count, max_bytes)
    }

    fn newest_head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, StoreError> {
        Self::newest_head(self, channel)
    }

    fn head_links(
        &self,
        channel: &ChannelName,
        at: u64,
        signers: impl Fn(&Signed<Head>) -> BTreeSet<KeyId>,
    ) -> Result<BTreeMap<u64, Link>, StoreError> {
        let links = Self::head_links(self, channel, at, signers)?;
        let link =
            |kept: crate::store::KeptLink| Link { digest: kept.digest, signers: kept.signers };
        Ok(links.into_iter().map(|(seq, kept)| (seq, link(kept))).collect())
    }

    fn begin_anew(
        &mut self,
        channel: &ChannelName,
        base: Option<&ChannelBase>,
    ) -> Result<(), StoreError> {
        Self::begin_anew(self, channel, base)
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Signed<Manifest>>, StoreError> {
        Self::manifest(self, digest)
    }

    fn statements(&self) -> Result<Vec<Statement>, StoreError> {
        Self::statements(self)
    }

    fn remove_statement(&mut self, statement: &Statement) -> Result<(), StoreError> {
        Self::remove_statement(self, statement)
    }

    fn learnt(&self, decision: &Digest) -> Result<Option<u64>, StoreError> {
        Self::learnt(self, decision)
    }

    fn height(&self) -> Result<Option<u64>, StoreError> {
        Self::height(self)
    }

    fn time(&self) -> Result<Timestamp, StoreError> {
        Self::time(self)
    }

    fn vouched(&self) -> Result<BTreeMap<ChannelName, Word>, StoreError> {
        let word = |kept: Vouched| Word {
            root_version: kept.root_version,
            begun: kept.begun,
            seq: kept.seq,
            head: kept.head,
            time: kept.time,
        };
        let kept = Self::vouched(self)?;
        Ok(kept.into_iter().map(|(channel, kept)| (channel, word(kept))).collect())
    }

    fn put_vouched(&mut self, channel: &ChannelName, word: &Word) -> Result<(), StoreError> {
        let kept = Vouched {
            root_version: word.root_version,
            begun: word.begun,
            seq: word.seq,
            head: word.head,
            time: word.time,
        };
        Self::put_vouched(self, channel, &kept)
    }

    fn cast(&self) -> Result<BTreeMap<Digest, (u32, Stance)>, StoreError> {
        let kept = Self::cast(self)?.into_iter();
        Ok(kept.map(|(proposal, cast)| (proposal, (cast.seq, cast.stance))).collect())
    }

    fn put_cast(&mut self, proposal: &Digest, seq: u32, stance: Stance) -> Result<(), StoreError> {
        Self::put_cast(self, proposal, seq, stance)
    }
}
