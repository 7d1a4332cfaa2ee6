//! libFuzzer's side of the rig: one target of the table, and for every input the time and the memory that it may take.
//!
//! `FUZZ_TARGET` names the target; without it the table is printed, and `costly` reads the longest of each kind once.
//! It decides nothing about what is right: that is in `checks/`, which stable replays.

use std::{process, sync::LazyLock};

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    checks::{TARGETS, costly},
    rig::{Costly, Target},
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    if wanted == "costly" {
        let too_dear = costly::INPUTS.iter().filter(|input| !is_cheap(input)).count();
        process::exit(i32::from(too_dear > 0));
    }
    TARGETS.iter().find(|target| target.name == wanted).unwrap_or_else(|| {
        for target in TARGETS {
            println!("{}\t{}", target.name, target.longest);
        }
        process::exit(if wanted.is_empty() { 0 } else { 2 })
    })
});

/// Processor time of this thread: wall-clock time would blame a decoder for a busy machine.
fn milliseconds() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
}

/// What something takes: milliseconds, and bytes of memory at its peak.
fn cost(run: impl FnOnce()) -> (i64, usize) {
    let (before, began) = (MEMORY.current_usage(), milliseconds());
    MEMORY.reset_peak_usage();
    run();
    (milliseconds() - began, MEMORY.peak_usage().saturating_sub(before))
}

/// Reads one of the longest inputs and says what that cost.
fn is_cheap(input: &Costly) -> bool {
    let bytes = (input.make)();
    let (took, peak) = cost(|| (input.read)(&bytes));
    let (most, allowed) = (input.most_milliseconds, (input.most_memory)(bytes.len()));
    println!(
        "{:<34} | {:>7} bytes | {took:>4} of {most:>4} ms | {:>5} of {:>5} KiB",
        input.name,
        bytes.len(),
        peak >> 10,
        allowed >> 10,
    );
    took <= most && peak <= allowed
}

/// Finds the target, or does what else was asked for and ends.
pub(crate) fn begin() {
    LazyLock::force(&TARGET);
}

/// Checks one input.
pub(crate) fn input(bytes: &[u8]) {
    let target = *TARGET;
    let (took, peak) = cost(|| {
        (target.check)(bytes);
    });
    let (most, allowed) = (target.most_milliseconds, (target.most_memory)(bytes.len()));
    assert!(took <= most, "{}: {took} ms for one input, {most} are allowed", target.name);
    assert!(peak <= allowed, "{}: {peak} bytes of memory, {allowed} are allowed", target.name);
}
