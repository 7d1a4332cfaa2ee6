//! What this program was built from, for `version`, metrics and the target of "this machine".
//!
//! The values come from `node/build.rs`; nothing is looked up while the program runs.

/// The version in `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The target triple, for example `x86_64-unknown-linux-gnu`.
pub const TARGET: &str = env!("UPDRAFT_TARGET");
/// The commit of a release build, `unknown` in others.
pub const COMMIT: &str = env!("UPDRAFT_COMMIT");
/// The compiler's version, for example `1.95.0`.
pub const RUSTC: &str = env!("UPDRAFT_RUSTC");
/// The lowest protocol version spoken.
pub const PROTOCOL_MIN: u32 = 1;
/// The highest protocol version spoken.
pub const PROTOCOL_MAX: u32 = 1;
