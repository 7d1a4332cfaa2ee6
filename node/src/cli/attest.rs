//! `updraft attest`: a builder says what came out of a release's sources.
//!
//! The tree is read exactly as `updraft publish` reads it, so the same files give the same digest.

use std::path::PathBuf;

use updraft_protocol::{BuildAttestation, ChannelName, Digest, Listing, Statement, Target, codec};

use super::{
    Context, Exit,
    deliver::deliver,
    publisher::Publisher,
    reference::ReleaseRef,
    statement::{Books, channel, consent, key_in_role, listings, role, signed_alone, unsigned},
};
use crate::{
    agent::in_words,
    build,
    clock::Clock,
    problem::{Code, Problem},
    publish::source::Source,
};

/// Say what you got when you built a release again
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT@VERSION
    pub release: ReleaseRef,
    /// What was built: a file or a directory, as it would be published
    pub path: PathBuf,
    /// Digest of the sources it was built from; the signed one if left out
    #[arg(long, value_name = "BLAKE3")]
    pub source_digest: Option<Digest>,
    /// The channel; the release file's, or `stable` if left out
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// For which machines; this one's if left out
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<Target>,
    /// Sign with this builder key: a name, or file:PATH
    #[arg(short, long, value_name = "KEY")]
    pub key: String,
    /// Write the statement into a file instead of handing it to the node
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let publisher = Publisher::here(context)?;
    let books = Books::open(args.out.as_ref(), &publisher, context)?;
    let trusted = publisher.trust(books.ledger())?;
    let root = trusted.root();
    let channel = channel(args.channel.as_ref(), &publisher);
    let head = trusted.head(&channel)?;
    let key = key_in_role(
        &publisher,
        &args.key,
        role(root.builder.as_ref(), "builder", root)?,
        "builder",
    )?;
    let machine: Target = build::TARGET.parse().expect("the compiler's triple is a target");
    let target = args.target.as_ref();
    let found = listings(head.as_ref(), &args.release, target, &channel)?;
    let fits = |listing: &&Listing| target.is_some() || listing.target.runs_on(&machine);
    let listing = found.iter().find(fits).ok_or_else(|| {
        let detail = format!("{} is not on offer for {machine}", args.release);
        Problem::new(Code::ReleaseUnknown, detail).hint("name the machines with `--target`")
    })?;
    let manifest = trusted.manifest(&channel, listing)?.ok_or_else(|| {
        let detail = format!("the manifest of {} has not come yet", args.release);
        Problem::new(Code::ReleaseUnknown, detail).hint("`updraft check` asks peers")
    })?;
    let manifest = manifest.verified;
    let source = args.source_digest.or(manifest.source).ok_or_else(|| {
        let detail = format!("{} does not say from which sources it is", args.release);
        Problem::new(Code::RequestInvalid, detail).hint("name their digest with `--source-digest`")
    })?;
    let built = Source::read(&args.path)?;
    let tree = codec::encode(built.tree())
        .map(|bytes| Digest::of(&bytes))
        .map_err(|error| Problem::from_error(Code::SourceRefused, &error))?;
    let word = BuildAttestation {
        network: root.network,
        by: key.public.id(),
        component: listing.component.clone(),
        version: listing.version.clone(),
        target: listing.target.clone(),
        source,
        tree,
        time: Clock::system().now(),
    };
    let statement = Statement::Attestation(unsigned(&word)?);
    let signed_tree = manifest.tree.object.digest;
    if tree == signed_tree {
        context.output.say(&format!("It agrees with what is signed: {tree}"));
    } else {
        context.output.warn(&format!("it differs: {tree} was built, {signed_tree} is signed"));
    }
    if manifest.source != Some(source) {
        context.output.warn(
            "these are not the sources that the release names, so nobody counts this for or against it",
        );
    }
    consent(&[in_words(&statement, ToString::to_string)], context)?;
    let signed = signed_alone(&word, &key, &publisher)?;
    deliver(&[Statement::Attestation(signed)], args.out.as_ref(), &books, context)
}
