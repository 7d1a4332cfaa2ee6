//! One change to a draft. Every step leaves a root that the protocol would take, so nobody is asked to sign one
//! that it would not; who wants to replace a key adds the new one first where a threshold stands in the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use updraft_protocol::{
    ChannelBase, ChannelName, ChannelRole, Digest, Elector, Electorate, KeyId, OperatorName,
    PublicKey, RevokedKey, Role, Root, Timestamp,
};

use super::{
    DraftError,
    choice::Choice,
    is_line,
    votes::{self, Votes},
};

/// The newest believed head of each channel, to go on from when its keys change; a channel without one begins
/// anew.
pub type Bases = BTreeMap<ChannelName, ChannelBase>;

/// What this machine knows of the network, for whoever edits a draft here.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Where channels would go on.
    pub bases: Bases,
    /// What is voted on, and what was decided.
    pub votes: Votes,
}

/// Which keys a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The root's own.
    Root,
    /// Those that publish on one channel, or on every one.
    Release(Option<ChannelName>),
    /// Those that say which head is the newest.
    Witness,
    /// Those that may pause a release.
    Brake,
    /// Those that build again.
    Builder,
    /// Those that vote.
    Electorate,
}

/// Text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no role: expected root, release, release:CHANNEL, witness, brake, builder or electorate"
)]
pub struct InvalidTarget(String);

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        Ok(match text {
            "root" => Self::Root,
            "release" => Self::Release(None),
            "witness" => Self::Witness,
            "brake" => Self::Brake,
            "builder" => Self::Builder,
            "electorate" => Self::Electorate,
            other => {
                let channel = other.strip_prefix("release:").and_then(|name| name.parse().ok());
                let channel = channel.ok_or_else(|| {
                    InvalidTarget(other.chars().filter(|c| !c.is_control()).take(80).collect())
                })?;
                Self::Release(Some(channel))
            }
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Release(None) => f.write_str("release"),
            Self::Release(Some(channel)) => write!(f, "release:{channel}"),
            Self::Witness => f.write_str("witness"),
            Self::Brake => f.write_str("brake"),
            Self::Builder => f.write_str("builder"),
            Self::Electorate => f.write_str("electorate"),
        }
    }
}

/// Why a key leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// It did its time; what it signed stays good where the new keys sign again.
    Rotated,
    /// It must never count again, anywhere.
    Revoked {
        /// Why, in words.
        reason: String,
        /// Since when it is not to be relied on.
        since: Timestamp,
    },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key joins. A channel that is not there begins with it.
    Add {
        /// What it may do.
        target: Target,
        /// The key.
        key: PublicKey,
    },
    /// A key may vote.
    Enrol(Elector),
    /// A key leaves; one that is revoked leaves every role.
    Remove {
        /// Where from.
        target: Target,
        /// The key.
        key: KeyId,
        /// Why.
        leaving: Leaving,
    },
    /// How many have to sign.
    Threshold {
        /// What.
        target: Target,
        /// Of how many keys.
        threshold: u16,
    },
    /// When the root goes stale.
    Expire {
        /// The moment.
        at: Timestamp,
        /// Now, which has to be before it.
        now: Timestamp,
    },
    /// A vote of the electorate in force, or of one before it, goes on counting when there is another.
    Count(Digest),
    /// It does not, after all.
    Uncount(Digest),
    /// A channel goes on from this head, because people say so; its keys may change or not.
    Base(ChannelBase),
}

impl Change {
    /// An elector, if weight and operator are given as the electorate needs them.
    ///
    /// # Errors
    /// [`DraftError::Weight`].
    pub fn adding(
        target: Target,
        key: PublicKey,
        vote: (Option<u32>, Option<OperatorName>),
    ) -> Result<Self, DraftError> {
        match (target, vote) {
            (Target::Electorate, (Some(weight), Some(operator))) => {
                Ok(Self::Enrol(Elector { key, weight, operator }))
            }
            (Target::Electorate, _) | (_, (Some(_), _) | (_, Some(_))) => Err(DraftError::Weight),
            (target, (None, None)) => Ok(Self::Add { target, key }),
        }
    }
}

/// The draft `root` after a change; `trusted` is what it follows, `chosen` is what people chose, this
/// change included.
pub(super) fn edited(
    root: &Root,
    trusted: &Root,
    change: &Change,
    known: &Known,
    chosen: &Choice,
) -> Result<Root, DraftError> {
    let mut next = root.clone();
    match change {
        Change::Add { target, key } => add(&mut next, trusted, target, key)?,
        Change::Enrol(elector) => enrol(&mut next, elector)?,
        Change::Remove { target, key, leaving } => remove(&mut next, target, key, leaving)?,
        Change::Threshold { target, threshold } => set_threshold(&mut next, target, *threshold)?,
        Change::Expire { at, now } if at <= now => return Err(DraftError::Past(*at)),
        Change::Expire { at, .. } => next.expires = *at,
        // They are choices, and what comes of all choices is settled below.
        Change::Count(_) | Change::Uncount(_) => {}
        Change::Base(base) => {
            if next.release_role(&base.channel).is_none() {
                return Err(DraftError::NoChannel(base.channel.clone()));
            }
            next.channel_base.retain(|other| other.channel != base.channel);
            next.channel_base.push(base.clone());
        }
    }
    settle_bases(&mut next, trusted, &known.bases, &chosen.channels);
    settle_epoch(&mut next, trusted);
    votes::settle(&mut next, root, trusted, &known.votes, chosen);
    Ok(next)
}

fn add(
    root: &mut Root,
    trusted: &Root,
    target: &Target,
    key: &PublicKey,
) -> Result<(), DraftError> {
    let id = key.id();
    if root.has_taken_back(&id) {
        return Err(DraftError::Revoked(id));
    }
    for target in each(root, trusted, target) {
        let role = role_of(root, &target);
        let mut keys = role.as_ref().map_or(Vec::new(), |role| role.keys().to_vec());
        if keys.iter().any(|known| known.id() == id) {
            return Err(DraftError::InRole(target.to_string()));
        }
        keys.push(*key);
        let threshold = role.map_or(1, |role| role.threshold());
        put(root, &target, threshold, keys)?;
    }
    Ok(())
}

fn enrol(root: &mut Root, elector: &Elector) -> Result<(), DraftError> {
    let id = elector.key.id();
    if root.has_taken_back(&id) {
        return Err(DraftError::Revoked(id));
    }
    let electorate =
        root.electorate.get_or_insert_with(|| Electorate { epoch: 1, electors: Vec::new() });
    if electorate.electors.iter().any(|known| known.key.id() == id) {
        return Err(DraftError::InRole(Target::Electorate.to_string()));
    }
    electorate.electors.push(elector.clone());
    electorate.electors.sort_by_key(|elector| elector.key.id());
    Ok(())
}

fn remove(
    root: &mut Root,
    target: &Target,
    key: &KeyId,
    leaving: &Leaving,
) -> Result<(), DraftError> {
    let holds = |root: &Root, target: &Target| match target {
        Target::Electorate => root.electorate.as_ref().is_some_and(|electorate| {
            electorate.electors.iter().any(|elector| elector.key.id() == *key)
        }),
        target => role_of(root, target).is_some_and(|role| role.key(key).is_some()),
    };
    let mut held = each(root, root, target);
    held.retain(|target| holds(root, target));
    if held.is_empty() {
        return Err(DraftError::NotInRole(target.to_string()));
    }
    if let Leaving::Revoked { reason, since } = leaving {
        if !is_line(reason) {
            return Err(DraftError::Reason);
        }
        held = everywhere(root);
        held.retain(|target| holds(root, target));
        root.revoked.push(RevokedKey { key: *key, reason: reason.clone(), since: *since });
        root.revoked.sort_by_key(|revoked| revoked.key);
    }
    held.iter().try_for_each(|target| take_out(root, target, key))
}

fn take_out(root: &mut Root, target: &Target, key: &KeyId) -> Result<(), DraftError> {
    if *target == Target::Electorate {
        if let Some(electorate) = &mut root.electorate {
            electorate.electors.retain(|elector| elector.key.id() != *key);
        }
        root.electorate = root.electorate.take().filter(|left| !left.electors.is_empty());
        return Ok(());
    }
    let role = role_of(root, target).ok_or_else(|| DraftError::NoRole(target.to_string()))?;
    let keys: Vec<_> = role.keys().iter().filter(|known| known.id() != *key).copied().collect();
    let (need, left) = (role.threshold(), keys.len());
    if left >= need {
        return put(root, target, need, keys);
    }
    match target {
        // Nobody would be left: then there is no such role any more. The root cannot be without keys.
        Target::Release(Some(channel)) if left == 0 => {
            root.release.retain(|entry| entry.channel != *channel);
        }
        Target::Witness if left == 0 => root.witness = None,
        Target::Brake if left == 0 => root.brake = None,
        Target::Builder if left == 0 => root.builder = None,
        _ => return Err(DraftError::TooFewLeft { role: target.to_string(), need, left }),
    }
    Ok(())
}

fn set_threshold(root: &mut Root, target: &Target, threshold: u16) -> Result<(), DraftError> {
    match target {
        Target::Brake => return Err(DraftError::NoThreshold("brake")),
        Target::Builder => return Err(DraftError::NoThreshold("builder")),
        Target::Electorate => return Err(DraftError::NoThreshold("electorate")),
        Target::Root | Target::Release(_) | Target::Witness => {}
    }
    for target in each(root, root, target) {
        let role = role_of(root, &target).ok_or_else(|| match &target {
            Target::Release(Some(channel)) => DraftError::NoChannel(channel.clone()),
            other => DraftError::NoRole(other.to_string()),
        })?;
        put(root, &target, usize::from(threshold), role.keys().to_vec())?;
    }
    Ok(())
}

/// `release` stands for every channel, also for one that the draft has just emptied.
fn each(root: &Root, trusted: &Root, target: &Target) -> Vec<Target> {
    match target {
        Target::Release(None) => {
            let channels = root.release.iter().chain(&trusted.release);
            let channels: BTreeSet<_> = channels.map(|entry| entry.channel.clone()).collect();
            channels.into_iter().map(|channel| Target::Release(Some(channel))).collect()
        }
        one => vec![one.clone()],
    }
}

fn everywhere(root: &Root) -> Vec<Target> {
    let mut all = each(root, root, &Target::Release(None));
    all.extend([Target::Root, Target::Witness, Target::Brake, Target::Builder, Target::Electorate]);
    all
}

fn role_of(root: &Root, target: &Target) -> Option<Role> {
    match target {
        Target::Root => Some(root.root.clone()),
        Target::Release(channel) => root.release_role(channel.as_ref()?).cloned(),
        Target::Witness => root.witness.clone(),
        Target::Brake => root.brake.clone(),
        Target::Builder => root.builder.clone(),
        Target::Electorate => None,
    }
}

fn put(
    root: &mut Root,
    target: &Target,
    threshold: usize,
    keys: Vec<PublicKey>,
) -> Result<(), DraftError> {
    let failed = |reason| DraftError::Role { role: target.to_string(), reason };
    let threshold = u16::try_from(threshold).unwrap_or(u16::MAX);
    let role = Role::new(threshold, keys).map_err(failed)?;
    match target {
        Target::Root => root.root = role,
        Target::Release(Some(channel)) => {
            root.release.retain(|entry| entry.channel != *channel);
            root.release.push(ChannelRole { channel: channel.clone(), role });
            root.release.sort_by(|a, b| a.channel.cmp(&b.channel));
        }
        Target::Witness => root.witness = Some(role),
        Target::Brake => root.brake = Some(role),
        Target::Builder => root.builder = Some(role),
        Target::Release(None) | Target::Electorate => {
            return Err(DraftError::NoRole(target.to_string()));
        }
    }
    Ok(())
}

/// Where channels go on: where people chose; else those with the same keys as before where they did, and those with
/// others from the newest head that is believed now.
fn settle_bases(root: &mut Root, trusted: &Root, newest: &Bases, chosen: &BTreeSet<ChannelName>) {
    let mut bases = Vec::new();
    for ChannelRole { channel, role } in &root.release {
        let drafted = root.base(channel).filter(|_| chosen.contains(channel));
        let rekeyed = trusted.release_role(channel).is_some_and(|before| before != role);
        let usual = || {
            let anew = || ChannelBase { channel: channel.clone(), seq: 0, head: None };
            if rekeyed {
                Some(newest.get(channel).cloned().unwrap_or_else(anew))
            } else {
                trusted.base(channel).cloned()
            }
        };
        bases.extend(drafted.cloned().or_else(usual));
    }
    root.channel_base = bases;
}

/// A vote names the epoch it was cast in, so another list is another epoch.
fn settle_epoch(root: &mut Root, trusted: &Root) {
    let Some(electorate) = &mut root.electorate else { return };
    match &trusted.electorate {
        Some(before) if before.electors == electorate.electors => electorate.epoch = before.epoch,
        Some(before) => electorate.epoch = before.epoch.saturating_add(1),
        None => electorate.epoch = 1,
    }
}
