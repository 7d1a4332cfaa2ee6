//! Floods of useless gossip: the sender is sent away at once and stays away, nothing grows, nothing is kept, and
//! honest news gets through as before.

mod pace;
mod sent_away;

use std::{fs, sync::Arc};

use updraft_node::bundle::Bundle;
use updraft_protocol::{Gossip, Head, SecretKey, Signed, Timestamp, codec};

use crate::harness::{arg, flooder::Words, network::Network, node::Node};

/// Useless messages that a peer gets rid of before it is sent away.
const MOST_USELESS: u64 = 100;

/// Words for a peer that never stops.
struct Lines {
    head: Head,
    key: Arc<SecretKey>,
}

impl Lines {
    /// Founds a network on 1.0.0, and takes its head as what the flood is about.
    fn of(network: &Network) -> Self {
        let bundle = network.bundle("1.0.0");
        network.publisher.say(&["publish", "--bundle", arg(&bundle)]).good();
        let head = Bundle::open(&bundle).expect("good").head().clone();
        Self { head, key: Arc::new(network.secret_key()) }
    }

    /// Heads that a stranger has signed, each another one.
    fn forged(&self) -> Words {
        let (head, stranger) = (self.head.clone(), SecretKey::from_seed(&[7; 32]));
        Box::new(move |number| {
            let time = Timestamp::from_seconds(head.time.as_seconds() + number);
            let forged = Head { time, expires: time.plus(3_600), ..head.clone() };
            said(&forged, &[&stranger])
        })
    }

    /// The head that everybody has, with a signature of another stranger added each time.
    fn signed_otherwise(&self) -> Words {
        let (head, key) = (self.head.clone(), self.key.clone());
        Box::new(move |number| {
            let mut seed = [9; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            said(&head, &[&key, &SecretKey::from_seed(&seed)])
        })
    }

    /// The head that everybody has, to the byte.
    fn repeated(&self) -> Words {
        let bytes = said(&self.head, &[&self.key]);
        Box::new(move |_| bytes.clone())
    }
}

fn said(head: &Head, keys: &[&SecretKey]) -> Vec<u8> {
    codec::encode(&announced(head, keys)).expect("within limits")
}

fn announced(head: &Head, keys: &[&SecretKey]) -> Gossip {
    let mut signed = Signed::unsigned(head).expect("within limits");
    keys.iter().for_each(|key| signed.sign(key, &head.network));
    Gossip::announce(signed, None)
}

/// Resident memory of a node, in KiB.
fn memory(node: &Node) -> u64 {
    let facts = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("it runs");
    let line = facts.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("on Linux");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

/// Gossip messages that led to nothing, by the node's own count.
fn useless(node: &Node) -> u64 {
    let results = [
        "ignored",
        "rejected",
        "undecodable",
        "dropped",
        "repeated",
        "forged",
        "astray",
        "unheard",
    ];
    let count = |result| {
        node.metric(&format!(
            "updraft_gossip_messages_total{{topic=\"heads\",result=\"{result}\"}}"
        ))
    };
    results.into_iter().map(count).sum()
}

/// Peers that the node has sent away.
fn bans(node: &Node) -> u64 {
    ["flood", "misconduct"]
        .iter()
        .map(|reason| node.metric(&format!("updraft_peer_bans_total{{reason=\"{reason}\"}}")))
        .sum()
}
