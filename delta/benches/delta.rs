//! How fast patches are made and applied, in bytes of new contents a second.
//!
//! Run with `cargo bench -p updraft-delta`. Contents are generated; figures for real releases belong to the
//! corpus, not to this file.

#[path = "../tests/generate/mod.rs"]
mod generate;
#[path = "../tests/generate/executable.rs"]
mod programs;

use std::io;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use updraft_delta::{
    Level,
    blob::{self, Cut},
    patch::{self, Expected, Options},
};
use updraft_protocol::PatchCodec;

use programs::{Machine, Program};

/// About 4 MiB.
const FUNCTIONS: usize = 40_000;

fn delta(criterion: &mut Criterion) {
    for machine in [Machine::X86, Machine::Arm] {
        let program = Program::new(machine, 1, FUNCTIONS);
        let (old, new) = (program.link(), program.next(2).link());
        let new_size = new.len() as u64;
        let mut group = criterion.benchmark_group(format!("{machine:?}"));
        group.throughput(Throughput::Bytes(new_size)).sample_size(10);
        for codec in PatchCodec::ALL {
            let options = Options::new(codec);
            let patch = patch::create(&old, &new, &options).expect("small enough to compare");
            let expected = Expected { codec, new_size };
            group.bench_function(format!("create {codec:?}"), |bencher| {
                bencher.iter(|| patch::create(&old, &new, &options).expect("made before"));
            });
            group.bench_function(format!("apply {codec:?}"), |bencher| {
                bencher.iter(|| {
                    patch::apply(&old, &patch, &expected, io::sink()).expect("an honest patch")
                });
            });
        }
        group.finish();
    }
}

fn whole(criterion: &mut Criterion) {
    let contents = generate::next_version(&generate::program(1, 4 * 1024 * 1024), 2);
    let size = contents.len() as u64;
    let mut whole = Vec::new();
    blob::compress_whole(&*contents, &Cut::nowhere(size), Level::PUBLISH, &mut whole)
        .expect("memory takes it");
    let mut group = criterion.benchmark_group("whole");
    group.throughput(Throughput::Bytes(size)).sample_size(10);
    group.bench_function("unpack", |bencher| {
        bencher.iter(|| {
            blob::decompress_whole(&whole, size, io::sink()).expect("an honest blob");
        });
    });
    group.finish();
}

criterion_group!(benches, delta, whole);
criterion_main!(benches);
