//! What a node takes up from its disk, after a root came in between, and after the disk has changed something.

use std::{collections::BTreeSet, time::Duration};

use updraft_protocol::{ChannelBase, Role, codec};

use super::*;
use crate::{
    store::{Store, StoreOptions, VerifyOnStart},
    testing::{NOW, Publisher},
};

/// A store that has followed `stable` to head 3, and is told of a second root.
struct Kept {
    _dir: tempfile::TempDir,
    store: Store,
    publisher: Publisher,
    heads: Vec<Signed<Head>>,
}

impl Kept {
    /// Heads 1 to 3, each by these keys of 1, 2 and 3, of which so many were needed.
    fn followed(threshold: u16, signers: &[&[u8]]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let options =
            StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };
        let store = Store::open(dir.path(), options).expect("an empty folder");
        let publisher = Publisher::new();
        let mut root = publisher.root();
        root.release[0].role = Publisher::role(threshold, &[1, 2, 3]);
        store.append_root(&publisher.sign(&root, &[100])).expect("the first");
        let mut heads: Vec<Signed<Head>> = Vec::new();
        for (seq, keys) in (1..).zip(signers) {
            let prev = heads.last().map(Signed::digest);
            let head = publisher.sign(&publisher.head(seq, prev, &[]), keys).as_ref().clone();
            store.accept_head(&head, &BTreeSet::new(), None).expect("the next");
            heads.push(head);
        }
        Self { _dir: dir, store, publisher, heads }
    }

    /// Keeps a root in which `role` publishes from head 1 on, as a node does that is stopped right after it.
    fn next_root(&self, role: Role) {
        let trust = Trust::load(&self.store).expect("readable").expect("founded");
        let mut next = trust.newest.clone().into_inner();
        (next.version, next.prev) = (next.version + 1, Some(trust.newest.digest()));
        next.release[0].role = role;
        let (channel, head) = (self.publisher.channel.clone(), Some(self.heads[0].digest()));
        next.channel_base = vec![ChannelBase { channel, seq: 1, head }];
        self.store.append_root(&self.publisher.sign(&next, &[100])).expect("the next");
    }

    /// What is believed after a start: the number of the head, and the number below which nothing is taken.
    fn start(&self) -> (Option<u64>, u64) {
        let skew = Duration::from_secs(300);
        let (catalog, ..) =
            from_the_ledger::<_, u8>(&mut self.store.clone(), NOW, skew).expect("readable");
        let head = catalog.head(&self.publisher.channel).map(|known| known.head.seq);
        let base = catalog.base(&self.publisher.channel).map_or(0, |base| base.seq);
        (head, head.unwrap_or(base))
    }

    fn newest(&self) -> Option<u64> {
        let newest = self.store.newest_head(&self.publisher.channel).expect("readable");
        newest.map(|head| head.peek().expect("a head").seq)
    }
}

/// One key signed the heads, and three others of which two are needed came after it.
#[test]
fn what_a_former_key_signed_is_no_base_to_believe_by_digest() {
    let kept = Kept::followed(1, &[&[1], &[1], &[1]]);
    assert_eq!(kept.start(), (Some(3), 3));
    kept.next_root(Publisher::role(2, &[4, 5, 6]));
    assert_eq!(kept.start(), (Some(1), 1), "at the base, which the root names");
    assert_eq!(kept.newest(), Some(1), "and nothing after it is kept");
    assert_eq!(kept.start(), (Some(1), 1));
}

#[test]
fn a_head_in_the_middle_that_the_new_keys_do_not_bear_ends_what_is_kept() {
    let kept = Kept::followed(2, &[&[1, 2], &[1, 2], &[2, 3]]);
    kept.next_root(Publisher::role(2, &[2, 3, 4]));
    assert_eq!((kept.start(), kept.newest()), ((Some(1), 1), Some(1)));
    let kept = Kept::followed(2, &[&[1, 2], &[2, 3], &[2, 3]]);
    kept.next_root(Publisher::role(2, &[2, 3, 4]));
    assert_eq!((kept.start(), kept.newest()), ((Some(3), 3), Some(3)));
}

/// The last byte of an encoded head is its last signature's.
fn rotten(head: &Signed<Head>) -> Signed<Head> {
    let mut bytes = codec::encode(head).expect("a head");
    *bytes.last_mut().expect("not empty") ^= 1;
    codec::decode(&bytes).expect("only a signature is another")
}

#[test]
fn a_signature_that_rots_on_the_disk_throws_no_channel_back() {
    for rotten_at in [1, 2] {
        let kept = Kept::followed(2, &[&[1, 2]]);
        kept.next_root(Publisher::role(2, &[1, 2, 4]));
        let mut last = kept.heads[0].digest();
        let mut good = Vec::new();
        for seq in [2, 3] {
            let head = kept.publisher.sign(&kept.publisher.head(seq, Some(last), &[]), &[1, 2]);
            last = head.digest();
            good.push(head.clone());
            let rots = usize::try_from(seq).expect("small") - 1 == rotten_at;
            let written = if rots { rotten(&head) } else { head.as_ref().clone() };
            kept.store.accept_head(&written, &BTreeSet::new(), None).expect("the next");
        }
        let (head, floor) = kept.start();
        assert_eq!((floor, kept.newest()), (3, Some(3)), "head {}", rotten_at + 1);
        assert_eq!(head, (rotten_at == 1).then_some(3), "the newest is asked for again");
        let by = [1, 2].map(|key| Publisher::key(key).public().id()).into();
        kept.store.accept_head(&good[1], &by, None).expect("a good copy of it");
        assert_eq!(kept.start(), (Some(3), 3));
    }
}
