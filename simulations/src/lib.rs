//! Many nodes on one desk: the rules of thousands on a virtual clock ([`world`]), or tens of real nodes in one process.
//!
//! | | room | what happens there |
//! |---|---|---|
//! | 1 | [`scenario`] | who takes part, what happens, what is expected |
//! | 2 | [`world`] | it happens to the real rules, on a virtual clock, network and disk |
//! | 3 | [`outcome`] | what came of it, measured |

pub mod outcome;
pub mod scenario;
pub mod world;
