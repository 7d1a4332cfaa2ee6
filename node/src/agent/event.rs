//! What happens on a node, for whoever watches: the event stream of the API.
//!
//! Events are news, not state: a watcher that missed some reads the status again.

use updraft_protocol::{
    ChannelName, ComponentName, Digest, KeyId, ReleaseVersion, Stance, Timestamp,
};

use super::VoteState;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub what: What,
}

/// Kinds of events.
#[derive(Debug, Clone)]
pub enum What {
    /// The node runs.
    NodeStarted,
    /// The node stops.
    NodeStopping,
    /// A peer that speaks Updraft is connected.
    PeerConnected {
        /// Its id.
        peer: String,
    },
    /// A peer is gone.
    PeerDisconnected {
        /// Its id.
        peer: String,
    },
    /// A peer was sent away and may not come back for a while.
    PeerBanned {
        /// Its id.
        peer: String,
        /// Why: a word of a closed list.
        reason: &'static str,
        /// For how long.
        seconds: u64,
    },
    /// A release was believed for the first time.
    ReleaseDiscovered {
        /// Of what.
        component: ComponentName,
        /// Which.
        version: ReleaseVersion,
        /// Where.
        channel: ChannelName,
        /// Who told: a peer id, or `publisher`.
        from: String,
    },
    /// A signed object was refused.
    ReleaseRejected {
        /// Why.
        reason: String,
        /// Who sent it.
        from: String,
    },
    /// Work on an update goes on.
    UpdateProgress {
        /// The operation's id.
        operation: String,
        /// Of what.
        component: ComponentName,
        /// The phase's word.
        phase: &'static str,
        /// Bytes done of bytes needed.
        progress: Option<(u64, u64)>,
    },
    /// An update was installed.
    UpdateCompleted {
        /// Of what.
        component: ComponentName,
        /// From.
        from: Option<ReleaseVersion>,
        /// To.
        to: ReleaseVersion,
        /// Bytes fetched.
        fetched: u64,
        /// Of these, bytes of patches.
        patches: u64,
        /// Bytes of the whole artifact.
        whole: u64,
        /// Peers they came from.
        peers: usize,
    },
    /// A release lies ready for a later day, and its self-test has passed if it had to.
    ReleaseStaged {
        /// Of what.
        component: ComponentName,
        /// Which.
        version: ReleaseVersion,
        /// The protocol it was staged for.
        protocol: u32,
        /// What its self-test said; `None` if it was spared one.
        said: Option<String>,
    },
    /// An update failed.
    UpdateFailed {
        /// Of what.
        component: ComponentName,
        /// To.
        to: ReleaseVersion,
        /// Why.
        error: String,
    },
    /// The operator went back.
    RolledBack {
        /// Of what.
        component: ComponentName,
        /// From.
        from: Option<ReleaseVersion>,
        /// To.
        to: ReleaseVersion,
    },
    /// The trust root changed.
    RootChanged {
        /// Its new number.
        version: u64,
    },
    /// A channel has two histories: nothing of it is installed until the root takes a key away.
    ChannelFrozen {
        /// The channel.
        channel: ChannelName,
        /// The number that two heads have.
        seq: u64,
    },
    /// A key is not to be relied on.
    KeyAlarm {
        /// The key.
        key: KeyId,
        /// Why.
        reason: String,
    },
    /// A release is paused, or all of a channel.
    ReleasePaused {
        /// The channel.
        channel: ChannelName,
        /// The release, if it is only one.
        release: Option<Digest>,
        /// The brake key.
        by: KeyId,
        /// Until then at most.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Pauses have ended before their time.
    PauseLifted {
        /// The channel.
        channel: ChannelName,
        /// The release, if it is only one.
        release: Option<Digest>,
    },
    /// A vote is opened.
    ProposalOpened {
        /// What people call it: `p-NUMBER`.
        number: u32,
        /// Its name.
        id: Digest,
        /// What it says.
        words: String,
    },
    /// An elector has said how it stands, in a ballot that counts.
    ProposalVoted {
        /// What people call it.
        number: u32,
        /// Its name.
        id: Digest,
        /// The elector's key.
        by: KeyId,
        /// How it stands.
        stance: Stance,
    },
    /// A vote stands otherwise than it stood.
    ProposalMoved {
        /// What people call it.
        number: u32,
        /// Its name.
        id: Digest,
        /// How it stands.
        state: VoteState,
    },
    /// A vote ends because its electorate is replaced or its opener's key took itself back, or what it decided is undone by a
    /// root that does not count it.
    ProposalStruckOff {
        /// What people call it.
        number: u32,
        /// Its name.
        id: Digest,
    },
    /// This node's program cannot follow what is in force, or may not.
    LeftBehind {
        /// What is the matter, and what is done about it.
        detail: String,
    },
    /// A builder got something else from a release's sources than its publisher signed.
    BuildsDiffer {
        /// Of what.
        component: ComponentName,
        /// Which.
        version: ReleaseVersion,
        /// The builder.
        by: KeyId,
        /// The tree that is signed.
        signed: Digest,
        /// The tree that was built.
        built: Digest,
    },
}

impl What {
    /// The type by which watchers filter.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NodeStarted => "node.started",
            Self::NodeStopping => "node.stopping",
            Self::PeerConnected { .. } => "peer.connected",
            Self::PeerDisconnected { .. } => "peer.disconnected",
            Self::PeerBanned { .. } => "peer.banned",
            Self::ReleaseDiscovered { .. } => "release.discovered",
            Self::ReleaseRejected { .. } => "release.rejected",
            Self::UpdateProgress { .. } => "update.progress",
            Self::UpdateCompleted { .. } => "update.completed",
            Self::ReleaseStaged { .. } => "release.staged",
            Self::UpdateFailed { .. } => "update.failed",
            Self::RolledBack { .. } => "rollback.completed",
            Self::RootChanged { .. } => "trust.rootChanged",
            Self::ChannelFrozen { .. } => "trust.channelFrozen",
            Self::KeyAlarm { .. } => "trust.keyAlarm",
            Self::ReleasePaused { .. } => "release.paused",
            Self::PauseLifted { .. } => "release.resumed",
            Self::BuildsDiffer { .. } => "trust.buildsDiffer",
            Self::ProposalOpened { .. } => "proposal.opened",
            Self::ProposalVoted { .. } => "proposal.voted",
            Self::ProposalMoved { state, .. } => match state {
                VoteState::LockedIn => "proposal.accepted",
                VoteState::Rejected => "proposal.rejected",
                VoteState::Active => "proposal.activated",
                VoteState::Failed => "proposal.expired",
                VoteState::Announced
                | VoteState::Open(_)
                | VoteState::Final
                | VoteState::Overtaken
                | VoteState::Cancelled => "proposal.changed",
            },
            Self::ProposalStruckOff { .. } => "proposal.changed",
            Self::LeftBehind { .. } => "node.leftBehind",
        }
    }

    /// The event as a sentence, for the log.
    pub fn in_words(&self) -> String {
        let from_to = |from: &Option<ReleaseVersion>, to: &ReleaseVersion| match from {
            Some(from) => format!("{from} → {to}"),
            None => to.to_string(),
        };
        match self {
            Self::NodeStarted => "the node runs".to_owned(),
            Self::NodeStopping => "the node stops".to_owned(),
            Self::PeerConnected { peer } => format!("peer {peer} is connected"),
            Self::PeerDisconnected { peer } => format!("peer {peer} is gone"),
            Self::PeerBanned { peer, reason, seconds } => {
                format!("peer {peer} is banned for {seconds} s: {}", reason.replace('_', " "))
            }
            Self::ReleaseDiscovered { component, version, channel, from } => {
                format!("{component}@{version} is on {channel}, heard from {from}")
            }
            Self::ReleaseRejected { reason, from } => {
                format!("refused something from {from}: {reason}")
            }
            Self::UpdateProgress { operation, component, phase, .. } => {
                format!("{operation}: {component} is {phase}")
            }
            Self::UpdateCompleted { component, from, to, fetched, whole, peers, .. } => format!(
                "{component} {} is installed; {fetched} bytes from {} instead of {whole}",
                from_to(from, to),
                count_peers(*peers)
            ),
            Self::ReleaseStaged { component, version, protocol, said } => match said {
                Some(said) => {
                    format!("{component}@{version} is ready for protocol {protocol}: {said}")
                }
                None => format!("{component}@{version} lies staged for protocol {protocol}"),
            },
            Self::UpdateFailed { component, to, error } => {
                format!("{component}@{to} failed: {error}")
            }
            Self::RolledBack { component, from, to } => {
                format!("{component} went back: {}", from_to(from, to))
            }
            Self::RootChanged { version } => format!("trust root {version} is in force"),
            Self::ChannelFrozen { channel, seq } => format!(
                "`{channel}` is frozen: two different heads {seq} are signed; nothing of it is installed until the trust root takes a key away"
            ),
            Self::KeyAlarm { key, reason } => format!("key {key} is not to be relied on: {reason}"),
            Self::ReleasePaused { channel, release, by, until, reason } => {
                let what = scope(channel, release.as_ref());
                format!("{what} is paused by key {by} until {until}: {reason}")
            }
            Self::PauseLifted { channel, release } => {
                format!("{} is paused no longer", scope(channel, release.as_ref()))
            }
            Self::ProposalOpened { words, .. } => format!("a vote is opened: {words}"),
            Self::ProposalVoted { number, by, stance, .. } => {
                format!("elector {by} says {} on p-{number}", stance.word())
            }
            Self::ProposalMoved { number, state: VoteState::Open(_), .. } => {
                format!("voting on p-{number} has begun")
            }
            Self::ProposalMoved { number, state, .. } => {
                format!("p-{number} is {}", state.word())
            }
            Self::ProposalStruckOff { number, .. } => format!("p-{number} is struck off"),
            Self::LeftBehind { detail } => detail.clone(),
            Self::BuildsDiffer { component, version, by, signed, built } => format!(
                "builder {by} got {built} from the sources of {component}@{version}, which is signed as {signed}"
            ),
        }
    }
}

/// What a pause is about.
fn scope(channel: &ChannelName, release: Option<&Digest>) -> String {
    match release {
        Some(release) => format!("release {} of `{channel}`", release.short()),
        None => format!("everything on `{channel}`"),
    }
}

/// `1 peer`, `2 peers`.
pub(super) fn count_peers(peers: usize) -> String {
    if peers == 1 { "1 peer".to_owned() } else { format!("{peers} peers") }
}
