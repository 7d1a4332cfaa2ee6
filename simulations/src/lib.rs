//! Many nodes on one desk: what the nodes of a network do is real, the machines they do it on are simulated.
//!
//! Nothing here may depend on a clock, on the order of a hash map or on chance that was not handed in: a run with
//! the same seed is the same run.

pub mod disk;
