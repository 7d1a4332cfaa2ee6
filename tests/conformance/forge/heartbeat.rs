//! Freshness without a server: which words of witnesses count, for which head, and for how long.

use updraft_protocol::{
    Head, Heartbeat, Root, Statement, Timestamp, limits::MAX_HEARTBEAT_LIFETIME,
};

use super::scene::{
    DAY, HOUR, RELEASE, ROOT, STRANGER, Scene, WITNESS, beat, by_hand, day_before, first_head,
    first_root, head_of, heartbeat, manifest, next_head, next_root, replaced, role, signed,
};

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let mut scenes = counted(zero);
    scenes.extend(timed(zero));
    scenes.extend(placed(zero));
    scenes
}

fn witnessed(zero: Timestamp) -> Root {
    Root { witness: Some(role(2, &WITNESS)), ..first_root(zero) }
}

fn begun(name: &str, zero: Timestamp) -> Scene {
    Scene::new(name).with("root_1", &witnessed(zero), &ROOT).with(
        "head_1",
        &first_head(zero),
        &RELEASE,
    )
}

fn said(word: &Heartbeat, by: u8) -> Statement {
    Statement::Heartbeat(signed(word, &[by]))
}

fn counted(zero: Timestamp) -> Vec<Scene> {
    let head = first_head(zero);
    let [one, two, ..] = WITNESS;
    vec![
        begun("heartbeat/two_of_three", zero)
            .with_statement("by_21", &heartbeat(one, &head, zero))
            .with_statement("by_22", &heartbeat(two, &head, zero)),
        begun("heartbeat/one_witness_twice", zero)
            .with_statement("by_21", &heartbeat(one, &head, zero))
            .with_statement("by_21_later", &heartbeat(one, &head, zero.plus(60)))
            .with_statement("by_22", &heartbeat(two, &head, zero)),
        begun("heartbeat/by_a_stranger", zero)
            .with_statement("by_21", &heartbeat(one, &head, zero))
            .with_statement("by_a_stranger", &heartbeat(STRANGER, &head, zero))
            .with_statement("in_anothers_name", &said(&beat(two, &head, zero), one)),
        begun("heartbeat/in_another_channel", zero).with_statement("by_21", &{
            heartbeat(one, &Head { channel: "beta".parse().expect("a name"), ..head }, zero)
        }),
    ]
}

fn timed(zero: Timestamp) -> Vec<Scene> {
    let head = first_head(zero);
    let [one, two, _] = WITNESS;
    let early = Timestamp::from_seconds(zero.as_seconds() - HOUR);
    let mut too_long = signed(&beat(one, &head, zero), &[]).payload().to_vec();
    let end = too_long.len() - 4;
    let lifetime = u32::try_from(MAX_HEARTBEAT_LIFETIME + 1).expect("a week");
    too_long.truncate(end);
    too_long.extend(lifetime.to_le_bytes());
    let word = by_hand::<Heartbeat>(&too_long, &[one]);
    vec![
        begun("heartbeat/expired_when_it_came", zero)
            .with_statement("by_21", &heartbeat(one, &head, zero))
            .with_statement("by_22", &heartbeat(two, &head, zero)),
        begun("heartbeat/expires_one_by_one", zero)
            .with_statement("by_21", &heartbeat(one, &head, zero))
            .with_statement("by_22", &heartbeat(two, &head, zero.plus(HOUR)))
            .with_statement("by_21_again", &heartbeat(one, &head, zero.plus(DAY))),
        begun("heartbeat/from_the_future", zero)
            .with_statement("by_21", &heartbeat(one, &head, zero.plus(HOUR)))
            .with_statement("by_22", &heartbeat(two, &head, zero.plus(600))),
        begun("heartbeat/counts_for_longer_than_a_week", zero)
            .with_bytes("by_21", [&0_u32.to_le_bytes()[..], &word].concat()),
        begun("heartbeat/an_older_one_comes_late", zero)
            .with_statement("by_21", &heartbeat(one, &head, zero))
            .with_statement("by_22", &heartbeat(two, &head, zero))
            .with_statement("by_22_before", &heartbeat(two, &head, early)),
    ]
}

fn placed(zero: Timestamp) -> Vec<Scene> {
    let head_1 = first_head(zero);
    let head_2 = head_of(&head_1, &[&manifest(zero, "1.0.0"), &manifest(zero, "1.1.0")]);
    let other = Head { expires: head_1.expires.plus(1), ..head_1.clone() };
    let [one, two, three] = WITNESS;
    let late = zero.plus(HOUR);
    let others = Root { witness: Some(role(2, &[22, 24, 25])), ..next_root(&witnessed(zero)) };
    let first = replaced(&1_u64.to_le_bytes(), &1_u64.to_le_bytes(), &0_u64.to_le_bytes());
    let number_zero = {
        let payload = signed(&beat(one, &head_1, zero), &[]).payload().to_vec();
        // Network, witness, length of the channel, its letters: then the number.
        let at = 32 + 32 + 8 + 6;
        [&payload[..at], &first, &payload[at + 8..]].concat()
    };
    let word = by_hand::<Heartbeat>(&number_zero, &[one]);
    let both = |scene: Scene| {
        scene
            .with_statement("by_21", &heartbeat(one, &head_1, zero))
            .with_statement("by_22", &heartbeat(two, &head_1, zero))
    };
    assert!(head_1.time >= day_before(zero));
    vec![
        begun("heartbeat/for_another_head", zero)
            .with_statement("by_21", &heartbeat(one, &other, zero))
            .with_statement("by_22", &heartbeat(two, &other, zero)),
        begun("heartbeat/for_head_zero", zero)
            .with_bytes("by_21", [&0_u32.to_le_bytes()[..], &word].concat()),
        both(begun("heartbeat/for_the_head_before", zero))
            .with("head_2", &head_2, &RELEASE)
            .with_statement("later_by_22", &heartbeat(two, &head_2, late))
            .with_statement("later_by_23", &heartbeat(three, &head_2, late)),
        begun("heartbeat/for_a_head_that_has_not_come", zero)
            .with_statement("by_21", &heartbeat(one, &head_2, zero))
            .with_statement("by_22", &heartbeat(two, &head_2, zero))
            .with("head_2", &head_2, &RELEASE),
        begun("heartbeat/by_a_witness_that_goes_back", zero)
            .with("head_2", &next_head(&head_1), &RELEASE)
            .with_statement("by_21", &heartbeat(one, &next_head(&head_1), zero))
            .with_statement("by_21_back", &heartbeat(one, &head_1, zero.plus(60))),
        both(begun("heartbeat/after_a_root_with_other_witnesses", zero))
            .with("root_2", &others, &ROOT)
            .with_statement("by_21_again", &heartbeat(one, &head_1, late))
            .with_statement("by_24", &heartbeat(24, &head_1, late)),
    ]
}
