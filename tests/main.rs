//! The real binary, from outside. One test program, one module for each promise.

mod harness;

mod bad_input;
mod cli;
mod conformance;
mod delta;
mod devnet;
mod file_reuse;
mod flood;
mod heights;
mod keys;
mod late_joiner;
mod many_sources;
mod publish_install;
mod publishing;
mod resume;
mod root;
mod rotation;
mod split_view;
mod stall;
mod start_again;
mod trial;
mod trust;
mod upgrade;
mod votes;
mod voting;
