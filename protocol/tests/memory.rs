//! What decoding costs in memory, counted by the allocator: bytes that lie about their lengths get none.
//!
//! Its own program because an allocator is of a whole program. Tests take turns, or they would count each
//! other's memory; none may use it before its turn.

#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use samples::{by_hand, by_hand::Bytes};
use updraft_protocol::{
    Ballot, BootstrapAnswer, CatchUpAnswer, CatchUpRequest, Certificate, ChannelRole, ChunkList,
    ChunkRange, Digest, DoubleVote, Elector, Electorate, Entry, Equivocation, Head, HeadMark,
    Listing, Node, PackedAnswer, PackedRequest, Proposal, PublicKey, RevokedKey, Root, SecretKey,
    Statement, TransferAnswer, Tree, Wire, Withdrawn, codec,
    limits::{
        MAX_ARTIFACTS, MAX_CATCHUP_MARKS, MAX_CERTIFICATE, MAX_CHUNK, MAX_CHUNKS, MAX_COUNTED,
        MAX_ELECTORS, MAX_LISTINGS, MAX_OBJECT, MAX_PACK_BYTES, MAX_PACK_CHUNKS,
        MAX_PROPOSAL_NOTES, MAX_REASON, MAX_REVOKED_KEYS, MAX_STATEMENTS_PER_ANSWER,
        MAX_TREE_ENTRIES, MAX_WITHDRAWN,
    },
    vote::Decision,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
static TURN: Mutex<()> = Mutex::new(());

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Most memory in use during `work` over what was in use before it.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}

/// What decoding may cost: in proportion to the bytes that came, and never more than the type allows.
fn allowed(received: usize, limit: usize) -> usize {
    (64 * KIB + 32 * received).min(4 * limit + MIB)
}

#[test]
fn a_length_that_lies_costs_no_more_than_the_bytes_that_came() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for sample in samples::all() {
        let limit = sample.limit as u64;
        let lies = [u64::MAX, i64::MAX as u64, 1 << 32, limit * 4, limit, limit / 8, 30_000];
        let last = sample.bytes.len().saturating_sub(8);
        for at in 0..=last {
            for lie in lies {
                let mut bytes = sample.bytes.clone();
                let end = bytes.len().min(at + 8);
                bytes[at..end].copy_from_slice(&lie.to_le_bytes()[..end - at]);
                let peak = peak_of(|| drop((sample.rewrite)(&bytes)));
                let allowed = allowed(bytes.len(), sample.limit);
                assert!(
                    peak <= allowed,
                    "{}: {lie} at byte {at} of {} took {peak} bytes of memory, {allowed} are allowed",
                    sample.name,
                    bytes.len()
                );
            }
        }
    }
}

fn reads_within_its_limit<T: Wire + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = codec::encode(value).expect("the largest that is allowed");
    let peak = peak_of(|| assert_eq!(codec::decode::<T>(&bytes).as_ref(), Ok(value)));
    let allowed = 4 * T::MAX + MIB;
    assert!(peak <= allowed, "{} bytes took {peak} bytes of memory", bytes.len());
}

#[test]
fn the_largest_values_are_read_within_four_times_their_limit() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    reads_within_its_limit(&TransferAnswer::Object(vec![7; MAX_OBJECT]));
    reads_within_its_limit(&TransferAnswer::Chunk(vec![7; MAX_CHUNK as usize]));
    reads_within_its_limit(&ChunkList {
        blob_size: u64::from(MAX_CHUNK) * MAX_CHUNKS as u64,
        chunk_size: MAX_CHUNK,
        digests: vec![Digest::of(b"chunk"); MAX_CHUNKS],
    });
}

/// Nothing takes so much more memory than it has bytes as folders with short names do.
#[test]
fn the_largest_tree_of_the_shortest_names_is_read() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = |n: usize| Entry { path: samples::name(&format!("{n:05x}")), node: Node::Folder };
    reads_within_its_limit(&Tree { entries: (0..MAX_TREE_ENTRIES).map(entry).collect() });
}

/// In a root, keys take six times the memory of their bytes.
#[test]
fn the_largest_roots_are_read() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let keys: Vec<u8> = (1..=32).collect();
    let role = samples::role(32, &keys);
    let channel =
        |n: usize| ChannelRole { channel: samples::name(&format!("c{n:02}")), role: role.clone() };
    reads_within_its_limit(&Root { release: (0..60).map(channel).collect(), ..samples::root_1() });
    let revoked = |n: usize| RevokedKey {
        key: public(n + MAX_ELECTORS).id(),
        reason: "r".repeat(100),
        since: samples::NOW,
    };
    let mut revoked: Vec<RevokedKey> = (0..MAX_REVOKED_KEYS).map(revoked).collect();
    revoked.sort_by_key(|revoked| revoked.key);
    let electorate = Some(Electorate::new(1, (0..MAX_ELECTORS).map(elector).collect()));
    let mut counts: Vec<Digest> = (0..MAX_COUNTED).map(|n| Digest::of(&n.to_le_bytes())).collect();
    counts.sort();
    reads_within_its_limit(&Root { electorate, counts, revoked, ..samples::root_2() });
}

fn public(n: usize) -> PublicKey {
    SecretKey::from_seed(Digest::of(&n.to_le_bytes()).as_bytes()).public()
}

fn elector(n: usize) -> Elector {
    Elector { key: public(n), weight: 1, operator: samples::name("operator") }
}

#[test]
fn the_largest_heads_and_a_proof_of_two_are_read() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let listing = |n: usize| Listing {
        component: samples::name(&format!("c{n:063}")),
        target: samples::name(&"t".repeat(64)),
        version: samples::name("1.0.0"),
        manifest: Digest::of(&n.to_le_bytes()),
    };
    let releases: Vec<Listing> = (0..MAX_LISTINGS).map(listing).collect();
    let head = Head { releases, ..samples::head_2() };
    let withdrawn = |n: usize| Withdrawn {
        manifest: Digest::from_bytes([u8::try_from(n).expect("at most 64"); 32]),
        reason: "r".repeat(MAX_REASON),
    };
    let withdrawn = (0..MAX_WITHDRAWN).map(withdrawn).collect();
    let other = Head { withdrawn, releases: Vec::new(), ..samples::head_2() };
    reads_within_its_limit(&head);
    reads_within_its_limit(&other);
    let keys: Vec<u8> = (1..=32).collect();
    let signed = |head: &Head| samples::signed(head, &keys);
    reads_within_its_limit(&Equivocation::new(signed(&head), signed(&other)));
}

/// Statements with almost nothing in them take far more memory than bytes.
#[test]
fn the_most_statements_and_the_most_marks_are_read() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for payload in [2, 200] {
        let statement = |n: usize| {
            let payload = [&n.to_le_bytes()[..2], &vec![0; payload - 2]].concat();
            let id = by_hand::statement_id(0, Digest::of(&payload).as_bytes());
            (id, Bytes::default().u32(0).raw(&by_hand::signed(&payload, &[])).done())
        };
        let mut page: Vec<_> = (0..MAX_STATEMENTS_PER_ANSWER).map(statement).collect();
        page.sort();
        let page = page.into_iter().map(|(_, bytes)| bytes);
        let bytes = Bytes::default().u32(2).list(page).u8(1).done();
        let page: CatchUpAnswer = codec::decode(&bytes).expect("as many as there may be");
        reads_within_its_limit(&page);
    }
    let mark = |n: usize| HeadMark {
        channel: samples::name(&format!("c{n:031}")),
        seq: 1,
        head: Some(Digest::of(b"a head")),
    };
    let marks = (0..MAX_CATCHUP_MARKS).map(mark).collect();
    reads_within_its_limit(&CatchUpRequest::Since {
        network: samples::NETWORK,
        root_version: 1,
        marks,
    });
}

/// Every elector explains itself at length.
#[test]
fn the_largest_proposal_ballot_and_certificate_are_read() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let artifacts =
        (0..MAX_ARTIFACTS).map(|n| Digest::from_bytes([u8::try_from(n).expect("few"); 32]));
    let proposal = Proposal {
        artifacts: artifacts.collect(),
        notes: "n".repeat(MAX_PROPOSAL_NOTES),
        ..samples::proposal()
    };
    let ballot = |n: usize| Ballot {
        by: public(n).id(),
        reason: "r".repeat(MAX_REASON),
        ..samples::ballot(51, samples::ready())
    };
    reads_within_its_limit(&proposal);
    reads_within_its_limit(&ballot(0));
    let other = Ballot { seq: 2, ..ballot(0) };
    let [one, other] = [ballot(0), other].map(|ballot| samples::signed(&ballot, &[51]));
    reads_within_its_limit(&Statement::DoubleVote(DoubleVote::new(one, other)));
    let ballots = (0..MAX_ELECTORS).map(|n| samples::signed(&ballot(n), &[51]));
    let certificate = Certificate {
        decision: Decision::LockIn,
        proposal: samples::signed(&proposal, &[51]),
        ballots: ballots.collect(),
    };
    reads_within_its_limit(&certificate);
    let statement = Statement::Certificate(Box::new(certificate));
    reads_within_its_limit(&statement);
    let page = CatchUpAnswer::Statements { statements: vec![statement], more: true };
    reads_within_its_limit(&BootstrapAnswer::CatchUp(page));
}

/// Ballots and chunks with nothing in them take more memory than bytes, and are too many only once they were read.
#[test]
fn as_many_ballots_and_chunks_as_the_bytes_hold_take_no_more_than_their_limit() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let nothing = by_hand::signed(&[], &[]);
    let ballots = vec![nothing.clone(); MAX_CERTIFICATE / nothing.len() - 4];
    refused_within::<Certificate>(&by_hand::votes::certificate(0, &nothing, &ballots));
    let chunks = vec![Vec::new(); 2 * MIB];
    refused_within::<PackedAnswer>(&by_hand::votes::chunks_given(&chunks));
    let ranges = vec![ChunkRange { first: 0, count: 1 }; 1_000];
    refused_within::<PackedRequest>(&by_hand::votes::chunks_wanted(&Digest::of(b"blob"), &ranges));
}

fn refused_within<T: Wire + std::fmt::Debug>(bytes: &[u8]) {
    assert!(bytes.len() <= T::MAX, "{} bytes are too many for its type", bytes.len());
    let peak = peak_of(|| assert!(codec::decode::<T>(bytes).is_err(), "{} was read", T::NAME));
    let allowed = allowed(bytes.len(), T::MAX);
    assert!(peak <= allowed, "{}: {peak} bytes of memory, {allowed} are allowed", T::NAME);
}

#[test]
fn the_largest_packs_are_read() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let largest = vec![7; MAX_CHUNK as usize];
    reads_within_its_limit(&PackedAnswer::Chunks(vec![
        largest;
        MAX_PACK_BYTES / MAX_CHUNK as usize
    ]));
    let small = vec![7; MAX_PACK_BYTES / MAX_PACK_CHUNKS];
    reads_within_its_limit(&PackedAnswer::Chunks(vec![small; MAX_PACK_CHUNKS]));
    reads_within_its_limit(&PackedAnswer::One(TransferAnswer::Object(vec![7; MAX_OBJECT])));
    reads_within_its_limit(&BootstrapAnswer::Transfer(TransferAnswer::Object(vec![7; MAX_OBJECT])));
}
