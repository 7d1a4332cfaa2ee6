//! Attacks with proofs: pairs of heads that accuse keys, or a whole channel, of what they have not done.

use updraft_protocol::{ChannelBase, Head, Signable};

use super::{
    Attack,
    trust::{OTHER_NETWORK, by, in_network},
};
use crate::samples::{self, by_hand};

/// A head and who signed it, as bytes.
struct Side {
    payload: Vec<u8>,
    signed: Vec<u8>,
}

fn side(head: &Head, signers: &[u8]) -> Side {
    let payload = by_hand::head(head);
    let signed = in_network(&payload, Head::DOMAIN, &head.network, signers);
    Side { payload, signed }
}

fn proof(sides: [Side; 2]) -> Vec<u8> {
    by_hand::equivocation(sides.map(|side| (side.payload, side.signed)))
}

/// Another second head of `stable`.
fn other() -> Head {
    Head { releases: Vec::new(), ..samples::head_2() }
}

/// Seen by somebody who trusts root 1: two of keys 11, 12, 13 sign for `stable`.
pub(super) fn on_channels() -> Vec<Attack> {
    let attack = |name, sides| Attack::after_roots(name, &[samples::root_1()], proof(sides));
    let pair = |name, one: &[u8], two: &[u8]| {
        attack(name, [side(&samples::head_2(), one), side(&other(), two)])
    };
    let both = |name, change: &dyn Fn(Head) -> Head| {
        let sides = [samples::head_2(), other()].map(|head| side(&change(head), &[11, 12, 13]));
        attack(name, sides)
    };
    let mut four_keys = samples::root_1();
    four_keys.release[1].role = samples::role(2, &[11, 12, 13, 15]);
    let later = |keys: &[u8], seq: u64, head: &Head| {
        let mut root = samples::root_1();
        root.release[1].role = samples::role(2, keys);
        let head = Some(samples::digest(&by_hand::head(head)));
        root.channel_base = vec![ChannelBase { channel: samples::name("stable"), seq, head }];
        root
    };
    let settled = |name, root| {
        Attack::after_roots(name, &[root], {
            proof([side(&samples::head_2(), &[11, 12, 13]), side(&other(), &[11, 12, 13])])
        })
    };
    let sign_head_2 = |n| {
        let payload = by_hand::head(&samples::head_2());
        by_hand::signature(n, Head::DOMAIN, samples::NETWORK.as_bytes(), &payload)
    };
    vec![
        pair("honest_fork", &[11, 12], &[12, 13]),
        Attack::after_roots("honest_fork_by_keys_that_share_none", &[four_keys], {
            proof([side(&samples::head_2(), &[11, 12]), side(&other(), &[13, 15])])
        }),
        pair("honest_double_signer", &[11, 12], &[12]),
        pair("honest_double_signer_who_signs_twice", &[11, 12], &[12, 12, 14, 1]),
        settled("honest_fork_that_a_root_has_settled", later(&[12, 13, 15], 2, &samples::head_2())),
        settled(
            "honest_fork_settled_by_a_base_alone",
            later(&[11, 12, 13, 15], 2, &samples::head_2()),
        ),
        settled("honest_fork_after_the_base", later(&[12, 13, 15], 1, &samples::head_1())),
        pair("proof_of_keys_that_share_none", &[11, 12], &[13]),
        pair("proof_signed_by_nobody", &[], &[]),
        pair("proof_signed_by_other_roles", &[1, 2, 14], &[1, 2, 14]),
        attack("proof_with_signatures_of_the_other_head", {
            let payload = by_hand::head(&other());
            let signed = by_hand::signed(&payload, &[11, 12].map(sign_head_2));
            [side(&samples::head_2(), &[11, 12]), Side { payload, signed }]
        }),
        attack("proof_with_signatures_for_manifests", {
            let payload = by_hand::head(&other());
            let signed = by(&payload, "updraft/manifest/v1", &[11, 12]);
            [side(&samples::head_2(), &[11, 12]), Side { payload, signed }]
        }),
        attack("proof_of_two_numbers", {
            [side(&samples::head_2(), &[11, 12]), side(&samples::head_3(), &[11, 12])]
        }),
        attack("proof_of_two_channels", {
            let beta = Head { channel: samples::name("beta"), ..samples::head_2() };
            [side(&samples::head_2(), &[11, 12]), side(&beta, &[11, 12])]
        }),
        both("proof_of_an_unknown_channel", &|head| Head {
            channel: samples::name("nightly"),
            ..head
        }),
        both("proof_of_another_network", &|head| Head { network: OTHER_NETWORK, ..head }),
        attack("proof_with_a_head_of_another_network", {
            let abroad = Head { network: OTHER_NETWORK, ..samples::head_2() };
            [side(&samples::head_2(), &[11, 12]), side(&abroad, &[11, 12])]
        }),
        attack("proof_with_no_head", {
            let payload = b"no head".to_vec();
            let signed = by(&payload, Head::DOMAIN, &[11, 12]);
            [side(&samples::head_2(), &[11, 12]), Side { payload, signed }]
        }),
    ]
}

/// Pairs that are none.
pub(super) fn of_pairs() -> Vec<Attack> {
    let mut sides = [samples::head_2(), other()].map(|head| side(&head, &[11, 12]));
    sides.sort_by_key(|side| *samples::digest(&side.payload).as_bytes());
    let [first, second] = sides.map(|side| side.signed);
    let too_many = by_hand::signed(b"a head", &vec![vec![7; 96]; 33]);
    vec![
        Attack::alone("honest_pair_of_heads", [&first[..], &second].concat()),
        Attack::alone("proof_in_the_wrong_order", [&second[..], &first].concat()),
        Attack::alone("proof_of_one_head", [&first[..], &first].concat()),
        Attack::alone("proof_of_one_head_signed_by_others", {
            let [one, two] = [[11, 12], [12, 13]].map(|keys| side(&other(), &keys).signed);
            [one, two].concat()
        }),
        Attack::alone("proof_with_too_many_signatures", [&first[..], &too_many].concat()),
    ]
}
