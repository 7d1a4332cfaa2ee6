//! The JSON bodies of the API: what programs outside rely on.
//!
//! Every body is a type of its own, so that a change inside the node never changes the contract by accident.
//! Names are camelCase, times RFC 3339, sizes bytes, versions strings. Fields are only added. The command
//! line reads the same types, and readers ignore what they do not know. Nothing here decides anything.

mod health;
mod hex;
mod install;
mod network;
mod proposal;
mod release;
mod statement;
mod status;

pub use self::{
    health::{Finding, Readiness, ReadinessCheck},
    hex::Hex,
    install::{Accepted, InstallBody, Operation, Plan, Progress, RollbackBody, Source, Unit},
    network::{
        BanBody, Base, CheckReport, DialBody, Elector, HistoryEntry, Peer, ProtocolRange, Replicas,
        Revoked, Role, RootTaken, Trust, VersionInfo,
    },
    proposal::{
        Ballot, Ballots, CertificateBytes, ElectorBallot, OwnPart, Proposal, ProposalDraft,
        ProposeBody, ReadyCount, VoteBody, Weights,
    },
    release::{Build, Checksums, Delta, Published, Release, Signer, UpdateOffer},
    statement::{Said, StatementLine},
    status::{
        Alarm, Channel, Component, Concern, HeldBy, LastUpdate, Node, Pause, Peers, PlanSizes,
        Protocol, Root, Status, Store, Totals, WitnessCount,
    },
};

use serde::{Deserialize, Serialize};
use updraft_protocol::Timestamp;

pub(crate) use self::{network::network_kind, proposal::state_word};

pub(super) use self::release::deltas;

/// A list that may be cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `null` when this is the last.
    pub next: Option<String>,
}

/// A moment as the API writes it.
pub(super) fn time(moment: Timestamp) -> String {
    moment.to_string()
}
