//! Every decoder of the protocol, and what it promises for any bytes at all: the table that both the fuzzer
//! (`program.rs`) and the replay of the corpus on stable (`protocol/tests/corpus.rs`) work through, in the same rig.
//!
//! A check panics when a promise is broken and says otherwise whether the bytes were read. It never measures:
//! time and memory are its caller's business.

mod chain;
pub(crate) mod costly;
mod text;
mod trust;
mod victim;
mod vote;
mod wire;

use updraft_protocol::{
    Ballot, BootstrapAnswer, BootstrapRequest, Brake, BuildAttestation, CatchUpAnswer,
    CatchUpRequest, Certificate, ChannelName, ChunkList, ComponentName, Digest, DoubleVote,
    Equivocation, Gossip, Head, Heartbeat, Lift, Manifest, NetworkName, OperatorName, PackedAnswer,
    PackedRequest, Proposal, PublicKey, ReleaseVersion, Revocation, Root, Signed, Statement,
    Target as Machine, Ticket, TransferAnswer, TransferRequest, Tree, TreePath, Wire,
};

pub(crate) use crate::rig::{Outcome, Target};
use crate::rig::{refused, show};

/// What one input may take of a processor; promise P15.
pub(crate) const MOST_MILLISECONDS: i64 = 100;

/// Longest input of a target whose type takes more: lists have shown by then what their next element does, and
/// what the longest cost is seen in `costly`. A request and one byte more.
const LONGEST: usize = 8 * 1024 + 1;
/// Longest input of a text: all limits of texts but the ticket's 1,023 characters are below.
const LONGEST_TEXT: usize = 1_100;

const fn target(name: &'static str, longest: usize, check: fn(&[u8]) -> Outcome) -> Target {
    Target { name, longest, check, most_memory, most_milliseconds: MOST_MILLISECONDS }
}

/// A target that reads a `T`, up to one byte more than it may have.
const fn decoder<T: Wire>(name: &'static str, check: fn(&[u8]) -> Outcome) -> Target {
    let longest = if T::MAX < LONGEST { T::MAX + 1 } else { LONGEST };
    target(name, longest, check)
}

/// A target that reads text.
const fn parser(name: &'static str, check: fn(&[u8]) -> Outcome) -> Target {
    target(name, LONGEST_TEXT, check)
}

/// A target past decoding: shorter, because what decoding costs was seen before, and a check here decodes often.
const fn judgement(name: &'static str, check: fn(&[u8]) -> Outcome) -> Target {
    target(name, 4 * 1024, check)
}

/// All of them. A new way in is a line here; then `UPDRAFT_WRITE_VECTORS=1 cargo test -p updraft-protocol --test
/// corpus` gives it its seeds.
pub(crate) const TARGETS: &[Target] = &[
    // What is signed, alone and with its signatures.
    decoder::<Root>("root", wire::read::<Root>),
    decoder::<Head>("head", wire::read::<Head>),
    decoder::<Manifest>("manifest", wire::read::<Manifest>),
    decoder::<Heartbeat>("heartbeat", wire::read::<Heartbeat>),
    decoder::<Brake>("brake", wire::read::<Brake>),
    decoder::<Lift>("lift", wire::read::<Lift>),
    decoder::<Revocation>("revocation", wire::read::<Revocation>),
    decoder::<BuildAttestation>("build_attestation", wire::read::<BuildAttestation>),
    decoder::<Signed<Root>>("signed_root", wire::signed::<Root>),
    decoder::<Signed<Head>>("signed_head", wire::signed::<Head>),
    decoder::<Signed<Manifest>>("signed_manifest", wire::signed::<Manifest>),
    decoder::<Signed<Heartbeat>>("signed_heartbeat", wire::signed::<Heartbeat>),
    decoder::<Signed<Brake>>("signed_brake", wire::signed::<Brake>),
    decoder::<Signed<Lift>>("signed_lift", wire::signed::<Lift>),
    decoder::<Signed<Revocation>>("signed_revocation", wire::signed::<Revocation>),
    decoder::<Signed<BuildAttestation>>("signed_attestation", wire::signed::<BuildAttestation>),
    decoder::<Equivocation>("equivocation", wire::equivocation),
    decoder::<Proposal>("proposal", wire::read::<Proposal>),
    decoder::<Ballot>("ballot", wire::read::<Ballot>),
    decoder::<Signed<Proposal>>("signed_proposal", wire::signed::<Proposal>),
    decoder::<Signed<Ballot>>("signed_ballot", wire::signed::<Ballot>),
    decoder::<Certificate>("certificate", wire::certificate),
    decoder::<DoubleVote>("double_vote", wire::double_vote),
    // What a signed digest names.
    decoder::<Tree>("tree", wire::tree),
    decoder::<ChunkList>("chunk_list", wire::chunk_list),
    // What peers say.
    decoder::<Gossip>("gossip_message", wire::gossip),
    decoder::<Statement>("statement", wire::statement),
    decoder::<BootstrapRequest>("bootstrap_request", wire::read::<BootstrapRequest>),
    decoder::<BootstrapAnswer>("bootstrap_answer", wire::bootstrap_answer),
    decoder::<CatchUpRequest>("catch_up_request", wire::read::<CatchUpRequest>),
    decoder::<CatchUpAnswer>("catch_up_answer", wire::catch_up_answer),
    decoder::<TransferRequest>("transfer_request", wire::read::<TransferRequest>),
    decoder::<TransferAnswer>("transfer_answer", wire::transfer_answer),
    decoder::<PackedRequest>("packed_request", wire::packed_request),
    decoder::<PackedAnswer>("packed_answer", wire::packed_answer),
    decoder::<Ticket>("ticket", wire::read::<Ticket>),
    // What people type.
    parser("text_ticket", text::with_other_forms::<Ticket>),
    parser("text_public_key", text::with_other_forms::<PublicKey>),
    parser("text_digest", text::with_other_forms::<Digest>),
    parser("text_version", text::with_one_form::<ReleaseVersion>),
    parser("text_component", text::with_one_form::<ComponentName>),
    parser("text_channel", text::with_one_form::<ChannelName>),
    parser("text_network", text::with_one_form::<NetworkName>),
    parser("text_operator", text::with_one_form::<OperatorName>),
    parser("text_target", text::with_one_form::<Machine>),
    parser("text_path", text::with_one_form::<TreePath>),
    // The same behind a checksum that a fuzzer does not guess.
    parser("armoured_ticket", text::armoured_ticket),
    parser("armoured_public_key", text::armoured_public_key),
    // Past decoding: a first byte says who signs what follows, or what its victim knows.
    judgement("believe_head", trust::believe_head),
    judgement("believe_manifest", trust::believe_manifest),
    judgement("believe_lift", trust::believe_lift),
    judgement("speak_heartbeat", trust::speak_heartbeat),
    judgement("speak_brake", trust::speak_brake),
    judgement("speak_attestation", trust::speak_attestation),
    judgement("speak_revocation", trust::speak_revocation),
    judgement("judge", trust::judge),
    judgement("follow_head", chain::follow_head),
    judgement("follow_root", chain::follow_root),
    judgement("open_vote", vote::open_vote),
    judgement("speak_ballot", vote::speak_ballot),
    judgement("judge_certificate", vote::judge_certificate),
    judgement("judge_double_vote", vote::judge_double_vote),
];

/// What a check of so many bytes may hold in memory at once: what decoding may cost (`tests/memory.rs`: 32 times
/// the bytes that came), and the value written once more.
pub(crate) const fn most_memory(bytes: usize) -> usize {
    128 * 1024 + 40 * bytes
}
