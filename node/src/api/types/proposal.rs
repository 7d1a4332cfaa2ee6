//! Bodies about votes: proposals, how they stand, and the ballots by which anybody counts again.

use serde::{Deserialize, Serialize};
use updraft_protocol::{Proposal as Signable, Stance, Statement, codec};

use super::{hex::Hex, time};
use crate::agent::{self, ElectorLine, ProposalLine, VoteState};

/// An item of `GET /api/v1/proposals`. Weights are whole ones of the electorate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// What people call it: `p-3`. Two proposals may share it; the digest is its name.
    pub id: String,
    /// The number in that: 3.
    pub number: u32,
    /// Its name.
    pub digest: String,
    /// `announced voting rejected failed lockedIn active final overtaken cancelled`.
    pub state: String,
    /// Whose protocol: `updraft`, or a component's.
    pub line: String,
    /// The protocol before.
    pub from: u32,
    /// The protocol to speak.
    pub protocol: u32,
    /// The version of the line that speaks both.
    pub release: String,
    /// Digests of its manifests, one for each kind of machine.
    pub artifacts: Vec<String>,
    /// Id of the key that proposes.
    pub by: String,
    /// Why, in words.
    pub notes: String,
    /// When voting begins.
    pub opens_at: String,
    /// When it is over.
    pub closes_at: String,
    /// When the new protocol is spoken, at the earliest.
    pub activates_at: String,
    /// When the old one is spoken no more.
    pub ends_at: String,
    /// The height at which the new one is spoken, if heights decide.
    pub height: Option<u64>,
    /// Keys that may vote.
    pub electorate: usize,
    /// Number of the electorate that these are: the epoch of the root that named it.
    pub electorate_epoch: u64,
    /// What the ballots weigh.
    pub weights: Weights,
    /// All weight; silence is part of it.
    pub total: u64,
    /// The least weight that decides. It is the same number as `threshold`: silence counts as no, so taking part is not
    /// counted separately.
    pub quorum: u64,
    /// The least weight that has to be for it.
    pub threshold: u64,
    /// More than this part of all weight has to be for it: `2/3`.
    pub threshold_of: String,
    /// At least this part of that has to be ready: `9/10`.
    pub min_ready: String,
    /// Electors whose nodes are ready.
    pub ready: ReadyCount,
    /// What is missing for a decision; empty once there is one, or can be none.
    pub missing: Vec<String>,
    /// How far its release has come on this node.
    pub readiness: String,
    /// This node's part, if its operator votes.
    pub own: Option<OwnPart>,
    /// What was decided, with a proof that is in the ballots: `lockIn`, `cancel`.
    pub certificates: Vec<String>,
    /// Ids of keys that signed two different ballots with one number.
    pub liars: Vec<String>,
}

/// What ballots weigh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Weights {
    /// For it, ready or not.
    pub yes: u64,
    /// For it and ready.
    pub ready: u64,
    /// Against it.
    pub no: u64,
    /// Neither.
    pub abstain: u64,
    /// To call it off.
    pub cancel: u64,
}

/// Electors that are ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadyCount {
    /// So many.
    pub nodes: usize,
    /// Of so many.
    pub of: usize,
}

/// A node's part in a vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnPart {
    /// Id of the key it votes with.
    pub key: String,
    /// Whether that key may vote on this.
    pub voter: bool,
    /// How it has voted: `yes no abstain ready cancel`.
    pub ballot: Option<String>,
}

/// `GET /api/v1/proposals/{id}/ballots`: all that is needed to count again, as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ballots {
    /// How the node counts.
    pub proposal: Proposal,
    /// The proposal as it was signed, an encoded statement.
    pub bytes: Hex,
    /// Every elector, also the silent ones.
    pub items: Vec<ElectorBallot>,
    /// Decisions that carry their proof.
    pub certificates: Vec<CertificateBytes>,
}

/// An elector and its last ballot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElectorBallot {
    /// Id of its key.
    pub key: String,
    /// Who runs its node.
    pub operator: String,
    /// What its vote weighs, before the cap of its operator.
    pub weight: u32,
    /// Its ballot.
    pub ballot: Option<Ballot>,
    /// Why it does not count.
    pub void: Option<String>,
    /// The proof that it has lied, an encoded statement.
    pub proof: Option<Hex>,
}

/// A ballot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ballot {
    /// `yes no abstain ready cancel`.
    pub stance: String,
    /// Its number among its elector's ballots about this proposal.
    pub seq: u32,
    /// When it was cast, as exact as an epoch.
    pub at: String,
    /// Why, in words.
    pub reason: String,
    /// As it was signed, an encoded statement.
    pub bytes: Hex,
}

/// A decision that carries its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateBytes {
    /// `lockIn` or `cancel`.
    pub decision: String,
    /// An encoded statement.
    pub bytes: Hex,
}

/// Body of `POST /api/v1/proposals/draft`. What is left out is the least that is allowed, or the newest release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposeBody {
    /// The public key of who will sign it: `updk1…`.
    pub by: String,
    /// Whose protocol; `updraft` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The protocol to speak.
    pub protocol: u32,
    /// The version that speaks it; the newest on offer if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Seconds of voting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voting_seconds: Option<u64>,
    /// Seconds between the vote and the activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_seconds: Option<u64>,
    /// Seconds in which the old protocol is spoken as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<u64>,
    /// Activates at this height instead of a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// More than this part of all weight; `2/3` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// At least this part of it ready; `9/10` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ready: Option<String>,
    /// Why, in words.
    #[serde(default)]
    pub notes: String,
}

/// Answer to `POST /api/v1/proposals/draft`: what somebody may sign, after having read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposalDraft {
    /// The encoding of the proposal, signed by nobody.
    pub bytes: Hex,
    /// What it says. Who signs reads the bytes and not this.
    pub words: String,
}

/// Body of `POST /api/v1/proposals/{id}/ballots`: this node votes with its own key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteBody {
    /// `yes no abstain cancel`. The node says by itself when it is ready.
    pub stance: String,
    /// Why, in words.
    #[serde(default)]
    pub reason: String,
}

/// The word of the API for how a proposal stands that a person calls so.
pub(crate) fn state_word(state: &str) -> &str {
    let known = VoteState::ALL.into_iter().find(|known| known.word() == state);
    known.map_or(state, |known| known.camel_case())
}

impl From<&ProposalLine> for Proposal {
    fn from(line: &ProposalLine) -> Self {
        let Signable { number, by, line: name, from, to: protocol, release, .. } = &line.proposal;
        let is_ready = |elector: &&ElectorLine| {
            elector.void.is_none()
                && elector.ballot.as_ref().is_some_and(|b| matches!(b.stance, Stance::Ready { .. }))
        };
        let agent::VoteCount { yes, ready, no, abstain, cancel, total, needed } = line.count;
        Self {
            id: format!("p-{number}"),
            number: *number,
            digest: line.id.to_string(),
            state: line.state.camel_case().to_owned(),
            line: name.to_string(),
            from: *from,
            protocol: *protocol,
            release: release.to_string(),
            artifacts: line.proposal.artifacts.iter().map(ToString::to_string).collect(),
            by: by.to_hex(),
            notes: line.proposal.notes.clone(),
            opens_at: time(line.opens),
            closes_at: time(line.closes),
            activates_at: time(line.activates),
            ends_at: time(line.ends),
            height: line.height,
            electorate: line.electors.len(),
            electorate_epoch: line.proposal.electorate,
            weights: Weights { yes, ready, no, abstain, cancel },
            total,
            quorum: needed,
            threshold: needed,
            threshold_of: line.proposal.threshold.to_string(),
            min_ready: line.proposal.min_ready.to_string(),
            ready: ReadyCount {
                nodes: line.electors.iter().filter(is_ready).count(),
                of: line.electors.len(),
            },
            missing: line.missing.clone(),
            readiness: line.readiness.clone(),
            own: line.own.as_ref().map(|own| OwnPart {
                key: own.key.to_hex(),
                voter: own.may_vote,
                ballot: own.stance.map(|stance| stance.word().to_owned()),
            }),
            certificates: line
                .certificates
                .iter()
                .map(|certificate| certificate.decision.word().to_owned())
                .collect(),
            liars: line
                .electors
                .iter()
                .filter(|elector| elector.proof.is_some())
                .map(|elector| elector.key.to_hex())
                .collect(),
        }
    }
}

impl From<&ProposalLine> for Ballots {
    fn from(line: &ProposalLine) -> Self {
        Self {
            proposal: Proposal::from(line),
            bytes: encoded(&Statement::Proposal(line.signed.as_ref().clone())),
            items: line.electors.iter().map(ElectorBallot::from).collect(),
            certificates: line
                .certificates
                .iter()
                .map(|certificate| CertificateBytes {
                    decision: certificate.decision.word().to_owned(),
                    bytes: encoded(&Statement::Certificate(Box::new(certificate.as_ref().clone()))),
                })
                .collect(),
        }
    }
}

fn encoded(statement: &Statement) -> Hex {
    Hex(codec::encode(statement).expect("what was decoded and verified can be encoded"))
}

impl From<&ElectorLine> for ElectorBallot {
    fn from(elector: &ElectorLine) -> Self {
        Self {
            key: elector.key.to_hex(),
            operator: elector.operator.to_string(),
            weight: elector.weight,
            ballot: elector.ballot.as_ref().map(|ballot| Ballot {
                stance: ballot.stance.word().to_owned(),
                seq: ballot.seq,
                at: time(ballot.at),
                reason: ballot.reason.clone(),
                bytes: encoded(&Statement::Ballot(ballot.signed.as_ref().clone())),
            }),
            void: elector.void.clone(),
            proof: elector
                .proof
                .as_ref()
                .map(|proof| encoded(&Statement::DoubleVote(proof.as_ref().clone()))),
        }
    }
}
