//! Two histories of one channel: who is frozen by them, who is not, and what ends it.

use updraft_protocol::{ChannelRole, Equivocation, Head, RevokedKey, Root, Statement, Timestamp};

use super::scene::{
    RELEASE, ROOT, STRANGER, Scene, WITNESS, first_head, first_root, head_of, heartbeat, id,
    manifest, next_head, next_root, proof, role, root_with_release, signed,
};

/// Signers of the two halves: key 11 signs both.
const HALVES: [&[u8]; 2] = [&[11, 12], &[11, 13]];

/// What splits a network: two heads 2 on one head 1.
struct Split {
    head_1: Head,
    ours: Head,
    theirs: Head,
}

impl Split {
    fn new(zero: Timestamp) -> Self {
        let head_1 = first_head(zero);
        let ours = head_of(&head_1, &[&manifest(zero, "1.1.0")]);
        let theirs = head_of(&head_1, &[&manifest(zero, "6.6.6")]);
        Self { head_1, ours, theirs }
    }

    fn proof(&self) -> Statement {
        proof((&self.ours, HALVES[0]), (&self.theirs, HALVES[1]))
    }

    fn begun(&self, name: &str, zero: Timestamp) -> Scene {
        Scene::begun(name, zero)
            .with("head_2", &self.ours, HALVES[0])
            .with("head_2_of_others", &self.theirs, HALVES[1])
            .with_statement("proof", &self.proof())
    }

    /// A root that takes these keys out of `stable` and names our head 2 as the one that stands.
    fn root_with(&self, zero: Timestamp, keys: &[u8]) -> Root {
        root_with_release(&first_root(zero), role(2, keys), Some(&self.ours))
    }
}

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let mut scenes = freezes(zero);
    scenes.push(full_table(zero));
    scenes.extend(ends(zero));
    scenes.extend(views(zero));
    scenes
}

fn freezes(zero: Timestamp) -> Vec<Scene> {
    let split = Split::new(zero);
    let rogue: &[u8] = &[11];
    let other_seq = proof((&split.head_1, &RELEASE), (&split.ours, &RELEASE));
    let of_strangers = proof((&split.ours, &[STRANGER, 98]), (&split.theirs, &[STRANGER, 98]));
    let nobody_twice = proof((&split.ours, &[11, 12]), (&split.theirs, &[13]));
    let apart = proof((&split.ours, &[11, 12]), (&split.theirs, &[13, 14]));
    let four = Root {
        release: vec![ChannelRole {
            role: role(2, &[11, 12, 13, 14]),
            ..first_root(zero).release[0].clone()
        }],
        ..first_root(zero)
    };
    vec![
        split.begun("freeze/by_two_heads", zero).with("head_3", &next_head(&split.ours), &RELEASE),
        split.begun("freeze/by_a_proof", zero).with("head_3", &next_head(&split.ours), &RELEASE),
        split.begun("freeze/by_a_proof_before_any_head", zero),
        Scene::begun("freeze/not_by_one_rogue_key", zero)
            .with("head_2", &split.ours, HALVES[0])
            .with("head_2_by_one", &split.theirs, rogue)
            .with_statement("alarm", &proof((&split.ours, HALVES[0]), (&split.theirs, rogue)))
            .with("head_3", &next_head(&split.ours), &RELEASE),
        split
            .begun("freeze/although_the_proof_was_stripped_first", zero)
            .with_statement("stripped", &{ proof((&split.ours, rogue), (&split.theirs, rogue)) }),
        split.begun("freeze/although_one_key_signed_first", zero).with(
            "head_2_by_one",
            &split.theirs,
            rogue,
        ),
        Scene::begun("freeze/not_by_a_claim", zero)
            .with("head_2", &split.ours, HALVES[0])
            .with_statement("heads_of_two_numbers", &other_seq)
            .with_statement("heads_of_strangers", &of_strangers)
            .with_statement("heads_nobody_signed_both", &nobody_twice)
            .with("head_3", &next_head(&split.ours), &RELEASE),
        Scene::new("freeze/by_keys_of_which_none_signed_both")
            .with("root_1", &four, &ROOT)
            .with("head_1", &split.head_1, &RELEASE)
            .with("head_2", &split.ours, &[11, 12])
            .with_statement("proof", &apart),
    ]
}

/// Four of five keys have to sign, and four are stolen: their smaller sets sign two heads each, then all of them.
fn full_table(zero: Timestamp) -> Scene {
    let split = Split::new(zero);
    let stolen = [11, 12, 13, 14];
    let five =
        ChannelRole { role: role(4, &[11, 12, 13, 14, 15]), ..first_root(zero).release[0].clone() };
    let mut scene = Scene::new("freeze/although_the_table_is_full")
        .with("root_1", &Root { release: vec![five], ..first_root(zero) }, &ROOT)
        .with("head_1", &split.head_1, &stolen)
        .with("head_2", &split.ours, &stolen)
        .with_statement("proof", &proof((&split.ours, &stolen), (&split.theirs, &stolen)));
    for set in 1_u8..15 {
        let members: Vec<u8> =
            (0..4_u8).filter(|n| set >> n & 1 == 1).map(|n| stolen[usize::from(n)]).collect();
        let other = head_of(&split.head_1, &[&manifest(zero, &format!("6.6.{set}"))]);
        let alarm = proof((&split.ours, &members), (&other, &members));
        scene = scene.with_statement(&format!("alarm_{set:02}"), &alarm);
    }
    scene
}

fn ends(zero: Timestamp) -> Vec<Scene> {
    let split = Split::new(zero);
    let without_culprit = split.root_with(zero, &[12, 13, 14]);
    let from_before =
        root_with_release(&first_root(zero), role(2, &[11, 12, 14]), Some(&split.head_1));
    let settled = root_with_release(&from_before, role(2, &[11, 12, 14]), Some(&split.ours));
    let untouched = next_root(&first_root(zero));
    let since = untouched.issued;
    let unrelated = Root {
        revoked: vec![RevokedKey { key: id(STRANGER), reason: String::new(), since }],
        ..untouched
    };
    let after = next_head(&split.ours);
    vec![
        split
            .begun("freeze/ended_by_a_root_without_the_key", zero)
            .with("root_2", &without_culprit, &ROOT)
            .with("head_3", &after, &[12, 14])
            .with("head_2_by_who_stay", &split.ours, &[12, 13]),
        split
            .begun("freeze/not_by_a_key_that_is_gone", zero)
            .with("root_2", &without_culprit, &ROOT)
            .with("head_3", &after, &[12, 14]),
        Scene::begun("freeze/not_ended_by_a_root_that_removes_another_key", zero)
            .with("head_2", &split.ours, &RELEASE)
            .with_statement("proof", &proof((&split.ours, &RELEASE), (&split.theirs, &RELEASE)))
            .with("root_2", &from_before, &ROOT)
            .with("root_3", &settled, &ROOT)
            .with("head_3", &after, &[11, 12]),
        split
            .begun("freeze/not_ended_by_a_root_that_changes_nothing", zero)
            .with("root_2", &unrelated, &ROOT)
            .with("head_3", &after, &RELEASE),
    ]
}

fn views(zero: Timestamp) -> Vec<Scene> {
    let split = Split::new(zero);
    let witnessed = Root { witness: Some(role(2, &WITNESS)), ..first_root(zero) };
    let begun = |name: &str| {
        Scene::new(name)
            .with("root_1", &witnessed, &ROOT)
            .with("head_1", &split.head_1, &RELEASE)
            .with("head_2", &split.ours, HALVES[0])
    };
    let theirs_3 = next_head(&split.theirs);
    let backwards =
        Equivocation::new(signed(&split.theirs, HALVES[1]), signed(&split.ours, HALVES[0]));
    vec![
        begun("split_view/witnesses_of_two_halves_make_none_fresh")
            .with_statement("ours_by_21", &heartbeat(21, &split.ours, zero))
            .with_statement("theirs_by_22", &heartbeat(22, &split.theirs, zero))
            .with_statement("theirs_by_23", &heartbeat(23, &split.theirs, zero)),
        begun("split_view/two_halves_meet")
            .with("head_2_of_others", &split.theirs, HALVES[1])
            .with("head_3_of_others", &theirs_3, HALVES[1]),
        begun("split_view/a_late_head_of_the_past")
            .with("head_3", &next_head(&split.ours), HALVES[0])
            .with("head_2_of_others", &split.theirs, HALVES[1]),
        begun("split_view/the_same_proof_told_twice")
            .with_statement("proof", &split.proof())
            .with_statement("proof_the_other_way_round", &Statement::Equivocation(backwards)),
    ]
}
