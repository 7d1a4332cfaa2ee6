//! First steps: what is honest and is taken, what is unsigned, of the wrong type, other than what was named, or
//! never comes.

use updraft_protocol::{Digest, Head, Manifest, Root, Statement, Timestamp};

use super::scene::{
    RELEASE, ROOT, STRANGER, Scene, WITNESS, beat, by_hand, bytes, digest, envelope, first_head,
    first_root, head_of, heartbeat, listing, manifest, next_head, next_root, replaced, role,
    signature, signed,
};

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let mut scenes = first_steps(zero);
    scenes.extend(unsigned(zero));
    scenes.extend(mismatches(zero));
    scenes.extend(contents(zero));
    scenes.extend(absences(zero));
    scenes
}

fn first_steps(zero: Timestamp) -> Vec<Scene> {
    let root = first_root(zero);
    let payload = signed(&root, &[]).payload().to_vec();
    // Network, length of the name, its letters, the kind: then the number.
    let number = 32 + 8 + root.name.as_str().len() + 4;
    let without_version = [&payload[..number], &payload[number + 8..]].concat();
    let mut one_good = bytes(&signed(&root, &ROOT[..2]));
    let last = one_good.len() - 1;
    one_good[last] ^= 1;
    vec![
        Scene::begun("tuf/basic_refresh_trusted_data", zero),
        Scene::new("tuf/invalid_initial_root")
            .with_bytes("root_1", by_hand::<Root>(&without_version, &ROOT)),
        Scene::new("tuf/unsigned_initial_root").with_bytes("root_1_by_one", one_good).with(
            "root_1_by_strangers",
            &root,
            &[STRANGER, 98],
        ),
    ]
}

fn unsigned(zero: Timestamp) -> Vec<Scene> {
    let witnessed = Root { witness: Some(role(2, &WITNESS)), ..first_root(zero) };
    let head = first_head(zero);
    let head_2 = head_of(&head, &[&manifest(zero, "1.0.0"), &manifest(zero, "1.1.0")]);
    let word = beat(WITNESS[0], &head, zero);
    let unsigned_word = Statement::Heartbeat(signed(&word, &[]));
    let by_another = Statement::Heartbeat(signed(&word, &[WITNESS[1]]));
    vec![
        Scene::begun("tuf/unsigned_metadata/root", zero)
            .with("root_2", &next_root(&first_root(zero)), &[])
            .with("root_2_by_strangers", &next_root(&first_root(zero)), &[STRANGER, 98]),
        Scene::new("tuf/unsigned_metadata/timestamp")
            .with("root_1", &witnessed, &ROOT)
            .with("head_1", &head, &RELEASE)
            .with_statement("heartbeat", &unsigned_word)
            .with_statement("heartbeat_by_another", &by_another),
        Scene::begun("tuf/unsigned_metadata/snapshot", zero).with("head_2", &head_2, &[]).with(
            "head_2_by_one",
            &head_2,
            &RELEASE[..1],
        ),
        Scene::begun("tuf/unsigned_metadata/targets", zero).with("head_2", &head_2, &RELEASE).with(
            "release_2",
            &manifest(zero, "1.1.0"),
            &[],
        ),
    ]
}

fn mismatches(zero: Timestamp) -> Vec<Scene> {
    let root_3 = next_root(&next_root(&first_root(zero)));
    let leap = Root { version: 3, ..next_root(&first_root(zero)) };
    let head_1 = first_head(zero);
    let head_2 = next_head(&head_1);
    let lie = Head { seq: 3, ..head_2.clone() };
    let listed = manifest(zero, "1.1.0");
    let other = manifest(zero, "1.2.0");
    let mut otherwise = listing(&other);
    otherwise.version = listed.version.clone();
    let mislisting = Head { releases: vec![otherwise], ..head_2.clone() };
    vec![
        Scene::begun("tuf/url_and_metadata_version_mismatch/root", zero)
            .with("root_3", &root_3, &ROOT)
            .with("root_2_called_3", &leap, &ROOT),
        Scene::begun("tuf/url_and_metadata_version_mismatch/snapshot", zero)
            .with("head_2", &head_2, &RELEASE)
            .with("head_2_called_3", &lie, &RELEASE),
        Scene::begun("tuf/url_and_metadata_version_mismatch/targets", zero)
            .with("head_2", &mislisting, &RELEASE)
            .with("release_2", &other, &RELEASE),
        Scene::begun("tuf/timestamp_content_changes", zero).with(
            "head_1_changed",
            &Head { releases: Vec::new(), ..head_1.clone() },
            &RELEASE,
        ),
        Scene::begun("tuf/snapshot_hash_mismatch", zero).with(
            "head_2",
            &Head { prev: Some(Digest::of(b"another")), ..head_2 },
            &RELEASE,
        ),
        mismatch_of_targets("tuf/basic_metadata_hash_support", zero),
        mismatch_of_targets("tuf/targets_hash_mismatch", zero),
    ]
}

/// A head that lists a release, and a manifest of the same name that has other notes.
fn mismatch_of_targets(name: &str, zero: Timestamp) -> Scene {
    let listed = manifest(zero, "1.1.0");
    let other = Manifest { notes: "not what was listed".to_owned(), ..listed.clone() };
    Scene::begun(name, zero)
        .with("head_2", &head_of(&first_head(zero), &[&listed]), &RELEASE)
        .with("release_2", &listed, &RELEASE)
        .with("release_2_other", &other, &RELEASE)
}

fn contents(zero: Timestamp) -> Vec<Scene> {
    let head = first_head(zero);
    let payload = signed(&head, &[]).payload().to_vec();
    let listed = manifest(zero, "1.1.0");
    let useless = signed(&head, &[RELEASE[2], STRANGER, RELEASE[0]]);
    vec![
        Scene::new("tuf/metadata_bytes_match")
            .with("root_1", &first_root(zero), &ROOT)
            .with_bytes("head_1", bytes(&useless)),
        Scene::begun("tuf/incorrect_metadata_type", zero)
            .with_bytes("root_2", by_hand::<Root>(&payload, &ROOT))
            .with_bytes("head_2", by_hand::<Head>(signed(&listed, &[]).payload(), &RELEASE))
            .with_bytes("release_2", by_hand::<Manifest>(&payload, &RELEASE))
            .with_bytes("head_2_signed_as_release", {
                let next = signed(&next_head(&head), &[]).payload().to_vec();
                let signatures: Vec<_> =
                    RELEASE.iter().map(|n| signature::<Manifest>(&next, *n)).collect();
                envelope(&next, &signatures)
            }),
        named_channel("tuf/unusual_role_name/question_mark", zero, "stabl?"),
        named_channel("tuf/unusual_role_name/hash", zero, "stabl#"),
        named_channel("tuf/unusual_role_name/leading_slash", zero, "/table"),
        named_channel("tuf/unusual_role_name/climbing", zero, "../sta"),
        Scene::begun("tuf/delegation_not_in_snapshot", zero).with(
            "head_of_beta",
            &Head { channel: "beta".parse().expect("a name"), ..head },
            &RELEASE,
        ),
    ]
}

/// A root 2 that names its channel so; of as many letters as `stable`.
fn named_channel(name: &str, zero: Timestamp, channel: &str) -> Scene {
    let payload = signed(&next_root(&first_root(zero)), &[]).payload().to_vec();
    let payload = replaced(&payload, b"stable", channel.as_bytes());
    Scene::begun(name, zero).with_bytes("root_2", by_hand::<Root>(&payload, &ROOT))
}

fn absences(zero: Timestamp) -> Vec<Scene> {
    let witnessed = Root { witness: Some(role(2, &WITNESS)), ..first_root(zero) };
    let head_1 = first_head(zero);
    let head_2 = head_of(&head_1, &[&manifest(zero, "1.0.0"), &manifest(zero, "1.1.0")]);
    assert_ne!(digest(&head_1), digest(&head_2));
    vec![
        Scene::new("tuf/timestamp_404")
            .with("root_1", &witnessed, &ROOT)
            .with("head_1", &head_1, &RELEASE)
            .with_statement("heartbeat_by_21", &heartbeat(WITNESS[0], &head_1, zero))
            .with_statement("heartbeat_by_22", &heartbeat(WITNESS[1], &head_1, zero)),
        Scene::begun("tuf/snapshot_404", zero).with("head_2", &head_2, &RELEASE).with(
            "head_3",
            &next_head(&head_2),
            &RELEASE,
        ),
        Scene::begun("tuf/targets_404", zero).with("head_2", &head_2, &RELEASE).with(
            "release_2",
            &manifest(zero, "1.1.0"),
            &RELEASE,
        ),
    ]
}
