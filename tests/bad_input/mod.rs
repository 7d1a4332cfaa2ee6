//! Bad input, each with a clear error and nothing lost.

mod bundles;
mod gossip;
mod machine;
mod signatures;
mod sources;
