//! Attacks on what a head says beside its releases, on the stops of a manifest, and on the head that a root names.

use updraft_protocol::{
    Digest, Head, Manifest, MinSupported, NetworkId, Root, Signable, Withdrawn,
    limits::{MAX_BARRIERS, MAX_LISTINGS, MAX_REASON, MAX_WITHDRAWN},
};

use super::{
    Attack, followed,
    root::{after_head_2, new_keys},
    trust::{OTHER_NETWORK, by},
};
use crate::samples::{self, by_hand};

/// Rules of the lists in heads and manifests.
pub(super) fn of_rules() -> Vec<Attack> {
    let withdrawn = |name, manifests: Vec<Digest>, reason: &str| {
        let withdraw = |manifest| Withdrawn { manifest, reason: reason.to_owned() };
        let withdrawn = manifests.into_iter().map(withdraw).collect();
        Attack::alone(name, by_hand::head(&Head { withdrawn, ..samples::head_3() }))
    };
    let digest = |n: u8| Digest::from_bytes([n; 32]);
    let minimum = |name, components: &[String]| {
        let min = |text: &String| MinSupported {
            component: samples::name(text),
            version: samples::name("1.0.0"),
        };
        let min_supported = components.iter().map(min).collect();
        Attack::alone(name, by_hand::head(&Head { min_supported, ..samples::head_3() }))
    };
    let [a, b] = ["a", "b"].map(str::to_owned);
    let many: Vec<String> = (0..=MAX_LISTINGS).map(|n| format!("c{n:03}")).collect();
    let barriers = |name, versions: &[String]| {
        let barriers = versions.iter().map(|version| samples::name(version)).collect();
        Attack::alone(name, by_hand::manifest(&Manifest { barriers, ..samples::manifest() }))
    };
    let versions = |versions: &[&str]| versions.iter().map(|text| (*text).to_owned()).collect();
    let twice: Vec<String> = versions(&["1.0.5", "1.0.5"]);
    let many_versions: Vec<String> = (0..=MAX_BARRIERS).map(|n| format!("1.0.{n}")).collect();
    let on_offer = samples::head_3().releases[0].manifest;
    vec![
        Attack::alone("honest_head_that_withdraws", by_hand::head(&samples::head_3())),
        withdrawn("withdrawn_and_on_offer", vec![on_offer], ""),
        withdrawn("withdrawn_unsorted", vec![digest(2), digest(1)], ""),
        withdrawn("withdrawn_twice", vec![digest(1), digest(1)], ""),
        withdrawn("withdrawn_too_many", vec![digest(1); MAX_WITHDRAWN + 1], ""),
        withdrawn("withdrawn_for_too_long_a_reason", vec![digest(1)], &"r".repeat(MAX_REASON + 1)),
        minimum("minimum_versions_unsorted", &[b, a.clone()]),
        minimum("minimum_version_twice", &[a.clone(), a]),
        minimum("minimum_versions_too_many", &many),
        barriers("barriers_unsorted", &versions(&["1.0.9", "1.0.10", "1.0.2"])),
        barriers("barrier_twice", &twice),
        barriers("barrier_at_the_release", &versions(&["1.0.5", "1.1.0"])),
        barriers("barrier_above_the_release", &versions(&["1.1.1-rc.1"])),
        barriers("barriers_too_many", &many_versions),
    ]
}

/// On channels that begin where a root says.
pub(super) fn on_bases() -> Vec<Attack> {
    let three = || vec![samples::root_1(), samples::root_2(), samples::root_3()];
    let rescued = || vec![samples::root_1(), new_keys(after_head_2())];
    let attack = |name, roots: &[Root], before: Option<Vec<u8>>, offered: Vec<u8>| {
        let mut files = vec![("roots", followed(roots)), ("offered", offered)];
        files.extend(before.map(|head| ("before", head)));
        Attack { name, files }
    };
    let first = |name, offered| attack(name, &three(), None, offered);
    let sign = |head: &Head, keys: &[u8]| by(&by_hand::head(head), Head::DOMAIN, keys);
    let named = |name, offered: &Head| Attack {
        name,
        files: vec![
            ("roots", followed(&three())),
            ("named", Digest::of(&by_hand::head(&samples::head_2())).as_bytes().to_vec()),
            ("offered", sign(offered, &[11, 12, 13])),
        ],
    };
    let (head_2, head_3) = (samples::head_2(), samples::head_3());
    let past = Some(Digest::of(&by_hand::head(&head_3)));
    let head_4 = Head { seq: 4, prev: past, ..head_3.clone() };
    let forked = Head { releases: Vec::new(), ..head_2.clone() };
    let elsewhere = Head { prev: Some(Digest::of(b"another head")), ..head_3.clone() };
    let beta = |head: Head| Head { channel: samples::name("beta"), ..head };
    let end = Head { seq: 1 << 63, ..head_3.clone() };
    let abroad = |network: NetworkId| Head { network, ..samples::head_2() };
    vec![
        first("honest_base_that_nobody_signed", sign(&head_2, &[])),
        first("honest_head_after_a_base", sign(&head_3, &[11, 12])),
        attack(
            "honest_head_after_a_base_that_is_held",
            &three(),
            Some(sign(&head_2, &[])),
            sign(&head_3, &[11, 12]),
        ),
        first("head_other_than_the_base", sign(&forked, &[11, 12])),
        first("head_before_the_base", sign(&samples::head_1(), &[11, 12])),
        first("head_that_skips_one_after_the_base", sign(&head_4, &[11, 12])),
        first("head_after_another_base", sign(&elsewhere, &[11, 12])),
        first("honest_first_head_of_a_channel_begun_anew", sign(&beta(samples::head_1()), &[14])),
        first("head_of_the_past_of_a_channel_begun_anew", sign(&beta(samples::head_2()), &[14])),
        attack("honest_head_after_a_rescue", &rescued(), None, sign(&head_3, &[15, 17])),
        attack("head_by_thieves_after_a_rescue", &rescued(), None, sign(&head_3, &[11, 12, 13])),
        attack(
            "head_by_thieves_at_the_end_of_numbers",
            &rescued(),
            Some(sign(&head_2, &[])),
            sign(&end, &[11, 12, 13]),
        ),
        named("honest_head_by_its_name", &head_2),
        named("head_not_the_one_named", &forked),
        named("head_named_is_of_another_network", &abroad(OTHER_NETWORK)),
    ]
}
