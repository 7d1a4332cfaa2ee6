//! Golden bytes of the whole wire: what one version says, the next must still read, byte for byte.
//!
//! The files in `vectors/` are written anew only on purpose, by `UPDRAFT_WRITE_VECTORS=1` on the command line,
//! never on a build server: a vector that follows the code guards nothing.

#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;
#[path = "wire_vectors/votes.rs"]
mod votes;

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use samples::{
    by_hand,
    by_hand::Bytes,
    golden::{self, from_hex, to_hex},
};
use updraft_protocol::{
    CatchUpAnswer, CatchUpRequest, Compatibility, Head, Manifest, NetworkKind, PublicKey,
    ReleaseKind, Root, Severity, Signable, Signed, Statement, Ticket, codec, network,
};

/// What a file holds that is not a value of the wire: what to raise if it changes, and its contents.
struct Plain {
    file: &'static str,
    raise: &'static str,
    contents: String,
}

/// The folder of vectors, written anew first if that was asked for.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    if golden::is_writing() {
        for sample in samples::all() {
            golden::write(&folder.join(sample.name).with_extension("hex"), to_hex(&sample.bytes));
        }
        for plain in plains() {
            golden::write(&folder.join(plain.file), &plain.contents);
        }
    }
    folder
});

fn read(file: &str) -> String {
    golden::read(&FOLDER.join(file))
}

/// Signatures and texts.
fn plains() -> Vec<Plain> {
    fn first_signature<T: Signable>(file: &'static str, value: &T, keys: &[u8]) -> Plain {
        let signed = samples::signed(value, keys);
        let contents = to_hex(&signed.signatures()[0].bytes);
        Plain { file, raise: "the domain of the signed type (`Signable::DOMAIN`)", contents }
    }
    let text = |file, raise, text: String| Plain { file, raise, contents: text + "\n" };
    let [at_first, later] = samples::fork_ids().map(|fork| fork.digest);
    let (fork_raise, ids_raise) =
        ("the context of the fork digest", "the gossip topic and `CATCHUP_PROTOCOL`");
    let protocols = [
        network::IDENTIFY_PROTOCOL,
        network::KAD_PROTOCOL,
        network::BOOTSTRAP_PROTOCOL,
        network::CATCHUP_PROTOCOL,
        network::TRANSFER_PROTOCOL,
        network::PACKED_TRANSFER_PROTOCOL,
    ];
    let protocol_raise = "nothing, if bytes of the protocol changed; else nodes no longer meet";
    vec![
        first_signature("root_1.signature.hex", &samples::root_1(), &[1]),
        first_signature("head_2.signature.hex", &samples::head_2(), &[11]),
        first_signature("manifest.signature.hex", &samples::manifest(), &[11]),
        first_signature("heartbeat.signature.hex", &samples::heartbeat(), &[21]),
        first_signature("brake.signature.hex", &samples::brake(), &[31]),
        first_signature("lift.signature.hex", &samples::lift(), &[11]),
        first_signature("revocation.signature.hex", &samples::revocation(), &[13]),
        first_signature("attestation.signature.hex", &samples::attestation(), &[41]),
        first_signature("proposal.signature.hex", &samples::proposal(), &[51]),
        first_signature("ballot_ready.signature.hex", &samples::ballots()[3], &[54]),
        text("ticket.txt", "the prefix of the ticket's text", samples::ticket().to_string()),
        text("public_key.txt", "the prefix of the key's text", samples::public(1).to_string()),
        text("key_id.txt", "every signed type", samples::public(1).id().to_hex()),
        text("fork_digest.hex", fork_raise, at_first.to_string()),
        text("fork_digest_later.hex", fork_raise, later.to_string()),
        text("statement_ids.txt", ids_raise, ids_of(&samples::statements())),
        text("vote_ids.txt", ids_raise, ids_of(&samples::votes())),
        text("statements_fingerprint.txt", "`CATCHUP_PROTOCOL`", {
            let mut ids = samples::statements().map(|statement| statement.id());
            ids.sort();
            Statement::fingerprint(&ids).to_hex()
        }),
        text("heads_topic.txt", fork_raise, at_first.topic()),
        text("protocols.txt", protocol_raise, protocols.join("\n")),
    ]
}

/// Each kind of statement and the id of its sample.
fn ids_of(statements: &[Statement]) -> String {
    let line = |statement: &Statement| format!("{} {}", statement.kind(), statement.id().to_hex());
    statements.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_value_is_written_as_its_vector() {
    for sample in samples::all() {
        let golden = from_hex(&read(&format!("{}.hex", sample.name)));
        assert_eq!(
            to_hex(&sample.bytes),
            to_hex(&golden),
            "{}: the wire changed: raise the version of {}, or restore the bytes",
            sample.name,
            sample.raise
        );
    }
}

#[test]
fn every_vector_is_read_as_its_value() {
    for sample in samples::all() {
        let golden = from_hex(&read(&format!("{}.hex", sample.name)));
        assert!(
            (sample.is_read_from)(&golden),
            "{}: the wire changed: raise the version of {}, or read these bytes as before",
            sample.name,
            sample.raise
        );
    }
}

#[test]
fn signatures_and_texts_are_as_they_were() {
    for plain in plains() {
        assert_eq!(
            plain.contents,
            read(plain.file),
            "{}: the wire changed: raise the version of {}, or restore it",
            plain.file,
            plain.raise
        );
    }
}

#[test]
fn every_text_is_read_as_its_value() {
    assert_eq!(read("ticket.txt").trim().parse::<Ticket>(), Ok(samples::ticket()));
    assert_eq!(read("public_key.txt").trim().parse::<PublicKey>(), Ok(samples::public(1)));
}

#[test]
fn every_file_in_the_folder_is_tested() {
    let mut tested: Vec<String> = samples::all()
        .iter()
        .map(|sample| format!("{}.hex", sample.name))
        .chain(plains().iter().map(|plain| plain.file.to_owned()))
        .chain(["README.md".to_owned()])
        .collect();
    tested.sort();
    assert_eq!(golden::names(&FOLDER), tested);
}

#[test]
fn an_encoder_written_by_hand_writes_the_same_bytes() {
    let same = |name: &str, by_hand: &[u8]| {
        assert_eq!(to_hex(by_hand), read(&format!("{name}.hex")), "{name}");
    };
    same("root_1", &by_hand::root(&samples::root_1()));
    same("root_2", &by_hand::root(&samples::root_2()));
    same("root_3", &by_hand::root(&samples::root_3()));
    same("root_development", &by_hand::root(&samples::root_development()));
    same("head_1", &by_hand::head(&samples::head_1()));
    same("head_2", &by_hand::head(&samples::head_2()));
    same("head_3", &by_hand::head(&samples::head_3()));
    same("heartbeat", &by_hand::heartbeat(&samples::heartbeat()));
    same("brake", &by_hand::brake(&samples::brake()));
    same("brake_of_all", &by_hand::brake(&samples::brake_of_all()));
    same("lift", &by_hand::lift(&samples::lift()));
    same("revocation", &by_hand::revocation(&samples::revocation()));
    same("attestation", &by_hand::attestation(&samples::attestation()));
    same("root_4", &by_hand::root(&samples::root_4()));
    same("manifest", &by_hand::manifest(&samples::manifest()));
    same("manifest_of_all_codecs", &by_hand::manifest(&samples::manifest_of_all_codecs()));
    same("manifest_smallest", &by_hand::manifest(&samples::manifest_smallest()));
    same("tree", &by_hand::tree(&samples::tree()));
    same("chunk_list", &by_hand::chunk_list(&samples::chunk_list()));
}

#[test]
fn a_signature_is_over_domain_zero_network_and_payload() {
    fn check<T: Signable>(domain: &str, name: &str, value: &T, keys: [u8; 2]) {
        let payload = from_hex(&read(&format!("{}.hex", name.trim_end_matches("_signed"))));
        let mut by_hand =
            keys.map(|n| by_hand::signature(n, domain, value.network().as_bytes(), &payload));
        by_hand.sort();
        let whole = by_hand::signed(&payload, &by_hand);
        assert_eq!(to_hex(&whole), read(&format!("{name}.hex")), "{name}");
        let signed: Signed<T> = codec::decode(&whole).expect("a signed object");
        assert_eq!(signed.signers(value.network(), &samples::role(1, &keys)).len(), 2, "{name}");
    }
    check("updraft/root/v1", "root_1_signed", &samples::root_1(), [1, 2]);
    check("updraft/head/v1", "head_2_signed", &samples::head_2(), [11, 12]);
    check("updraft/manifest/v1", "manifest_signed", &samples::manifest(), [11, 12]);
}

/// Each sentence signed by hand, as a statement in gossip; its number, and the name that it has among statements.
#[test]
fn a_statement_is_its_kind_and_what_was_signed() {
    let ids = read("statement_ids.txt");
    let gossip = |name: &str| read(&format!("gossip_{name}.hex"));
    let said = |kind, signed: &[u8]| to_hex(&Bytes::default().u32(2).u32(kind).raw(signed).done());
    let vector = |name: &str| from_hex(&read(&format!("{name}.hex")));
    let sign = |n: u8, name: &str, payload: &[u8]| {
        let domain = format!("updraft/{name}/v1");
        by_hand::signature(n, &domain, samples::NETWORK.as_bytes(), payload)
    };
    for (kind, name, domain, keys) in [
        (0, "heartbeat", "heartbeat", &[21][..]),
        (1, "brake", "brake", &[31]),
        (2, "lift", "lift", &[11, 12]),
        (3, "revocation", "revocation", &[13]),
        (4, "attestation", "build-attestation", &[41]),
    ] {
        let payload = vector(name);
        let mut signatures: Vec<_> = keys.iter().map(|n| sign(*n, domain, &payload)).collect();
        signatures.sort();
        let signed = by_hand::signed(&payload, &signatures);
        assert_eq!(said(u32::from(kind), &signed), gossip(name), "{name}");
        let id = by_hand::statement_id(kind, samples::digest(&payload).as_bytes());
        assert!(ids.contains(&format!("{name} {}\n", hex(&id))), "{name}");
    }
    let other = Head { releases: Vec::new(), ..samples::head_2() };
    let heads = [(samples::head_2(), [11, 12]), (other, [12, 13])].map(|(head, keys)| {
        let payload = by_hand::head(&head);
        let mut signatures = keys.map(|n| sign(n, "head", &payload));
        signatures.sort();
        (payload.clone(), by_hand::signed(&payload, &signatures))
    });
    let mut named: Vec<Vec<u8>> = heads
        .iter()
        .zip([[11, 12], [12, 13]])
        .map(|((payload, _), keys)| {
            let mut ids = keys.map(by_hand::key_id);
            ids.sort();
            [samples::digest(payload).as_bytes().as_slice(), &[2], &ids.concat()].concat()
        })
        .collect();
    named.sort();
    let proof = by_hand::equivocation(heads);
    assert_eq!(to_hex(&proof), read("equivocation.hex"));
    assert_eq!(said(5, &proof), gossip("equivocation"));
    let id = by_hand::statement_id(5, samples::digest(&named.concat()).as_bytes());
    assert!(ids.contains(&format!("equivocation {}\n", hex(&id))));
}

#[test]
fn a_set_of_statements_is_named_by_their_ids_in_order() {
    let ids = read("statement_ids.txt");
    let digits = ids.lines().map(|line| line.split(' ').next_back().expect("an id"));
    let mut ids: Vec<Vec<u8>> = digits.map(from_hex).collect();
    ids.sort();
    let fingerprint = samples::digest(&ids.concat()).to_hex();
    assert_eq!(fingerprint, read("statements_fingerprint.txt").trim());
    let page = from_hex(&read("catch_up_answer_statements.hex"));
    let Ok(CatchUpAnswer::Statements { statements, .. }) = codec::decode(&page) else {
        panic!("a page of statements");
    };
    let in_page: Vec<Vec<u8>> = statements.iter().map(|one| one.id().as_bytes().to_vec()).collect();
    assert_eq!(in_page, ids);
}

fn hex(bytes: &[u8]) -> String {
    to_hex(bytes).trim().to_owned()
}

#[test]
fn every_kind_keeps_its_number() {
    let same = |manifest: Manifest| {
        let bytes = codec::encode(&manifest).expect("a manifest");
        assert_eq!(to_hex(&bytes), to_hex(&by_hand::manifest(&manifest)), "{manifest:?}");
    };
    use ReleaseKind::{Bugfix, Dependency, Feature, Performance, Protocol, Security};
    for kind in [Security, Feature, Bugfix, Performance, Protocol, Dependency] {
        same(Manifest { kind, ..samples::manifest() });
    }
    for severity in [Severity::Low, Severity::Normal, Severity::High, Severity::Critical] {
        same(Manifest { severity, ..samples::manifest() });
    }
    for compatibility in [Compatibility::Compatible, Compatibility::Breaking] {
        same(Manifest { compatibility, ..samples::manifest() });
    }
    for kind in [NetworkKind::Production, NetworkKind::Development] {
        let root = Root { kind, ..samples::root_1() };
        assert_eq!(codec::encode(&root), Ok(by_hand::root(&root)));
    }
}

/// The table of `docs/PROTOCOL.md`.
#[test]
fn the_example_in_the_specification_is_laid_out_as_it_says() {
    let head_1 = *samples::digest(&by_hand::head(&samples::head_1())).as_bytes();
    let bytes = Bytes::default()
        .u32(0) // CatchUpRequest::Since
        .raw(&[0x4e; 32]) // network
        .u64(2) // root version
        .u64(2) // two marks
        .text("beta")
        .u64(0)
        .u8(0) // no head
        .text("stable")
        .u64(1)
        .u8(1) // and its head
        .raw(&head_1)
        .done();
    assert_eq!(codec::decode::<CatchUpRequest>(&bytes), Ok(samples::catch_up_since()));
    assert_eq!(to_hex(&bytes), read("catch_up_request_since.hex"));
}
