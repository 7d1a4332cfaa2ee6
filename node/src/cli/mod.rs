//! The command line: the tree of commands, and the one match that runs them.
//!
//! A command is one file: its doc comment is the help text, `Args` are its arguments, `run` does the work and
//! returns how it ended. Two kinds: *talking* commands ask a running node over its API, *standing* ones need
//! none. Rules of the product live in the rooms; nothing here decides what may be installed or believed.
//!
//! To add a command: its file, a variant of `Command`, an arm of `dispatch`, its name in `help.rs`.

mod become_program;
mod client;
mod completions;
mod config;
mod context;
mod deliver;
mod evidence;
mod exit;
mod follow;
mod global;
mod help;
mod node_ledger;
pub mod output;
mod paths;
mod polls;
mod problem_of;
pub mod progress;
mod publisher;
mod recount;
pub mod reference;
mod releases;
mod revoke;
mod selftest;
mod shares;
mod sim;
mod standing;
mod statement;
#[cfg(test)]
mod talking;
#[cfg(test)]
mod tests;
mod unpack;
mod version;
mod vouched;
pub mod words;
mod workplace;

// Arguments of the commands whose work is done by rooms.
pub mod attest;
pub mod brake;
pub mod brakes;
pub mod check;
pub mod delta;
pub mod devnet;
pub mod get;
pub mod history;
pub mod init;
pub mod install;
pub mod join;
pub mod key;
pub mod lift;
pub mod list;
pub mod peers;
pub mod propose;
pub mod publish;
pub mod rollback;
pub mod root;
pub mod run;
pub mod say;
pub mod show;
pub mod sign;
pub mod status;
pub mod tally;
pub mod ticket;
pub mod trust;
pub mod verify;
pub mod vote;
pub mod votes;
pub mod yank;

use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand, error::ErrorKind};
pub use context::{Answer, Context};
pub use exit::Exit;
pub use global::{Color, Global};

use crate::{
    build::{Build, VERSION},
    problem::Problem,
};

/// Peer-to-peer software updates: publish once, every node helps deliver.
#[derive(Debug, Parser)]
#[command(
    name = "updraft",
    version = VERSION,
    styles = help::STYLES,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = help::START_HERE
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    /// Try whether this program can be relied on for a version of the protocol, then exit
    ///
    /// Needs no configuration and touches nothing but a temporary directory. Nodes ask it of a release before they
    /// say that they are ready for the protocol it brings.
    #[arg(long, value_name = "PROTOCOL", hide_short_help = true)]
    selftest: Option<u32>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Join(join::Args),
    Run(run::Args),
    Devnet(devnet::Args),
    Sim(sim::Args),
    Status(status::Args),
    Check(check::Args),
    List(list::Args),
    Show(show::Args),
    #[command(visible_alias = "update")]
    Install(install::Args),
    Rollback(rollback::Args),
    History(history::Args),
    Peers(peers::Args),
    Get(get::Args),
    Verify(verify::Args),
    Publish(Box<publish::Args>),
    Sign(sign::Args),
    Say(say::Args),
    Yank(yank::Args),
    Brake(brake::Args),
    Lift(lift::Args),
    Brakes(brakes::Args),
    Attest(attest::Args),
    Propose(propose::Args),
    Vote(vote::Args),
    Votes(votes::Args),
    Tally(tally::Args),
    /// Signing keys
    Key {
        #[command(subcommand)]
        command: key::Command,
    },
    /// Change the trust root: begin, edit, sign by several, apply
    Root {
        #[command(subcommand)]
        command: root::Command,
    },
    /// Whom this machine believes
    Trust {
        #[command(subcommand)]
        command: trust::Command,
    },
    /// Make or read a ticket others can join with
    Ticket {
        #[command(subcommand)]
        command: ticket::Command,
    },
    /// Patches between files or folders of yours: make, apply, look at
    Delta {
        #[command(subcommand)]
        command: delta::Command,
    },
    /// Configuration: show, check, every key
    Config {
        #[command(subcommand)]
        command: config::Command,
    },
    /// Where updraft keeps its files
    Paths(paths::Args),
    /// Shell completions
    Completions(completions::Args),
    /// Version and build
    Version(version::Args),
}

fn dispatch(command: Command, context: &Context) -> Result<Exit, Problem> {
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Join(args) => join::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Devnet(args) => devnet::run(&args, context),
        Command::Sim(args) => sim::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::List(args) => list::run(&args, context),
        Command::Show(args) => show::run(&args, context),
        Command::Install(args) => install::run(&args, context),
        Command::Rollback(args) => rollback::run(&args, context),
        Command::History(args) => history::run(&args, context),
        Command::Peers(args) => peers::run(&args, context),
        Command::Get(args) => get::run(&args, context),
        Command::Verify(args) => verify::run(&args, context),
        Command::Publish(args) => publish::run(&args, context),
        Command::Sign(args) => sign::run(&args, context),
        Command::Say(args) => say::run(&args, context),
        Command::Yank(args) => yank::run(&args, context),
        Command::Brake(args) => brake::run(&args, context),
        Command::Lift(args) => lift::run(&args, context),
        Command::Brakes(args) => brakes::run(&args, context),
        Command::Attest(args) => attest::run(&args, context),
        Command::Propose(args) => propose::run(&args, context),
        Command::Vote(args) => vote::run(&args, context),
        Command::Votes(args) => votes::run(&args, context),
        Command::Tally(args) => tally::run(&args, context),
        Command::Key { command } => key::run(command, context),
        Command::Root { command } => root::run(command, context),
        Command::Trust { command } => trust::run(command, context),
        Command::Ticket { command } => ticket::run(command, context),
        Command::Delta { command } => delta::run(command, context),
        Command::Config { command } => config::run(command, context),
        Command::Paths(args) => paths::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Version(args) => version::run(&args, context),
    }
}

/// Ends the process as clap does on wrong arguments.
fn wrong(kind: ErrorKind, what: &str) -> ! {
    help::command().error(kind, what).exit()
}

/// Runs the program `updraft`: parses, dispatches, prints the problem if there is one.
///
/// Wrong arguments end the process with code 2 and help with 0, both by clap.
pub fn main(build: Build) -> ExitCode {
    let matches = help::command().version(build.version).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let context = Context::of_process(cli.global, build);
    let ended = match (cli.selftest, cli.command) {
        (Some(protocol), None) => selftest::run(protocol, &context),
        (None, Some(command)) => dispatch(command, &context),
        (None, None) => wrong(ErrorKind::MissingSubcommand, "a command is missing"),
        (Some(_), Some(_)) => {
            wrong(ErrorKind::ArgumentConflict, "`--selftest` stands alone, without a command")
        }
    };
    // A lost answer is a failure even if the work was done.
    match ended.and_then(|exit| context.output.finish().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            context.output.problem(&problem);
            ExitCode::from(problem.code.exit_code())
        }
    }
}
