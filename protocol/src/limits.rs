//! Every maximum of the wire, with the reason for its number.
//!
//! A limit that is not in this file does not exist: decoders, builders and documents all read it from here.
//! Sizes are bytes of the encoded form, counts are elements, lifetimes are seconds.

/// A trust root: 32 keys a role and a handful of channels take about 6 KiB; ten times that leaves room.
pub const MAX_ROOT: usize = 64 * 1024;
/// A channel head must fit into a gossip message together with a manifest.
pub const MAX_HEAD: usize = 48 * 1024;
/// A signed sentence: a heartbeat, a brake, a revocation, an attestation. The longest has a reason of 512 bytes.
pub const MAX_SENTENCE: usize = 1_024;
/// A release manifest. Its long parts (tree, chunk lists) are objects of their own, named by digest.
pub const MAX_MANIFEST: usize = 1024 * 1024;
/// An object named by digest: the listing of a tree of 100,000 entries takes about 12 MiB.
pub const MAX_OBJECT: usize = 16 * 1024 * 1024;
/// What one gossip message may weigh: 64 KiB is gossipsub's own default, 4 KiB are left to its envelope.
pub const MAX_GOSSIP: usize = 60 * 1024;
/// A request between two peers names things; it never carries them. The longest names the last head of each of
/// [`MAX_CHANNELS`] channels, at 113 bytes each.
pub const MAX_REQUEST: usize = 8 * 1024;
/// An answer carries at most one chunk, or a page of heads, or one object.
pub const MAX_RESPONSE: usize = MAX_OBJECT + 4 * 1024;

/// Keys of one role. More cannot be held to account by people.
pub const MAX_KEYS_PER_ROLE: usize = 32;
/// Signatures on one object: each key of a role once.
pub const MAX_SIGNATURES: usize = 32;
/// Channels of one network.
pub const MAX_CHANNELS: usize = 64;
/// Keys that a network has taken back in all its life: they are never forgotten, and each may have a reason.
pub const MAX_REVOKED_KEYS: usize = 256;
/// Electors of a network: more than that cannot be held to account by people.
pub const MAX_ELECTORS: usize = 256;
/// Votes of former electorates that go on counting: those of all its life, and electorates change once in years.
pub const MAX_COUNTED: usize = 256;
/// A proposal of another protocol, with its notes.
pub const MAX_PROPOSAL: usize = 16 * 1024;
/// Why a proposal is made, in bytes of UTF-8.
pub const MAX_PROPOSAL_NOTES: usize = 8 * 1024;
/// Manifests of the release that a proposal names: one for each kind of machine.
pub const MAX_ARTIFACTS: usize = 32;
/// A decision: a proposal and a ballot of every elector, the longest at 1.2 KiB.
pub const MAX_CERTIFICATE: usize = 384 * 1024;
/// Ranges of chunks that one packed request may name.
pub const MAX_PACK_RANGES: usize = 32;
/// Chunks that one packed answer may hold.
pub const MAX_PACK_CHUNKS: usize = 64;
/// Bytes of the chunks in one packed answer: sixteen of [`DEFAULT_CHUNK`], four of the largest. Both ends hold so
/// much in memory for a request under way.
pub const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;
/// Releases listed by one head: 200 listings of 240 bytes fit into [`MAX_HEAD`]; of the longest, 248, a few fewer.
pub const MAX_LISTINGS: usize = 200;
/// Releases withdrawn by one head.
pub const MAX_WITHDRAWN: usize = 64;
/// Versions that updates must not jump over, named by one manifest.
pub const MAX_BARRIERS: usize = 16;
/// Patches offered by one manifest, those of all codecs together.
pub const MAX_PATCHES: usize = 64;
/// Text of release notes, in bytes of UTF-8.
pub const MAX_NOTES: usize = 16 * 1024;
/// Text of a reason or a title, in bytes of UTF-8.
pub const MAX_REASON: usize = 512;

/// Entries (files, folders, links) of one tree.
pub const MAX_TREE_ENTRIES: usize = 100_000;
/// A path inside a tree. Leaves room for the folders above it below the usual 4,096 of an operating system.
pub const MAX_PATH: usize = 240;
/// One name inside a path: what every common file system takes.
pub const MAX_PATH_SEGMENT: usize = 240;
/// Folders a path may be deep.
pub const MAX_PATH_DEPTH: usize = 16;
/// All file contents of one tree together.
pub const MAX_TREE_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// A blob (compressed artifact or patch).
pub const MAX_BLOB_BYTES: u64 = MAX_TREE_BYTES;

/// Smallest chunk a publisher may cut, apart from a blob's last one.
pub const MIN_CHUNK: u32 = 64 * 1024;
/// Largest chunk: what a node is ready to hold in memory for each request under way.
pub const MAX_CHUNK: u32 = 1024 * 1024;
/// What publishers cut unless a blob would have more than [`MAX_CHUNKS`].
pub const DEFAULT_CHUNK: u32 = 256 * 1024;
/// Chunks of one blob: [`MAX_BLOB_BYTES`] in chunks of [`MAX_CHUNK`].
pub const MAX_CHUNKS: usize = 16 * 1024;

/// Root versions given in one answer; each is at most [`MAX_ROOT`].
pub const MAX_ROOTS_PER_ANSWER: usize = 16;
/// Root versions followed in one session with one peer.
pub const MAX_ROOT_STEPS: u64 = 1_024;
/// Head links given in one answer.
pub const MAX_HEADS_PER_ANSWER: usize = 64;
/// Bytes of head links in one answer, so that a page of large heads stays small in memory.
pub const MAX_HEAD_BYTES_PER_ANSWER: usize = 1024 * 1024;
/// Bytes of statements in one answer; the largest, a decision, takes [`MAX_CERTIFICATE`].
pub const MAX_STATEMENT_BYTES_PER_ANSWER: usize = 1024 * 1024;
/// Statements given in one answer.
pub const MAX_STATEMENTS_PER_ANSWER: usize = 4_096;
/// Channels a catch-up request may name.
pub const MAX_CATCHUP_MARKS: usize = MAX_CHANNELS;

/// A ticket's addresses; more would not fit into one line that people can copy.
pub const MAX_TICKET_ADDRESSES: usize = 4;
/// Text of one address.
pub const MAX_ADDRESS: usize = 128;

/// A signed time may lie this far in the future before it is refused, in seconds: clocks that ask a time server
/// differ by less than a second, those that do not by minutes.
pub const MAX_CLOCK_SKEW: u64 = 600;
/// Longest life of a heartbeat, in seconds: a week without a witness is as long as an attacker may hide news.
pub const MAX_HEARTBEAT_LIFETIME: u64 = 7 * 24 * 3_600;
/// What a witness signs a heartbeat for unless told otherwise, in seconds.
pub const DEFAULT_HEARTBEAT_LIFETIME: u64 = 24 * 3_600;
/// Longest pause that one brake key can order, in seconds: a weekend, until people have met.
pub const MAX_BRAKE: u64 = 72 * 3_600;
/// Seconds before the same key may pause the same thing again.
pub const BRAKE_AGAIN: u64 = 7 * 24 * 3_600;
/// Pauses kept for one channel; shared out among the brake keys, at least one for each.
pub const MAX_BRAKES: usize = 16;
/// What a publisher signs a head for unless told otherwise: 90 days.
pub const DEFAULT_HEAD_LIFETIME: u64 = 90 * 24 * 3_600;
/// What a root is signed for unless told otherwise: one year.
pub const DEFAULT_ROOT_LIFETIME: u64 = 365 * 24 * 3_600;
/// What a root of a development network is signed for: 30 days.
pub const DEV_ROOT_LIFETIME: u64 = 30 * 24 * 3_600;
