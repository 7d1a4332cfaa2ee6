//! Components that a vote has left behind: what is installed came before the protocol in force. The node takes part all the
//! same; its operator is told, and what keeps the release away.

use std::fmt::{Debug, Display};

use updraft_protocol::{Digest, Proposal, ReleaseVersion};

use super::{
    action::Now,
    ending::own_component,
    lifecycle::{Component, Following, Stage},
    machine::Machine,
    order::Extent,
};
use crate::governance::Held;

/// A protocol that was in force for a time, and the release with which it came; none for what was there before any vote.
type Stay<'a> = (u32, Option<&'a ReleaseVersion>);

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Followed components that a vote has left behind: what is in force, and that what is installed may not speak it.
    pub(super) fn components_behind(&self, now: Now) -> impl Iterator<Item = String> {
        let follows = |component: &&Component| {
            component.following == Following::Yes && component.name != own_component()
        };
        let followed = self.components.values().filter(follows);
        followed.filter_map(move |component| self.component_behind(component, now))
    }

    fn component_behind(&self, component: &Component, now: Now) -> Option<String> {
        let (name, runs) = (&component.name, &component.installed.as_ref()?.version);
        let governance = &self.votes.governance;
        let line = governance.line(name, self.epoch(now), self.votes.height);
        let held = |id: &Digest| governance.proposal(id);
        let came_with = |id: &Digest| held(id).map(|held| &held.proposal.release);
        let first = line.changes.first().map(|(_, from, _)| (*from, None));
        let changes = line.changes.iter().map(|(id, _, to)| (*to, came_with(id)));
        let stays: Vec<_> = first.into_iter().chain(changes).collect();
        let (newest, _, protocol) = *line.changes.last()?;
        let held = held(&newest)?;
        let Proposal { number, release, .. } = &*held.proposal;
        if speaks_the_last(&stays, runs) || self.is_bringing(component, release) {
            return None;
        }
        let because = self.why_not_yet(component, held, now);
        Some(format!(
            "protocol {protocol} of {name} is in force since p-{number}, and {name}@{runs} may not speak it: \
             {name}@{release} does, and {because}"
        ))
    }

    /// Whether a component is about to switch to this version, or a later one.
    fn is_bringing(&self, component: &Component, release: &ReleaseVersion) -> bool {
        let job = component.busy().and_then(|id| self.jobs.get(&id));
        // What is staged for that day goes live next.
        job.is_some_and(|job| job.extent != Extent::Download && job.manifest.version >= *release)
    }

    /// What keeps the release of a vote away that is in force.
    fn why_not_yet(&self, component: &Component, held: &Held, now: Now) -> String {
        let Some(known) = self.named_release(held) else {
            return "no manifest of it for this machine is known here".to_owned();
        };
        if let Stage::Waiting { release, error, .. } = component.stage()
            && *release == known.signed.digest()
        {
            return error.clone();
        }
        match self.held_by(component, known, now) {
            Some(held) => held.detail,
            None if self.rules.auto_activate => "it is not installed".to_owned(),
            None => "governance.auto_activate = false".to_owned(),
        }
    }
}

/// Whether a version speaks the protocol in force, the last of these: it came while that was in force, now or before.
fn speaks_the_last(stays: &[Stay<'_>], runs: &ReleaseVersion) -> bool {
    let Some((in_force, _)) = stays.last() else { return true };
    let ends = stays.iter().skip(1).map(|(_, next)| *next).chain([None]);
    stays.iter().zip(ends).filter(|((protocol, _), _)| protocol == in_force).any(
        |((_, came_with), left_with)| {
            came_with.is_none_or(|first| runs >= first) && left_with.is_none_or(|next| runs < next)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The protocols of a line, and which of the versions 1.0.0, 1.5.0, 2.0.0 … speak the last of them: with every change
    /// came the next whole number.
    #[test]
    fn a_version_speaks_what_was_in_force_when_it_came() {
        let cases: &[(&[u32], &[&str])] = &[
            (&[1, 2], &["2.0.0", "2.5.0"]),
            (&[1, 2, 1], &["1.0.0", "1.5.0", "3.0.0", "3.5.0"]),
            (&[1, 2, 1, 2], &["2.0.0", "2.5.0", "4.0.0", "4.5.0"]),
            (&[1, 2, 3, 2], &["2.0.0", "2.5.0", "4.0.0", "4.5.0"]),
            (&[1, 2, 1, 3, 1], &["1.0.0", "1.5.0", "3.0.0", "3.5.0", "5.0.0", "5.5.0"]),
        ];
        let version = |text: &str| text.parse::<ReleaseVersion>().expect("a version");
        for (protocols, speak) in cases {
            let came: Vec<_> =
                (1..=protocols.len()).map(|n| version(&format!("{n}.0.0"))).collect();
            let stays: Vec<Stay<'_>> = (protocols.iter().zip(&came).enumerate())
                .map(|(n, (protocol, came))| (*protocol, (n > 0).then_some(came)))
                .collect();
            let all = (1..=protocols.len()).flat_map(|n| [format!("{n}.0.0"), format!("{n}.5.0")]);
            let found: Vec<_> =
                all.filter(|runs| speaks_the_last(&stays, &version(runs))).collect();
            assert_eq!(found, *speak, "{protocols:?}");
        }
    }
}
