//! Every attack we know, as bytes on disk with the verdict beside them.
//!
//! A folder holds `offered.hex`, what its victim knew before (`roots.hex`, `named.hex`, `before.hex`), and
//! `attack.txt`: what it is, how the victim reads it, and what has to come of it. Verdicts are written by
//! people; `UPDRAFT_WRITE_VECTORS=1` writes only the bytes. Folders named `honest_…` are believed: a victim who
//! refuses everything passes no test here.

mod forge;
#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;

use std::{
    collections::BTreeSet,
    error::Error as _,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use samples::golden::{self, from_hex, to_hex};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, ChannelName, ChunkList,
    Digest, Gossip, Head, Manifest, Root, Signable, Signed, Ticket, TransferAnswer,
    TransferRequest, Tree, Verified, Wire,
    codec::{self, DecodeError},
    head::{self, ChainError},
    root::{self, RootError},
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

/// What a victim says: which refusal, step by step, and in which words.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    kind: String,
    says: String,
}

/// One folder.
struct Case {
    name: String,
    check: String,
    /// `None`: it is believed.
    verdict: Option<Refusal>,
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
            (Some(kind), Some(says)) => Some(Refusal { kind, says }),
            (None, None) if line("believed").is_some() => None,
            _ => panic!("{name}: neither believed nor refused"),
        };
        assert_eq!(
            name.starts_with("honest_"),
            verdict.is_none(),
            "{name}: its name is its verdict"
        );
        Self { name: name.to_owned(), check, verdict }
    }

    fn file(&self, file: &str) -> Vec<u8> {
        from_hex(&golden::read(&FOLDER.join(&self.name).join(file)))
    }

    fn outcome(&self) -> Result<(), Refusal> {
        let offered = self.file("offered.hex");
        match self.check.as_str() {
            "believe a head" => self.believed::<Head>(&offered, |head| head.channel).map(drop),
            "believe a manifest" => {
                self.believed::<Manifest>(&offered, |manifest| manifest.channel).map(drop)
            }
            "trust the first root" => {
                let named: [u8; 32] = self.file("named.hex").try_into().expect("a digest");
                let root = codec::decode(&offered).map_err(in_decoding)?;
                root::trust_first(&root, &Digest::from_bytes(named)).map(drop).map_err(in_root)
            }
            "trust the next root" => {
                let root = codec::decode(&offered).map_err(in_decoding)?;
                root::trust_next(&self.trusted(), &root).map(drop).map_err(in_root)
            }
            "follow a head" => {
                let before = FOLDER.join(&self.name).join("before.hex").exists().then(|| {
                    self.believed::<Head>(&self.file("before.hex"), |head| head.channel)
                        .expect("what was there before is believed")
                });
                let offered = self.believed::<Head>(&offered, |head| head.channel)?;
                head::continues(None, before.as_ref(), &offered).map_err(in_chain)
            }
            check => match check.strip_prefix("read a ") {
                Some(kind) => read(kind, &offered).map_err(in_decoding),
                None => panic!("{}: no such check", self.name),
            },
        }
    }

    /// The last root of the chain that the victim has followed.
    fn trusted(&self) -> Verified<Root> {
        let chain: BootstrapAnswer =
            codec::decode(&self.file("roots.hex")).expect("an honest chain");
        let (first, rest) = chain.roots.split_first().expect("at least one root");
        let first = root::trust_first(first, &first.digest()).expect("an honest root");
        rest.iter()
            .fold(first, |trusted, next| root::trust_next(&trusted, next).expect("an honest root"))
    }

    fn believed<T: Signable>(
        &self,
        bytes: &[u8],
        channel: fn(T) -> ChannelName,
    ) -> Result<Verified<T>, Refusal> {
        let root = self.trusted();
        let signed: Signed<T> = codec::decode(bytes).map_err(in_decoding)?;
        let channel = channel(signed.peek().map_err(|error| in_verifying(error.into()))?);
        let role = root.release_role(&channel).expect("a channel that there is");
        signed.verify(&root.network, role).map_err(in_verifying)
    }
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
        "gossip message" => read::<Gossip>(bytes),
        "bootstrap request" => read::<BootstrapRequest>(bytes),
        "bootstrap answer" => read::<BootstrapAnswer>(bytes),
        "catch-up request" => read::<CatchUpRequest>(bytes),
        "catch-up answer" => read::<CatchUpAnswer>(bytes),
        "transfer request" => read::<TransferRequest>(bytes),
        "transfer answer" => read::<TransferAnswer>(bytes),
        kind => panic!("{kind}: no such type"),
    }
}

/// Every refusal there is but `NotCanonical`, which no type of the wire can earn: the codec's own tests do.
const REFUSALS: [&str; 20] = [
    "decode too large",
    "decode unknown kind",
    "decode malformed",
    "decode trailing bytes",
    "decode invalid",
    "verify threshold",
    "verify wrong network",
    "verify decode trailing bytes",
    "root not the one named",
    "root wrong version",
    "root wrong link",
    "root old keys: verify threshold",
    "root old keys: verify wrong network",
    "root own keys: verify threshold",
    "root own keys: verify decode malformed",
    "chain older",
    "chain forked",
    "chain gap",
    "chain wrong link",
    "chain known",
];

fn decode_kind(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::TooLarge { .. } => "decode too large",
        DecodeError::UnknownKind { .. } => "decode unknown kind",
        DecodeError::Malformed { .. } => "decode malformed",
        DecodeError::TrailingBytes { .. } => "decode trailing bytes",
        DecodeError::NotCanonical { .. } => "decode not canonical",
        DecodeError::Invalid { .. } => "decode invalid",
    }
}

fn verify_kind(error: &VerifyError) -> String {
    match error {
        VerifyError::Decode(error) => format!("verify {}", decode_kind(error)),
        VerifyError::WrongNetwork { .. } => "verify wrong network".to_owned(),
        VerifyError::OtherThanNamed { .. } => "verify other than named".to_owned(),
        VerifyError::Threshold(_) => "verify threshold".to_owned(),
    }
}

fn in_decoding(error: DecodeError) -> Refusal {
    Refusal { kind: decode_kind(&error).to_owned(), says: error.to_string() }
}

fn in_verifying(error: VerifyError) -> Refusal {
    Refusal { kind: verify_kind(&error), says: error.to_string() }
}

fn in_root(error: RootError) -> Refusal {
    let kind = match &error {
        RootError::NotTheOneNamed { .. } => "root not the one named".to_owned(),
        RootError::WrongVersion { .. } => "root wrong version".to_owned(),
        RootError::WrongLink { .. } => "root wrong link".to_owned(),
        RootError::OldKeys { source, .. } => format!("root old keys: {}", verify_kind(source)),
        RootError::OwnKeys { source, .. } => format!("root own keys: {}", verify_kind(source)),
        RootError::Forgets { .. } => "root forgets".to_owned(),
        RootError::NoBase { .. } => "root no base".to_owned(),
    };
    let says = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Refusal { kind, says }
}

fn in_chain(error: ChainError) -> Refusal {
    let kind = match &error {
        ChainError::Older { .. } => "chain older",
        ChainError::Forked { .. } => "chain forked",
        ChainError::Gap { .. } => "chain gap",
        ChainError::WrongLink { .. } => "chain wrong link",
        ChainError::Known { .. } => "chain known",
    };
    Refusal { kind: kind.to_owned(), says: error.to_string() }
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
        let outcome = case.outcome().err();
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
    let met: BTreeSet<String> =
        cases().filter_map(|case| case.verdict.map(|refusal| refusal.kind)).collect();
    let missing: Vec<_> = REFUSALS.iter().filter(|kind| !met.contains(**kind)).collect();
    assert!(missing.is_empty(), "no attack earns {missing:?}");
}
