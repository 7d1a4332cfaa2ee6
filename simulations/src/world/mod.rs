//! The rules of thousands of nodes on a virtual clock, network and disk.
pub mod chance;
pub mod gossip;
pub mod lines;
pub mod people;
pub mod queue;
pub mod releases;
pub mod ways;
