//! What independent builders got from a release's sources. Pure.
//!
//! Each builder has one word about each release on offer; a newer one takes the place of an older, once a minute.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    BuildAttestation, ComponentName, Digest, KeyId, Manifest, ReleaseVersion, Statement, Target,
    Verified,
};

use super::{refusal::Refusal, witnesses::MIN_INTERVAL};

/// Words kept in all: each takes under 1 KiB.
const MAX_WORDS: usize = 4_096;

/// What is built, as a head lists it.
type Name = (ComponentName, Target, ReleaseVersion);

/// What builders say about one release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Builds {
    /// Builders who got the very tree that the publisher signed.
    pub agree: BTreeSet<KeyId>,
    /// Builders who got another one from the same sources, and which.
    pub differ: BTreeMap<KeyId, Digest>,
}

/// The words of all builders.
#[derive(Debug, Clone, Default)]
pub(super) struct Builders {
    words: BTreeMap<(Name, KeyId), (Verified<BuildAttestation>, Arc<Statement>)>,
}

impl Builders {
    /// The last word of the same builder about the same thing.
    pub(super) fn last(&self, word: &BuildAttestation) -> Option<&Arc<Statement>> {
        let name = (word.component.clone(), word.target.clone(), word.version.clone());
        self.words.get(&(name, word.by)).map(|(_, statement)| statement)
    }

    /// Takes a verified word about a release that is on offer.
    pub(super) fn hear(
        &mut self,
        word: Verified<BuildAttestation>,
        statement: &Arc<Statement>,
    ) -> Result<(), Refusal> {
        let name = (word.component.clone(), word.target.clone(), word.version.clone());
        let place = (name, word.by);
        let last = self.words.get(&place);
        if last.is_some_and(|(last, _)| word.time <= last.time) {
            return Err(Refusal::Outdated);
        }
        if last.is_some_and(|(last, _)| word.time.since(last.time) < MIN_INTERVAL) {
            return Err(Refusal::TooSoon);
        }
        if last.is_none() && self.words.len() >= MAX_WORDS {
            return Err(Refusal::Full { by: word.by });
        }
        self.words.insert(place, (word, statement.clone()));
        Ok(())
    }

    /// What builders say about a release. Whoever built other sources says nothing about it.
    pub(super) fn about(&self, manifest: &Manifest) -> Builds {
        let name = (&manifest.component, &manifest.target, &manifest.version);
        let mut builds = Builds::default();
        let words = self.words.values().map(|(word, _)| word);
        let words = words.filter(|word| (&word.component, &word.target, &word.version) == name);
        for word in words.filter(|word| manifest.source == Some(word.source)) {
            if word.tree == manifest.tree.object.digest {
                builds.agree.insert(word.by);
            } else {
                builds.differ.insert(word.by, word.tree);
            }
        }
        builds
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = &Arc<Statement>> {
        self.words.values().map(|(_, statement)| statement)
    }

    /// Keeps only what `keep` still wants.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&BuildAttestation, &Statement) -> bool) {
        self.words.retain(|_, (word, statement)| keep(word, statement));
    }
}
