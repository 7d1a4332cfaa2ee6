//! `updraft yank`: withdraws a release, or brings it back: the channel's next head, signed by its release keys.
//!
//! It travels as a bundle like any other head: `updraft sign FILE`, then `updraft publish --bundle FILE`.

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use updraft_protocol::{
    ChannelName, Head, Listing, Manifest, Signed, Target, Verified, limits::DEFAULT_HEAD_LIFETIME,
};

use super::{
    Context, Exit,
    deliver::needs_a_node,
    output::Format,
    publisher::{Publisher, in_words, references},
    reference::ReleaseRef,
    statement::{Books, channel, consent, listings},
};
use crate::{
    build,
    bundle::{Bundle, BundleWriter},
    clock::Clock,
    problem::{Code, Problem},
    publish::{
        head::{self, Place},
        ledger::{TrustError, Trusted},
        sign::{SignError, Standing, unlock},
    },
};

/// Withdraw a release: nobody installs it any more
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT@VERSION
    pub release: ReleaseRef,
    /// Why, for everybody
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    pub reason: Option<String>,
    /// Offer a withdrawn release again
    #[arg(long, conflicts_with = "reason")]
    pub undo: bool,
    /// The channel; the release file's, or `stable` if left out
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// For which machines; this one's, or all, if left out
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<Target>,
    /// Sign with this key: a name, or file:PATH; without it, with the channel's keys that are here
    #[arg(short, long, value_name = "KEY")]
    pub key: Vec<String>,
    /// Write a bundle for more signatures instead of announcing
    #[arg(short, long, value_name = "BUNDLE")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let Some(version) = &args.release.version else {
        let detail = format!("which version of {}?", args.release.component);
        return Err(Problem::new(Code::VersionInvalid, detail).hint(format!(
            "name it: `updraft yank {}@VERSION …`; `updraft list --all` shows which there are",
            args.release.component
        )));
    };
    let publisher = Publisher::here(context)?;
    let books = Books::open(args.out.as_ref(), &publisher, context)?;
    let trusted = publisher.trust(books.ledger())?;
    let channel = channel(args.channel.as_ref(), &publisher);
    let last = trusted.head(&channel)?;
    let place = Place {
        network: trusted.root().network,
        channel: &channel,
        now: Clock::system().now(),
        lifetime: DEFAULT_HEAD_LIFETIME,
    };
    let (next, manifest, what) = if args.undo {
        let (listing, manifest) = withdrawn(args, version, &trusted, last.as_ref(), &channel)?;
        let what = format!("offers {} for {} again", args.release, listing.target);
        (head::restored(last.as_ref(), listing, place)?, manifest, what)
    } else {
        let listing = listed(args, last.as_ref(), &channel)?;
        let reason = args.reason.clone().unwrap_or_default();
        let manifest = trusted.manifest(&channel, &listing)?.ok_or_else(|| no_manifest(args))?;
        let what = format!("withdraws {} for {}: {reason}", args.release, listing.target);
        let next = head::without(last.as_ref(), &listing, &reason, place)?;
        (next, manifest.signed, what)
    };
    let work = tempfile::tempdir().map_err(|error| {
        Problem::new(Code::FileUnusable, "there is no place for the new head")
            .cause(error.to_string())
    })?;
    let path = write(args, &work, &next, manifest)?;
    finish(args, &path, &what, &publisher, &trusted, &books, context)
}

fn no_manifest(args: &Args) -> Problem {
    Problem::new(Code::ReleaseUnknown, format!("the manifest of {} has not come yet", args.release))
        .hint("`updraft check` asks peers")
}

/// The one listing that is meant.
fn listed(
    args: &Args,
    last: Option<&Verified<Head>>,
    channel: &ChannelName,
) -> Result<Listing, Problem> {
    let found = listings(last, &args.release, args.target.as_ref(), channel)?;
    let machine: Target = build::TARGET.parse().expect("the compiler's triple is a target");
    match found.as_slice() {
        [only] => Ok(only.clone()),
        several => {
            several.iter().find(|listing| listing.target == machine).cloned().ok_or_else(|| {
                let targets: Vec<_> = several.iter().map(|l| l.target.as_str()).collect();
                Problem::new(
                    Code::RequestInvalid,
                    format!("{} is for several machines", args.release),
                )
                .hint(format!("name one with `--target`: {}", targets.join(", ")))
            })
        }
    }
}

/// The withdrawn release that is meant, with its manifest.
fn withdrawn(
    args: &Args,
    version: &updraft_protocol::ReleaseVersion,
    trusted: &Trusted<'_>,
    last: Option<&Verified<Head>>,
    channel: &ChannelName,
) -> Result<(Listing, Signed<Manifest>), Problem> {
    let machine: Target = build::TARGET.parse().expect("the compiler's triple is a target");
    let any: Target = Target::ANY.parse().expect("`any` is a target");
    let targets = args.target.clone().map_or_else(|| vec![machine, any], |target| vec![target]);
    for withdrawn in last.map(|head| head.withdrawn.as_slice()).unwrap_or_default() {
        for target in &targets {
            let listing = Listing {
                component: args.release.component.clone(),
                target: target.clone(),
                version: version.clone(),
                manifest: withdrawn.manifest,
            };
            let held = match trusted.manifest(channel, &listing) {
                Ok(Some(held)) => held,
                // A release of this name, but another one than this withdrawal is about.
                Ok(None) | Err(TrustError::Damaged { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let is = (&held.verified.component, &held.verified.target, &held.verified.version);
            if is == (&listing.component, target, version) {
                return Ok((listing, held.signed));
            }
        }
    }
    let detail =
        format!("{} is not withdrawn from `{channel}`, as far as is known here", args.release);
    Err(Problem::new(Code::ReleaseUnknown, detail).hint(
        "`updraft list --all` shows what is withdrawn; `--target TRIPLE` names other machines, `--channel CHANNEL` \
         another channel",
    ))
}

fn write(
    args: &Args,
    work: &TempDir,
    next: &Head,
    manifest: Signed<Manifest>,
) -> Result<PathBuf, Problem> {
    let path = args.out.clone().unwrap_or_else(|| work.path().join("head.bundle"));
    let head =
        Signed::unsigned(next).map_err(|error| Problem::from_error(Code::SourceRefused, &error))?;
    BundleWriter::new(head, manifest).write(&path)?;
    Ok(path)
}

fn finish(
    args: &Args,
    path: &Path,
    what: &str,
    publisher: &Publisher,
    trusted: &Trusted<'_>,
    books: &Books,
    context: &Context,
) -> Result<Exit, Problem> {
    let mut bundle = Bundle::open(path)?;
    let channel = bundle.head().channel.clone();
    let role = trusted.role(&channel)?;
    let mut shown = vec![format!("head {} of `{channel}`, which {what}", bundle.head().seq)];
    shown.extend(in_words(bundle.head(), bundle.manifest()).into_iter().skip(1));
    consent(&shown, context)?;
    let named = references(&args.key)?;
    match unlock(&publisher.ring, &named, role, &channel, &publisher.passwords) {
        Ok(keys) => bundle.sign(&keys, &trusted.root().network)?,
        // An unsigned bundle can still travel to those who have keys.
        Err(SignError::TooFew { .. }) if args.out.is_some() => {}
        Err(error) => return Err(error.into()),
    }
    let standing = Standing::of(&bundle, role, &publisher.ring.names());
    let complete = standing.signed.len() >= standing.need;
    let mut members = json!({
        "release": args.release.to_string(), "channel": channel.as_str(), "seq": bundle.head().seq,
        "withdrawn": !args.undo, "complete": complete,
    });
    if let Some(out) = &args.out {
        members["bundle"] = json!(out.display().to_string());
        tell(&members, &format!("It is in {}.", out.display()), context)?;
        let file = out.display();
        context.output.hint(&if complete {
            format!("announce it: updraft publish --bundle {file}")
        } else {
            format!(
                "have it signed by {}: updraft sign {file} --key NAME",
                standing.could.join(" or ")
            )
        });
        return Ok(Exit::Done);
    }
    standing.enough(&channel).map_err(|error| {
        Problem::from(error).hint(
            "write it to a file, have it signed, then announce it:\n  \
             updraft yank … --out yank.bundle\n  \
             updraft sign yank.bundle --key NAME        (where that key is)\n  \
             updraft publish --bundle yank.bundle",
        )
    })?;
    let Books::Node(node) = books else {
        return Err(needs_a_node());
    };
    let published = node.upload(path).map_err(|problem| match problem.code {
        Code::ChunkMismatch if args.undo => problem.hint(
            "this node has its bytes no more; do it through a seed, or publish them as the next version",
        ),
        _ => problem,
    })?;
    members["reached"] = json!(published.reached);
    let (release, seq) = (&args.release, published.seq);
    let verb = if args.undo { "is on offer again" } else { "is withdrawn" };
    tell(&members, &format!("{release} {verb} on {channel}, head {seq}."), context)?;
    Ok(Exit::Done)
}

fn tell(members: &serde_json::Value, sentence: &str, context: &Context) -> Result<(), Problem> {
    if context.output.format() == Format::Json {
        return context.output.document("yank", members);
    }
    context.output.line(sentence);
    Ok(())
}
