//! What the fuzzer begins with: the golden values, the known attacks, and texts that people type.
//!
//! A value is a seed of every decoder that reads it; an attack is one of the decoder that it attacks.

#[path = "votes.rs"]
mod votes;

use std::path::Path;

use updraft_protocol::{Head, Revocation, Root, Signable, codec};

use crate::{
    checks::{Outcome, TARGETS, Target},
    samples::{
        self,
        by_hand::{self, Bytes},
        golden,
    },
};

/// Target, name of the file, contents.
pub(crate) type Seed = (&'static str, String, Vec<u8>);

/// Attacks that are long because they have one element too many; the fuzzer finds shorter ways to say so.
const LONGEST_ATTACK: usize = 2 * 1024;

/// Targets whose inputs are the payload of a vector behind a byte that chooses the signers.
const SIGNED_HERE: [(&str, &[&str]); 10] = [
    ("believe_head", &["head_1", "head_2"]),
    ("believe_manifest", &["manifest", "manifest_of_all_codecs", "manifest_smallest"]),
    ("believe_lift", &["lift"]),
    ("speak_heartbeat", &["heartbeat"]),
    ("speak_brake", &["brake", "brake_of_all"]),
    ("speak_attestation", &["attestation"]),
    ("speak_revocation", &["revocation"]),
    ("follow_root", &["root_1", "root_2", "root_development"]),
    ("open_vote", &["proposal", "proposal_by_height"]),
    ("speak_ballot", &["ballot_ready", "ballot_yes", "ballot_abstain"]),
];
/// Nobody, too few, enough, everybody.
const SIGNERS: [u8; 4] = [0b0000, 0b0010, 0b0110, 0b1111];

/// Right and wrong texts of each kind.
const TEXTS: [(&str, &[&str]); 7] = [
    ("text_version", &["1.4.0", "2.0.0-rc.1", "1.0.0+build", "01.2.3", "18446744073709551616.0.0"]),
    ("text_component", &["esbuild", "lib_z.so-1", "..", "con.", "Esbuild"]),
    ("text_channel", &["stable", "beta-2", "-", "be/ta"]),
    ("text_network", &["demo", "0-9", "de mo"]),
    ("text_operator", &["north", "south-2", "No"]),
    ("text_target", &["any", "x86_64-unknown-linux-gnu", "x86_64/linux"]),
    ("text_path", &["bin/tool", "lib/a-\u{e9}.so", "../up", "/abs", "a\\b", "e\u{301}", "aux.txt"]),
];

/// All of them.
pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = values();
    seeds.extend(attacks());
    seeds.extend(signed());
    seeds.extend(signed_here());
    seeds.extend(texts());
    seeds.extend(votes::all());
    seeds
}

fn is_text(target: &Target) -> bool {
    target.name.starts_with("text_")
}

/// Every sample, for every decoder that reads it; a decoder's first one also without its last byte.
fn values() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = Vec::new();
    for sample in samples::all() {
        for target in TARGETS.iter().filter(|target| !is_text(target)) {
            if (target.check)(&sample.bytes) == Outcome::Read {
                if seeds.iter().all(|(known, ..)| *known != target.name) {
                    let cut = sample.bytes[..sample.bytes.len() - 1].to_vec();
                    seeds.push((target.name, format!("{}_cut", sample.name), cut));
                }
                seeds.push((target.name, sample.name.to_owned(), sample.bytes.clone()));
            }
        }
    }
    seeds
}

/// What one key says, with its signature.
fn signed() -> Vec<Seed> {
    fn seed<T: Signable>(target: &'static str, value: &T, keys: &[u8]) -> Seed {
        let bytes = codec::encode(&samples::signed(value, keys)).expect("a signed sample");
        (target, "signed".to_owned(), bytes)
    }
    let mut seeds = vec![
        seed("signed_heartbeat", &samples::heartbeat(), &[21]),
        seed("signed_brake", &samples::brake(), &[31]),
        seed("signed_lift", &samples::lift(), &[11, 12]),
        seed("signed_revocation", &samples::revocation(), &[13]),
        seed("signed_attestation", &samples::attestation(), &[41]),
        seed("signed_proposal", &samples::proposal(), &[51]),
        seed("signed_ballot", &samples::ballots()[3], &[54]),
    ];
    let cut = |(target, _, bytes): &Seed| {
        (*target, "signed_cut".to_owned(), bytes[..bytes.len() - 1].to_vec())
    };
    seeds.extend(seeds.iter().map(cut).collect::<Vec<_>>());
    seeds
}

/// The target that an attack's own words name: `read a chunk list`, `follow a head`.
fn attacked(check: &str) -> &'static Target {
    let name = match check {
        "believe a head" | "follow a head" => "signed_head".to_owned(),
        "believe a manifest" => "signed_manifest".to_owned(),
        "trust the first root" | "trust the next root" => "signed_root".to_owned(),
        "judge two heads" => "equivocation".to_owned(),
        "take a named head" => "signed_head".to_owned(),
        "judge two ballots" | "read a proof of two ballots" => "double_vote".to_owned(),
        "read a proof of two heads" => "equivocation".to_owned(),
        "judge a certificate" => "certificate".to_owned(),
        "open a vote" => "signed_proposal".to_owned(),
        "believe a build attestation" => "signed_attestation".to_owned(),
        check => {
            let read = check.replace("read an ", "").replace("read a ", "");
            read.replace("believe a ", "signed_").replace([' ', '-'], "_")
        }
    };
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("`{check}`: no target is called {name}"))
}

/// The bytes that every attack offers.
fn attacks() -> Vec<Seed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut seeds = Vec::new();
    for attack in golden::names(&folder).into_iter().filter(|name| name != "README.md") {
        let text = golden::read(&folder.join(&attack).join("attack.txt"));
        let check = text.lines().find_map(|line| line.strip_prefix("check:")).expect("a check");
        let bytes = golden::from_hex(&golden::read(&folder.join(&attack).join("offered.hex")));
        let target = attacked(check.trim());
        if bytes.len() <= target.longest.min(LONGEST_ATTACK) {
            seeds.push((target.name, format!("attack_{attack}"), bytes));
        }
    }
    seeds
}

fn sample(name: &str) -> Vec<u8> {
    let found = samples::all().into_iter().find(|sample| sample.name == name);
    found.unwrap_or_else(|| panic!("no sample is called {name}")).bytes
}

/// Payloads and who is to sign them.
fn signed_here() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (target, payloads) in SIGNED_HERE {
        for payload in payloads {
            let bytes = sample(payload);
            for signers in SIGNERS {
                let name = format!("{payload}_by_{signers:04b}");
                seeds.push((target, name, [&[signers], &bytes[..]].concat()));
            }
        }
    }
    // Nothing known, each of the heads before, and a channel that begins at 2.
    for payload in ["head_1", "head_2", "head_3"] {
        for knows in [0b0000, 0b0001, 0b0010, 0b1000] {
            let name = format!("{payload}_after_{knows:04b}");
            seeds.push(("follow_head", name, [&[knows], &sample(payload)[..]].concat()));
        }
    }
    let head_of_beta = Head { channel: samples::name("beta"), ..samples::head_3() };
    let head_of_beta = codec::encode(&head_of_beta).expect("a head");
    seeds.push(("follow_head", "beta_after_stable".to_owned(), [&[2], &head_of_beta[..]].concat()));
    seeds.extend(roots());
    seeds.push(("tree", "name_that_turns_without_its_folder".to_owned(), turned_tree()));
    seeds.extend(judged());
    seeds.extend(revoked());
    seeds
}

/// A name with a mark of direction, in a listing that is refused because of it.
fn turned_tree() -> Vec<u8> {
    Bytes::default().list([by_hand::folder("y/a\u{202e}b".as_bytes())]).done()
}

/// Roots behind others than the first, with everything that a root must not forget. The byte before them trusts
/// root 2, 3 or 4, and lets keys 2, 3, 4 sign.
fn roots() -> Vec<Seed> {
    let third = samples::root_3();
    let prev = Some(samples::signed(&third, &[]).digest());
    let fourth = Root { version: 4, prev, ..third.clone() };
    let other_keys = Root { release: samples::root_1().release.split_off(1), ..samples::root_2() };
    let seed = |name: &str, trusts: u8, root: &Root| {
        let payload = codec::encode(root).expect("a root");
        ("follow_root", name.to_owned(), [&[trusts << 4 | 0b1110], &payload[..]].concat())
    };
    let mut changed = samples::root_2();
    changed.release[0].role = samples::role(1, &[11]);
    let counting = samples::root_4();
    let prev = Some(samples::signed(&counting, &[]).digest());
    let fifth = Root { version: 5, prev, ..counting.clone() };
    vec![
        seed("root_3_after_2", 1, &third),
        seed("root_4", 2, &fourth),
        seed("root_4_forgets_keys", 2, &Root { revoked: Vec::new(), ..fourth.clone() }),
        seed("root_4_forgets_bases", 2, &Root { channel_base: Vec::new(), ..fourth }),
        seed("root_4_counts_votes", 2, &counting),
        seed("root_5_uncounts_votes", 3, &Root { counts: Vec::new(), ..fifth.clone() }),
        seed("root_5", 3, &fifth),
        seed("root_2_without_a_channel", 0, &other_keys),
        seed("root_2_of_other_keys_without_a_base", 0, &changed),
    ]
}

/// Two heads of one number that were signed by the same keys, by others, by too few; and one head twice.
fn judged() -> Vec<Seed> {
    let one = samples::head_2();
    let other = Head { releases: Vec::new(), ..one.clone() };
    let input = |signers: u8, other: &Head| {
        let [one, other] = [&one, other].map(|head| codec::encode(head).expect("a head"));
        let length = u16::try_from(one.len()).expect("a short head");
        [&[signers], &length.to_le_bytes()[..], &one, &other].concat()
    };
    let mut seeds = Vec::new();
    for signers in [0b0011_0011, 0b0110_0011, 0b0001_0001, 0b0010_0001] {
        seeds.push(("judge", format!("two_heads_by_{signers:08b}"), input(signers, &other)));
    }
    seeds.push(("judge", "one_head_twice".to_owned(), input(0b0110_0011, &one)));
    seeds
}

/// A root key takes itself back; the vector's key is a release key.
fn revoked() -> Vec<Seed> {
    let value = Revocation { key: samples::public(2).id(), ..samples::revocation() };
    let bytes = codec::encode(&value).expect("a revocation");
    vec![("speak_revocation", "of_a_root_key".to_owned(), [&[0b0010], &bytes[..]].concat())]
}

/// Lines that people copy, and short texts.
fn texts() -> Vec<Seed> {
    let key = samples::public(1);
    let ticket = samples::ticket();
    let digest = samples::digest(b"tree");
    let lines = [
        ("text_ticket", ticket.to_string()),
        ("text_ticket", ticket.to_string().to_uppercase()),
        ("text_ticket", format!(" {ticket}\n")),
        ("text_ticket", ticket.to_string().replacen('q', "p", 1)),
        ("text_public_key", key.to_string()),
        ("text_public_key", key.to_string().to_uppercase()),
        ("text_public_key", key.to_string().replacen('q', "p", 1)),
        ("text_digest", digest.to_string()),
        ("text_digest", digest.to_hex().to_uppercase()),
        ("text_digest", digest.short()),
    ];
    let short = TEXTS
        .iter()
        .flat_map(|(target, texts)| texts.iter().map(|text| (*target, (*text).to_owned())));
    let mut seeds = Vec::new();
    for (at, (target, text)) in lines.into_iter().chain(short).enumerate() {
        seeds.push((target, format!("text_{at:02}"), text.into_bytes()));
    }
    seeds.push(("armoured_public_key", "key_1".to_owned(), key.as_bytes().to_vec()));
    seeds.push(("armoured_public_key", "not_a_point".to_owned(), vec![2; 32]));
    seeds
}
