//! The longest of each kind, made to take long: too slow to be changed a million times, too large to be committed.
//! Each of them is legal and has to be read within the limits of its kind.

use updraft_protocol::{
    Ballot, CatchUpAnswer, Certificate, ChannelRole, ChunkList, Digest, Elector, Electorate, Entry,
    Gossip, Head, Heartbeat, Listing, Manifest, NetworkKind, Node, Proposal, RevokedKey, Root,
    Statement, Tree, Wire, codec,
    limits::{MAX_CHUNK, MAX_CHUNKS, MAX_NOTES},
    vote::{Decision, Rules},
};

use super::{MOST_MILLISECONDS, most_memory};
use crate::{rig::Costly, samples};

/// What an object may take of a processor, in milliseconds: nobody can send it unasked.
const MOST_MILLISECONDS_OF_OBJECT: i64 = 1_000;

const fn input(
    name: &'static str,
    make: fn() -> Vec<u8>,
    read: fn(&[u8]),
    most_milliseconds: i64,
) -> Costly {
    Costly { name, make, read, most_memory, most_milliseconds }
}

fn decode<T: Wire>(bytes: &[u8]) {
    drop(codec::decode::<T>(bytes).expect("it is legal"));
}

/// What any peer may send at any time.
const fn message<T: Wire>(name: &'static str, make: fn() -> Vec<u8>) -> Costly {
    input(name, make, decode::<T>, MOST_MILLISECONDS)
}

/// What is asked for because signed bytes name its digest, and is read once.
const fn object<T: Wire>(name: &'static str, make: fn() -> Vec<u8>) -> Costly {
    input(name, make, decode::<T>, MOST_MILLISECONDS_OF_OBJECT)
}

/// All of them.
pub(crate) const INPUTS: &[Costly] = &[
    message::<Root>("root of many keys and revocations", root),
    message::<Head>("head of many releases", head),
    message::<Manifest>("manifest with long notes", manifest),
    message::<Gossip>("gossip of a large root", gossip),
    message::<CatchUpAnswer>("page of many statements", statements),
    input("certificate of all electors", certificate, judge, MOST_MILLISECONDS),
    object::<ChunkList>("chunk list of the largest blob", chunk_list),
    object::<Tree>("tree of many names to fold", tree),
];

fn encoded<T: Wire>(value: &T) -> Vec<u8> {
    codec::encode(value).expect("it is legal")
}

/// Whoever compares each revocation with each key takes long.
fn largest_root() -> Root {
    let keys: Vec<u8> = (60..92).collect();
    let role = samples::role(1, &keys);
    let channel = |n| ChannelRole { channel: samples::name(&format!("c{n}")), role: role.clone() };
    let revoked = |n: u8| RevokedKey {
        key: samples::public(n).id(),
        reason: String::new(),
        since: samples::NOW,
    };
    let mut revoked: Vec<_> = (0..=255).filter(|n| !keys.contains(n)).map(revoked).collect();
    revoked.sort_by_key(|revoked| revoked.key);
    let release = (10..55).map(channel).collect();
    Root { root: role.clone(), release, revoked, ..samples::root_1() }
}

fn root() -> Vec<u8> {
    encoded(&largest_root())
}

fn gossip() -> Vec<u8> {
    encoded(&Gossip::Root(samples::signed(&largest_root(), &[60])))
}

fn head() -> Vec<u8> {
    let head = samples::head_2();
    let mut listing = head.releases[0].clone();
    listing.component = samples::name(&"c".repeat(64));
    let listed = (100..300).map(|n| {
        let version = samples::name(&format!("1.0.{n}"));
        Listing { version, ..listing.clone() }
    });
    encoded(&Head { releases: listed.collect(), ..head })
}

fn manifest() -> Vec<u8> {
    encoded(&Manifest { notes: "ﬁ".repeat(MAX_NOTES / 3), ..samples::manifest() })
}

/// As many as fit, signed by nobody: their ids are compared before anybody looks at a signature.
fn statements() -> Vec<u8> {
    let said = |seq| {
        Statement::Heartbeat(samples::signed(&Heartbeat { seq, ..samples::heartbeat() }, &[]))
    };
    let mut statements: Vec<_> = (1..=4_096).map(said).collect();
    statements.sort_by_key(Statement::id);
    encoded(&CatchUpAnswer::Statements { statements, more: true })
}

/// Everybody agrees: as many signatures as a certificate may make somebody check.
fn certificate() -> Vec<u8> {
    let proposal = Proposal { by: samples::public(0).id(), ..samples::proposal() };
    let proposal = samples::signed(&proposal, &[0]);
    let about = proposal.digest();
    let by = |n: u8| Ballot { proposal: about, ..samples::ballot(n, samples::ready()) };
    let mut ballots: Vec<_> = (0..=255).map(|n| (n, by(n))).collect();
    ballots.sort_by_key(|(_, ballot)| ballot.by);
    let ballots = ballots.into_iter().map(|(n, ballot)| samples::signed(&ballot, &[n])).collect();
    encoded(&Certificate { decision: Decision::LockIn, proposal, ballots })
}

/// Finds it decided, by an electorate of as many as there may be.
fn judge(bytes: &[u8]) {
    let certificate: Certificate = codec::decode(bytes).expect("it is legal");
    let elector = |n: u8| Elector {
        key: samples::public(n),
        weight: 1,
        operator: samples::name(&format!("operator-{n}")),
    };
    let electors = (0..=255).map(elector).collect();
    let electorate = Electorate::new(samples::proposal().electorate, electors);
    let rules = Rules::of(NetworkKind::Production);
    certificate.judge(&samples::NETWORK, &electorate, &rules).expect("all of them are ready");
}

fn chunk_list() -> Vec<u8> {
    encoded(&ChunkList {
        blob_size: u64::from(MAX_CHUNK) * MAX_CHUNKS as u64,
        chunk_size: MAX_CHUNK,
        digests: vec![Digest::of(b"chunk"); MAX_CHUNKS],
    })
}

/// Ligatures and capitals, which have to be taken apart to see whether two names collide.
fn tree() -> Vec<u8> {
    let name = |n: usize| samples::name(&format!("{n:05}{}", "ǅﬃ".repeat(8)));
    let entry = |n| Entry { path: name(n), node: Node::Folder };
    encoded(&Tree { entries: (0..10_000).map(entry).collect() })
}
