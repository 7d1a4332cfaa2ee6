//! What has run out: roots, heads, words of witnesses, offered anew or known for long.

use updraft_protocol::{Head, Heartbeat, Root, Statement, Timestamp};

use super::scene::{
    DAY, HOUR, RELEASE, ROOT, Scene, WITNESS, beat, day_before, first_head, first_root, head_of,
    heartbeat, manifest, next_head, next_root, role, signed,
};

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let root_1 = first_root(zero);
    let head_1 = first_head(zero);
    let expired_root = Root { expires: day_before(zero).plus(HOUR), ..next_root(&root_1) };
    let expired_head = Head { expires: head_1.time.plus(2 * HOUR), ..next_head(&head_1) };
    let witnessed = Root { witness: Some(role(2, &WITNESS)), ..root_1.clone() };
    let long_ago = |witness| {
        let word = beat(witness, &head_1, day_before(zero));
        let word = Heartbeat { valid_for: 3_600, ..word };
        Statement::Heartbeat(signed(&word, &[witness]))
    };
    let short_root = Root { expires: zero.plus(7 * DAY), ..next_root(&root_1) };
    let short_head = Head { expires: zero.plus(7 * DAY), ..first_head(zero) };
    let later = zero.plus(18 * DAY);
    let late_head = Head {
        time: later,
        expires: later.plus(3 * DAY),
        ..head_of(&short_head, &[&manifest(zero, "1.0.0"), &manifest(zero, "1.1.0")])
    };
    let long_root =
        Root { issued: later, expires: later.plus(365 * DAY), ..next_root(&short_root) };
    vec![
        Scene::begun("tuf/root_expired", zero).with("root_2", &expired_root, &ROOT).with(
            "head_2",
            &next_head(&head_1),
            &RELEASE,
        ),
        Scene::new("tuf/timestamp_expired")
            .with("root_1", &witnessed, &ROOT)
            .with("head_1", &head_1, &RELEASE)
            .with_statement("heartbeat_by_21", &long_ago(WITNESS[0]))
            .with_statement("heartbeat_by_22", &long_ago(WITNESS[1])),
        Scene::begun("tuf/snapshot_expired", zero).with("head_2", &expired_head, &RELEASE),
        Scene::begun("tuf/expired_local_root", zero)
            .with("root_2", &short_root, &ROOT)
            .with("root_3", &long_root, &ROOT),
        Scene::new("tuf/expired_local_timestamp/head")
            .with("root_1", &root_1, &ROOT)
            .with("head_1", &short_head, &RELEASE)
            .with("head_2", &late_head, &RELEASE),
        Scene::new("tuf/expired_local_timestamp/heartbeat")
            .with("root_1", &witnessed, &ROOT)
            .with("head_1", &head_1, &RELEASE)
            .with_statement("heartbeat_by_21", &heartbeat(WITNESS[0], &head_1, zero))
            .with_statement("heartbeat_by_22", &heartbeat(WITNESS[1], &head_1, zero))
            .with("head_2", &Head { time: later, ..next_head(&head_1) }, &RELEASE)
            .with_statement("later_by_22", &{
                heartbeat(WITNESS[1], &Head { time: later, ..next_head(&head_1) }, later)
            })
            .with_statement("later_by_23", &{
                heartbeat(WITNESS[2], &Head { time: later, ..next_head(&head_1) }, later)
            }),
    ]
}
