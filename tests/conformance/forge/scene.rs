//! What a forger works with: keys from fixed seeds, honest objects to start from, and bytes by hand where the
//! library would refuse to write them.

use std::collections::BTreeMap;

use updraft_protocol::{
    Blob, Brake, ChannelBase, ChannelRole, Compatibility, Digest, Equivocation, Head, Heartbeat,
    KeyId, Lift, Listing, Manifest, NetworkId, ObjectRef, PublicKey, ReleaseKind, Revocation, Role,
    Root, SecretKey, Severity, Signable, Signed, Statement, Timestamp, TreeRef, codec,
};

/// The network of every case.
pub(crate) const NETWORK: NetworkId = NetworkId::from_bytes([0x74; 32]);
/// Seconds of a day.
pub(crate) const DAY: u64 = 86_400;
/// Seconds of an hour.
pub(crate) const HOUR: u64 = 3_600;

/// Root keys of the first root; two sign.
pub(crate) const ROOT: [u8; 3] = [1, 2, 3];
/// Keys that publish `stable`; two sign.
pub(crate) const RELEASE: [u8; 3] = [11, 12, 13];
/// Keys that publish `stable` after they were changed; two sign.
pub(crate) const LATER: [u8; 3] = [14, 15, 16];
/// Witnesses; two make a head fresh.
pub(crate) const WITNESS: [u8; 3] = [21, 22, 23];
/// Keys that pause.
pub(crate) const BRAKE: [u8; 2] = [31, 32];
/// A key of nobody.
pub(crate) const STRANGER: u8 = 99;

/// One case: the name of its folder, and its objects by the names of their files without `.hex`.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Scene {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), files: BTreeMap::new() }
    }

    /// Adds a signed object.
    pub(super) fn with<T: Signable>(self, file: &str, value: &T, signers: &[u8]) -> Self {
        self.with_bytes(file, bytes(&signed(value, signers)))
    }

    /// Adds something said beside heads.
    pub(super) fn with_statement(self, file: &str, statement: &Statement) -> Self {
        self.with_bytes(file, codec::encode(statement).expect("within limits"))
    }

    /// Adds bytes as they are.
    pub(super) fn with_bytes(mut self, file: &str, bytes: Vec<u8>) -> Self {
        let before = self.files.insert(file.to_owned(), bytes);
        assert!(before.is_none(), "{}: {file} is there twice", self.name);
        self
    }

    /// An honest beginning: `root_1`, `head_1`, and the release `release_1` that it lists.
    pub(super) fn begun(name: impl Into<String>, zero: Timestamp) -> Self {
        let release = manifest(zero, "1.0.0");
        Self::new(name)
            .with("root_1", &first_root(zero), &ROOT)
            .with("head_1", &first_head(zero), &RELEASE)
            .with("release_1", &release, &RELEASE)
    }
}

/// The secret key of number `n`: its seed is 32 bytes `n`.
pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// The id of key `n`.
pub(crate) fn id(n: u8) -> KeyId {
    key(n).public().id()
}

/// A role of these keys.
pub(super) fn role(threshold: u16, keys: &[u8]) -> Role {
    Role::new(threshold, keys.iter().map(|n| key(*n).public()).collect()).expect("a role")
}

/// A signed object.
pub(super) fn signed<T: Signable>(value: &T, signers: &[u8]) -> Signed<T> {
    let mut signed = Signed::unsigned(value).expect("within limits");
    signers.iter().for_each(|n| signed.sign(&key(*n), value.network()));
    signed
}

/// The bytes of a signed object.
pub(super) fn bytes<T: Signable>(signed: &Signed<T>) -> Vec<u8> {
    codec::encode(signed).expect("within limits")
}

/// Digest of a value's payload.
pub(super) fn digest<T: Signable>(value: &T) -> Digest {
    signed(value, &[]).digest()
}

/// A signed object by hand: a payload, and signatures as they are, whatever their number and order.
pub(super) fn envelope(payload: &[u8], signatures: &[Vec<u8>]) -> Vec<u8> {
    let length = |n: usize| u64::try_from(n).expect("small").to_le_bytes();
    let mut bytes = Vec::from(length(payload.len()));
    bytes.extend_from_slice(payload);
    bytes.extend(length(signatures.len()));
    bytes.extend(signatures.concat());
    bytes
}

/// The signature of key `n` over a payload that may be no value of its type: its id and 64 bytes.
pub(super) fn signature<T: Signable>(payload: &[u8], n: u8) -> Vec<u8> {
    let mut signed: Signed<T> = codec::decode(&envelope(payload, &[])).expect("an envelope");
    signed.sign(&key(n), &NETWORK);
    let signature = signed.signatures()[0];
    [&codec_id(n)[..], &signature.bytes].concat()
}

fn codec_id(n: u8) -> [u8; 32] {
    *Digest::of(key(n).public().as_bytes()).as_bytes()
}

/// A payload by hand, signed.
pub(super) fn by_hand<T: Signable>(payload: &[u8], signers: &[u8]) -> Vec<u8> {
    let signatures: Vec<_> = signers.iter().map(|n| signature::<T>(payload, *n)).collect();
    envelope(payload, &signatures)
}

/// `bytes` with `new` in the place of the only `old`.
pub(super) fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert_eq!(places.len(), 1, "the bytes to replace are there once");
    [&bytes[..places[0]], new, &bytes[places[0] + old.len()..]].concat()
}

/// A role's bytes: threshold, number of keys, keys.
pub(super) fn role_bytes(threshold: u16, keys: &[PublicKey]) -> Vec<u8> {
    let count = u64::try_from(keys.len()).expect("small").to_le_bytes();
    let keys: Vec<u8> = keys.iter().flat_map(|key| *key.as_bytes()).collect();
    [&threshold.to_le_bytes()[..], &count, &keys].concat()
}

/// The day before `zero`, when the first objects were signed.
pub(super) fn day_before(zero: Timestamp) -> Timestamp {
    Timestamp::from_seconds(zero.as_seconds() - DAY)
}

/// Two of three for the root, two of three for `stable`; no witness, no brake.
pub(super) fn first_root(zero: Timestamp) -> Root {
    Root {
        release: vec![ChannelRole {
            channel: "stable".parse().expect("a name"),
            role: role(2, &RELEASE),
        }],
        ..Root::first(
            NETWORK,
            "conformance".parse().expect("a name"),
            role(2, &ROOT),
            day_before(zero),
        )
    }
}

/// The root after another, with nothing changed but its place.
pub(super) fn next_root(root: &Root) -> Root {
    Root { version: root.version + 1, prev: Some(digest(root)), ..root.clone() }
}

/// The root after another, with other keys for `stable`, which goes on from `base`.
pub(super) fn root_with_release(root: &Root, release: Role, base: Option<&Head>) -> Root {
    let channel = root.release[0].channel.clone();
    Root {
        release: vec![ChannelRole { channel: channel.clone(), role: release }],
        channel_base: vec![ChannelBase {
            channel,
            seq: base.map_or(0, |head| head.seq),
            head: base.map(digest),
        }],
        ..next_root(root)
    }
}

/// The first head of `stable`, which lists release 1.0.0.
pub(super) fn first_head(zero: Timestamp) -> Head {
    let time = day_before(zero);
    Head {
        network: NETWORK,
        channel: "stable".parse().expect("a name"),
        seq: 1,
        prev: None,
        time,
        expires: time.plus(90 * DAY),
        releases: vec![listing(&manifest(zero, "1.0.0"))],
        withdrawn: Vec::new(),
        min_supported: Vec::new(),
    }
}

/// The head after another, a minute later.
pub(super) fn next_head(head: &Head) -> Head {
    Head { seq: head.seq + 1, prev: Some(digest(head)), time: head.time.plus(60), ..head.clone() }
}

/// The head after another, which lists these releases and no other.
pub(super) fn head_of(head: &Head, releases: &[&Manifest]) -> Head {
    let mut releases: Vec<Listing> = releases.iter().map(|manifest| listing(manifest)).collect();
    releases.sort();
    Head { releases, ..next_head(head) }
}

/// How a head lists a release.
pub(super) fn listing(manifest: &Manifest) -> Listing {
    Listing {
        component: manifest.component.clone(),
        target: manifest.target.clone(),
        version: manifest.version.clone(),
        manifest: digest(manifest),
    }
}

/// A release of `demo-app` whose bytes are made up.
pub(super) fn manifest(zero: Timestamp, version: &str) -> Manifest {
    let object =
        |what: &str| ObjectRef::of(format!("{what} of {version}").as_bytes()).expect("small");
    Manifest {
        network: NETWORK,
        component: "demo-app".parse().expect("a name"),
        version: version.parse().expect("a version"),
        target: "any".parse().expect("a target"),
        channel: "stable".parse().expect("a name"),
        created: day_before(zero),
        kind: ReleaseKind::Feature,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        source: None,
        notes: String::new(),
        tree: TreeRef { object: object("tree"), entries: 1, bytes: 1 },
        whole: Blob { digest: Digest::of(version.as_bytes()), size: 1, chunks: object("chunks") },
        patches: Vec::new(),
    }
}

/// A witness's word about a head, for a day.
pub(super) fn beat(witness: u8, head: &Head, time: Timestamp) -> Heartbeat {
    Heartbeat {
        network: NETWORK,
        by: id(witness),
        channel: head.channel.clone(),
        seq: head.seq,
        head: digest(head),
        time,
        valid_for: 86_400,
    }
}

/// The same as a statement, signed by the witness.
pub(super) fn heartbeat(witness: u8, head: &Head, time: Timestamp) -> Statement {
    Statement::Heartbeat(signed(&beat(witness, head, time), &[witness]))
}

/// A pause of a release (`None`: of the channel) for 72 h.
pub(super) fn pause(by: u8, release: Option<&Manifest>, issued: Timestamp) -> Brake {
    Brake {
        network: NETWORK,
        by: id(by),
        channel: "stable".parse().expect("a name"),
        release: release.map(digest),
        issued,
        expires: issued.plus(72 * HOUR),
        reason: "it crashes at night".to_owned(),
    }
}

/// The same as a statement, signed by its key.
pub(super) fn brake(by: u8, release: Option<&Manifest>, issued: Timestamp) -> Statement {
    Statement::Brake(signed(&pause(by, release, issued), &[by]))
}

/// The end of pauses, signed by these keys.
pub(super) fn lift(signers: &[u8], release: Option<&Manifest>, issued: Timestamp) -> Statement {
    let lift = Lift {
        network: NETWORK,
        channel: "stable".parse().expect("a name"),
        release: release.map(digest),
        issued,
        reason: "it was the other program".to_owned(),
    };
    Statement::Lift(signed(&lift, signers))
}

/// Key `n` takes itself back, signed by `signers`, who should be the same.
pub(super) fn revocation(n: u8, time: Timestamp, signers: &[u8]) -> Statement {
    let revocation =
        Revocation { network: NETWORK, key: id(n), time, reason: "the laptop is gone".to_owned() };
    Statement::Revocation(signed(&revocation, signers))
}

/// Two heads, as a proof against who signed both.
pub(super) fn proof(one: (&Head, &[u8]), other: (&Head, &[u8])) -> Statement {
    let [one, other] = [one, other].map(|(head, signers)| signed(head, signers));
    Statement::Equivocation(Equivocation::new(one, other))
}
