//! What Updraft nodes say to each other. Pure: no clock, no file, no socket, no randomness.
//!
//! | said | type | file | how |
//! |---|---|---|---|
//! | who may sign what | [`Signed`]`<`[`Root`]`>` | `root/` | bootstrap answer; by ticket |
//! | what a channel offers | [`Signed`]`<`[`Head`]`>` | `head.rs` | gossip, catch-up answer |
//! | what a release is | [`Signed`]`<`[`Manifest`]`>` | `manifest.rs` | gossip, catch-up answer |
//! | what is new, by witnesses | [`Signed`]`<`[`Heartbeat`]`>` | `heartbeat.rs` | [`Statement`] |
//! | stop, and go on | [`Signed`]`<`[`Brake`]`>`, [`Signed`]`<`[`Lift`]`>` | `brake.rs` | [`Statement`] |
//! | my key was stolen | [`Signed`]`<`[`Revocation`]`>` | `revocation.rs` | [`Statement`] |
//! | I built the same | [`Signed`]`<`[`BuildAttestation`]`>` | `attestation.rs` | [`Statement`] |
//! | they signed two histories | [`Equivocation`] | `equivocation.rs` | [`Statement`] |
//! | what is installed | [`Tree`] | `tree.rs` | object, named by the manifest |
//! | the chunks of a blob | [`ChunkList`] | `blob.rs` | object, named by the manifest |
//! | something new | [`Gossip`] | `gossip.rs` | gossipsub topic `updraft/<fork>/heads` |
//! | let us speak another protocol | [`Signed`]`<`[`Proposal`]`>` | `vote/proposal.rs` | [`Statement`] |
//! | how I vote | [`Signed`]`<`[`Ballot`]`>` | `vote/ballot.rs` | [`Statement`] |
//! | it is decided | [`Certificate`] | `vote/certificate.rs` | [`Statement`] |
//! | it voted twice | [`DoubleVote`] | `vote/double.rs` | [`Statement`] |
//! | what did I miss | [`CatchUpRequest`] | `catchup.rs` | `/updraft/catchup/1` |
//! | give me bytes | [`TransferRequest`], [`PackedRequest`] | `transfer.rs`, `pack.rs` | `/updraft/transfer/1`, `/2` |
//! | I know nothing, or am too old | [`BootstrapRequest`] | `bootstrap.rs` | `/updraft/bootstrap/1` |
//! | come and join | [`Ticket`] | `ticket.rs` | a line of text between people |
//!
//! The order of checks on anything received: size, decoding, rules of the type ([`codec`]); network, then
//! signatures ([`signed`], [`threshold`]); place in its chain ([`head::continues`], [`root::trust_next`]);
//! freshness and policy, which are the node's business. Limits are in [`limits`].
//!
//! A signed type carries its version in its signing domain, a message in its protocol's name. A change of bytes
//! is a new version of one of them; the golden vectors in `tests/vectors` fail until it is.

pub mod attestation;
pub mod blob;
pub mod bootstrap;
pub mod brake;
pub mod broken;
pub mod catchup;
pub mod codec;
pub mod digest;
pub mod equivocation;
pub mod gossip;
pub mod head;
pub mod heartbeat;
pub mod key;
pub mod limits;
pub mod manifest;
pub mod name;
pub mod network;
pub mod pack;
mod payload;
pub mod proven;
pub mod revocation;
pub mod root;
pub mod signed;
pub mod statement;
pub mod threshold;
pub mod ticket;
pub mod time;
pub mod transfer;
pub mod tree;
pub mod version;
pub mod vote;

pub use attestation::BuildAttestation;
pub use blob::{Blob, ChunkList, ChunkSpan, ObjectRef};
pub use bootstrap::{BootstrapAnswer, BootstrapRequest};
pub use brake::{Brake, Lift};
pub use catchup::{CatchUpAnswer, CatchUpRequest, HeadMark};
pub use codec::Wire;
pub use digest::{Digest, Hasher};
pub use equivocation::Equivocation;
pub use gossip::Gossip;
pub use head::{Head, Listing, MinSupported, Withdrawn};
pub use heartbeat::Heartbeat;
pub use key::{KeyId, PublicKey, SecretKey};
pub use manifest::{
    Compatibility, Manifest, PatchCodec, PatchOffer, ReleaseKind, Severity, TreeRef,
};
pub use name::{ChannelName, ComponentName, NetworkName, OperatorName, Target};
pub use network::{ForkDigest, ForkId, NetworkId};
pub use pack::{ChunkRange, PackedAnswer, PackedRequest};
pub use revocation::Revocation;
pub use root::{
    ChannelBase, ChannelRole, Elector, Electorate, NetworkKind, RevokedKey, RoleName, Root,
};
pub use signed::{Sentence, Signable, Signed, Verified};
pub use statement::Statement;
pub use threshold::{Authority, Role, Signature};
pub use ticket::Ticket;
pub use time::Timestamp;
pub use transfer::{Holding, TransferAnswer, TransferRequest};
pub use tree::{Entry, FileMode, InvalidPath, LinkTarget, Node, Tree, TreePath};
pub use version::{ReleaseVersion, VersionChange};
pub use vote::{Ballot, Certificate, DoubleVote, Proposal, Stance};
