//! How fast patches are made and applied, in bytes of new contents a second.
//!
//! Run with `cargo bench -p updraft-delta`. Contents are generated; figures for real releases belong to the
//! corpus, not to this file.

#[path = "../tests/generate/mod.rs"]
mod generate;

use std::io;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use updraft_delta::{
    Level, blob, offer,
    patch::{self, Expected, Options},
};
use updraft_protocol::PatchCodec;

const SIZE: usize = 4 * 1024 * 1024;

fn delta(criterion: &mut Criterion) {
    let old = generate::program(1, SIZE);
    let new = generate::next_version(&old, 2);
    let options = Options { level: Level::PUBLISH };
    let new_size = new.len() as u64;
    let expected = Expected { codec: PatchCodec::BsdiffZstd, new_size };
    let patch = patch::create(&old, &new, &options).expect("small enough to compare");
    let mut whole = Vec::new();
    offer::whole(&*new, new_size, Level::PUBLISH, &mut whole).expect("memory takes it");

    let mut group = criterion.benchmark_group("delta");
    group.throughput(Throughput::Bytes(new_size)).sample_size(10);
    group.bench_function("create", |bencher| {
        bencher.iter(|| patch::create(&old, &new, &options).expect("made before"));
    });
    group.bench_function("apply", |bencher| {
        bencher
            .iter(|| patch::apply(&old, &patch, &expected, io::sink()).expect("an honest patch"));
    });
    group.bench_function("unpack whole", |bencher| {
        bencher.iter(|| {
            blob::decompress_whole(&*whole, new_size, io::sink()).expect("an honest blob");
        });
    });
    group.finish();
}

criterion_group!(benches, delta);
criterion_main!(benches);
