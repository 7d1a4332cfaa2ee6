//! The program `updraft`. Everything it does is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft_node::cli::main(updraft_node::build::Build::THIS)
}
