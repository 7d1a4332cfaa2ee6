//! Stages a release for a later day and tries it there if it has to: what blocks runs on threads, the self-test runs
//! beside them.

use std::{collections::BTreeSet, io, path::PathBuf};

use updraft_protocol::{ComponentName, ReleaseVersion};

use super::{
    action::{Fetched, Input, Job, JobError},
    context::{Context, lock},
    effects::on_thread,
    installing,
    order::{Extent, Trial},
    staging::Staged,
    task::Agent,
};
use crate::{
    problem::chain,
    trial::{self, TrialError, Tried},
};

impl Agent {
    /// Builds a release whose bytes are here beside what is live, and tries it if it has to.
    pub(super) fn stage(&mut self, job: Job, fetched: Fetched) {
        let context = self.context.clone();
        let (id, selftest) = (job.id, self.settings.component(&job.component).selftest);
        // What was said while it was fetched has been judged.
        context.called_off(id);
        self.spawn_job(move |result| Input::Staged(id, result), async move {
            let try_it = |trial| async move { trial::run(&trial, trial::LIMIT).await };
            match job.extent {
                Extent::Stage { protocol, trial: Trial::Spared } => {
                    stage_only(&context, job, fetched, protocol).await
                }
                Extent::Stage { protocol, trial: Trial::Demanded } => {
                    stage_and_try(&context, job, fetched, protocol, selftest, try_it).await
                }
                Extent::Install | Extent::Download => {
                    Err(JobError::Failed("the job is not one of staging".to_owned()))
                }
            }
        });
    }

    /// Removes what was staged of a component and is not among these. What cannot be removed costs room, and goes
    /// when something else is installed.
    pub(super) fn keep_ahead(&self, component: ComponentName, ahead: BTreeSet<ReleaseVersion>) {
        let Some(installer) = self.context.installer(&component) else { return };
        // Nobody waits for it: it may stand behind an installation that takes its time.
        tokio::task::spawn_blocking(move || match lock(&installer).keep_ahead(&ahead) {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => tracing::info!(%component, ?gone, "what nobody needs ready was removed"),
            Err(error) => {
                tracing::warn!(%component, error = %chain(&error), "what was staged stays");
            }
        });
    }
}

/// Nothing of it runs.
async fn stage_only(
    context: &Context,
    job: Job,
    fetched: Fetched,
    protocol: u32,
) -> Result<Staged, JobError> {
    let (id, version) = (job.id, job.manifest.version.clone());
    on_thread({
        let context = context.clone();
        move || installing::stage(&context, &job, &fetched)
    })
    .await?;
    // Much may have been said while files were written.
    match context.called_off(id) {
        Some(reason) => Err(JobError::Failed(reason)),
        None => Ok(Staged { version, protocol, tried: None }),
    }
}

async fn stage_and_try<F>(
    context: &Context,
    job: Job,
    fetched: Fetched,
    protocol: u32,
    selftest: Vec<String>,
    try_it: impl FnOnce(trial::Trial) -> F,
) -> Result<Staged, JobError>
where
    F: Future<Output = Result<Tried, TrialError>>,
{
    let (component, version) = (job.component.clone(), job.manifest.version.clone());
    let id = job.id;
    let (folder, command) = on_thread({
        let context = context.clone();
        move || lend(&context, &job, &fetched, &selftest)
    })
    .await?;
    // Much may have been said while files were written, and from here on code of the release runs.
    if let Some(reason) = context.called_off(id) {
        return Err(JobError::Failed(reason));
    }
    let trial = trial::Trial {
        folder,
        command,
        protocol,
        component: component.clone(),
        version: version.clone(),
        temporary: context.temporary.clone(),
    };
    let tried = try_it(trial).await;
    let taken_back = on_thread({
        let (context, version) = (context.clone(), version.clone());
        move || installing::take_back(&context, &component, &version)
    });
    let taken_back = taken_back.await;
    let tried = tried.map_err(|error| unfit(&error))?;
    taken_back?;
    Ok(Staged { version, protocol, tried: Some(tried) })
}

/// Stages a release and finds the program that tries it. Blocks.
fn lend(
    context: &Context,
    job: &Job,
    fetched: &Fetched,
    selftest: &[String],
) -> Result<(PathBuf, Vec<String>), JobError> {
    let (folder, tree) = installing::stage_and_lend(context, job, fetched)?;
    let command = trial::command(&tree, &job.component, selftest).map_err(|error| unfit(&error))?;
    Ok((folder, command))
}

/// Whose fault it is that a release did not pass: its own, or this machine's, which may be busy or full at the moment. Then
/// it is tried again after a pause.
fn unfit(error: &TrialError) -> JobError {
    let is_busy = |source: &io::Error| {
        use io::ErrorKind::{ExecutableFileBusy, OutOfMemory, ResourceBusy, WouldBlock};
        matches!(source.kind(), ExecutableFileBusy | OutOfMemory | ResourceBusy | WouldBlock)
    };
    match error {
        TrialError::Start { source, .. } if is_busy(source) => JobError::Failed(chain(error)),
        TrialError::Temporary(_) | TrialError::Watch { .. } => JobError::Failed(chain(error)),
        TrialError::Unknown { .. }
        | TrialError::NotAProgram { .. }
        | TrialError::Start { .. }
        | TrialError::TooSlow { .. }
        | TrialError::Exit { .. }
        | TrialError::Signal { .. } => JobError::Unfit(chain(error)),
    }
}

#[cfg(test)]
#[path = "trying_tests.rs"]
mod tests;
