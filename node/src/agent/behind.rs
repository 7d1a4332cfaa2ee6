//! A node whose program does not speak what is in force, or may not: why it stays out, and how it comes by a program that
//! speaks it. It says nothing and begins nothing else.

use std::{
    fmt::{Debug, Display},
    time::Duration,
};

use updraft_protocol::{ComponentName, Digest, ReleaseVersion};

use super::{
    action::{Action, Now},
    changing::VOTE,
    ending::own_component,
    lifecycle::{Following, Stage},
    machine::Machine,
    order::{Extent, RouteChoice, Trial},
    staging::Wanted,
    updates::Wish,
};
use crate::catalog::Known;

/// Time after which a program that did not pass its self-test is tried again. A node that stays out because its machine
/// was busy once has nothing better to do.
const TRIED_AGAIN: Duration = Duration::from_secs(3_600);

/// Why a node stays out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    /// The proposal that put the protocol in force.
    pub proposal: Digest,
    /// What people call it.
    pub number: u32,
    /// The protocol.
    pub protocol: u32,
    /// The release of this program that its certificate names.
    pub release: ReleaseVersion,
    /// Whether the program speaks it, and its operator has told it not to.
    pub told_not_to: bool,
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Why this node stays out, if it does.
    pub fn left_behind(&self, now: Now) -> Option<LeftBehind> {
        let epoch = self.epoch(now);
        let line = self.votes.governance.line(&own_component(), epoch, self.votes.height);
        let (proposal, _, protocol) = *line.changes.last()?;
        let speaks = self.rules.speaks.includes(protocol);
        if speaks && self.rules.auto_activate {
            return None;
        }
        let held = self.votes.governance.proposal(&proposal)?;
        Some(LeftBehind {
            proposal,
            number: held.proposal.number,
            protocol,
            release: held.proposal.release.clone(),
            told_not_to: speaks,
        })
    }

    /// Knows the component of this program when the node is left behind: what speaks the protocol in force may lie
    /// here. To be said when a node has started, before its folders are looked at.
    pub fn look_for_a_successor(&mut self, now: Now) {
        if self.left_behind(now).is_some() {
            self.know(&own_component());
        }
    }

    /// Fetches and installs a program that speaks what is in force, and becomes it.
    pub(super) fn catch_up_with_the_rest(
        &mut self,
        behind: &LeftBehind,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        if behind.told_not_to {
            return;
        }
        let line = own_component();
        // Whoever is this very program already would not become another by starting again.
        let other =
            self.installed_version(&line).filter(|installed| **installed != self.rules.program);
        if other.is_some_and(|other| *other >= behind.release) && !self.votes.starting_again {
            self.votes.starting_again = true;
            actions.push(Action::StartAgain(line));
            return;
        }
        let Some(known) = self.successor(behind, now).cloned() else { return };
        let digest = known.signed.digest();
        match self.staged(&line, &digest, behind.protocol) {
            None => {
                self.stage(&line, &known, behind.protocol, Trial::Demanded, VOTE, now, actions);
            }
            Some(Err(_)) => {
                let what = wanted(&line, &known, behind);
                self.try_again(&what, TRIED_AGAIN, now, actions);
            }
            // What is live already would only be installed again and again.
            Some(Ok(_)) if self.is_live(&line, &known) => {}
            Some(Ok(_)) if self.is_at_rest(&line, &digest, now) => {
                let wish = Wish {
                    channel: known.manifest.channel.clone(),
                    route: RouteChoice::Cheapest,
                    extent: Extent::Install,
                    by: VOTE.to_owned(),
                };
                self.begin(&line, &known, wish, now, actions);
            }
            _ => {}
        }
    }

    /// The release of this program that the certificate names; if that cannot be had, or does not pass its self-test here,
    /// the newest after it on the channel that this program follows. No other channel's keys were asked for.
    pub(super) fn successor(&self, behind: &LeftBehind, now: Now) -> Option<&Known> {
        let line = own_component();
        let runs = |known: &&Known| {
            let manifest = &known.manifest;
            manifest.component == line
                && manifest.target.runs_on(&self.rules.target)
                && manifest.waits_for_protocol(behind.protocol).is_none()
                && self.distrust(&manifest.channel, known, now).is_none()
        };
        let works = |known: &&Known| self.known_to_fail(&wanted(&line, known, behind)).is_none();
        let held = self.votes.governance.proposal(&behind.proposal)?;
        let named = held.proposal.artifacts.iter();
        let named = named.filter_map(|digest| self.catalog.manifest(digest)).find(runs);
        let followed = self.components.get(&line).filter(|c| c.following == Following::Yes);
        let channel = followed.map_or(&self.rules.channel, |component| &component.channel);
        let newer = || {
            let candidates = self.catalog.candidates(&line, channel, &self.rules.target);
            candidates.filter(runs).filter(|known| known.manifest.version > behind.release)
        };
        let version = |known: &&Known| known.manifest.version.clone();
        named
            .filter(works)
            .or_else(|| newer().filter(works).max_by_key(version))
            // Nothing else is there: what failed may not have been to blame.
            .or(named)
            .or_else(|| newer().max_by_key(version))
    }

    fn installed_version(&self, line: &ComponentName) -> Option<&ReleaseVersion> {
        let component = self.components.get(line)?;
        component.installed.as_ref().map(|installed| &installed.version)
    }

    fn is_live(&self, line: &ComponentName, known: &Known) -> bool {
        let installed =
            self.components.get(line).and_then(|component| component.installed.as_ref());
        installed.is_some_and(|live| live.tree == known.manifest.tree.object.digest)
    }

    fn is_at_rest(&self, line: &ComponentName, release: &Digest, now: Now) -> bool {
        let component = self.components.get(line);
        component.is_some_and(|component| {
            matches!(component.stage(), Stage::Idle) || component.may_begin(release, now.elapsed)
        })
    }

    pub(super) fn left_behind_in_words(&self, behind: &LeftBehind, now: Now) -> String {
        let LeftBehind { number, protocol, release, .. } = behind;
        if behind.told_not_to {
            return format!(
                "protocol {protocol} is in force since p-{number}, and governance.auto_activate = false keeps this \
                 node from speaking it: it takes no part until that is true"
            );
        }
        let speaks = self.rules.speaks.newest;
        let begin = format!(
            "protocol {protocol} is in force since p-{number}, and this program speaks up to {speaks}: it takes no part"
        );
        if let Some(reason) = self.not_started_again() {
            return format!(
                "{begin}; the one that does is installed and was not started: {reason}"
            );
        }
        match self.successor(behind, now) {
            Some(known) => {
                let name = known.manifest.release_name();
                match self.known_to_fail(&wanted(&own_component(), known, behind)) {
                    Some(reason) => format!("{begin}, and {name} does not help: {reason}"),
                    None => format!("{begin} until {name} is installed, which is under way"),
                }
            }
            None => format!(
                "{begin}, and no release updraft@{release} or newer for {} is on offer: install one by hand",
                self.rules.target
            ),
        }
    }
}

fn wanted(line: &ComponentName, release: &Known, behind: &LeftBehind) -> Wanted {
    let (component, release) = (line.clone(), release.signed.digest());
    Wanted { component, release, protocol: behind.protocol }
}
