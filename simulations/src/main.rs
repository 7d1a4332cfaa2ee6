//! The program `updraft-sim`. Everything it does is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft_simulations::cli::main()
}
