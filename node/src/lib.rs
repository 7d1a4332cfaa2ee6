//! THE TOUR: the rooms a release walks through.

pub mod agent;
pub mod api;
pub mod problem;
