//! What the operator wants, from file to validated [`Settings`].
//!
//! | step | file | gives |
//! |---|---|---|
//! | every key, its default and its reason | `defaults.toml` | the lowest layer, and what `config default` prints |
//! | a file as written | `file.rs` | keys with their values and positions; unknown keys are refused |
//! | who has the last word | `merge.rs` | built-in < file < drop-ins < environment < flags, with origins |
//! | does it make sense | `check.rs`, with the forms of `reader.rs` | [`Settings`], or every fault at once |
//!
//! A key exists here only when something in the node obeys it: to accept a setting and not to keep it would
//! be a lie. The room reads files, never the network, never a clock, and changes nothing on disk.

mod check;
mod fault;
mod file;
mod load;
mod merge;
mod nearest;
mod quantity;
mod reader;
mod settings;
mod sources;
#[cfg(test)]
mod tests;

pub use fault::{Fault, InvalidConfig};
pub use file::Written;
pub use load::{Loaded, load};
pub use merge::{Merged, Origin, Slot};
pub use nearest::nearest;
pub use quantity::{InvalidQuantity, Rate, parse_duration, parse_quantity, parse_size, show_size};
pub use settings::{
    AutoUpdate, Component, DhtMode, Governance, HeightSource, Http, Log, LogFormat, Metrics, Node,
    P2p, Role, Settings, Store, Transfer, Trust, VerifyOnStart,
};
pub use sources::{Override, Sources};

/// The file of every key with its default and its bounds, as `updraft config default` prints it.
pub const DEFAULTS: &str = include_str!("defaults.toml");
