//! What holds for every value that was read from bytes, and what its accessors promise on top.

use std::fmt::Debug;

use updraft_protocol::{
    BootstrapAnswer, CatchUpAnswer, Certificate, ChunkList, ChunkRange, Digest, DoubleVote,
    Equivocation, Gossip, Holding, PackedAnswer, PackedRequest, Signable, Signed, Statement,
    TransferAnswer, Tree, Wire, codec, limits,
};

use super::{Outcome, refused, show};

/// The value that bytes are, if they are one: it keeps its rules, is written as the very bytes, and can be shown.
fn value<T: Wire + Debug>(bytes: &[u8]) -> Result<T, Outcome> {
    let value = codec::decode::<T>(bytes).map_err(|error| refused(&error))?;
    assert!(bytes.len() <= T::MAX, "a {} of {} bytes was read", T::NAME, bytes.len());
    assert_eq!(value.check(), Ok(()), "a {} breaks its rules", T::NAME);
    let again = codec::encode(&value).expect("what was read can be written");
    assert!(again == bytes, "a {} is written in another way than it was read", T::NAME);
    show(&value);
    Ok(value)
}

/// Reads a `T` and, if that succeeds, looks closer.
fn read_and<T: Wire + Debug>(bytes: &[u8], look: impl FnOnce(T)) -> Outcome {
    match value::<T>(bytes) {
        Ok(value) => {
            look(value);
            Outcome::Read
        }
        Err(outcome) => outcome,
    }
}

/// Reads a type that promises nothing more.
pub(super) fn read<T: Wire + Debug>(bytes: &[u8]) -> Outcome {
    read_and::<T>(bytes, drop)
}

/// A signed object that nobody has verified: its payload is read by the same rules, or not at all.
fn payload<T: Signable + Debug + PartialEq>(signed: &Signed<T>) -> Outcome {
    assert_eq!(signed.digest(), Digest::of(signed.payload()));
    let peeked = signed.peek();
    let outcome = read_and::<T>(signed.payload(), |value| {
        show(&value.network());
        assert_eq!(peeked.as_ref(), Ok(&value));
    });
    assert_eq!(peeked.is_ok(), outcome == Outcome::Read);
    outcome
}

/// A signed object is read if its payload is.
pub(super) fn signed<T: Signable + Debug + PartialEq>(bytes: &[u8]) -> Outcome {
    value::<Signed<T>>(bytes).map_or_else(|refusal| refusal, |signed| payload(&signed))
}

/// Two heads that exclude each other, neither of them believed.
pub(super) fn equivocation(bytes: &[u8]) -> Outcome {
    read_and(bytes, |proof| of_proof(&proof))
}

fn of_proof(proof: &Equivocation) {
    let [one, other] = proof.heads();
    assert!(one.digest() < other.digest(), "a head proves nothing against itself");
    assert_eq!(Equivocation::new(other.clone(), one.clone()).id(), proof.id());
    payload(one);
    payload(other);
}

/// What is said beside heads.
pub(super) fn statement(bytes: &[u8]) -> Outcome {
    read_and(bytes, |statement| of_statement(&statement))
}

fn of_statement(statement: &Statement) {
    show(&(statement.id(), statement.kind()));
    match statement {
        Statement::Heartbeat(signed) => _ = payload(signed),
        Statement::Brake(signed) => _ = payload(signed),
        Statement::Lift(signed) => _ = payload(signed),
        Statement::Revocation(signed) => _ = payload(signed),
        Statement::Attestation(signed) => _ = payload(signed),
        Statement::Equivocation(proof) => of_proof(proof),
        Statement::Proposal(signed) => _ = payload(signed),
        Statement::Ballot(signed) => _ = payload(signed),
        Statement::Certificate(certificate) => of_certificate(certificate),
        Statement::DoubleVote(proof) => show(&(proof.id(), proof.proposal(), proof.by())),
    }
}

/// A gossip message with everything in it.
pub(super) fn gossip(bytes: &[u8]) -> Outcome {
    read_and(bytes, |gossip| match gossip {
        Gossip::Announcement { head, manifest } => {
            payload(&head);
            manifest.iter().for_each(|manifest| _ = payload(manifest));
            show(&Gossip::announce(head, manifest));
        }
        Gossip::Root(root) => _ = payload(&root),
        Gossip::Statement(statement) => of_statement(&statement),
    })
}

/// A decision that nobody has judged: one signature for each thing in it, and a name that those do not change.
pub(super) fn certificate(bytes: &[u8]) -> Outcome {
    read_and(bytes, |certificate| of_certificate(&certificate))
}

fn of_certificate(certificate: &Certificate) {
    payload(&certificate.proposal);
    for ballot in &certificate.ballots {
        payload(ballot);
        assert_eq!(ballot.signatures().len(), 1);
    }
    let alone = Certificate { ballots: Vec::new(), ..certificate.clone() };
    assert_eq!(alone.id(), certificate.id());
}

/// Two ballots that exclude each other, neither of them believed.
pub(super) fn double_vote(bytes: &[u8]) -> Outcome {
    read_and(bytes, |proof: DoubleVote| show(&(proof.id(), proof.proposal(), proof.by())))
}

/// What every node understands, with what it carries.
pub(super) fn bootstrap_answer(bytes: &[u8]) -> Outcome {
    read_and(bytes, |answer| match answer {
        BootstrapAnswer::Roots(roots) => roots.iter().for_each(|root| _ = payload(root)),
        BootstrapAnswer::CatchUp(answer) => of_catch_up(&answer),
        BootstrapAnswer::Transfer(answer) => of_transfer(&answer),
        BootstrapAnswer::Fork(fork) => show(&fork.digest.topic()),
        BootstrapAnswer::OtherNetwork => {}
    })
}

/// Heads, a manifest or statements, none of them believed.
pub(super) fn catch_up_answer(bytes: &[u8]) -> Outcome {
    read_and(bytes, |answer| of_catch_up(&answer))
}

fn of_catch_up(answer: &CatchUpAnswer) {
    match answer {
        CatchUpAnswer::News { heads, .. } => heads.iter().for_each(|head| _ = payload(head)),
        CatchUpAnswer::Manifest(manifest) => _ = payload(manifest),
        CatchUpAnswer::Statements { statements, .. } => statements.iter().for_each(of_statement),
        CatchUpAnswer::NotHeld => {}
    }
}

/// What a peer says it holds can be asked about any chunk.
pub(super) fn transfer_answer(bytes: &[u8]) -> Outcome {
    read_and(bytes, |answer| of_transfer(&answer))
}

fn of_transfer(answer: &TransferAnswer) {
    let TransferAnswer::Have(held) = answer else { return };
    for index in [0, 1, 7, 8, 16_383, 16_384, u32::MAX] {
        let holds = held.holds(index);
        assert!(*held != Holding::Nothing || !holds, "nothing holds chunk {index}");
    }
}

/// Ranges name few chunks, each once and in order, and could not be fewer.
pub(super) fn packed_request(bytes: &[u8]) -> Outcome {
    read_and(bytes, |request| {
        let PackedRequest::Chunks { ranges, .. } = request else { return };
        let indices: Vec<u32> = ChunkRange::unpack(&ranges).collect();
        assert!((1..=limits::MAX_PACK_CHUNKS).contains(&indices.len()));
        assert!(indices.is_sorted_by(|one, next| one < next));
        assert_eq!(ChunkRange::pack(&indices), ranges);
    })
}

/// Chunks that all together are short.
pub(super) fn packed_answer(bytes: &[u8]) -> Outcome {
    read_and(bytes, |answer| match answer {
        PackedAnswer::One(answer) => of_transfer(&answer),
        PackedAnswer::Chunks(chunks) => {
            assert!(chunks.len() <= limits::MAX_PACK_CHUNKS);
            assert!(chunks.iter().map(Vec::len).sum::<usize>() <= limits::MAX_PACK_BYTES);
        }
    })
}

/// A listing can be laid out below a folder without leaving it.
pub(super) fn tree(bytes: &[u8]) -> Outcome {
    read_and(bytes, |tree: Tree| {
        assert!(tree.content_size() <= limits::MAX_TREE_BYTES);
        for entry in &tree.entries {
            for name in entry.path.segments() {
                let climbs = name.is_empty() || matches!(name, "." | "..");
                assert!(!climbs && !name.contains(['\\', '\0']), "{} leads elsewhere", entry.path);
            }
        }
        assert!(tree.files().count() <= tree.entries.len());
    })
}

/// The chunks of a blob lie side by side, from its first byte to its last.
pub(super) fn chunk_list(bytes: &[u8]) -> Outcome {
    read_and(bytes, |list: ChunkList| {
        let mut next = 0;
        for index in 0..list.len() {
            let span = list.span(index).expect("a chunk of the list");
            assert!(span.offset == next && span.len > 0, "chunk {index} lies elsewhere");
            next += u64::from(span.len);
        }
        assert_eq!(next, list.blob_size);
        assert_eq!(list.span(list.len()), None);
    })
}
