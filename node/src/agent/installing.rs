//! Builds a release from its blobs and makes it live, or goes back to a kept version. Blocks.
//!
//! Every step of a route but the last writes its contents into a temporary file, which the next one reads; the
//! last one writes straight into the staged tree, where every file is checked against the signed listing.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Instant,
};

use updraft_delta::{AssembleError, Blame, Gauge, ReadAt, Route, assemble::assemble};
use updraft_protocol::{ComponentName, ReleaseVersion, Tree, codec};

use super::{
    action::{Fetched, Installation, Job, JobError, Leg},
    adapters::StoredBlob,
    context::{Context, lock},
    lifecycle::InstalledVersion,
    reusing::InPart,
};
use crate::{
    install::{InstallError, Installer},
    plain::PlainFile,
    problem::chain,
};

/// Builds, switches to and commits a release whose blobs are in the store.
pub(super) fn install(
    context: &Context,
    job: &Job,
    fetched: &Fetched,
) -> Result<Installation, JobError> {
    let installer = installer(context, &job.component)?;
    let mut installer = lock(&installer);
    installer.check_current().map_err(|error| refused(&error))?;
    let version = &job.manifest.version;
    match make_ready(context, &mut installer, job, fetched)?.0 {
        Live::NotYet => {
            // Much may have been said while files were written. What is staged stays, for when it may go live.
            if let Some(reason) = context.called_off(job.id) {
                return Err(JobError::Failed(reason));
            }
            installer.switch(version, context.clock.now()).map_err(|error| refused(&error))?;
            installer.commit(version).map_err(|error| refused(&error))?;
        }
        Live::Already => {}
    }
    if let Err(error) = installer.keep(context.keep_versions, &job.ahead) {
        tracing::warn!(component = %job.component, error = %chain(&error), "old versions could not be removed");
    }
    installation(&installer)
}

/// Whether what was asked for runs already, with the very contents asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Live {
    Already,
    NotYet,
}

/// Stages a release whose blobs are in the store, or that lies staged already.
fn make_ready(
    context: &Context,
    installer: &mut Installer,
    job: &Job,
    fetched: &Fetched,
) -> Result<(Live, Tree), JobError> {
    let tree = tree(context, installer, job)?;
    let base = base(installer, job, fetched)?;
    let mut in_part = InPart::of(context, installer, fetched)?;
    let digest = &job.manifest.tree.object.digest;
    let staged = installer.stage(&job.manifest.version, digest, &tree, |out| {
        match (&mut in_part, &fetched.route[..]) {
            (Some(part), [leg]) => {
                let write = |out: &mut dyn Write| part.write(context, &tree, out);
                fill(context, leg, None, out, write)
            }
            (_, route) => build(context, route, &*base, out),
        }
    });
    match staged {
        Ok(_) => {
            if let Some(part) = in_part {
                part.discard();
            }
            Ok((Live::NotYet, tree))
        }
        Err(InstallError::AlreadyLive { .. }) => Ok((Live::Already, tree)),
        Err(error) => Err(blame(&error, fetched)),
    }
}

/// Makes a release ready for a later day.
pub(super) fn stage(context: &Context, job: &Job, fetched: &Fetched) -> Result<(), JobError> {
    let installer = installer(context, &job.component)?;
    make_ready(context, &mut lock(&installer), job, fetched).map(drop)
}

/// The same, and lends its folder to whoever tries it.
pub(super) fn stage_and_lend(
    context: &Context,
    job: &Job,
    fetched: &Fetched,
) -> Result<(PathBuf, Tree), JobError> {
    let installer = installer(context, &job.component)?;
    let mut installer = lock(&installer);
    let (_, tree) = make_ready(context, &mut installer, job, fetched)?;
    let folder = installer.lend(&job.manifest.version).map_err(|error| refused(&error))?;
    Ok((folder, tree))
}

/// Takes a folder back that was lent, and sees that nothing in it was changed.
pub(super) fn take_back(
    context: &Context,
    component: &ComponentName,
    version: &ReleaseVersion,
) -> Result<(), JobError> {
    let installer = installer(context, component)?;
    let taken = lock(&installer).take_back(version);
    taken.map_err(|error| match &error {
        InstallError::Differs { path, what, .. } => JobError::Unfit(format!(
            "its self-test changes the release that it belongs to: `{path}` {what}"
        )),
        _ => refused(&error),
    })
}

/// Whether a release lies staged, so that nothing of it needs to be fetched. Its files are read when it is used.
pub(super) fn is_staged(context: &Context, job: &Job) -> bool {
    let Some(installer) = context.installer(&job.component) else { return false };
    let slots = lock(&installer).state().slots().get(&job.manifest.version).copied();
    slots.is_some_and(|slot| slot.tree == job.manifest.tree.object.digest)
}

/// The program of a component's live version, by way of `current`, and the version: the one that is named in the
/// settings, as `components.updraft.selftest` does, or the one that is called as the component.
pub(super) fn live_program(
    context: &Context,
    component: &ComponentName,
    named: &[String],
) -> Option<(PathBuf, ReleaseVersion)> {
    let installer = context.installer(component)?;
    let installer = lock(&installer);
    let version = installer.installed()?.version;
    let tree = installer.listing(&version).ok()?;
    let command = crate::trial::command(&tree, component, named).ok()?;
    Some((installer.current_path().join(command.first()?), version))
}

/// Goes back to a kept version, whose files are read again first.
pub(super) fn switch_back(
    context: &Context,
    component: &ComponentName,
    to: &InstalledVersion,
) -> Result<Installation, JobError> {
    let installer = installer(context, component)?;
    let mut installer = lock(&installer);
    installer.rollback_to(&to.version, context.clock.now()).map_err(|error| refused(&error))?;
    installation(&installer)
}

/// What a component has installed and kept, the newest version first.
pub(super) fn inventory(
    installer: &Installer,
) -> (Option<InstalledVersion>, Vec<InstalledVersion>) {
    let of = |installed: crate::install::Installed| InstalledVersion {
        version: installed.version,
        tree: installed.tree,
    };
    let installed = installer.installed().map(of);
    let previous = installer.previous().map(of);
    let mut kept: Vec<InstalledVersion> = installer.kept().into_iter().map(of).collect();
    kept.retain(|version| Some(version) != installed.as_ref());
    // The one that ran before is what "go back" means; the others follow by version.
    kept.sort_by(|a, b| {
        (Some(b) == previous.as_ref(), &b.version).cmp(&(Some(a) == previous.as_ref(), &a.version))
    });
    (installed, kept)
}

fn installation(installer: &Installer) -> Result<Installation, JobError> {
    let (installed, kept) = inventory(installer);
    let installed = installed
        .ok_or_else(|| JobError::Failed("nothing is committed after a commit".to_owned()))?;
    Ok(Installation { installed, kept })
}

fn installer(
    context: &Context,
    component: &ComponentName,
) -> Result<Arc<Mutex<Installer>>, JobError> {
    context.installer(component).ok_or_else(|| {
        JobError::Failed(format!(
            "the folder of `{component}` could not be opened; the log says why"
        ))
    })
}

/// The listing of a release: that of the staged version, or the one in the store.
fn tree(context: &Context, installer: &Installer, job: &Job) -> Result<Tree, JobError> {
    let (version, digest) = (&job.manifest.version, job.manifest.tree.object.digest);
    if installer.state().slots().get(version).is_some_and(|slot| slot.tree == digest)
        && let Ok(tree) = installer.listing(version)
    {
        return Ok(tree);
    }
    let bytes = context.store.object(&digest).map_err(|error| JobError::Failed(chain(&error)))?;
    let bytes = bytes.ok_or_else(|| {
        JobError::Failed("the listing of the release was damaged on disk".to_owned())
    })?;
    codec::decode(&bytes)
        .map_err(|error| JobError::Damaged(format!("the signed listing is {error}")))
}

/// The installed contents that the route starts from; nothing for a whole artifact.
fn base(installer: &Installer, job: &Job, fetched: &Fetched) -> Result<Box<dyn ReadAt>, JobError> {
    let from = fetched.route.first().and_then(|leg| leg.from);
    let Some(base) = job.base.as_ref().filter(|base| Some(base.tree) == from) else {
        return Ok(Box::new(Vec::new()));
    };
    let tree = installer.listing(&base.version).map_err(|error| refused(&error))?;
    let contents = installer.contents(&base.version, &tree).map_err(|error| refused(&error))?;
    Ok(Box::new(contents))
}

/// Why contents were not made, and which blob led there.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("the step through {} failed", leg.blob)]
    Leg {
        leg: Box<Leg>,
        #[source]
        source: AssembleError,
    },
    #[error("the blob {blob} is no longer complete here")]
    BlobLost { blob: updraft_protocol::Digest },
    #[error("the step is not one that its release offers")]
    NotOffered,
    #[error("cannot keep contents between two steps")]
    Temporary(#[source] io::Error),
    #[error("cannot read the store")]
    Store(#[source] crate::store::StoreError),
}

fn build(
    context: &Context,
    route: &[Leg],
    base: &dyn ReadAt,
    out: &mut dyn Write,
) -> Result<(), BuildError> {
    let Some((last, before)) = route.split_last() else { return Err(BuildError::NotOffered) };
    let mut between: Option<PlainFile> = None;
    for leg in before {
        let mut file = tempfile::tempfile_in(&context.temporary).map_err(BuildError::Temporary)?;
        let from = between.as_ref().map_or(base, |file| file as &dyn ReadAt);
        step(context, leg, from, &mut io::BufWriter::new(&mut file))?;
        between = Some(PlainFile::new(file).map_err(BuildError::Temporary)?);
    }
    step(context, last, between.as_ref().map_or(base, |file| file as &dyn ReadAt), out)
}

fn step(
    context: &Context,
    leg: &Leg,
    from: &dyn ReadAt,
    out: &mut dyn Write,
) -> Result<(), BuildError> {
    let blob = StoredBlob::open(&context.store, leg.blob).map_err(BuildError::Store)?;
    let blob = blob.ok_or(BuildError::BlobLost { blob: leg.blob })?;
    let route = match leg.from {
        None => Route::Whole(leg.to.whole),
        Some(tree) => {
            // From one tree there may be patches of several codecs: it is this very one that was fetched.
            let offer = leg.to.patches_from(&tree).find(|offer| offer.blob.digest == leg.blob);
            Route::Patch(offer.ok_or(BuildError::NotOffered)?.clone())
        }
    };
    let gauge = route.gauge();
    fill(context, leg, Some(gauge), out, |out| {
        assemble(&route, leg.to.tree.bytes, &blob, from, out)
    })
}

/// Writes the contents to which a step leads, and notes how long that took, where it says how fast something goes.
fn fill(
    context: &Context,
    leg: &Leg,
    gauge: Option<Gauge>,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> Result<(), AssembleError>,
) -> Result<(), BuildError> {
    let began = Instant::now();
    write(&mut *out)
        .and_then(|()| {
            out.flush()
                .map_err(|error| AssembleError::Whole(updraft_delta::BlobError::Write(error)))
        })
        .map_err(|source| BuildError::Leg { leg: Box::new(leg.clone()), source })?;
    if let Some(gauge) = gauge {
        context.gauges.wrote(gauge, leg.to.tree.bytes, began.elapsed());
    }
    Ok(())
}

/// Whose fault a failed staging is: the route's, or this machine's.
fn blame(error: &InstallError, fetched: &Fetched) -> JobError {
    let last = fetched.route.last().map(|leg| leg.blob);
    let wrong = |blob| JobError::WrongRoute { blob, error: chain(error) };
    match error {
        InstallError::Fill { source, .. } => match source.downcast_ref::<BuildError>() {
            Some(BuildError::Leg { leg, source }) => match source.blame() {
                // A base that is not what it should be makes this very patch useless here, too.
                Blame::Blob | Blame::Base => wrong(leg.blob),
                Blame::Here => refused(error),
            },
            _ => refused(error),
        },
        InstallError::TooFewBytes { .. }
        | InstallError::TooManyBytes { .. }
        | InstallError::Differs { .. } => last.map_or_else(|| refused(error), wrong),
        _ => refused(error),
    }
}

fn refused(error: &InstallError) -> JobError {
    match error {
        InstallError::DiskFull { .. } => JobError::Disk(error.to_string()),
        _ if is_full(error) => JobError::Disk(chain(error)),
        _ => JobError::Failed(chain(error)),
    }
}

/// Whether a full disk is at the bottom of an error.
pub(super) fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
        {
            return true;
        }
        next = error.source();
    }
    false
}
