//! wip
mod shaper;
mod wire;
