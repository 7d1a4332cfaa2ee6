//! libFuzzer's program: one target of the table, and for every input the time and the memory that it may take.
//!
//! `FUZZ_TARGET` names the target; without it the table is printed. It decides nothing about what is right: that
//! is in `checks/`, which stable replays.

#![no_main]

mod checks;
#[expect(dead_code, reason = "tests of the wire use the rest")]
#[path = "../tests/samples/mod.rs"]
mod samples;

use std::{process, sync::LazyLock};

use checks::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one input may take of a processor; promise P15.
const MOST_MILLISECONDS: i64 = 100;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    TARGETS.iter().find(|target| target.name == wanted).unwrap_or_else(|| {
        for target in TARGETS {
            println!("{}\t{}", target.name, target.longest);
        }
        process::exit(if wanted.is_empty() { 0 } else { 2 })
    })
});

/// Processor time of this thread.
fn milliseconds() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
}

fuzz_target!(
    init: {
        LazyLock::force(&TARGET);
    },
    |bytes: &[u8]| {
        let target = *TARGET;
        let (before, began) = (MEMORY.current_usage(), milliseconds());
        MEMORY.reset_peak_usage();
        (target.check)(bytes);
        let took = milliseconds() - began;
        assert!(took <= MOST_MILLISECONDS, "{}: {took} ms for one input", target.name);
        let peak = MEMORY.peak_usage().saturating_sub(before);
        let allowed = checks::most_memory(bytes.len());
        assert!(peak <= allowed, "{}: {peak} bytes of memory, {allowed} are allowed", target.name);
    }
);
