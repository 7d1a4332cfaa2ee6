//! Ways of one step as a table: what is here and who holds what, and the route that follows.

mod releases;

use std::{collections::BTreeMap, time::Duration};

use updraft_delta::{
    Journey, Route,
    journey::journey,
    plan::{Base, BlobState, Excluded, NoRoute, Reach, Situation},
    rates::Rates,
};
use updraft_protocol::{Digest, Manifest, PatchCodec, PatchOffer};

use releases::{blob, held, installed, patch, rate, release, tree};

const MB: u64 = 1_000_000;
const WHOLE: u64 = 10 * MB;
const PATCH: u64 = MB;
const CONTENTS: u64 = 30 * MB;

/// Release 2.0.0 with a patch from tree 1.
fn manifest() -> Manifest {
    let offer = patch("1.0.0", tree(1), PatchCodec::BsdiffZstd, blob("patch", PATCH));
    let release = release("2.0.0", tree(2), CONTENTS, blob("whole", WHOLE));
    Manifest { patches: vec![offer], ..release }
}

/// A line of 10 MB/s, holders of 1 MB/s each, unpacking at 100 MB/s and patching at 30 MB/s.
fn rates() -> Rates {
    Rates {
        line: rate(10 * MB),
        holder: rate(MB),
        unpack: rate(100 * MB),
        plain: rate(30 * MB),
        fast: rate(30 * MB),
        dense: rate(3 * MB),
    }
}

/// What is installed: as much as is released.
fn base(number: u32, version: &str) -> Base {
    installed(version, tree(number), CONTENTS)
}

/// The way to a release, of which no other is known.
fn plan(manifest: &Manifest, situation: &Situation<'_>) -> Result<Journey, NoRoute> {
    let way = journey(manifest, &[], situation)?;
    assert_eq!(way.legs.len(), 1, "there is nothing to go through");
    Ok(way)
}

fn route(way: &Journey) -> &Route {
    &way.legs[0].route
}

/// One line of the table.
struct Case {
    name: &'static str,
    /// The number of the tree that is installed.
    base: Option<u32>,
    whole: BlobState,
    patch: BlobState,
    rates: Rates,
    excluded: &'static [&'static str],
    expected: &'static str,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            name: "",
            base: Some(1),
            whole: held(0, 2),
            patch: held(0, 2),
            rates: rates(),
            excluded: &[],
            expected: "",
        }
    }
}

impl Case {
    fn plan(&self) -> Result<Journey, NoRoute> {
        let base = self.base.map(|number| base(number, "1.0.0"));
        let blobs = BTreeMap::from([
            (Digest::of(b"whole"), self.whole),
            (Digest::of(b"patch"), self.patch),
        ]);
        let mut excluded = Excluded::default();
        for name in self.excluded {
            excluded.exclude(Digest::of(name.as_bytes()));
        }
        let situation = Situation {
            base: base.as_ref(),
            blobs: &blobs,
            rates: self.rates,
            memory: u64::MAX,
            excluded: &excluded,
        };
        plan(&manifest(), &situation)
    }
}

fn name(plan: &Result<Journey, NoRoute>) -> &'static str {
    match plan.as_ref().map(route) {
        Ok(Route::Whole(_)) => "whole",
        Ok(Route::Reuse(_)) => "reuse",
        Ok(Route::Patch(_)) => "patch",
        Err(_) => "none",
    }
}

#[test]
fn the_cheapest_route_is_taken() {
    let slow_patching = Rates { plain: rate(MB), ..rates() };
    let cases = [
        Case { name: "a patch saves bytes", expected: "patch", ..Case::default() },
        Case { name: "nothing installed", base: None, expected: "whole", ..Case::default() },
        Case {
            name: "another tree is installed",
            base: Some(0),
            expected: "whole",
            ..Case::default()
        },
        Case {
            name: "the whole has little to fetch beside files that are here",
            whole: BlobState { spared: WHOLE, ..held(0, 1) },
            expected: "reuse",
            ..Case::default()
        },
        Case {
            name: "the whole is here already",
            whole: held(WHOLE, 0),
            expected: "whole",
            ..Case::default()
        },
        Case {
            name: "most of the whole is here",
            whole: held(WHOLE - 100_000, 2),
            expected: "whole",
            ..Case::default()
        },
        Case {
            name: "the patch is here and the whole almost",
            whole: held(WHOLE - 5 * MB, 2),
            patch: held(PATCH, 0),
            expected: "patch",
            ..Case::default()
        },
        Case {
            name: "nobody is known to hold the patch",
            patch: held(0, 0),
            expected: "whole",
            ..Case::default()
        },
        Case {
            name: "nobody is known to hold anything yet",
            whole: held(0, 0),
            patch: held(0, 0),
            expected: "patch",
            ..Case::default()
        },
        Case {
            name: "nobody holds the patch, but it is here",
            patch: held(PATCH, 0),
            expected: "patch",
            ..Case::default()
        },
        Case {
            name: "patching is slower than the line",
            rates: slow_patching,
            expected: "whole",
            ..Case::default()
        },
        Case {
            name: "the whole has many more holders",
            whole: held(0, 100),
            patch: held(0, 1),
            rates: Rates { line: rate(1_000 * MB), ..rates() },
            expected: "whole",
            ..Case::default()
        },
        Case {
            name: "more holders do not widen the line",
            whole: held(0, 1_000),
            patch: held(0, 1),
            rates: Rates { line: rate(MB), ..rates() },
            expected: "patch",
            ..Case::default()
        },
        Case {
            name: "the patch failed before",
            excluded: &["patch"],
            expected: "whole",
            ..Case::default()
        },
        Case {
            name: "the whole failed before",
            excluded: &["whole"],
            expected: "patch",
            ..Case::default()
        },
        Case {
            name: "both failed before",
            excluded: &["whole", "patch"],
            expected: "none",
            ..Case::default()
        },
    ];
    for case in cases {
        assert_eq!(name(&case.plan()), case.expected, "{}", case.name);
    }
}

#[test]
fn a_plan_says_what_it_takes() {
    let case = Case { patch: held(PATCH / 2, 2), ..Case::default() };
    let plan = case.plan().expect("a route");
    assert_eq!(plan.missing, PATCH / 2);
    assert_eq!(plan.reach, Reach::Known);
    // Half a megabyte at 2 MB/s, then 30 MB at 30 MB/s.
    assert_eq!(plan.cost, Duration::from_millis(1_250));
}

#[test]
fn the_whole_is_first_among_equals() {
    let same = Rates { plain: rate(100 * MB), ..rates() };
    let case =
        Case { whole: held(WHOLE, 0), patch: held(PATCH, 0), rates: same, ..Case::default() };
    assert_eq!(name(&case.plan()), "whole");
}

#[test]
fn the_whole_is_always_among_the_routes() {
    let blobs = BTreeMap::new();
    let base = base(1, "1.0.0");
    for (base, memory) in [(None, u64::MAX), (Some(&base), u64::MAX), (Some(&base), 0)] {
        let with = |excluded: &Excluded| {
            let situation = Situation { base, blobs: &blobs, rates: rates(), memory, excluded };
            plan(&manifest(), &situation)
        };
        let best = with(&Excluded::default()).expect("routes");
        assert_eq!(best.reach, Reach::Unknown);
        // Whatever comes before it, the whole is left when that cannot be taken.
        let mut excluded = Excluded::default();
        excluded.exclude(Digest::of(b"patch"));
        let left = with(&excluded).expect("routes");
        assert!(matches!(route(&left), Route::Whole(_)));
        assert_eq!(left.reach, Reach::Unknown);
        excluded.exclude(Digest::of(b"whole"));
        assert!(matches!(with(&excluded), Err(NoRoute::AllExcluded { .. })));
    }
}

#[test]
fn a_version_below_the_minimum_has_no_direct_route_and_a_fresh_install_has() {
    let blobs = BTreeMap::new();
    let excluded = Excluded::default();
    let manifest = Manifest { min_version: "1.5.0".parse().ok(), ..manifest() };
    let with = |version: Option<&str>| {
        let base = version.map(|version| base(1, version));
        let situation = Situation {
            base: base.as_ref(),
            blobs: &blobs,
            rates: rates(),
            memory: u64::MAX,
            excluded: &excluded,
        };
        plan(&manifest, &situation)
    };
    assert!(matches!(with(Some("1.4.9")), Err(NoRoute::BelowMinimum { .. })));
    assert!(with(Some("1.5.0")).is_ok());
    assert!(with(None).is_ok());
}

#[test]
fn numbers_from_a_manifest_cannot_overflow_a_cost() {
    let mut manifest = manifest();
    manifest.whole.size = u64::MAX;
    manifest.tree.bytes = u64::MAX;
    let blobs = BTreeMap::from([(Digest::of(b"whole"), held(u64::MAX, u32::MAX))]);
    let excluded = Excluded::default();
    let rates = Rates { line: rate(1), holder: rate(u64::MAX), unpack: rate(1), ..rates() };
    let memory = u64::MAX;
    let situation = Situation { base: None, blobs: &blobs, rates, memory, excluded: &excluded };
    assert_eq!(plan(&manifest, &situation).expect("a route").missing, 0);
    manifest.whole.digest = Digest::of(b"other");
    assert_eq!(plan(&manifest, &situation).expect("a route").missing, u64::MAX);
}

const MIB: u64 = 1024 * 1024;

/// The offer that is taken where all three codecs are, by the rate of the line and the memory that there is. The dense
/// patch has 0.8 MB, the fast one 1 MB, the plain one 3 MB, the whole 10 MB; contents have 30 MB on both sides.
fn taken(line: u64, memory: u64, rates: Rates) -> Option<PatchCodec> {
    let mut manifest = manifest();
    let sizes = [(PatchCodec::BsdiffZstd, 3_000), (PatchCodec::RefdiffFast, 1_000)];
    let sizes = sizes.into_iter().chain([(PatchCodec::RefdiffDense, 800)]);
    let offer = manifest.patches[0].clone();
    manifest.patches = sizes
        .map(|(codec, size)| {
            let blob = blob(&format!("{codec:?}"), size * 1_000);
            PatchOffer { codec, blob, ..offer.clone() }
        })
        .collect();
    let held = manifest.blobs().map(|blob| (blob.digest, held(0, 8))).collect();
    let base = base(1, "1.0.0");
    let excluded = Excluded::default();
    let rates = Rates { line: rate(line), holder: rate(line), ..rates };
    let situation =
        Situation { base: Some(&base), blobs: &held, rates, memory, excluded: &excluded };
    let way = plan(&manifest, &situation).expect("a route");
    route(&way).patch().map(|patch| patch.codec)
}

#[test]
fn the_codec_is_chosen_by_line_memory_and_machine() {
    let (plain, fast, dense) =
        (PatchCodec::BsdiffZstd, PatchCodec::RefdiffFast, PatchCodec::RefdiffDense);
    let usual = Rates::ASSUMED;
    let quick = Rates { dense: rate(40 * MB), ..usual };
    let stuck = Rates { plain: rate(100_000), fast: rate(100_000), dense: rate(100_000), ..usual };
    let both = 2 * CONTENTS + 64 * MIB;
    let cases = [
        ("a fast line: time to apply decides", 12_500_000, u64::MAX, usual, Some(fast)),
        ("a slow line: bytes decide", 10_000, u64::MAX, usual, Some(dense)),
        ("a machine that was measured to be quick", 1_000_000, u64::MAX, quick, Some(dense)),
        ("a machine that is not, on the same line", 1_000_000, u64::MAX, usual, Some(fast)),
        ("just enough memory", 12_500_000, both, usual, Some(fast)),
        ("a byte too few: plain", 12_500_000, both - 1, usual, Some(plain)),
        ("the same on a slow line", 10_000, both - 1, usual, Some(plain)),
        ("just enough for plain", 12_500_000, 48 * MIB, usual, Some(plain)),
        ("a byte too few: whole", 12_500_000, 48 * MIB - 1, usual, None),
        ("no memory to speak of", 10_000, 0, usual, None),
        ("a line faster than the machine patches", 1_000_000_000, u64::MAX, stuck, None),
    ];
    for (name, line, memory, rates, expected) in cases {
        assert_eq!(taken(line, memory, rates), expected, "{name}");
    }
}
