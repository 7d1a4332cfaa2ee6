//! THE TOUR: the rooms a release walks through.

pub mod agent;
pub mod catalog;
pub mod fetch;
pub mod policy;
pub mod problem;

#[cfg(test)]
mod testing;
