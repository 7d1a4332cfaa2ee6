//! Honest news passes a flooded node as it passes a quiet one.
//!
//! In the usual run for a second or two each, to see that everything arrives. `scripts/flood.sh` says by
//! `UPDRAFT_FLOOD_SECONDS` how long it is measured, and then the numbers of the promise hold.

use std::{env, time::Duration};

use updraft_protocol::{Head, Signed};

use super::{Lines, MOST_USELESS, announced, bans, memory, useless};
use crate::harness::{
    flooder::{Flooder, Name},
    herald::Herald,
    items,
    network::Network,
    node::{Kind, Node},
    number, until,
};

/// Between two announcements.
const EVERY: Duration = Duration::from_millis(50);
/// Announcements heard before anything is measured: connections, meshes and caches settle.
const WARM_UP: usize = 20;
/// What is measured in the usual run.
const BRIEFLY: u64 = 40;
/// In the usual run, on a machine that does other things: far above what is measured, far below an outage.
const SLOWEST: Duration = Duration::from_secs(2);

/// Makes each head the next of the one before.
struct Chain {
    head: Head,
    lines: Lines,
}

impl Chain {
    fn next(&mut self) -> updraft_protocol::Gossip {
        let prev = Signed::unsigned(&self.head).expect("within limits").digest();
        let next = Head { seq: self.head.seq + 1, prev: Some(prev), ..self.head.clone() };
        self.head = next;
        announced(&self.head, &[&self.lines.key])
    }
}

/// Times of announcements, shortest first.
struct Times(Vec<Duration>);

impl Times {
    fn take(count: u64, herald: &mut Herald, chain: &mut Chain) -> Self {
        let mut times: Vec<_> = (0..count)
            .map(|_| {
                let took = herald.announce(&chain.next());
                herald.pause(EVERY.saturating_sub(took));
                took
            })
            .collect();
        times.sort_unstable();
        Self(times)
    }

    fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }

    fn row(&self, name: &str) -> String {
        let millis = |percent| self.percentile(percent).as_secs_f64() * 1_000.0;
        format!("{name:<34} {:>9.2} {:>9.2}", millis(50), millis(99))
    }
}

/// One flooder of each kind.
fn all_kinds(lines: &Lines, node: &Node, name: Name) -> Vec<Flooder> {
    let words = [lines.forged(), lines.signed_otherwise(), lines.repeated()];
    words.into_iter().map(|words| Flooder::start(node, name, words)).collect()
}

/// Lets one flooder of each kind begin, and says how much of each was heard until it was sent away.
fn one_after_another(lines: &Lines, node: &Node) -> (Vec<Flooder>, Vec<u64>) {
    [lines.forged(), lines.signed_otherwise(), lines.repeated()]
        .into_iter()
        .map(|words| {
            let before = (useless(node), bans(node));
            let flooder = Flooder::start(node, Name::Kept, words);
            until("it is sent away", || (bans(node) > before.1).then_some(()));
            until("its last words have come", || (flooder.lost() > 1).then_some(()));
            (flooder, useless(node) - before.0)
        })
        .unzip()
}

#[test]
fn announcements_pass_a_flooded_node_like_a_quiet_one() {
    let seconds =
        env::var("UPDRAFT_FLOOD_SECONDS").ok().map(|s| s.parse::<u64>().expect("seconds"));
    let count = seconds.map_or(BRIEFLY, |seconds| seconds * 1_000 / 50);
    let network = Network::found();
    let lines = Lines::of(&network);
    let node = network.join("node-1", &Kind::follower());
    node.wait_for("1.0.0");
    let mut herald = Herald::beside(&node, lines.head.network);
    let mut chain = Chain { head: lines.head.clone(), lines };
    for heard in 0..WARM_UP {
        until(&format!("announcement {heard} of the warm-up passes"), || {
            herald.announce_for(&chain.next(), Duration::from_secs(1))
        });
    }

    let before = memory(&node);
    let quiet = Times::take(count, &mut herald, &mut chain);
    let (mut flooders, heard) = one_after_another(&chain.lines, &node);
    // Three more begin while it is measured, and the first three keep knocking.
    flooders.extend(all_kinds(&chain.lines, &node, Name::Kept));
    let flooded = Times::take(count, &mut herald, &mut chain);
    until("all six are sent away", || (bans(&node) >= 6).then_some(()));
    let grown = memory(&node).saturating_sub(before);
    let knocked: u64 = flooders.iter().map(Flooder::lost).sum();
    drop(flooders);
    let limit = if seconds.is_some() { 2 * quiet.percentile(99) } else { SLOWEST };

    println!("flood: {:<34} {:>9} {:>9}", "honest announcements, ms", "p50", "p99");
    println!("flood: {}", quiet.row("quiet"));
    println!("flood: {}", flooded.row("flooded by six that come back"));
    println!("flood: useless messages heard before forging, varying, repeating ended: {heard:?}");
    println!("flood: they came back {knocked} times; memory has grown by {grown} KiB");
    if seconds.is_some() {
        for line in under_new_names(&node, &mut herald, &mut chain, count) {
            println!("flood: {line}");
        }
    }
    assert!(flooded.percentile(99) <= limit, "slower than {limit:?}");
    assert!(heard.iter().all(|heard| *heard <= MOST_USELESS), "{heard:?} messages were heard");
    assert!(grown <= 16 * 1024, "memory has grown by {grown} KiB");
    until("the node trusts the last head", || {
        (trusted(&node, &chain.head) == chain.head.seq).then_some(())
    });
}

/// What it costs when a flooder takes a new name each time, which only limits on connections can bound: shown,
/// because whoever runs a node should know, and promised nowhere.
fn under_new_names(node: &Node, herald: &mut Herald, chain: &mut Chain, count: u64) -> [String; 2] {
    let before = (memory(node), useless(node), bans(node));
    let flooders = all_kinds(&chain.lines, node, Name::New);
    let times = Times::take(count, herald, chain);
    let (heard, names) = (useless(node) - before.1, bans(node) - before.2);
    let grown = memory(node).saturating_sub(before.0);
    let said: u64 = flooders.iter().map(Flooder::said).sum();
    [
        times.row("three that take ever new names"),
        format!("{names} names said {said} messages, of which {heard} were heard; {grown} KiB"),
    ]
}

/// How far the node follows the channel.
fn trusted(node: &Node, head: &Head) -> u64 {
    let status = node.get("/api/v1/status");
    let channel = items(&status["channels"]).iter().find(|c| c["name"] == head.channel.as_str());
    number(&channel.expect("in the root")["seq"])
}
