//! Promises of the whole room, kept by real nodes on loopback with ports that the system chooses.

mod harness;

mod bootstrapping;
mod exchanges;
mod gossiping;
mod limits;
mod meeting;
mod over_medium;
mod packing;
mod stubborn;
mod switching;
