//! Many nodes on one desk: what is to happen, a run of it, and what came of it.
//!
//! | | room | what happens there |
//! |---|---|---|
//! | 1 | [`scenario`] | it is written: who takes part, over which lines, what happens, what is expected |
//! | 2 | [`builtin`] | scenarios that come with the program, each for one thing to learn |
//! | 3 | [`mod@run`] | it runs, in a [`world`] of pure machines on a virtual clock, and can be stopped |
//! | 4 | [`outcome`] | it was measured |
//! | 5 | [`recording`] | it can be run again, to the same event |
//! | 6 | [`report`] | it is shown: on the terminal, as JSON, as one HTML file; two of them side by side |
//! | – | [`cli`] | the program `updraft-sim` |
//!
//! Nothing here is part of a node, and no node knows of it.

pub mod builtin;
pub mod cli;
pub mod outcome;
pub mod recording;
pub mod report;
pub mod run;
pub mod scenario;
pub mod world;

pub use run::run;
