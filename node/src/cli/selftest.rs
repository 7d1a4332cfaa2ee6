//! `updraft --selftest PROTOCOL`: this program tries itself, before anybody relies on it for a protocol.
//!
//! Needs no configuration, no data directory and no network, because it is asked of a program that is not installed
//! yet; writes into a temporary folder alone. What it prints is the same wherever the same program is tried.

use serde::Serialize;
use updraft_protocol::{
    BootstrapRequest, CatchUpRequest, ChunkRange, Digest, Gossip, Holding, NetworkId, PackedAnswer,
    PackedRequest, Role, Root, SecretKey, Signed, Timestamp, TransferAnswer, TransferRequest,
    codec::{self, DecodeError, EncodeError, Invalid, Wire},
    root,
};

use super::{Context, Exit, output::Format};
use crate::{
    build::Build,
    problem::{Code, Problem},
    store::{Store, StoreError, StoreOptions, VerifyOnStart},
};

/// Something a protocol needs.
struct Trial {
    /// The first protocol that needs it.
    since: u32,
    name: &'static str,
    run: fn() -> Result<(), Failed>,
}

/// In the order in which they are tried.
const TRIALS: [Trial; 4] = [
    Trial { since: 1, name: "messages", run: messages },
    Trial { since: 2, name: "packed transfer", run: packed_transfer },
    Trial { since: 1, name: "signatures", run: signatures },
    Trial { since: 1, name: "the store", run: store },
];

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("a message cannot be written")]
    Encode(#[from] EncodeError),
    #[error("a message cannot be read")]
    Decode(#[from] DecodeError),
    #[error("a {0} does not read back as it was written")]
    Differs(&'static str),
    #[error("a {0} with a byte too many is read")]
    Lax(&'static str),
    #[error("no random numbers")]
    NoRandomness(#[source] getrandom::Error),
    #[error("a role of one key is refused: {0}")]
    Role(Invalid),
    #[error("what its key has signed is not believed")]
    NotBelieved(#[source] root::RootError),
    #[error("what somebody else has signed is believed")]
    Believed,
    #[error("no temporary folder")]
    Temporary(#[source] std::io::Error),
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
}

/// What was tried, and that all of it went well.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tried {
    version: &'static str,
    protocol: u32,
    tried: Vec<&'static str>,
}

/// Tries whether this program can be relied on for a protocol.
///
/// # Errors
/// [`Code::RequestInvalid`] if it does not speak the protocol, [`Code::Failed`] if something it needs does not work.
pub(super) fn run(protocol: u32, context: &Context) -> Result<Exit, Problem> {
    let tried = attempt(protocol, context.build)?;
    if context.output.format() == Format::Json {
        context.output.document("selftest", &tried)?;
    } else {
        let Tried { version, protocol, tried } = tried;
        let tried = tried.join(", ");
        context.output.line(&format!("updraft {version} speaks protocol {protocol}: {tried}"));
    }
    Ok(Exit::Done)
}

fn attempt(protocol: u32, build: Build) -> Result<Tried, Problem> {
    let Build { version, speaks } = build;
    if !speaks.includes(protocol) {
        let detail = format!(
            "updraft {version} speaks protocols {} to {}, not {protocol}",
            speaks.oldest, speaks.newest
        );
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let mut tried = Vec::new();
    for trial in TRIALS.iter().filter(|trial| trial.since <= protocol) {
        (trial.run)().map_err(|failed| {
            let detail = format!("updraft {version} does not work: {}", trial.name);
            Problem::new(Code::Failed, detail).because(Some(&failed))
        })?;
        tried.push(trial.name);
    }
    Ok(Tried { version, protocol, tried })
}

/// Writes a message and reads it back, and sees that its reader is strict.
fn there_and_back<T: Wire + PartialEq>(message: &T) -> Result<(), Failed> {
    let mut bytes = codec::encode(message)?;
    if codec::decode::<T>(&bytes)? != *message {
        return Err(Failed::Differs(T::NAME));
    }
    bytes.push(0);
    codec::decode::<T>(&bytes).map_or(Ok(()), |_| Err(Failed::Lax(T::NAME)))
}

fn messages() -> Result<(), Failed> {
    let (network, blob) = (NetworkId::from_bytes([7; 32]), Digest::of(b"selftest"));
    let chunk = TransferRequest::Chunk { blob, index: 3 };
    there_and_back(&chunk)?;
    there_and_back(&TransferAnswer::Have(Holding::from_flags(&[true, false, true])))?;
    there_and_back(&TransferAnswer::Chunk(vec![1, 2, 3]))?;
    there_and_back(&CatchUpRequest::Statements { network, after: Some(blob) })?;
    there_and_back(&BootstrapRequest::Roots { network, after: 1 })?;
    there_and_back(&BootstrapRequest::Transfer(chunk))
}

/// What protocol 2 added: many chunks for one question.
fn packed_transfer() -> Result<(), Failed> {
    let indices = [3, 4, 5, 9];
    let ranges = ChunkRange::pack(&indices);
    if ChunkRange::unpack(&ranges).ne(indices) {
        return Err(Failed::Differs("list of ranges"));
    }
    let question = PackedRequest::Chunks { blob: Digest::of(b"selftest"), ranges };
    there_and_back(&question)?;
    there_and_back(&PackedAnswer::Chunks(vec![vec![1, 2, 3], vec![4]]))?;
    there_and_back(&PackedAnswer::One(TransferAnswer::NotHeld))
}

/// A network is founded with a new key: its root is believed, that of another key under its name is not.
fn signatures() -> Result<(), Failed> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(Failed::NoRandomness)?;
    let (key, network) = (SecretKey::from_seed(&seed), NetworkId::from_bytes([7; 32]));
    let role = Role::new(1, vec![key.public()]).map_err(Failed::Role)?;
    let name = "selftest".parse().expect("`selftest` is a network name");
    let root = Root::first(network, name, role, Timestamp::from_seconds(1));
    let mut signed = Signed::unsigned(&root)?;
    let mut forged = signed.clone();
    signed.sign(&key, &network);
    there_and_back(&Gossip::Root(signed.clone()))?;
    root::trust_first(&signed, &signed.digest()).map_err(Failed::NotBelieved)?;
    seed[0] ^= 1;
    forged.sign(&SecretKey::from_seed(&seed), &network);
    root::trust_first(&forged, &forged.digest()).map_or(Ok(()), |_| Err(Failed::Believed))
}

/// Database and files of a node, in a folder that is gone afterwards.
fn store() -> Result<(), Failed> {
    const KEPT: &[u8] = b"what a node keeps";
    let folder = tempfile::tempdir().map_err(Failed::Temporary)?;
    let options = StoreOptions { max_size: 1 << 20, min_free_disk: 0, verify: VerifyOnStart::None };
    let store = Store::open(folder.path(), options)?;
    let time = Timestamp::from_seconds(1_000_000);
    store.put_time(time)?;
    let object = store.put_object(KEPT)?;
    if store.time()? != time || store.object(&object.digest)?.as_deref() != Some(KEPT) {
        return Err(Failed::Differs("thing in the store"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Speaks;

    #[test]
    fn every_protocol_that_is_spoken_is_tried_by_something_of_its_own() {
        for protocol in Speaks::THIS.oldest..=Speaks::THIS.newest {
            assert!(TRIALS.iter().any(|trial| trial.since == protocol), "protocol {protocol}");
            let tried = attempt(protocol, Build::THIS).expect("it works").tried;
            assert_eq!(tried.contains(&"packed transfer"), protocol >= 2, "{tried:?}");
        }
    }

    #[test]
    fn what_is_not_spoken_is_refused_as_a_wrong_request() {
        let old = Build { version: "0.0.9", speaks: Speaks { oldest: 1, newest: 1 } };
        for (protocol, build) in [(0, Build::THIS), (3, Build::THIS), (2, old)] {
            let refused = attempt(protocol, build).expect_err("it is not spoken");
            assert_eq!((refused.code, refused.code.exit_code()), (Code::RequestInvalid, 2));
        }
    }
}
