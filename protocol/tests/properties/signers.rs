//! THE count of signers against a model of ten lines: drawn roles, revoked keys, and lists of signatures that are
//! good, bad, repeated, useless, or somebody else's.
//!
//! Keys and signatures are made once; only what is under test is done in every case.

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::{collection::vec, prelude::*, sample::subsequence};
use updraft_protocol::{
    Heartbeat, KeyId, PublicKey, Role, Signable, Signature, Signed, codec,
    signed::VerifyError,
    threshold::{self, Authority, ThresholdNotMet},
};

use crate::{
    cases,
    samples::{self, NETWORK, by_hand},
};

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

/// A role as somebody may wish for it, those of its keys that were taken back, and what signatures there are.
#[derive(Debug, Clone)]
struct Case {
    threshold: u16,
    keys: Vec<u8>,
    revoked: BTreeSet<u8>,
    signatures: Vec<Drawn>,
    again: Vec<Drawn>,
}

/// The rule, as short as it can be said. `None`: there is no such role.
fn model(case: &Case) -> Option<Result<BTreeSet<u8>, ThresholdNotMet>> {
    let members: BTreeSet<u8> = case.keys.iter().copied().collect();
    let need = usize::from(case.threshold);
    if need == 0 || need > members.len() || members.len() < case.keys.len() {
        return None;
    }
    let good = |one: &&Drawn| one.quality == Quality::Right && one.bears == one.by;
    let signed: BTreeSet<u8> = case.signatures.iter().filter(good).map(|one| one.by).collect();
    let signers = &(&signed & &members) - &case.revoked;
    let have = signers.len();
    Some(if have < need { Err(ThresholdNotMet { have, need }) } else { Ok(signers) })
}

const MESSAGE: &[u8] = b"what is signed";
/// Keys that roles are drawn from; those after them, to the last there is, are in none.
const MEMBERS: u8 = 16;
const OUTSIDERS: u8 = 20;

/// Everything there is about one key.
struct Known {
    public: PublicKey,
    id: KeyId,
    right: [u8; 64],
    over_another: [u8; 64],
}

/// Each key there is.
static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let sign = |n, payload: &[u8]| {
        let signature = by_hand::signature(n, "", &[0; 32], payload).split_off(32);
        signature.try_into().expect("64 bytes")
    };
    let known = |n| {
        let (public, another) = (samples::public(n), b"another message");
        Known { public, id: public.id(), right: sign(n, MESSAGE), over_another: sign(n, another) }
    };
    (1..=OUTSIDERS).map(known).collect()
});

fn known(n: u8) -> &'static Known {
    &KNOWN[usize::from(n) - 1]
}

fn real(drawn: &Drawn) -> Signature {
    let bytes = match drawn.quality {
        Quality::Right => known(drawn.by).right,
        Quality::OverAnotherMessage => known(drawn.by).over_another,
        Quality::Garbage => [drawn.by; 64],
    };
    Signature { key: known(drawn.bears).id, bytes }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let quality = prop_oneof![
        10 => Just(Quality::Right),
        1 => Just(Quality::OverAnotherMessage),
        1 => Just(Quality::Garbage),
    ];
    let one = || prop_oneof![8 => 1..=MEMBERS, 1 => 1..=OUTSIDERS];
    let who = prop_oneof![10 => one().prop_map(|n| (n, n)), 1 => (one(), one())];
    (who, quality).prop_map(|((bears, by), quality)| Drawn { bears, by, quality })
}

/// Mostly roles that there can be; some two in five of them are met.
fn case() -> impl Strategy<Value = Case> {
    let honest = subsequence((1..=MEMBERS).collect::<Vec<_>>(), 1..=16)
        .prop_flat_map(|keys| (1..=u16::try_from(keys.len()).expect("at most 16"), Just(keys)));
    let any_keys = (0..=17_u16, vec(1..=MEMBERS, 0..=17));
    let role = prop_oneof![8 => honest, 1 => any_keys];
    let revoked = prop_oneof![
        2 => Just(BTreeSet::new()),
        1 => proptest::collection::btree_set(1..=OUTSIDERS, 0..4),
    ];
    (role, revoked, vec(drawn(), 0..24))
        .prop_flat_map(|(role, revoked, signatures)| {
            let repeated = vec(0..signatures.len().max(1), 0..=signatures.len());
            (Just((role, revoked, signatures)), repeated)
        })
        .prop_flat_map(|((role, revoked, signatures), repeated)| {
            let repeated = repeated.into_iter().filter_map(|at| signatures.get(at).copied());
            let again: Vec<Drawn> = signatures.iter().copied().chain(repeated).collect();
            (Just((role, revoked, signatures)), Just(again).prop_shuffle())
        })
        .prop_map(|(((threshold, keys), revoked, signatures), again)| Case {
            threshold,
            keys,
            revoked,
            signatures,
            again,
        })
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn the_count_of_signers_is_that_of_the_model(case in case()) {
        let expected = model(&case);
        let publics = |keys: &[u8]| keys.iter().map(|n| known(*n).public).collect::<Vec<_>>();
        let role = Role::new(case.threshold, publics(&case.keys));
        prop_assert_eq!(role.is_ok(), expected.is_some());
        if let (Ok(role), Some(expected)) = (role, expected) {
            let expected = expected.map(|signers| signers.iter().map(|n| known(*n).id).collect());
            let message = [&[0_u8][..], &[0; 32], MESSAGE].concat();
            let revoked: BTreeSet<KeyId> = case.revoked.iter().map(|n| known(*n).id).collect();
            let authority = Authority::without(&role, &revoked);
            // As they came; and repeated, in another order, which changes nothing.
            for list in [&case.signatures, &case.again] {
                let signatures: Vec<Signature> = list.iter().map(real).collect();
                prop_assert_eq!(threshold::require(authority, &message, &signatures), expected.clone());
            }
            let left = case.keys.iter().filter(|n| !case.revoked.contains(n)).count();
            prop_assert_eq!(authority.can_be_met(), left >= role.threshold());
        }
    }
}

/// What one key says, and the signatures of keys 1 to 6 over it.
struct Said {
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

/// The heartbeats of keys 1 to 6.
static HEARTBEATS: LazyLock<Vec<Said>> = LazyLock::new(|| {
    let heartbeat = |n| {
        let by = known(n).id;
        let payload = by_hand::heartbeat(&Heartbeat { by, ..samples::heartbeat() });
        let sign = |n| by_hand::signature(n, Heartbeat::DOMAIN, NETWORK.as_bytes(), &payload);
        let signatures = (1..=6).map(sign).collect();
        Said { payload, signatures }
    };
    (1..=6).map(heartbeat).collect()
});

fn said_by(n: u8) -> &'static Said {
    &HEARTBEATS[usize::from(n) - 1]
}

proptest! {
    #![proptest_config(cases(1_024))]

    #[test]
    fn a_sentence_is_believed_if_its_own_key_signed_it_and_counts(
        speaker in 1..=6_u8,
        witnesses in subsequence((1..=6_u8).collect::<Vec<_>>(), 1..=6),
        revoked in subsequence((1..=6_u8).collect::<Vec<_>>(), 0..3),
        signers in vec((1..=6_u8, 1..=6_u8), 0..8),
    ) {
        // A signer signs what each key would say; only the signature over what is said here is good.
        let signature = |(over, by): &(u8, u8)| {
            said_by(*over).signatures[usize::from(*by) - 1].clone()
        };
        let signatures: Vec<_> = signers.iter().map(signature).collect();
        let bytes = by_hand::signed(&said_by(speaker).payload, &signatures);
        let signed: Signed<Heartbeat> = codec::decode(&bytes).expect("well-formed");
        let publics = witnesses.iter().map(|n| known(*n).public).collect();
        let role = Role::new(1, publics).expect("distinct keys");
        let taken_back = revoked.iter().map(|n| known(*n).id).collect();

        let believed = signed.verify_sentence(&NETWORK, Authority::without(&role, &taken_back));
        let counts = witnesses.contains(&speaker) && !revoked.contains(&speaker);
        if counts && signers.contains(&(speaker, speaker)) {
            let believed = believed.expect("its own key signed it");
            prop_assert_eq!(believed.signers(), &BTreeSet::from([known(speaker).id]));
        } else {
            prop_assert_eq!(believed, Err(VerifyError::Threshold(ThresholdNotMet { have: 0, need: 1 })));
        }
    }
}
