//! The Updraft node: the rooms a release walks through, and the program `updraft` around them.

pub mod agent;
pub mod api;
pub mod build;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dirs;
pub mod identity;
pub mod join;
pub mod keys;
pub mod lock;
pub mod logging;
pub mod metrics;
pub mod network;
pub mod problem;
pub mod publish;
pub mod secret;
pub mod store;
pub mod whole;
