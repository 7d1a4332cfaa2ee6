//! `updraft key revoke`: a key takes itself back, for ever, on every node that hears of it.

use std::path::PathBuf;

use updraft_protocol::{Revocation, Statement};

use super::{
    Answer, Context, Exit,
    deliver::deliver,
    publisher::Publisher,
    statement::{Books, signed_alone, unsigned},
};
use crate::{
    agent::in_words,
    clock::Clock,
    problem::{Code, Problem},
};

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The key: a name, or file:PATH
    pub key: String,
    /// Why, for everybody
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Write the statement into a file instead of handing it to the node
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, publisher: &Publisher, context: &Context) -> Result<Exit, Problem> {
    let file = publisher.ring.load(&args.key.parse()?)?;
    let books = Books::open(args.out.as_ref(), publisher, context)?;
    let trusted = publisher.trust(books.ledger())?;
    let root = trusted.root();
    let id = file.public.id();
    let roles = root.roles().filter(|(_, role)| role.key(&id).is_some());
    let mut roles: Vec<String> = roles.map(|(name, _)| name.to_string()).collect();
    if root.electorate.as_ref().is_some_and(|electorate| electorate.elector(&id).is_some()) {
        roles.push("electorate".to_owned());
    }
    if roles.is_empty() {
        let detail = format!(
            "`{}` is in no role of {} and in no electorate, so nobody counts it",
            file.name, root.name
        );
        return Err(Problem::new(Code::KeyUnknown, detail)
            .hint("`updraft trust show` shows the keys that count, by name where they are known"));
    }
    let word = Revocation {
        network: root.network,
        key: id,
        time: Clock::system().now(),
        reason: args.reason.clone(),
    };
    let statement = Statement::Revocation(unsigned(&word)?);
    context.output.say(&format!("Will sign: {}", in_words(&statement, ToString::to_string)));
    context.output.warn(&format!(
        "`{}` counts no more as {}; where too few keys are left, the channel freezes until the next trust root",
        file.name,
        roles.join(", ")
    ));
    if context.ask_for_name("This cannot be undone.", file.name.as_str()) == Answer::No {
        return Err(Problem::new(Code::Failed, "nothing was signed")
            .hint("`--yes` answers yes, after what will be signed was printed"));
    }
    let signed = signed_alone(&word, &file, publisher)?;
    deliver(&[Statement::Revocation(signed)], args.out.as_ref(), &books, context)
}
