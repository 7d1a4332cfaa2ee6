//! Coming to rest: after a start, and after an error that left something half done.
//!
//! Gathers the facts, asks [`machine::recover`](super::machine::recover), does what it says, and asks again.
//! Each action may be the last before the next crash.

use updraft_protocol::ReleaseVersion;

use super::{
    Installer,
    error::InstallError,
    journal::Journal,
    keep::REMOVED,
    machine::{self, Action, Facts, Pointer, Soundness, State},
    stage::TEMPORARY,
    switch,
};

/// Rounds of facts and actions: one comes to rest, one puts `current` back and strikes off, one finds nothing.
const MAX_ROUNDS: usize = 4;

/// The state that a journal tells of.
pub(super) fn replay(records: &[machine::Record]) -> Result<State, InstallError> {
    let mut state = State::default();
    for record in records {
        state = state.apply(record)?;
    }
    Ok(state)
}

impl Installer {
    /// Comes to rest if the last call could not. The journal is opened again: nobody knows what is in it.
    pub(super) fn settle(&mut self) -> Result<(), InstallError> {
        if !self.needs_recovery {
            return Ok(());
        }
        let (journal, records) = Journal::open(&self.root)?;
        self.state = replay(&records)?;
        self.journal = journal;
        self.checked = None;
        self.recover()?;
        self.needs_recovery = false;
        Ok(())
    }

    pub(super) fn recover(&mut self) -> Result<(), InstallError> {
        for _ in 0..MAX_ROUNDS {
            let facts = self.facts()?;
            let actions = machine::recover(&self.state, &facts);
            if actions.is_empty() {
                break;
            }
            for action in actions {
                tracing::info!(component = %self.component, ?action, "recovering an installation");
                match action {
                    Action::Write(record) => self.write(&record)?,
                    Action::Point(to) => self.lead_back(&facts.pointer, to.as_ref())?,
                    Action::Discard(version) => self.put_out_of_the_way(&version)?,
                }
            }
        }
        if let Err(error) = self.remove_leftovers().and_then(|()| self.remove_stray_listings()) {
            // Costs room and nothing else; the next start tries again.
            tracing::warn!(component = %self.component, %error, "leftovers cannot be removed");
        }
        Ok(())
    }

    /// Points `current` unless it leads there durably already. A link that was found may not be durable yet.
    fn lead_back(&self, found: &Pointer, to: Option<&ReleaseVersion>) -> Result<(), InstallError> {
        match (found, to) {
            (Pointer::At(found), Some(to)) if found == to => self.root.sync(),
            (Pointer::Missing, None) => self.root.sync(),
            _ => switch::point(&self.root, to),
        }
    }

    fn facts(&self) -> Result<Facts, InstallError> {
        let pointer = switch::read(&self.root)?;
        // A commit must not be written before the link is durable.
        self.root.sync()?;
        // Nor must a version be struck off or given up whose folder a power cut would bring back.
        self.finish_removals()?;
        let names = self.versions.names()?;
        let present = names.iter().filter_map(|name| name.parse().ok()).collect();
        let attempt = |name: &String| name.strip_prefix(TEMPORARY)?.parse().ok();
        let attempts = names.iter().filter_map(attempt).collect();
        let sound = match machine::to_verify(&self.state, &pointer) {
            Some(version) if self.verify(&version).is_ok() => Soundness::Sound,
            _ => Soundness::NotShown,
        };
        Ok(Facts { pointer, present, attempts, sound })
    }

    /// Removes what was being written or removed. Only names that this room gives are touched.
    pub(super) fn remove_leftovers(&self) -> Result<(), InstallError> {
        self.remove_named_with(&[TEMPORARY, REMOVED])?;
        self.root.unlink_if_there(switch::CURRENT_TEMPORARY)
    }
}
