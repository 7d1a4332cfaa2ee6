//! Each kind of flood, against one node.

use super::{Lines, MOST_USELESS, bans, memory, useless};
use crate::harness::{
    dir,
    flooder::{Flooder, Name, Words},
    items,
    network::Network,
    node::Kind,
    until,
};

/// What the flood may cost in memory, in KiB.
const MOST_MEMORY: u64 = 16 * 1024;

#[track_caller]
fn is_sent_away(words: impl FnOnce(&Lines) -> Words) {
    let network = Network::found();
    let lines = Lines::of(&network);
    let node = network.join("node-1", &Kind::follower());
    node.wait_for("1.0.0");
    let before = (dir::settled(&node.data), node.books(), useless(&node), memory(&node));

    let flooder = Flooder::start(&node, Name::Kept, words(&lines));
    until("the flooder is sent away", || (bans(&node) > 0).then_some(()));
    until("it has come back five times", || (flooder.lost() > 5).then_some(()));
    let heard = useless(&node) - before.2;
    assert!(heard <= MOST_USELESS, "{heard} messages of {} were heard", flooder.said());
    assert_eq!(bans(&node), 1, "once is enough");
    let peers = node.get("/api/v1/peers");
    let flooding = items(&peers).iter().find(|peer| peer["id"] == flooder.id.as_str());
    let flooding = flooding.expect("it is remembered");
    assert!(!flooding["banned"].is_null(), "{flooding:#}");
    assert_eq!(node.get("/api/v1/status")["peers"]["connected"], 1, "the publisher");
    assert!(node.logged().contains(&format!("peer {} is banned for ", flooder.id)));
    assert_eq!(dir::settled(&node.data), before.0, "nothing is kept");
    assert_eq!(node.books(), before.1, "nothing is believed");
    let grown = memory(&node).saturating_sub(before.3);
    assert!(grown <= MOST_MEMORY, "memory has grown by {grown} KiB");

    // The flooder goes on knocking meanwhile.
    network.publish(&network.release("1.1.0"), "1.1.0").good();
    node.wait_for("1.1.0");
    assert!(useless(&node) - before.2 <= MOST_USELESS);
}

#[test]
fn who_forges_without_end_is_sent_away() {
    is_sent_away(Lines::forged);
}

#[test]
fn who_adds_signatures_without_end_is_sent_away() {
    is_sent_away(Lines::signed_otherwise);
}

#[test]
fn who_repeats_without_end_is_sent_away() {
    is_sent_away(Lines::repeated);
}
