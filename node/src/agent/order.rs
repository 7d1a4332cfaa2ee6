//! What others may ask of the agent; each order is answered exactly once.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::oneshot;
use updraft_protocol::{
    ChannelName, ComponentName, Digest, KeyId, Listing, Manifest, Proposal, ReleaseVersion, Root,
    Signed, Stance, Statement, Timestamp,
};

use super::{
    operation::{Operation, OperationId},
    proposals::{ProposalLine, ProposalWish},
    saying::{Said, StatementLine},
};
use crate::problem::Problem;

/// An answer, or why there is none.
pub type Answer<T> = Result<T, Problem>;
pub(super) type Reply<T> = oneshot::Sender<Answer<T>>;

/// Asks for an installation.
#[derive(Debug, Clone)]
pub struct InstallOrder {
    /// Of what.
    pub component: ComponentName,
    /// Which version; `None` for the newest on the channel.
    pub version: Option<ReleaseVersion>,
    /// From which channel; `None` for the one it follows.
    pub channel: Option<ChannelName>,
    /// How far to go.
    pub extent: Extent,
    /// Whether patches may be used.
    pub route: RouteChoice,
    /// What the person asking consents to.
    pub consent: Consent,
    /// Who asks, for the history.
    pub by: String,
}

/// How far an installation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Fetch, stage and switch.
    Install,
    /// Fetch into the store only.
    Download,
    /// Fetch and stage beside what is live, for a protocol; nothing is switched.
    Stage {
        /// The version of the protocol.
        protocol: u32,
        /// Whether it has to try itself there.
        trial: Trial,
    },
}

/// Whether a release that is staged has to try itself. Whoever says *ready* because of it, or becomes it, has to know;
/// whoever follows a decision installs it either way, and it may have no self-test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Its self-test runs, and has to pass.
    Demanded,
    /// It is built and compared with its signed listing; nothing of it runs.
    Spared,
}

/// Which routes may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChoice {
    /// The cheapest.
    Cheapest,
    /// The whole artifact, no patches.
    WholeOnly,
}

/// What a person consents to beyond what settings allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consent {
    /// A lower version than the installed one.
    pub downgrade: bool,
    /// Breaking changes, and releases that failed here before.
    pub force: bool,
}

/// Asks to go back.
#[derive(Debug, Clone)]
pub struct RollbackOrder {
    /// Of what.
    pub component: ComponentName,
    /// To which kept version; `None` for the one before.
    pub to: Option<ReleaseVersion>,
    /// Why, for the history.
    pub reason: Option<String>,
    /// Who asks, for the history.
    pub by: String,
}

/// What an installation would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// From.
    pub from: Option<ReleaseVersion>,
    /// To.
    pub to: ReleaseVersion,
    /// `whole`, or the versions of a chain of patches.
    pub route: Vec<String>,
    /// Bytes to fetch.
    pub fetch_bytes: u64,
    /// Bytes of the whole artifact.
    pub whole_bytes: u64,
    /// Bytes of disk the new version takes.
    pub disk_bytes: u64,
    /// What the person who asks should know before.
    pub warnings: Vec<String>,
}

/// A release that a trusted head lists.
#[derive(Debug, Clone)]
pub struct Release {
    /// Where it is on offer.
    pub channel: ChannelName,
    /// What the head says.
    pub listing: Listing,
    /// The manifest, if it has come.
    pub manifest: Option<Arc<Manifest>>,
    /// Keys that signed the manifest.
    pub signers: Vec<KeyId>,
    /// Signatures needed.
    pub threshold: usize,
    /// Whether this node holds the whole artifact.
    pub held: bool,
    /// Why it is not on offer any more, if it was withdrawn.
    pub withdrawn: Option<String>,
    /// Why nobody is to install it now, as a sentence.
    pub barred: Option<String>,
    /// Builders who got the same from its sources.
    pub agree: Vec<KeyId>,
    /// Builders who got another tree, and which.
    pub differ: Vec<(KeyId, Digest)>,
}

/// What a check for news brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// Peers that answered.
    pub asked: usize,
    /// Heads that were new.
    pub new_heads: usize,
}

/// A peer, as people see it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its id.
    pub id: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// `in` or `out`.
    pub direction: &'static str,
    /// What it says it runs.
    pub agent: Option<String>,
    /// Round trip.
    pub rtt: Option<Duration>,
    /// Its gossip score.
    pub score: f64,
    /// `bootstrap`, `dht`, `mdns`, `dialled`, `inbound`.
    pub found_by: &'static str,
    /// Connected since.
    pub since: Timestamp,
    /// Banned until, if it is.
    pub banned: Option<Timestamp>,
}

/// One line of a node's history.
#[derive(Debug, Clone)]
pub struct HistoryLine {
    /// When.
    pub at: Timestamp,
    /// Of what.
    pub component: ComponentName,
    /// From.
    pub from: Option<ReleaseVersion>,
    /// To.
    pub to: ReleaseVersion,
    /// `install`, `rollback`, `publish`.
    pub what: String,
    /// `None` when it went well.
    pub error: Option<String>,
    /// Who asked.
    pub by: String,
    /// More, for people.
    pub detail: String,
}

/// What became of a published bundle.
#[derive(Debug, Clone)]
pub struct Published {
    /// Of what.
    pub component: ComponentName,
    /// Which.
    pub version: ReleaseVersion,
    /// Where.
    pub channel: ChannelName,
    /// The new head's number.
    pub seq: u64,
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Peers that the announcement went to at once.
    pub reached: usize,
}

/// Bytes of a complete blob.
pub struct BlobFile {
    /// Reads them from the beginning; every chunk is checked before a byte of it comes out. Blocks.
    pub reader: Box<dyn std::io::Read + Send>,
    /// How many there are.
    pub size: u64,
}

impl std::fmt::Debug for BlobFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobFile").field("size", &self.size).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) enum Order {
    Check { reply: Reply<CheckReport> },
    Install { order: InstallOrder, reply: Reply<OperationId> },
    Plan { order: InstallOrder, reply: Reply<Plan> },
    Rollback { order: RollbackOrder, reply: Reply<OperationId> },
    Operations { reply: Reply<Vec<Operation>> },
    Releases { reply: Reply<Vec<Release>> },
    SignedRoot { version: Option<u64>, reply: Reply<Option<Vec<u8>>> },
    SignedHead { channel: ChannelName, seq: Option<u64>, reply: Reply<Option<Vec<u8>>> },
    SignedManifest { digest: Digest, reply: Reply<Option<Vec<u8>>> },
    OfferRoot { root: Box<Signed<Root>>, by: String, reply: Reply<u64> },
    Import { bundle: PathBuf, by: String, reply: Reply<Published> },
    Say { statement: Arc<Statement>, by: String, reply: Reply<Said> },
    Statements { reply: Reply<Vec<StatementLine>> },
    Proposals { reply: Reply<Vec<ProposalLine>> },
    DraftProposal { wish: Box<ProposalWish>, reply: Reply<Proposal> },
    Vote { proposal: Digest, stance: Stance, reason: String, by: String, reply: Reply<Said> },
    History { component: Option<ComponentName>, limit: usize, reply: Reply<Vec<HistoryLine>> },
    Peers { reply: Reply<Vec<Peer>> },
    Dial { address: String, reply: Reply<()> },
    Ban { peer: String, time: Duration, reply: Reply<()> },
    Unban { peer: String, reply: Reply<()> },
    Object { digest: Digest, reply: Reply<Option<Vec<u8>>> },
    Blob { digest: Digest, reply: Reply<Option<BlobFile>> },
    StartAgain { reply: Reply<PathBuf> },
    Replicas { manifest: Digest, reply: Reply<usize> },
}
