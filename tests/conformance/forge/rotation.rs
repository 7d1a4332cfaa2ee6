//! TUF's tables of changed keys: fifteen of the root's, ten of the other roles'. The numbers are TUF's.

use updraft_protocol::{Root, Signable, Timestamp};

use super::scene::{
    RELEASE, ROOT, Scene, by_hand, first_head, first_root, head_of, manifest, next_root, role,
    root_with_release, signed,
};

/// Keys of a version, how many have to sign, and who does.
type Version = (&'static [u8], u16, &'static [u8]);

const ROOT_ROTATIONS: [(&str, &[Version]); 15] = [
    ("1-of-1-key-rotation", &[(&[1], 1, &[1]), (&[2], 1, &[2, 1]), (&[2], 1, &[2])]),
    (
        "1-of-1-key-rotation-unused-signatures",
        &[(&[1], 1, &[3, 1, 4]), (&[2], 1, &[3, 2, 1, 4]), (&[2], 1, &[3, 2, 4])],
    ),
    (
        "3-of-5-sign-with-different-keycombos",
        &[
            (&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            (&[0, 1, 2, 3, 4], 3, &[0, 4, 1]),
            (&[0, 1, 2, 3, 4], 3, &[0, 1, 3]),
            (&[0, 1, 2, 3, 4], 3, &[0, 1, 3]),
        ],
    ),
    (
        "3-of-5-one-key-rotated",
        &[(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), (&[0, 1, 3, 4, 5], 3, &[0, 4, 1])],
    ),
    (
        "3-of-5-one-key-rotated-with-intermediate-step",
        &[
            (&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            (&[0, 1, 3, 4, 5], 3, &[0, 2, 4, 5]),
            (&[0, 1, 3, 4, 5], 3, &[0, 4, 5]),
        ],
    ),
    (
        "3-of-5-all-keys-rotated-with-intermediate-step",
        &[
            (&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            (&[5, 6, 7, 8, 9], 3, &[0, 2, 4, 5, 6, 7]),
            (&[5, 6, 7, 8, 9], 3, &[5, 6, 7]),
        ],
    ),
    ("1-of-3-threshold-increase-to-2-of-3", &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[1, 2])]),
    (
        "2-of-3-threshold-decrease-to-1-of-3",
        &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1, 2]), (&[1, 2, 3], 1, &[1])],
    ),
    ("1-of-2-threshold-increase-to-2-of-2", &[(&[1], 1, &[1]), (&[1, 2], 2, &[1, 2])]),
    ("1-of-1-key-rotation-fail-not-signed-with-old-key", &[(&[1], 1, &[1]), (&[2], 1, &[2, 3, 4])]),
    ("1-of-1-key-rotation-fail-not-signed-with-new-key", &[(&[1], 1, &[1]), (&[2], 1, &[1, 3, 4])]),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys",
        &[(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), (&[0, 1, 3, 4, 5], 3, &[0, 2, 4])],
    ),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys",
        &[(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), (&[0, 1, 3, 4, 5], 3, &[0, 4, 5])],
    ),
    (
        "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached",
        &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[2])],
    ),
    (
        // TUF spells it so.
        "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-eached",
        &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1])],
    ),
];

const OTHER_ROTATIONS: [(&str, Version); 10] = [
    ("1-of-1-key-rotation", (&[2], 1, &[2])),
    ("1-of-1-key-rotation-unused-signatures", (&[1], 1, &[3, 1, 4])),
    ("1-of-1-key-rotation-fail-not-signed-with-new-key", (&[2], 1, &[1, 3, 4])),
    (
        "3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys",
        (&[0, 1, 3, 4, 5], 3, &[0, 2, 4]),
    ),
    ("2-of-5-one-key-signature-mising-threshold-not-reached", (&[0, 1, 3, 4, 5], 3, &[0, 4])),
    ("3-of-5-sign-first-combo", (&[0, 1, 2, 3, 4], 3, &[0, 2, 4])),
    ("3-of-5-sign-second-combo", (&[0, 1, 2, 3, 4], 3, &[0, 4, 1])),
    ("3-of-5-sign-third-combo", (&[0, 1, 2, 3, 4], 3, &[0, 1, 3])),
    ("3-of-5-sign-fourth-combo", (&[0, 1, 2, 3, 4], 3, &[1, 2, 3])),
    ("3-of-5-sign-fifth-combo", (&[0, 1, 2, 3, 4], 3, &[2, 3, 4])),
];

/// TUF's keys 0 to 9, apart from those of other scenes.
fn keys(numbers: &[u8]) -> Vec<u8> {
    numbers.iter().map(|n| 40 + n).collect()
}

/// Signed in this order, which is not that of the keys' ids.
fn in_order<T: Signable>(value: &T, signers: &[u8]) -> Vec<u8> {
    by_hand::<T>(signed(value, &[]).payload(), &keys(signers))
}

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let roots = ROOT_ROTATIONS.iter().map(|(name, versions)| of_root(name, versions, zero));
    let others = OTHER_ROTATIONS.iter().map(|(name, version)| of_release(name, *version, zero));
    roots.chain(others).collect()
}

fn of_root(name: &str, versions: &[Version], zero: Timestamp) -> Scene {
    let mut scene = Scene::new(format!("tuf/root_rotation/{name}"));
    let mut last: Option<Root> = None;
    for (n, (members, threshold, signers)) in versions.iter().enumerate() {
        let place = last.as_ref().map_or_else(|| first_root(zero), next_root);
        let root = Root { root: role(*threshold, &keys(members)), ..place };
        scene = scene.with_bytes(&format!("root_{}", n + 1), in_order(&root, signers));
        last = Some(root);
    }
    scene
}

/// Root 2 gives `stable` other keys; they, or others, sign head 2 and the release that it lists.
fn of_release(name: &str, (members, threshold, signers): Version, zero: Timestamp) -> Scene {
    let head_1 = first_head(zero);
    let release = manifest(zero, "1.1.0");
    let head_2 = head_of(&head_1, &[&release]);
    let root_2 =
        root_with_release(&first_root(zero), role(threshold, &keys(members)), Some(&head_1));
    Scene::new(format!("tuf/non_root_rotations/{name}"))
        .with("root_1", &first_root(zero), &ROOT)
        .with("head_1", &head_1, &RELEASE)
        .with("root_2", &root_2, &ROOT)
        .with_bytes("head_2", in_order(&head_2, signers))
        .with_bytes("release_2", in_order(&release, signers))
}
