//! Ways on random small graphs, against every way that there is: nothing cheaper is overlooked, and nothing is said to be
//! a way that is none.

mod releases;

use std::{collections::BTreeMap, time::Duration};

use proptest::{prelude::*, sample::select};
use updraft_delta::{
    Journey, Route,
    journey::{MAX_LEGS, journey, weigh_again},
    plan::{Base, BlobState, Excluded, NoRoute, Reach, Situation},
    rates::Rates,
};
use updraft_protocol::{Blob, Digest, Manifest, PatchCodec, PatchOffer};

use releases::{blob, held, installed, patch, rate, release, tree};

const MIB: u64 = 1024 * 1024;

/// What is made up about one blob.
#[derive(Debug, Clone)]
struct Bytes {
    size: u64,
    /// Of 10; both together are no more.
    verified: u64,
    spared: u64,
    holders: u32,
    excluded: bool,
}

/// From which tree to which one, and how; of a tree that is no release's there may be patches, too.
type Patch = (u8, u8, PatchCodec, Bytes);

#[derive(Debug, Clone)]
struct Graph {
    /// Contents and whole of each release.
    releases: Vec<(u64, Bytes)>,
    patches: Vec<Patch>,
    goal: u8,
    base: Option<(u8, u64)>,
    /// Whether what is installed is below the goal's minimum.
    below: bool,
    memory: u64,
    line: u64,
}

fn bytes() -> impl Strategy<Value = Bytes> {
    // A few values only: ways that cost the same are what is easily got wrong.
    let size = select(vec![1_000, 50_000, 1_000_000, 20_000_000]);
    let verified = select(vec![0, 0, 0, 5, 10]);
    (size, verified, select(vec![0, 0, 3, 5]), 0..3_u32, prop::bool::weighted(0.15)).prop_map(
        |(size, verified, spared, holders, excluded)| {
            let spared = spared.min(10 - verified);
            Bytes { size, verified, spared, holders, excluded }
        },
    )
}

fn graph() -> impl Strategy<Value = Graph> {
    let release = (select(vec![MIB, 10 * MIB, 40 * MIB]), bytes());
    let codec = select(PatchCodec::ALL.to_vec());
    let patch = (0..7_u8, 0..6_u8, codec, bytes());
    let memory = select(vec![0, 48 * MIB, 70 * MIB, 100 * MIB, u64::MAX, u64::MAX]);
    (
        prop::collection::vec(release, 1..=6),
        prop::collection::vec(patch, 0..14),
        0..6_u8,
        prop::option::of((0..7_u8, select(vec![MIB, 30 * MIB]))),
        prop::bool::weighted(0.1),
        memory,
        select(vec![10_000, 1_000_000, 100_000_000]),
    )
        .prop_map(|(releases, patches, goal, base, below, memory, line)| {
            let goal = goal % u8::try_from(releases.len()).expect("at most six");
            Graph { releases, patches, goal, base, below, memory, line }
        })
}

/// The graph as manifests and a situation, with what the planner is given.
struct World {
    manifests: Vec<Manifest>,
    blobs: BTreeMap<Digest, BlobState>,
    excluded: Excluded,
    base: Option<Base>,
    sizes: BTreeMap<Digest, u64>,
    goal: usize,
    memory: u64,
    rates: Rates,
}

impl World {
    fn of(graph: &Graph) -> Self {
        let version = if graph.below { "0.9.0" } else { "1.0.0" };
        let base = graph.base.map(|(number, bytes)| installed(version, tree(number), bytes));
        let rate = rate(graph.line);
        let mut world = Self {
            manifests: Vec::new(),
            blobs: BTreeMap::new(),
            excluded: Excluded::default(),
            sizes: base.iter().map(|base| (base.tree, base.bytes)).collect(),
            base,
            goal: usize::from(graph.goal),
            memory: graph.memory,
            rates: Rates { line: rate, holder: rate, ..Rates::ASSUMED },
        };
        for (number, (contents, whole)) in (0..).zip(&graph.releases) {
            let whole = world.blob(&format!("whole {number}"), whole);
            let of_it = graph.patches.iter().filter(|(from, to, ..)| *to == number && from != to);
            let mut patches = BTreeMap::new();
            for (from, _, codec, bytes) in of_it {
                let blob = world.blob(&format!("{codec:?} {from} {number}"), bytes);
                let offer = patch(&format!("1.{from}.0"), tree(from), *codec, blob);
                patches.insert((tree(*from), *codec), offer);
            }
            world.sizes.insert(tree(number), *contents);
            let patches = patches.into_values().collect();
            let version = format!("1.{}.0", number + 1);
            let release = release(&version, tree(number), *contents, whole);
            let min_version = "1.0.0".parse().ok();
            world.manifests.push(Manifest { min_version, patches, ..release });
        }
        world
    }

    fn blob(&mut self, name: &str, bytes: &Bytes) -> Blob {
        let blob = blob(name, bytes.size);
        let (verified, spared) = (bytes.size / 10 * bytes.verified, bytes.size / 10 * bytes.spared);
        let state = BlobState { spared, ..held(verified, bytes.holders) };
        self.blobs.insert(blob.digest, state);
        if bytes.excluded {
            self.excluded.exclude(blob.digest);
        }
        blob
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            base: self.base.as_ref(),
            blobs: &self.blobs,
            rates: self.rates,
            memory: self.memory,
            excluded: &self.excluded,
        }
    }

    fn known(&self) -> (&Manifest, Vec<&Manifest>) {
        let others = self.manifests.iter().enumerate().filter(|(at, _)| *at != self.goal);
        (&self.manifests[self.goal], others.map(|(_, manifest)| manifest).collect())
    }

    /// Whether a step may be taken at all, by the rules as they are told.
    fn may(&self, to: &Manifest, route: &Route) -> bool {
        let memory = match route {
            Route::Whole(_) => 0,
            Route::Reuse(_) if self.blobs[&to.whole.digest].spared == 0 => return false,
            Route::Reuse(_) => 0,
            Route::Patch(PatchOffer { codec: PatchCodec::BsdiffZstd, .. }) => 48 * MIB,
            // Of a tree that nobody knows there is nothing to start from.
            Route::Patch(offer) => match self.sizes.get(&offer.from_tree) {
                Some(old) => old + to.tree.bytes + 64 * MIB,
                None => return false,
            },
        };
        memory <= self.memory && !self.excluded.contains(&route.blob().digest)
    }

    /// Bytes that a step has to fetch.
    fn missing(&self, route: &Route) -> u64 {
        let state = self.blobs[&route.blob().digest];
        let all = route.blob().size - state.verified;
        match route {
            Route::Whole(_) | Route::Patch(_) => all,
            Route::Reuse(_) => all - state.spared,
        }
    }

    /// What a step takes.
    fn takes(&self, to: &Manifest, route: &Route) -> (Reach, Duration) {
        let (state, missing) = (self.blobs[&route.blob().digest], self.missing(route));
        let line = u64::from(state.holders.max(1)) * self.rates.holder.get();
        let line = line.min(self.rates.line.get());
        let apply = match route {
            Route::Whole(_) | Route::Reuse(_) => self.rates.unpack,
            Route::Patch(offer) => match offer.codec {
                PatchCodec::BsdiffZstd => self.rates.plain,
                PatchCodec::RefdiffFast => self.rates.fast,
                PatchCodec::RefdiffDense => self.rates.dense,
            },
        };
        let micros = missing * 1_000_000 / line + to.tree.bytes * 1_000_000 / apply.get();
        let is_known = missing == 0 || state.holders > 0;
        (if is_known { Reach::Known } else { Reach::Unknown }, Duration::from_micros(micros))
    }

    /// The best of all ways that go on from `at`, which took so much until there.
    fn best(
        &self,
        at: Option<Digest>,
        legs: usize,
        took: (Reach, Duration),
    ) -> Option<(Reach, Duration)> {
        let goal = self.manifests[self.goal].tree.object.digest;
        let here = (at == Some(goal) && legs > 0).then_some(took);
        if legs == MAX_LEGS {
            return here;
        }
        let installed = self.base.as_ref().map(|base| base.tree);
        let from = if legs == 0 { installed } else { at };
        let mut best = here;
        for to in &self.manifests {
            let wholes = [Route::Whole(to.whole), Route::Reuse(to.whole)];
            let whole = wholes.into_iter().filter(|_| legs == 0);
            let patches = to.patches.iter().filter(|patch| Some(patch.from_tree) == from);
            for route in whole.chain(patches.cloned().map(Route::Patch)) {
                if !self.may(to, &route) {
                    continue;
                }
                let (reach, cost) = self.takes(to, &route);
                let took = (took.0.max(reach), took.1 + cost);
                let on = self.best(Some(to.tree.object.digest), legs + 1, took);
                best = best.into_iter().chain(on).min();
            }
        }
        best
    }

    /// Every step can be taken, and starts where the one before it ends.
    fn check(&self, way: &Journey) {
        assert!((1..=MAX_LEGS).contains(&way.legs.len()));
        let mut at = self.base.as_ref().map(|base| base.tree);
        let (mut took, mut missing) = ((Reach::Known, Duration::ZERO), 0);
        for (number, leg) in way.legs.iter().enumerate() {
            let to = self.manifests.iter().find(|m| m.tree.object.digest == leg.to);
            let to = to.expect("leads to a release");
            match &leg.route {
                Route::Whole(whole) | Route::Reuse(whole) => {
                    assert_eq!((number, whole), (0, &to.whole))
                }
                Route::Patch(offer) => {
                    assert!(to.patches.contains(offer), "is on offer");
                    assert_eq!(Some(offer.from_tree), at);
                }
            }
            assert!(self.may(to, &leg.route));
            let (reach, cost) = self.takes(to, &leg.route);
            took = (took.0.max(reach), took.1 + cost);
            missing += self.missing(&leg.route);
            at = Some(leg.to);
        }
        assert_eq!(at, Some(self.manifests[self.goal].tree.object.digest));
        assert_eq!((way.reach, way.cost, way.missing), (took.0, took.1, missing));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_way_is_better_than_the_one_that_is_chosen(graph in graph()) {
        let world = World::of(&graph);
        let (goal, others) = world.known();
        let chosen = journey(goal, &others, &world.situation());
        if graph.base.is_some() && graph.below {
            let below = matches!(chosen, Err(NoRoute::BelowMinimum { .. }));
            prop_assert!(below);
            return Ok(());
        }
        let best = world.best(None, 0, (Reach::Known, Duration::ZERO));
        match chosen {
            Ok(way) => {
                world.check(&way);
                prop_assert_eq!(Some((way.reach, way.cost)), best);
                prop_assert_eq!(weigh_again(&way, goal, &others, &world.situation()), Some(way));
            }
            Err(error) => {
                let excluded = matches!(error, NoRoute::AllExcluded { .. });
                prop_assert!(excluded);
                prop_assert_eq!(best, None);
            }
        }
    }
}
