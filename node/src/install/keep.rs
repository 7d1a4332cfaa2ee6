//! Old versions, and those of a later day: how many stay, and how the others go. The live one never goes.

use std::collections::BTreeSet;

use updraft_protocol::ReleaseVersion;

use super::{Installer, error::InstallError, machine::Record};

/// Names of this prefix are being removed; a start goes on with it.
pub(super) const REMOVED: &str = ".del-";

impl Installer {
    /// Keeps the live version and `count` others that were, the one before first, and what was staged `ahead`;
    /// removes the rest and tells which.
    pub fn keep(
        &mut self,
        count: usize,
        ahead: &BTreeSet<ReleaseVersion>,
    ) -> Result<Vec<ReleaseVersion>, InstallError> {
        self.settle()?;
        self.remove_versions(self.state.surplus(count, ahead))
    }

    /// Removes what was staged and never was live, but for what is staged `ahead`; tells which.
    pub fn keep_ahead(
        &mut self,
        ahead: &BTreeSet<ReleaseVersion>,
    ) -> Result<Vec<ReleaseVersion>, InstallError> {
        self.settle()?;
        let idle = self.state.never_live().filter(|version| !ahead.contains(*version));
        self.remove_versions(idle.cloned().collect())
    }

    fn remove_versions(
        &mut self,
        versions: Vec<ReleaseVersion>,
    ) -> Result<Vec<ReleaseVersion>, InstallError> {
        for version in &versions {
            self.remove_version(version)?;
        }
        if !versions.is_empty() {
            self.remove_stray_listings()?;
        }
        Ok(versions)
    }

    /// Takes a version's name away in one step, strikes it off, then removes its files at leisure.
    pub(super) fn remove_version(&mut self, version: &ReleaseVersion) -> Result<(), InstallError> {
        let gone = Record::Gone { version: version.clone() };
        self.state.apply(&gone)?;
        self.put_out_of_the_way(version)?;
        self.record(&gone)?;
        self.remove_leftovers()
    }

    /// Renames the folder of a version to a name that means removal. Durable when it returns, and so is what an
    /// earlier call did of this before it was cut short.
    pub(super) fn put_out_of_the_way(&self, version: &ReleaseVersion) -> Result<(), InstallError> {
        let name = version.to_string();
        let removed = format!("{REMOVED}{name}");
        self.finish_removals()?;
        if self.versions.look_at(&name)?.is_some() {
            self.versions.rename(&name, &removed)?;
        }
        self.versions.sync()
    }

    /// Makes durable that versions lost their names, and removes their files only then: a version that a power cut
    /// gives its name back has all of them. The removal makes a folder whose sync failed worth syncing again: a
    /// second sync of a folder in which nothing has changed does nothing.
    pub(super) fn finish_removals(&self) -> Result<(), InstallError> {
        self.versions.sync()?;
        if !self.versions.names()?.iter().any(|name| name.starts_with(REMOVED)) {
            return Ok(());
        }
        // What cannot be removed costs room and nothing else; whoever removes the leftovers tells.
        let _ = self.remove_named_with(&[REMOVED]);
        self.versions.sync()
    }

    /// Removes everything in the folder of versions whose name begins so, and makes nothing of it durable.
    pub(super) fn remove_named_with(&self, prefixes: &[&str]) -> Result<(), InstallError> {
        for name in self.versions.names()? {
            if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                self.versions.remove_all(&name)?;
            }
        }
        Ok(())
    }
}
