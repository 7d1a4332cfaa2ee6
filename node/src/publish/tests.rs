//! A network is founded, releases are made and signed, and every digest in the bundle is followed to its bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write},
    num::NonZeroUsize,
    path::PathBuf,
};

use updraft_delta::{Level, blob::decompress_whole, patch};
use updraft_protocol::{
    Blob, ChannelName, ChunkList, Compatibility, Digest, Head, Listing, Manifest, NetworkId,
    NetworkKind, ReleaseKind, Root, SecretKey, Severity, Signed, Timestamp, Tree, codec, head,
    limits::DEFAULT_HEAD_LIFETIME, root::trust_first,
};

use super::{
    Effort, HeadError, Place, Prepared, PublishError, Step,
    build::Draft,
    founding::{Holders, first_root},
    ledger::{Ledger, LedgerError, TrustError, Trusted},
    prepare, renew,
    sign::{SignError, Standing, unlock},
    source::Source,
};
use crate::{
    bundle::Bundle,
    keys::{Asking, KeyFolder, KeyReference, KeyRing, PasswordSource, Protection},
    store::{Store, StoreOptions, VerifyOnStart},
};

#[path = "patches_tests.rs"]
mod patches;
#[path = "rotation_tests.rs"]
mod rotation;

const NOW: u64 = 1_800_000_000;
const NETWORK: NetworkId = NetworkId::from_bytes([8; 32]);
const EFFORT: Effort =
    Effort { deltas: 3, level: Level::FAST, memory: 1 << 30, threads: NonZeroUsize::MIN };

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn stable() -> ChannelName {
    "stable".parse().expect("a channel")
}

fn root(release_threshold: u16, release: &[SecretKey]) -> Signed<Root> {
    let public = |keys: &[SecretKey]| keys.iter().map(SecretKey::public).collect();
    let holders = |threshold, keys: &[SecretKey]| Holders { threshold, keys: public(keys) };
    let owners = [key(1), key(2)];
    let (root, release) = (holders(1, &owners), holders(release_threshold, release));
    let (name, now) = ("demo".parse().expect("a name"), Timestamp::from_seconds(NOW));
    first_root(NETWORK, name, NetworkKind::Production, root, release, &owners, now).expect("a root")
}

fn draft(version: &str) -> Draft {
    Draft {
        network: NETWORK,
        component: "demo-app".parse().expect("a name"),
        version: version.parse().expect("a version"),
        target: "any".parse().expect("a target"),
        channel: stable(),
        created: Timestamp::from_seconds(NOW),
        kind: ReleaseKind::Feature,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        min_supported: None,
        source: None,
        notes: "new".to_owned(),
    }
}

/// A publisher's machine: a data directory that has joined, a tree to publish, room to work.
struct Desk {
    home: tempfile::TempDir,
    store: Store,
}

impl Desk {
    fn new(root: &Signed<Root>) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let options =
            StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };
        let store = Store::open(&home.path().join("data"), options).expect("a store");
        store.append_root(root).expect("kept");
        fs::create_dir_all(home.path().join("app/bin")).expect("made");
        let desk = Self { home, store };
        desk.edit(0);
        desk
    }

    /// Writes the tree with a small difference for each `n`: noise that does not compress, so that a patch is
    /// worth it exactly when it finds what is common.
    fn edit(&self, n: u8) {
        let mut state = 1_u32;
        let mut noise = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let mut bytes: Vec<u8> = (0..40_000).map(&mut noise).collect();
        bytes[20_000] = n;
        fs::write(self.home.path().join("app/bin/demo"), bytes).expect("written");
        fs::write(self.home.path().join("app/NOTES"), format!("edit {n}\n")).expect("written");
    }

    fn source(&self) -> Source {
        Source::read(&self.home.path().join("app")).expect("published")
    }

    fn bundle_path(&self) -> PathBuf {
        self.home.path().join("demo.bundle")
    }

    fn prepare(&self, version: &str) -> Result<Prepared, PublishError> {
        self.prepare_told(version, &mut |_| {})
    }

    fn prepare_told(
        &self,
        version: &str,
        told: &mut dyn FnMut(Step),
    ) -> Result<Prepared, PublishError> {
        let trusted = Trusted::follow(&self.store, None).expect("a root");
        prepare(&self.source(), draft(version), &trusted, EFFORT, self.home.path(), told)
    }

    /// Publishes a version signed by `keys` and takes it in as a node would.
    fn publish(&self, version: &str, keys: &[SecretKey]) -> Bundle {
        self.prepare(version).expect("prepared").write(&self.bundle_path()).expect("written");
        let mut bundle = Bundle::open(&self.bundle_path()).expect("opens");
        bundle.sign(keys, &NETWORK).expect("signed");
        self.import(&bundle);
        bundle
    }

    fn import(&self, bundle: &Bundle) {
        self.store.accept_head(bundle.signed_head(), &BTreeSet::new(), None).expect("kept");
        self.store.put_manifest(bundle.signed_manifest(), &BTreeSet::new()).expect("kept");
        for object in bundle.objects() {
            self.store.put_object(&bundle.object(&object.digest).expect("there")).expect("kept");
        }
        for blob in bundle.manifest().blobs() {
            let list = chunk_list(bundle, blob);
            let mut bytes = bundle.blob_reader(&blob.digest).expect("there");
            self.store.add_blob(&mut bytes, blob, &list).expect("every chunk and the whole fit");
        }
    }
}

fn chunk_list(bundle: &Bundle, blob: &Blob) -> ChunkList {
    codec::decode(&bundle.object(&blob.chunks.digest).expect("there")).expect("a chunk list")
}

/// The contents that a bundle's whole blob holds.
fn contents(bundle: &Bundle) -> Vec<u8> {
    let manifest = bundle.manifest();
    let (mut blob, mut out) = (Vec::new(), Vec::new());
    bundle
        .blob_reader(&manifest.whole.digest)
        .expect("there")
        .read_to_end(&mut blob)
        .expect("read");
    decompress_whole(&blob, manifest.tree.bytes, &mut out).expect("whole");
    out
}

#[test]
fn from_founding_to_a_bundle_every_digest_leads_to_its_bytes() {
    let first = root(1, &[key(4)]);
    let desk = Desk::new(&first);
    let bundle = desk.publish("1.0.0", &[key(4)]);
    bundle.verify().expect("intact");
    let trusted = trust_first(&first, &first.digest()).expect("trusted");
    let role = trusted.release_role(&stable()).expect("a role");
    let head = bundle.signed_head().verify(&NETWORK, role).expect("signed");
    let manifest = bundle.signed_manifest().verify(&NETWORK, role).expect("signed");
    head::continues(None, None, &head).expect("the first of its channel");
    assert_eq!(head.listing(&manifest.digest()).expect("listed").version, draft("1.0.0").version);
    let tree = bundle.object(&manifest.tree.object.digest).expect("there");
    let tree: Tree = codec::decode(&tree).expect("a tree");
    let contents = contents(&bundle);
    let mut rest = &contents[..];
    for (path, _, size, digest) in tree.files() {
        let (file, after) = rest.split_at(usize::try_from(size).expect("small"));
        assert_eq!(Digest::of(file), digest, "{path}");
        rest = after;
    }
    assert!(rest.is_empty());
}

#[test]
fn the_next_release_offers_a_patch_that_gives_its_contents() {
    let desk = Desk::new(&root(1, &[key(4)]));
    let old = contents(&desk.publish("1.0.0", &[key(4)]));
    desk.edit(7);
    let bundle = desk.publish("1.1.0", &[key(4)]);
    let [offer] = &bundle.manifest().patches[..] else { panic!("one patch") };
    assert_eq!(offer.from, draft("1.0.0").version);
    assert!(offer.blob.size < 1_000, "{} bytes", offer.blob.size);
    let mut bytes = Vec::new();
    let mut reader = bundle.blob_reader(&offer.blob.digest).expect("there");
    std::io::Read::read_to_end(&mut reader, &mut bytes).expect("read");
    let new_size = bundle.manifest().tree.bytes;
    let mut out = Vec::new();
    patch::apply(&old, &bytes, &patch::Expected { codec: offer.codec, new_size }, &mut out)
        .expect("applies");
    assert_eq!(out, contents(&bundle));
}

#[test]
fn patches_come_from_the_newest_releases_with_other_contents() {
    let desk = Desk::new(&root(1, &[key(4)]));
    for n in 0..5_u8 {
        desk.edit(n);
        desk.publish(&format!("1.{n}.0"), &[key(4)]);
    }
    desk.publish("1.5.0", &[key(4)]);
    let mut steps = Vec::new();
    desk.edit(9);
    let prepared = desk.prepare_told("1.6.0", &mut |step| steps.push(step)).expect("prepared");
    let mut from: Vec<_> =
        prepared.built.manifest.patches.iter().map(|offer| offer.from.to_string()).collect();
    from.sort();
    // 1.4.0 and 1.5.0 are the same bytes; the third of three is 1.3.0.
    assert_eq!(from, ["1.3.0", "1.5.0"]);
    let told = steps
        .iter()
        .any(|step| matches!(step, Step::NoPatch { from, .. } if from.to_string() == "1.4.0"));
    assert!(told);
}

#[test]
fn a_version_that_is_on_offer_is_refused_and_nothing_is_compressed() {
    let desk = Desk::new(&root(1, &[key(4)]));
    desk.publish("1.0.0", &[key(4)]);
    let mut steps = Vec::new();
    let refused = desk.prepare_told("1.0.0", &mut |step| steps.push(step));
    assert!(matches!(refused, Err(PublishError::Head(HeadError::Taken { .. }))), "{refused:?}");
    assert!(steps.is_empty());
}

#[test]
fn a_release_without_bytes_of_the_one_before_goes_out_whole() {
    let desk = Desk::new(&root(1, &[key(4)]));
    let first = desk.publish("1.0.0", &[key(4)]);
    desk.store.remove_blob(&first.manifest().whole.digest).expect("removed");
    desk.edit(1);
    let mut steps = Vec::new();
    let prepared = desk.prepare_told("1.1.0", &mut |step| steps.push(step)).expect("prepared");
    assert!(prepared.built.manifest.patches.is_empty());
    let why = steps.iter().find_map(|step| match step {
        Step::NoPatch { why, .. } => Some(why.as_str()),
        _ => None,
    });
    assert_eq!(why, Some("its bytes are not kept here any more"));
}

#[test]
fn renewing_a_channel_lists_the_same_under_the_next_number() {
    let desk = Desk::new(&root(1, &[key(4)]));
    desk.publish("1.0.0", &[key(4)]);
    let trusted = Trusted::follow(&desk.store, None).expect("a root");
    let channel = stable();
    let now = Timestamp::from_seconds(NOW + 1_000);
    let place = Place { network: NETWORK, channel: &channel, now, lifetime: DEFAULT_HEAD_LIFETIME };
    let (head, manifest) = renew(&trusted, place).expect("renewed");
    let path = desk.bundle_path();
    crate::bundle::BundleWriter::new(head, manifest).write(&path).expect("written");
    let mut bundle = Bundle::open(&path).expect("opens");
    bundle.sign(&[key(4)], &NETWORK).expect("signed");
    let before = trusted.head(&channel).expect("read").expect("there");
    desk.store.accept_head(bundle.signed_head(), &BTreeSet::new(), None).expect("kept");
    let after = trusted.head(&channel).expect("read").expect("there");
    head::continues(None, Some(&before), &after).expect("continues");
    assert_eq!(before.releases, after.releases);
    assert_eq!(after.expires, now.plus(DEFAULT_HEAD_LIFETIME));
}

/// A publisher's keys on disk, by name.
struct Keys {
    _home: tempfile::TempDir,
    ring: KeyRing,
    keys: BTreeMap<String, SecretKey>,
}

impl Keys {
    fn new(names: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let folder = KeyFolder::new(home.path().join("keys"));
        let keys = names.iter().map(|name| {
            let file = folder.generate(name.parse().expect("a name"), Protection::None);
            ((*name).to_owned(), file.expect("a key").unlock(None).expect("opens"))
        });
        let keys = keys.collect();
        Self { _home: home, ring: KeyRing::new(vec![folder]), keys }
    }

    fn role_root(&self, threshold: u16, names: &[&str]) -> Signed<Root> {
        let keys: Vec<_> =
            names.iter().map(|name| SecretKey::from_seed(&self.keys[*name].to_seed())).collect();
        root(threshold, &keys)
    }

    fn unlock(&self, root: &Signed<Root>, named: &[&str]) -> Result<Vec<SecretKey>, SignError> {
        let trusted = trust_first(root, &root.digest()).expect("trusted");
        let role = trusted.release_role(&stable()).expect("a role");
        let named: Vec<KeyReference> =
            named.iter().map(|name| name.parse().expect("a reference")).collect();
        let passwords = PasswordSource::from_environment(Asking::Never);
        unlock(&self.ring, &named, role, &stable(), &passwords)
    }
}

#[test]
fn too_few_signatures_name_who_signed_and_who_could() {
    let keys = Keys::new(&["ci", "dana", "erik", "mallory"]);
    let root = keys.role_root(2, &["ci", "dana", "erik"]);
    let desk = Desk::new(&root);
    desk.prepare("1.0.0").expect("prepared").write(&desk.bundle_path()).expect("written");
    let trusted = Trusted::follow(&desk.store, None).expect("a root");
    let role = trusted.role(&stable()).expect("a role");
    let names = keys.ring.names();
    let mut bundle = Bundle::open(&desk.bundle_path()).expect("opens");
    // The same key twice, by name and by file, is one key.
    let twice = keys.unlock(&root, &["ci", "ci"]).expect("unlocked");
    bundle.sign(&twice, &NETWORK).expect("signed");
    let Err(SignError::TooFew { need, signed, mut could, .. }) =
        Standing::of(&bundle, role, &names).enough(&stable())
    else {
        panic!("one of two is not enough");
    };
    could.sort();
    assert_eq!((need, signed, could), (2, vec!["ci".into()], vec!["dana".into(), "erik".into()]));
    bundle.sign(&keys.unlock(&root, &["dana"]).expect("unlocked"), &NETWORK).expect("signed");
    Standing::of(&bundle, role, &names).enough(&stable()).expect("two of two");
}

#[test]
fn a_key_outside_the_role_signs_nothing() {
    let keys = Keys::new(&["ci", "mallory"]);
    let root = keys.role_root(1, &["ci"]);
    let Err(SignError::NotInRole { key, could, .. }) = keys.unlock(&root, &["mallory"]) else {
        panic!("mallory has no say");
    };
    assert_eq!((key.as_str(), could), ("mallory", vec!["ci".to_owned()]));
}

#[test]
fn without_a_named_key_those_of_the_role_are_taken_and_no_more_than_needed() {
    let keys = Keys::new(&["a", "b", "c", "outsider"]);
    let root = keys.role_root(2, &["a", "b", "c"]);
    let taken: Vec<_> =
        keys.unlock(&root, &[]).expect("unlocked").iter().map(|key| key.public().id()).collect();
    assert_eq!(taken, [keys.keys["a"].public().id(), keys.keys["b"].public().id()]);
    let strangers = Keys::new(&["outsider"]);
    let Err(SignError::TooFew { signed, could, .. }) = strangers.unlock(&root, &[]) else {
        panic!("no key of the role is here");
    };
    assert_eq!((signed.len(), could.len()), (0, 3));
}

#[test]
fn a_signature_on_the_head_alone_is_not_a_signature_on_the_release() {
    let desk = Desk::new(&root(1, &[key(4)]));
    let prepared = desk.prepare("1.0.0").expect("prepared");
    let (mut head, manifest) = prepared.unsigned.clone();
    head.sign(&key(4), &NETWORK);
    prepared.built.write(head, manifest, &desk.bundle_path()).expect("written");
    let bundle = Bundle::open(&desk.bundle_path()).expect("opens");
    let trusted = Trusted::follow(&desk.store, None).expect("a root");
    let role = trusted.role(&stable()).expect("a role");
    assert!(Standing::of(&bundle, role, &BTreeMap::new()).enough(&stable()).is_err());
}

/// Answers as `honest` does, but for one lie.
struct Liar<'a> {
    honest: &'a Store,
    lie: Lie,
}

enum Lie {
    Root(Box<Signed<Root>>),
    Head(Box<Signed<Head>>),
    Manifest(Box<Signed<Manifest>>),
    OtherBlob,
    EndlessBlob,
}

impl Ledger for Liar<'_> {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        match &self.lie {
            Lie::Root(root) if version == 1 => Ok(Some((**root).clone())),
            _ => Ledger::root(self.honest, version),
        }
    }

    fn head_at(&self, channel: &ChannelName, _: u64) -> Result<Option<Signed<Head>>, LedgerError> {
        self.head(channel)
    }

    fn head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, LedgerError> {
        match &self.lie {
            Lie::Head(head) => Ok(Some((**head).clone())),
            _ => Ledger::head(self.honest, channel),
        }
    }

    fn manifest(
        &self,
        channel: &ChannelName,
        listing: &Listing,
    ) -> Result<Option<Signed<Manifest>>, LedgerError> {
        match &self.lie {
            Lie::Manifest(manifest) => Ok(Some((**manifest).clone())),
            _ => Ledger::manifest(self.honest, channel, listing),
        }
    }

    fn object(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        Ledger::object(self.honest, digest)
    }

    fn blob(&self, blob: &Blob, out: &mut dyn Write) -> Result<bool, LedgerError> {
        let write = |out: &mut dyn Write| {
            out.write_all(&[0; 4_096]).map_err(|error| LedgerError::new("a blob", error))
        };
        match &self.lie {
            Lie::OtherBlob => write(out).map(|()| true),
            Lie::EndlessBlob => loop {
                write(out)?;
            },
            _ => Ledger::blob(self.honest, blob, out),
        }
    }
}

#[test]
fn a_ledger_that_lies_is_not_believed() {
    let first = root(1, &[key(4)]);
    let desk = Desk::new(&first);
    let bundle = desk.publish("1.0.0", &[key(4)]);
    let lied = |lie: Lie| {
        let liar = Liar { honest: &desk.store, lie };
        let named = first.digest();
        let trusted = Trusted::follow(&liar, Some(&named))?;
        let mut prepared = prepare(
            &desk.source(),
            draft("1.1.0"),
            &trusted,
            EFFORT,
            desk.home.path(),
            &mut |_| {},
        )?;
        Ok::<_, PublishError>(std::mem::take(&mut prepared.built.manifest.patches))
    };
    desk.edit(1);
    let other_root = Lie::Root(Box::new(root(1, &[key(9)])));
    assert!(matches!(lied(other_root), Err(PublishError::Trust(TrustError::Root(_)))));
    let mut head = bundle.head().clone();
    head.releases.clear();
    let mut forged = Signed::unsigned(&head).expect("a head");
    forged.sign(&key(9), &NETWORK);
    let forged = Lie::Head(Box::new(forged));
    assert!(matches!(lied(forged), Err(PublishError::Trust(TrustError::Head { .. }))));
    let mut manifest = bundle.manifest().clone();
    manifest.notes = "forged".to_owned();
    let forged = Lie::Manifest(Box::new(Signed::unsigned(&manifest).expect("a manifest")));
    assert!(matches!(lied(forged), Err(PublishError::Trust(TrustError::Damaged { .. }))));
    for lie in [Lie::OtherBlob, Lie::EndlessBlob] {
        assert!(lied(lie).expect("goes out whole").is_empty());
    }
}

#[test]
fn a_channel_that_the_network_does_not_have_is_named_with_those_it_has() {
    let desk = Desk::new(&root(1, &[key(4)]));
    let trusted = Trusted::follow(&desk.store, None).expect("a root");
    let nightly = Draft { channel: "nightly".parse().expect("a channel"), ..draft("1.0.0") };
    let refused = prepare(&desk.source(), nightly, &trusted, EFFORT, desk.home.path(), &mut |_| {});
    let error = refused.expect_err("no such channel").to_string();
    assert!(error.contains("beta, canary, stable"), "{error}");
}
