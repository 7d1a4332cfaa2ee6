//! Worlds: the rules of thousands of nodes on a virtual clock, over lines that hold.

pub mod lines;

use std::sync::atomic::AtomicBool;

use crate::{
    outcome::Outcome,
    run::{RunError, RunOptions, Watch},
    scenario::{Kind, Scenario},
};

/// Runs a scenario as a world.
///
/// # Errors
/// If a world cannot do what it asks for.
pub fn run(
    _scenario: &Scenario,
    _options: &RunOptions,
    _watch: &mut dyn Watch,
    _stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    let what = "this program was built without worlds".to_owned();
    Err(RunError::Unsupported { kind: Kind::World, what })
}
