//! Attacks on trust: well-formed bytes that the wrong keys signed, or that stand in the wrong place.

use updraft_protocol::{Digest, Head, NetworkId, Root, Signable};

use super::{Attack, followed};
use crate::samples::{self, NETWORK, by_hand};

pub(super) const OTHER_NETWORK: NetworkId = NetworkId::from_bytes([0x6f; 32]);
/// The order of the group of Ed25519, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn head_by(signers: &[u8]) -> Vec<u8> {
    by(&by_hand::head(&samples::head_2()), Head::DOMAIN, signers)
}

pub(super) fn by(payload: &[u8], domain: &str, signers: &[u8]) -> Vec<u8> {
    in_network(payload, domain, &NETWORK, signers)
}

pub(super) fn in_network(
    payload: &[u8],
    domain: &str,
    network: &NetworkId,
    signers: &[u8],
) -> Vec<u8> {
    let sign = |n: &u8| by_hand::signature(*n, domain, network.as_bytes(), payload);
    by_hand::signed(payload, &signers.iter().map(sign).collect::<Vec<_>>())
}

/// Adds the group's order to the second half: the same signature to a careless verifier.
fn second_form(mut signature: Vec<u8>) -> Vec<u8> {
    let mut carry = 0_u16;
    for (byte, order) in signature[64..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    signature
}

/// On the count of signers, seen by somebody who trusts root 1: two of keys 11, 12, 13 sign for `stable`.
pub(super) fn on_signatures() -> Vec<Attack> {
    let attack = |name, offered| Attack::after_roots(name, &[samples::root_1()], offered);
    let payload = by_hand::head(&samples::head_2());
    let manifest = by_hand::manifest(&samples::manifest());
    let sign = |n| by_hand::signature(n, Head::DOMAIN, NETWORK.as_bytes(), &payload);
    let stolen_id = [&by_hand::key_id(12)[..], &sign(11)[32..]].concat();
    let elsewhere = by_hand::head(&Head { network: OTHER_NETWORK, ..samples::head_2() });
    let with_rest = [&payload[..], &[0]].concat();
    vec![
        attack("honest_head", head_by(&[11, 12])),
        attack("honest_head_with_useless_signatures", head_by(&[14, 11, 11, 1, 13])),
        attack("honest_manifest", by(&manifest, "updraft/manifest/v1", &[12, 13])),
        attack("signer_counts_twice", head_by(&[11, 11])),
        attack("signer_counts_twice_in_two_forms", {
            by_hand::signed(&payload, &[second_form(sign(11)), sign(11)])
        }),
        attack("signature_in_second_form", {
            by_hand::signed(&payload, &[sign(11), second_form(sign(12))])
        }),
        attack(
            "signature_under_the_id_of_another",
            by_hand::signed(&payload, &[sign(11), stolen_id]),
        ),
        attack("signature_of_nobody", head_by(&[])),
        attack("signature_by_too_few", head_by(&[13])),
        attack("signature_by_root_keys", head_by(&[1, 2, 3])),
        attack("signature_by_another_channel", head_by(&[11, 14])),
        attack("signature_for_a_head_on_a_manifest", by(&manifest, Head::DOMAIN, &[11, 12])),
        attack(
            "signature_for_a_manifest_on_a_head",
            by(&payload, "updraft/manifest/v1", &[11, 12]),
        ),
        attack("signature_without_domain", by(&payload, "", &[11, 12])),
        attack("signature_for_another_network", {
            in_network(&payload, Head::DOMAIN, &OTHER_NETWORK, &[11, 12])
        }),
        attack("head_of_another_network", {
            in_network(&elsewhere, Head::DOMAIN, &OTHER_NETWORK, &[11, 12])
        }),
        attack("signed_bytes_after_the_end", by(&with_rest, Head::DOMAIN, &[11, 12])),
        attack("signatures_too_many", head_by(&[11; 33])),
    ]
}

fn root_3() -> Root {
    let past = Some(Digest::of(&by_hand::root(&samples::root_2())));
    Root { version: 3, prev: past, ..samples::root_2() }
}

/// On the chain of roots: root 1 knows keys 1, 2, 3; root 2 knows 2, 3, 4; two sign.
pub(super) fn on_roots() -> Vec<Attack> {
    let by = |root: &Root, signers: &[u8]| {
        in_network(&by_hand::root(root), Root::DOMAIN, &root.network, signers)
    };
    let after_1 = |name, offered| Attack::after_roots(name, &[samples::root_1()], offered);
    let after_2 =
        |name, offered| Attack::after_roots(name, &[samples::root_1(), samples::root_2()], offered);
    let first = |name, named: &Root, offered| Attack {
        name,
        files: vec![
            ("named", Digest::of(&by_hand::root(named)).as_bytes().to_vec()),
            ("offered", offered),
        ],
    };
    let root_1 = samples::root_1();
    let root_2 = samples::root_2();
    let taken_over = Root { root: samples::role(2, &[4, 5, 6]), ..root_2.clone() };
    let forked = Root { prev: Some(Digest::of(b"another root")), ..root_2.clone() };
    let elsewhere = Root { network: OTHER_NETWORK, ..root_2.clone() };
    vec![
        first("honest_first_root", &root_1, by(&root_1, &[1, 3])),
        first("root_not_the_one_named", &root_2, by(&root_1, &[1, 3])),
        first("root_named_is_not_the_first", &root_2, by(&root_2, &[2, 3])),
        first("root_named_is_signed_by_nobody", &root_1, by(&root_1, &[])),
        Attack {
            name: "root_named_is_no_root",
            files: vec![
                ("named", Digest::of(b"no root").as_bytes().to_vec()),
                ("offered", by_hand::signed(b"no root", &[])),
            ],
        },
        after_1("honest_next_root", by(&root_2, &[1, 2, 3])),
        after_1("root_that_skips_one", by(&root_3(), &[2, 3])),
        after_1("root_by_old_keys_only", by(&taken_over, &[1, 2, 3])),
        after_1("root_by_own_keys_only", by(&taken_over, &[4, 5, 6])),
        after_1("root_by_one_key_of_each", by(&taken_over, &[3, 4])),
        after_1("root_signer_counts_twice", by(&root_2, &[3, 3])),
        after_1("root_with_another_past", by(&forked, &[2, 3])),
        after_1("root_of_another_network", by(&elsewhere, &[2, 3])),
        after_2("root_rolled_back", by(&root_1, &[2, 3])),
        after_2("root_again", by(&root_2, &[2, 3])),
    ]
}

/// On the chain of heads, all of them signed as they should be.
pub(super) fn on_heads() -> Vec<Attack> {
    let attack = |name, before: Option<&Head>, offered: &Head| {
        let sign = |head: &Head| by(&by_hand::head(head), Head::DOMAIN, &[11, 12]);
        let mut files = vec![("roots", followed(&[samples::root_1()])), ("offered", sign(offered))];
        files.extend(before.map(|head| ("before", sign(head))));
        Attack { name, files }
    };
    let (head_1, head_2) = (samples::head_1(), samples::head_2());
    let past = Some(Digest::of(&by_hand::head(&head_2)));
    let head_3 = Head { seq: 3, prev: past, ..head_2.clone() };
    let forked = Head { releases: Vec::new(), ..head_2.clone() };
    let rewritten = Head { prev: Some(Digest::of(b"another head")), ..head_2.clone() };
    vec![
        attack("honest_first_head", None, &head_1),
        attack("honest_next_head", Some(&head_1), &head_2),
        attack("head_before_all_others", None, &head_2),
        attack("head_again", Some(&head_2), &head_2),
        attack("head_rolled_back", Some(&head_2), &head_1),
        attack("head_forked", Some(&head_2), &forked),
        attack("head_that_skips_one", Some(&head_1), &head_3),
        attack(
            "head_that_skips_to_the_end",
            Some(&head_1),
            &Head { seq: u64::MAX, ..head_3.clone() },
        ),
        attack("head_with_another_past", Some(&head_1), &rewritten),
    ]
}
