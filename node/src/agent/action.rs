//! What comes into the agent's machine and what it asks to be done.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use updraft_protocol::{
    Ballot, CatchUpAnswer, CatchUpRequest, ChannelBase, ChannelName, ComponentName, Digest,
    Equivocation, ForkId, Gossip, Head, Heartbeat, KeyId, Manifest, NetworkId, ReleaseVersion,
    Root, Signed, Statement, Timestamp,
};

use super::{
    changing::{Listening, Speech},
    event::What,
    lifecycle::{InstalledVersion, WaitReason},
    operation::OperationId,
    order::{Extent, HistoryLine, RouteChoice},
    staging::Staged,
};
use crate::catalog::{Verdict, Word};

/// The time of an input, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For signed things and history.
    pub wall: Timestamp,
    /// Since the node started, for pauses; never jumps.
    pub elapsed: Duration,
}

/// Something that happened.
#[derive(Debug)]
pub enum Input<P> {
    /// A gossip message came; `token` names it in [`Action::Verdict`].
    Gossip {
        /// Names the message.
        token: u64,
        /// The peer that sent it on.
        from: P,
        /// What it says.
        message: Gossip,
    },
    /// Gossip messages that a peer brought were dropped unseen, and come no more.
    Missed(P),
    /// A peer that speaks Updraft is there.
    PeerCame(P),
    /// A peer is gone.
    PeerWent(P),
    /// A question for news was answered; `None` if it came to nothing.
    News(P, Option<CatchUpAnswer>),
    /// A question for roots was answered.
    Roots(P, Option<Vec<Signed<Root>>>),
    /// A question for statements after this id was answered.
    Statements(P, Option<Digest>, Option<CatchUpAnswer>),
    /// A kept head and one that came contradict each other.
    Proved(Box<Equivocation>),
    /// What this node says as a witness is kept and signed.
    Vouched(Box<Signed<Heartbeat>>),
    /// A ballot of this node is kept and signed.
    Cast(Box<Signed<Ballot>>),
    /// A peer has said which rules it follows; `None` if it did not.
    Forked(P, Option<ForkId>),
    /// The operator's source of heights has said a number.
    Height(u64),
    /// A question for a manifest was answered.
    Manifest(P, Digest, Option<CatchUpAnswer>),
    /// A bundle's bytes lie in the store; its head and manifest were judged good before.
    Imported {
        /// The bundle's head.
        head: Arc<Signed<Head>>,
        /// Its manifest.
        manifest: Arc<Signed<Manifest>>,
        /// Who published it.
        by: String,
    },
    /// A fetch ended.
    Fetched(OperationId, Result<Fetched, JobError>),
    /// An installation or a rollback ended.
    Installed(OperationId, Result<Installation, JobError>),
    /// A release was staged for a later day and tried, or not.
    Staged(OperationId, Result<Staged, JobError>),
    /// A seed's copy of a release is complete, or not.
    Mirrored(Digest, Result<Vec<Digest>, JobError>),
    /// The node was to become another program, and goes on as the one that it is, for this reason.
    NotStartedAgain(String),
    /// Nothing; time passed.
    Tick,
}

/// Something to do.
#[derive(Debug)]
pub enum Action<P> {
    /// Tell gossip what to do with a message.
    Verdict(u64, Verdict),
    /// Keep a root for ever.
    KeepRoot(Arc<Signed<Root>>, u64),
    /// Keep a head for ever, as signed by these keys; its channel begins at this base, if the root names one.
    KeepHead(Arc<Signed<Head>>, BTreeSet<KeyId>, Option<ChannelBase>),
    /// Forget the heads of a channel that do not lead on from this base (`None`: all of them).
    BeginAnew(ChannelName, Option<ChannelBase>),
    /// Keep what was said.
    KeepStatement(Arc<Statement>),
    /// A peer has told all it knows to this node, which came with nothing: from now on it tells others.
    Told,
    /// The job must not go live, for this reason.
    CallOff(OperationId, String),
    /// Strike off what is of no use any more. What took the place of one of them stays.
    ForgetStatements(Vec<Arc<Statement>>),
    /// Keep what this node is about to say as a witness, then sign it.
    Vouch(Box<Heartbeat>, Word),
    /// Keep a ballot of this node, then sign it.
    Cast(Box<Ballot>),
    /// Keep the height that has put a vote in force.
    KeepHeight(u64),
    /// Keep the epoch in which a decision was learnt when it was in force already.
    KeepLearnt(Digest, u64),
    /// Talk and listen under these rules.
    Listen(Listening),
    /// Ask and answer by the protocol in force.
    Speak(Speech),
    /// Tell a peer which rules this node follows, and ask for its own.
    AskFork(P, NetworkId, ForkId),
    /// Keep the latest signed time.
    KeepTime(Timestamp),
    /// Put this head and the kept one of its number together.
    ProveFork {
        /// The channel.
        channel: ChannelName,
        /// The number.
        seq: u64,
        /// The head that came.
        head: Arc<Signed<Head>>,
    },
    /// Keep a manifest while it is listed, as signed by these keys.
    KeepManifest(Arc<Signed<Manifest>>, BTreeSet<KeyId>),
    /// Keep what was decided about a component.
    KeepComponent(ComponentName),
    /// Add a line to the history.
    Record(HistoryLine),
    /// Ask a peer for news.
    AskNews(P, CatchUpRequest),
    /// Ask a peer for the roots after a version.
    AskRoots(P, NetworkId, u64),
    /// Ask a peer for statements after this id.
    AskStatements(P, NetworkId, Option<Digest>),
    /// Ask a peer for a manifest.
    AskManifest(P, Digest),
    /// The peer sent what no honest node sends.
    Accuse(P),
    /// Fetch a release.
    Fetch(Job),
    /// Build and switch to a release whose bytes are here.
    Install(Job, Fetched),
    /// Build a release whose bytes are here beside what is live, and try it there.
    Stage(Job, Fetched),
    /// Of what was staged and never was live, these versions stay.
    KeepAhead(ComponentName, BTreeSet<ReleaseVersion>),
    /// End the node in order, and begin again as the program that is installed as this component.
    StartAgain(ComponentName),
    /// Switch back to a kept version.
    SwitchBack {
        /// The operation.
        job: OperationId,
        /// Of what.
        component: ComponentName,
        /// To which.
        to: InstalledVersion,
    },
    /// Fetch all blobs of a release for others.
    Mirror(Digest, Arc<Manifest>),
    /// Tell the DHT that this node holds these blobs.
    Provide(Vec<Digest>),
    /// Tell everybody about a head.
    Announce(Gossip),
    /// Remove blobs that no listed release names.
    Sweep,
    /// Tell watchers.
    Emit(What),
    /// Count a refusal.
    CountRefusal(&'static str),
    /// Count a manifest that was believed; seconds since it was made.
    CountManifest(u64),
}

impl<P> Action<P> {
    /// What the machine hears of an action that is not carried out, because what it rests on could not be kept; `None`
    /// if it waits for nothing. The message of a verdict is to be ignored then.
    pub fn given_up(self) -> Option<Input<P>> {
        let failed =
            || JobError::Failed("what it rests on could not be kept; the log says why".to_owned());
        Some(match self {
            Self::Fetch(job) => Input::Fetched(job.id, Err(failed())),
            Self::Install(job, _) => Input::Installed(job.id, Err(failed())),
            Self::Stage(job, _) => Input::Staged(job.id, Err(failed())),
            Self::SwitchBack { job, .. } => Input::Installed(job, Err(failed())),
            Self::Mirror(release, _) => Input::Mirrored(release, Err(failed())),
            // Questions that are not put are not answered either: the asker is free again.
            Self::AskNews(peer, _) => Input::News(peer, None),
            Self::AskRoots(peer, ..) => Input::Roots(peer, None),
            Self::AskManifest(peer, digest) => Input::Manifest(peer, digest, None),
            Self::AskStatements(peer, _, after) => Input::Statements(peer, after, None),
            // … and a peer that was not told is told later.
            Self::AskFork(peer, ..) => Input::Forked(peer, None),
            _ => return None,
        })
    }

    /// Whether what peers are told may be another after it: [`Machine::telling`](super::Machine::telling) is to be asked
    /// again then.
    pub fn changes_what_is_said(&self) -> bool {
        matches!(
            self,
            Self::KeepStatement(_)
                | Self::ForgetStatements(_)
                | Self::KeepRoot(..)
                | Self::KeepHead(..)
                | Self::Told
        )
    }
}

/// A release to be brought here.
#[derive(Debug, Clone)]
pub struct Job {
    /// The operation it belongs to.
    pub id: OperationId,
    /// Of what.
    pub component: ComponentName,
    /// Where it is on offer.
    pub channel: ChannelName,
    /// Digest of the manifest.
    pub release: Digest,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// Other releases of the same component that a route may lead through.
    pub others: Vec<Arc<Manifest>>,
    /// What is installed.
    pub base: Option<InstalledVersion>,
    /// Which routes may be taken.
    pub route: RouteChoice,
    /// Blobs that did not lead to the release.
    pub excluded: BTreeSet<Digest>,
    /// How far to go.
    pub extent: Extent,
    /// Versions of the component that are staged for a later day, and stay.
    pub ahead: BTreeSet<ReleaseVersion>,
}

impl Job {
    /// The release, among this one and the others of its component, whose contents have this tree, and that offers this
    /// blob: two releases may have the same contents.
    pub fn release_that_offers(&self, tree: &Digest, blob: &Digest) -> Option<Arc<Manifest>> {
        let all = std::iter::once(&self.manifest).chain(&self.others);
        let mut with_tree = all.filter(|manifest| manifest.tree.object.digest == *tree);
        with_tree.find(|manifest| manifest.blobs().any(|known| known.digest == *blob)).cloned()
    }
}

/// One step of a route: a blob and the release whose contents it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The release it leads to.
    pub to: Arc<Manifest>,
    /// The tree it starts from; `None` for a whole artifact.
    pub from: Option<Digest>,
    /// The blob.
    pub blob: Digest,
    /// Whether only the blocks of it came whose files do not lie here.
    pub in_part: bool,
}

/// What a fetch brought.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// The way to the release, in order; its blobs are complete in the store, but for those in part.
    pub route: Vec<Leg>,
    /// Chunk bytes that came.
    pub bytes: u64,
    /// Of these, bytes of patches.
    pub patch_bytes: u64,
    /// Peers they came from.
    pub sources: BTreeMap<String, u64>,
    /// Bytes that came and were here already.
    pub duplicates: u64,
    /// Chunks that came and did not match their digest.
    pub wrong: u64,
}

impl Fetched {
    /// Adds what another part of the same fetch brought.
    pub fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.patch_bytes += other.patch_bytes;
        self.duplicates += other.duplicates;
        self.wrong += other.wrong;
        self.route.extend(other.route);
        for (peer, bytes) in other.sources {
            *self.sources.entry(peer).or_default() += bytes;
        }
    }
}

/// What an installation left.
#[derive(Debug, Clone)]
pub struct Installation {
    /// What runs now.
    pub installed: InstalledVersion,
    /// What is kept, newest first.
    pub kept: Vec<InstalledVersion>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobError {
    /// Nobody who was reached holds it.
    NoHolders(String),
    /// There is no room.
    Disk(String),
    /// This blob did not lead to the release; another route may.
    WrongRoute {
        /// The blob.
        blob: Digest,
        /// What was wrong.
        error: String,
    },
    /// Even the whole artifact does not give what is signed.
    Damaged(String),
    /// It was tried, and does not do what it has to. Another attempt would end the same way.
    Unfit(String),
    /// Something else.
    Failed(String),
}

impl JobError {
    /// What the next attempt waits for.
    pub(super) const fn wait_reason(&self) -> WaitReason {
        match self {
            Self::NoHolders(_) => WaitReason::Peers,
            Self::Disk(_) => WaitReason::Disk,
            Self::WrongRoute { .. } | Self::Damaged(_) | Self::Unfit(_) | Self::Failed(_) => {
                WaitReason::Fault
            }
        }
    }
}

impl std::fmt::Display for JobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoHolders(text)
            | Self::Disk(text)
            | Self::Damaged(text)
            | Self::Unfit(text)
            | Self::Failed(text) => f.write_str(text),
            Self::WrongRoute { error, .. } => f.write_str(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::ForkDigest;

    use super::*;

    #[test]
    fn whoever_waits_for_the_end_of_an_action_hears_it_when_that_is_given_up() {
        let (peer, digest) = (1_u8, Digest::of(b"a release"));
        let network = NetworkId::from_bytes([9; 32]);
        let asked = Action::AskStatements(peer, network, Some(digest)).given_up();
        assert!(matches!(asked, Some(Input::Statements(1, Some(after), None)) if after == digest));
        let asked = Action::AskManifest(peer, digest).given_up();
        assert!(matches!(asked, Some(Input::Manifest(1, _, None))));
        let asked = Action::AskRoots(peer, network, 1).given_up();
        assert!(matches!(asked, Some(Input::Roots(1, None))));
        let manifest = Arc::new(crate::testing::manifest("demo-app", "1.0.0"));
        let fork = ForkId { digest: ForkDigest([7; 4]), next: None };
        let told = Action::AskFork(peer, network, fork).given_up();
        assert!(matches!(told, Some(Input::Forked(1, None))));
        let mirror = Action::<u8>::Mirror(digest, manifest).given_up();
        assert!(matches!(mirror, Some(Input::Mirrored(_, Err(JobError::Failed(_))))));
        assert!(Action::<u8>::Sweep.given_up().is_none());
    }
}
