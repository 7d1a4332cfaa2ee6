//! Golden bytes of the whole wire: what one version says, the next must still read, byte for byte.
//!
//! The files in `vectors/` are written anew only on purpose, by `UPDRAFT_WRITE_VECTORS=1` on the command line,
//! never on a build server: a vector that follows the code guards nothing.
#![expect(
    clippy::disallowed_methods,
    reason = "the golden bytes are files, and writing them is asked for by a variable"
)]

#[expect(dead_code, reason = "other tests of the wire use the rest")]
mod samples;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use samples::{by_hand, by_hand::Bytes};
use updraft_protocol::{
    CatchUpRequest, Compatibility, Manifest, NetworkKind, PublicKey, ReleaseKind, Root, Severity,
    Signable, Signed, Ticket, codec, network,
};

/// What a file holds that is not a value of the wire: what raises if it changes, and its contents.
struct Plain {
    file: &'static str,
    raise: &'static str,
    contents: String,
}

/// The folder of vectors, written anew first if that was asked for.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let asked = std::env::var("UPDRAFT_WRITE_VECTORS").is_ok_and(|value| value == "1");
    if !asked {
        return folder;
    }
    let on_a_server = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!on_a_server, "vectors are written by a person who knows why, not on a build server");
    for sample in samples::all() {
        fs::write(folder.join(sample.name).with_extension("hex"), to_hex(&sample.bytes))
            .expect("the vector is written");
    }
    for plain in plains() {
        fs::write(folder.join(plain.file), plain.contents).expect("the vector is written");
    }
    folder
});

fn read(file: &str) -> String {
    let path = FOLDER.join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// 32 bytes a line.
fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").expect("text takes text");
        }
        text.push('\n');
    }
    text
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("a vector is text");
        u8::from_str_radix(pair, 16).expect("a vector is hexadecimal")
    };
    digits.chunks(2).map(byte).collect()
}

/// Signatures and texts.
fn plains() -> Vec<Plain> {
    fn first_signature<T: Signable>(file: &'static str, value: &T, keys: &[u8]) -> Plain {
        let signed = samples::signed(value, keys);
        let contents = to_hex(&signed.signatures()[0].bytes);
        Plain { file, raise: "the domain of the signed type (`Signable::DOMAIN`)", contents }
    }
    let text = |file, raise, text: String| Plain { file, raise, contents: text + "\n" };
    let network = samples::NETWORK;
    let protocols = [
        network::IDENTIFY_PROTOCOL,
        network::KAD_PROTOCOL,
        network::BOOTSTRAP_PROTOCOL,
        network::CATCHUP_PROTOCOL,
        network::TRANSFER_PROTOCOL,
    ];
    let protocol_raise = "nothing, if bytes of the protocol changed; else nodes no longer meet";
    vec![
        first_signature("root_1.signature.hex", &samples::root_1(), &[1]),
        first_signature("head_2.signature.hex", &samples::head_2(), &[11]),
        first_signature("manifest.signature.hex", &samples::manifest(), &[11]),
        text("ticket.txt", "the prefix of the ticket's text", samples::ticket().to_string()),
        text("public_key.txt", "the prefix of the key's text", samples::public(1).to_string()),
        text("key_id.txt", "every signed type", samples::public(1).id().to_hex()),
        text("fork_digest.hex", "the context of the fork digest", {
            network.fork_digest().map(|byte| format!("{byte:02x}")).concat()
        }),
        text("heads_topic.txt", "the context of the fork digest", network.heads_topic()),
        text("protocols.txt", protocol_raise, protocols.join("\n")),
    ]
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
    let there: BTreeSet<String> = fs::read_dir(&*FOLDER)
        .expect("the folder of vectors")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let tested: BTreeSet<String> = samples::all()
        .iter()
        .map(|sample| format!("{}.hex", sample.name))
        .chain(plains().iter().map(|plain| plain.file.to_owned()))
        .chain(["README.md".to_owned()])
        .collect();
    assert_eq!(there, tested);
}

#[test]
fn an_encoder_written_by_hand_writes_the_same_bytes() {
    let same = |name: &str, by_hand: &[u8]| {
        assert_eq!(to_hex(by_hand), read(&format!("{name}.hex")), "{name}");
    };
    same("root_1", &by_hand::root(&samples::root_1()));
    same("root_2", &by_hand::root(&samples::root_2()));
    same("root_development", &by_hand::root(&samples::root_development()));
    same("head_1", &by_hand::head(&samples::head_1()));
    same("head_2", &by_hand::head(&samples::head_2()));
    same("manifest", &by_hand::manifest(&samples::manifest()));
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

/// The table of `vectors/README.md`.
#[test]
fn the_example_in_the_readme_is_laid_out_as_it_says() {
    let bytes = Bytes::default()
        .u32(0) // CatchUpRequest::Since
        .raw(&[0x4e; 32]) // network
        .u64(2) // root version
        .u64(2) // two marks
        .text("beta")
        .u64(0)
        .text("stable")
        .u64(1)
        .done();
    assert_eq!(codec::decode::<CatchUpRequest>(&bytes), Ok(samples::catch_up_since()));
    assert_eq!(to_hex(&bytes), read("catch_up_request_since.hex"));
}
