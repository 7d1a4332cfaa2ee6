//! Attacks on what a root says: rules of its lists, and what the next root must not forget.

use updraft_protocol::{
    ChannelBase, ChannelRole, Digest, Elector, Electorate, RevokedKey, Root, Signable,
    limits::{MAX_CHANNELS, MAX_COUNTED, MAX_ELECTORS, MAX_REASON, MAX_REVOKED_KEYS},
};

use super::{Attack, trust::by};
use crate::samples::{self, NOW, by_hand};

fn attack(name: &'static str, root: Root) -> Attack {
    Attack::alone(name, by_hand::root(&root))
}

fn revoked(n: u8) -> RevokedKey {
    RevokedKey { key: samples::public(n).id(), reason: "stolen".to_owned(), since: NOW }
}

/// Rules of single roles, of the electorate, and of keys that were taken back.
pub(super) fn of_roles() -> Vec<Attack> {
    let root = samples::root_3;
    let electorate = |name, change: fn(&mut Vec<Elector>)| {
        let mut electors = root().electorate.expect("it has one").electors;
        change(&mut electors);
        attack(name, Root { electorate: Some(Electorate { epoch: 7, electors }), ..root() })
    };
    let taken_back = |name, change: &dyn Fn(&mut Vec<RevokedKey>)| {
        let mut keys = root().revoked;
        change(&mut keys);
        attack(name, Root { revoked: keys, ..root() })
    };
    let also_revoked = |name, n| {
        taken_back(name, &|keys| {
            keys.push(revoked(n));
            keys.sort_by_key(|revoked| revoked.key);
        })
    };
    vec![
        attack("honest_root_with_every_role", root()),
        attack("brake_threshold_of_two", {
            Root { brake: Some(samples::role(2, &[31, 32])), ..root() }
        }),
        attack("builder_threshold_of_two", {
            Root { builder: Some(samples::role(2, &[41, 42])), ..root() }
        }),
        electorate("electorate_of_nobody", Vec::clear),
        electorate("electorate_with_a_vote_of_no_weight", |electors| electors[0].weight = 0),
        electorate("electorate_with_a_key_twice", |electors| electors[1].key = electors[0].key),
        electorate("electorate_unsorted", |electors| electors.reverse()),
        electorate("electorate_too_large", |electors| {
            *electors = vec![electors[0].clone(); MAX_ELECTORS + 1];
        }),
        also_revoked("revoked_key_is_a_root_key", 2),
        also_revoked("revoked_key_is_a_release_key", 14),
        also_revoked("revoked_key_is_a_witness", 21),
        also_revoked("revoked_key_is_a_brake", 31),
        also_revoked("revoked_key_is_a_builder", 41),
        also_revoked("revoked_key_is_an_elector", 51),
        taken_back("revoked_keys_unsorted", &|keys| keys.reverse()),
        taken_back("revoked_key_twice", &|keys| keys[1] = keys[0].clone()),
        taken_back("revoked_keys_too_many", &|keys| {
            *keys = vec![revoked(6); MAX_REVOKED_KEYS + 1];
        }),
        taken_back("revoked_for_too_long_a_reason", &|keys| {
            keys[0].reason = "r".repeat(MAX_REASON + 1);
        }),
    ]
}

/// Rules of the votes that go on counting.
pub(super) fn of_counts() -> Vec<Attack> {
    let root = samples::root_4();
    let [one, other] = [0, 1].map(|at: usize| root.counts[at]);
    let counts = |name, counts| attack(name, Root { counts, ..root.clone() });
    let many = (0..=MAX_COUNTED).map(|n| Digest::of(&n.to_le_bytes())).collect();
    vec![
        attack("honest_root_that_counts_former_votes", root.clone()),
        counts("counts_unsorted", vec![other, one]),
        counts("counts_twice", vec![one, one]),
        counts("counts_too_many", many),
        attack("counts_in_a_first_root", {
            let electorate = root.electorate.clone();
            Root { electorate, counts: vec![one], ..samples::root_1() }
        }),
        attack("counts_without_an_electorate", Root { counts: vec![one], ..samples::root_2() }),
    ]
}

/// Rules of channels and of the heads that they go on from.
pub(super) fn of_channels() -> Vec<Attack> {
    let root = samples::root_3();
    let bases = |name, channel_base| attack(name, Root { channel_base, ..root.clone() });
    let base =
        |channel: &str, seq, head| vec![ChannelBase { channel: samples::name(channel), seq, head }];
    let [beta, stable] = [0, 1].map(|at: usize| root.channel_base[at].clone());
    let channel = |n: usize| {
        let channel = samples::name(&format!("c{n:02}"));
        ChannelRole { channel, role: samples::role(1, &[14]) }
    };
    let many = (0..=MAX_CHANNELS).map(channel).collect();
    vec![
        attack("channels_too_many", {
            Root { release: many, channel_base: Vec::new(), ..root.clone() }
        }),
        bases("base_zero_with_a_head", base("stable", 0, Some(Digest::of(b"a head")))),
        bases("base_without_a_head", base("stable", 2, None)),
        bases("base_of_an_unknown_channel", base("nightly", 0, None)),
        bases("base_twice", vec![stable.clone(), stable.clone()]),
        bases("bases_unsorted", vec![stable, beta.clone()]),
        bases("bases_too_many", vec![beta; MAX_CHANNELS + 1]),
    ]
}

/// A second root that takes `stable` away from its keys: 15, 16 and 17 publish, from the head that is named.
pub(super) fn new_keys(channel_base: Vec<ChannelBase>) -> Root {
    let mut release = samples::root_2().release;
    release[1].role = samples::role(2, &[15, 16, 17]);
    Root { release, channel_base, ..samples::root_2() }
}

/// Where `stable` goes on after head 2.
pub(super) fn after_head_2() -> Vec<ChannelBase> {
    samples::root_3().channel_base.split_off(1)
}

/// What the next root must keep: revocations, and a beginning for every channel that needs one.
pub(super) fn on_what_is_kept() -> Vec<Attack> {
    let signed = |root: Root| by(&by_hand::root(&root), Root::DOMAIN, &[2, 3]);
    let after_1 = |name, root: Root| Attack::after_roots(name, &[samples::root_1()], signed(root));
    let three = [samples::root_1(), samples::root_2(), samples::root_3()];
    let after_3 = |name, root: Root| Attack::after_roots(name, &three, signed(root));
    let past = Some(Digest::of(&by_hand::root(&three[2])));
    let root_4 = Root { version: 4, prev: past, ..three[2].clone() };
    let key_1 = samples::public(1).id();
    let without_key_1 = || {
        let kept = root_4.revoked.iter().filter(|revoked| revoked.key != key_1);
        kept.cloned().collect()
    };
    let mut more = root_4.revoked.clone();
    more.push(revoked(6));
    more.sort_by_key(|revoked| revoked.key);
    let mut lower = samples::root_2();
    lower.release[1].role = samples::role(1, &[11, 12, 13]);
    let anew = ChannelBase { seq: 0, head: None, ..after_head_2().remove(0) };
    let mut attacks = of_what_counts();
    attacks.extend([
        after_3("honest_root_that_revokes_one_more", Root { revoked: more, ..root_4.clone() }),
        after_3("root_that_forgets_a_revocation", {
            Root { revoked: without_key_1(), ..root_4.clone() }
        }),
        after_3("root_that_lets_a_revoked_key_back_in", {
            let root = samples::role(2, &[1, 2, 3]);
            Root { revoked: without_key_1(), root, ..root_4.clone() }
        }),
        after_3("root_that_drops_a_base", {
            Root { channel_base: vec![root_4.channel_base[0].clone()], ..root_4.clone() }
        }),
        after_3("root_that_drops_a_channel", {
            let (release, channel_base) =
                (vec![root_4.release[0].clone()], vec![root_4.channel_base[0].clone()]);
            Root { release, channel_base, ..root_4.clone() }
        }),
        after_3("honest_root_with_other_electors", samples::root_4()),
        after_3("root_that_drops_its_electorate", Root { electorate: None, ..root_4.clone() }),
        after_3("root_with_other_electors_under_an_old_number", {
            let electorate = Electorate { epoch: 7, ..samples::electorate() };
            Root { electorate: Some(electorate), ..root_4.clone() }
        }),
        after_3("root_whose_electorate_goes_back", {
            let electorate = Electorate { epoch: 6, ..samples::electorate() };
            Root { electorate: Some(electorate), ..root_4.clone() }
        }),
        after_1("root_with_new_keys_and_no_base", new_keys(Vec::new())),
        after_1("root_with_a_new_threshold_and_no_base", lower),
        after_1("honest_root_with_new_keys_and_a_base", new_keys(after_head_2())),
        after_1("honest_root_whose_channel_begins_anew", new_keys(vec![anew])),
    ]);
    attacks
}

/// The fifth root, and the votes that the fourth counts.
fn of_what_counts() -> Vec<Attack> {
    let before = [samples::root_1(), samples::root_2(), samples::root_3(), samples::root_4()];
    let prev = Some(Digest::of(&by_hand::root(&before[3])));
    let root_5 = Root { version: 5, prev, ..before[3].clone() };
    let after_4 = |name, counts: Vec<Digest>| {
        let root = Root { counts, ..root_5.clone() };
        Attack::after_roots(name, &before, by(&by_hand::root(&root), Root::DOMAIN, &[2, 3]))
    };
    let mut more = root_5.counts.clone();
    more.push(samples::digest(b"decided by electorate 8"));
    more.sort();
    let mut another = root_5.counts.clone();
    another[0] = samples::digest(b"never decided");
    another.sort();
    vec![
        after_4("honest_root_that_counts_one_more", more),
        after_4("root_that_uncounts_a_vote", vec![root_5.counts[0]]),
        after_4("root_that_uncounts_every_vote", Vec::new()),
        after_4("root_that_counts_another_vote_instead", another),
    ]
}
