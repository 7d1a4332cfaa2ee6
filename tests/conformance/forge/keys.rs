//! How signers are counted: too few, too few keys, one key twice, and signatures that are worth nothing.

use updraft_protocol::{Head, PublicKey, Root, Timestamp};

use super::scene::{
    RELEASE, ROOT, STRANGER, Scene, by_hand, digest, envelope, first_head, first_root, head_of,
    key, manifest, next_head, next_root, replaced, role, role_bytes, root_with_release, signature,
    signed,
};

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let head_1 = first_head(zero);
    let head_2 = head_of(&head_1, &[&manifest(zero, "1.0.0"), &manifest(zero, "1.1.0")]);
    let payload = signed(&head_2, &[]).payload().to_vec();
    let sign = |n| signature::<Head>(&payload, n);
    let by = |signers: &[u8]| by_hand::<Head>(&payload, signers);
    let mut spoilt = sign(RELEASE[1]);
    spoilt[40] ^= 1;
    let three_of_three = root_with_release(&first_root(zero), role(3, &RELEASE), Some(&head_1));
    assert_eq!(head_2.prev, Some(digest(&head_1)));
    vec![
        Scene::begun("tuf/snapshot_does_not_meet_threshold", zero)
            .with("root_2", &three_of_three, &ROOT)
            .with_bytes("head_2_by_two", by(&RELEASE[..2]))
            .with_bytes("head_2", by(&RELEASE)),
        Scene::begun("tuf/snapshot_has_too_few_keys", zero)
            .with_bytes("root_2", root_with_role(zero, 6, &five_keys()))
            .with_bytes("head_2", by(&RELEASE)),
        Scene::begun("tuf/duplicate_keys/in_a_role", zero)
            .with_bytes("root_2", root_with_role(zero, 2, &[key(11).public(); 2])),
        Scene::begun("tuf/duplicate_keys/in_signatures", zero)
            .with_bytes("head_2", by(&[RELEASE[0]; 9])),
        Scene::begun("tuf/duplicate_sig_keyids", zero)
            .with_bytes("head_2_by_one_twice", by(&[RELEASE[0], RELEASE[0]]))
            .with_bytes("head_2", by(&[RELEASE[0], RELEASE[0], RELEASE[1]])),
        Scene::begun("tuf/invalid_sig_in_valid_metadata", zero)
            .with_bytes("head_2_with_one_good", {
                envelope(&payload, &[spoilt.clone(), sign(RELEASE[0])])
            })
            .with_bytes("head_2", {
                envelope(&payload, &[spoilt, sign(STRANGER), sign(RELEASE[0]), sign(RELEASE[2])])
            }),
        Scene::begun("tuf/cached_role_is_verified_against_current_delegator", zero)
            .with(
                "root_2",
                &{
                    root_with_release(
                        &first_root(zero),
                        role(2, &super::scene::LATER),
                        Some(&head_1),
                    )
                },
                &ROOT,
            )
            .with("head_2_by_old_keys", &next_head(&head_1), &RELEASE)
            .with("head_2", &next_head(&head_1), &super::scene::LATER),
    ]
}

fn five_keys() -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = (11..16).map(|n| key(n).public()).collect();
    keys.sort_by_key(PublicKey::id);
    keys
}

/// A root 2 whose release role has this threshold and these keys, however wrong that is.
fn root_with_role(zero: Timestamp, threshold: u16, keys: &[PublicKey]) -> Vec<u8> {
    let root = next_root(&first_root(zero));
    let honest = &root.release[0].role;
    let old = role_bytes(u16::try_from(honest.threshold()).expect("small"), honest.keys());
    let payload = replaced(signed(&root, &[]).payload(), &old, &role_bytes(threshold, keys));
    by_hand::<Root>(&payload, &ROOT)
}
