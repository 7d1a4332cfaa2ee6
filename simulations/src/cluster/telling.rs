//! What happens in the course of a run: what publishers, electors and whoever pulls plugs do.

use updraft_node::{agent::AgentHandle, clock::Clock};
use updraft_protocol::{ReleaseVersion, Signed, Statement};

use super::{
    Failure,
    running::{Cluster, Done, Due},
};
use crate::{
    course::{Deed, SAYS_AGAIN, Saying},
    scenario::Word,
};

/// Who the story is in the history of a node.
const BY: &str = "story";

impl Cluster {
    /// Something happens.
    pub(super) fn happens(&mut self, place: usize) {
        let Some(happening) = self.course.get(place).cloned() else { return };
        match happening.deed {
            // These come to their end later.
            Deed::Publish { release, node } => self.publish(&release.0, &node),
            Deed::Withdraw { release, node } => self.withdraw(&release.0, &node),
            deed @ Deed::Propose { .. } => self.propose(&deed),
            other => {
                self.untold -= 1;
                match other {
                    Deed::Start { node } => {
                        if let Some(node) = self.called(&node) {
                            self.start(node);
                        }
                    }
                    Deed::Vote { node, says } => {
                        if let Some(node) = self.called(&node) {
                            self.vote(node, says);
                        }
                    }
                    fault => self.go_wrong(fault),
                }
            }
        }
    }

    /// The node that is called so.
    pub(super) fn called(&self, name: &str) -> Option<u32> {
        let mut characters = self.seats.iter().map(|seat| &seat.character);
        characters.find(|character| character.name == name).map(|character| character.number)
    }

    /// The nodes of a group; without a name, all.
    pub(super) fn all_of(&self, group: Option<&str>) -> Vec<u32> {
        let place =
            group.and_then(|name| self.scenario.groups.iter().position(|group| group.name == name));
        let characters = self.seats.iter().map(|seat| &seat.character);
        let is = |of: usize| place.is_none_or(|place| of == place);
        characters.filter(|one| is(one.group)).map(|one| one.number).collect()
    }

    /// A node that is to do something, and whom to ask there.
    fn at(&self, name: &str) -> (u32, Option<AgentHandle>) {
        let node = self.called(name).unwrap_or(0);
        (node, self.seats[node as usize].agent().cloned())
    }

    fn publish(&mut self, version: &ReleaseVersion, node: &str) {
        let (node, agent) = self.at(node);
        let Some(made) = self.works.find(version).cloned() else { return self.untold -= 1 };
        let head = self.people.list(&made.signed, Clock::system().now());
        let path = self.folder.join(format!("{version}.bundle"));
        let version = version.clone();
        self.jobs.spawn(async move {
            let failed = || format!("release {version} cannot be published");
            let handed = async {
                let agent = agent.ok_or_else(|| away(node)).map_err(Failure::of(failed))?;
                let place = path.clone();
                let written = tokio::task::spawn_blocking(move || made.write(&head, &place));
                written.await.map_err(Failure::of(failed))??;
                agent.import(path, BY.to_owned()).await.map_err(Failure::of(failed))?;
                Ok(())
            };
            let handed = handed.await;
            Done::Published(node, version, handed)
        });
    }

    /// The publisher takes a release back.
    fn withdraw(&mut self, version: &ReleaseVersion, node: &str) {
        let (node, agent) = self.at(node);
        let Some(made) = self.works.find(version).cloned() else { return self.untold -= 1 };
        let (now, reason) = (Clock::system().now(), "the story has it so");
        let Some(head) = self.people.withdraw(&made.signed.digest(), reason, now) else {
            return self.untold -= 1;
        };
        let path = self.folder.join(format!("{version}.withdrawn.bundle"));
        let version = version.clone();
        self.jobs.spawn(async move {
            let failed = || format!("release {version} cannot be withdrawn");
            let handed = async {
                let agent = agent.ok_or_else(|| away(node)).map_err(Failure::of(failed))?;
                let place = path.clone();
                let written =
                    tokio::task::spawn_blocking(move || made.write_without(&head, &place));
                written.await.map_err(Failure::of(failed))??;
                agent.import(path, BY.to_owned()).await.map_err(Failure::of(failed))?;
                Ok(())
            };
            Done::Withdrawn(handed.await)
        });
    }

    fn propose(&mut self, deed: &Deed) {
        let Deed::Propose { node, .. } = deed else { return };
        let (node, agent) = self.at(node);
        let elector = self.seats[node as usize].character.elector;
        let key = elector.and_then(|elector| self.people.elector(elector)).cloned();
        let wish = key.as_ref().and_then(|key| deed.wish(key.public().id()));
        let (Some(key), Some(wish)) = (key, wish) else { return self.untold -= 1 };
        let network = self.people.network;
        self.jobs.spawn(async move {
            let failed = || "the vote cannot be opened".to_owned();
            let said = async {
                let agent = agent.ok_or_else(|| away(node)).map_err(Failure::of(failed))?;
                let draft = agent.draft_proposal(wish).await.map_err(Failure::of(failed))?;
                let mut signed = Signed::unsigned(&draft).map_err(Failure::of(failed))?;
                signed.sign(&key, &network);
                let id = signed.digest();
                let statement = Statement::Proposal(signed);
                agent.say(statement, BY.to_owned()).await.map_err(Failure::of(failed))?;
                Ok(id)
            };
            Done::Proposed(said.await)
        });
    }

    /// An elector is to vote on what was proposed last.
    fn vote(&mut self, node: u32, says: Word) {
        let saying = self.sayings.begin(node, says, self.measured.last_proposed());
        self.cast(saying);
    }

    /// An elector votes, if it can.
    pub(super) fn cast(&mut self, mut saying: Saying) {
        if !self.sayings.is_newest(&saying) {
            return;
        }
        saying.on = saying.on.or_else(|| self.measured.last_proposed());
        let agent = self.seats[saying.node as usize].agent().cloned();
        self.jobs.spawn(async move { Done::Voted(saying, cast(agent, saying).await) });
    }

    /// An elector has voted, or tries again.
    pub(super) fn has_voted(&mut self, saying: Saying, result: Result<(), Failure>) {
        let Err(failure) = result else { return };
        if let Some(again) = saying.again() {
            return self.plan(self.wire.now() + SAYS_AGAIN, Due::Votes(again));
        }
        tracing::warn!(node = saying.node, error = %failure.source, "an elector cannot vote");
        self.write_down(saying.node, || format!("{}: {}", failure.what, failure.source));
    }
}

async fn cast(agent: Option<AgentHandle>, saying: Saying) -> Result<(), Failure> {
    let Saying { node, says, on, .. } = saying;
    let failed = || "this elector cannot vote".to_owned();
    let agent = agent.ok_or_else(|| away(node)).map_err(Failure::of(failed))?;
    let last = on.ok_or("nothing is proposed").map_err(Failure::of(failed))?;
    let said = agent.vote(last, says.stance(), String::new(), BY.to_owned()).await;
    said.map(drop).map_err(Failure::of(failed))
}

fn away(node: u32) -> String {
    format!("node {node} does not run")
}
