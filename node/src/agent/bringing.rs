//! The second half of an errand: blob by blob, from looking for it in the store until what is needed of it is
//! there. Pure.
//!
//! Each is brought before the next is begun: on the way of a patch the next one is of no use without it.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Display},
    mem,
};

use updraft_delta::Route;
use updraft_protocol::{Digest, codec};

use super::{
    action::{Fetched, JobError, Leg},
    errand::{Errand, ErrandAction, Piece, Purpose, Stage, Step, ask_peers},
    route::Here,
};
use crate::fetch::Report;

impl<P: Copy + Ord + Debug + Display> Errand<P> {
    /// Goes on with the next blob, if there is one.
    pub(super) fn next_piece(&mut self, out: &mut Vec<ErrandAction<P>>) -> Step<P> {
        let Some(next) = self.pieces.front() else { return self.arrive(out) };
        out.push(ErrandAction::Look(vec![next.blob.digest]));
        Ok(Stage::Looking)
    }

    pub(super) fn on_look(
        &mut self,
        here: &BTreeMap<Digest, Here>,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        let is_here = |piece: &Piece| here.get(&piece.blob.digest).is_some_and(|h| h.is_complete);
        if self.pieces.front().is_some_and(is_here) {
            return self.on_brought(None, out);
        }
        Ok(ask_peers(Stage::Finding, out))
    }

    /// Who does not hold the blob yet may be fetching it too, and gives what it has as it goes.
    pub(super) fn find(&mut self, peers: &[P], out: &mut Vec<ErrandAction<P>>) -> Step<P> {
        let Some(piece) = self.pieces.front() else { return self.arrive(out) };
        let blob = piece.blob.digest;
        let known = self.holders.remove(&blob).unwrap_or_default();
        let mut holders: Vec<P> = known.iter().copied().collect();
        holders.extend(peers.iter().filter(|peer| !known.contains(peer)));
        if known.is_empty() {
            out.push(ErrandAction::LookUp(blob));
            return Ok(Stage::Naming(holders));
        }
        self.ask_for_chunk_list(holders, out)
    }

    pub(super) fn ask_for_chunk_list(
        &mut self,
        holders: Vec<P>,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        let Some(piece) = self.pieces.front() else { return self.arrive(out) };
        out.push(ErrandAction::Object { object: piece.blob.chunks, holders: holders.clone() });
        Ok(Stage::Chunks(holders))
    }

    pub(super) fn on_chunk_list(
        &mut self,
        holders: Vec<P>,
        bytes: Result<Option<Vec<u8>>, JobError>,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        let Some(piece) = self.pieces.front() else { return self.arrive(out) };
        let damaged = |error| JobError::Damaged(format!("the signed chunk list is {error}"));
        match some(bytes).and_then(|bytes| codec::decode(&bytes).map_err(damaged)) {
            Ok(list) => {
                let (blob, wanted) = (piece.blob, piece.wanted.clone());
                out.push(ErrandAction::Blob { blob, list, wanted, holders });
                Ok(Stage::Fetching)
            }
            Err(error) => self.on_not_brought(error, out),
        }
    }

    /// The blob is complete, or what is needed of it: it was here, or has come.
    pub(super) fn on_brought(
        &mut self,
        report: Option<&Report<P>>,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        if let Some(piece) = self.pieces.pop_front() {
            // Another way may begin with what this one brought.
            if piece.wanted.is_none() && !self.brought.blobs.contains(&piece.blob.digest) {
                self.brought.blobs.push(piece.blob.digest);
            }
            self.reviewed &= report.is_none();
            self.count(report, piece.is_patch);
        }
        self.next_piece(out)
    }

    /// Adds who gave what.
    pub(super) fn count(&mut self, report: Option<&Report<P>>, is_patch: bool) {
        let given = || report.map(|report| &report.sources).into_iter().flatten();
        let bytes = given().map(|(_, bytes)| bytes).sum();
        let sources = given().map(|(peer, bytes)| (peer.to_string(), *bytes)).collect();
        let patch_bytes = if is_patch { bytes } else { 0 };
        let (duplicates, wrong) = report.map_or((0, 0), |came| (came.duplicate, came.wrong));
        let route = Vec::new();
        let fetched = Fetched { route, bytes, patch_bytes, sources, duplicates, wrong };
        self.brought.fetched.add(fetched);
    }

    pub(super) fn on_not_brought(
        &mut self,
        error: JobError,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        let blob = self.pieces.pop_front().map(|piece| piece.blob.digest);
        let patch = blob.filter(|blob| *blob != self.manifest().whole.digest);
        match (&self.purpose, error, patch) {
            // The whole leads to the release by itself; a patch that nobody has is no loss.
            (Purpose::Mirror(_), JobError::NoHolders(_), Some(_)) => self.next_piece(out),
            // A blob that nobody gives, or that is not what its manifest says, is no reason to give up while there are
            // other ways to the release.
            (
                Purpose::Fetch(_),
                JobError::NoHolders(error) | JobError::Damaged(error),
                Some(blob),
            ) => Err(JobError::WrongRoute { blob, error }),
            (_, error, _) => Err(error),
        }
    }

    /// Everything is here: says which way it makes.
    fn arrive(&mut self, out: &mut Vec<ErrandAction<P>>) -> Step<P> {
        if let (Some(job), Some(journey)) = (self.job(), &self.brought.journey) {
            let mut route = Vec::new();
            for leg in &journey.legs {
                let blob = leg.route.blob().digest;
                let to = job
                    .release_that_offers(&leg.to, &blob)
                    .ok_or_else(|| JobError::Failed("the route leads nowhere".into()))?;
                let from = leg.route.patch().map(|patch| patch.from_tree);
                let in_part = matches!(leg.route, Route::Reuse(_));
                route.push(Leg { blob, from, to, in_part });
            }
            self.brought.fetched.route = route;
        }
        Ok(self.end(out))
    }

    pub(super) fn end(&mut self, out: &mut Vec<ErrandAction<P>>) -> Stage<P> {
        out.push(ErrandAction::Done(Ok(mem::take(&mut self.brought))));
        Stage::Over
    }
}

/// The bytes of an object that somebody has.
pub(super) fn some(bytes: Result<Option<Vec<u8>>, JobError>) -> Result<Vec<u8>, JobError> {
    let nobody =
        || JobError::NoHolders("nobody who was reached has the listing of the release".to_owned());
    bytes?.ok_or_else(nobody)
}
