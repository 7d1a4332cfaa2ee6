//! THE TOUR: the rooms a release walks through.

pub mod agent;
pub mod build;
pub mod bundle;
pub mod clock;
pub mod config;
pub mod dirs;
pub mod identity;
pub mod keys;
pub mod lock;
pub mod logging;
pub mod problem;
pub mod publish;
pub mod secret;
pub mod store;
