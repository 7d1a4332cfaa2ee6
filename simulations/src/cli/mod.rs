//! The program `updraft-sim`: the tree of commands, and the one match that runs them.
//!
//! A command is one file: its doc comment is the help text, `Args` are its arguments, `run` does the work and returns
//! how it ended. Files and the terminal are touched here and nowhere else in the crate. Exit codes: 0 all came as
//! expected, 1 it did not or something failed, 2 wrong arguments or a scenario that cannot run, 130 Ctrl-C, 143 SIGTERM.

mod check;
mod compare;
mod files;
mod list;
pub mod output;
mod replay;
mod report;
mod run;
mod scale;
mod seeds;
mod show;
mod shrink;
mod signals;
mod source;
#[cfg(test)]
mod tests;
mod watching;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, builder::BoolishValueParser};
use updraft_node::{build::VERSION, problem::Problem};

use self::output::Output;

/// Many nodes on one desk: rehearse a release, a vote or a disaster, and see what comes of it
#[derive(Debug, Parser)]
#[command(
    name = "updraft-sim",
    version = VERSION,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = START_HERE
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const START_HERE: &str = "Start here:
  updraft-sim list                                  what comes with the program
  updraft-sim show first-release                    what a scenario teaches, and what will happen
  updraft-sim run first-release --report out        run it, and write a page about it into out/
  updraft-sim run first-release --seed 8 --report out
  updraft-sim compare out/first-release-1.json out/first-release-8.json

Your own:
  updraft-sim show --keys > mine.toml               take away what you do not need
  updraft-sim check mine.toml                       everything that is wrong with it, at once

Exit codes: 0 all came as expected; 1 it did not, or something failed; 2 wrong arguments or scenario";

/// Options of every command.
#[derive(Debug, Clone, Args)]
struct Global {
    /// JSON on standard output: one document, or lines from `run` and `replay`
    #[arg(long, global = true, env = "UPDRAFT_JSON", value_parser = BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    json: bool,
    /// No progress bars
    #[arg(long, global = true, env = "UPDRAFT_NO_PROGRESS", value_parser = BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    no_progress: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Check(check::Args),
    Run(run::Args),
    Replay(replay::Args),
    Scale(scale::Args),
    Seeds(seeds::Args),
    Shrink(shrink::Args),
    Compare(compare::Args),
    Report(report::Args),
}

/// How a command ends that has no problem to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Everything came as expected: 0.
    Good,
    /// A promise was broken, or what was expected did not come: 1.
    Bad,
    /// What was given cannot run, and was told why: 2.
    Unusable,
    /// Ctrl-C: 130.
    Interrupted,
    /// SIGTERM: 143.
    Terminated,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Unusable => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

fn dispatch(command: &Command, output: &mut Output) -> Result<Exit, Problem> {
    match command {
        Command::List(args) => list::run(args, output),
        Command::Show(args) => show::run(args, output),
        Command::Check(args) => check::run(args, output),
        Command::Run(args) => run::run(args, output),
        Command::Replay(args) => replay::run(args, output),
        Command::Scale(args) => scale::run(args, output),
        Command::Seeds(args) => seeds::run(args, output),
        Command::Shrink(args) => shrink::run(args, output),
        Command::Compare(args) => compare::run(args, output),
        Command::Report(args) => report::run(args, output),
    }
}

/// Runs the program: parses, dispatches, prints the problem if there is one.
///
/// Wrong arguments end the process with code 2 and help with 0, both by clap.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::of_process(&cli.global);
    let ended = dispatch(&cli.command, &mut output);
    // A lost answer is a failure even if the work was done.
    match ended.and_then(|exit| output.finish().map(|()| exit)) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(problem) => {
            output.problem(&problem);
            ExitCode::from(problem.code.exit_code())
        }
    }
}
