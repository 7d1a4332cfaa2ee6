//! How the agent ends: because it was told to, or to make room for another program in the same process.

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use updraft_protocol::{ComponentName, ReleaseVersion};

use super::{action::Input, effects::Ended, installing, order::Reply, orders::answer, task::Agent};
use crate::{
    again::{StartAgain, Stays, kept},
    problem::{Code, Problem},
};

/// How an agent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was told to stop, or the network ended.
    Stopped,
    /// Everything is to stop, and the process to become another program.
    StartAgain(StartAgain),
}

/// The component that this program is a release of.
pub fn own_component() -> ComponentName {
    "updraft".parse().expect("`updraft` is a component name")
}

impl Agent {
    /// Ends the node in order, to begin again as the program that is installed as a component. If that cannot be, the
    /// node goes on as it is, and its machine hears of it: an old program that serves is better than none.
    pub(super) async fn start_again(&mut self, component: ComponentName) {
        let ended = match self.live_program(&component).await {
            Some(program) => self.end_as(program).await,
            None => {
                let detail = format!("no program of `{component}` is installed here");
                Err(Problem::new(Code::Failed, detail))
            }
        };
        if let Err(problem) = ended {
            tracing::error!(%component, %problem, "the node goes on as the program that it is");
            let reason = problem.to_string();
            // By way of the loop: actions are being carried out here.
            self.effects.spawn(async { Ended::Input(Box::new(Input::NotStartedAgain(reason))) });
        }
    }

    /// The same for an operator: as the program that is installed here, or as this one anew.
    pub(super) async fn on_start_again(&mut self, reply: Reply<PathBuf>) {
        let program = match self.live_program(&own_component()).await {
            Some(program) => Ok(program),
            None => this_program(self.identity.node.version),
        };
        let ended = match program {
            Ok(program) => self.end_as(program.clone()).await.map(|()| program.path),
            Err(problem) => Err(problem),
        };
        answer(reply, ended);
    }

    async fn live_program(&mut self, component: &ComponentName) -> Option<Program> {
        self.open_installer(component).await;
        let named = self.settings.component(component).selftest;
        let (context, component) = (self.context.clone(), component.clone());
        let found = tokio::task::spawn_blocking(move || {
            installing::live_program(&context, &component, &named)
        });
        // Nothing is known if the look itself fails.
        let (path, version) = found.await.ok().flatten()?;
        Some(Program { path, version })
    }

    async fn end_as(&mut self, program: Program) -> Result<(), Problem> {
        check_program(&program.path).map_err(|error| {
            let detail = format!("{} cannot be run", program.path.display());
            Problem::new(Code::FileUnusable, detail).because(Some(&error))
        })?;
        let starts = self.again.another(&program.version, self.context.clock.now());
        let starts = starts.map_err(|stays| stays_in_words(&stays))?;
        // Before anything stops: the next program may not live to say that it was started.
        let (file, kept) = (self.again.file.clone(), starts.clone());
        let written = tokio::task::spawn_blocking(move || kept::write(&file, &kept)).await;
        written.unwrap_or_else(|error| Err(error.into())).map_err(|error| {
            let detail = format!("{} cannot be written", self.again.file.display());
            Problem::new(Code::FileUnusable, detail).because(Some(&error))
        })?;
        let Program { path: program, version } = program;
        tracing::info!(program = %program.display(), %version, "the node starts again");
        self.ending = Some(Ending::StartAgain(StartAgain { program, starts }));
        Ok(())
    }

    /// This program has run long enough: its start was none that failed.
    pub(super) async fn has_lasted(&mut self) {
        self.lasts_at = None;
        let file = self.again.file.clone();
        let cleared = tokio::task::spawn_blocking(move || kept::clear(&file)).await;
        if let Err(error) = cleared.unwrap_or_else(|error| Err(error.into())) {
            tracing::warn!(%error, "the count of starts could not be struck off");
        }
    }
}

/// What a process may become.
#[derive(Debug, Clone)]
struct Program {
    path: PathBuf,
    version: ReleaseVersion,
}

fn this_program(version: &str) -> Result<Program, Problem> {
    let path = env::current_exe().map_err(|error| {
        Problem::new(Code::Failed, "this program cannot be found").because(Some(&error))
    })?;
    let version = version.parse().map_err(|error| {
        Problem::new(Code::Failed, "this program has no version").because(Some(&error))
    })?;
    Ok(Program { path, version })
}

fn stays_in_words(stays: &Stays) -> Problem {
    match stays {
        Stays::TooOften(_) => Problem::from_error(Code::Failed, stays).hint(
            "look at the log for what makes it; the count ends after ten minutes, or when a program has run for one",
        ),
        Stays::KeysAreLost { .. } => Problem::from_error(Code::KeyLocked, stays).hint(
            "give the password in a file named by UPDRAFT_KEY_PASSWORD_FILE, stop the node, and start it",
        ),
    }
}

/// Looks before everything is stopped, not after.
fn check_program(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("not a file"));
    }
    if found.permissions().mode() & 0o111 == 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_no_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("updraft");
        assert!(check_program(&program).is_err(), "it is not there");
        assert!(check_program(folder.path()).is_err(), "a folder is none");
        fs::write(&program, "#!/bin/sh\n").expect("writes");
        assert!(check_program(&program).is_err(), "it may not be run");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
        check_program(&program).expect("it is one");
    }
}
