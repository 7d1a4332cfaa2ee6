//! The program `updraft-sim`. Everything it does is in the library, where tests reach it.

use std::process::ExitCode;

/// Thousands of nodes put down and take up small things all the time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    updraft_simulations::cli::main()
}
