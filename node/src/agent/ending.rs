//! How the agent ends: because it was told to, or to make room for another program in the same process.

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use updraft_protocol::ComponentName;

use super::{installing, order::Reply, orders::answer, task::Agent};
use crate::{
    again::StartAgain,
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
pub(super) fn own_component() -> ComponentName {
    "updraft".parse().expect("`updraft` is a component name")
}

impl Agent {
    /// Ends the node in order, to begin again as the program that is installed as a component. If that cannot be, the
    /// node goes on as it is: an old program that serves is better than none.
    pub(super) async fn start_again(&mut self, component: ComponentName) {
        let program = self.live_program(&component).await;
        let program = program.ok_or_else(|| {
            Problem::new(Code::Failed, format!("no program of `{component}` is installed here"))
        });
        if let Err(problem) = program.and_then(|program| self.end_as(program)) {
            tracing::error!(%component, %problem, "the node goes on as the program that it is");
        }
    }

    /// The same for an operator: as the program that is installed here, or as this one anew.
    pub(super) async fn on_start_again(&mut self, reply: Reply<PathBuf>) {
        let program = match self.live_program(&own_component()).await {
            Some(program) => Ok(program),
            None => env::current_exe().map_err(|error| {
                Problem::new(Code::Failed, "this program cannot be found").because(Some(&error))
            }),
        };
        answer(
            reply,
            program.and_then(|program| {
                self.end_as(program.clone())?;
                Ok(program)
            }),
        );
    }

    async fn live_program(&mut self, component: &ComponentName) -> Option<PathBuf> {
        self.open_installer(component).await;
        let (context, component) = (self.context.clone(), component.clone());
        let found =
            tokio::task::spawn_blocking(move || installing::live_program(&context, &component));
        // Nothing is known if the look itself fails.
        found.await.ok().flatten()
    }

    fn end_as(&mut self, program: PathBuf) -> Result<(), Problem> {
        check_program(&program).map_err(|error| {
            let detail = format!("{} cannot be run", program.display());
            Problem::new(Code::FileUnusable, detail).because(Some(&error))
        })?;
        let starts = self.starts.another(self.context.clock.now()).map_err(|too_often| {
            Problem::from_error(Code::Failed, &too_often)
                .hint("look at the log for what makes it; stopping and starting it ends the count")
        })?;
        tracing::info!(program = %program.display(), "the node starts again");
        self.ending = Some(Ending::StartAgain(StartAgain { program, starts }));
        Ok(())
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
