//! The program `updraft`. Everything it does is in the library, where tests reach it.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    updraft_node::cli::main(updraft_node::build::Build::THIS)
}
