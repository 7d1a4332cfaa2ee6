//! Ways through other releases, as a table.

mod releases;

use std::collections::BTreeMap;

use updraft_delta::{
    Journey,
    journey::{MAX_LEGS, journey, weigh_again},
    plan::{Base, BlobState, Excluded, NoRoute, Reach, Situation},
    rates::Rates,
};
use updraft_protocol::{Digest, Manifest, PatchCodec};

use releases::{blob, held, installed, patch, rate, tree};

const WHOLE: u64 = 10_000_000;
const PATCH: u64 = 500_000;
const CONTENTS: u64 = 30_000_000;

/// Release 1.`minor`.0, with a patch from the one before it.
fn release(minor: u32) -> Manifest {
    let version = |minor: u32| format!("1.{minor}.0");
    let offer = |from: u32| {
        let blob = blob(&format!("patch {from} to {minor}"), PATCH);
        patch(&version(from), tree(from), PatchCodec::BsdiffZstd, blob)
    };
    let whole = blob(&format!("whole {minor}"), WHOLE);
    let release = releases::release(&version(minor), tree(minor), CONTENTS, whole);
    Manifest { patches: minor.checked_sub(1).map(offer).into_iter().collect(), ..release }
}

struct World {
    releases: Vec<Manifest>,
    blobs: BTreeMap<Digest, BlobState>,
    excluded: Excluded,
    base: Option<Base>,
    memory: u64,
}

impl World {
    fn new(releases: u32) -> Self {
        let releases = (0..releases).map(release).collect();
        let (blobs, excluded) = (BTreeMap::new(), Excluded::default());
        Self { releases, blobs, excluded, base: None, memory: u64::MAX }
    }

    fn installed(mut self, minor: u32) -> Self {
        self.base = Some(installed(&format!("1.{minor}.0"), tree(minor), CONTENTS));
        self
    }

    fn held(mut self, names: &[&str]) -> Self {
        for name in names {
            self.blobs.insert(Digest::of(name.as_bytes()), held(0, 2));
        }
        self
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            base: self.base.as_ref(),
            blobs: &self.blobs,
            rates: Rates { line: rate(10_000_000), holder: rate(2_000_000), ..Rates::ASSUMED },
            memory: self.memory,
            excluded: &self.excluded,
        }
    }

    fn known(&self) -> (&Manifest, Vec<&Manifest>) {
        let (goal, others) = self.releases.split_last().expect("not empty");
        (goal, others.iter().collect())
    }

    fn journey(&self) -> Result<Journey, NoRoute> {
        let (goal, others) = self.known();
        journey(goal, &others, &self.situation())
    }

    fn way(&self) -> Result<(Vec<String>, Reach), NoRoute> {
        self.journey().map(|way| (way.steps(), way.reach))
    }

    fn again(&self, way: &Journey) -> Option<Journey> {
        let (goal, others) = self.known();
        weigh_again(way, goal, &others, &self.situation())
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

#[test]
fn a_patch_that_takes_too_much_memory_is_left_out_wherever_it_stands() {
    let names = ["whole 2", "patch 0 to 1", "patch 1 to 2"];
    let mut world = World::new(3).installed(0).held(&names);
    world.releases[2].patches[0].codec = PatchCodec::RefdiffFast;
    world.memory = 2 * CONTENTS + 64 * 1024 * 1024;
    assert_eq!(world.way().map(|(steps, _)| steps.len()), Ok(2));
    world.memory -= 1;
    assert_eq!(world.way(), way(&["whole"], Reach::Known));
    world.memory = 0;
    assert_eq!(world.way(), way(&["whole"], Reach::Known));
}

#[test]
fn releases_on_the_way_are_not_run_so_their_minimum_does_not_count() {
    let mut world = World::new(3).installed(0).held(&["patch 0 to 1", "patch 1 to 2"]);
    world.releases[1].min_version = "1.0.5".parse().ok();
    let steps = ["patch from 1.0.0", "patch from 1.1.0"];
    assert_eq!(world.way(), way(&steps, Reach::Known));
    world.releases[2].min_version = "1.0.5".parse().ok();
    assert!(matches!(world.way(), Err(NoRoute::BelowMinimum { .. })));
}

#[test]
fn a_cheap_way_that_cannot_be_asked_for_wins_where_the_other_cannot_either() {
    // Nobody has the last patch, so no way is known; the whole that somebody has in between is of no use then.
    let mut world = World::new(2).installed(0).held(&["whole 0"]);
    world.base = None;
    world.excluded.exclude(Digest::of(b"whole 1"));
    let small = blob("another whole 0", 1_000);
    let mut another = world.releases[0].clone();
    another.whole = small;
    world.releases.insert(0, another);
    let way = world.journey().expect("a way");
    assert_eq!((way.reach, way.missing), (Reach::Unknown, 1_000 + PATCH));
}

#[test]
fn a_way_is_weighed_again_and_left_only_for_much_less() {
    let whole = |world: &mut World, verified: u64| {
        world.blobs.insert(Digest::of(b"whole 1"), held(verified, 2));
        world.journey().expect("a way")
    };
    let mut world = World::new(2).installed(0).held(&["patch 0 to 1"]);
    let patch = world.journey().expect("the patch");
    assert_eq!(patch.steps(), ["patch from 1.0.0"]);
    // The patch takes 0.125 s and 0.5 s; unpacking the whole 0.15 s. Four fifths of 0.625 s are 0.5 s: 0.35 s of bytes.
    let just = WHOLE - 1_400_000;
    for (verified, leaves) in [(just, true), (just - 8, false)] {
        let other = whole(&mut world, verified);
        assert_eq!(other.steps(), ["whole"]);
        let now = world.again(&patch).expect("still a way");
        assert_eq!(now, patch);
        assert_eq!(now.is_worth_leaving_for(&other), leaves, "{verified}");
        assert!(!other.is_worth_leaving_for(&now), "nobody goes back");
        assert!(!now.is_worth_leaving_for(&now));
    }
    world.blobs.remove(&Digest::of(b"patch 0 to 1"));
    let other = whole(&mut world, 0);
    let now = world.again(&patch).expect("still a way");
    assert!(now.cost < other.cost && now.is_worth_leaving_for(&other), "nobody holds it");
    world.excluded.exclude(Digest::of(b"patch 0 to 1"));
    assert_eq!(world.again(&patch), None);
}
