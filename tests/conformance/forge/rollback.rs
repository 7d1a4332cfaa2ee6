//! Back to what was: heads and releases played again, numbers used up by a thief, and the way out of that.

use updraft_protocol::{Head, Heartbeat, Manifest, Root, Statement, Timestamp, Withdrawn};

use super::scene::{
    DAY, HOUR, LATER, RELEASE, ROOT, Scene, WITNESS, beat, bytes, digest, first_head, first_root,
    head_of, heartbeat, manifest, next_head, next_root, role, root_with_release, signed,
};

pub(super) fn scenes(zero: Timestamp) -> Vec<Scene> {
    let mut scenes = played_again(zero);
    scenes.extend(recoveries(zero));
    scenes.extend(witnessed(zero));
    scenes.extend([fast_forward(zero), many_changes(zero)]);
    scenes.extend(withdrawn(zero));
    scenes
}

fn played_again(zero: Timestamp) -> Vec<Scene> {
    let (old, new) = (manifest(zero, "1.0.0"), manifest(zero, "1.1.0"));
    let head_1 = first_head(zero);
    let head_2 = head_of(&head_1, &[&new]);
    let again = Head { seq: 3, prev: head_1.prev.or(Some(digest(&head_1))), ..head_1.clone() };
    let relisted = head_of(&head_2, &[&old]);
    let root_2 = next_root(&first_root(zero));
    let base = |name: &str| Scene::begun(name, zero).with("head_2", &head_2, &RELEASE);
    vec![
        base("tuf/new_timestamp_version_rollback"),
        base("tuf/snapshot_rollback/basic"),
        base("tuf/snapshot_rollback/with_hashes").with("head_3_after_1", &again, &RELEASE),
        base("tuf/targets_role_removal").with("release_2", &new, &RELEASE),
        base("tuf/targets_rollback/basic").with("release_2", &new, &RELEASE),
        base("tuf/targets_rollback/with_hashes").with("release_2", &new, &RELEASE).with(
            "release_1_again",
            &Manifest { version: new.version.clone(), ..old.clone() },
            &RELEASE,
        ),
        base("rollback/an_older_release_is_listed_again")
            .with("release_2", &new, &RELEASE)
            .with("head_3", &relisted, &RELEASE),
        Scene::begun("rollback/an_older_root", zero).with("root_2", &root_2, &ROOT).with(
            "root_2_other",
            &Root { expires: root_2.expires.plus(1), ..root_2.clone() },
            &ROOT,
        ),
        Scene::begun("rollback/a_root_that_forgets_a_revocation", zero)
            .with("root_2", &with_revoked(&root_2), &ROOT)
            .with(
                "root_3",
                &Root { revoked: Vec::new(), ..next_root(&with_revoked(&root_2)) },
                &ROOT,
            ),
    ]
}

fn with_revoked(root: &Root) -> Root {
    let since = root.issued;
    let key = super::scene::id(super::scene::STRANGER);
    let revoked =
        updraft_protocol::RevokedKey { key, reason: "found in a gutter".to_owned(), since };
    Root { revoked: vec![revoked], ..root.clone() }
}

/// A thief of the release keys signs one head after the other; the root's people name the head that stands.
fn recoveries(zero: Timestamp) -> Vec<Scene> {
    let root_1 = first_root(zero);
    let head_1 = first_head(zero);
    let evil = manifest(zero, "99999.0.0");
    let evil_2 = head_of(&head_1, &[&evil]);
    let evil_3 = next_head(&evil_2);
    let good = manifest(zero, "1.1.0");
    let good_2 = head_of(&head_1, &[&manifest(zero, "1.0.0"), &good]);
    let root_2 = root_with_release(&root_1, role(2, &LATER), Some(&head_1));
    let stolen = |name: &str| Scene::begun(name, zero).with("stolen_head_2", &evil_2, &RELEASE);
    let witnessed = Root { witness: Some(role(2, &WITNESS)), ..root_1 };
    let others = Root { witness: Some(role(2, &[24, 25])), ..next_root(&witnessed) };
    let forward = |witness| {
        let word = Heartbeat { seq: 1 << 62, ..beat(witness, &evil_2, zero) };
        Statement::Heartbeat(signed(&word, &[witness]))
    };
    vec![
        stolen("tuf/targets_fast_forward_recovery")
            .with("stolen_release", &evil, &RELEASE)
            .with("root_2", &root_2, &ROOT)
            .with("head_2", &good_2, &LATER)
            .with("release_2", &good, &LATER),
        stolen("tuf/new_snapshot_fast_forward_recovery")
            .with("stolen_head_3", &evil_3, &RELEASE)
            .with("root_2", &root_2, &ROOT)
            .with("head_1_by_later_keys", &head_1, &LATER)
            .with("head_2", &good_2, &LATER),
        Scene::new("tuf/new_timestamp_fast_forward_recovery")
            .with("root_1", &witnessed, &ROOT)
            .with("head_1", &head_1, &RELEASE)
            .with_statement("stolen_by_21", &forward(WITNESS[0]))
            .with_statement("stolen_by_22", &forward(WITNESS[1]))
            .with("root_2", &others, &ROOT)
            .with_statement("heartbeat_by_24", &heartbeat(24, &head_1, zero))
            .with_statement("heartbeat_by_25", &heartbeat(25, &head_1, zero)),
    ]
}

/// What witnesses say before and after the root's people throw back a channel, and when a clock goes back.
fn witnessed(zero: Timestamp) -> Vec<Scene> {
    let root_1 = Root { witness: Some(role(2, &WITNESS)), ..first_root(zero) };
    let head_1 = first_head(zero);
    let evil_2 = head_of(&head_1, &[&manifest(zero, "99999.0.0")]);
    let evil_3 = next_head(&evil_2);
    let good_2 = head_of(&head_1, &[&manifest(zero, "1.1.0")]);
    let root_2 = root_with_release(&root_1, role(2, &LATER), Some(&head_1));
    let begun = |name: &str| {
        Scene::new(name).with("root_1", &root_1, &ROOT).with("head_1", &head_1, &RELEASE)
    };
    let [now, later] = [zero, zero.plus(18 * DAY)];
    vec![
        begun("fast_forward/witnesses_go_on_after_the_recovery")
            .with("stolen_head_2", &evil_2, &RELEASE)
            .with("stolen_head_3", &evil_3, &RELEASE)
            .with_statement("stolen_by_21", &heartbeat(21, &evil_3, now))
            .with_statement("stolen_by_22", &heartbeat(22, &evil_3, now))
            .with("root_2", &root_2, &ROOT)
            .with("head_2", &good_2, &LATER)
            .with_statement("by_21", &heartbeat(21, &good_2, now.plus(HOUR)))
            .with_statement("by_22", &heartbeat(22, &good_2, now.plus(HOUR))),
        begun("rollback/of_the_clock")
            .with_statement("by_21", &heartbeat(21, &head_1, now))
            .with_statement("by_22", &heartbeat(22, &head_1, now))
            .with_statement("by_23", &heartbeat(23, &head_1, now))
            .with_statement("later_by_21", &heartbeat(21, &head_1, later))
            .with_statement("later_by_22", &heartbeat(22, &head_1, later)),
    ]
}

/// Release keys sign the number 2^63.
fn fast_forward(zero: Timestamp) -> Scene {
    let head_1 = first_head(zero);
    let leap = Head { seq: 1 << 63, ..next_head(&head_1) };
    let end = Head { seq: u64::MAX, ..next_head(&head_1) };
    let root_2 = root_with_release(&first_root(zero), role(2, &LATER), Some(&head_1));
    let good = manifest(zero, "1.1.0");
    let head_2 = head_of(&head_1, &[&manifest(zero, "1.0.0"), &good]);
    Scene::begun("fast_forward/two_to_the_63", zero)
        .with("stolen_head", &leap, &RELEASE)
        .with("stolen_head_at_the_end", &end, &RELEASE)
        .with("root_2", &root_2, &ROOT)
        .with("head_2", &head_2, &LATER)
        .with("release_2", &good, &LATER)
        .with("head_3", &next_head(&head_2), &LATER)
}

/// Ten times a release is changed by its publisher, and then by somebody else.
fn many_changes(zero: Timestamp) -> Scene {
    let mut scene = Scene::begun("tuf/multiple_changes_to_target", zero);
    let mut head = first_head(zero);
    for n in 2..12 {
        let release = manifest(zero, &format!("1.0.{n}"));
        let forged = Manifest { notes: "malicious".to_owned(), ..release.clone() };
        head = Head { time: head.time, ..head_of(&head, &[&release]) };
        scene = scene
            .with(&format!("head_{n:02}"), &head, &RELEASE)
            .with(&format!("release_{n:02}"), &release, &RELEASE)
            .with_bytes(&format!("release_{n:02}_forged"), bytes(&signed(&forged, &RELEASE[..1])));
    }
    scene
}

fn withdrawn(zero: Timestamp) -> Vec<Scene> {
    let (old, new) = (manifest(zero, "1.0.0"), manifest(zero, "1.1.0"));
    let head_1 = first_head(zero);
    let head_2 = head_of(&head_1, &[&old, &new]);
    let head_3 = Head {
        withdrawn: vec![Withdrawn { manifest: digest(&new), reason: "eats files".to_owned() }],
        ..head_of(&head_2, &[&old])
    };
    let begun = |name: &str| {
        Scene::begun(name, zero)
            .with("head_2", &head_2, &RELEASE)
            .with("release_2", &new, &RELEASE)
            .with("head_3", &head_3, &RELEASE)
    };
    let both = Head { releases: head_2.releases.clone(), ..head_3.clone() };
    let payload = both_listed_and_withdrawn(&both, &head_3);
    vec![
        begun("withdrawn/a_release_that_was_withdrawn"),
        begun("withdrawn/by_one_key").with("head_3_by_one", &head_3, &RELEASE[..1]),
        begun("withdrawn/listed_and_withdrawn")
            .with_bytes("head_3_listed", super::scene::by_hand::<Head>(&payload, &RELEASE)),
    ]
}

/// The payload of a head that the library refuses to encode: the listings of one, the rest of another.
fn both_listed_and_withdrawn(listing: &Head, withdrawing: &Head) -> Vec<u8> {
    let listed = Head { withdrawn: Vec::new(), ..listing.clone() };
    let bare = Head { withdrawn: Vec::new(), ..withdrawing.clone() };
    let [listed, bare, full] =
        [&listed, &bare, withdrawing].map(|head| signed(head, &[]).payload().to_vec());
    // Both lists of `bare` are empty: 8 bytes each.
    let tail = &full[bare.len() - 16..];
    [&listed[..listed.len() - 16], tail].concat()
}
