//! When it is asked which files of a release lie here, before a way is gone that would fetch much. Pure; `reusing.rs`
//! finds it out.

use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
};

use updraft_delta::Journey;

use super::{
    errand::{Errand, ErrandAction, Purpose, Sight, Stage},
    route::may_reuse,
};

impl<P: Copy + Ord + Debug + Display> Errand<P> {
    /// Asks which files of the release lie here, if that may pay for who would go this way, somebody can tell, and nobody
    /// was asked before.
    pub(super) fn look_for_files(
        &mut self,
        sight: Sight,
        way: &Journey,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Option<Stage<P>> {
        let Purpose::Fetch(job) = &self.purpose else { return None };
        let whole = self.holders.get(&job.manifest.whole.digest)?;
        if self.looked_for_files || whole.is_empty() || !may_reuse(job, way) {
            return None;
        }
        self.looked_for_files = true;
        let who: BTreeSet<P> = whole.iter().chain(&self.near).copied().collect();
        out.push(ErrandAction::Spare(who.into_iter().collect()));
        Some(Stage::Sparing(sight))
    }
}
