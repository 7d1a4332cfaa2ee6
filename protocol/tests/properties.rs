//! What holds for all bytes and all values, tried on drawn ones.
//!
//! `PROPTEST_CASES` (256 unless told otherwise) scales every number of cases; what once failed is tried first
//! ever after, from `properties.regressions`.

#[path = "properties/histories.rs"]
mod histories;
#[path = "properties/pauses.rs"]
mod pauses;
#[path = "properties/said.rs"]
mod said;
#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;
#[path = "properties/signers.rs"]
mod signers;
#[path = "properties/strategies.rs"]
mod strategies;
#[path = "properties/votes.rs"]
mod votes;

use std::{collections::BTreeMap, fmt::Debug, sync::LazyLock};

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::Index,
    test_runner::FileFailurePersistence,
};
use samples::{Sample, by_hand};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Digest, Gossip, HeadMark,
    Holding, PackedAnswer, PackedRequest, Sentence, Signable, Signed, Statement, Ticket,
    TransferAnswer, TransferRequest, Wire, codec,
};

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(samples::all);

/// `quick` cases by default.
fn cases(quick: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.saturating_mul(quick) / 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..usual
    }
}

/// Bytes are refused, or they are the one encoding of a value.
fn refused_or_canonical(sample: &Sample, bytes: &[u8]) {
    if let Ok(rewritten) = (sample.rewrite)(bytes) {
        assert_eq!(rewritten, bytes, "{} has a second encoding", sample.name);
    }
}

fn reads_back<T: Wire + PartialEq + Debug>(value: &T) -> Vec<u8> {
    let bytes = codec::encode(value).expect("drawn values keep the rules");
    assert_eq!(codec::decode::<T>(&bytes).as_ref(), Ok(value));
    bytes
}

/// One way of damaging bytes.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    /// A small number where a length, a count or a kind may be.
    Number(Index, u64),
    /// The end of another sample from there on.
    Splice(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        at().prop_map(Damage::Remove),
        (at(), 0..300_u64).prop_map(|(at, number)| Damage::Number(at, number)),
        (at(), at()).prop_map(|(at, other)| Damage::Splice(at, other)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let len = bytes.len();
        if len == 0 {
            break;
        }
        match damage {
            Damage::Set(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Insert(at, byte) => bytes.insert(at.index(len), *byte),
            Damage::Remove(at) => drop(bytes.remove(at.index(len))),
            Damage::Number(at, number) => {
                let at = at.index(len);
                let end = len.min(at + 8);
                bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            }
            Damage::Splice(at, other) => {
                let other = &other.get(&SAMPLES).bytes;
                let at = at.index(len);
                bytes.truncate(at);
                bytes.extend(other.iter().skip(at));
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in vec(any::<u8>(), 0..400)) {
        for sample in SAMPLES.iter() {
            refused_or_canonical(sample, &bytes);
        }
    }

    #[test]
    fn bytes_of_small_numbers_are_refused_or_canonical(bytes in vec(0..4_u8, 0..100)) {
        for sample in SAMPLES.iter() {
            refused_or_canonical(sample, &bytes);
        }
    }
}

proptest! {
    #![proptest_config(cases(8_192))]

    #[test]
    fn damaged_bytes_are_refused_or_canonical(
        sample in any::<Index>(),
        damages in vec(damage(), 1..4),
    ) {
        let sample = sample.get(&SAMPLES);
        refused_or_canonical(sample, &damaged(sample.bytes.clone(), &damages));
    }
}

#[test]
fn an_end_that_is_missing_is_noticed() {
    for sample in SAMPLES.iter() {
        for end in 0..sample.bytes.len() {
            assert!(
                (sample.rewrite)(&sample.bytes[..end]).is_err(),
                "{} cut at {end}",
                sample.name
            );
        }
    }
}

#[test]
fn a_flipped_bit_is_refused_or_makes_another_value() {
    for sample in SAMPLES.iter() {
        for bit in 0..sample.bytes.len() * 8 {
            let bytes = with_flipped(&sample.bytes, bit);
            // The same value would be written as the bytes before the flip.
            refused_or_canonical(sample, &bytes);
        }
    }
}

fn with_flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// Every bit matters: the payload's, the keys' ids', the signatures'.
#[test]
fn a_signed_object_with_a_flipped_bit_is_not_believed() {
    fn check<T: Signable>(value: &T) {
        let keys = [11, 12];
        let role = samples::role(2, &keys);
        let bytes = codec::encode(&samples::signed(value, &keys)).expect("a signed object");
        for bit in 0..bytes.len() * 8 {
            if let Ok(signed) = codec::decode::<Signed<T>>(&with_flipped(&bytes, bit)) {
                assert!(signed.verify(value.network(), &role).is_err(), "bit {bit} flipped");
            }
        }
    }
    check(&samples::root_2());
    check(&samples::head_2());
    check(&samples::manifest());
    check(&samples::lift());
}

/// What one key says alone is not believed with a flipped bit either.
#[test]
fn a_sentence_with_a_flipped_bit_is_not_believed() {
    fn check<T: Sentence>(value: &T, keys: [u8; 2]) {
        let role = samples::role(1, &keys);
        let bytes = codec::encode(&samples::signed(value, &keys[..1])).expect("a signed object");
        for bit in 0..bytes.len() * 8 {
            if let Ok(signed) = codec::decode::<Signed<T>>(&with_flipped(&bytes, bit)) {
                assert!(
                    signed.verify_sentence(value.network(), &role).is_err(),
                    "bit {bit} flipped"
                );
            }
        }
    }
    check(&samples::heartbeat(), [21, 22]);
    check(&samples::brake(), [31, 32]);
    check(&samples::revocation(), [13, 12]);
    check(&samples::attestation(), [41, 42]);
    check(&samples::proposal(), [51, 52]);
    check(&samples::ballot(53, samples::ready()), [53, 52]);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn objects_read_back_and_are_written_as_by_hand(
        root in strategies::root(),
        head in strategies::head(),
        manifest in strategies::manifest(),
        tree in strategies::tree(),
        list in strategies::chunk_list(),
    ) {
        prop_assert_eq!(reads_back(&root), by_hand::root(&root));
        prop_assert_eq!(reads_back(&head), by_hand::head(&head));
        prop_assert_eq!(reads_back(&manifest), by_hand::manifest(&manifest));
        prop_assert_eq!(reads_back(&tree), by_hand::tree(&tree));
        prop_assert_eq!(reads_back(&list), by_hand::chunk_list(&list));
    }

    #[test]
    fn sentences_read_back_and_are_written_as_by_hand(
        heartbeat in said::heartbeat(),
        brake in said::brake(),
        lift in said::lift(),
        revocation in said::revocation(),
        attestation in said::attestation(),
    ) {
        prop_assert_eq!(reads_back(&heartbeat), by_hand::heartbeat(&heartbeat));
        prop_assert_eq!(reads_back(&brake), by_hand::brake(&brake));
        prop_assert_eq!(reads_back(&lift), by_hand::lift(&lift));
        prop_assert_eq!(reads_back(&revocation), by_hand::revocation(&revocation));
        prop_assert_eq!(reads_back(&attestation), by_hand::attestation(&attestation));
    }

    #[test]
    fn statements_read_back(
        statements in vec(said::statement(), 0..6),
        root in strategies::signed(strategies::root()),
        more in any::<bool>(),
    ) {
        reads_back(&Gossip::Root(root));
        let mut by_id: BTreeMap<Digest, Statement> = BTreeMap::new();
        for statement in statements {
            reads_back(&Gossip::Statement(statement.clone()));
            by_id.insert(statement.id(), statement);
        }
        let statements = by_id.into_values().collect();
        let page = CatchUpAnswer::Statements { statements, more };
        reads_back(&page);
        reads_back(&BootstrapAnswer::CatchUp(page));
    }

    #[test]
    fn messages_read_back(
        roots in vec(strategies::signed(strategies::root()), 0..3),
        heads in vec(strategies::signed(strategies::head()), 0..3),
        manifest in strategies::signed(strategies::manifest()),
        more in any::<bool>(),
        number in any::<u64>(),
        statements in strategies::digest(),
    ) {
        reads_back(&BootstrapAnswer::Roots(roots));
        if let Some(head) = heads.first() {
            reads_back(&Gossip::announce(head.clone(), None));
            reads_back(&Gossip::announce(head.clone(), Some(manifest.clone())));
        }
        reads_back(&CatchUpAnswer::News { root_version: number, heads, more, statements });
        reads_back(&CatchUpAnswer::Manifest(manifest));
    }

    #[test]
    fn requests_and_bytes_read_back(
        network in strategies::network(),
        digest in strategies::digest(),
        index in any::<u32>(),
        number in any::<u64>(),
        channels in btree_map(strategies::channel(), option::of((1..=u64::MAX, strategies::digest())), 0..64),
        after in option::of(strategies::digest()),
        bytes in vec(any::<u8>(), 0..2_000),
    ) {
        let mark = |(channel, held): (_, Option<_>)| {
            let (seq, head) = held.map_or((0, None), |(seq, head)| (seq, Some(head)));
            HeadMark { channel, seq, head }
        };
        let marks = channels.into_iter().map(mark).collect();
        reads_back(&BootstrapRequest::Roots { network, after: number });
        for request in [
            CatchUpRequest::Since { network, root_version: number, marks },
            CatchUpRequest::Manifest(digest),
            CatchUpRequest::Statements { network, after },
        ] {
            reads_back(&request);
            reads_back(&BootstrapRequest::CatchUp(request));
        }
        for request in [
            TransferRequest::Object(digest),
            TransferRequest::Have(digest),
            TransferRequest::Chunk { blob: digest, index },
        ] {
            reads_back(&request);
            reads_back(&BootstrapRequest::Transfer(request));
            reads_back(&PackedRequest::One(request));
        }
        for answer in [
            TransferAnswer::Object(bytes.clone()),
            TransferAnswer::Chunk(bytes.clone()),
            TransferAnswer::Have(Holding::Some(bytes.clone())),
        ] {
            reads_back(&answer);
            reads_back(&BootstrapAnswer::Transfer(answer.clone()));
            reads_back(&PackedAnswer::One(answer));
        }
        reads_back(&PackedAnswer::Chunks(bytes.chunks(97).take(64).map(<[u8]>::to_vec).collect()));
    }

    #[test]
    fn tickets_read_back_from_their_text(ticket in strategies::ticket()) {
        reads_back(&ticket);
        prop_assert_eq!(ticket.to_string().parse::<Ticket>(), Ok(ticket));
    }
}
