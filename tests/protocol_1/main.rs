//! The program `updraft` as it was before protocol 2: of the same library, but older, and speaking less.
//!
//! The end-to-end tests need a program that a change of protocol leaves behind, and that the real one is an update
//! of. Building it from an old commit would test the tests' patience; what makes a program old is in its [`Build`].

use std::process::ExitCode;

use updraft_node::build::{Build, Speaks};

/// Lower than every version of the real program.
const BUILD: Build = Build { version: "0.0.9", speaks: Speaks { oldest: 1, newest: 1 } };

fn main() -> ExitCode {
    updraft_node::cli::main(BUILD)
}
