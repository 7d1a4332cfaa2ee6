//! What a bundle promises: it comes back as written, and no file that lies about itself is opened.

use std::{fs, io::Read as _, path::PathBuf};

use updraft_protocol::{
    Blob, Compatibility, Digest, Head, Listing, Manifest, NetworkId, ObjectRef, ReleaseKind,
    SecretKey, Severity, Signed, Timestamp, TreeRef, threshold::Role,
};

use super::{ALIGNMENT, Bundle, BundleError, BundleWriter, PREFIX};

const NETWORK: NetworkId = NetworkId::from_bytes([9; 32]);
const BLOB: &[u8] = b"the whole artifact, as its blob";
const TREE: &[u8] = b"stands for a tree's encoding";
const CHUNKS: &[u8] = b"stands for a chunk list's encoding";

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn blob() -> Blob {
    Blob {
        digest: Digest::of(BLOB),
        size: BLOB.len() as u64,
        chunks: ObjectRef::of(CHUNKS).expect("small"),
    }
}

fn manifest() -> Manifest {
    Manifest {
        network: NETWORK,
        component: "demo".parse().expect("a name"),
        version: "1.0.0".parse().expect("a version"),
        target: "any".parse().expect("a target"),
        channel: "stable".parse().expect("a channel"),
        created: Timestamp::from_seconds(1),
        kind: ReleaseKind::Feature,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        source: None,
        notes: String::new(),
        tree: TreeRef { object: ObjectRef::of(TREE).expect("small"), entries: 1, bytes: 1 },
        whole: blob(),
        patches: Vec::new(),
    }
}

fn head(manifest: &Manifest, digest: Digest) -> Head {
    Head {
        network: NETWORK,
        channel: manifest.channel.clone(),
        seq: 1,
        prev: None,
        time: Timestamp::from_seconds(1),
        expires: Timestamp::from_seconds(2),
        releases: vec![Listing {
            component: manifest.component.clone(),
            target: manifest.target.clone(),
            version: manifest.version.clone(),
            manifest: digest,
        }],
        withdrawn: Vec::new(),
        min_supported: Vec::new(),
    }
}

fn signed() -> (Signed<Head>, Signed<Manifest>) {
    let manifest = manifest();
    let signed = Signed::unsigned(&manifest).expect("a manifest");
    let head = head(&manifest, signed.digest());
    (Signed::unsigned(&head).expect("a head"), signed)
}

struct Desk {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("demo.bundle");
    Desk { _folder: folder, path }
}

fn written() -> Desk {
    let desk = desk();
    let (head, manifest) = signed();
    let mut writer = BundleWriter::new(head, manifest);
    writer.object(TREE.to_vec()).expect("small");
    writer.object(CHUNKS.to_vec()).expect("small");
    writer.blob(&blob(), BLOB);
    writer.write(&desk.path).expect("written");
    desk
}

#[test]
fn what_was_written_comes_back() {
    let desk = written();
    let bundle = Bundle::open(&desk.path).expect("opens");
    assert_eq!(bundle.manifest(), &manifest());
    assert_eq!(bundle.object(&Digest::of(TREE)).expect("there"), TREE);
    assert_eq!(bundle.object(&Digest::of(CHUNKS)).expect("there"), CHUNKS);
    let mut bytes = Vec::new();
    bundle.blob_reader(&blob().digest).expect("there").read_to_end(&mut bytes).expect("read");
    assert_eq!(bytes, BLOB);
    bundle.verify().expect("intact");
    let other = Digest::of(b"other");
    assert!(matches!(bundle.object(&other), Err(BundleError::Missing(_))));
    assert!(matches!(bundle.blob_reader(&other), Err(BundleError::Missing(_))));
}

#[test]
fn signers_add_to_each_other_and_the_parts_stay() {
    let desk = written();
    let role = Role::new(2, vec![key(1).public(), key(2).public()]).expect("a role");
    for n in [1, 2, 1] {
        let mut bundle = Bundle::open(&desk.path).expect("opens");
        bundle.sign(&[key(n)], &NETWORK).expect("signed");
    }
    let bundle = Bundle::open(&desk.path).expect("opens");
    assert_eq!(bundle.signed_head().signatures().len(), 2);
    bundle.signed_head().verify(&NETWORK, &role).expect("enough");
    bundle.signed_manifest().verify(&NETWORK, &role).expect("enough");
    bundle.verify().expect("intact");
    let here = fs::read_dir(desk.path.parent().expect("a folder")).expect("read").count();
    assert_eq!(here, 1, "no temporary file is left");
}

#[test]
fn a_bundle_cut_anywhere_or_with_bytes_after_its_end_is_refused() {
    let desk = written();
    let good = fs::read(&desk.path).expect("read");
    let tail = good.len() - 40..good.len();
    for length in (0..PREFIX + 4).chain([100, 4_095, 4_096, 4_097]).chain(tail) {
        fs::write(&desk.path, &good[..length]).expect("written");
        assert!(Bundle::open(&desk.path).is_err(), "{length} bytes");
    }
    let mut long = good.clone();
    long.push(0);
    fs::write(&desk.path, &long).expect("written");
    assert!(matches!(Bundle::open(&desk.path), Err(BundleError::Length { .. })));
}

#[test]
fn a_length_that_lies_is_refused_before_anything_is_read() {
    let desk = written();
    let good = fs::read(&desk.path).expect("read");
    let real = u32::from_le_bytes(good[16..20].try_into().expect("four bytes"));
    for length in [0, 1, real - 1, real + 1, 4_096, 1 << 24, u32::MAX] {
        let mut bad = good.clone();
        bad[16..20].copy_from_slice(&length.to_le_bytes());
        fs::write(&desk.path, &bad).expect("written");
        assert!(Bundle::open(&desk.path).is_err(), "{length}");
    }
}

#[test]
fn every_flipped_byte_is_refused_or_seen_by_verify() {
    let desk = written();
    let good = fs::read(&desk.path).expect("read");
    let begin = usize::try_from(ALIGNMENT).expect("small");
    // Every byte of header and parts, and a few of the padding, which is all alike.
    let header = u32::from_le_bytes(good[16..20].try_into().expect("four bytes")) as usize;
    let bytes = (0..PREFIX + header + 8).chain(begin - 8..good.len());
    for at in bytes {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        fs::write(&desk.path, &bad).expect("written");
        let accepted = Bundle::open(&desk.path).and_then(|bundle| {
            bundle.verify()?;
            Ok(bundle)
        });
        // A head's own fields are vouched for by signatures alone, and those of a manifest by the head.
        if let Ok(bundle) = accepted {
            assert_ne!(bundle.signed_head().digest(), signed().0.digest(), "byte {at}");
        }
    }
}

#[test]
fn a_part_that_the_manifest_does_not_name_is_refused() {
    let (head, manifest) = signed();
    let desk = desk();
    let mut writer = BundleWriter::new(head.clone(), manifest.clone());
    writer.object(b"smuggled".to_vec()).expect("small");
    assert!(matches!(writer.write(&desk.path), Err(BundleError::Unfitting(_))));
    let mut writer = BundleWriter::new(head, manifest);
    writer.blob(&Blob { digest: Digest::of(b"x"), size: 1, ..blob() }, &b"x"[..]);
    assert!(matches!(writer.write(&desk.path), Err(BundleError::Unfitting(_))));
    assert!(!desk.path.exists());
}

#[test]
fn a_blob_with_other_bytes_is_not_written() {
    let too_long = [BLOB, b"x"].concat();
    for bytes in [&b"short"[..], &too_long, &[0; 31]] {
        let desk = desk();
        let (head, manifest) = signed();
        let mut writer = BundleWriter::new(head, manifest);
        writer.blob(&blob(), bytes);
        assert!(matches!(writer.write(&desk.path), Err(BundleError::Damaged(_))));
        assert!(!desk.path.exists());
    }
}

#[test]
fn a_head_that_lists_another_release_is_refused() {
    let manifest = manifest();
    let signed = Signed::unsigned(&manifest).expect("a manifest");
    let mut unlisted = head(&manifest, Digest::of(b"another"));
    let mut renamed = head(&manifest, signed.digest());
    renamed.releases[0].version = "9.9.9".parse().expect("a version");
    let mut other_network = head(&manifest, signed.digest());
    other_network.network = NetworkId::from_bytes([1; 32]);
    unlisted.seq = 1;
    for head in [unlisted, renamed, other_network] {
        let head = Signed::unsigned(&head).expect("a head");
        let desk = desk();
        let refused = BundleWriter::new(head, signed.clone()).write(&desk.path);
        assert!(matches!(refused, Err(BundleError::Unfitting(_))));
    }
}

#[test]
fn other_files_are_not_bundles() {
    let desk = desk();
    fs::write(&desk.path, "#!/bin/sh\necho this is a script\n").expect("written");
    assert!(matches!(Bundle::open(&desk.path), Err(BundleError::NotABundle(_))));
    let folder = desk.path.parent().expect("a folder");
    assert!(Bundle::open(folder).is_err());
    assert!(matches!(Bundle::open(&folder.join("none")), Err(BundleError::Io { .. })));
}
