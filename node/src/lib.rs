//! The Updraft node: the rooms a release walks through, and the program `updraft` around them.

pub mod problem;
