//! Keys that take themselves back, and what the root makes of keys that were.

use updraft_protocol::{RevokedKey, Root, Statement, Timestamp};

use super::scene::{
    BRAKE, HOUR, RELEASE, ROOT, STRANGER, Scene, WITNESS, brake, first_head, first_root, head_of,
    heartbeat, id, manifest, next_head, next_root, revocation, role, root_with_release,
};

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let head_1 = first_head(zero);
    let head_2 = head_of(&head_1, &[&manifest(zero, "1.0.0"), &manifest(zero, "1.1.0")]);
    let [one, two, three] = RELEASE;
    let gone = |n| revocation(n, zero, &[n]);
    let replaced = root_with_release(&first_root(zero), role(2, &[12, 13, 14]), Some(&head_1));
    let revoked_by_root = Root {
        revoked: vec![RevokedKey { key: id(one), reason: "stolen".to_owned(), since: zero }],
        ..replaced.clone()
    };
    let everything =
        Root { witness: Some(role(2, &WITNESS)), brake: Some(role(1, &BRAKE)), ..first_root(zero) };
    vec![
        Scene::begun("self_revocation/a_release_key", zero)
            .with_statement("revocation", &gone(one))
            .with("head_2_by_revoked", &head_2, &[one, two])
            .with("head_2", &head_2, &[two, three]),
        Scene::begun("self_revocation/too_few_keys_are_left", zero)
            .with_statement("revocation_11", &gone(one))
            .with_statement("revocation_12", &gone(two))
            .with("head_2", &head_2, &RELEASE)
            .with(
                "root_2",
                &{ root_with_release(&first_root(zero), role(2, &[13, 14, 15]), Some(&head_1)) },
                &ROOT,
            )
            .with("head_2_by_new_keys", &head_2, &[14, 15]),
        Scene::begun("self_revocation/of_somebody_else", zero)
            .with_statement("by_another", &revocation(one, zero, &[two]))
            .with_statement("by_root_keys", &revocation(one, zero, &ROOT))
            .with_statement("unsigned", &revocation(one, zero, &[]))
            .with("head_2", &head_2, &[one, two]),
        Scene::begun("self_revocation/of_nobody", zero)
            .with_statement("revocation", &gone(STRANGER)),
        Scene::new("self_revocation/a_witness")
            .with("root_1", &everything, &ROOT)
            .with("head_1", &head_1, &RELEASE)
            .with_statement("by_21", &heartbeat(21, &head_1, zero))
            .with_statement("by_22", &heartbeat(22, &head_1, zero))
            .with_statement("revocation", &gone(21))
            .with_statement("by_23", &heartbeat(23, &head_1, zero)),
        Scene::new("self_revocation/a_brake_key")
            .with("root_1", &everything, &ROOT)
            .with("head_1", &head_1, &RELEASE)
            .with("release_1", &manifest(zero, "1.0.0"), &RELEASE)
            .with_statement("brake", &brake(BRAKE[0], None, zero))
            .with_statement("revocation", &gone(BRAKE[0]))
            .with_statement("again", &brake(BRAKE[0], None, zero.plus(HOUR))),
        Scene::begun("self_revocation/stays_when_the_root_changes", zero)
            .with_statement("revocation", &gone(one))
            .with(
                "root_2",
                &Root { expires: zero.plus(HOUR), ..next_root(&first_root(zero)) },
                &ROOT,
            )
            .with("head_2_by_revoked", &next_head(&head_1), &[one, two])
            .with("head_2", &next_head(&head_1), &[two, three]),
        Scene::begun("self_revocation/told_for_the_future", zero)
            .with_statement("revocation", &tomorrow(one, zero))
            .with("head_2_by_revoked", &head_2, &[one, two]),
        Scene::begun("revocation_by_the_root/a_release_signed_with_the_key", zero)
            .with("root_2", &revoked_by_root, &ROOT)
            .with("head_2_by_revoked", &head_2, &[one, two])
            .with("head_2", &head_2, &[two, three]),
    ]
}

fn tomorrow(n: u8, zero: Timestamp) -> Statement {
    revocation(n, zero.plus(24 * HOUR), &[n])
}
