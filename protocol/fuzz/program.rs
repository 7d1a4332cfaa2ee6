//! libFuzzer's program: one target of the table, and for every input the time and the memory that it may take.
//!
//! `FUZZ_TARGET` names the target; without it the table is printed, and `costly` reads the longest of each kind once.
//! It decides nothing about what is right: that is in `checks/`, which stable replays.

#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "it is told its target by the environment, and libFuzzer's macro can write files"
)]

mod checks;
#[expect(dead_code, reason = "tests of the wire use the rest")]
#[path = "../tests/samples/mod.rs"]
mod samples;

use std::{process, sync::LazyLock};

use checks::{TARGETS, Target, costly, most_memory};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one input may take of a processor, in milliseconds; promise P15.
const MOST_MILLISECONDS: i64 = 100;
/// The same for an object, which nobody can send unasked.
const MOST_MILLISECONDS_OF_OBJECT: i64 = 1_000;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    if wanted == "costly" {
        process::exit(i32::from(read_costly() > 0));
    }
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

/// Reads the longest inputs, says what that cost, and counts those that took too long.
fn read_costly() -> usize {
    let messages = costly::MESSAGES.iter().map(|input| (input, MOST_MILLISECONDS));
    let objects = costly::OBJECTS.iter().map(|input| (input, MOST_MILLISECONDS_OF_OBJECT));
    let too_slow = |(input, most): &(&costly::Input, i64)| {
        let bytes = (input.make)();
        let began = milliseconds();
        (input.read)(&bytes);
        let took = milliseconds() - began;
        println!("{:<34} | {:>7} bytes | {took:>4} of {most:>4} ms", input.name, bytes.len());
        took > *most
    };
    messages.chain(objects).filter(too_slow).count()
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
        let allowed = most_memory(bytes.len());
        assert!(peak <= allowed, "{}: {peak} bytes of memory, {allowed} are allowed", target.name);
    }
);
