//! What somebody should look at in a network's keys: recommendations, not rules. Pure.

use std::collections::{BTreeMap, BTreeSet};

use updraft_protocol::{
    ChannelBase, ChannelName, Head, KeyId, Manifest, NetworkKind, OperatorName, Role, Root, Signed,
    Timestamp,
    limits::MAX_COUNTED,
    vote::{Fraction, Rules, Weights},
};

use super::{lifetime::Lifetime, sign::name_of};

/// Votes of former electors from which on people are told that there is an end.
const MANY_COUNTED: usize = MAX_COUNTED / 4 * 3;

/// A release on offer and the signatures it carries.
#[derive(Debug, Clone)]
pub struct Offered {
    /// Where.
    pub channel: ChannelName,
    /// As it was signed.
    pub manifest: Signed<Manifest>,
    /// `demo@1.0.0`.
    pub name: String,
}

/// What is known of a network.
#[derive(Debug)]
pub struct Picture<'a> {
    /// The root in force.
    pub root: &'a Root,
    /// The newest head of each channel.
    pub heads: &'a [Head],
    /// What they list, as far as it is held.
    pub offered: &'a [Offered],
    /// What people call keys.
    pub names: &'a BTreeMap<KeyId, String>,
    /// Now.
    pub now: Timestamp,
}

/// One recommendation a line; none if all is as it should be.
pub fn review(picture: &Picture<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    thresholds(picture, &mut lines);
    shared_keys(picture, &mut lines);
    witnesses(picture, &mut lines);
    lines.extend(of_electorate(picture.root));
    lines.extend(of_counts(picture.root));
    ends(picture, &mut lines);
    bases(picture, &mut lines);
    signatures(picture, &mut lines);
    lines
}

fn thresholds(picture: &Picture<'_>, lines: &mut Vec<String>) {
    let root = picture.root;
    if root.kind == NetworkKind::Development {
        lines.push(
            "this is a DEV NETWORK: its keys are unprotected, found another to rely on".into(),
        );
    }
    for (name, role) in root.roles() {
        let (need, all) = (role.threshold(), role.keys().len());
        if need == all && need > 1 {
            lines.push(format!(
                "{name} needs all of its {all} keys: one that is lost stops it; add a spare one"
            ));
        }
    }
    if root.root.keys().len() == 1 {
        lines.push("root has one key: losing it ends the network; add keys".into());
    }
    let stable = root.release.iter().find(|entry| entry.channel.as_str() == "stable");
    if stable.is_some_and(|entry| entry.role.threshold() == 1) {
        lines.push(
            "release:stable needs one signature: one stolen key can publish; ask for two".into(),
        );
    }
}

fn shared_keys(picture: &Picture<'_>, lines: &mut Vec<String>) {
    let mut held: BTreeMap<KeyId, BTreeSet<String>> = BTreeMap::new();
    for (name, role) in picture.root.roles() {
        // The channels of one publisher are one duty.
        let name = match name {
            updraft_protocol::RoleName::Release(_) => "release".to_owned(),
            other => other.to_string(),
        };
        for key in role.keys() {
            held.entry(key.id()).or_default().insert(name.clone());
        }
    }
    for (id, roles) in held.iter().filter(|(_, roles)| roles.len() > 1) {
        let roles = roles.iter().cloned().collect::<Vec<_>>().join(" and ");
        let key = name_of(id, picture.names);
        lines.push(format!("{key} is in {roles}: whoever steals it has both; use two keys"));
    }
    for (id, _) in held {
        // `init --dev` calls its one key so.
        let is_dev = picture.names.get(&id).is_some_and(|name| name == "dev");
        if is_dev && picture.root.kind == NetworkKind::Production {
            lines
                .push("the key `dev` is still in a role: it was made for trying things out".into());
        }
    }
}

/// How many witnesses may lie before two histories of a channel can both look fresh: of k needed and n there are,
/// 2k − n have to speak for both.
pub fn liars_borne(witness: &Role) -> usize {
    (2 * witness.threshold()).saturating_sub(witness.keys().len()).saturating_sub(1)
}

/// What to say of witnesses none of which may lie; `None` if one may.
pub fn of_witnesses(witness: &Role) -> Option<String> {
    let (need, all) = (witness.threshold(), witness.keys().len());
    (liars_borne(witness) == 0).then(|| {
        format!(
            "with {need} of {all} witnesses not one may lie: it could make two histories look fresh; 3 of 4 bear one \
             that lies, and one that is silent"
        )
    })
}

fn witnesses(picture: &Picture<'_>, lines: &mut Vec<String>) {
    lines.extend(picture.root.witness.as_ref().and_then(of_witnesses));
}

/// What to say of an electorate: that it cannot decide, or that it hangs by one operator. A development network's one
/// operator may have all votes.
pub fn of_electorate(root: &Root) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(electorate) = root.electorate.as_ref() else { return lines };
    if root.kind == NetworkKind::Development {
        return lines;
    }
    let rules = Rules::of(root.kind);
    let (weights, share) = (Weights::of(electorate, &rules), rules.operator_share.max(1));
    let mut operators: BTreeMap<&OperatorName, (u64, Vec<KeyId>)> = BTreeMap::new();
    for elector in &electorate.electors {
        let (weight, keys) = operators.entry(&elector.operator).or_default();
        *weight += u64::from(elector.weight);
        keys.push(elector.key.id());
    }
    let total = electorate.total_weight();
    for (operator, (weight, _)) in &operators {
        // Compared as the count does it: in parts, without rounding.
        if u128::from(*weight) * u128::from(share) > u128::from(total) {
            lines.push(format!(
                "operator {operator} has {weight} of {total} votes, and no operator counts more than 1/{share}: what is \
                 above that counts for nobody"
            ));
        }
    }
    if operators.len() < 3 {
        let few = operators.len();
        lines.push(format!(
            "the electorate has {few} operators: fewer than three are no vote, find others"
        ));
    }
    // No proposal may ask for less.
    let decides = |weight| Fraction::TWO_THIRDS.is_less_than(weight, weights.total());
    if !decides(weights.count(&BTreeMap::new()).possible) {
        lines.push(format!(
            "the electorate can decide nothing: even if all agree, what counts of their votes is not more than 2/3 of \
             {total}; spread the weight over more operators, five or more with 1/{share} each"
        ));
        return lines;
    }
    for silent in operators.keys() {
        let others = operators.iter().filter(|(operator, _)| *operator != silent);
        if !decides(weights.together(others.flat_map(|(_, (_, keys))| keys))) {
            lines.push(format!(
                "nothing can be decided without operator {silent}: one that is silent stops every vote; spread the weight"
            ));
        }
    }
    lines
}

/// What to say of the votes that the root counts; `None` as long as there is room for more.
fn of_counts(root: &Root) -> Option<String> {
    let counts = root.counts.len();
    (counts >= MANY_COUNTED).then(|| {
        format!(
            "root {} counts {counts} votes of former electors, and no root counts more than {MAX_COUNTED}: change the \
             electorate only when nothing is open, and less often",
            root.version
        )
    })
}

/// Channels that the root put somewhere, where nobody has signed since.
fn bases(picture: &Picture<'_>, lines: &mut Vec<String>) {
    let version = picture.root.version;
    for ChannelBase { channel, seq, .. } in &picture.root.channel_base {
        let newest = picture.heads.iter().find(|head| head.channel == *channel);
        match newest.map(|head| head.seq) {
            None if *seq == 0 => lines.push(format!(
                "{channel} begins anew because root {version} says so, with nothing on offer: publish its next release"
            )),
            Some(newest) if newest == *seq => lines.push(format!(
                "{channel} goes on from head {seq} because root {version} says so, and no head came after it: sign \
                 one with `updraft publish --refresh --channel {channel}`"
            )),
            None | Some(_) => {}
        }
    }
}

fn ends(picture: &Picture<'_>, lines: &mut Vec<String>) {
    let mut look =
        |what: String, issued: Timestamp, expires: Timestamp, how: &str| match Lifetime::of(
            issued,
            expires,
            picture.now,
        ) {
            Lifetime::Long => {}
            Lifetime::Ending => {
                lines.push(format!(
                    "{what} ends at {expires}, less than a third of its time is left: {how}"
                ));
            }
            Lifetime::Over => lines.push(format!("{what} ended at {expires}: {how}")),
        };
    let root = picture.root;
    let next = "`updraft root begin -m renew`";
    look(format!("root {}", root.version), root.issued, root.expires, next);
    for head in picture.heads {
        let how = format!("`updraft publish --refresh --channel {}`", head.channel);
        look(format!("head {} of {}", head.seq, head.channel), head.time, head.expires, &how);
    }
}

fn signatures(picture: &Picture<'_>, lines: &mut Vec<String>) {
    for Offered { channel, manifest, name } in picture.offered {
        let Some(role) = picture.root.release_role(channel) else { continue };
        let (have, need) = (manifest.signers(&picture.root.network, role).len(), role.threshold());
        if have < need {
            lines.push(format!(
                "{name} on {channel} has {have} of {need} signatures of today's keys: sign it again \
                 with `updraft publish --refresh --channel {channel}`"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{
        Digest, Elector, Electorate, NetworkId, PublicKey, Role, SecretKey, root::trust_first,
    };

    use super::*;
    use crate::publish::founding::{Holders, first_root};

    const ISSUED: Timestamp = Timestamp::from_seconds(1_000);

    fn public(n: u8) -> PublicKey {
        SecretKey::from_seed(&[n; 32]).public()
    }

    fn root(kind: NetworkKind, root: (u16, &[u8]), release: (u16, &[u8])) -> Root {
        let holders = |(threshold, keys): (u16, &[u8])| Holders {
            threshold,
            keys: keys.iter().map(|n| public(*n)).collect(),
        };
        let signers: Vec<_> = root.1.iter().map(|n| SecretKey::from_seed(&[*n; 32])).collect();
        let name = "demo".parse().expect("a name");
        let (network, root, release) =
            (NetworkId::from_bytes([1; 32]), holders(root), holders(release));
        let signed = first_root(network, name, kind, root, release, &signers, ISSUED);
        let signed = signed.expect("a root");
        trust_first(&signed, &signed.digest()).expect("trusted").into_inner()
    }

    fn lines(root: &Root, names: &BTreeMap<KeyId, String>, now: Timestamp) -> String {
        review(&Picture { root, heads: &[], offered: &[], names, now }).join("\n")
    }

    /// Head 4 of a channel, which ends after half a minute.
    fn head(root: &Root, channel: &str) -> Head {
        Head {
            network: root.network,
            channel: channel.parse().expect("a channel"),
            seq: 4,
            prev: Some(Digest::of(b"3")),
            time: ISSUED,
            expires: ISSUED.plus(30),
            releases: Vec::new(),
            withdrawn: Vec::new(),
            min_supported: Vec::new(),
        }
    }

    #[test]
    fn a_network_as_it_should_be_is_recommended_nothing() {
        let good = root(NetworkKind::Production, (2, &[1, 2, 3]), (2, &[4, 5, 6]));
        assert_eq!(lines(&good, &BTreeMap::new(), ISSUED), "");
    }

    #[test]
    fn each_weakness_is_named() {
        let names = BTreeMap::from([(public(1).id(), "dev".to_owned())]);
        let dev = root(NetworkKind::Development, (1, &[1]), (1, &[1]));
        let said = lines(&dev, &names, ISSUED);
        for part in [
            "DEV NETWORK",
            "root has one key",
            "release:stable needs one signature",
            "dev is in release and root",
        ] {
            assert!(said.contains(part), "{part} in\n{said}");
        }
        let mut tight = root(NetworkKind::Production, (1, &[1, 2]), (2, &[4, 5]));
        tight.witness = Some(Role::new(2, vec![public(6), public(7)]).expect("a role"));
        let said = lines(&tight, &names, ISSUED);
        for part in [
            "release:stable needs all of its 2 keys",
            "witness needs all of its 2 keys",
            "`dev` is still in a role",
        ] {
            assert!(said.contains(part), "{part} in\n{said}");
        }
    }

    #[test]
    fn a_root_that_counts_many_votes_is_said_to_have_little_room() {
        let mut network = root(NetworkKind::Development, (1, &[1]), (1, &[1]));
        let counted = |n: usize| (0..n).map(|n| Digest::of(&n.to_le_bytes())).collect();
        network.counts = counted(MANY_COUNTED - 1);
        assert!(!lines(&network, &BTreeMap::new(), ISSUED).contains("former electors"));
        network.counts = counted(MANY_COUNTED);
        let said = lines(&network, &BTreeMap::new(), ISSUED);
        assert!(said.contains("counts 192 votes of former electors"), "{said}");
        let end = "256: change the electorate only when nothing is open, and less often";
        assert!(said.ends_with(end), "{said}");
    }

    #[test]
    fn three_of_four_witnesses_bear_a_liar_and_two_of_three_are_said_to_bear_none() {
        let role = |need, all: u8| {
            Role::new(need, (10..10 + all).map(public).collect::<Vec<_>>()).expect("a role")
        };
        for (need, all, borne) in
            [(1, 1, 0), (2, 3, 0), (2, 4, 0), (3, 4, 1), (3, 5, 0), (4, 5, 2), (5, 7, 2)]
        {
            assert_eq!(liars_borne(&role(need, all)), borne, "{need} of {all}");
        }
        let mut network = root(NetworkKind::Production, (2, &[1, 2, 3]), (2, &[4, 5, 6]));
        network.witness = Some(role(2, 3));
        let said = lines(&network, &BTreeMap::new(), ISSUED);
        assert!(said.contains("with 2 of 3 witnesses not one may lie"), "{said}");
        network.witness = Some(role(3, 4));
        assert_eq!(lines(&network, &BTreeMap::new(), ISSUED), "");
    }

    fn electorate(electors: &[(u32, &str)]) -> Electorate {
        let elector = |(n, (weight, operator)): (u8, &(u32, &str))| Elector {
            key: public(100 + n),
            weight: *weight,
            operator: operator.parse().expect("a name"),
        };
        Electorate::new(1, (0..).zip(electors).map(elector).collect())
    }

    #[test]
    fn an_electorate_that_cannot_decide_or_hangs_by_one_operator_is_told() {
        let mut network = root(NetworkKind::Production, (2, &[1, 2, 3]), (2, &[4, 5, 6]));
        let mut said = |electors: &[(u32, &str)]| {
            network.electorate = Some(electorate(electors));
            lines(&network, &BTreeMap::new(), ISSUED)
        };
        assert_eq!(said(&[(1, "a"), (1, "b"), (1, "c"), (1, "d"), (1, "e")]), "");
        assert_eq!(said(&[(2, "a"), (1, "b"), (1, "b"), (2, "c"), (2, "d"), (2, "e")]), "");
        let alone = said(&[(1, "a"), (1, "a")]);
        for part in ["operator a has 2 of 2 votes", "has 1 operators", "can decide nothing"] {
            assert!(alone.contains(part), "{part} in\n{alone}");
        }
        // Three operators of a third each count a fifth each.
        let three = said(&[(1, "a"), (1, "b"), (1, "c")]);
        assert!(
            three.contains("can decide nothing") && !three.contains("operators: fewer"),
            "{three}"
        );
        // Four of a quarter each: 4/5 together, 3/5 without one.
        let four = said(&[(1, "a"), (1, "b"), (1, "c"), (1, "d")]);
        for part in ["without operator a", "without operator d"] {
            assert!(four.contains(part), "{part} in\n{four}");
        }
        let mut dev = root(NetworkKind::Development, (1, &[1]), (1, &[1]));
        dev.electorate = Some(electorate(&[(1, "a")]));
        assert_eq!(of_electorate(&dev), Vec::<String>::new(), "one person's votes, for trying out");
    }

    #[test]
    fn a_channel_that_the_root_put_somewhere_wants_a_head() {
        let mut network = root(NetworkKind::Production, (2, &[1, 2, 3]), (2, &[4, 5, 6]));
        let channel: ChannelName = "stable".parse().expect("a channel");
        let digest = Some(Digest::of(b"head 3"));
        let base = |seq, head| ChannelBase { channel: channel.clone(), seq, head };
        network.channel_base = vec![base(0, None)];
        assert!(lines(&network, &BTreeMap::new(), ISSUED).contains("stable begins anew"));
        network.channel_base = vec![base(3, digest)];
        for (seq, wanted) in [(3, true), (4, false)] {
            let heads = [Head { seq, ..head(&network, "stable") }];
            let names = BTreeMap::new();
            let picture =
                Picture { root: &network, heads: &heads, offered: &[], names: &names, now: ISSUED };
            let said = review(&picture).join("\n");
            assert_eq!(said.contains("stable goes on from head 3"), wanted, "{said}");
        }
    }

    #[test]
    fn what_ends_soon_is_named_with_the_command_that_renews_it() {
        let good = root(NetworkKind::Production, (2, &[1, 2, 3]), (2, &[4, 5, 6]));
        let names = BTreeMap::new();
        let late = Timestamp::from_seconds(good.expires.as_seconds() - 10);
        let said = lines(&good, &names, late);
        assert!(said.contains("less than a third") && said.contains("root begin"), "{said}");
        assert!(lines(&good, &names, good.expires.plus(1)).contains("root 1 ended"));
        let heads = [head(&good, "beta")];
        let now = ISSUED.plus(25);
        let picture = Picture { root: &good, heads: &heads, offered: &[], names: &names, now };
        let said = review(&picture).join("\n");
        assert!(
            said.contains("head 4 of beta") && said.contains("--refresh --channel beta"),
            "{said}"
        );
    }
}
