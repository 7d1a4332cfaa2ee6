//! How one release spreads, noted while it does: the same in every kind of run. Pure: times come in.

use std::collections::BTreeMap;

use updraft_protocol::{ComponentName, Digest, ReleaseVersion};

use crate::{
    outcome::{MAX_POINTS, Optimum, ReleaseLine},
    world::lines::Micros,
};

/// Parts of the nodes for which it is said when they had a release, in percent.
const MARKS: [u8; 4] = [50, 90, 99, 100];

/// A release since it was published. Nodes are known by their numbers.
#[derive(Debug)]
pub struct Spread {
    /// Its version.
    pub version: ReleaseVersion,
    /// Of what.
    pub component: ComponentName,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Bytes of the whole artifact.
    pub size: u64,
    /// When it was published.
    pub published: Micros,
    /// Who had it first.
    pub seeders: Vec<u32>,
    /// The number of the head that lists it first; 0 if it is not known.
    pub seq: u64,
    /// When each node knew of it.
    pub heard: BTreeMap<u32, Micros>,
    /// When each node ran it for the first time.
    pub installed: BTreeMap<u32, Micros>,
    /// Bytes that each line had carried when it was published, up and down.
    pub before: Vec<(u64, u64)>,
    /// The same when everybody had it.
    pub after: Option<(Micros, Vec<(u64, u64)>)>,
    /// What the lines alone would have needed.
    pub optimum: Option<Optimum>,
    /// Verified bytes by who gave them.
    pub sources: BTreeMap<u32, u64>,
    /// Bytes of patches.
    pub patches: u64,
    /// Bytes that came twice.
    pub duplicates: u64,
    /// Chunks that came and were wrong.
    pub wrong: u64,
}

/// Microseconds as seconds.
pub fn seconds(micros: Micros) -> f64 {
    micros as f64 / 1e6
}

impl Spread {
    /// A release that is published now.
    pub fn begin(
        version: ReleaseVersion,
        component: ComponentName,
        manifest: Digest,
        size: u64,
        published: Micros,
    ) -> Self {
        Self {
            version,
            component,
            manifest,
            size,
            published,
            seeders: Vec::new(),
            seq: 0,
            heard: BTreeMap::new(),
            installed: BTreeMap::new(),
            before: Vec::new(),
            after: None,
            optimum: None,
            sources: BTreeMap::new(),
            patches: 0,
            duplicates: 0,
            wrong: 0,
        }
    }

    /// Bytes that came from those who had it first.
    pub fn from_seeders(&self) -> u64 {
        self.seeders.iter().filter_map(|node| self.sources.get(node)).sum()
    }

    /// When those of these nodes ran it that did, in the order of time.
    pub fn times(&self, nodes: &[u32]) -> Vec<Micros> {
        let ran = nodes.iter().filter_map(|node| self.installed.get(node).copied());
        let mut times: Vec<Micros> = ran.collect();
        times.sort_unstable();
        times
    }

    /// The line of a report: of nodes that were `wanted` to run it, and of those that are `there` and do not lie.
    pub fn line<'a>(
        &self,
        wanted: &[u32],
        there: &[u32],
        group_of: impl Fn(u32) -> &'a str,
    ) -> ReleaseLine {
        let times = self.times(wanted);
        let since = |at: Micros| seconds(at.saturating_sub(self.published));
        let marks = |times: &[Micros], all: usize| -> BTreeMap<u8, f64> {
            let mark = |mark: u8| {
                let needed = (all * usize::from(mark)).div_ceil(100).checked_sub(1)?;
                Some((mark, since(*times.get(needed)?)))
            };
            MARKS.into_iter().filter_map(mark).collect()
        };
        let heard = there.iter().filter_map(|node| self.heard.get(node).copied());
        let mut heard: Vec<Micros> = heard.collect();
        heard.sort_unstable();
        let mut sources: BTreeMap<String, u64> = BTreeMap::new();
        for (peer, bytes) in &self.sources {
            *sources.entry(group_of(*peer).to_owned()).or_default() += bytes;
        }
        ReleaseLine {
            version: self.version.to_string(),
            published: seconds(self.published),
            size: self.size,
            wanted: wanted.len() as u64,
            installed: times.len() as u64,
            coverage: thinned(&times).into_iter().map(|(at, count)| (since(at), count)).collect(),
            reached: marks(&times, wanted.len()),
            heard: marks(&heard, there.len()),
            optimum: self.optimum.clone(),
            sources,
            from_seeders: self.from_seeders(),
            patches: self.patches,
            duplicates: self.duplicates,
            wrong: self.wrong,
        }
    }

    /// Which part of what their lines could have carried some nodes used while it spread: up and down. `now` is the time
    /// and what all lines have carried, for a release that is not everywhere; `nodes` are numbers and rates.
    pub fn used(
        &self,
        nodes: impl Iterator<Item = (u32, (u64, u64))>,
        now: &(Micros, Vec<(u64, u64)>),
    ) -> (f64, f64) {
        let (end, after) = self.after.as_ref().unwrap_or(now);
        let time = seconds(end.saturating_sub(self.published));
        let (mut carried, mut could) = ((0, 0), (0.0, 0.0));
        for (number, rates) in nodes {
            let place = number as usize;
            let (before, after) = (self.before[place], after[place]);
            carried = (carried.0 + after.0 - before.0, carried.1 + after.1 - before.1);
            could = (could.0 + rates.0 as f64 * time, could.1 + rates.1 as f64 * time);
        }
        let ratio =
            |carried: u64, could: f64| if could > 0.0 { carried as f64 / could } else { 0.0 };
        (ratio(carried.0, could.0), ratio(carried.1, could.1))
    }
}

/// Moments in ascending order, and how many there were by then: all of them, or so many that a curve can be drawn.
fn thinned(times: &[Micros]) -> Vec<(Micros, u64)> {
    let step = times.len().div_ceil(MAX_POINTS).max(1);
    let all = times.iter().copied().zip(1_u64..);
    let kept = all.enumerate().filter(|(place, _)| place % step == 0 || place + 1 == times.len());
    kept.map(|(_, point)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_keeps_its_ends_and_no_more_points_than_can_be_drawn() {
        let times: Vec<Micros> = (0..100_000).collect();
        let points = thinned(&times);
        assert!(points.len() <= MAX_POINTS + 1);
        assert_eq!((points[0], points[points.len() - 1]), ((0, 1), (99_999, 100_000)));
        assert_eq!(thinned(&[5]), [(5, 1)]);
        assert_eq!(thinned(&[]), []);
    }
}
