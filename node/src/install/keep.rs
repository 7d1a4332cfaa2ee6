//! Old versions: how many stay, and how the others go. The live one never goes.

use updraft_protocol::ReleaseVersion;

use super::{Installer, error::InstallError, machine::Record};

/// Names of this prefix are being removed; a start goes on with it.
pub(super) const REMOVED: &str = ".del-";

impl Installer {
    /// Keeps the live version and `count` others, the one before first; removes the rest and tells which.
    pub fn keep(&mut self, count: usize) -> Result<Vec<ReleaseVersion>, InstallError> {
        self.settle()?;
        let surplus = self.state.surplus(count);
        for version in &surplus {
            self.remove_version(version)?;
        }
        if !surplus.is_empty() {
            self.remove_stray_listings()?;
        }
        Ok(surplus)
    }

    /// Takes a version's name away in one step, strikes it off, then removes its files at leisure.
    pub(super) fn remove_version(&mut self, version: &ReleaseVersion) -> Result<(), InstallError> {
        let gone = Record::Gone { version: version.clone() };
        self.state.apply(&gone)?;
        self.put_out_of_the_way(version)?;
        self.record(&gone)?;
        self.remove_leftovers()
    }

    /// Renames the folder of a version to a name that means removal.
    pub(super) fn put_out_of_the_way(&self, version: &ReleaseVersion) -> Result<(), InstallError> {
        let name = version.to_string();
        if self.versions.look_at(&name)?.is_none() {
            return Ok(());
        }
        let removed = format!("{REMOVED}{name}");
        self.versions.remove_all(&removed)?;
        self.versions.rename(&name, &self.versions, &removed)?;
        self.versions.sync()
    }
}
