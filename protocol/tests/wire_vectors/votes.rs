//! Golden bytes of votes, of the frozen bootstrap protocol and of packs, compared with an encoder written by hand.

use updraft_protocol::{
    Ballot, ChunkRange, Digest, Proposal, Signable, Stance, TransferRequest, codec,
    vote::{Activation, Decision},
};

use crate::{
    from_hex, hex, read,
    samples::{self, NETWORK, by_hand, by_hand::Bytes},
    to_hex,
};

fn vector(name: &str) -> Vec<u8> {
    from_hex(&read(&format!("{name}.hex")))
}

fn same(name: &str, by_hand: &[u8]) {
    assert_eq!(to_hex(by_hand), read(&format!("{name}.hex")), "{name}");
}

/// Signed by the key of number `n` alone.
fn signed_by<T: Signable>(n: u8, payload: &[u8]) -> Vec<u8> {
    let signature = by_hand::signature(n, T::DOMAIN, NETWORK.as_bytes(), payload);
    by_hand::signed(payload, &[signature])
}

fn ballot(n: u8, stance: Stance) -> (Vec<u8>, Vec<u8>) {
    let payload = by_hand::votes::ballot(&samples::ballot(n, stance));
    let signed = signed_by::<Ballot>(n, &payload);
    (payload, signed)
}

/// The certificate of a decision by these ballots.
fn certificate(decision: u32, stances: &[(u8, Stance)]) -> Vec<u8> {
    let proposal = signed_by::<Proposal>(51, &by_hand::votes::proposal(&samples::proposal()));
    let mut stances = stances.to_vec();
    stances.sort_by_key(|(n, _)| by_hand::key_id(*n));
    let ballots: Vec<_> = stances.into_iter().map(|(n, stance)| ballot(n, stance).1).collect();
    by_hand::votes::certificate(decision, &proposal, &ballots)
}

#[test]
fn proposals_and_ballots_written_by_hand_are_the_same_bytes() {
    same("proposal", &by_hand::votes::proposal(&samples::proposal()));
    same("proposal_by_height", &by_hand::votes::proposal(&samples::proposal_by_height()));
    let names = ["ballot_yes", "ballot_no", "ballot_abstain", "ballot_ready", "ballot_cancel"];
    for (name, ballot) in names.into_iter().zip(samples::ballots()) {
        same(name, &by_hand::votes::ballot(&ballot));
    }
}

#[test]
fn proposals_and_ballots_are_signed_for_themselves_alone() {
    assert_eq!(Proposal::DOMAIN, "updraft/proposal/v1");
    assert_eq!(Ballot::DOMAIN, "updraft/ballot/v1");
    same("proposal_signed", &signed_by::<Proposal>(51, &vector("proposal")));
    same("ballot_ready_signed", &signed_by::<Ballot>(54, &vector("ballot_ready")));
}

#[test]
fn certificates_and_proofs_written_by_hand_are_the_same_bytes() {
    let (ready, yes, cancel) = (samples::ready(), Stance::Yes, Stance::Cancel);
    let lock_in = [(51, ready), (53, ready), (54, ready), (56, yes), (57, yes)];
    same("certificate", &certificate(0, &lock_in));
    let cancelling = [51, 53, 54, 56, 57].map(|n| (n, cancel));
    same("certificate_of_cancelling", &certificate(1, &cancelling));
    let said = [ballot(52, Stance::Yes), ballot(52, Stance::No)];
    same("double_vote", &by_hand::votes::double_vote(said));
}

#[test]
fn what_is_said_about_votes_is_its_kind_and_its_bytes_and_has_a_name() {
    let mut ids = Vec::new();
    let mut said = |name: &str, kind: u8, bytes: &[u8], held: &[u8; 32]| {
        let gossip = Bytes::default().u32(2).u32(u32::from(kind)).raw(bytes).done();
        same(&format!("gossip_{name}"), &gossip);
        ids.push(hex(&by_hand::statement_id(kind, held)));
    };
    let digest = |bytes: &[u8]| *Digest::of(bytes).as_bytes();
    let (proposal, ballot_ready) = (vector("proposal"), vector("ballot_ready"));
    said("proposal", 6, &vector("proposal_signed"), &digest(&proposal));
    said("ballot", 7, &vector("ballot_ready_signed"), &digest(&ballot_ready));
    let name = by_hand::votes::certificate_name(0, &proposal);
    said("certificate", 8, &vector("certificate"), &name);
    let mut digests = [Stance::Yes, Stance::No].map(|stance| digest(&ballot(52, stance).0));
    digests.sort_unstable();
    said("double_vote", 9, &vector("double_vote"), &digest(&digests.concat()));
    let listed = read("vote_ids.txt");
    let listed: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(listed, ids);
}

/// What it is about is in the name of a certificate, and who proves it is not.
#[test]
fn certificates_that_say_the_same_have_one_name() {
    let certificate = samples::certificate();
    let mut other = certificate.clone();
    other.ballots.pop();
    assert_eq!(certificate.id(), other.id());
    other.decision = Decision::Cancel;
    assert_ne!(certificate.id(), other.id());
    let proposal = samples::signed(&samples::proposal_by_height(), &[53]);
    let about_another = updraft_protocol::Certificate { proposal, ..certificate.clone() };
    assert_ne!(certificate.id(), about_another.id());
}

#[test]
fn every_kind_of_activation_and_stance_keeps_its_number() {
    let epoch = Activation::Epoch(samples::EPOCH + 1_000);
    let height = Activation::Height { height: 7, not_before: samples::EPOCH + 1_000 };
    for activation in [epoch, height] {
        // The nodes' own line waits for no height.
        let line = samples::name("demo-app");
        let proposal = Proposal { activation, line, ..samples::proposal() };
        assert_eq!(codec::encode(&proposal), Ok(by_hand::votes::proposal(&proposal)));
    }
    let stances = [Stance::Yes, Stance::No, Stance::Abstain, samples::ready(), Stance::Cancel];
    for (number, stance) in (0_u32..).zip(stances) {
        let bytes = codec::encode(&samples::ballot(51, stance)).expect("a ballot");
        // Network, key, proposal, number, epoch: then the stance.
        assert_eq!(bytes[108..112], number.to_le_bytes(), "{stance:?}");
    }
}

#[test]
fn the_frozen_protocol_carries_the_first_versions_of_the_others_unchanged() {
    for kind in ["request", "answer"] {
        let inner = |name: &str| vector(&name.replace("KIND", kind));
        let held = |number: u32, bytes: &[u8]| Bytes::default().u32(number).raw(bytes).done();
        let catch_up = if kind == "request" { "since" } else { "votes" };
        let catch_up = inner(&format!("catch_up_KIND_{catch_up}"));
        same(&format!("bootstrap_{kind}_catch_up"), &held(2, &catch_up));
        let chunk = inner("transfer_KIND_chunk");
        same(&format!("bootstrap_{kind}_transfer"), &held(3, &chunk));
    }
    let roots = Bytes::default().u32(0).raw(NETWORK.as_bytes()).u64(1).done();
    same("bootstrap_request_roots", &roots);
    let roots = [vector("root_1_signed"), vector("root_2_signed")];
    same("bootstrap_answer_roots", &Bytes::default().u32(0).list(roots).done());
    same("bootstrap_answer_no_roots", &Bytes::default().u32(0).list([]).done());
    same("bootstrap_answer_other_network", &Bytes::default().u32(4).done());
    for (suffix, fork) in ["", "_later"].into_iter().zip(samples::fork_ids()) {
        let fork = by_hand::votes::fork_id(&fork);
        let asked = Bytes::default().u32(1).raw(NETWORK.as_bytes()).raw(&fork).done();
        same(&format!("bootstrap_request_fork{suffix}"), &asked);
        let answered = Bytes::default().u32(1).raw(&fork).done();
        same(&format!("bootstrap_answer_fork{suffix}"), &answered);
    }
}

/// With nothing in force, the digest is what it was before anything could be.
#[test]
fn a_fork_digest_is_of_the_network_and_of_what_is_in_force_in_its_order() {
    let digest = |in_force: &[&[u8]]| {
        let bytes = [&NETWORK.as_bytes()[..], &in_force.concat()].concat();
        let digest = Digest::of_with_context("updraft fork digest v1", &bytes);
        hex(&digest.as_bytes()[..4])
    };
    assert_eq!(digest(&[]), read("fork_digest.hex").trim());
    let proposal = Digest::of(&vector("proposal"));
    assert_eq!(digest(&[proposal.as_bytes()]), read("fork_digest_later.hex").trim());
    assert_eq!(format!("updraft/{}/heads", digest(&[])), read("heads_topic.txt").trim());
}

#[test]
fn packs_written_by_hand_are_the_same_bytes() {
    let blob = samples::digest(b"blob");
    let ranges = [ChunkRange { first: 0, count: 2 }, ChunkRange { first: 258, count: 1 }];
    same("packed_request_chunks", &by_hand::votes::chunks_wanted(&blob, &ranges));
    let first = codec::encode(&TransferRequest::Have(blob)).expect("a request");
    same("packed_request_one", &Bytes::default().u32(0).raw(&first).done());
    let chunks = [b"the first".to_vec(), b"second".to_vec()];
    same("packed_answer_chunks", &by_hand::votes::chunks_given(&chunks));
    same("packed_answer_no_chunks", &by_hand::votes::chunks_given(&[]));
    same("packed_answer_one", &Bytes::default().u32(0).raw(&vector("transfer_answer_busy")).done());
}
