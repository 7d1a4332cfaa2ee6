//! Which heads the witnesses of the root vouch for, and whether that is enough for a head to be fresh. Pure.
//!
//! Of every witness the last word about each channel is kept, so the table has a place for each of them and
//! nobody can fill it. A witness that has moved on to a newer head no longer vouches for this one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    ChannelName, Digest, Head, Heartbeat, KeyId, Role, Statement, Timestamp, Verified, threshold,
};

use super::refusal::Refusal;

/// Seconds between two heartbeats of a witness for one head; what comes sooner tells nothing new. So long it also
/// takes between heads that are not trusted here, or one witness could name a new one with every message.
pub(super) const MIN_INTERVAL: u64 = 60;

/// Whether the trusted head of a channel is the newest there is, as far as can be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is proved until then.
    Fresh {
        /// When the proof runs out unless it is renewed.
        until: Timestamp,
    },
    /// It cannot be proved. The node keeps running and seeding, and installs nothing by itself.
    Stale {
        /// Since when.
        since: Timestamp,
        /// Why.
        why: Staleness,
    },
}

/// Why freshness cannot be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Staleness {
    /// Others have signed times that this node's clock has not reached.
    #[error("this machine's clock is behind: others have signed that it is {signed} already")]
    Clock {
        /// The time that enough of them have signed.
        signed: Timestamp,
    },
    /// The trust root itself has run out.
    #[error("the trust root has expired")]
    Root,
    /// No head of the channel was seen.
    #[error("nothing was heard of the channel yet")]
    NoHead,
    /// There are no witnesses, and the head has run out.
    #[error("the head has expired")]
    Head,
    /// Too few witnesses vouch for the head.
    #[error("{have} of the {need} witnesses needed vouch for the head")]
    Witnesses {
        /// Witnesses whose last word is this head and has not run out.
        have: usize,
        /// Witnesses needed.
        need: usize,
    },
}

/// Where a heartbeat's head is, seen from the trusted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// It is the trusted head.
    Trusted,
    /// It is behind the trusted head.
    Older,
    /// It is ahead: there is something to catch up with.
    Newer,
    /// It has the trusted head's number and is another: the channel may have two histories.
    Other,
}

/// The last words of all witnesses.
#[derive(Debug, Clone, Default)]
pub(super) struct Witnesses {
    words: BTreeMap<(ChannelName, KeyId), (Verified<Heartbeat>, Arc<Statement>)>,
}

impl Witnesses {
    /// Takes a verified heartbeat that has not run out, if it is newer than the witness's last word.
    ///
    /// A witness does not go back and vouches for one head of a number, but for one reason: the root's people
    /// have thrown a channel back, and it follows them to the head that is trusted here, too.
    pub(super) fn hear(
        &mut self,
        heartbeat: Verified<Heartbeat>,
        vouched: Vouched,
        statement: &Arc<Statement>,
        is_future: impl Fn(Timestamp) -> bool,
    ) -> Result<(), Refusal> {
        let place = (heartbeat.channel.clone(), heartbeat.by);
        // A word that was taken while this node's clock was ahead is none to compare with.
        if let Some((last, _)) = self.words.get(&place).filter(|(last, _)| !is_future(last.time)) {
            let same = last.seq == heartbeat.seq && last.head == heartbeat.head;
            let follows = vouched == Vouched::Trusted && heartbeat.time > last.time;
            if (heartbeat.seq < last.seq && !follows) || heartbeat.time < last.time {
                return Err(Refusal::Outdated);
            }
            if heartbeat.seq == last.seq && !same && !follows {
                return Err(Refusal::Contradicted { by: heartbeat.by });
            }
            // Only the head that is trusted here can be new to anybody: of others nobody names many.
            let new = vouched == Vouched::Trusted && !same;
            if !new && heartbeat.time.since(last.time) < MIN_INTERVAL {
                return Err(Refusal::TooSoon);
            }
        }
        self.words.insert(place, (heartbeat, statement.clone()));
        Ok(())
    }

    /// The last word of the same witness about the same channel.
    pub(super) fn last(&self, word: &Heartbeat) -> Option<&Arc<Statement>> {
        self.words.get(&(word.channel.clone(), word.by)).map(|(_, statement)| statement)
    }

    /// Whether this head is fresh for whoever asks for `role`'s threshold of witnesses.
    pub(super) fn freshness(
        &self,
        role: &Role,
        head: &Verified<Head>,
        now: Timestamp,
    ) -> Freshness {
        let words = || self.about(&head.channel);
        let live = self.live(head, now);
        let need = role.threshold();
        if let Err(missing) = threshold::enough(role, &live) {
            let since = nth_latest(words().map(Heartbeat::expires), need);
            let since = since.map_or(head.time, |ended| ended.min(now).max(head.time));
            return Freshness::Stale {
                since,
                why: Staleness::Witnesses { have: missing.have, need: missing.need },
            };
        }
        let ends = words().filter(|word| live.contains(&word.by)).map(Heartbeat::expires);
        Freshness::Fresh { until: nth_latest(ends, need).unwrap_or(now) }
    }

    /// Witnesses whose last word is this head and has not run out.
    pub(super) fn live(&self, head: &Verified<Head>, now: Timestamp) -> BTreeSet<KeyId> {
        self.about(&head.channel)
            .filter(|word| (word.seq, word.head) == (head.seq, head.digest()))
            .filter(|word| word.expires() >= now)
            .map(|word| word.by)
            .collect()
    }

    /// The moment that enough witnesses other than `own` say has passed: of their last times, the one that `need` of
    /// them reach.
    pub(super) fn time(
        &self,
        channel: &ChannelName,
        need: usize,
        own: Option<KeyId>,
    ) -> Option<Timestamp> {
        let others = self.about(channel).filter(|word| Some(word.by) != own);
        nth_latest(others.map(|word| word.time), need)
    }

    /// The last word of a witness about a channel.
    pub(super) fn word(&self, channel: &ChannelName, by: &KeyId) -> Option<&Heartbeat> {
        self.words.get(&(channel.clone(), *by)).map(|(word, _)| &**word)
    }

    /// Whether a witness has a word that counts now, about whatever channel.
    pub(super) fn speaks_now(
        &self,
        by: &KeyId,
        now: Timestamp,
        is_future: impl Fn(Timestamp) -> bool,
    ) -> bool {
        let own = self.words.values().filter(|(word, _)| word.by == *by);
        own.map(|(word, _)| word).any(|word| word.expires() >= now && !is_future(word.time))
    }

    /// What was said, for peers that ask.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Arc<Statement>> {
        self.words.values().map(|(_, statement)| statement)
    }

    /// Keeps only what `keep` still wants.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Heartbeat, &Statement) -> bool) {
        self.words.retain(|_, (word, statement)| keep(word, statement));
    }

    fn about(&self, channel: &ChannelName) -> impl Iterator<Item = &Heartbeat> {
        let channel = channel.clone();
        self.words
            .iter()
            .filter(move |((about, _), _)| *about == channel)
            .map(|(_, (word, _))| &**word)
    }
}

/// Seen from the trusted head (`None`: none of the channel), where the head of a heartbeat is.
pub(super) fn vouched(trusted: Option<(u64, Digest)>, heartbeat: &Heartbeat) -> Vouched {
    match trusted {
        None => Vouched::Newer,
        Some((seq, _)) if heartbeat.seq > seq => Vouched::Newer,
        Some((seq, _)) if heartbeat.seq < seq => Vouched::Older,
        Some((_, digest)) if heartbeat.head == digest => Vouched::Trusted,
        Some(_) => Vouched::Other,
    }
}

/// The latest moment that at least `n` of `times` reach.
fn nth_latest(times: impl Iterator<Item = Timestamp>, n: usize) -> Option<Timestamp> {
    let mut times: Vec<Timestamp> = times.collect();
    times.sort_unstable();
    times.len().checked_sub(n).and_then(|at| times.get(at).copied())
}
