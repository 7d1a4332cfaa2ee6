//! `updraft devnet`: a whole network on this machine, of real processes of this program.
//!
//! A publisher and some nodes on loopback, each with a data directory of its own and ports chosen by the system.
//! Nothing is simulated: the nodes are this binary, started as a person would start it.

mod demo;
mod desk;
mod hint;
mod process;
mod story;
mod table;
mod watch;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use self::{
    desk::{Desk, Part},
    story::{Cast, Releases, Story},
};
use super::{Context, Exit};
use crate::{
    config::parse_duration,
    problem::{Code, Problem},
};

/// A whole network on this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Nodes besides the publisher
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub nodes: u16,
    /// Let every node vote on protocols, with a key of its own
    #[arg(long)]
    pub electors: bool,
    /// Publish two releases and watch them travel
    #[arg(long)]
    pub demo: bool,
    /// The first release: a file or a directory of yours
    #[arg(long, value_name = "PATH", requires = "new")]
    pub old: Option<PathBuf>,
    /// The second release
    #[arg(long, value_name = "PATH", requires = "old")]
    pub new: Option<PathBuf>,
    /// End with 0 when all nodes run the last release
    #[arg(long)]
    pub exit_when_done: bool,
    /// With --exit-when-done: end with 1 after this long
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Keep the files here instead of a temporary directory
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Starts the network, tells its story, and ends with Ctrl-C or when everything is done.
///
/// # Errors
/// If a node does not come up, a release cannot be published, or, with `--exit-when-done`, the time is over
/// before all nodes run the last release; the problem names who is missing what.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let desk = Desk::lay(args.keep.as_deref())?;
    let releases = releases(args, &desk)?;
    if args.exit_when_done && releases.is_none() {
        return Err(Problem::new(
            Code::RequestInvalid,
            "without releases there is nothing to be done with",
        )
        .hint("add `--demo`, or `--old PATH --new PATH`"));
    }
    let deadline = args.exit_when_done.then(|| Instant::now() + args.timeout);
    context.runtime()?.block_on(async {
        let part = if args.electors { Part::Elector } else { Part::Full };
        let cast = Cast { nodes: args.nodes, part };
        let story = Story::new(context, &desk, cast, releases, deadline);
        tokio::select! {
            ended = story.tell() => ended.map(|()| Exit::Done),
            // Dropping the story kills its nodes; their folders are temporary or the person's to look at.
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => Ok(Exit::Interrupted),
                Err(error) => Err(Problem::new(Code::Failed, "signals cannot be listened for").cause(error.to_string())),
            },
        }
    })
}

/// The two releases that will travel, if any will.
fn releases(args: &Args, desk: &Desk) -> Result<Option<Releases>, Problem> {
    if let (Some(old), Some(new)) = (&args.old, &args.new) {
        for path in [old, new] {
            std::fs::symlink_metadata(path).map_err(|error| {
                Problem::new(Code::SourceRefused, format!("{} cannot be published", path.display()))
                    .cause(error.to_string())
            })?;
        }
        let component = component_name(new);
        return Ok(Some(Releases { component, paths: [old.clone(), new.clone()] }));
    }
    if !args.demo {
        return Ok(None);
    }
    let paths = Releases::VERSIONS.map(|version| desk.release(version));
    for (path, version) in paths.iter().zip(Releases::VERSIONS) {
        demo::write(path, version).map_err(|error| {
            Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
                .cause(error.to_string())
        })?;
    }
    Ok(Some(Releases { component: "demo-app".to_owned(), paths }))
}

/// A component name out of a path of a person's: `My Tool.bin` becomes `my-tool.bin`.
fn component_name(path: &Path) -> String {
    let name =
        path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let fit = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c) { c } else { '-' }
    };
    let name: String = name.chars().map(fit).take(64).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { "app".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_gives_a_component_name() {
        for (path, name) in [
            ("/x/esbuild", "esbuild"),
            ("My Tool.bin", "my-tool.bin"),
            ("..", "app"),
            ("/", "app"),
            ("-a-", "a"),
            ("ÄÖ", "app"),
        ] {
            assert_eq!(component_name(Path::new(path)), name);
            assert!(name.parse::<updraft_protocol::ComponentName>().is_ok());
        }
    }
}
