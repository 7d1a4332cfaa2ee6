//! What it costs to believe: from received bytes to values that a role of three of five keys vouches for.
//!
//! Run with `cargo bench -p updraft-protocol`. Wanted: an announced release within 1 ms, 1,000 missed heads
//! within 1 s. Decoding is part of every figure, because nobody verifies without it.

#[expect(dead_code, reason = "other tests of the wire use the rest")]
#[path = "../tests/samples/mod.rs"]
mod samples;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use updraft_protocol::{
    ChannelName, ChannelRole, Digest, Equivocation, Gossip, Head, Heartbeat, Listing, Manifest,
    Role, Root, Signable, Signed, Verified, Wire, codec, equivocation::Finding, head,
    limits::MAX_HEADS_PER_ANSWER,
};

/// Release keys of the channel; three of them have to sign, and three do.
const RELEASE: [u8; 5] = [11, 12, 13, 14, 15];
/// Heads that a node has missed which was away for a long time.
const MISSED: u64 = 1_000;
/// Releases on offer, so that a head with its signatures takes about 2 KiB.
const OFFERED: usize = 17;

fn root() -> Root {
    let channel = samples::name("stable");
    let release = vec![ChannelRole { channel, role: samples::role(3, &RELEASE) }];
    let witness = Some(samples::role(3, &[21, 22, 23, 24, 25]));
    Root { release, witness, ..samples::root_1() }
}

fn role(root: &Root) -> &Role {
    let channel: ChannelName = samples::name("stable");
    root.release_role(&channel).expect("it has this channel")
}

fn bytes_of<T: Wire>(value: &T) -> Vec<u8> {
    codec::encode(value).expect("within limits")
}

fn signed_bytes<T: Signable>(value: &T) -> Vec<u8> {
    bytes_of(&samples::signed(value, &RELEASE[..3]))
}

fn believed<T: Signable>(bytes: &[u8], root: &Root, role: &Role) -> Verified<T> {
    let signed: Signed<T> = codec::decode(bytes).expect("honest bytes");
    signed.verify(&root.network, role).expect("signed by three of five")
}

/// Heads 1, 2, 3 and so on, as they come from a peer.
fn chain() -> Vec<Vec<u8>> {
    let listing = |n: usize| Listing {
        component: samples::name(&format!("component-{n:02}")),
        target: samples::name("x86_64-unknown-linux-gnu"),
        version: samples::name("1.1.0"),
        manifest: Digest::of(&n.to_le_bytes()),
    };
    let releases: Vec<Listing> = (0..OFFERED).map(listing).collect();
    let mut prev = None;
    let link = |seq| {
        let head = Head { seq, prev, releases: releases.clone(), ..samples::head_1() };
        prev = Some(Digest::of(&bytes_of(&head)));
        signed_bytes(&head)
    };
    (1..=MISSED).map(link).collect()
}

fn announcement(criterion: &mut Criterion) {
    let root = root();
    let head: Signed<Head> = samples::signed(&samples::head_2(), &RELEASE[..3]);
    let manifest: Signed<Manifest> = samples::signed(&samples::manifest(), &RELEASE[..3]);
    let bytes = bytes_of(&Gossip::announce(head, Some(manifest)));
    criterion.bench_function("head and manifest, 3 of 5", |bencher| {
        bencher.iter(|| {
            let gossip: Gossip = codec::decode(&bytes).expect("honest bytes");
            let Gossip::Announcement { head, manifest: Some(manifest) } = gossip else {
                unreachable!("it was written as one")
            };
            let head = head.verify(&root.network, role(&root)).expect("signed by three");
            let manifest = manifest.verify(&root.network, role(&root)).expect("signed by three");
            assert!(head.listing(&manifest.digest()).is_some());
        });
    });
}

fn catch_up(criterion: &mut Criterion) {
    let root = root();
    let chain = chain();
    let bytes: usize = chain.iter().map(Vec::len).sum();
    let mut group = criterion.benchmark_group("catch-up");
    group.throughput(Throughput::Elements(MISSED)).sample_size(10);
    let name = format!("{MISSED} heads of {} bytes, 3 of 5", bytes / chain.len());
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut trusted: Option<Verified<Head>> = None;
            for page in chain.chunks(MAX_HEADS_PER_ANSWER) {
                for link in page {
                    let offered = believed(link, &root, role(&root));
                    head::continues(None, trusted.as_ref(), &offered).expect("the next link");
                    trusted = Some(offered);
                }
            }
            assert_eq!(trusted.map(|head| head.seq), Some(MISSED));
        });
    });
    group.finish();
}

fn statements(criterion: &mut Criterion) {
    let root = root();
    let other = Head { releases: Vec::new(), ..samples::head_2() };
    let proof = bytes_of(&Equivocation::new(
        samples::signed(&samples::head_2(), &RELEASE[..3]),
        samples::signed(&other, &RELEASE[2..]),
    ));
    criterion.bench_function("two heads judged, 3 of 5", |bencher| {
        bencher.iter(|| {
            let proof: Equivocation = codec::decode(&proof).expect("honest bytes");
            let finding = proof.judge(&root).expect("both are signed by three");
            assert!(matches!(finding, Finding::Fork { .. }));
        });
    });
    let heartbeat = bytes_of(&samples::signed(&samples::heartbeat(), &[21]));
    let witness = root.witness.as_ref().expect("it has witnesses");
    criterion.bench_function("one heartbeat", |bencher| {
        bencher.iter(|| {
            let heartbeat: Signed<Heartbeat> = codec::decode(&heartbeat).expect("honest bytes");
            heartbeat.verify_sentence(&root.network, witness).expect("signed by its witness")
        });
    });
}

criterion_group!(benches, announcement, catch_up, statements);
criterion_main!(benches);
