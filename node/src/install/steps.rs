//! Every change of the disk passes here first, so that tests can end the program before any one of them.
//! In the program itself this is empty.

use std::io;

/// Told of each change before it is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    #[cfg(test)]
    script: Option<std::sync::Arc<std::sync::Mutex<Script>>>,
}

#[cfg(not(test))]
impl Steps {
    pub(super) fn before(&self, _action: &'static str, _name: &str) -> io::Result<()> {
        Ok(())
    }
}

/// What a test wants to happen.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing goes wrong.
    None,
    /// From this change on nothing reaches the disk: the program was killed.
    KilledAt(usize),
    /// This one change fails with the error, the others go through.
    ErrorAt(usize, io::ErrorKind),
}

#[cfg(test)]
#[derive(Debug)]
pub(super) struct Script {
    fault: Fault,
    log: Vec<(&'static str, String)>,
}

#[cfg(test)]
impl Steps {
    pub(super) fn with(fault: Fault) -> Self {
        let script = Script { fault, log: Vec::new() };
        Self { script: Some(std::sync::Arc::new(std::sync::Mutex::new(script))) }
    }

    /// The changes so far: action and name.
    pub(super) fn log(&self) -> Vec<(&'static str, String)> {
        self.script.as_ref().map(|s| s.lock().expect("no panic").log.clone()).unwrap_or_default()
    }

    pub(super) fn before(&self, action: &'static str, name: &str) -> io::Result<()> {
        let Some(script) = &self.script else { return Ok(()) };
        let mut script = script.lock().expect("no panic");
        let step = script.log.len();
        script.log.push((action, name.to_owned()));
        match script.fault {
            Fault::KilledAt(at) if step >= at => Err(io::Error::other("killed")),
            Fault::ErrorAt(at, kind) if step == at => Err(kind.into()),
            Fault::None | Fault::KilledAt(_) | Fault::ErrorAt(..) => Ok(()),
        }
    }
}
