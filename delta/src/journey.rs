//! The way to a release through other releases: a whole artifact or a patch, then patches. Pure.
//!
//! A node that comes late may find nobody who holds the newest release whole, and many who hold an older one
//! and the patches since; one that was away for three releases may be better served by three small patches than
//! by the whole. Costs are those of [`crate::plan`], and steps add up.

use std::collections::BTreeMap;

use updraft_protocol::{Digest, Manifest, PatchOffer};

use crate::plan::{NoRoute, Plan, Reach, Route, Situation, cost};

/// Steps of a way at most: each one writes the whole contents once more.
pub const MAX_LEGS: usize = 4;

/// One step of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Digest of the tree it leads to.
    pub to: Digest,
    /// How.
    pub route: Route,
}

/// A way to a release and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// The steps, in order; at least one.
    pub legs: Vec<Leg>,
    /// Bytes to fetch.
    pub missing: u64,
    /// Whether they can all be asked for.
    pub reach: Reach,
    /// Time it takes.
    pub cost: std::time::Duration,
}

impl Journey {
    /// The way in words: `whole`, or `patch from 1.0.0`, then the patches after it.
    pub fn describe(&self) -> String {
        self.steps().join(", then ")
    }

    /// Each step in words.
    pub fn steps(&self) -> Vec<String> {
        let word = |leg: &Leg| match &leg.route {
            Route::Whole(_) => "whole".to_owned(),
            Route::Patch(offer) => format!("patch from {}", offer.from),
        };
        self.legs.iter().map(word).collect()
    }

    fn first(leg: Leg, plan: &Plan) -> Self {
        Self { legs: vec![leg], missing: plan.missing, reach: plan.reach, cost: plan.cost }
    }

    fn and(&self, leg: Leg, plan: &Plan) -> Self {
        let mut legs = self.legs.clone();
        legs.push(leg);
        Self {
            legs,
            missing: self.missing.saturating_add(plan.missing),
            reach: self.reach.max(plan.reach),
            cost: self.cost.saturating_add(plan.cost),
        }
    }

    fn is_better_than(&self, other: &Self) -> bool {
        (self.reach, self.cost, self.legs.len()) < (other.reach, other.cost, other.legs.len())
    }
}

/// The cheapest way to `goal`, straight or through `others` (releases of the same component).
///
/// Ways whose bytes can all be asked for come before others, then the cheapest, then the one with fewer steps.
///
/// # Errors
/// [`NoRoute`] when the installed version is below the goal's minimum or one of its barriers, or every way has an excluded blob in it.
pub fn journey(
    goal: &Manifest,
    others: &[&Manifest],
    situation: &Situation<'_>,
) -> Result<Journey, NoRoute> {
    if let Some(base) = situation.base
        && let Some(minimum) = goal.stop_before(&base.version)
    {
        let (installed, minimum) = (base.version.clone(), minimum.clone());
        return Err(NoRoute::BelowMinimum { installed, minimum });
    }
    let manifests: Vec<&Manifest> = std::iter::once(goal).chain(others.iter().copied()).collect();
    let mut best: BTreeMap<Digest, Journey> = BTreeMap::new();
    for manifest in &manifests {
        for route in first_steps(manifest, situation) {
            arrive(&mut best, step(manifest, route, None, situation));
        }
    }
    for _ in 1..MAX_LEGS {
        let reached = best.clone();
        for manifest in &manifests {
            for patch in usable_patches(manifest, situation) {
                if let Some(before) = reached.get(&patch.from_tree) {
                    let route = Route::Patch(patch.clone());
                    arrive(&mut best, step(manifest, route, Some(before), situation));
                }
            }
        }
    }
    let tried = 1 + goal.patches.len();
    best.remove(&goal.tree.object.digest).ok_or(NoRoute::AllExcluded { tried })
}

/// Steps that need nothing fetched before them: the whole, and patches from what is installed.
fn first_steps(manifest: &Manifest, situation: &Situation<'_>) -> Vec<Route> {
    let whole = Some(manifest.whole).filter(|whole| !situation.excluded.contains(&whole.digest));
    let installed = situation.base.map(|base| base.tree);
    let patches = usable_patches(manifest, situation)
        .filter(|patch| Some(patch.from_tree) == installed)
        .map(|patch| Route::Patch(patch.clone()));
    whole.map(Route::Whole).into_iter().chain(patches).collect()
}

fn usable_patches<'a>(
    manifest: &'a Manifest,
    situation: &'a Situation<'_>,
) -> impl Iterator<Item = &'a PatchOffer> {
    manifest.patches.iter().filter(|patch| !situation.excluded.contains(&patch.blob.digest))
}

fn step(
    manifest: &Manifest,
    route: Route,
    before: Option<&Journey>,
    situation: &Situation<'_>,
) -> Journey {
    let plan = cost(route.clone(), manifest.tree.bytes, situation);
    let leg = Leg { to: manifest.tree.object.digest, route };
    match before {
        Some(before) => before.and(leg, &plan),
        None => Journey::first(leg, &plan),
    }
}

fn arrive(best: &mut BTreeMap<Digest, Journey>, journey: Journey) {
    let Some(end) = journey.legs.last().map(|leg| leg.to) else { return };
    // A way that comes through one place twice is never the cheapest, and never better than what it begins with.
    if best.get(&end).is_none_or(|known| journey.is_better_than(known)) {
        best.insert(end, journey);
    }
}
