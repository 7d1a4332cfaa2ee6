//! A vote as three electors of a development network would hold it: really signed, and counted by the one count.

use std::{collections::BTreeMap, sync::Arc};

use updraft_protocol::{
    Ballot, ChannelRole, Digest, Elector, Electorate, KeyId, NetworkId, NetworkKind, Proposal,
    Role, Root, SecretKey, Sentence, Signed, Stance, Timestamp, root,
    vote::{Activation, Fraction, Outlook, Rules, Weights},
};

use super::STARTED;
use crate::{
    agent::{BallotLine, ElectorLine, ProposalLine, VoteCount, VoteState},
    testing::votes,
};

/// Every elector weighs 1 and is its own operator.
const ELECTORS: [u8; 3] = [21, 22, 23];

/// A network with three electors and proposal 3, which is open.
#[derive(Debug)]
pub(crate) struct Vote {
    pub(crate) proposal: Proposal,
    stances: BTreeMap<usize, (Stance, u32)>,
}

impl Vote {
    pub(crate) fn new() -> Self {
        let opens = STARTED.as_seconds();
        let proposal = Proposal {
            number: 3,
            release: "1.1.0".parse().expect("a version"),
            artifacts: vec![Digest::of(b"the artifact")],
            lock_deadline: opens + 3_600,
            activation: Activation::Epoch(opens + 7_200),
            grace_end: opens + 10_800,
            min_ready: Fraction::NINE_TENTHS,
            notes: "packs of chunks".to_owned(),
            ..votes::proposal(ELECTORS[0], opens)
        };
        Self { proposal, stances: BTreeMap::new() }
    }

    fn network() -> NetworkId {
        NetworkId::from_bytes([9; 32])
    }

    /// The key of an elector: 0, 1 or 2.
    pub(crate) fn key(elector: usize) -> SecretKey {
        SecretKey::from_seed(&[ELECTORS[elector]; 32])
    }

    pub(crate) fn electorate() -> Electorate {
        let elector = |(n, operator): (usize, &str)| Elector {
            key: Self::key(n).public(),
            weight: 1,
            operator: operator.parse().expect("a name"),
        };
        let electors = ["ann", "ben", "cleo"].into_iter().enumerate().map(elector);
        Electorate::new(1, electors.collect())
    }

    /// The first root, which names the electorate, signed by key 1.
    pub(crate) fn root() -> Signed<Root> {
        let key = SecretKey::from_seed(&[1; 32]);
        let role = || Role::new(1, vec![key.public()]).expect("one of one");
        let channel = "stable".parse().expect("a name");
        let root = Root {
            kind: NetworkKind::Development,
            release: vec![ChannelRole { channel, role: role() }],
            electorate: Some(Self::electorate()),
            ..Root::first(Self::network(), "demo".parse().expect("a name"), role(), STARTED)
        };
        let mut signed = Signed::unsigned(&root).expect("a root");
        signed.sign(&key, &Self::network());
        root::trust_first(&signed, &signed.digest()).expect("it is sound");
        signed
    }

    pub(crate) fn sign<T: Sentence>(value: &T, elector: usize) -> Signed<T> {
        let mut signed = Signed::unsigned(value).expect("within limits");
        signed.sign(&Self::key(elector), &Self::network());
        signed
    }

    /// The proposal, signed by elector 0.
    pub(crate) fn signed(&self) -> Signed<Proposal> {
        Self::sign(&self.proposal, 0)
    }

    /// An elector says how it stands, with ballot `seq`.
    pub(crate) fn cast(mut self, elector: usize, stance: Stance, seq: u32) -> Self {
        self.stances.insert(elector, (stance, seq));
        self
    }

    /// An elector's stance that its node is ready.
    pub(crate) fn ready(&self) -> Stance {
        let [artifact] = self.proposal.artifacts[..] else { unreachable!("one is named") };
        Stance::Ready { artifact, selftest: Digest::of(b"it went well") }
    }

    pub(crate) fn ballot(&self, elector: usize, stance: Stance, seq: u32) -> Ballot {
        Ballot {
            network: Self::network(),
            by: Self::key(elector).public().id(),
            proposal: self.signed().digest(),
            seq,
            epoch: self.proposal.opens + 1,
            stance,
            reason: "it was tried".to_owned(),
        }
    }

    /// What a node shows of it.
    pub(crate) fn line(&self) -> ProposalLine {
        let signed = self.signed();
        let at = Timestamp::from_seconds;
        let elector_of = |key: KeyId| (0..3).find(|n| Self::key(*n).public().id() == key);
        let electors = Self::electorate().electors.into_iter().map(|elector| {
            let key = elector.key.id();
            let cast = elector_of(key).and_then(|n| Some((n, *self.stances.get(&n)?)));
            let ballot = cast.map(|(n, (stance, seq))| {
                let ballot = self.ballot(n, stance, seq);
                BallotLine {
                    stance,
                    seq,
                    at: at(ballot.epoch),
                    reason: ballot.reason.clone(),
                    signed: Arc::new(Self::sign(&ballot, n)),
                }
            });
            let (weight, operator) = (elector.weight, elector.operator);
            ElectorLine { key, operator, weight, ballot, void: None, proof: None }
        });
        ProposalLine {
            id: signed.digest(),
            proposal: self.proposal.clone(),
            signed: Arc::new(signed),
            state: VoteState::Open(Outlook::Undecided),
            opens: at(self.proposal.opens),
            closes: at(self.proposal.lock_deadline + 1),
            activates: at(self.proposal.activation.earliest()),
            height: None,
            ends: at(self.proposal.grace_end + 1),
            count: self.count(),
            electors: electors.collect(),
            missing: vec!["1 of 3 are for it, 3 are needed".to_owned()],
            own: None,
            readiness: "updraft@1.1.0 has not been tried here".to_owned(),
            certificates: Vec::new(),
        }
    }

    fn count(&self) -> VoteCount {
        let electorate = Self::electorate();
        let weights = Weights::of(&electorate, &Rules::of(NetworkKind::Development));
        let stances = self.stances.iter();
        let stances = stances.map(|(n, (stance, _))| (Self::key(*n).public().id(), *stance));
        let count = weights.count(&stances.collect());
        let whole = |weight: u128| u64::try_from(weight).expect("three");
        VoteCount {
            yes: whole(count.affirmative),
            ready: whole(count.ready),
            no: whole(count.against),
            abstain: whole(count.abstain),
            cancel: whole(count.cancel),
            total: whole(count.total),
            needed: 3,
        }
    }
}
