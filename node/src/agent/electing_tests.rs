//! How a node that takes part votes, and how it comes to be ready.

use super::*;
use crate::{
    agent::{Fetched, Job, staging::Staged},
    trial::Tried,
};

/// Protocols that are proposed, each by an elector of its own, all with one release.
const WANTED: [(u32, u8); 2] = [(2, 15), (3, 14)];

/// An elector's node at work, and the proposals, in the order of [`WANTED`].
struct Trials {
    desk: Desk,
    proposals: Vec<Arc<Statement>>,
    /// What was fetched, by protocol.
    tried: Vec<u32>,
    /// Ready was said of these, with the digest of what the self-test had printed.
    ready: Vec<(Digest, Digest)>,
}

/// What the self-test prints for a protocol.
fn printed(protocol: u32) -> Digest {
    Digest::of(&protocol.to_le_bytes())
}

impl Trials {
    fn new() -> Self {
        let mut desk = Desk::speaking(9);
        desk.caught_up(1);
        let head = desk.publisher.sign(&desk.publisher.head(1, None, &[&desk.artifact]), &[1, 2]);
        let artifact = desk.artifact.as_ref().clone();
        let message = Gossip::announce(head.as_ref().clone(), Some(artifact));
        desk.machine.handle(Input::Gossip { token: 1, from: 1, message }, now(2));
        let proposal = |(to, by): &(u32, u8)| {
            let proposal = Proposal {
                artifacts: vec![desk.artifact.digest()],
                line: "demo-app".parse().expect("a name"),
                to: *to,
                number: *to,
                ..votes::proposal(*by, epoch(10))
            };
            Arc::new(Statement::Proposal(votes::signed(&proposal, *by)))
        };
        let proposals: Vec<Arc<Statement>> = WANTED.iter().map(proposal).collect();
        for proposal in &proposals {
            desk.hear(proposal, 10);
        }
        Self { desk, proposals, tried: Vec::new(), ready: Vec::new() }
    }

    /// Does what the machine asks for until it asks for nothing more.
    fn follow(&mut self, mut actions: Vec<Action<u8>>, at: u64) {
        for _ in 0..50 {
            let mut next = Vec::new();
            for action in actions {
                match action {
                    Action::Fetch(job) => next.extend(self.run(&job, at)),
                    Action::Cast(ballot) => next.extend(self.cast(&ballot, at)),
                    _ => {}
                }
            }
            if next.is_empty() {
                return;
            }
            actions = next;
        }
        panic!("it never comes to an end: {:?}", self.tried);
    }

    fn run(&mut self, job: &Job, at: u64) -> Vec<Action<u8>> {
        let Extent::Stage { protocol, trial: Trial::Demanded } = job.extent else {
            panic!("{:?}", job.extent)
        };
        self.tried.push(protocol);
        let fetched = Input::Fetched(job.id, Ok(Fetched::default()));
        let mut actions = self.desk.machine.handle(fetched, now(at));
        let tried = Some(Tried { printed: printed(protocol), said: "works".to_owned() });
        let staged = Staged { version: job.manifest.version.clone(), protocol, tried };
        actions.extend(self.desk.machine.handle(Input::Staged(job.id, Ok(staged)), now(at)));
        actions
    }

    fn cast(&mut self, ballot: &Ballot, at: u64) -> Vec<Action<u8>> {
        if let Stance::Ready { selftest, .. } = ballot.stance {
            self.ready.push((ballot.proposal, selftest));
        }
        let signed = votes::signed(ballot, OWN);
        self.desk.machine.handle(Input::Cast(Box::new(signed)), now(at))
    }

    fn say_yes(&mut self, nth: usize, at: u64) -> Vec<Action<u8>> {
        let about = digest_of(&self.proposals[nth]);
        let vote = self.desk.machine.vote(&about, Stance::Yes, String::new(), now(at));
        let (ballot, mut actions) = vote.expect("it may");
        actions.extend(self.cast(&ballot, at));
        actions
    }
}

#[test]
fn whose_store_may_be_an_older_copy_does_not_vote_before_a_peer_may_have_come() {
    let patience = crate::agent::statements::PATIENCE.as_secs();
    let votes = |awaits_peers: bool, at: u64, told: bool| {
        let mut desk = Desk::with(2, |rules| rules.awaits_peers = awaits_peers);
        let opens = epoch(1);
        let proposal = desk.proposal(|proposal| {
            (proposal.opens, proposal.lock_deadline) = (opens, opens + 99);
            (proposal.activation, proposal.grace_end) =
                (Activation::Epoch(opens + 200), opens + 300);
        });
        desk.machine.say_on_a_vote(proposal.clone(), now(1)).expect("it was kept");
        if told {
            desk.caught_up(at);
        }
        let vote = desk.machine.vote(&digest_of(&proposal), Stance::Yes, String::new(), now(at));
        vote.map(|_| ()).map_err(|problem| problem.code)
    };
    assert_eq!(votes(true, patience - 1, false), Err(Code::NoPeers));
    assert_eq!(votes(true, patience, false), Ok(()), "it has waited in vain");
    assert_eq!(votes(true, 2, true), Ok(()));
    assert_eq!(votes(false, 2, false), Ok(()), "nobody is to come");
}

#[test]
fn ready_is_said_of_what_was_tried_for_this_very_protocol() {
    let mut trials = Trials::new();
    for (nth, (protocol, _)) in WANTED.into_iter().enumerate() {
        let actions = trials.say_yes(nth, 11);
        trials.follow(actions, 11);
        let ready = trials.ready.last().copied();
        assert_eq!(ready, Some((digest_of(&trials.proposals[nth]), printed(protocol))));
    }
    assert_eq!(trials.tried, [2, 3]);
}

#[test]
fn who_is_for_two_protocols_of_one_release_tries_it_once_for_each_and_is_ready_for_both() {
    let mut trials = Trials::new();
    let mut actions = trials.say_yes(0, 11);
    actions.extend(trials.say_yes(1, 11));
    trials.follow(actions, 11);
    for at in 12..16 {
        let actions = trials.desk.at(at);
        trials.follow(actions, at);
    }
    assert_eq!(trials.tried, [2, 3], "once each");
    let expected: Vec<(Digest, Digest)> = (WANTED.iter().zip(&trials.proposals))
        .map(|((protocol, _), proposal)| (digest_of(proposal), printed(*protocol)))
        .collect();
    assert_eq!(trials.ready, expected);
}
