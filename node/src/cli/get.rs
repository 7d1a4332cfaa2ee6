//! `updraft get`: downloads a release, verified, without installing it.

use std::path::{Path, PathBuf};

use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::{fs::File, io::AsyncWriteExt as _};
use updraft_protocol::{Blob, Hasher, Manifest, Target};

use super::{
    Context, Exit,
    client::{Client, segment},
    follow::{Begun, Lines, follow},
    output::{Format, Output},
    progress::Progress,
    publisher::warn_of_kind,
    reference::ReleaseRef,
    releases, unpack, vouched,
    words::{clean, size},
    workplace::Wanted,
};
use crate::{
    api::types::{InstallBody, Release},
    problem::{Code, Problem},
};

/// Download a release without installing it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT or COMPONENT@VERSION
    pub release: ReleaseRef,
    /// Where to put it; the component's name in the current directory if left out
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// For this kind of machine instead of this one
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<Target>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| get(args, &client, &context.output).await)
}

/// Does it and prints.
pub(super) async fn get(args: &Args, client: &Client, output: &Output) -> Result<Exit, Problem> {
    let release = releases::named(client, &args.release, args.target.as_ref()).await?;
    let root = vouched::root(client).await?;
    warn_of_kind(&root, output);
    let manifest = vouched::manifest(client, &root, &release).await?;
    if !release.held {
        download(client, output, &release).await?;
    }
    let tree = vouched::tree(client, &manifest).await?;
    let destination =
        args.output.clone().unwrap_or_else(|| PathBuf::from(manifest.component.as_str()));
    let (place, tree) = blocking({
        let destination = destination.clone();
        move || Ok((unpack::beside(&destination, &tree)?, tree))
    })
    .await?;
    fetch(client, output, &manifest.whole, &place.path(unpack::BLOB)).await?;
    let files = tree.files().count();
    // Dropped with this future when Ctrl-C ends it.
    let wanted = Wanted::default();
    let abandoned = wanted.watched();
    blocking(move || unpack::unpack(place, &tree, &abandoned)).await?;
    tell(&manifest, &destination, files, manifest.signers().len(), output)?;
    Ok(Exit::Done)
}

/// Has the node fetch the whole artifact into its store.
async fn download(client: &Client, output: &Output, release: &Release) -> Result<(), Problem> {
    let path = format!("/api/v1/components/{}/install", segment(&release.component));
    let body = InstallBody {
        version: Some(release.version.clone()),
        channel: Some(release.channel.clone()),
        download_only: true,
        no_delta: true,
        ..InstallBody::default()
    };
    let begun: Begun = client.post(&path, &body).await?;
    follow(client, output, &begun.id, Lines::None).await.map(drop)
}

/// Writes a blob to a file and verifies its size and digest.
async fn fetch(client: &Client, output: &Output, blob: &Blob, to: &Path) -> Result<(), Problem> {
    let unwritten = |error: std::io::Error| {
        Problem::new(Code::FileUnusable, "the release cannot be written").because(Some(&error))
    };
    let mut body = client.stream(&format!("/api/v1/blobs/{}", blob.digest)).await?;
    let mut file = File::create(to).await.map_err(unwritten)?;
    let (mut hasher, mut got) = (Hasher::new(), 0_u64);
    let mut bar = Progress::begin(output, "Reading", blob.size);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::NodeNotRunning, "the node broke off in the middle of the release")
                .because(Some(&error))
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        got = got.saturating_add(piece.len() as u64);
        if got > blob.size {
            break;
        }
        hasher.update(&piece);
        file.write_all(&piece).await.map_err(unwritten)?;
        bar.reach(got, "");
    }
    bar.end();
    file.flush().await.map_err(unwritten)?;
    if got == blob.size && hasher.finish() == blob.digest {
        return Ok(());
    }
    let detail = format!("the node's bytes are not the signed blob {}", blob.digest);
    Err(Problem::new(Code::ChunkMismatch, detail)
        .hint("nothing was written; the node's store may be damaged"))
}

/// Runs work on files where it does not hold up others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(Problem::from_error(Code::Failed, &error)))
}

fn tell(
    manifest: &Manifest,
    destination: &Path,
    files: usize,
    signers: usize,
    output: &Output,
) -> Result<(), Problem> {
    let path = destination.display().to_string();
    match output.format() {
        Format::Json => output.document(
            "get",
            &json!({
                "component": manifest.component.as_str(), "version": manifest.version.to_string(),
                "target": manifest.target.as_str(), "path": path, "bytes": manifest.tree.bytes,
                "files": files, "signers": signers, "tree": manifest.tree.object.digest.to_string(),
            }),
        ),
        Format::Text => {
            let text = format!(
                "{} verified and written to {path}  ({}, {files} files)",
                manifest.release_name(),
                size(manifest.tree.bytes)
            );
            output.line(&clean(&text));
            Ok(())
        }
    }
}
