//! Many nodes on one desk: what is to happen, a run of it, and what came of it.
//!
//! | | room | what happens there |
//! |---|---|---|
//! | 1 | [`scenario`] | it is written: who takes part, over which lines, what happens, what is expected |
//! | 2 | [`builtin`] | scenarios that come with the program, each for one thing to learn |
//! | 3 | [`course`] | chance picks its moments and nodes |
//! | 4 | [`mod@run`] | it runs, in a [`world`] of pure machines on a virtual clock or as a [`cluster`] of real nodes, and can be stopped |
//! | 5 | [`disk`] | what the real installer writes to there: a disk that forgets what was not synced |
//! | 6 | [`outcome`] | it was measured, with how releases spread ([`spread`]) and what the lines allow ([`mod@optimum`], [`framing`]), and judged ([`judging`]) |
//! | 7 | [`recording`] | it can be run again, to the same event, and [shrunk](mod@shrink) to what it takes to fail |
//! | 8 | [`report`] | it is shown: on the terminal, as JSON, as one HTML file; two of them side by side |
//! | 9 | [`scale`] | how its cost grows with the number of nodes |
//! | – | [`cli`] | the program `updraft-sim` |
//!
//! Nothing here is part of a node, and no node knows of it. Nothing but a cluster may depend on a clock, on the order of a
//! hash map or on chance that was not handed in: a world with the same seed is the same run.

pub mod builtin;
pub mod cli;
pub mod cluster;
pub mod course;
pub mod disk;
pub mod framing;
pub mod judging;
pub mod optimum;
pub mod outcome;
pub mod recording;
pub mod report;
pub mod run;
pub mod scale;
pub mod scenario;
pub mod shrink;
pub mod spread;
pub mod world;

pub use run::run;
