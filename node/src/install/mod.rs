//! It goes live — or back.
//!
//! ```text
//! <component>/versions/<version>/   one folder for each version, never changed once it has its name
//! <component>/versions/.tmp-<n>     being staged        versions/.del-<version>   being removed
//! <component>/trees/<hex>           listings of the versions
//! <component>/current               link to versions/<version>; alone says what is live
//! <component>/journal               one durable line for each step
//! ```
//!
//! The order of a switch: files synced, folders synced from the innermost out, everything read back and
//! compared with the listing, renamed to its version, `versions` synced, STAGED; TRY, then the link renamed
//! and the root synced; COMMIT. Whenever the program ends, the next start decides from the journal and the
//! link alone, and comes to rest with the old version or the new one, complete.
//!
//! Never writes, removes or changes the mode of anything outside the component's folder, whatever links lie
//! in it, and never overwrites a `current` that somebody else put there. All functions block.

mod beneath;
mod check;
mod contents;
pub mod disk;
mod error;
mod journal;
mod keep;
mod listing;
pub mod machine;
mod real_disk;
mod recover;
mod stage;
mod steps;
mod switch;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use updraft_protocol::{ComponentName, Digest, ReleaseVersion, Timestamp};

use self::{
    beneath::Folder,
    journal::Journal,
    machine::{Record, Slot, State},
    steps::Steps,
};

pub use self::{
    contents::Contents,
    disk::{Disk, DiskFile},
    error::InstallError,
    machine::Pointer,
    real_disk::RealDisk,
    stage::Staged,
};

/// A version that is or was live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The version.
    pub version: ReleaseVersion,
    /// Digest of its listing.
    pub tree: Digest,
    /// When it went live the last time.
    pub at: Timestamp,
}

/// The installation of one component. One of them may exist for a folder; the data directory's lock sees to it.
#[derive(Debug)]
pub struct Installer {
    component: ComponentName,
    root: Folder,
    versions: Folder,
    trees: Folder,
    journal: Journal,
    state: State,
    min_free_disk: u64,
    /// The version whose files this handle has just read back; a switch to it need not read them again.
    checked: Option<ReleaseVersion>,
    /// Set when a step failed half way; the next call comes to rest first.
    needs_recovery: bool,
}

impl Installer {
    /// Opens the installation in `root`, which is made if it is missing, and comes to rest: goes on with or
    /// gives up what was under way when the program ended.
    ///
    /// `min_free_disk` bytes of the file system are left to others. A `current` that somebody replaced does
    /// not keep this from opening; [`Installer::current`] tells, and [`Installer::restore_current`] mends.
    pub fn open(
        root: &Path,
        component: ComponentName,
        min_free_disk: u64,
    ) -> Result<Self, InstallError> {
        Self::open_with(root, component, min_free_disk, Steps::default())
    }

    fn open_with(
        root: &Path,
        component: ComponentName,
        min_free_disk: u64,
        steps: Steps,
    ) -> Result<Self, InstallError> {
        real_disk::make_root(root)?;
        let disk = RealDisk::open(root).map_err(InstallError::io("open", root))?;
        Self::open_in(Folder::root(Arc::new(disk), root, steps), component, min_free_disk)
    }

    /// The same in an open folder of any disk, for simulations: the installer that is tried there is this one.
    /// Messages call the folder by the component's name.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        component: ComponentName,
        min_free_disk: u64,
    ) -> Result<Self, InstallError> {
        let root = Folder::root(disk, component.as_str(), Steps::default());
        Self::open_in(root, component, min_free_disk)
    }

    fn open_in(
        root: Folder,
        component: ComponentName,
        min_free_disk: u64,
    ) -> Result<Self, InstallError> {
        let (versions, trees) = (root.ensure_folder("versions")?, root.ensure_folder("trees")?);
        let (journal, records) = Journal::open(&root)?;
        let mut installer = Self {
            component,
            root,
            versions,
            trees,
            journal,
            state: recover::replay(&records)?,
            min_free_disk,
            checked: None,
            needs_recovery: false,
        };
        installer.recover()?;
        installer.condense_if_long();
        Ok(installer)
    }

    /// The component.
    pub fn component(&self) -> &ComponentName {
        &self.component
    }

    /// What the journal tells: versions kept and what is under way.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The version that was committed last.
    pub fn installed(&self) -> Option<Installed> {
        self.state.active().and_then(|version| self.was_live(version))
    }

    /// The version that was live before it, if it is kept.
    pub fn previous(&self) -> Option<Installed> {
        self.state.previous().and_then(|version| self.was_live(version))
    }

    /// Every version that is or was live and whose files are kept, by version: what can be rolled back to.
    pub fn kept(&self) -> Vec<Installed> {
        self.state.slots().keys().filter_map(|version| self.was_live(version)).collect()
    }

    fn was_live(&self, version: &ReleaseVersion) -> Option<Installed> {
        let slot = self.state.slots().get(version)?;
        Some(Installed { version: version.clone(), tree: slot.tree, at: slot.since? })
    }

    /// What `current` is on the disk now.
    pub fn current(&self) -> Result<Pointer, InstallError> {
        switch::read(&self.root)
    }

    /// The path of `current`, by which programs reach what is live.
    pub fn current_path(&self) -> PathBuf {
        self.root.path_of(switch::CURRENT)
    }

    /// Refuses with [`InstallError::CurrentReplaced`] when `current` is not where this node left it.
    pub fn check_current(&self) -> Result<(), InstallError> {
        self.expect_own_current()
    }

    /// Reads all files of a kept version again and compares them with its listing.
    pub fn verify(&self, version: &ReleaseVersion) -> Result<(), InstallError> {
        let tree = self.listing(version)?;
        check::check(&self.versions.folder(&version.to_string())?, version, &tree)
    }

    /// The folder of a kept version, for somebody who will run something in it. Its files are no longer taken for
    /// what they were: they are read again before the version goes live.
    pub fn lend(&mut self, version: &ReleaseVersion) -> Result<PathBuf, InstallError> {
        self.settle()?;
        self.slot(version)?;
        self.checked = None;
        Ok(self.versions.path_of(&version.to_string()))
    }

    /// Takes back what was lent: reads its files again, and removes the version if they are not what they were.
    /// A live version is not removed.
    ///
    /// # Errors
    /// [`InstallError::Differs`] if something was changed.
    pub fn take_back(&mut self, version: &ReleaseVersion) -> Result<(), InstallError> {
        self.settle()?;
        let verified = self.verify(version);
        if let Err(InstallError::Differs { .. }) = &verified
            && self.state.never_live().any(|idle| idle == version)
        {
            self.remove_version(version)?;
        }
        verified
    }

    fn slot(&self, version: &ReleaseVersion) -> Result<Slot, InstallError> {
        let slot = self.state.slots().get(version).copied();
        slot.ok_or_else(|| InstallError::NotKept { version: version.clone() })
    }

    /// Takes a step: legal, then durable, then so.
    fn record(&mut self, record: &Record) -> Result<(), InstallError> {
        self.state.apply(record)?;
        let written = self.write(record);
        self.needs_recovery |= written.is_err();
        written
    }

    fn write(&mut self, record: &Record) -> Result<(), InstallError> {
        let next = self.state.apply(record)?;
        self.journal.append(&self.root, record)?;
        self.state = next;
        Ok(())
    }

    /// Shortens a long journal. A failure costs room and nothing else, unless the journal itself is in doubt.
    fn condense_if_long(&mut self) {
        let Some(records) = self.state.condensed().filter(|_| self.journal.is_long()) else {
            return;
        };
        if let Err(error) = self.journal.rewrite(&self.root, &records) {
            tracing::warn!(component = %self.component, %error, "the journal cannot be shortened");
            self.needs_recovery = true;
        }
    }
}
