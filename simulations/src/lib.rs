//! Many nodes on one desk: the rules of thousands on a virtual clock ([`world`]), or tens of real nodes in one process.
//!
//! | | room | what happens there |
//! |---|---|---|
//! | 1 | [`scenario`] | who takes part, what happens, what is expected |
//! | 2 | [`world`] | it happens to the real rules, on a virtual clock, network and disk |
//! | 3 | [`disk`] | a disk that forgets what was not synced, for the real installer |
//! | 4 | [`outcome`] | what came of it, measured |
//!
//! Nothing here may depend on a clock, on the order of a hash map or on chance that was not handed in: a run with
//! the same seed is the same run.

pub mod disk;
pub mod outcome;
pub mod scenario;
pub mod world;
