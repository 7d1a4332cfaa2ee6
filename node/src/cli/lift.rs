//! `updraft lift`: the release keys of a channel end pauses before their time.

use std::path::PathBuf;

use updraft_protocol::{Lift, Statement};

use super::{
    Context, Exit,
    deliver::{deliver, fits},
    publisher::{Publisher, references},
    statement::{Books, Scope, channel, consent, standing, tell, unsigned, words},
};
use crate::{
    clock::Clock,
    problem::Problem,
    publish::sign::{SignError, unlock},
};

/// End pauses before their time; needs the channel's release keys
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is about
    #[command(flatten)]
    pub scope: Scope,
    /// Why it may go on
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Sign with this key: a name, or file:PATH; without it, with the channel's keys that are here
    #[arg(short, long, value_name = "KEY")]
    pub key: Vec<String>,
    /// Write the statement into a file, for more signatures or for another machine
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let publisher = Publisher::here(context)?;
    let books = Books::open(args.out.as_ref(), &publisher, context)?;
    let trusted = publisher.trust(books.ledger())?;
    let channel = channel(args.scope.channel.as_ref(), &publisher);
    let role = trusted.role(&channel)?;
    let head = trusted.head(&channel)?;
    let releases = args.scope.releases(head.as_ref(), &channel)?;
    fits(releases.len(), args.out.as_ref())?;
    let issued = Clock::system().now();
    let mut lifts = Vec::new();
    let mut shown = Vec::new();
    for release in releases {
        let lift = unsigned(&Lift {
            network: trusted.root().network,
            channel: channel.clone(),
            release,
            issued,
            reason: args.reason.clone(),
        })?;
        shown.push(words(&Statement::Lift(lift.clone()), &trusted, &channel)?);
        lifts.push(lift);
    }
    consent(&shown, context)?;
    let named = references(&args.key)?;
    let keys = match unlock(&publisher.ring, &named, role, &channel, &publisher.passwords) {
        // An unsigned one can still travel to those who have keys.
        Err(SignError::TooFew { .. }) if args.out.is_some() => Vec::new(),
        unlocked => unlocked?,
    };
    for lift in &mut lifts {
        keys.iter().for_each(|key| lift.sign(key, &trusted.root().network));
    }
    let complete = lifts.iter().try_for_each(|lift| standing(lift, role, &channel, &publisher));
    if args.out.is_none()
        && let Err(error) = complete
    {
        return Err(Problem::from(error).hint(
            "write it to a file, have it signed, then hand it over:\n  \
             updraft lift … --out lift.statement\n  \
             updraft sign lift.statement --key NAME        (where that key is)\n  \
             updraft say lift.statement",
        ));
    }
    let statements: Vec<Statement> = lifts.into_iter().map(Statement::Lift).collect();
    let exit = deliver(&statements, args.out.as_ref(), &books, context)?;
    match (&args.out, complete) {
        (Some(path), Err(error)) if context.output.format() == super::output::Format::Text => {
            tell(path, Err(error), context)
        }
        _ => Ok(exit),
    }
}
