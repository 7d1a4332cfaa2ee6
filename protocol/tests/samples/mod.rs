//! Fixed keys, and at least one sample of everything that is said, for all tests of the wire.
//!
//! Nothing here may be random, read a clock or depend on another crate of the project: the golden vectors are
//! made from it, and other implementations of the protocol can make the same bytes from `vectors/README.md`.

pub(crate) mod by_hand;
#[expect(
    clippy::disallowed_methods,
    reason = "golden bytes are files, written when the command line asks"
)]
pub(crate) mod golden;
mod values;
mod votes;

use std::fmt::Debug;

use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, ChunkRange, Gossip, Holding,
    PackedAnswer, PackedRequest, PublicKey, Role, SecretKey, Signable, Signed, Statement,
    TransferAnswer, TransferRequest, Wire,
    codec::{self, DecodeError},
};

pub(crate) use values::*;
pub(crate) use votes::*;

/// What has to be given a new version when a signed object, an object named by digest, or a message changes.
const OBJECT: &str = "the domain of the signed type that names it (`Signable::DOMAIN`)";
const GOSSIP: &str = "the gossip topic (`ForkDigest::topic`)";
const BOOTSTRAP: &str = "nothing: `/updraft/bootstrap/1` is frozen for ever";
const CATCHUP: &str = "`CATCHUP_PROTOCOL`";
const TRANSFER: &str = "`TRANSFER_PROTOCOL`";
const PACKED: &str = "`PACKED_TRANSFER_PROTOCOL`";
const TICKET: &str = "the prefix of the ticket's text";

type IsReadFrom = dyn Fn(&[u8]) -> bool + Send + Sync;

/// One value of the wire, its bytes, and what its type does with other bytes.
pub(crate) struct Sample {
    /// Name of its file.
    pub(crate) name: &'static str,
    /// What has to be raised if the bytes change.
    pub(crate) raise: &'static str,
    /// Its encoding.
    pub(crate) bytes: Vec<u8>,
    /// Most bytes its type may take.
    pub(crate) limit: usize,
    /// Reads bytes as its type and writes the value again.
    pub(crate) rewrite: fn(&[u8]) -> Result<Vec<u8>, DecodeError>,
    /// Whether bytes read as this very value.
    pub(crate) is_read_from: Box<IsReadFrom>,
}

/// The secret key whose seed is 32 times the byte `n`.
pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// The public half of [`key`].
pub(crate) fn public(n: u8) -> PublicKey {
    key(n).public()
}

/// A role of the keys of these numbers.
pub(crate) fn role(threshold: u16, keys: &[u8]) -> Role {
    Role::new(threshold, keys.iter().map(|n| public(*n)).collect())
        .expect("a role that keeps its rules")
}

/// `value`, signed by the keys of these numbers.
pub(crate) fn signed<T: Signable>(value: &T, keys: &[u8]) -> Signed<T> {
    let mut signed = Signed::unsigned(value).expect("a value that keeps its rules");
    for n in keys {
        signed.sign(&key(*n), value.network());
    }
    signed
}

fn sample<T>(name: &'static str, raise: &'static str, value: T) -> Sample
where
    T: Wire + PartialEq + Debug + Send + Sync + 'static,
{
    Sample {
        name,
        raise,
        bytes: codec::encode(&value).expect("a value that keeps its rules"),
        limit: T::MAX,
        rewrite: |bytes| {
            codec::decode::<T>(bytes)
                .map(|value| codec::encode(&value).expect("what was read can be written"))
        },
        is_read_from: Box::new(move |bytes| codec::decode::<T>(bytes).as_ref() == Ok(&value)),
    }
}

/// A sample of every type and of every variant of every message.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = objects();
    samples.extend(sentences());
    samples.extend(of_votes());
    samples.extend(first_questions());
    samples.extend(questions());
    samples.extend(transfers());
    samples.extend(packs());
    samples
}

/// What is signed, and what a signed digest names.
fn objects() -> Vec<Sample> {
    let head_signed = || signed(&head_2(), &[11, 12]);
    let manifest_signed = || signed(&manifest(), &[11, 12]);
    vec![
        sample("root_1", OBJECT, root_1()),
        sample("root_1_signed", OBJECT, signed(&root_1(), &[1, 2])),
        sample("root_2", OBJECT, root_2()),
        sample("root_2_signed", OBJECT, signed(&root_2(), &[2, 3])),
        sample("root_3", OBJECT, root_3()),
        sample("root_4", OBJECT, root_4()),
        sample("root_development", OBJECT, root_development()),
        sample("head_1", OBJECT, head_1()),
        sample("head_1_signed", OBJECT, signed(&head_1(), &[11, 12])),
        sample("head_2", OBJECT, head_2()),
        sample("head_2_signed", OBJECT, head_signed()),
        sample("head_2_unsigned", OBJECT, signed(&head_2(), &[])),
        sample("head_3", OBJECT, head_3()),
        sample("manifest", OBJECT, manifest()),
        sample("manifest_signed", OBJECT, manifest_signed()),
        sample("manifest_of_all_codecs", OBJECT, manifest_of_all_codecs()),
        sample("manifest_smallest", OBJECT, manifest_smallest()),
        sample("tree", OBJECT, tree()),
        sample("chunk_list", OBJECT, chunk_list()),
        sample(
            "gossip_announcement",
            GOSSIP,
            Gossip::Announcement { head: head_signed(), manifest: None },
        ),
        sample(
            "gossip_announcement_with_manifest",
            GOSSIP,
            Gossip::Announcement { head: head_signed(), manifest: Some(manifest_signed()) },
        ),
        sample("gossip_root", GOSSIP, Gossip::Root(signed(&root_2(), &[2, 3]))),
        sample("ticket", TICKET, ticket()),
    ]
}

/// What is said beside heads, as it is signed and as it is gossiped.
fn sentences() -> Vec<Sample> {
    let [
        heartbeat_said,
        brake_said,
        lift_said,
        revocation_said,
        attestation_said,
        equivocation_said,
    ] = statements();
    vec![
        sample("heartbeat", OBJECT, heartbeat()),
        sample("brake", OBJECT, brake()),
        sample("brake_of_all", OBJECT, brake_of_all()),
        sample("lift", OBJECT, lift()),
        sample("revocation", OBJECT, revocation()),
        sample("attestation", OBJECT, attestation()),
        sample("equivocation", OBJECT, equivocation()),
        sample("gossip_heartbeat", GOSSIP, Gossip::Statement(heartbeat_said)),
        sample("gossip_brake", GOSSIP, Gossip::Statement(brake_said)),
        sample("gossip_lift", GOSSIP, Gossip::Statement(lift_said)),
        sample("gossip_revocation", GOSSIP, Gossip::Statement(revocation_said)),
        sample("gossip_attestation", GOSSIP, Gossip::Statement(attestation_said)),
        sample("gossip_equivocation", GOSSIP, Gossip::Statement(equivocation_said)),
    ]
}

/// One statement of each kind that was there before votes, in the order of their numbers.
pub(crate) fn statements() -> [Statement; 6] {
    [
        Statement::Heartbeat(signed(&heartbeat(), &[21])),
        Statement::Brake(signed(&brake(), &[31])),
        Statement::Lift(signed(&lift(), &[11, 12])),
        Statement::Revocation(signed(&revocation(), &[13])),
        Statement::Attestation(signed(&attestation(), &[41])),
        Statement::Equivocation(equivocation()),
    ]
}

/// What is said about votes, as it is signed and as it is gossiped.
fn of_votes() -> Vec<Sample> {
    let [yes, no, abstain, ready, cancel] = ballots();
    let [proposal_said, ballot_said, certificate_said, double_vote_said] = votes();
    vec![
        sample("proposal", OBJECT, proposal()),
        sample("proposal_by_height", OBJECT, proposal_by_height()),
        sample("proposal_signed", OBJECT, signed(&proposal(), &[51])),
        sample("ballot_yes", OBJECT, yes),
        sample("ballot_no", OBJECT, no),
        sample("ballot_abstain", OBJECT, abstain),
        sample("ballot_ready_signed", OBJECT, signed(&ready, &[54])),
        sample("ballot_ready", OBJECT, ready),
        sample("ballot_cancel", OBJECT, cancel),
        sample("certificate", GOSSIP, certificate()),
        sample("certificate_of_cancelling", GOSSIP, certificate_of_cancelling()),
        sample("double_vote", GOSSIP, double_vote()),
        sample("gossip_proposal", GOSSIP, Gossip::Statement(proposal_said)),
        sample("gossip_ballot", GOSSIP, Gossip::Statement(ballot_said)),
        sample("gossip_certificate", GOSSIP, Gossip::Statement(certificate_said)),
        sample("gossip_double_vote", GOSSIP, Gossip::Statement(double_vote_said)),
    ]
}

/// Bootstrap.
fn first_questions() -> Vec<Sample> {
    let request = |name, value: BootstrapRequest| sample(name, BOOTSTRAP, value);
    let answer = |name, value: BootstrapAnswer| sample(name, BOOTSTRAP, value);
    let network = NETWORK;
    let [at_first, later] = fork_ids();
    let roots = vec![signed(&root_1(), &[1, 2]), signed(&root_2(), &[2, 3])];
    let chunk = TransferRequest::Chunk { blob: digest(b"blob"), index: 258 };
    vec![
        request("bootstrap_request_roots", BootstrapRequest::Roots { network, after: 1 }),
        request("bootstrap_request_fork", BootstrapRequest::Fork { network, fork: at_first }),
        request("bootstrap_request_fork_later", BootstrapRequest::Fork { network, fork: later }),
        request("bootstrap_request_catch_up", BootstrapRequest::CatchUp(catch_up_since())),
        request("bootstrap_request_transfer", BootstrapRequest::Transfer(chunk)),
        answer("bootstrap_answer_roots", BootstrapAnswer::Roots(roots)),
        answer("bootstrap_answer_no_roots", BootstrapAnswer::Roots(Vec::new())),
        answer("bootstrap_answer_fork", BootstrapAnswer::Fork(at_first)),
        answer("bootstrap_answer_fork_later", BootstrapAnswer::Fork(later)),
        answer("bootstrap_answer_catch_up", BootstrapAnswer::CatchUp(page(votes().to_vec()))),
        answer("bootstrap_answer_transfer", {
            BootstrapAnswer::Transfer(TransferAnswer::Chunk(b"chunk bytes".to_vec()))
        }),
        answer("bootstrap_answer_other_network", BootstrapAnswer::OtherNetwork),
    ]
}

/// The last page of statements.
fn page(mut statements: Vec<Statement>) -> CatchUpAnswer {
    statements.sort_by_key(Statement::id);
    CatchUpAnswer::Statements { statements, more: false }
}

/// Catch-up.
fn questions() -> Vec<Sample> {
    let news = CatchUpAnswer::News {
        root_version: 2,
        heads: vec![signed(&head_1(), &[11, 12]), signed(&head_2(), &[11, 12])],
        more: true,
        statements: Statement::fingerprint(&[digest(b"a statement's id")]),
    };
    let after = |after| CatchUpRequest::Statements { network: NETWORK, after };
    let manifest = CatchUpAnswer::Manifest(signed(&manifest(), &[11, 12]));
    vec![
        sample("catch_up_request_since", CATCHUP, catch_up_since()),
        sample("catch_up_request_manifest", CATCHUP, CatchUpRequest::Manifest(digest(b"manifest"))),
        sample("catch_up_request_statements", CATCHUP, after(None)),
        sample("catch_up_request_statements_after", CATCHUP, after(Some(digest(b"the last id")))),
        sample("catch_up_answer_statements", CATCHUP, page(statements().to_vec())),
        sample("catch_up_answer_votes", CATCHUP, page(votes().to_vec())),
        sample("catch_up_answer_news", CATCHUP, news),
        sample("catch_up_answer_manifest", CATCHUP, manifest),
        sample("catch_up_answer_not_held", CATCHUP, CatchUpAnswer::NotHeld),
    ]
}

/// Every request and answer about bytes.
fn transfers() -> Vec<Sample> {
    let blob = digest(b"blob");
    let have = |holding| TransferAnswer::Have(holding);
    let request = |name, value: TransferRequest| sample(name, TRANSFER, value);
    let answer = |name, value: TransferAnswer| sample(name, TRANSFER, value);
    vec![
        request("transfer_request_object", TransferRequest::Object(digest(b"tree"))),
        request("transfer_request_have", TransferRequest::Have(blob)),
        request("transfer_request_chunk", TransferRequest::Chunk { blob, index: 258 }),
        answer("transfer_answer_object", TransferAnswer::Object(b"object bytes".to_vec())),
        answer("transfer_answer_have_nothing", have(Holding::Nothing)),
        answer("transfer_answer_have_some", have(Holding::Some(vec![0b0000_0101, 0x80]))),
        answer("transfer_answer_have_everything", have(Holding::Everything)),
        answer("transfer_answer_chunk", TransferAnswer::Chunk(b"chunk bytes".to_vec())),
        answer("transfer_answer_not_held", TransferAnswer::NotHeld),
        answer("transfer_answer_busy", TransferAnswer::Busy),
    ]
}

/// The second version of the same.
fn packs() -> Vec<Sample> {
    let request = |name, value: PackedRequest| sample(name, PACKED, value);
    let answer = |name, value: PackedAnswer| sample(name, PACKED, value);
    let blob = digest(b"blob");
    let ranges = vec![ChunkRange { first: 0, count: 2 }, ChunkRange { first: 258, count: 1 }];
    let chunks = vec![b"the first".to_vec(), b"second".to_vec()];
    vec![
        request("packed_request_one", PackedRequest::One(TransferRequest::Have(blob))),
        request("packed_request_chunks", PackedRequest::Chunks { blob, ranges }),
        answer("packed_answer_one", PackedAnswer::One(TransferAnswer::Busy)),
        answer("packed_answer_chunks", PackedAnswer::Chunks(chunks)),
        answer("packed_answer_no_chunks", PackedAnswer::Chunks(Vec::new())),
    ]
}
