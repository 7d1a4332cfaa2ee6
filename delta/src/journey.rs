//! The way to a release through other releases: a whole artifact or a patch, then patches. Pure.
//!
//! A node that comes late may find nobody who holds the newest release whole, and many who hold an older one
//! and the patches since; one that was away for three releases may be better served by three small patches than
//! by the whole. Costs are those of [`crate::plan`], and steps add up.

use std::{cmp::Ordering, collections::BTreeMap};

use updraft_protocol::{Digest, Manifest, PatchOffer};

use crate::plan::{NoRoute, Plan, Reach, Route, Situation, applies_within, cost};

/// Steps of a way at most: each one writes the whole contents once more.
pub const MAX_LEGS: usize = 4;

/// A way is left for another if that saves this share of what is left of it, in percent. Rates are guesses and holders
/// come and go: for less, a node would go back and forth and arrive later than by either way.
pub const WORTH_LEAVING_PERCENT: u32 = 20;

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
    /// The way in words: `whole`, perhaps `but for files that are here`, or `patch from 1.0.0`, then the patches after it.
    pub fn describe(&self) -> String {
        self.steps().join(", then ")
    }

    /// Each step in words.
    pub fn steps(&self) -> Vec<String> {
        let word = |leg: &Leg| match &leg.route {
            Route::Whole(_) => "whole".to_owned(),
            Route::Reuse(_) => "whole, but for files that are here".to_owned(),
            Route::Patch(offer) => format!("patch from {}", offer.from),
        };
        self.legs.iter().map(word).collect()
    }

    /// Whether somebody who goes this way does better to go the `other` one. Both are weighed as things stand now, so
    /// that bytes which are here cost nothing on either.
    pub fn is_worth_leaving_for(&self, other: &Self) -> bool {
        let left = self.cost.as_micros() * u128::from(100 - WORTH_LEAVING_PERCENT);
        match other.reach.cmp(&self.reach) {
            // What cannot be asked for cannot be waited for either.
            Ordering::Less => true,
            Ordering::Equal => other.cost.as_micros() * 100 <= left && other.cost < self.cost,
            Ordering::Greater => false,
        }
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

    fn is_shorter_than(&self, other: &Self) -> bool {
        (self.cost, self.legs.len()) < (other.cost, other.legs.len())
    }
}

/// The cheapest way to `goal`, straight or through `others` (releases of the same component).
///
/// Ways whose bytes can all be asked for come before others, then the cheapest, then the one with fewer steps. Releases
/// on the way are only unpacked and patched, never run: of all minimums and barriers the goal's alone count, against
/// what is installed.
///
/// # Errors
/// [`NoRoute`] when the installed version is below the goal's minimum or one of its barriers, or every way has an
/// excluded blob in it.
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
    let map = Map::new(goal, others, situation);
    let mut best = Ways::new();
    for manifest in &map.manifests {
        for route in map.first_steps(manifest) {
            arrive(&mut best, map.step(manifest, route, None));
        }
    }
    for _ in 1..MAX_LEGS {
        let reached = best.clone();
        for manifest in &map.manifests {
            for patch in map.usable_patches(manifest) {
                for reach in [Reach::Known, Reach::Unknown] {
                    let Some(before) = reached.get(&(patch.from_tree, reach)) else { continue };
                    let route = Route::Patch(patch.clone());
                    arrive(&mut best, map.step(manifest, route, Some(before)));
                }
            }
        }
    }
    let end = goal.tree.object.digest;
    let known = best.remove(&(end, Reach::Known));
    let tried = 1 + goal.patches.len();
    known.or_else(|| best.remove(&(end, Reach::Unknown))).ok_or(NoRoute::AllExcluded { tried })
}

/// The same way as things stand now; `None` if it cannot be gone any more.
pub fn weigh_again(
    way: &Journey,
    goal: &Manifest,
    others: &[&Manifest],
    situation: &Situation<'_>,
) -> Option<Journey> {
    let map = Map::new(goal, others, situation);
    let mut now: Option<Journey> = None;
    for leg in &way.legs {
        let leads_there = |manifest: &&&Manifest| manifest.tree.object.digest == leg.to;
        let manifest = map.manifests.iter().find(leads_there)?;
        map.allows(manifest, &leg.route).then_some(())?;
        now = Some(map.step(manifest, leg.route.clone(), now.as_ref()));
    }
    now
}

/// The best way to each tree, by whether its bytes can all be asked for. Both kinds are kept: what follows may make a
/// way unknown that was not, and then the cheaper one wins.
type Ways = BTreeMap<(Digest, Reach), Journey>;

/// All releases that a way may lead through, and how large their contents are.
struct Map<'a> {
    manifests: Vec<&'a Manifest>,
    sizes: BTreeMap<Digest, u64>,
    situation: &'a Situation<'a>,
}

impl<'a> Map<'a> {
    fn new(goal: &'a Manifest, others: &[&'a Manifest], situation: &'a Situation<'a>) -> Self {
        let manifests: Vec<&Manifest> =
            std::iter::once(goal).chain(others.iter().copied()).collect();
        let installed = situation.base.map(|base| (base.tree, base.bytes));
        let signed = manifests.iter().map(|m| (m.tree.object.digest, m.tree.bytes));
        let sizes = installed.into_iter().chain(signed).collect();
        Self { manifests, sizes, situation }
    }

    /// Whether a step is neither excluded nor too much for this machine.
    fn allows(&self, to: &Manifest, route: &Route) -> bool {
        let fits = |patch: &PatchOffer| {
            self.sizes.get(&patch.from_tree).is_some_and(|old| {
                applies_within(self.situation.memory, patch.codec, *old, to.tree.bytes)
            })
        };
        !self.situation.excluded.contains(&route.blob().digest) && route.patch().is_none_or(fits)
    }

    /// Steps that need nothing fetched before them: the whole, with as many files from here as there are, and patches
    /// from what is installed.
    fn first_steps(&self, manifest: &Manifest) -> Vec<Route> {
        let state = self.situation.blobs.get(&manifest.whole.digest);
        let whole = if state.is_some_and(|state| state.spared > 0) {
            Route::Reuse(manifest.whole)
        } else {
            Route::Whole(manifest.whole)
        };
        let whole = Some(whole).filter(|whole| self.allows(manifest, whole));
        let installed = self.situation.base.map(|base| base.tree);
        let patches = self
            .usable_patches(manifest)
            .filter(|patch| Some(patch.from_tree) == installed)
            .map(|patch| Route::Patch(patch.clone()));
        whole.into_iter().chain(patches).collect()
    }

    fn usable_patches<'m>(&self, manifest: &'m Manifest) -> impl Iterator<Item = &'m PatchOffer> {
        let usable = |patch: &&PatchOffer| self.allows(manifest, &Route::Patch((*patch).clone()));
        manifest.patches.iter().filter(usable)
    }

    fn step(&self, manifest: &Manifest, route: Route, before: Option<&Journey>) -> Journey {
        let plan = cost(route.clone(), manifest.tree.bytes, self.situation);
        let leg = Leg { to: manifest.tree.object.digest, route };
        match before {
            Some(before) => before.and(leg, &plan),
            None => Journey::first(leg, &plan),
        }
    }
}

fn arrive(best: &mut Ways, journey: Journey) {
    let Some(end) = journey.legs.last().map(|leg| (leg.to, journey.reach)) else { return };
    // A way that comes through one place twice is never the cheapest, and never better than what it begins with.
    if best.get(&end).is_none_or(|known| journey.is_shorter_than(known)) {
        best.insert(end, journey);
    }
}
