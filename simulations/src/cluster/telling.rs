//! The story of a scenario happens: what publishers, electors and whoever pulls plugs do.

use updraft_node::{
    agent::{AgentHandle, ProposalWish, own_component},
    clock::Clock,
};
use updraft_protocol::{ComponentName, Digest, ReleaseVersion, Signed, Stance, Statement};

use super::{
    Failure,
    running::{Cluster, Done, Due},
};
use crate::scenario::{Act, Share, Word};

/// Who the story is in the history of a node.
const BY: &str = "story";
/// An elector whose node has not heard of the vote yet, or does not know yet what it said last, tries again after this time,
/// so often.
const AGAIN: u64 = 500_000;
const TRIES: u32 = 40;

impl Cluster {
    /// A step happens.
    pub(super) fn tell(&mut self, step: usize) {
        let scenario = self.scenario.clone();
        let Some(step) = scenario.story.get(step) else { return };
        match &step.act {
            // These come to their end later.
            Act::Publish { release, group } => self.publish(&release.0, group.as_deref()),
            Act::Withdraw { release, group } => self.withdraw(&release.0, group.as_deref()),
            Act::Propose { component, to, release, voting, lead, grace, .. } => {
                let seconds = |time: &crate::scenario::Time| Some(time.0 / 1_000_000);
                let line = match component {
                    Some(name) => name.parse().expect("checked with the scenario"),
                    None => own_component(),
                };
                let times = [seconds(voting), seconds(lead), seconds(grace)];
                self.propose(line, *to, release.0.clone(), times);
            }
            other => {
                self.untold -= 1;
                match other {
                    Act::Join { group, count, over } => self.join(group, *count, over.0),
                    Act::Vote { share, says, over } => self.vote(*share, *says, over.0),
                    wrong => self.go_wrong(wrong),
                }
            }
        }
    }

    /// The nodes of a group; without a name, all.
    pub(super) fn all_of(&self, group: Option<&str>) -> Vec<u32> {
        let place =
            group.and_then(|name| self.scenario.groups.iter().position(|group| group.name == name));
        let characters = self.seats.iter().map(|seat| &seat.character);
        let is = |of: usize| place.is_none_or(|place| of == place);
        characters.filter(|one| is(one.group)).map(|one| one.number).collect()
    }

    /// A share of them, by chance.
    pub(super) fn some_of(&mut self, group: Option<&str>, share: Share) -> Vec<u32> {
        let all = self.all_of(group);
        let count = share.of(all.len());
        self.chance.some(count, all.len()).into_iter().map(|place| all[place]).collect()
    }

    /// The first node of a group, or of all, that is to do something, and whom to ask there.
    fn first_of(&self, group: Option<&str>) -> (u32, Option<AgentHandle>) {
        let node = self.all_of(group).first().copied().unwrap_or(0);
        (node, self.seats[node as usize].agent().cloned())
    }

    fn publish(&mut self, version: &ReleaseVersion, group: Option<&str>) {
        let (node, agent) = self.first_of(group);
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
    fn withdraw(&mut self, version: &ReleaseVersion, group: Option<&str>) {
        let (node, agent) = self.first_of(group);
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

    fn join(&mut self, group: &str, count: Option<u32>, over: u64) {
        let is_away = |node: &u32| self.seats[*node as usize].agent().is_none();
        let away: Vec<u32> = self.all_of(Some(group)).into_iter().filter(is_away).collect();
        let count = count.map_or(away.len(), |count| count as usize);
        for node in away.into_iter().take(count) {
            let at = self.wire.now() + self.chance.between(0, over);
            self.plan(at, Due::Starts(node));
        }
    }

    fn electors(&self) -> Vec<u32> {
        let votes = self.seats.iter().filter(|seat| seat.character.elector.is_some());
        votes.map(|seat| seat.character.number).collect()
    }

    fn propose(
        &mut self,
        line: ComponentName,
        to: u32,
        release: ReleaseVersion,
        [voting, lead, grace]: [Option<u64>; 3],
    ) {
        let elector = self.electors().first().copied();
        let Some((node, key)) = elector.and_then(|node| {
            let elector = self.seats[node as usize].character.elector?;
            Some((node, self.people.elector(elector)?.clone()))
        }) else {
            return self.untold -= 1;
        };
        let (agent, network) = (self.seats[node as usize].agent().cloned(), self.people.network);
        let wish = ProposalWish {
            by: key.public().id(),
            line,
            to,
            release: Some(release),
            voting,
            lead,
            grace,
            height: None,
            threshold: None,
            min_ready: None,
            notes: String::new(),
        };
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

    fn vote(&mut self, share: Share, says: Word, over: u64) {
        let electors = self.electors();
        let count = share.of(electors.len());
        for node in electors.into_iter().take(count) {
            let at = self.wire.now() + self.chance.between(0, over);
            self.plan(at, Due::Votes(node, says, 0));
        }
    }

    /// An elector votes on what it heard of last.
    pub(super) fn cast(&mut self, node: u32, says: Word, tries: u32) {
        let agent = self.seats[node as usize].agent().cloned();
        let last = self.measured.last_proposed();
        self.jobs.spawn(async move {
            let cast = cast(node, agent, last, says).await;
            Done::Voted(node, says, tries, cast)
        });
    }

    /// An elector has voted, or tries again.
    pub(super) fn has_voted(
        &mut self,
        node: u32,
        says: Word,
        tries: u32,
        result: Result<(), Failure>,
    ) {
        let Err(failure) = result else { return };
        if tries < TRIES {
            return self.plan(self.wire.now() + AGAIN, Due::Votes(node, says, tries + 1));
        }
        tracing::warn!(node, error = %failure.source, "an elector cannot vote");
        self.write_down(node, || format!("{}: {}", failure.what, failure.source));
    }
}

async fn cast(
    node: u32,
    agent: Option<AgentHandle>,
    last: Option<Digest>,
    says: Word,
) -> Result<(), Failure> {
    let failed = || "this elector cannot vote".to_owned();
    let agent = agent.ok_or_else(|| away(node)).map_err(Failure::of(failed))?;
    let last = last.ok_or("nothing is proposed").map_err(Failure::of(failed))?;
    let stance = match says {
        Word::Yes => Stance::Yes,
        Word::No => Stance::No,
        Word::Abstain => Stance::Abstain,
        Word::Cancel => Stance::Cancel,
    };
    let said = agent.vote(last, stance, String::new(), BY.to_owned()).await;
    said.map(drop).map_err(Failure::of(failed))
}

fn away(node: u32) -> String {
    format!("node {node} does not run")
}
