//! The installation of one component as a value: which versions there are, which is live, what is under way.
//!
//! Pure. A [`Record`] is a step that was taken and is in the journal; [`State::apply`] says what follows from
//! it, or that it cannot be. [`recover`] says what to do after the program ended anywhere.
//!
//! ```text
//! Idle ─INTENT→ Staging ─STAGED→ Staged ─TRY→ Switching ─COMMIT→ Idle (the new one is live)
//!   ↑               │DROP          │INTENT, TRY   │REVERT→ Reverting ─COMMIT/DROP→ Idle (the old one is live)
//!   └───────────────┘              └─ as Idle     └DROP→ Idle
//! ```

use std::collections::{BTreeMap, BTreeSet};

use updraft_protocol::{Digest, ReleaseVersion, Timestamp};

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A version is about to be staged under a number of its own.
    Intent {
        /// The version.
        to: ReleaseVersion,
        /// Digest of its listing.
        tree: Digest,
        /// The number in the name of its temporary folder.
        attempt: u64,
    },
    /// It is staged: every file of it was read back from the disk.
    Staged {
        /// The version.
        to: ReleaseVersion,
    },
    /// What was under way is given up; what was live is live.
    Drop,
    /// `current` is about to be led to a version.
    Try {
        /// The version.
        to: ReleaseVersion,
        /// When.
        at: Timestamp,
    },
    /// `current` is about to be led back, to nothing when nothing was live before.
    Revert {
        /// The version.
        to: Option<ReleaseVersion>,
        /// When.
        at: Timestamp,
    },
    /// The version is live for good.
    Commit {
        /// The version.
        version: ReleaseVersion,
    },
    /// A version is not kept any more.
    Gone {
        /// The version.
        version: ReleaseVersion,
    },
    /// Written when the journal is shortened: a version that is kept.
    Slot {
        /// The version.
        version: ReleaseVersion,
        /// Digest of its listing.
        tree: Digest,
        /// Since when it was live the last time.
        since: Option<Timestamp>,
    },
    /// Written when the journal is shortened: what is live and what was before.
    Active {
        /// The live version.
        version: Option<ReleaseVersion>,
        /// The one that was live before.
        previous: Option<ReleaseVersion>,
    },
}

impl Record {
    /// Its name in the journal and in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Intent { .. } => "INTENT",
            Self::Staged { .. } => "STAGED",
            Self::Drop => "DROP",
            Self::Try { .. } => "TRY",
            Self::Revert { .. } => "REVERT",
            Self::Commit { .. } => "COMMIT",
            Self::Gone { .. } => "GONE",
            Self::Slot { .. } => "SLOT",
            Self::Active { .. } => "ACTIVE",
        }
    }
}

/// What is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing.
    #[default]
    Idle,
    /// Files of a version are being written.
    Staging {
        /// The version.
        to: ReleaseVersion,
        /// Digest of its listing.
        tree: Digest,
        /// The number in the name of its temporary folder.
        attempt: u64,
    },
    /// A version is ready and not live. What may follow is what may follow [`Phase::Idle`].
    Staged {
        /// The version.
        to: ReleaseVersion,
    },
    /// `current` goes to a version that is not committed.
    Switching {
        /// The version.
        to: ReleaseVersion,
        /// Since when.
        at: Timestamp,
    },
    /// `current` goes back.
    Reverting {
        /// Where it was led before: the version that is left.
        from: Option<ReleaseVersion>,
        /// Where to.
        to: Option<ReleaseVersion>,
        /// Since when.
        at: Timestamp,
    },
}

impl Phase {
    /// Its name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Staging { .. } => "staging",
            Self::Staged { .. } => "staged",
            Self::Switching { .. } => "switching",
            Self::Reverting { .. } => "reverting",
        }
    }
}

/// A step that cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record} cannot follow while the installation is {phase}")]
pub struct IllegalMove {
    /// Name of the phase.
    pub phase: &'static str,
    /// Name of the step.
    pub record: &'static str,
}

/// A version whose files are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Digest of its listing.
    pub tree: Digest,
    /// Since when it was live the last time; `None`: never.
    pub since: Option<Timestamp>,
}

/// The installation of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    active: Option<ReleaseVersion>,
    previous: Option<ReleaseVersion>,
    slots: BTreeMap<ReleaseVersion, Slot>,
    phase: Phase,
}

impl State {
    /// The version that was committed last.
    pub fn active(&self) -> Option<&ReleaseVersion> {
        self.active.as_ref()
    }

    /// The version that was live before, if it is kept.
    pub fn previous(&self) -> Option<&ReleaseVersion> {
        self.previous.as_ref()
    }

    /// The versions whose files are kept.
    pub fn slots(&self) -> &BTreeMap<ReleaseVersion, Slot> {
        &self.slots
    }

    /// What is under way.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Where `current` leads if nobody has touched it.
    pub fn pointed(&self) -> Option<&ReleaseVersion> {
        match &self.phase {
            Phase::Switching { to, .. } => Some(to),
            Phase::Idle
            | Phase::Staging { .. }
            | Phase::Staged { .. }
            | Phase::Reverting { .. } => self.active.as_ref(),
        }
    }

    fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Staged { .. })
    }

    fn was_live(&self, version: &ReleaseVersion) -> bool {
        self.slots.get(version).is_some_and(|slot| slot.since.is_some())
    }

    /// The state after a step.
    pub fn apply(&self, record: &Record) -> Result<Self, IllegalMove> {
        let mut next = self.clone();
        if next.step(record) {
            return Ok(next);
        }
        Err(IllegalMove { phase: self.phase.name(), record: record.name() })
    }

    /// Takes a step if it may be taken.
    fn step(&mut self, record: &Record) -> bool {
        match record {
            Record::Intent { to, tree, attempt } => {
                let may = self.is_at_rest() && !self.slots.contains_key(to);
                self.phase = Phase::Staging { to: to.clone(), tree: *tree, attempt: *attempt };
                may
            }
            Record::Staged { to } => {
                let Phase::Staging { to: expected, tree, .. } = &self.phase else { return false };
                let may = expected == to;
                self.slots.insert(to.clone(), Slot { tree: *tree, since: None });
                self.phase = Phase::Staged { to: to.clone() };
                may
            }
            Record::Drop => {
                let may = !self.is_at_rest();
                self.phase = Phase::Idle;
                may
            }
            Record::Try { to, at } => {
                let may = self.is_at_rest()
                    && self.slots.contains_key(to)
                    && self.active.as_ref() != Some(to);
                self.phase = Phase::Switching { to: to.clone(), at: *at };
                may
            }
            Record::Revert { to, at } => self.revert(to.as_ref(), *at),
            Record::Commit { version } => self.commit(version),
            Record::Gone { version } => {
                let may = self.is_at_rest() && self.active.as_ref() != Some(version);
                if self.phase == (Phase::Staged { to: version.clone() }) {
                    self.phase = Phase::Idle;
                }
                if self.previous.as_ref() == Some(version) {
                    self.previous = None;
                }
                self.slots.remove(version).is_some() && may
            }
            Record::Slot { version, tree, since } => {
                self.slots.insert(version.clone(), Slot { tree: *tree, since: *since });
                self.phase == Phase::Idle && self.active.is_none()
            }
            Record::Active { version, previous } => {
                let known = |version: &Option<ReleaseVersion>| {
                    version.as_ref().is_none_or(|version| self.was_live(version))
                };
                let may = self.phase == Phase::Idle
                    && self.active.is_none()
                    && known(version)
                    && known(previous);
                (self.active, self.previous) = (version.clone(), previous.clone());
                may
            }
        }
    }

    /// An operator goes back to what was live once; an attempt goes back to what is live.
    fn revert(&mut self, to: Option<&ReleaseVersion>, at: Timestamp) -> bool {
        let may = match &self.phase {
            Phase::Idle | Phase::Staged { .. } => {
                to.is_some_and(|to| self.was_live(to)) && self.active.as_ref() != to
            }
            Phase::Switching { .. } => {
                self.active.as_ref() == to || to.is_some_and(|to| self.was_live(to))
            }
            Phase::Staging { .. } | Phase::Reverting { .. } => false,
        };
        let from = self.pointed().cloned();
        self.phase = Phase::Reverting { from, to: to.cloned(), at };
        may
    }

    fn commit(&mut self, version: &ReleaseVersion) -> bool {
        let (expected, at) = match &self.phase {
            Phase::Switching { to, at } => (Some(to), *at),
            Phase::Reverting { to, at, .. } => (to.as_ref(), *at),
            Phase::Idle | Phase::Staging { .. } | Phase::Staged { .. } => return false,
        };
        let may = expected == Some(version);
        if self.active.as_ref() != Some(version) {
            self.previous = self.active.replace(version.clone());
            if let Some(slot) = self.slots.get_mut(version) {
                slot.since = Some(at);
            }
        }
        self.phase = Phase::Idle;
        may
    }

    /// The versions that go when `count` are kept besides the live one. The one before stays longest, then
    /// those that were live last. One that never was live cannot be gone back to: it goes, unless it is staged and
    /// waits, or is among those that were staged `ahead` for a later day.
    pub fn surplus(&self, count: usize, ahead: &BTreeSet<ReleaseVersion>) -> Vec<ReleaseVersion> {
        let waiting = match &self.phase {
            Phase::Staged { to } => Some(to),
            Phase::Idle
            | Phase::Staging { .. }
            | Phase::Switching { .. }
            | Phase::Reverting { .. } => None,
        };
        let never_live = self
            .never_live()
            .filter(|version| waiting != Some(*version) && !ahead.contains(*version));
        let mut others: Vec<_> = (self.slots.iter())
            .filter(|(version, _)| self.active.as_ref() != Some(*version))
            .filter_map(|(version, slot)| {
                Some((self.previous.as_ref() == Some(version), slot.since?, version))
            })
            .collect();
        others.sort();
        let keep_from = others.len().saturating_sub(count);
        let oldest = others.into_iter().take(keep_from).map(|(_, _, version)| version);
        never_live.chain(oldest).cloned().collect()
    }

    /// Versions that are kept and never were live: staged, or switched to and given up.
    pub fn never_live(&self) -> impl Iterator<Item = &ReleaseVersion> {
        let pointed = self.pointed();
        (self.slots.iter())
            .filter(move |(version, slot)| slot.since.is_none() && pointed != Some(*version))
            .map(|(version, _)| version)
    }

    /// The shortest journal that leads to this state. Only an idle installation has one.
    pub fn condensed(&self) -> Option<Vec<Record>> {
        if self.phase != Phase::Idle {
            return None;
        }
        let slots = self.slots.iter().map(|(version, slot)| Record::Slot {
            version: version.clone(),
            tree: slot.tree,
            since: slot.since,
        });
        let active =
            Record::Active { version: self.active.clone(), previous: self.previous.clone() };
        Some(slots.chain([active]).collect())
    }
}

/// What `current` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// Nothing is there.
    Missing,
    /// A link to `versions/<version>`.
    At(ReleaseVersion),
    /// Anything else, described for people.
    Foreign(String),
}

/// What a start finds besides the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What `current` is.
    pub pointer: Pointer,
    /// The folders in `versions`.
    pub present: BTreeSet<ReleaseVersion>,
    /// The numbers of attempts whose temporary folder is there: they did not get as far as their name.
    pub attempts: BTreeSet<u64>,
    /// Whether the version of [`to_verify`] is as its listing says.
    pub sound: Soundness,
}

/// Whether files are as their listing says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soundness {
    /// They are.
    Sound,
    /// They are not, or nobody needed to know.
    NotShown,
}

/// What has to be done to come to rest. Each can be done twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write the step to the journal.
    Write(Record),
    /// Lead `current` to a version, or remove it.
    Point(Option<ReleaseVersion>),
    /// Remove the folder of a version that was never staged completely.
    Discard(ReleaseVersion),
}

/// The version whose files have to be read before [`recover`] can decide.
pub fn to_verify(state: &State, pointer: &Pointer) -> Option<ReleaseVersion> {
    match (&state.phase, pointer) {
        (Phase::Switching { to, .. }, Pointer::At(at)) if at == to => Some(to.clone()),
        (Phase::Reverting { to, .. }, _) => to.clone(),
        (Phase::Idle | Phase::Staged { .. }, Pointer::Missing) => state.active.clone(),
        _ => None,
    }
}

/// What to do next after the program ended anywhere; asked again until there is nothing. What somebody put in
/// place of `current` is left alone.
pub fn recover(state: &State, facts: &Facts) -> Vec<Action> {
    let is_sound = facts.sound == Soundness::Sound;
    let active = state.active.clone();
    let give_up = Action::Write(Record::Drop);
    match &state.phase {
        Phase::Idle | Phase::Staged { .. } => settle(state, facts),
        Phase::Staging { to, attempt, .. } => {
            let is_named = facts.present.contains(to) && !facts.attempts.contains(attempt);
            let discard = is_named.then(|| Action::Discard(to.clone()));
            discard.into_iter().chain([give_up]).collect()
        }
        Phase::Switching { to, at } => match &facts.pointer {
            Pointer::At(found) if found == to && is_sound => {
                vec![Action::Write(Record::Commit { version: to.clone() })]
            }
            Pointer::At(found) if found == to => vec![
                Action::Write(Record::Revert { to: active.clone(), at: *at }),
                Action::Point(active),
                give_up,
            ],
            Pointer::Missing => vec![Action::Point(active), give_up],
            Pointer::At(_) | Pointer::Foreign(_) => vec![give_up],
        },
        Phase::Reverting { from, to, .. } => {
            let is_ours = match &facts.pointer {
                Pointer::Missing => true,
                Pointer::At(found) => [from, to, &active].contains(&&Some(found.clone())),
                Pointer::Foreign(_) => false,
            };
            match to {
                _ if !is_ours => vec![give_up],
                Some(to) if is_sound => vec![
                    Action::Point(Some(to.clone())),
                    Action::Write(Record::Commit { version: to.clone() }),
                ],
                _ => vec![Action::Point(active), give_up],
            }
        }
    }
}

/// Puts back a `current` that is gone, which overwrites nothing, and strikes off versions whose folder is
/// gone: removed by hand, or by a removal that was cut short. The live one is not struck off, so that its
/// loss is seen.
fn settle(state: &State, facts: &Facts) -> Vec<Action> {
    let is_gone = facts.pointer == Pointer::Missing && state.active.is_some();
    let put_back = is_gone && facts.sound == Soundness::Sound;
    let lost = state.slots.keys().filter(|version| {
        !facts.present.contains(*version) && state.active.as_ref() != Some(*version)
    });
    (put_back.then(|| Action::Point(state.active.clone())).into_iter())
        .chain(lost.map(|version| Action::Write(Record::Gone { version: version.clone() })))
        .collect()
}
