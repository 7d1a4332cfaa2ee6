//! `current`: the one link that says which version is live. Everything that moves it is here.
//!
//! The move is made durable in this order: the line in the journal, the link under another name, the rename,
//! the folder. A `current` that somebody else put there is never overwritten.

use updraft_protocol::{ReleaseVersion, Timestamp};

use super::{
    Installer,
    beneath::{Folder, Taken},
    disk::Kind,
    error::InstallError,
    machine::{Phase, Pointer, Record},
};

pub(super) const CURRENT: &str = "current";
pub(super) const CURRENT_TEMPORARY: &str = ".current.tmp";
/// Replaced links kept beside each other by [`Installer::restore_current`] at most.
const MAX_REPLACED: u32 = 100;

/// Reads what `current` is.
pub(super) fn read(root: &Folder) -> Result<Pointer, InstallError> {
    let Some(found) = root.look_at(CURRENT)? else { return Ok(Pointer::Missing) };
    let foreign = match found.kind {
        Kind::File => "a file".to_owned(),
        Kind::Folder => "a folder".to_owned(),
        Kind::Other => "a special file".to_owned(),
        Kind::Link => {
            let text = root.link_text(CURRENT)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let version = text.strip_prefix("versions/").and_then(|version| version.parse().ok());
            if let Some(version) = version {
                return Ok(Pointer::At(version));
            }
            let shown: String = text.escape_default().take(200).collect();
            format!("a link to `{shown}`")
        }
    };
    Ok(Pointer::Foreign(foreign))
}

/// Leads `current` to a version, or removes it. Durable when it returns.
pub(super) fn point(root: &Folder, to: Option<&ReleaseVersion>) -> Result<(), InstallError> {
    match to {
        Some(version) => {
            root.unlink_if_there(CURRENT_TEMPORARY)?;
            root.link(&format!("versions/{version}"), CURRENT_TEMPORARY)?;
            root.rename(CURRENT_TEMPORARY, CURRENT)?;
        }
        None => root.unlink_if_there(CURRENT)?,
    }
    root.sync()
}

impl Installer {
    /// Leads `current` to a staged or kept version. It is not committed: until it is, a restart that finds
    /// its files damaged goes back to the version before.
    ///
    /// The files are read again unless this very handle staged them just before.
    pub fn switch(&mut self, version: &ReleaseVersion, at: Timestamp) -> Result<(), InstallError> {
        self.settle()?;
        self.slot(version)?;
        if self.state.active() == Some(version) {
            return Err(InstallError::AlreadyLive { version: version.clone() });
        }
        if self.checked.take().as_ref() != Some(version) {
            self.verify(version)?;
        }
        self.expect_own_current()?;
        self.record(&Record::Try { to: version.clone(), at })?;
        self.move_current(Some(version), at)
    }

    /// Makes the version that `current` was switched to the installed one. It survives a power cut from
    /// here on. Committing the installed version does nothing.
    pub fn commit(&mut self, version: &ReleaseVersion) -> Result<(), InstallError> {
        self.settle()?;
        if self.state.pointed() == Some(version) && self.state.active() == Some(version) {
            return Ok(());
        }
        let commit = Record::Commit { version: version.clone() };
        self.state.apply(&commit)?;
        self.expect_own_current()?;
        self.record(&commit)?;
        self.condense_if_long();
        Ok(())
    }

    /// Goes back to a version that was live here before. Its files are read again first.
    pub fn rollback_to(
        &mut self,
        version: &ReleaseVersion,
        at: Timestamp,
    ) -> Result<(), InstallError> {
        self.settle()?;
        if self.slot(version)?.since.is_none() {
            return Err(InstallError::NeverLive { version: version.clone() });
        }
        if self.state.pointed() == Some(version) {
            return Err(InstallError::AlreadyLive { version: version.clone() });
        }
        self.verify(version)?;
        self.expect_own_current()?;
        self.record(&Record::Revert { to: Some(version.clone()), at })?;
        self.move_current(Some(version), at)?;
        self.record(&Record::Commit { version: version.clone() })?;
        self.condense_if_long();
        Ok(())
    }

    /// Gives up a version that was switched to and not committed: back to the one before, or to none.
    pub fn give_up(&mut self, at: Timestamp) -> Result<(), InstallError> {
        self.settle()?;
        let before = self.state.active().cloned();
        let revert = Record::Revert { to: before.clone(), at };
        self.state.apply(&revert)?;
        self.expect_own_current()?;
        self.record(&revert)?;
        self.move_current(before.as_ref(), at)?;
        self.record(&Record::Drop)
    }

    /// Puts `current` back to the installed version; whatever is there is kept as `current.replaced-<n>`.
    pub fn restore_current(&mut self) -> Result<(), InstallError> {
        self.settle()?;
        let expected = self.state.pointed().cloned();
        if let Some(version) = &expected {
            self.verify(version)?;
        }
        if self.stranger()?.is_some() {
            self.set_stranger_aside()?;
        }
        point(&self.root, expected.as_ref())
    }

    fn set_stranger_aside(&self) -> Result<(), InstallError> {
        for n in 1..=MAX_REPLACED {
            let aside = format!("{CURRENT}.replaced-{n}");
            if self.root.rename_to_free(CURRENT, &aside)? == Taken::WasFree {
                return self.root.sync();
            }
        }
        Err(InstallError::Occupied { path: self.root.path_of("current.replaced-1") })
    }

    /// Moves `current` after the journal says so. If that fails, it is led back before the error goes out.
    fn move_current(
        &mut self,
        to: Option<&ReleaseVersion>,
        at: Timestamp,
    ) -> Result<(), InstallError> {
        let Err(error) = point(&self.root, to) else { return Ok(()) };
        if let Err(later) = self.back_out(at) {
            tracing::warn!(component = %self.component, error = %later, "cannot go back; next start will");
            self.needs_recovery = true;
        }
        Err(error)
    }

    /// After a failed move nobody knows where the link durably leads; leads it to the installed version.
    fn back_out(&mut self, at: Timestamp) -> Result<(), InstallError> {
        let active = self.state.active().cloned();
        if let Phase::Switching { .. } = self.state.phase() {
            self.record(&Record::Revert { to: active.clone(), at })?;
        }
        point(&self.root, active.as_ref())?;
        self.record(&Record::Drop)
    }

    /// Refuses when `current` is not where this installation left it. One that is gone can be written.
    pub(super) fn expect_own_current(&self) -> Result<(), InstallError> {
        match self.stranger()? {
            None => Ok(()),
            Some(found) => {
                let expected = self.state.pointed().cloned();
                Err(InstallError::CurrentReplaced { found, expected })
            }
        }
    }

    /// What lies in the place of `current` and was not put there by this node.
    fn stranger(&self) -> Result<Option<String>, InstallError> {
        Ok(match read(&self.root)? {
            Pointer::Missing => None,
            Pointer::At(found) if self.state.pointed() == Some(&found) => None,
            Pointer::At(found) => Some(format!("a link to `versions/{found}`")),
            Pointer::Foreign(found) => Some(found),
        })
    }
}
