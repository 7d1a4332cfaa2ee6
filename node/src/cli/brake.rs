//! `updraft brake`: one key pauses a release, or all of a channel, for some days at most.

use std::{path::PathBuf, time::Duration};

use updraft_protocol::{Brake, Statement, limits::MAX_BRAKE};

use super::{
    Context, Exit,
    publisher::Publisher,
    statement::{
        Books, Scope, channel, consent, deliver, key_in_role, release_name, role, signed_alone,
        unsigned,
    },
};
use crate::{
    agent::in_words,
    clock::Clock,
    config::parse_duration,
    problem::{Code, Problem},
};

/// Pause a release everywhere, by one brake key
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is about
    #[command(flatten)]
    pub scope: Scope,
    /// Why, for everybody who waits
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// How long, at most 72h
    #[arg(long = "for", value_name = "DURATION", default_value = "72h", value_parser = parse_duration)]
    pub duration: Duration,
    /// Sign with this brake key: a name, or file:PATH
    #[arg(short, long, value_name = "KEY")]
    pub key: String,
    /// Write the statement into a file instead of handing it to the node
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let seconds = args.duration.as_secs();
    if seconds == 0 || seconds > MAX_BRAKE {
        let detail = format!("a pause lasts 1 s to {} h", MAX_BRAKE / 3_600);
        return Err(Problem::new(Code::RequestInvalid, detail)
            .hint("to stop a release for good, withdraw it: `updraft yank`"));
    }
    let publisher = Publisher::here(context)?;
    let books = Books::open(args.out.as_ref(), &publisher, context)?;
    let trusted = publisher.trust(books.ledger())?;
    let root = trusted.root();
    let channel = channel(args.scope.channel.as_ref(), &publisher);
    trusted.role(&channel)?;
    let head = trusted.head(&channel)?;
    let key =
        key_in_role(&publisher, &args.key, role(root.brake.as_ref(), "brake", root)?, "brake")?;
    let releases = args.scope.releases(head.as_ref(), &channel)?;
    let issued = Clock::system().now();
    let brakes: Vec<Brake> = releases
        .into_iter()
        .map(|release| Brake {
            network: root.network,
            by: key.public.id(),
            channel: channel.clone(),
            release,
            issued,
            expires: issued.plus(seconds),
            reason: args.reason.clone(),
        })
        .collect();
    let mut words = Vec::new();
    for brake in &brakes {
        let statement = Statement::Brake(unsigned(brake)?);
        words.push(in_words(&statement, |digest| release_name(head.as_ref(), digest)));
    }
    consent(&words, context)?;
    let statements: Vec<Statement> = brakes
        .iter()
        .map(|brake| signed_alone(brake, &key, &publisher).map(Statement::Brake))
        .collect::<Result<_, _>>()?;
    deliver(&statements, args.out.as_ref(), &books, context)
}
