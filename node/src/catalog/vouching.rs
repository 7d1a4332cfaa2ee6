//! A witness's duty: which head it may vouch for, and when it says so again. Pure.
//!
//! The rule is in [`Word::may_follow`] and nowhere else: between two beginnings of a channel a witness never names
//! two heads of one number and never goes back. What was said is kept before it is said; a witness whose store
//! was lost or is an older copy learns its own last word from its peers before it speaks again.

use std::collections::BTreeMap;

use updraft_protocol::{ChannelName, Digest, Heartbeat, KeyId, Timestamp};

use super::{machine::Catalog, witnesses::MIN_INTERVAL};

/// What a witness says, or said last, about one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Number of the root that was in force.
    pub root_version: u64,
    /// Number of the root that had last said by whose keys, and from where, the channel goes on.
    pub begun: u64,
    /// Number of the head.
    pub seq: u64,
    /// Digest of the head.
    pub head: Digest,
    /// When.
    pub time: Timestamp,
}

impl Word {
    /// Whether a witness that said `last` may say this: the same head again, a later one, or the first after the
    /// people of a newer root have said by whose keys, or from where, the channel goes on.
    ///
    /// The times do not matter: whose clock was ahead once has to be able to speak when it is right again.
    pub fn may_follow(&self, last: &Self) -> bool {
        let goes_on_otherwise = self.begun > last.begun;
        self.root_version >= last.root_version
            && (self.seq > last.seq || self.is_about_the_head_of(last) || goes_on_otherwise)
    }

    fn is_about_the_head_of(&self, other: &Self) -> bool {
        (self.seq, self.head) == (other.seq, other.head)
    }
}

/// A witness at work: its key's name, and what it said last. The key itself stays with whoever signs.
#[derive(Debug, Clone)]
pub struct Witness {
    key: KeyId,
    /// Seconds for which its word counts.
    lifetime: u32,
    last: BTreeMap<ChannelName, Word>,
}

impl Witness {
    /// A witness with what it kept of its last words.
    pub fn new(key: KeyId, lifetime: u32, last: BTreeMap<ChannelName, Word>) -> Self {
        Self { key, lifetime, last }
    }

    /// The name of its key.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What it has to say now; each is taken for said from here on.
    pub fn speak(&mut self, catalog: &Catalog, clock: Timestamp) -> Vec<(Heartbeat, Word)> {
        let due: Vec<(ChannelName, Word)> = self
            .planned(catalog, clock)
            .filter(|(_, word, at)| *at <= word.time)
            .map(|(channel, word, _)| (channel.clone(), word))
            .collect();
        due.into_iter()
            .map(|(channel, word)| {
                let heartbeat = Heartbeat {
                    network: catalog.root().network,
                    by: self.key,
                    channel: channel.clone(),
                    seq: word.seq,
                    head: word.head,
                    time: word.time,
                    valid_for: self.lifetime,
                };
                self.last.insert(channel, word.clone());
                (heartbeat, word)
            })
            .collect()
    }

    /// When it next has something to say, if nothing else happens.
    pub fn next(&self, catalog: &Catalog, clock: Timestamp) -> Option<Timestamp> {
        self.planned(catalog, clock).map(|(_, _, at)| at).min()
    }

    /// For every channel about which it may speak: its word of now, and from when on it is due.
    fn planned<'a>(
        &'a self,
        catalog: &'a Catalog,
        clock: Timestamp,
    ) -> impl Iterator<Item = (&'a ChannelName, Word, Timestamp)> {
        catalog.channels().filter_map(move |(channel, _)| {
            let word = catalog.word_for(&self.key, channel, clock)?;
            let last = self.last.get(channel);
            let heard = catalog.heard_of(&self.key, channel, clock);
            // Newer than what is kept: the store is a copy from before, and peers know better.
            let newer = heard.as_ref().filter(|heard| last.is_none_or(|l| heard.time > l.time));
            if [last, newer].into_iter().flatten().any(|last| !word.may_follow(last)) {
                return None;
            }
            let told = heard.filter(|heard| word.is_about_the_head_of(heard));
            let at = match (told, last) {
                // The clock was ahead then: nobody has taken that word, and it is none to wait for.
                (Some(told), _) if catalog.is_ahead(told.time, clock) => word.time,
                (None, Some(last)) if catalog.is_ahead(last.time, clock) => word.time,
                (Some(told), _) => told.time.plus(self.renew_after()),
                // Kept, and then perhaps never sent: soon again.
                (None, Some(last)) if word.is_about_the_head_of(last) => {
                    last.time.plus(MIN_INTERVAL)
                }
                (None, _) => word.time,
            };
            Some((channel, word, at))
        })
    }

    /// A quarter of the lifetime: three of its words may be lost before anybody doubts.
    fn renew_after(&self) -> u64 {
        u64::from(self.lifetime / 4).max(MIN_INTERVAL)
    }
}

impl Catalog {
    /// What a witness with this key could say of a channel now; `None` if it may not speak, or not of this one:
    /// an expired root or head, a frozen channel, a key that is no witness's or took itself back.
    fn word_for(&self, key: &KeyId, channel: &ChannelName, clock: Timestamp) -> Option<Word> {
        let now = self.trusted_time(clock);
        let root = self.root();
        root.witness.as_ref()?.key(key)?;
        let head = &self.head(channel)?.head;
        let silent = self.doubts.is_revoked(key)
            || root.is_expired(now)
            || head.is_expired(now)
            || self.freeze(channel).is_some();
        (!silent).then(|| Word {
            root_version: root.version,
            begun: self.begun.at(channel),
            seq: head.seq,
            head: head.digest(),
            time: now,
        })
    }

    /// Whether a time lies further ahead than clocks differ.
    fn is_ahead(&self, time: Timestamp, clock: Timestamp) -> bool {
        self.time.is_future(time, clock)
    }

    /// A key's word about a channel as everybody heard it, while it counts.
    fn heard_of(&self, key: &KeyId, channel: &ChannelName, clock: Timestamp) -> Option<Word> {
        let heard = self.witnesses.word(channel, key)?;
        (heard.expires() >= self.trusted_time(clock)).then(|| Word {
            root_version: self.root().version,
            begun: self.begun.at(channel),
            seq: heard.seq,
            head: heard.head,
            time: heard.time,
        })
    }
}

#[cfg(test)]
#[path = "vouching_tests.rs"]
mod tests;
