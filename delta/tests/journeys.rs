//! Ways through other releases, as a table.

use std::{collections::BTreeMap, num::NonZeroU64};

use updraft_delta::{
    journey::{MAX_LEGS, journey},
    plan::{Base, BlobState, Excluded, NoRoute, Rates, Reach, Situation},
};
use updraft_protocol::{
    Blob, Compatibility, Digest, Manifest, NetworkId, ObjectRef, PatchCodec, PatchOffer,
    ReleaseKind, Severity, Timestamp, TreeRef,
};

const WHOLE: u64 = 10_000_000;
const PATCH: u64 = 500_000;

fn blob(name: &str, size: u64) -> Blob {
    let chunks = ObjectRef::of(name.as_bytes()).expect("small");
    Blob { digest: Digest::of(name.as_bytes()), size, chunks }
}

fn tree(minor: u32) -> Digest {
    Digest::of(format!("tree {minor}").as_bytes())
}

/// Release 1.`minor`.0, with a patch from the one before it.
fn release(minor: u32) -> Manifest {
    let object = ObjectRef { digest: tree(minor), size: 10 };
    let patch = |from: u32| PatchOffer {
        from: format!("1.{from}.0").parse().expect("a version"),
        from_tree: tree(from),
        codec: PatchCodec::BsdiffZstd,
        blob: blob(&format!("patch {from} to {minor}"), PATCH),
    };
    Manifest {
        network: NetworkId::from_bytes([1; 32]),
        component: "demo-app".parse().expect("a name"),
        version: format!("1.{minor}.0").parse().expect("a version"),
        target: "any".parse().expect("a target"),
        channel: "stable".parse().expect("a name"),
        created: Timestamp::from_seconds(1),
        kind: ReleaseKind::Bugfix,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        source: None,
        notes: String::new(),
        tree: TreeRef { object, entries: 1, bytes: 30_000_000 },
        whole: blob(&format!("whole {minor}"), WHOLE),
        patches: minor.checked_sub(1).map(patch).into_iter().collect(),
    }
}

struct World {
    releases: Vec<Manifest>,
    blobs: BTreeMap<Digest, BlobState>,
    excluded: Excluded,
    base: Option<Base>,
}

impl World {
    fn new(releases: u32) -> Self {
        let releases = (0..releases).map(release).collect();
        Self { releases, blobs: BTreeMap::new(), excluded: Excluded::default(), base: None }
    }

    fn installed(mut self, minor: u32) -> Self {
        let version = format!("1.{minor}.0").parse().expect("a version");
        self.base = Some(Base { tree: tree(minor), version });
        self
    }

    fn held(mut self, names: &[&str]) -> Self {
        for name in names {
            let state = BlobState { verified: 0, holders: 2 };
            self.blobs.insert(Digest::of(name.as_bytes()), state);
        }
        self
    }

    fn way(&self) -> Result<(Vec<String>, Reach), NoRoute> {
        let rate = |mbps: u64| NonZeroU64::new(mbps * 1_000_000).expect("not zero");
        let rates = Rates { line: rate(10), holder: rate(2), unpack: rate(200), patch: rate(60) };
        let situation = Situation {
            base: self.base.as_ref(),
            blobs: &self.blobs,
            rates,
            excluded: &self.excluded,
        };
        let (goal, others) = self.releases.split_last().expect("not empty");
        let others: Vec<&Manifest> = others.iter().collect();
        journey(goal, &others, &situation).map(|way| (way.steps(), way.reach))
    }
}

fn way(steps: &[&str], reach: Reach) -> Result<(Vec<String>, Reach), NoRoute> {
    Ok((steps.iter().map(|step| (*step).to_owned()).collect(), reach))
}

#[test]
fn a_latecomer_goes_through_an_older_whole_when_nobody_holds_the_newest() {
    let world = World::new(2).held(&["whole 0", "patch 0 to 1"]);
    assert_eq!(world.way(), way(&["whole", "patch from 1.0.0"], Reach::Known));
}

#[test]
fn small_patches_in_a_row_beat_the_whole() {
    let names = ["whole 3", "patch 0 to 1", "patch 1 to 2", "patch 2 to 3"];
    let world = World::new(4).installed(0).held(&names);
    let steps = ["patch from 1.0.0", "patch from 1.1.0", "patch from 1.2.0"];
    assert_eq!(world.way(), way(&steps, Reach::Known));
}

#[test]
fn the_whole_is_taken_when_a_patch_between_is_missing() {
    let world = World::new(3).installed(0).held(&["whole 2", "patch 0 to 1"]);
    assert_eq!(world.way(), way(&["whole"], Reach::Known));
}

#[test]
fn no_way_is_longer_than_the_limit() {
    let names: Vec<String> = (0..9).map(|n| format!("patch {n} to {}", n + 1)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["whole 9"]).collect();
    let (steps, _) = World::new(10).installed(0).held(&names).way().expect("a way");
    assert!(steps.len() <= MAX_LEGS);
    assert_eq!(steps, ["whole"]);
}

#[test]
fn with_nothing_known_the_way_is_still_named_and_said_to_be_unknown() {
    assert_eq!(World::new(1).way(), way(&["whole"], Reach::Unknown));
}

#[test]
fn a_way_with_an_excluded_blob_is_not_taken_and_without_any_left_that_is_said() {
    let mut world = World::new(2).installed(0).held(&["whole 1", "patch 0 to 1"]);
    assert_eq!(world.way(), way(&["patch from 1.0.0"], Reach::Known));
    world.excluded.exclude(Digest::of(b"patch 0 to 1"));
    assert_eq!(world.way(), way(&["whole"], Reach::Known));
    world.excluded.exclude(Digest::of(b"whole 1"));
    world.excluded.exclude(Digest::of(b"whole 0"));
    assert!(matches!(world.way(), Err(NoRoute::AllExcluded { .. })));
}
