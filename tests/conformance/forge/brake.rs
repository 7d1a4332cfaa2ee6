//! One key pauses, for 72 hours and not again within a week; the release keys go on.

use updraft_protocol::{Brake, Root, Statement, Timestamp};

use super::scene::{
    BRAKE, DAY, HOUR, RELEASE, ROOT, STRANGER, Scene, brake, by_hand, envelope, first_head,
    first_root, lift, manifest, next_root, pause, role, signed,
};

/// Pauses of one channel that a node keeps of one of two keys, and one more.
const MORE_THAN_KEPT: u8 = 9;

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let release = manifest(zero, "1.0.0");
    let other = manifest(zero, "1.1.0");
    let begun = |name: &str| with_brakes(name, zero, &BRAKE);
    let long = pause(BRAKE[0], Some(&release), zero);
    let too_long = {
        let payload = signed(&long, &[]).payload().to_vec();
        let [ends, later] =
            [72 * HOUR, 72 * HOUR + 1].map(|after| zero.plus(after).as_seconds().to_le_bytes());
        super::scene::replaced(&payload, &ends, &later)
    };
    let a_day = Brake { expires: zero.plus(DAY), ..long };
    let by_a_thief = Statement::Brake(signed(&pause(BRAKE[0], None, zero), &[BRAKE[1]]));
    vec![
        begun("brake/one_key_pauses_a_release_for_72_hours")
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero)),
        begun("brake/not_for_longer").with_bytes("brake", statement_of(&too_long)),
        begun("brake/of_another_release")
            .with_statement("brake", &brake(BRAKE[0], Some(&other), zero)),
        begun("brake/of_the_whole_channel").with_statement("brake", &brake(BRAKE[0], None, zero)),
        begun("brake/not_again_within_a_week")
            .with_statement("brake", &Statement::Brake(signed(&a_day, &[BRAKE[0]])))
            .with_statement("after_a_day", &brake(BRAKE[0], Some(&release), zero.plus(DAY)))
            .with_statement("of_the_channel", &brake(BRAKE[0], None, zero.plus(DAY)))
            .with_statement("after_a_week", &brake(BRAKE[0], Some(&release), zero.plus(7 * DAY))),
        begun("brake/by_another_key_at_once")
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero))
            .with_statement("by_another", &brake(BRAKE[1], Some(&release), zero.plus(70 * HOUR))),
        begun("brake/by_a_stranger")
            .with_statement("brake", &brake(STRANGER, Some(&release), zero))
            .with_statement("by_release_keys", &brake(RELEASE[0], Some(&release), zero))
            .with_statement("in_anothers_name", &by_a_thief),
        begun("brake/ordered_for_the_future")
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero.plus(HOUR))),
        begun("brake/that_has_ended")
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero))
            .with_statement("late", &brake(BRAKE[1], Some(&release), zero)),
        begun("brake/heard_in_the_wrong_order")
            .with_statement("brake", &Statement::Brake(signed(&a_day, &[BRAKE[0]])))
            .with_statement("after_a_day", &brake(BRAKE[0], Some(&release), zero.plus(DAY))),
        begun("brake/lifted_by_the_release_keys")
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero))
            .with_statement("lift", &lift(&RELEASE[..2], Some(&release), zero.plus(HOUR)))
            .with_statement("once_more", &brake(BRAKE[1], Some(&release), zero.plus(2 * HOUR))),
        begun("brake/lifted_before_it_came")
            .with_statement("lift", &lift(&RELEASE[..2], Some(&release), zero.plus(HOUR)))
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero)),
        begun("brake/not_lifted_by_fewer")
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero))
            .with_statement("by_one", &lift(&RELEASE[..1], Some(&release), zero.plus(HOUR)))
            .with_statement("by_brakes", &lift(&BRAKE, Some(&release), zero.plus(HOUR))),
        begun("brake/after_a_root_without_its_key")
            .with_statement("brake", &brake(BRAKE[0], Some(&release), zero))
            .with(
                "root_2",
                &Root { brake: Some(role(1, &BRAKE[1..])), ..{ next_root(&braked(zero, &BRAKE)) } },
                &ROOT,
            ),
        full_table(zero),
    ]
}

/// The bytes of a brake that the library refuses to write, as a statement: its kind is number 1.
fn statement_of(payload: &[u8]) -> Vec<u8> {
    let signed = by_hand::<Brake>(payload, &BRAKE[..1]);
    assert_eq!(signed[..8], envelope(payload, &[])[..8]);
    [&1_u32.to_le_bytes()[..], &signed].concat()
}

fn braked(zero: Timestamp, keys: &[u8]) -> Root {
    Root { brake: Some(role(1, keys)), ..first_root(zero) }
}

fn with_brakes(name: &str, zero: Timestamp, keys: &[u8]) -> Scene {
    Scene::new(name)
        .with("root_1", &braked(zero, keys), &ROOT)
        .with("head_1", &first_head(zero), &RELEASE)
        .with("release_1", &manifest(zero, "1.0.0"), &RELEASE)
}

/// One key pauses one release after the other.
fn full_table(zero: Timestamp) -> Scene {
    let mut scene = with_brakes("brake/more_than_are_kept", zero, &BRAKE);
    for n in 1..=MORE_THAN_KEPT {
        let release = manifest(zero, &format!("2.0.{n}"));
        let order = brake(BRAKE[0], Some(&release), zero);
        scene = scene.with_statement(&format!("brake_{n:02}"), &order);
    }
    scene.with_statement("by_another", &brake(BRAKE[1], None, zero))
}
