//! What people ask of the agent: every refusal names its reason and the way round it.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{
    ChannelName, Compatibility, ComponentName, Digest, Listing, Manifest, VersionChange,
};

use super::{
    action::{Action, Now},
    lifecycle::{Component, Following, InstalledVersion},
    machine::Machine,
    operation::{Operation, OperationId, OperationKind, Outcome, Phase},
    order::{Consent, Extent, InstallOrder, Release, RollbackOrder},
    rules::Duty,
    updates::Wish,
    view::distrusted,
};
use crate::{
    catalog::Known,
    policy::{self, Distrust},
    problem::{Code, Problem},
};

/// A release that was found for an order, and what its component has installed.
#[derive(Debug, Clone)]
pub struct Found {
    /// The release.
    pub known: Known,
    /// Where it is on offer.
    pub channel: ChannelName,
    /// Other releases of the same component that a route may lead through.
    pub others: Vec<Arc<Manifest>>,
    /// What is installed.
    pub base: Option<InstalledVersion>,
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Begins an installation that a person asks for.
    pub fn install(
        &mut self,
        order: &InstallOrder,
        now: Now,
    ) -> Result<(OperationId, Vec<Action<P>>), Problem> {
        if self.rules.duty == Duty::Seed && order.extent == Extent::Install {
            return Err(Problem::new(
                Code::Failed,
                "this node is a seed: it stores and serves, and installs nothing",
            )
            .hint("set node.role = \"full\", or use --download-only"));
        }
        let found = self.find(order, now)?;
        if order.extent == Extent::Install {
            self.stands_against(order, &found, now)?;
            self.is_in_force(&found, now)?;
            self.consent(order, &found)?;
        }
        if let Some(id) = self.components.get(&order.component).and_then(Component::busy) {
            return Err(Problem::new(
                Code::OperationConflict,
                format!("{id} is under way on {}", order.component),
            )
            .hint(format!("wait for it: `updraft status {}`", order.component)));
        }
        let mut actions = Vec::new();
        self.follow(order);
        if order.extent == Extent::Install {
            let version = &found.known.manifest.version;
            let component =
                self.components.get_mut(&order.component).expect("`follow` has added it");
            // Who asks for a release by hand wants it: an earlier decision to stay back is over. Who asks for a
            // lower one wants to stay there.
            component.pinned =
                component.installed.as_ref().is_some_and(|installed| *version < installed.version);
            component.quarantined.remove(&found.known.signed.digest());
            actions.push(Action::KeepComponent(order.component.clone()));
        }
        let wish = Wish {
            channel: found.channel.clone(),
            route: order.route,
            extent: order.extent,
            by: order.by.clone(),
        };
        let id = self
            .begin(&order.component, &found.known, wish, now, &mut actions)
            .ok_or_else(|| Problem::new(Code::Failed, "the component could not begin"))?;
        Ok((id, self.finish(actions, now)))
    }

    /// The release that an order means.
    pub fn find(&self, order: &InstallOrder, now: Now) -> Result<Found, Problem> {
        let name = &order.component;
        let followed = self.components.get(name);
        let channel = order
            .channel
            .as_ref()
            .or(followed.map(|c| &c.channel))
            .unwrap_or(&self.rules.channel)
            .clone();
        let target = followed.map_or(&self.rules.target, |component| &component.target);
        let candidates: Vec<&Known> = self.catalog.candidates(name, &channel, target).collect();
        if candidates.is_empty() {
            return Err(self.unknown(name, &channel.to_string()));
        }
        let known = match &order.version {
            Some(version) => {
                self.catalog.release(name, &channel, target, version).ok_or_else(|| {
                    let mut versions: Vec<_> =
                        candidates.iter().map(|known| &known.manifest.version).collect();
                    versions.sort();
                    let newest: Vec<String> =
                        versions.iter().rev().take(3).map(ToString::to_string).collect();
                    Problem::new(
                        Code::ReleaseUnknown,
                        format!("{name}@{version} is not on `{channel}`"),
                    )
                    .hint(format!("on offer: {}", newest.join(", ")))
                })?
            }
            None => {
                // What waits for a vote is nobody's newest before that.
                let active = self.protocol_of(name, now);
                let runs = |manifest: &Manifest| manifest.waits_for_protocol(active).is_none();
                let newest = self.catalog.newest_that(name, &channel, target, runs);
                newest
                    .or_else(|| self.catalog.newest(name, &channel, target))
                    .expect("there are candidates")
            }
        };
        let tree = known.manifest.tree.object.digest;
        let others: Vec<_> = candidates
            .iter()
            .filter(|other| other.manifest.tree.object.digest != tree)
            .map(|other| other.manifest.clone())
            .collect();
        Ok(Found {
            known: known.clone(),
            channel,
            others,
            base: followed.and_then(|component| component.installed.clone()),
        })
    }

    /// Begins to go back to a kept version, and stays there until somebody asks for a release again.
    pub fn rollback(
        &mut self,
        order: &RollbackOrder,
        now: Now,
    ) -> Result<(OperationId, Vec<Action<P>>), Problem> {
        let name = &order.component;
        let Some(component) = self.components.get(name) else {
            return Err(self.unknown(name, "any channel"));
        };
        if let Some(id) = component.busy() {
            return Err(Problem::new(
                Code::OperationConflict,
                format!("{id} is under way on {name}"),
            )
            .hint(format!("wait for it: `updraft status {name}`")));
        }
        let kept = || {
            component
                .kept
                .iter()
                .map(|kept| kept.version.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let to = match &order.to {
            None => component.kept.first().cloned().ok_or_else(|| {
                Problem::new(
                    Code::ReleaseUnknown,
                    format!("no earlier version of {name} is kept here"),
                )
                .hint("store.keep_versions says how many are kept")
            })?,
            Some(version) => {
                component.kept.iter().find(|k| k.version == *version).cloned().ok_or_else(|| {
                    Problem::new(Code::ReleaseUnknown, format!("{name}@{version} is not kept here"))
                        .hint(format!(
                            "kept: {}",
                            if component.kept.is_empty() { "none".into() } else { kept() }
                        ))
                })?
            }
        };
        let release =
            self.release_of(component, &to.version).map_or(to.tree, |known| known.signed.digest());
        let id = self.operations.begin(Operation {
            id: OperationId(0),
            kind: OperationKind::Rollback,
            component: name.clone(),
            from: component.installed.as_ref().map(|installed| installed.version.clone()),
            to: to.version.clone(),
            phase: Phase::Switching,
            progress: None,
            sources: Default::default(),
            patch_bytes: 0,
            duplicates: 0,
            wrong: 0,
            started: now.wall,
            ended: None,
            by: order.by.clone(),
            reason: order.reason.clone(),
            outcome: Outcome::Running,
        });
        let component = self.components.get_mut(name).expect("it was found above");
        // Kept before the switch: a power cut between the two must not bring the newer version back.
        self.pins_before.insert(id, component.pinned);
        component.pinned = true;
        let moved = component.begin_rollback(id, release);
        if !self.legal(moved, id, now) {
            return Err(Problem::new(Code::Failed, "the component could not begin"));
        }
        let actions = vec![
            Action::KeepComponent(name.clone()),
            Action::SwitchBack { job: id, component: name.clone(), to },
        ];
        Ok((id, self.finish(actions, now)))
    }

    /// Everything on offer, with the manifests that have come, and what was withdrawn as far as it was known.
    pub fn releases(&self, now: Now) -> Vec<Release> {
        let offered = self.catalog.listings().map(|(channel, listing)| {
            let known = self.catalog.manifest(&listing.manifest);
            self.release(channel, listing.clone(), known, now)
        });
        let withdrawn = self.catalog.withdrawals().filter_map(|(channel, withdrawn, known)| {
            let manifest = &known?.manifest;
            let listing = Listing {
                component: manifest.component.clone(),
                target: manifest.target.clone(),
                version: manifest.version.clone(),
                manifest: withdrawn.manifest,
            };
            let release = self.release(channel, listing, known, now);
            Some(Release { withdrawn: Some(withdrawn.reason.clone()), ..release })
        });
        offered.chain(withdrawn).collect()
    }

    fn release(
        &self,
        channel: &ChannelName,
        listing: Listing,
        known: Option<&Known>,
        now: Now,
    ) -> Release {
        let signed_on = known.map_or(channel, |known| &known.manifest.channel);
        let builds = known.map(|known| self.catalog.builds(&known.manifest)).unwrap_or_default();
        let distrust = known.and_then(|known| self.distrust(channel, known, now));
        let name = format!("{}@{}", listing.component, listing.version);
        Release {
            channel: channel.clone(),
            listing,
            manifest: known.map(|known| known.manifest.clone()),
            signers: known.map(|known| known.signers.clone()).unwrap_or_default(),
            threshold: self
                .catalog
                .root()
                .release_role(signed_on)
                .map_or(0, updraft_protocol::Role::threshold),
            held: known.is_some_and(|known| self.held.contains(&known.manifest.whole.digest)),
            withdrawn: None,
            barred: distrust.map(|distrust| distrusted(&name, channel, &distrust).1),
            agree: builds.agree.into_iter().collect(),
            differ: builds.differ.into_iter().collect(),
        }
    }

    /// Notes that blobs were removed from the store.
    pub fn swept(&mut self, blobs: &[Digest]) {
        blobs.iter().for_each(|blob| {
            self.held.remove(blob);
        });
    }

    /// Refuses what nobody is to install. A pause and missing builds ask for a person's word, and get it by force;
    /// a frozen channel, a withdrawn release and a revoked signer do not.
    fn stands_against(&self, order: &InstallOrder, found: &Found, now: Now) -> Result<(), Problem> {
        let Some(distrust) = self.distrust(&found.channel, &found.known, now) else {
            return Ok(());
        };
        let release = found.known.manifest.release_name();
        let problem = |code, detail: String| Err(Problem::new(code, detail));
        match distrust {
            Distrust::Frozen(why) => {
                problem(Code::ChannelFrozen, format!("`{}` is frozen: {why}", found.channel))
            }
            Distrust::Withdrawn(why) => {
                problem(Code::ReleaseRevoked, format!("{release} was withdrawn: {why}"))
            }
            Distrust::SignerRevoked => problem(
                Code::KeyRevoked,
                format!("a key that signed {release} or its channel's head has revoked itself"),
            ),
            Distrust::Paused { .. } | Distrust::Builders { .. } if order.consent.force => Ok(()),
            Distrust::Paused { until, reason } => Err(Problem::new(
                Code::Paused,
                format!("{release} is paused until {until}: {reason}"),
            )
            .hint("wait, or take it all the same with `--force`")),
            Distrust::Builders { have, need } => Err(Problem::new(
                Code::BuildersMissing,
                format!(
                    "{have} of the {need} independent builders needed got the same as {release}"
                ),
            )
            .hint("trust.require_builders asks for them; `--force` takes it all the same")),
        }
    }

    /// Refuses what needs a protocol that no vote has put in force; nobody's word does instead.
    fn is_in_force(&self, found: &Found, now: Now) -> Result<(), Problem> {
        self.waits_for_a_vote(found, now).map_or(Ok(()), |detail| {
            Err(Problem::new(Code::RequirementMissing, detail)
                .hint("a vote puts it in force and installs what needs it: `updraft votes`"))
        })
    }

    /// What a release waits for that needs a protocol which is not in force.
    pub(super) fn waits_for_a_vote(&self, found: &Found, now: Now) -> Option<String> {
        let manifest = &found.known.manifest;
        let component = &manifest.component;
        let active = self.protocol_of(component, now);
        let needs = manifest.waits_for_protocol(active)?;
        let release = manifest.release_name();
        Some(format!(
            "{release} needs protocol {needs} of {component}, and protocol {active} is in force"
        ))
    }

    fn consent(&self, order: &InstallOrder, found: &Found) -> Result<(), Problem> {
        let Consent { downgrade, force } = order.consent;
        let manifest = &found.known.manifest;
        let release = manifest.release_name();
        let installed = found.base.as_ref().map(|base| &base.version);
        if let Some(installed) = installed {
            match manifest.version.change_from(installed) {
                VersionChange::Downgrade if !downgrade => {
                    return Err(Problem::new(
                        Code::DowngradeRefused,
                        format!("{release} is older than the installed {installed}"),
                    )
                    .hint("`--allow-downgrade` installs it; `updraft rollback` returns to a kept version"));
                }
                VersionChange::Same if !force => {
                    return Err(Problem::new(
                        Code::Failed,
                        format!("{release} is installed already"),
                    )
                    .hint("`--force` installs it again"));
                }
                _ => {}
            }
        }
        if let Some(floor) = policy::floor(manifest, installed) {
            return Err(Problem::new(
                Code::FloorRequired,
                format!("{release} needs at least {floor} before it"),
            )
            .hint(format!("updraft install {} {floor}", order.component)));
        }
        if manifest.compatibility == Compatibility::Breaking && !force {
            return Err(Problem::new(
                Code::BreakingChange,
                format!("{release} is marked as breaking"),
            )
            .hint(format!("read `updraft show {release}`, then `--force`")));
        }
        let quarantined = self
            .components
            .get(&order.component)
            .and_then(|component| component.quarantined.get(&found.known.signed.digest()));
        if let Some(reason) = quarantined
            && !force
        {
            return Err(Problem::new(
                Code::Quarantined,
                format!("{release} failed here: {reason}"),
            )
            .hint("`--force` tries it again"));
        }
        Ok(())
    }

    /// Knows a component from now on, and follows it if it is to be installed.
    fn follow(&mut self, order: &InstallOrder) {
        let component = self.know(&order.component);
        if order.extent == Extent::Install {
            component.following = Following::Yes;
            if let Some(channel) = &order.channel {
                component.channel = channel.clone();
            }
        }
    }

    /// Knows a component from now on.
    pub(super) fn know(&mut self, name: &ComponentName) -> &mut Component {
        let (channel, target, auto) = (&self.rules.channel, &self.rules.target, self.rules.auto);
        self.components.entry(name.clone()).or_insert_with(|| {
            let mut component = Component::new(name.clone(), channel.clone(), target.clone(), auto);
            component.following = Following::No;
            component
        })
    }

    fn unknown(&self, name: &ComponentName, place: &str) -> Problem {
        let mut near: Vec<&str> =
            self.catalog.listings().map(|(_, l)| l.component.as_str()).collect();
        near.extend(self.components.keys().map(ComponentName::as_str));
        near.sort_unstable();
        near.dedup();
        let hint = if near.is_empty() {
            "no release is known yet: `updraft peers` shows whether anybody is connected".to_owned()
        } else {
            format!("known: {}", near.into_iter().take(8).collect::<Vec<_>>().join(", "))
        };
        Problem::new(
            Code::ComponentUnknown,
            format!("no release of `{name}` on `{place}` for this machine"),
        )
        .hint(hint)
    }
}
