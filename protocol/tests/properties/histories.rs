//! Two heads, drawn with their signers: what they prove is what a model says, and no more.

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::{collection::vec, prelude::*, sample::subsequence};
use updraft_protocol::{
    ChannelBase, ChannelRole, Equivocation, Head, KeyId, NetworkId, PublicKey, Root, Signable,
    Signed, codec,
    equivocation::{Finding, ProvesNothing},
};

use crate::{
    cases,
    samples::{self, by_hand},
};

/// Keys that sign heads; those over 6 never have a role.
const SIGNERS: u8 = 8;

/// What a head is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kind {
    channel: &'static str,
    seq: u64,
    abroad: bool,
    variant: u8,
}

const fn kind(channel: &'static str, seq: u64, variant: u8) -> Kind {
    Kind { channel, seq, abroad: false, variant }
}

/// Most pairs of these contradict each other; some are of other numbers, channels or networks.
const KINDS: [Kind; 8] = [
    kind("stable", 2, 0),
    kind("stable", 2, 1),
    kind("stable", 2, 2),
    kind("stable", 3, 0),
    kind("beta", 2, 0),
    kind("nightly", 2, 0),
    kind("nightly", 2, 1),
    Kind { channel: "stable", seq: 2, abroad: true, variant: 0 },
];

/// A head's payload, and the signatures of keys 1 to 8 over it.
struct Made {
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

static MADE: LazyLock<Vec<Made>> = LazyLock::new(|| {
    let make = |kind: &Kind| {
        let network = if kind.abroad { NetworkId::from_bytes([9; 32]) } else { samples::NETWORK };
        let head = Head {
            network,
            channel: samples::name(kind.channel),
            seq: kind.seq,
            time: samples::NOW.plus(u64::from(kind.variant)),
            ..samples::head_2()
        };
        let payload = by_hand::head(&head);
        let sign = |n| by_hand::signature(n, Head::DOMAIN, network.as_bytes(), &payload);
        let signatures = (1..=SIGNERS).map(sign).collect();
        Made { payload, signatures }
    };
    KINDS.iter().map(make).collect()
});

static PUBLIC: LazyLock<Vec<PublicKey>> =
    LazyLock::new(|| (1..=SIGNERS).map(samples::public).collect());

/// One of the heads, and signatures: over which head, by whom.
#[derive(Debug, Clone)]
struct Side {
    head: usize,
    signatures: Vec<(usize, u8)>,
}

impl Side {
    fn signed(&self) -> Signed<Head> {
        let signature =
            |(head, by): &(usize, u8)| MADE[*head].signatures[usize::from(*by) - 1].clone();
        let signatures: Vec<_> = self.signatures.iter().map(signature).collect();
        let bytes = by_hand::signed(&MADE[self.head].payload, &signatures);
        codec::decode(&bytes).expect("well-formed")
    }

    fn signers(&self, members: &BTreeSet<u8>) -> BTreeSet<u8> {
        let own = self.signatures.iter().filter(|(over, _)| *over == self.head);
        own.map(|(_, by)| *by).filter(|by| members.contains(by)).collect()
    }
}

fn side() -> impl Strategy<Value = Side> {
    // Half of all heads are the two that contradict each other.
    let head = prop_oneof![1 => 0..2_usize, 1 => 0..KINDS.len()];
    let others = vec((0..KINDS.len(), 1..=SIGNERS), 0..3);
    let own = vec(1..=SIGNERS, 0..7);
    (head, own, others).prop_map(|(head, own, others)| {
        let own = own.into_iter().map(|by| (head, by));
        Side { head, signatures: own.chain(others).collect() }
    })
}

/// What a pair comes to.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Fork(BTreeSet<u8>),
    DoubleSigned(BTreeSet<u8>),
    OfAnotherNetwork,
    NoConflict,
    UnknownChannel,
    NoCulprit,
}

fn model(one: &Side, other: &Side, members: &BTreeSet<u8>, need: usize, base: u64) -> Verdict {
    let (a, b) = (KINDS[one.head], KINDS[other.head]);
    if a.abroad || b.abroad {
        return Verdict::OfAnotherNetwork;
    }
    if (a.channel, a.seq) != (b.channel, b.seq) {
        return Verdict::NoConflict;
    }
    if a.channel == "nightly" {
        return Verdict::UnknownChannel;
    }
    let (by_one, by_other) = (one.signers(members), other.signers(members));
    let both = &by_one & &by_other;
    let enough = by_one.len() >= need && by_other.len() >= need;
    let settled = a.channel == "stable" && a.seq <= base;
    match (enough && !settled, both.is_empty()) {
        (true, false) => Verdict::Fork(both),
        (true, true) => Verdict::Fork(&by_one | &by_other),
        (false, false) => Verdict::DoubleSigned(both),
        (false, true) => Verdict::NoCulprit,
    }
}

fn real(judged: Result<Finding, ProvesNothing>) -> Verdict {
    let numbers = |keys: BTreeSet<KeyId>| {
        let number = |id: &KeyId| PUBLIC.iter().position(|key| key.id() == *id);
        let at = |id: &KeyId| number(id).expect("one of ours") + 1;
        keys.iter().map(|id| u8::try_from(at(id)).expect("at most 8")).collect()
    };
    match judged {
        Ok(Finding::Fork { keys, .. }) => Verdict::Fork(numbers(keys)),
        Ok(Finding::DoubleSigned { keys, .. }) => Verdict::DoubleSigned(numbers(keys)),
        Err(ProvesNothing::Unverified(_)) => Verdict::OfAnotherNetwork,
        Err(ProvesNothing::NoConflict) => Verdict::NoConflict,
        Err(ProvesNothing::UnknownChannel(_)) => Verdict::UnknownChannel,
        Err(ProvesNothing::NoCulprit(_)) => Verdict::NoCulprit,
    }
}

/// A root whose `stable` begins at this number.
fn root(members: &BTreeSet<u8>, threshold: u16, base: u64) -> Root {
    let numbers: Vec<u8> = members.iter().copied().collect();
    let channel = |name| {
        let role = samples::role(threshold, &numbers);
        ChannelRole { channel: samples::name(name), role }
    };
    let head = (base > 0).then(|| samples::digest(b"where it goes on"));
    let base = ChannelBase { channel: samples::name("stable"), seq: base, head };
    Root {
        release: vec![channel("beta"), channel("stable")],
        channel_base: vec![base],
        ..samples::root_1()
    }
}

proptest! {
    #![proptest_config(cases(2_048))]

    #[test]
    fn two_heads_prove_what_the_model_says(
        one in side(),
        other in side(),
        members in subsequence((1..=6_u8).collect::<Vec<_>>(), 1..=6),
        threshold in 1..=6_u16,
        base in prop_oneof![3 => Just(0_u64), 1 => 1..4_u64],
    ) {
        prop_assume!(one.head != other.head);
        let members: BTreeSet<u8> = members.into_iter().collect();
        let threshold = threshold.min(u16::try_from(members.len()).expect("at most 6"));
        let root = root(&members, threshold, base);
        let expected = model(&one, &other, &members, usize::from(threshold), base);

        let proof = Equivocation::new(one.signed(), other.signed());
        prop_assert_eq!(&proof, &Equivocation::new(other.signed(), one.signed()));
        let bytes = codec::encode(&proof).expect("two different heads");
        let read: Equivocation = codec::decode(&bytes).expect("what was written");
        prop_assert_eq!(real(read.judge(&root)), expected);

        // A weak proof never goes by the name of a strong one: signers are part of it.
        let named = proof.heads().iter().any(|head| !head.signatures().is_empty());
        let unsigned = [&one, &other].map(|side| Side { signatures: Vec::new(), ..side.clone() });
        let [one, other] = unsigned.map(|side| side.signed());
        prop_assert_eq!(Equivocation::new(one, other).id() != proof.id(), named);
    }
}
