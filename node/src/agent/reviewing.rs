//! A way that is under way is looked at again before each of its blobs, if peers came or went or rates changed since it
//! was chosen, and left for one that takes much less of what is left. Pure.
//!
//! Newcomers are asked what they hold, who left holds nothing any more, and what is here costs nothing. There is one look
//! at each blob that is fetched, and a way is left only for one that saves a fifth: so an errand ends, and never goes back
//! and forth.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Display},
    time::Duration,
};

use updraft_delta::{Journey, Route};
use updraft_protocol::Digest;

use super::{
    errand::{Errand, ErrandAction, ErrandInput, Piece, Purpose, Stage, Step, hear, look},
    route::{Here, candidates, choose_again},
    survey::Survey,
};

impl<P: Copy + Ord + Debug + Display> Errand<P> {
    /// Looks at the way again, if that has not been done since a blob came, and there is a reason.
    pub(super) fn review(
        &mut self,
        peers: &[P],
        now: Duration,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Option<Stage<P>> {
        let Purpose::Fetch(job) = &self.purpose else { return None };
        if self.reviewed {
            return None;
        }
        self.reviewed = true;
        let near: BTreeSet<P> = peers.iter().copied().collect();
        if near == self.near && self.means == self.means_then {
            return None;
        }
        let came: Vec<P> = peers.iter().filter(|peer| !self.near.contains(peer)).copied().collect();
        // Whom the DHT named was never near, and stays.
        let went: BTreeSet<P> = self.near.difference(&near).copied().collect();
        self.holders.values_mut().for_each(|of| of.retain(|peer| !went.contains(peer)));
        let wanted = candidates(job);
        self.near = near;
        let (survey, questions) = Survey::begin(&came, wanted, now);
        out.extend(questions.into_iter().map(|(peer, blob)| ErrandAction::AskHolding(peer, blob)));
        Some(self.on_review(survey, ErrandInput::Tick, now, out))
    }

    /// A newcomer has answered, or time passed.
    pub(super) fn on_review(
        &mut self,
        survey: Survey<P>,
        input: ErrandInput<P>,
        now: Duration,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Stage<P> {
        let found = match hear(survey, input, now, out) {
            Ok(found) => found,
            Err(survey) => return Stage::Reviewing(survey),
        };
        for (blob, holders) in found {
            self.holders.entry(blob).or_default().extend(holders);
        }
        if let Some(job) = self.job() {
            look(job, out);
        }
        Stage::WeighingAgain
    }

    /// What lies here is known: the way goes on, or another one does.
    pub(super) fn weigh_again(
        &mut self,
        here: &BTreeMap<Digest, Here>,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        self.means_then = self.means;
        let other = self.job().zip(self.brought.journey.as_ref()).and_then(|(job, journey)| {
            choose_again(job, &self.sighted(here), &self.means, journey)
        });
        if let Some(other) = other {
            tracing::info!(
                release = %self.manifest().release_name(),
                route = %other.describe(),
                missing = other.missing,
                "going another way"
            );
            out.push(ErrandAction::Missing(self.bytes().saturating_add(other.missing)));
            self.take(other);
        }
        self.next_piece(out)
    }

    /// Goes this way from now on.
    pub(super) fn take(&mut self, journey: Journey) {
        let spared = self.spared.as_ref();
        let piece = |leg: &updraft_delta::journey::Leg| Piece {
            blob: *leg.route.blob(),
            is_patch: leg.route.is_patch(),
            wanted: spared
                .filter(|_| matches!(leg.route, Route::Reuse(_)))
                .map(|spared| spared.wanted.clone()),
        };
        self.pieces = journey.legs.iter().map(piece).collect();
        self.brought.journey = Some(journey);
    }
}
