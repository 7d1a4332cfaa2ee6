//! libFuzzer's program for delta. It measures in `rig/watch.rs` of protocol's; what is right is in `checks/`.
//!
//! Everything happens on one thread: its time is measured, and the same input always takes the same way.

#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "it is told its target by the environment, and libFuzzer's macro can write files"
)]

mod checks;
#[path = "../tests/generate/mod.rs"]
mod generate;
#[path = "../../protocol/fuzz/rig/mod.rs"]
mod rig;
#[path = "../../protocol/fuzz/rig/watch.rs"]
mod watch;

use std::sync::atomic::Ordering::Relaxed;

use libfuzzer_sys::fuzz_target;

fn one_thread() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("nobody has used it yet");
}

/// See there.
const MOST_LITERALS: usize = 96;

fuzz_target!(
    init: {
        checks::patches::MOST_LITERALS.store(MOST_LITERALS, Relaxed);
        one_thread();
        watch::begin();
    },
    |bytes: &[u8]| watch::input(bytes)
);
