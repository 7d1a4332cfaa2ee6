//! `updraft brake`: one key pauses a release, or all of a channel, for some days at most.

use std::{path::PathBuf, time::Duration};

use updraft_protocol::{Brake, ChannelName, Statement, brake::places, limits::MAX_BRAKE};

use super::{
    Context, Exit,
    deliver::{deliver, fits},
    publisher::Publisher,
    statement::{
        Books, Scope, channel, consent, key_in_role, release_name, role, signed_alone, unsigned,
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
    let brakes = role(root.brake.as_ref(), "brake", root)?;
    let key = key_in_role(&publisher, &args.key, brakes, "brake")?;
    let releases = args.scope.releases(head.as_ref(), &channel)?;
    fits(releases.len(), args.out.as_ref())?;
    let all = places(brakes.keys().len());
    let taken = match &books {
        Books::Node(node) => node.pauses_by(&key.public.id(), &channel)?,
        Books::Data(_) | Books::Roots(_) => 0,
    };
    have_places(releases.len(), Places { all, taken }, &channel)?;
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

/// Pauses of one key on one channel.
#[derive(Debug, Clone, Copy)]
struct Places {
    /// As many as every node keeps.
    all: usize,
    /// Of these, taken by pauses that nodes still remember.
    taken: usize,
}

/// Whether every node has room for so many pauses more: else some would be said and the rest refused.
fn have_places(wanted: usize, places: Places, channel: &ChannelName) -> Result<(), Problem> {
    let Places { all, taken } = places;
    if wanted <= all.saturating_sub(taken) {
        return Ok(());
    }
    let detail = format!(
        "these are {wanted} pauses, one for each kind of machine, and a brake key has {all} places on `{channel}`, \
         {taken} of them taken; nothing was signed"
    );
    let some = "name some of the machines with `--target TRIPLE`, or take another brake key";
    Err(Problem::new(Code::StatementRefused, detail).hint(if taken == 0 {
        format!("pause all of the channel: `updraft brake --all --channel {channel} …`; or {some}")
    } else {
        // A pause of the whole channel counts as the same as those the key has ordered already.
        format!("{some}: with one, `updraft brake --all --channel {channel} …` pauses all of it")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_pauses_than_a_key_has_places_are_refused_with_the_way_out() {
        let stable = "stable".parse().expect("a channel");
        for (wanted, all, taken, fits) in [
            (16, 16, 0, true),
            (17, 16, 0, false),
            (2, 8, 6, true),
            (3, 8, 6, false),
            (1, 8, 9, false),
        ] {
            let judged = have_places(wanted, Places { all, taken }, &stable);
            assert_eq!(judged.is_ok(), fits, "{wanted} of {all}, {taken} taken");
            let Err(problem) = judged else { continue };
            assert!(problem.detail.contains(&format!("{all} places")), "{problem:?}");
            let hint = problem.hint.expect("a way out");
            assert!(hint.contains("updraft brake --all --channel stable"), "{hint}");
            assert_eq!(
                hint.starts_with("pause all"),
                taken == 0,
                "this key may not do so again: {hint}"
            );
        }
    }
}
