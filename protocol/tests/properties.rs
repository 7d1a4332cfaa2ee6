//! What holds for all bytes and all values, tried on drawn ones.
//!
//! `PROPTEST_CASES` (256 unless told otherwise) scales every number of cases; what once failed is tried first
//! ever after, from `properties.regressions`.

#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;
#[path = "properties/strategies.rs"]
mod strategies;

use std::{collections::BTreeSet, fmt::Debug, sync::LazyLock};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, subsequence},
    test_runner::FileFailurePersistence,
};
use samples::{Sample, by_hand};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Gossip, HeadMark, Holding,
    KeyId, Signable, Signature, Signed, Ticket, TransferAnswer, TransferRequest, Wire, codec,
    threshold,
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
            assert!(!(sample.is_read_from)(&bytes), "{} with bit {bit} flipped", sample.name);
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
    fn messages_read_back(
        roots in vec(strategies::signed(strategies::root()), 0..3),
        heads in vec(strategies::signed(strategies::head()), 0..3),
        manifest in strategies::signed(strategies::manifest()),
        more in any::<bool>(),
        number in any::<u64>(),
    ) {
        reads_back(&BootstrapAnswer { roots });
        if let Some(head) = heads.first() {
            reads_back(&Gossip::announce(head.clone(), None));
            reads_back(&Gossip::announce(head.clone(), Some(manifest.clone())));
        }
        reads_back(&CatchUpAnswer::News { root_version: number, heads, more, statements: samples::digest(b"statements") });
        reads_back(&CatchUpAnswer::Manifest(manifest));
    }

    #[test]
    fn requests_and_bytes_read_back(
        network in strategies::network(),
        digest in strategies::digest(),
        index in any::<u32>(),
        number in any::<u64>(),
        channels in proptest::collection::btree_map(strategies::channel(), any::<u64>(), 0..64),
        bytes in vec(any::<u8>(), 0..2_000),
    ) {
        let mark = |(channel, seq)| HeadMark { channel, seq, head: None };
        let marks = channels.into_iter().map(mark).collect();
        reads_back(&BootstrapRequest { network, after: number });
        reads_back(&CatchUpRequest::Since { network, root_version: number, marks });
        reads_back(&CatchUpRequest::Manifest(digest));
        reads_back(&TransferRequest::Object(digest));
        reads_back(&TransferRequest::Have(digest));
        reads_back(&TransferRequest::Chunk { blob: digest, index });
        reads_back(&TransferAnswer::Object(bytes.clone()));
        reads_back(&TransferAnswer::Chunk(bytes.clone()));
        reads_back(&TransferAnswer::Have(Holding::Some(bytes)));
    }

    #[test]
    fn tickets_read_back_from_their_text(ticket in strategies::ticket()) {
        reads_back(&ticket);
        prop_assert_eq!(ticket.to_string().parse::<Ticket>(), Ok(ticket));
    }
}

/// What a signature in a drawn list is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quality {
    Right,
    OverAnotherMessage,
    Garbage,
}

/// A signature: whose id it bears, who made it, and how.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    bears: u8,
    by: u8,
    quality: Quality,
}

const MESSAGE: &[u8] = b"what is signed";
const DOMAIN: &str = "";
const NO_NETWORK: [u8; 32] = [0; 32];

/// The signature of each key of 1 to 20 over a payload.
fn signatures_over(payload: &[u8]) -> Vec<[u8; 64]> {
    let bytes = |n| by_hand::signature(n, DOMAIN, &NO_NETWORK, payload)[32..].to_vec();
    (1..=20).map(|n| bytes(n).try_into().expect("64 bytes")).collect()
}

static IDS: LazyLock<Vec<KeyId>> =
    LazyLock::new(|| (1..=20).map(|n| samples::public(n).id()).collect());
static RIGHT: LazyLock<Vec<[u8; 64]>> = LazyLock::new(|| signatures_over(MESSAGE));
static OTHER: LazyLock<Vec<[u8; 64]>> = LazyLock::new(|| signatures_over(b"another message"));

fn real(drawn: &Drawn) -> Signature {
    let by = usize::from(drawn.by) - 1;
    let bytes = match drawn.quality {
        Quality::Right => RIGHT[by],
        Quality::OverAnotherMessage => OTHER[by],
        Quality::Garbage => [drawn.by; 64],
    };
    Signature { key: IDS[usize::from(drawn.bears) - 1], bytes }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let quality = prop_oneof![
        6 => Just(Quality::Right),
        1 => Just(Quality::OverAnotherMessage),
        1 => Just(Quality::Garbage),
    ];
    let who = prop_oneof![6 => (1..=20_u8).prop_map(|n| (n, n)), 1 => (1..=20_u8, 1..=20_u8)];
    (who, quality).prop_map(|((bears, by), quality)| Drawn { bears, by, quality })
}

/// The rule, as short as it can be said: distinct members that signed this themselves.
fn model(members: &[u8], list: &[Drawn]) -> BTreeSet<KeyId> {
    list.iter()
        .filter(|one| one.quality == Quality::Right && one.bears == one.by)
        .filter(|one| members.contains(&one.by))
        .map(|one| IDS[usize::from(one.by) - 1])
        .collect()
}

proptest! {
    #![proptest_config(cases(1_024))]

    #[test]
    fn the_count_of_signers_is_that_of_the_model(
        members in subsequence((1..=16_u8).collect::<Vec<_>>(), 1..=16),
        threshold in 1..=16_usize,
        list in vec(drawn(), 0..20),
        order in vec(any::<u32>(), 40),
    ) {
        let need = threshold.min(members.len());
        let role = samples::role(u16::try_from(need).expect("at most 16"), &members);
        let message = [DOMAIN.as_bytes(), &[0], &NO_NETWORK, MESSAGE].concat();
        let expected = model(&members, &list);

        let signatures: Vec<Signature> = list.iter().map(real).collect();
        prop_assert_eq!(&threshold::signers(&role, &message, &signatures), &expected);
        let believed = threshold::require(&role, &message, &signatures);
        prop_assert_eq!(believed.is_ok(), expected.len() >= need);

        let twice = [&signatures[..], &signatures[..]].concat();
        let mut placed: Vec<_> = order.iter().zip(twice).collect();
        placed.sort_by_key(|(place, _)| *place);
        let reordered: Vec<Signature> = placed.into_iter().map(|(_, signature)| signature).collect();
        prop_assert_eq!(&threshold::signers(&role, &message, &reordered), &expected);
    }
}
