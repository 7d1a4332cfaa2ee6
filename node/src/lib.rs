//! The rooms a release walks through.

pub mod store;
