//! What this program was built from, for `version`, metrics and the target of "this machine".
//!
//! The values come from `node/build.rs`; nothing is looked up while the program runs. What can differ between two
//! programs of one library, a [`Build`], is handed down from `main` and never asked for here.

/// The version in `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The target triple, for example `x86_64-unknown-linux-gnu`.
pub const TARGET: &str = env!("UPDRAFT_TARGET");
/// The commit of a release build, `unknown` in others.
pub const COMMIT: &str = env!("UPDRAFT_COMMIT");
/// The compiler's version, for example `1.95.0`.
pub const RUSTC: &str = env!("UPDRAFT_RUSTC");
/// The protocol of a network that has not voted for another one yet.
pub use updraft_protocol::vote::FIRST_PROTOCOL;

/// Which versions of the protocol a program speaks: all from the oldest to the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaks {
    /// The lowest.
    pub oldest: u32,
    /// The highest.
    pub newest: u32,
}

impl Speaks {
    /// What this library was written to speak.
    pub const THIS: Self = Self { oldest: 1, newest: 2 };

    /// Whether it speaks this version.
    pub const fn includes(self, protocol: u32) -> bool {
        self.oldest <= protocol && protocol <= self.newest
    }
}

/// What a program says it is. Given by its `main`, so that an older program can be made of the same library for
/// tests of a network in which both are at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// What it speaks.
    pub speaks: Speaks,
}

impl Build {
    /// The program `updraft` of this library.
    pub const THIS: Self = Self { version: VERSION, speaks: Speaks::THIS };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_what_is_spoken_are_spoken() {
        let speaks = Speaks { oldest: 2, newest: 3 };
        assert_eq!([1, 2, 3, 4].map(|n| speaks.includes(n)), [false, true, true, false]);
    }

    #[test]
    fn every_program_speaks_what_networks_begin_with() {
        assert!(Speaks::THIS.includes(FIRST_PROTOCOL));
    }
}
