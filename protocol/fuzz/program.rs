//! libFuzzer's program for the decoders of protocol. It measures in `rig/watch.rs`; what is right is in `checks/`.

#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "it is told its target by the environment, and libFuzzer's macro can write files"
)]

mod checks;
mod rig;
#[expect(dead_code, reason = "tests of the wire use the rest")]
#[path = "../tests/samples/mod.rs"]
mod samples;
#[path = "rig/watch.rs"]
mod watch;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: { watch::begin(); }, |bytes: &[u8]| watch::input(bytes));
