//! `updraft publish`: cut, diff, describe, sign, announce.
//!
//! Flags win over the release file, the release file over what the path says.

mod args;
mod telling;

use std::{collections::BTreeSet, num::NonZeroUsize, path::Path, thread};

use serde_json::json;
use tempfile::TempDir;
use updraft_delta::Level;
use updraft_protocol::{
    ChannelName, Compatibility, ComponentName, Digest,
    limits::{DEFAULT_HEAD_LIFETIME, MAX_NOTES},
};

pub use self::args::{Args, Kind, Weight};
use self::telling::{finish, tell_replicas, tell_step};
use super::{
    Context, Exit, node_ledger,
    node_ledger::NodeLedger,
    output::Style,
    publisher::{
        DataDirectory, Publisher, data_directory, in_json, in_words, read_text, references,
    },
};
use crate::{
    build,
    bundle::{Bundle, BundleWriter},
    clock::Clock,
    memory,
    problem::{Code, Problem},
    publish::{
        Effort, Step,
        build::Draft,
        head::Place,
        ledger::{Ledger, Trusted},
        prepare, renew,
        sign::{SignError, Standing, unlock},
        source::Source,
    },
};

/// Memory for making patches where the kernel does not say how much is free.
const MEMORY_WHERE_UNKNOWN: u64 = 1024 * 1024 * 1024;

/// Where earlier releases are known: at a running node, else in the data directory.
enum Books {
    Node(NodeLedger),
    Data(DataDirectory),
}

impl Books {
    /// Without a node a bundle can still be written; announcing needs one, which is told before any work.
    fn open(args: &Args, context: &Context) -> Result<Self, Problem> {
        if args.out.is_none() && !args.dry_run {
            return node_ledger::require(context).map(Self::Node);
        }
        Ok(match node_ledger::find(context)? {
            Some(node) => Self::Node(node),
            None => Self::Data(data_directory(context)?),
        })
    }

    fn ledger(&self) -> &dyn Ledger {
        match self {
            Self::Node(node) => node,
            Self::Data(data) => data,
        }
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let publisher = Publisher::here(context)?;
    let books = Books::open(args, context)?;
    let trusted = publisher.trust(books.ledger())?;
    if let Some(path) = &args.bundle {
        let bundle = Bundle::open(path)?;
        bundle.verify()?;
        enough(&bundle, &publisher, &trusted, None)?;
        return announce(&bundle, &books, args, context);
    }
    let work = work_folder(args)?;
    let path = args.out.clone().unwrap_or_else(|| work.path().join("release.bundle"));
    let made = if args.refresh {
        refresh(args, &publisher, &trusted, &path)?;
        Made::Bundle
    } else {
        release(args, &publisher, &trusted, work.path(), &path, context)?
    };
    if let Made::Nothing = made {
        return Ok(Exit::Done);
    }
    let mut bundle = Bundle::open(&path)?;
    for line in in_words(bundle.head(), bundle.manifest()) {
        context.output.say(&line);
    }
    let channel = bundle.manifest().channel.clone();
    let role = trusted.role(&channel)?;
    let named = references(&args.key)?;
    match unlock(&publisher.ring, &named, role, &channel, &publisher.passwords) {
        Ok(keys) => bundle.sign(&keys, &trusted.root().network)?,
        // An unsigned bundle can still travel to those who have keys.
        Err(SignError::TooFew { .. }) if args.out.is_some() => {}
        Err(error) => return Err(error.into()),
    }
    match &args.out {
        Some(out) => {
            written(&bundle, out, &Standing::of(&bundle, role, &publisher.ring.names()), context)
        }
        None => {
            enough(&bundle, &publisher, &trusted, Some(args))?;
            announce(&bundle, &books, args, context)
        }
    }
}

/// What came of the work before signing.
enum Made {
    Bundle,
    /// A dry run, told already.
    Nothing,
}

/// A folder for what is built: beside the bundle that is asked for, where there has to be room for it anyway.
fn work_folder(args: &Args) -> Result<TempDir, Problem> {
    let beside = args.out.as_deref().and_then(Path::parent).filter(|p| !p.as_os_str().is_empty());
    let made = match (beside, &args.out) {
        (Some(folder), _) => tempfile::tempdir_in(folder),
        (None, Some(_)) => tempfile::tempdir_in("."),
        (None, None) => tempfile::tempdir(),
    };
    made.map_err(|error| {
        Problem::new(Code::FileUnusable, "there is no place to build the release in")
            .cause(error.to_string())
    })
}

fn refresh(
    args: &Args,
    publisher: &Publisher,
    trusted: &Trusted<'_>,
    path: &Path,
) -> Result<(), Problem> {
    let channel = channel(args, publisher);
    let place = Place {
        network: trusted.root().network,
        channel: &channel,
        now: Clock::system().now(),
        lifetime: DEFAULT_HEAD_LIFETIME,
    };
    let (head, manifest) = renew(trusted, place)?;
    Ok(BundleWriter::new(head, manifest).write(path)?)
}

fn release(
    args: &Args,
    publisher: &Publisher,
    trusted: &Trusted<'_>,
    work: &Path,
    path: &Path,
    context: &Context,
) -> Result<Made, Problem> {
    let from =
        args.path.clone().or_else(|| publisher.project.as_ref()?.path()).ok_or_else(|| {
            Problem::new(Code::RequestInvalid, "nothing to publish was named")
                .hint("name a file or directory, or set `path` in updraft.release.toml")
        })?;
    let draft = draft(args, publisher, trusted, &from)?;
    context.output.say(&format!(
        "Publishing {} {} to {} ({})",
        draft.component, draft.version, draft.channel, draft.target
    ));
    let source = Source::read(&from)?;
    let effort = Effort {
        deltas: usize::from(args.deltas),
        level: Level::PUBLISH,
        memory: args.memory.unwrap_or_else(usual_memory),
        threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let mut told = |step: Step| tell_step(&step, context);
    let prepared = prepare(&source, draft, trusted, effort, work, &mut told)?;
    prepared.write(path)?;
    if !args.dry_run {
        return Ok(Made::Bundle);
    }
    let manifest = &prepared.built.manifest;
    let bundle = Bundle::open(path)?;
    for line in in_words(&prepared.head, manifest) {
        context.output.say(&line);
    }
    let digest = bundle.signed_manifest().digest();
    let mut members = in_json(&prepared.head, manifest, &digest);
    members["dryRun"] = json!(true);
    finish(members, "Dry run: nothing was signed or announced.", context)?;
    Ok(Made::Nothing)
}

/// What making patches may take if nobody says: half of what is free, so that the machine stays of use.
fn usual_memory() -> u64 {
    memory::available().map_or(MEMORY_WHERE_UNKNOWN, |free| free / 2)
}

fn channel(args: &Args, publisher: &Publisher) -> ChannelName {
    let project = publisher.project.as_ref().and_then(|project| project.settings.channel.clone());
    let usual = || "stable".parse().expect("a channel name");
    args.channel.clone().or(project).unwrap_or_else(usual)
}

fn draft(
    args: &Args,
    publisher: &Publisher,
    trusted: &Trusted<'_>,
    from: &Path,
) -> Result<Draft, Problem> {
    let settings = publisher.project.as_ref().map(|project| &project.settings);
    let component = match args.component.clone().or_else(|| settings?.component.clone()) {
        Some(component) => component,
        None => component_of(from)?,
    };
    let machine = || build::TARGET.parse().expect("the compiler's triple is a target");
    let notes = match &args.notes {
        None => String::new(),
        Some(path) => read_text(path, u64::try_from(MAX_NOTES).expect("small"))?,
    };
    let version = args.version.clone().ok_or_else(|| {
        Problem::new(Code::VersionInvalid, "which version is it? name it with `--as`")
    })?;
    Ok(Draft {
        network: trusted.root().network,
        component,
        version,
        target: args.target.clone().or_else(|| settings?.target.clone()).unwrap_or_else(machine),
        channel: channel(args, publisher),
        created: Clock::system().now(),
        kind: args.kind.into(),
        severity: args.severity.into(),
        compatibility: if args.breaking {
            Compatibility::Breaking
        } else {
            Compatibility::Compatible
        },
        min_version: args.min_version.clone(),
        barriers: args.barrier.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        needs_protocol: args.needs_protocol,
        min_supported: args.min_supported.clone(),
        source: args.source_digest,
        notes,
    })
}

fn component_of(from: &Path) -> Result<ComponentName, Problem> {
    let name = from.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default().parse().map_err(|error| {
        Problem::from_error(Code::RequestInvalid, &error).hint("name it with `--component NAME`")
    })
}

/// Refuses what too few have signed, with the commands that lead on.
fn enough(
    bundle: &Bundle,
    publisher: &Publisher,
    trusted: &Trusted<'_>,
    args: Option<&Args>,
) -> Result<(), Problem> {
    let channel = &bundle.manifest().channel;
    let role = trusted.role(channel)?;
    match Standing::of(bundle, role, &publisher.ring.names()).enough(channel) {
        Ok(_) => Ok(()),
        Err(error) => {
            let someone = match &error {
                SignError::TooFew { could, .. } => could.first().cloned().unwrap_or_default(),
                _ => String::new(),
            };
            let problem = Problem::from(error);
            Err(match args {
                None => problem.hint(format!(
                    "have it signed first:\n  updraft sign {} --key {someone}",
                    bundle.path().display()
                )),
                Some(_) => {
                    let file = format!(
                        "{}-{}.bundle",
                        bundle.manifest().component,
                        bundle.manifest().version
                    );
                    problem.hint(format!(
                        "write it to a file, have it signed, then announce it:\n  \
                         updraft publish … --out {file}\n  \
                         updraft sign {file} --key {someone}        (where that key is)\n  \
                         updraft publish --bundle {file}"
                    ))
                }
            })
        }
    }
}

fn written(
    bundle: &Bundle,
    out: &Path,
    standing: &Standing,
    context: &Context,
) -> Result<Exit, Problem> {
    let mut members = in_json(bundle.head(), bundle.manifest(), &bundle.signed_manifest().digest());
    let missing = standing.need.saturating_sub(standing.signed.len());
    members["bundle"] = json!(out.display().to_string());
    members["signed"] = json!(standing.signed);
    members["couldSign"] = json!(standing.could);
    members["needed"] = json!(standing.need);
    let signed =
        if standing.signed.is_empty() { "nobody".to_owned() } else { standing.signed.join(", ") };
    let name = bundle.manifest().release_name();
    finish(members, &format!("{name} is in {}, signed by {signed}", out.display()), context)?;
    let file = out.display();
    context.output.hint(&match missing {
        0 => format!("announce it: updraft publish --bundle {file}"),
        n => format!(
            "{n} more of {} have to sign: updraft sign {file} --key NAME",
            standing.could.join(", ")
        ),
    });
    Ok(Exit::Done)
}

/// Hands the bundle to the node and waits for replicas.
fn announce(
    bundle: &Bundle,
    books: &Books,
    args: &Args,
    context: &Context,
) -> Result<Exit, Problem> {
    let Books::Node(node) = books else {
        return Err(Problem::new(Code::NodeNotRunning, "announcing needs a running node"));
    };
    let published = node.upload(bundle.path())?;
    let name = bundle.manifest().release_name();
    let digest: Digest = bundle.signed_manifest().digest();
    context.output.say(&format!("   Announced {digest} to {} peers", published.reached));
    let replicas = match usize::from(args.wait_replicas) {
        0 => None,
        wanted => Some(node.wait_for_replicas(&digest, wanted, |held| {
            tell_replicas(held, wanted, context);
        })?),
    };
    let mut members = in_json(bundle.head(), bundle.manifest(), &digest);
    members["reached"] = json!(published.reached);
    if let Some(replicas) = replicas {
        members["replicas"] = json!(replicas);
    }
    let name = context.output.paint(Style::Name, &name);
    let held = replicas.map(|n| format!("; {n} peers hold it")).unwrap_or_default();
    let withdrawn = bundle.head().withdrawn(&digest).is_some();
    let is = if withdrawn { "is withdrawn from" } else { "is on" };
    finish(members, &format!("{name} {is} {}{held}.", bundle.manifest().channel), context)?;
    Ok(Exit::Done)
}
