//! Keys and channels that are not to be relied on: keys that took themselves back, keys that signed two heads of
//! one number, channels with two histories. Pure.
//!
//! One proof for each set of keys is enough, so whoever holds stolen keys cannot fill the table with proofs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    Authority, ChannelName, Digest, KeyId, Revocation, Role, Root, Statement, Timestamp, Verified,
    equivocation::Finding,
};

use super::refusal::Refusal;

/// Proofs kept for one channel, each about another set of keys.
const MAX_PROOFS: usize = 8;

/// Why nothing of a channel is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freeze {
    /// Enough keys signed two histories. Ends when a root names the head from which the channel goes on, at this number
    /// or a later one: as it has to when it takes one of these keys away.
    TwoHistories {
        /// The number that two heads have.
        seq: u64,
        /// The two heads.
        heads: [Digest; 2],
        /// Keys that signed both, or either if none signed both.
        keys: BTreeSet<KeyId>,
    },
    /// So many keys took themselves back that nobody can sign for the channel. Ends with the next root.
    TooFewKeys,
}

/// A key that did what no honest one does, or says that it was stolen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAlarm {
    /// It signed two heads of one number.
    SignedTwoHeads {
        /// Of this channel.
        channel: ChannelName,
        /// The number.
        seq: u64,
    },
    /// It took itself back.
    Revoked {
        /// When.
        time: Timestamp,
        /// Why, in words.
        reason: String,
    },
}

#[derive(Debug, Clone)]
struct Proof {
    finding: Finding,
    heads: [Digest; 2],
    statement: Arc<Statement>,
}

/// All doubts.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubts {
    revoked: BTreeMap<KeyId, (Verified<Revocation>, Arc<Statement>)>,
    revoked_ids: BTreeSet<KeyId>,
    proofs: BTreeMap<ChannelName, Vec<Proof>>,
}

impl Doubts {
    /// Takes a verified revocation of a key that is in a role.
    pub(super) fn revoke(&mut self, revocation: Verified<Revocation>, statement: &Arc<Statement>) {
        self.revoked_ids.insert(revocation.key);
        self.revoked.insert(revocation.key, (revocation, statement.clone()));
    }

    /// Whether a key took itself back.
    pub(super) fn is_revoked(&self, key: &KeyId) -> bool {
        self.revoked_ids.contains(key)
    }

    /// Keys that took themselves back.
    pub(super) fn revoked(&self) -> &BTreeSet<KeyId> {
        &self.revoked_ids
    }

    /// The role without the keys that took themselves back.
    pub(super) fn authority<'a>(&'a self, role: &'a Role) -> Authority<'a> {
        Authority::without(role, &self.revoked_ids)
    }

    /// Takes what two heads prove.
    pub(super) fn prove(
        &mut self,
        finding: Finding,
        heads: [Digest; 2],
        statement: &Arc<Statement>,
    ) -> Result<(), Refusal> {
        let (Finding::Fork { channel, .. } | Finding::DoubleSigned { channel, .. }) = &finding;
        let proofs = self.proofs.entry(channel.clone()).or_default();
        let tells = |finding: &Finding| match finding {
            Finding::Fork { keys, .. } => (true, keys.clone()),
            Finding::DoubleSigned { keys, .. } => (false, keys.clone()),
        };
        let (fork, keys) = tells(&finding);
        // A fork says of its keys all that a proof of their double signing does, and more.
        let told = |proof: &Proof| {
            let (told_fork, told_keys) = tells(&proof.finding);
            told_keys == keys && (told_fork || !fork)
        };
        if proofs.iter().any(told) {
            return Err(Refusal::Outdated);
        }
        if fork {
            proofs.retain(|proof| tells(&proof.finding) != (false, keys.clone()));
        }
        if proofs.len() >= MAX_PROOFS {
            // However many keys are stolen below the threshold, what they can prove never hides a fork.
            let weak = proofs.iter().position(|proof| !tells(&proof.finding).0);
            match weak.filter(|_| fork) {
                Some(weak) => drop(proofs.remove(weak)),
                None => return Err(Refusal::Outdated),
            }
        }
        proofs.push(Proof { finding, heads, statement: statement.clone() });
        Ok(())
    }

    /// Why nothing of a channel is installed, if that is so under this root.
    pub(super) fn freeze(&self, root: &Root, channel: &ChannelName) -> Option<Freeze> {
        let role = root.release_role(channel)?;
        for proof in self.proofs.get(channel).into_iter().flatten() {
            if let Finding::Fork { seq, keys, .. } = &proof.finding
                && keys.iter().all(|key| role.key(key).is_some())
            {
                let (seq, heads, keys) = (*seq, proof.heads, keys.clone());
                return Some(Freeze::TwoHistories { seq, heads, keys });
            }
        }
        (!self.authority(role).can_be_met()).then_some(Freeze::TooFewKeys)
    }

    /// Keys to be alarmed about, and why.
    pub(super) fn alarms(&self) -> Vec<(KeyId, KeyAlarm)> {
        let revoked = self.revoked.iter().map(|(key, (revocation, _))| {
            let (time, reason) = (revocation.time, revocation.reason.clone());
            (*key, KeyAlarm::Revoked { time, reason })
        });
        let signed = self.proofs.values().flatten().flat_map(|proof| {
            let (Finding::Fork { channel, seq, keys }
            | Finding::DoubleSigned { channel, seq, keys }) = &proof.finding;
            let alarm = KeyAlarm::SignedTwoHeads { channel: channel.clone(), seq: *seq };
            keys.iter().map(move |key| (*key, alarm.clone()))
        });
        revoked.chain(signed).collect()
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = &Arc<Statement>> {
        let revoked = self.revoked.values().map(|(_, statement)| statement);
        revoked.chain(self.proofs.values().flatten().map(|proof| &proof.statement))
    }

    /// Under a new root: forgets what is about keys that are in no role any more, and what it has settled.
    pub(super) fn settle(&mut self, root: &Root) {
        self.revoked.retain(|key, _| root.key(key).is_some());
        self.revoked_ids = self.revoked.keys().copied().collect();
        // Judged by the new root as whoever hears of it only now will judge it.
        let still = |proof: Proof| {
            let Statement::Equivocation(heads) = proof.statement.as_ref() else { return None };
            heads.judge(root).ok().map(|finding| Proof { finding, ..proof })
        };
        for proofs in self.proofs.values_mut() {
            *proofs = std::mem::take(proofs).into_iter().filter_map(still).collect();
        }
        self.proofs.retain(|_, proofs| !proofs.is_empty());
    }
}
