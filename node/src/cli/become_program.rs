//! The last thing a process does as this program: it becomes another one, with the same number, arguments and streams.

use std::{env, os::unix::process::CommandExt as _, process::Command};

use super::Context;
use crate::{
    again::{STARTED_BY, STARTS, StartAgain},
    problem::{Code, Problem},
};

/// Becomes the program. Returns only if the system refuses; everything else has stopped by then, so that is a failure.
pub(super) fn become_program(again: &StartAgain, context: &Context) -> Problem {
    let StartAgain { program, starts } = again;
    let refused = Command::new(program)
        .args(env::args_os().skip(1))
        .env(STARTS, starts.to_string())
        .env(STARTED_BY, context.build.version)
        .exec();
    Problem::new(Code::Failed, format!("cannot start again as {}", program.display()))
        .because(Some(&refused))
        .hint("the node has stopped; start it again")
}
