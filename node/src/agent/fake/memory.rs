//! A ledger in memory: what a node keeps that has no disk, and that no disk can fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use updraft_protocol::{
    ChannelBase, ChannelName, Digest, Head, KeyId, Manifest, Root, Signed, Stance, Statement,
    Timestamp,
};

use crate::{
    agent::Ledger,
    catalog::{Link, Word},
};

/// Signed things by what they are looked up by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) roots: Vec<Signed<Root>>,
    pub(crate) heads: BTreeMap<(ChannelName, u64), Signed<Head>>,
    pub(crate) manifests: BTreeMap<Digest, Signed<Manifest>>,
    pub(crate) statements: BTreeMap<Digest, Statement>,
    pub(crate) vouched: BTreeMap<ChannelName, Word>,
    pub(crate) cast: BTreeMap<Digest, (u32, Stance)>,
}

impl Memory {
    fn of<'a>(
        &'a self,
        channel: &'a ChannelName,
        after: u64,
    ) -> impl Iterator<Item = &'a Signed<Head>> {
        let heads = self.heads.range((channel.clone(), after.saturating_add(1))..);
        heads.take_while(move |((of, _), _)| of == channel).map(|(_, head)| head)
    }
}

impl Ledger for Memory {
    type Error = Infallible;

    fn roots(&self, after: u64, max: usize) -> Result<Vec<Signed<Root>>, Infallible> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(self.roots.iter().skip(after).take(max).cloned().collect())
    }

    fn newest_root(&self) -> Result<Option<Signed<Root>>, Infallible> {
        Ok(self.roots.last().cloned())
    }

    fn head(&self, channel: &ChannelName, seq: u64) -> Result<Option<Signed<Head>>, Infallible> {
        Ok(self.heads.get(&(channel.clone(), seq)).cloned())
    }

    fn heads_after(
        &self,
        channel: &ChannelName,
        seq: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Signed<Head>>, Infallible> {
        let mut bytes = 0;
        let fits = |head: &&Signed<Head>| {
            bytes += head.payload().len();
            bytes <= max_bytes
        };
        Ok(self.of(channel, seq).take(max_count).take_while(fits).cloned().collect())
    }

    fn newest_head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, Infallible> {
        Ok(self.of(channel, 0).last().cloned())
    }

    fn head_links(
        &self,
        channel: &ChannelName,
        _: u64,
        signers: impl Fn(&Signed<Head>) -> BTreeSet<KeyId>,
    ) -> Result<BTreeMap<u64, Link>, Infallible> {
        let link = |head: &Signed<Head>| Link { digest: head.digest(), signers: signers(head) };
        let heads = self.of(channel, 0);
        Ok(heads.map(|head| (head.peek().expect("a head").seq, link(head))).collect())
    }

    fn begin_anew(
        &mut self,
        channel: &ChannelName,
        base: Option<&ChannelBase>,
    ) -> Result<(), Infallible> {
        let stays = |seq: u64, head: &Signed<Head>| {
            base.is_some_and(|base| {
                seq < base.seq || (seq == base.seq && base.head == Some(head.digest()))
            })
        };
        self.heads.retain(|(of, seq), head| of != channel || stays(*seq, head));
        Ok(())
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Signed<Manifest>>, Infallible> {
        Ok(self.manifests.get(digest).cloned())
    }

    fn statements(&self) -> Result<Vec<Statement>, Infallible> {
        Ok(self.statements.values().cloned().collect())
    }

    fn remove_statement(&mut self, statement: &Statement) -> Result<(), Infallible> {
        self.statements.remove(&statement.id());
        Ok(())
    }

    fn learnt(&self, _: &Digest) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }

    fn height(&self) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }

    fn time(&self) -> Result<Timestamp, Infallible> {
        Ok(Timestamp::from_seconds(0))
    }

    fn vouched(&self) -> Result<BTreeMap<ChannelName, Word>, Infallible> {
        Ok(self.vouched.clone())
    }

    fn put_vouched(&mut self, channel: &ChannelName, word: &Word) -> Result<(), Infallible> {
        self.vouched.insert(channel.clone(), word.clone());
        Ok(())
    }

    fn cast(&self) -> Result<BTreeMap<Digest, (u32, Stance)>, Infallible> {
        Ok(self.cast.clone())
    }

    fn put_cast(&mut self, proposal: &Digest, seq: u32, stance: Stance) -> Result<(), Infallible> {
        self.cast.insert(*proposal, (seq, stance));
        Ok(())
    }
}
