//! The next root while people agree on it: begun, edited, signed by several, one after the other. Pure.
//!
//! ```text
//!  begin ──> edit … edit ──> diff ──> sign (alice) ─┐
//!                                     sign (bob)  ──┴─> merge ──> verified by the protocol's own rule ──> a node
//! ```
//! A draft is one text that travels by mail or on a stick. It is believed by nobody: whoever signs sees in
//! words what changes against the root they trust ([`words`]), and what comes of it is taken only if
//! [`trust_next`] takes it. An edit makes another payload and drops the signatures there were.

mod choice;
mod edit;
mod file;
mod standing;
mod votes;
pub mod words;

use std::collections::BTreeSet;

use updraft_protocol::{
    ChannelBase, ChannelName, Digest, KeyId, NetworkKind, Root, SecretKey, Signed, Timestamp,
    Verified,
    codec::{EncodeError, Invalid},
    limits::{DEFAULT_ROOT_LIFETIME, DEV_ROOT_LIFETIME, MAX_REASON},
    root::{RootError, trust_next},
};

use self::choice::Choice;
pub use self::{
    edit::{Bases, Change, Known, Leaving, Target},
    file::MAX_DRAFT,
    standing::RootStanding,
    votes::{Progress, Vote, Votes, left_out},
};
use super::founding::Quorum;

/// Why a draft cannot be made, changed, signed or merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The text is no draft, or was damaged on its way.
    #[error("this is not a root draft: {0}")]
    NotADraft(String),
    /// The message is not one line of at most 512 bytes.
    #[error("the message has to be one line of at most {MAX_REASON} bytes")]
    Message,
    /// It is for another network.
    #[error("the draft is for another network than the trusted root")]
    OtherNetwork,
    /// The network has gone on since it was begun.
    #[error("the draft is root {draft}, and root {trusted} is trusted already")]
    Stale {
        /// Its number.
        draft: u64,
        /// The trusted number.
        trusted: u64,
    },
    /// It follows a root that is not the trusted one.
    #[error("the draft is root {draft} and does not follow root {trusted}, which is trusted")]
    DoesNotFollow {
        /// Its number.
        draft: u64,
        /// The trusted number.
        trusted: u64,
    },
    /// Two drafts that say different things.
    #[error("the two drafts are not the same root: signatures for one say nothing about the other")]
    Different,
    /// Losing one key would end the network.
    #[error("with {0} for the root, losing one key would end the network")]
    NoSpareKey(Quorum),
    /// A role that the protocol does not take.
    #[error("`{role}` cannot be like that: {reason}")]
    Role {
        /// The role.
        role: String,
        /// What is wrong with it.
        reason: Invalid,
    },
    /// A key that is in the role already.
    #[error("the key is in `{0}` already")]
    InRole(String),
    /// A key that is not in the role.
    #[error("the key is not in `{0}`")]
    NotInRole(String),
    /// A key that was taken back for ever.
    #[error("key {0} is revoked and can have no role again")]
    Revoked(KeyId),
    /// Too few keys would be left to reach the threshold.
    #[error("`{role}` needs {need} signatures and would be left with {left} keys")]
    TooFewLeft {
        /// The role.
        role: String,
        /// Its threshold.
        need: usize,
        /// Keys left.
        left: usize,
    },
    /// The channel is in neither root.
    #[error("the network has no channel `{0}`")]
    NoChannel(ChannelName),
    /// There is no such role to change.
    #[error("nobody has the role `{0}`")]
    NoRole(String),
    /// Each key of the role speaks alone, or its votes have weights.
    #[error("`{0}` has no threshold")]
    NoThreshold(&'static str),
    /// An elector without a weight or an operator, or another role with one.
    #[error(
        "a key of the electorate needs `--weight` and `--operator`, and no other key takes them"
    )]
    Weight,
    /// A channel with other keys would go on from a head before the newest, and nobody said so.
    #[error(
        "`{channel}` has head {newest}, and with the draft it would go on from head {base}, which nobody chose"
    )]
    NotChosen {
        /// The channel.
        channel: ChannelName,
        /// Where the draft lets it go on.
        base: u64,
        /// The newest head that is trusted here.
        newest: u64,
    },
    /// A vote that the trusted root counts: what was decided would be undone for some and not for others.
    #[error("vote {0} is counted by the root in force, and what counts goes on counting")]
    Counted(Digest),
    /// A vote that the draft does not list.
    #[error("the draft does not count vote {0}")]
    NotCounted(Digest),
    /// A root that is over before it begins.
    #[error("the root would expire at {0}, which is past")]
    Past(Timestamp),
    /// A reason that is too long.
    #[error("a reason has at most {MAX_REASON} bytes on one line")]
    Reason,
    /// A channel without keys.
    #[error("nobody would publish on `{0}` any more, and channels stay for ever")]
    NobodyLeft(ChannelName),
    /// A key that neither root lets sign.
    #[error("key {0} is a root key of neither the trusted root nor the next")]
    NoSay(KeyId),
    /// The root breaks a limit.
    #[error(transparent)]
    Root(#[from] EncodeError),
    /// The protocol does not take it.
    #[error("the draft cannot come into force")]
    Refused(#[source] RootError),
}

/// The next root, and who has signed it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDraft {
    message: String,
    chosen: Choice,
    root: Root,
    signed: Signed<Root>,
}

impl RootDraft {
    /// The root after `trusted`, the same but for number, link and time.
    ///
    /// # Errors
    /// [`DraftError::Message`], [`DraftError::Root`].
    pub fn begin(
        trusted: &Verified<Root>,
        message: &str,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        if !is_line(message) {
            return Err(DraftError::Message);
        }
        let lifetime = match trusted.kind {
            NetworkKind::Production => DEFAULT_ROOT_LIFETIME,
            NetworkKind::Development => DEV_ROOT_LIFETIME,
        };
        let root = Root {
            version: trusted.version.saturating_add(1),
            prev: Some(trusted.digest()),
            issued: now,
            expires: now.plus(lifetime),
            ..Root::clone(trusted)
        };
        let signed = Signed::unsigned(&root)?;
        Ok(Self { message: message.to_owned(), chosen: Choice::default(), root, signed })
    }

    /// Why it was begun, as whoever began it says. Nobody signs this.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What it would make of the network.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// What is signed, with the signatures so far.
    pub fn signed(&self) -> &Signed<Root> {
        &self.signed
    }

    /// Whether it is the step after `trusted`.
    ///
    /// # Errors
    /// [`DraftError::OtherNetwork`], [`DraftError::Stale`], [`DraftError::DoesNotFollow`].
    pub fn follows(&self, trusted: &Verified<Root>) -> Result<(), DraftError> {
        let (draft, newest) = (self.root.version, trusted.version);
        if self.root.network != trusted.network {
            return Err(DraftError::OtherNetwork);
        }
        if draft <= newest {
            return Err(DraftError::Stale { draft, trusted: newest });
        }
        if draft != newest.saturating_add(1) || self.root.prev != Some(trusted.digest()) {
            return Err(DraftError::DoesNotFollow { draft, trusted: newest });
        }
        Ok(())
    }

    /// Changes it. `known` are the heads that channels would go on from, and the votes that there are. Signatures are
    /// dropped, unless what is signed stays the same.
    ///
    /// # Errors
    /// What the change breaks; the draft then stays as it was.
    pub fn edit(
        &mut self,
        trusted: &Verified<Root>,
        change: &Change,
        known: &Known,
    ) -> Result<(), DraftError> {
        self.follows(trusted)?;
        let mut chosen = self.chosen.and(change, &self.root, trusted)?;
        let root = edit::edited(&self.root, trusted, change, known, &chosen)?;
        let signed = Signed::unsigned(&root)?;
        // Who leaves a channel that comes back later chooses anew.
        chosen.channels.retain(|channel| root.base(channel).is_some());
        self.chosen = chosen;
        self.root = root;
        if signed.payload() != self.signed.payload() {
            self.signed = signed;
        }
        Ok(())
    }

    /// Where channels go on whose keys or base change.
    pub fn moves<'a>(&'a self, trusted: &'a Root) -> impl Iterator<Item = Move<'a>> {
        moves(trusted, &self.root)
    }

    /// Whether a channel with other keys goes on from the newest head, or from where people chose.
    ///
    /// # Errors
    /// [`DraftError::NotChosen`], if a head came after the draft was edited.
    pub fn goes_on_as_meant(&self, trusted: &Root, newest: &Bases) -> Result<(), DraftError> {
        for step in self.moves(trusted) {
            let channel = &step.base.channel;
            let newest = newest.get(channel).map_or(0, |base| base.seq);
            if step.rekeyed && newest > step.base.seq && !self.chosen.channels.contains(channel) {
                let (channel, base) = (channel.clone(), step.base.seq);
                return Err(DraftError::NotChosen { channel, base, newest });
            }
        }
        Ok(())
    }

    /// Whether people should be let sign it, beyond what the protocol asks.
    ///
    /// # Errors
    /// [`DraftError::NoSpareKey`] in a network that is meant to be relied on.
    pub fn is_safe(&self) -> Result<(), DraftError> {
        let role = &self.root.root;
        let count = |keys: usize| u16::try_from(keys).unwrap_or(u16::MAX);
        let quorum = Quorum { threshold: count(role.threshold()), keys: count(role.keys().len()) };
        match self.root.kind {
            NetworkKind::Production if quorum.threshold == quorum.keys => {
                Err(DraftError::NoSpareKey(quorum))
            }
            NetworkKind::Production | NetworkKind::Development => Ok(()),
        }
    }

    /// Adds signatures.
    ///
    /// # Errors
    /// [`DraftError::NobodyLeft`], and [`DraftError::NoSay`] for a key that would count in neither root; nothing is
    /// signed then.
    pub fn sign(&mut self, trusted: &Verified<Root>, keys: &[SecretKey]) -> Result<(), DraftError> {
        self.follows(trusted)?;
        let emptied =
            trusted.release.iter().find(|entry| self.root.release_role(&entry.channel).is_none());
        if let Some(entry) = emptied {
            return Err(DraftError::NobodyLeft(entry.channel.clone()));
        }
        for key in keys {
            self.may_sign(trusted, &key.public().id())?;
        }
        for key in keys {
            self.signed.sign(key, &trusted.network);
        }
        Ok(())
    }

    /// Whether a key counts in the trusted root or in the next.
    ///
    /// # Errors
    /// [`DraftError::NoSay`].
    pub fn may_sign(&self, trusted: &Root, key: &KeyId) -> Result<(), DraftError> {
        let counts = [&trusted.root, &self.root.root].iter().any(|role| role.key(key).is_some());
        if counts { Ok(()) } else { Err(DraftError::NoSay(*key)) }
    }

    /// Takes the good signatures of another copy.
    ///
    /// # Errors
    /// [`DraftError::Different`] if it is another root.
    pub fn merge(&mut self, other: &Self, trusted: &Verified<Root>) -> Result<(), DraftError> {
        if self.signed.payload() != other.signed.payload() {
            return Err(DraftError::Different);
        }
        let good = |draft: &Self| -> BTreeSet<KeyId> {
            let old = draft.signed.signers(&trusted.network, &trusted.root);
            old.into_iter().chain(draft.signed.signers(&trusted.network, &self.root.root)).collect()
        };
        let (ours, theirs) = (good(self), good(other));
        let new = theirs.difference(&ours).copied().collect();
        self.signed.adopt(&other.signed, &new);
        Ok(())
    }

    /// Judges it as every node will.
    ///
    /// # Errors
    /// [`DraftError::Refused`], [`DraftError::Stale`], [`DraftError::NoSpareKey`] and their like.
    pub fn judge(&self, trusted: &Verified<Root>) -> Result<Verified<Root>, DraftError> {
        self.follows(trusted)?;
        self.is_safe()?;
        trust_next(trusted, &self.signed).map_err(DraftError::Refused)
    }
}

/// A channel that a root lets go on from some head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<'a> {
    /// From where.
    pub base: &'a ChannelBase,
    /// Whether its keys change, too.
    pub rekeyed: bool,
}

/// Where channels go on by `next` and did not by `trusted`.
pub fn moves<'a>(trusted: &'a Root, next: &'a Root) -> impl Iterator<Item = Move<'a>> {
    let step = |base: &'a ChannelBase| {
        let role = trusted.release_role(&base.channel);
        let rekeyed = role.is_some() && role != next.release_role(&base.channel);
        Move { base, rekeyed }
    };
    let is_news =
        |step: &Move<'_>| step.rekeyed || trusted.base(&step.base.channel) != Some(step.base);
    next.channel_base.iter().map(step).filter(is_news)
}

/// Whether a text is one line that people can write.
fn is_line(text: &str) -> bool {
    text.len() <= MAX_REASON && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
