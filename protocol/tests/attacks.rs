//! Every attack we know, as bytes on disk with the verdict beside them.
//!
//! A folder holds `offered.hex`, what its victim knew before (`roots.hex`, `named.hex`, `before.hex`), and
//! `attack.txt`: what it is, how the victim reads it, and what has to come of it. Verdicts are written by
//! people; `UPDRAFT_WRITE_VECTORS=1` writes only the bytes. Folders named `honest_…` are believed: a victim who
//! refuses everything passes no test here.

mod electors;
mod forge;
mod refusal;
#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use refusal::Refusal;
use samples::golden::{self, from_hex, to_hex};
use updraft_protocol::{
    Ballot, BootstrapAnswer, BootstrapRequest, Brake, BuildAttestation, CatchUpAnswer,
    CatchUpRequest, Certificate, ChannelName, ChunkList, Digest, DoubleVote, Equivocation, Gossip,
    Head, Heartbeat, KeyId, Lift, Manifest, PackedAnswer, PackedRequest, Proposal, Revocation,
    Role, Root, Sentence, Signable, Signed, Ticket, TransferAnswer, TransferRequest, Tree,
    Verified, Wire,
    codec::{self, DecodeError},
    equivocation::Finding,
    head, root,
    signed::VerifyError,
};

/// The folder of attacks, their bytes written anew first if that was asked for.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    if golden::is_writing() {
        for attack in forge::all() {
            for (file, bytes) in &attack.files {
                let path = folder.join(attack.name).join(file).with_extension("hex");
                golden::write(&path, to_hex(bytes));
            }
        }
    }
    folder
});

/// One folder.
struct Case {
    name: String,
    check: String,
    /// What is found in it, or why it is refused.
    verdict: Result<String, Refusal>,
}

impl Case {
    fn read(name: &str) -> Self {
        let text = golden::read(&FOLDER.join(name).join("attack.txt"));
        let line = |key: &str| {
            let mut found = text.lines().filter_map(|line| line.strip_prefix(key));
            found.next().map(|rest| rest.trim().to_owned())
        };
        let check = line("check:").unwrap_or_else(|| panic!("{name}: no check"));
        let verdict = match (line("refused:"), line("says:")) {
            (Some(kind), Some(says)) => Err(Refusal { kind, says }),
            (None, None) => match line("believed") {
                Some(found) => Ok(found.trim_start_matches(':').trim().to_owned()),
                None => panic!("{name}: neither believed nor refused"),
            },
            _ => panic!("{name}: a refusal needs a kind and its words"),
        };
        assert_eq!(name.starts_with("honest_"), verdict.is_ok(), "{name}: its name is its verdict");
        Self { name: name.to_owned(), check, verdict }
    }

    fn file(&self, file: &str) -> Vec<u8> {
        from_hex(&golden::read(&FOLDER.join(&self.name).join(file)))
    }

    /// What the victim finds, if it finds anything beside that the offer is as it should be.
    fn outcome(&self) -> Result<String, Refusal> {
        let offered = self.file("offered.hex");
        let nothing_more = |()| String::new();
        match self.check.as_str() {
            "trust the first root" => {
                let root = codec::decode(&offered)?;
                root::trust_first(&root, &self.named())?;
            }
            "trust the next root" => {
                root::trust_next(&self.trusted(), &codec::decode(&offered)?)?;
            }
            "follow a head" => {
                let root = self.trusted();
                let before = FOLDER.join(&self.name).join("before.hex").exists().then(|| {
                    let before = self.file("before.hex");
                    head_in(&root, &before).expect("what was there before is believed")
                });
                let offered = head_in(&root, &offered)?;
                head::continues(root.base(&offered.channel), before.as_ref(), &offered)?;
            }
            "take a named head" => {
                let head: Signed<Head> = codec::decode(&offered)?;
                head.verify_named(&self.trusted().network, &self.named())?;
            }
            "judge two heads" => {
                let proof: Equivocation = codec::decode(&offered)?;
                return Ok(in_words(&proof.judge(&self.trusted())?));
            }
            "open a vote" | "judge a certificate" | "judge two ballots" => {
                return electors::outcome(&self.check, &self.trusted(), &offered);
            }
            check => {
                return match (check.strip_prefix("read a "), check.strip_prefix("believe a ")) {
                    (Some(kind), _) => Ok(read(kind, &offered).map(nothing_more)?),
                    (_, Some(kind)) => believe(kind, &self.trusted(), &offered).map(nothing_more),
                    _ => panic!("{}: no such check", self.name),
                };
            }
        }
        Ok(String::new())
    }

    fn named(&self) -> Digest {
        Digest::from_bytes(self.file("named.hex").try_into().expect("a digest"))
    }

    /// The last root of the chain that the victim has followed.
    fn trusted(&self) -> Verified<Root> {
        let bytes = [&forge::KIND_OF_ROOTS[..], &self.file("roots.hex")].concat();
        let chain: BootstrapAnswer = codec::decode(&bytes).expect("an honest chain");
        let BootstrapAnswer::Roots(roots) = chain else { panic!("roots") };
        let (first, rest) = roots.split_first().expect("at least one root");
        let first = root::trust_first(first, &first.digest()).expect("an honest root");
        rest.iter()
            .fold(first, |trusted, next| root::trust_next(&trusted, next).expect("an honest root"))
    }
}

/// Who has to vouch for a value, by root.
type Vouching<T> = fn(&Root, &T) -> Option<Role>;

fn by_channel<T>(channel: fn(&T) -> &ChannelName) -> impl Fn(&Root, &T) -> Option<Role> {
    move |root, value| root.release_role(channel(value)).cloned()
}

/// Believes a value as its type wants: by the threshold of its channel's keys, or by the one key that says it.
fn believe(kind: &str, root: &Root, offered: &[u8]) -> Result<(), Refusal> {
    match kind {
        "root" => by_threshold(root, offered, |root, _: &Root| Some(root.root.clone())),
        "head" => by_threshold(root, offered, by_channel(|head: &Head| &head.channel)),
        "manifest" => by_threshold(root, offered, by_channel(|one: &Manifest| &one.channel)),
        "lift" => by_threshold(root, offered, by_channel(|lift: &Lift| &lift.channel)),
        "heartbeat" => {
            let witnesses: Vouching<Heartbeat> = |root, _| root.witness.clone();
            by_speaker(root, offered, witnesses)
        }
        "brake" => {
            let brakes: Vouching<Brake> = |root, _| root.brake.clone();
            by_speaker(root, offered, brakes)
        }
        "build attestation" => {
            let builders: Vouching<BuildAttestation> = |root, _| root.builder.clone();
            by_speaker(root, offered, builders)
        }
        "proposal" => electors::by_elector::<Proposal>(root, offered).map(drop),
        "ballot" => electors::by_elector::<Ballot>(root, offered).map(drop),
        "revocation" => {
            // Any role will do for a key that is in none: it is not in that one either.
            let of_the_key: Vouching<Revocation> = |root, revocation| {
                let mut roles = root.roles().map(|(_, role)| role);
                let role = roles.find(|role| role.key(&revocation.key).is_some());
                Some(role.unwrap_or(&root.root).clone())
            };
            by_speaker(root, offered, of_the_key)
        }
        kind => panic!("{kind}: nobody vouches for it"),
    }
}

fn by_threshold<T: Signable>(
    root: &Root,
    bytes: &[u8],
    role: impl Fn(&Root, &T) -> Option<Role>,
) -> Result<(), Refusal> {
    vouched(root, bytes, role, |signed, role| signed.verify(&root.network, role))
}

fn by_speaker<T: Sentence>(
    root: &Root,
    bytes: &[u8],
    role: impl Fn(&Root, &T) -> Option<Role>,
) -> Result<(), Refusal> {
    vouched(root, bytes, role, |signed, role| signed.verify_sentence(&root.network, role))
}

fn vouched<T: Signable>(
    root: &Root,
    bytes: &[u8],
    role: impl Fn(&Root, &T) -> Option<Role>,
    verify: impl Fn(&Signed<T>, &Role) -> Result<Verified<T>, VerifyError>,
) -> Result<(), Refusal> {
    let signed: Signed<T> = codec::decode(bytes)?;
    let role = role(root, &signed.peek().map_err(VerifyError::from)?).expect("there is one");
    verify(&signed, &role)?;
    Ok(())
}

/// A head that its channel's keys vouch for, or that the root names.
fn head_in(root: &Root, bytes: &[u8]) -> Result<Verified<Head>, Refusal> {
    let signed: Signed<Head> = codec::decode(bytes)?;
    let channel = signed.peek().map_err(VerifyError::from)?.channel;
    let named = root.base(&channel).and_then(|base| base.head);
    if named == Some(signed.digest()) {
        return Ok(signed.verify_named(&root.network, &signed.digest())?);
    }
    let role = root.release_role(&channel).expect("a channel that there is");
    Ok(signed.verify(&root.network, role)?)
}

fn in_words(finding: &Finding) -> String {
    let (what, channel, seq, keys) = match finding {
        Finding::Fork { channel, seq, keys } => ("fork", channel, seq, keys),
        Finding::DoubleSigned { channel, seq, keys } => ("double signed", channel, seq, keys),
    };
    let mut keys: Vec<u8> = keys.iter().map(number_of).collect();
    keys.sort_unstable();
    format!("{what} of `{channel}` at head {seq} by {keys:?}")
}

/// The number of a key of the samples.
fn number_of(id: &KeyId) -> u8 {
    (1..=99).find(|n| samples::public(*n).id() == *id).expect("a key of ours")
}

fn read(kind: &str, bytes: &[u8]) -> Result<(), DecodeError> {
    fn read<T: Wire>(bytes: &[u8]) -> Result<(), DecodeError> {
        codec::decode::<T>(bytes).map(drop)
    }
    match kind {
        "root" => read::<Root>(bytes),
        "head" => read::<Head>(bytes),
        "manifest" => read::<Manifest>(bytes),
        "tree" => read::<Tree>(bytes),
        "chunk list" => read::<ChunkList>(bytes),
        "ticket" => read::<Ticket>(bytes),
        "heartbeat" => read::<Heartbeat>(bytes),
        "brake" => read::<Brake>(bytes),
        "lift" => read::<Lift>(bytes),
        "revocation" => read::<Revocation>(bytes),
        "build attestation" => read::<BuildAttestation>(bytes),
        "proof of two heads" => read::<Equivocation>(bytes),
        "gossip message" => read::<Gossip>(bytes),
        "bootstrap request" => read::<BootstrapRequest>(bytes),
        "bootstrap answer" => read::<BootstrapAnswer>(bytes),
        "catch-up request" => read::<CatchUpRequest>(bytes),
        "catch-up answer" => read::<CatchUpAnswer>(bytes),
        "transfer request" => read::<TransferRequest>(bytes),
        "transfer answer" => read::<TransferAnswer>(bytes),
        "proposal" => read::<Proposal>(bytes),
        "ballot" => read::<Ballot>(bytes),
        "certificate" => read::<Certificate>(bytes),
        "proof of two ballots" => read::<DoubleVote>(bytes),
        "packed request" => read::<PackedRequest>(bytes),
        "packed answer" => read::<PackedAnswer>(bytes),
        kind => panic!("{kind}: no such type"),
    }
}

fn cases() -> impl Iterator<Item = Case> {
    golden::names(&FOLDER)
        .into_iter()
        .filter(|name| name != "README.md")
        .map(|name| Case::read(&name))
}

#[test]
fn every_attack_is_refused_for_its_reason_and_everything_honest_is_believed() {
    let mut wrong = Vec::new();
    for case in cases() {
        let outcome = case.outcome();
        if outcome != case.verdict {
            wrong.push(format!(
                "{}:\n  expected {:?}\n  got      {outcome:?}",
                case.name, case.verdict
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_holds_the_bytes_that_its_attack_is_made_of() {
    let mut forged = Vec::new();
    for attack in forge::all() {
        let mut expected = vec!["attack.txt".to_owned()];
        for (file, bytes) in &attack.files {
            let file = format!("{file}.hex");
            let path = FOLDER.join(attack.name).join(&file);
            assert_eq!(golden::read(&path), to_hex(bytes), "{}: {file}", attack.name);
            expected.push(file);
        }
        expected.sort();
        assert_eq!(golden::names(&FOLDER.join(attack.name)), expected, "{}", attack.name);
        forged.push(attack.name);
    }
    forged.push("README.md");
    forged.sort_unstable();
    assert_eq!(golden::names(&FOLDER), forged);
}

#[test]
fn every_refusal_is_met_by_an_attack() {
    let met: BTreeSet<String> = cases().filter_map(|case| Some(case.verdict.err()?.kind)).collect();
    let missing: Vec<_> = refusal::ALL.iter().filter(|kind| !met.contains(**kind)).collect();
    assert!(missing.is_empty(), "no attack earns {missing:?}");
}

/// The folders hold one such signature for each sentence; here is every pair of types.
#[test]
fn a_signature_for_one_type_counts_for_no_other() {
    let root = samples::root_4();
    let types = forge::statement::of_every_type();
    for (place, value) in types.iter().enumerate() {
        for (other_place, other) in types.iter().enumerate() {
            let outcome = believe(value.kind, &root, &value.signed_as(other));
            let refused = outcome.map_err(|refusal| refusal.kind);
            let (a, b) = (value.kind, other.kind);
            if place == other_place {
                assert_eq!(refused, Ok(()), "an honest {a}");
            } else {
                assert_eq!(refused, Err("verify threshold".to_owned()), "a {a} signed as a {b}");
            }
        }
    }
}
