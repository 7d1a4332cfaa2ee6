//! The rooms a release walks through.

pub mod install;
pub mod store;
