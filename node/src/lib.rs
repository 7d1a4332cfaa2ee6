//! THE TOUR: the rooms a release walks through.

pub mod agent;
pub mod bundle;
pub mod keys;
pub mod problem;
pub mod publish;
pub mod store;
