//! The real binary, from outside. One test program, one module for each promise.

mod cli;
mod publishing;
