//! Patches from anywhere, and patches from here: what is applied is refused, or is what was announced.
//!
//! An input says which old contents it is for and how many bytes it makes; the header is honest, so that what
//! follows is read. The check of the result is the one thing that a fuzzer cannot guess: whoever gets that far is
//! told the right one and has to come to the same bytes again.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use updraft_delta::{
    Blame, Level, PatchError, fuzzing,
    patch::{self, Applied, Expected},
};
use updraft_protocol::{Digest, PatchCodec};

use super::{
    byte, changed, number,
    olds::{LONG, LONG_ENOUGH, OLDS},
    part, refused,
};
use crate::rig::Outcome;

/// Bytes that a patch may make.
pub(crate) const MOST_NEW: usize = 4096;
/// Those of dense ones, which take a thousand times as long for each: few, or enough for a program.
const FEW_NEW_OF_DENSE: usize = 256;
pub(crate) const MOST_NEW_OF_DENSE: usize = 768;
/// Literals of a dense patch that the fuzzer tries, at most: each takes as long as all the rest of most inputs, and from
/// the hundredth on they reach nothing new. The corpus is replayed with all that it has.
pub(crate) static MOST_LITERALS: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Bytes that a patch makes whose parts are asked for.
pub(crate) const PARTED: usize = 1500;
/// Set where an input is the whole patch, header and all.
pub(crate) const WHOLE: u8 = 0x80;
/// Set where a dense patch makes more than a few bytes.
pub(crate) const LARGE: u8 = 0x40;

pub(super) fn plain(bytes: &[u8]) -> Outcome {
    apply(PatchCodec::BsdiffZstd, bytes, MOST_NEW)
}

pub(super) fn fast(bytes: &[u8]) -> Outcome {
    apply(PatchCodec::RefdiffFast, bytes, MOST_NEW)
}

pub(super) fn dense(bytes: &[u8]) -> Outcome {
    let large = bytes.first().is_some_and(|choice| choice & LARGE != 0);
    let most = if large { MOST_NEW_OF_DENSE } else { FEW_NEW_OF_DENSE };
    apply(PatchCodec::RefdiffDense, bytes, most)
}

/// The number of a codec in a header.
fn codec_number(codec: PatchCodec) -> u8 {
    match codec {
        PatchCodec::BsdiffZstd => 1,
        PatchCodec::RefdiffFast => 2,
        PatchCodec::RefdiffDense => 3,
    }
}

/// Bytes of a check.
const CHECK: usize = 8;

/// An honest header: whose old contents these are, and what will come out.
pub(crate) fn header(codec: PatchCodec, old: &[u8], new_size: usize, check: &str) -> Vec<u8> {
    let mut header = b"UpD".to_vec();
    header.push(codec_number(codec));
    for mut size in [old.len(), new_size] {
        while size >= 128 {
            header.push((size & 127).to_le_bytes()[0] | 128);
            size >>= 7;
        }
        header.push(size.to_le_bytes()[0]);
    }
    header.extend_from_slice(&Digest::of(old).as_bytes()[..CHECK]);
    header.extend((0..CHECK).map(|at| {
        u8::from_str_radix(&check[2 * at..2 * at + 2], 16).expect("a check is shown in hexadecimal")
    }));
    header
}

/// What a patch writes, and never more than it may.
struct New {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for New {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        assert!(self.bytes.len() <= self.most, "more is written than was signed: {}", self.most);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn follow(old: &[u8], patch: &[u8], expected: &Expected) -> (Vec<u8>, Result<Applied, PatchError>) {
    let most = usize::try_from(expected.new_size).expect("small");
    let mut new = New { bytes: Vec::new(), most };
    let result = patch::apply(old, patch, expected, &mut new);
    if let Ok(applied) = &result {
        assert_eq!(applied.size, expected.new_size);
        assert_eq!(new.bytes.len(), most, "another size than was signed");
        let digest = Digest::of(&new.bytes);
        assert_eq!(applied.digest, digest, "the digest of something else");
        let said = patch::inspect(patch).expect("it was applied").new_check;
        assert_eq!(patch::Check::of(&digest), said, "another check than the header's");
    }
    (new.bytes, result)
}

fn apply(codec: PatchCodec, mut input: &[u8], most_new: usize) -> Outcome {
    let choice = byte(&mut input);
    let old = &*OLDS[usize::from(choice) % OLDS.len()];
    let new_size = number(&mut input, most_new + 1);
    let expected = Expected { codec, new_size: new_size as u64 };
    let patch = if choice & WHOLE != 0 {
        input.to_vec()
    } else {
        [&*header(codec, old, new_size, "0000000000000000"), input].concat()
    };
    let most = MOST_LITERALS.load(Relaxed);
    if codec == PatchCodec::RefdiffDense
        && most < usize::MAX
        && fuzzing::literals(old, &patch, &expected).is_ok_and(|literals| literals > most)
    {
        return Outcome::Refused;
    }
    let (bytes, result) = follow(old, &patch, &expected);
    let Err(error) = result else { return Outcome::Read };
    assert_ne!(error.blame(), Blame::Here, "{error}: nothing is wrong with this machine");
    let PatchError::WrongResult { got, .. } = error else { return refused(&error) };
    refused(&error);
    let check = got.to_string();
    assert_eq!(patch::Check::of(&Digest::of(&bytes)).to_string(), check, "checked something else");
    // A header of its own is not as long as ours, and need not be: it got this far with its own check.
    if choice & WHOLE != 0 {
        return Outcome::Refused;
    }
    let right = [&*header(codec, old, new_size, &check), input].concat();
    let (again, result) = follow(old, &right, &expected);
    result.expect("the same patch with the right check");
    assert!(again == bytes, "another result the second time");
    Outcome::Read
}

/// How the bytes of a patch are divided among its parts: all of them, or a refusal. The first byte is its codec.
pub(super) fn parts(mut input: &[u8]) -> Outcome {
    let codec = PatchCodec::ALL[usize::from(byte(&mut input)) % PatchCodec::ALL.len()];
    let header = header(codec, b"", PARTED, "0000000000000000");
    let patch = [&*header, input].concat();
    match patch::parts(&*patch) {
        Ok(parts) => {
            let sum: u64 = parts.iter().map(|part| part.bytes).sum();
            assert_eq!(sum, patch.len() as u64, "bytes of no part, or of two");
            assert!(parts[0].bytes >= header.len() as u64, "the header is cut");
            Outcome::Read
        }
        Err(error) => {
            assert_ne!(error.blame(), Blame::Here, "{error}: nothing is wrong with this machine");
            refused(&error)
        }
    }
}

/// What comes of numbers that nobody coded: bytes, or a refusal.
pub(super) fn told(mut input: &[u8]) -> Outcome {
    let choice = usize::from(byte(&mut input)) % (OLDS.len() + 1);
    let new_size = number(&mut input, MOST_NEW + 1);
    let (old, new_size) = match OLDS.get(choice) {
        Some(old) => (old, new_size),
        None => (&*LONG, LONG_ENOUGH + new_size),
    };
    match fuzzing::told(old, new_size, input) {
        Ok(new) => {
            assert_eq!(new.len(), new_size);
            Outcome::Read
        }
        Err(error) => refused(&error),
    }
}

/// Patches of all codecs between old contents and a changed copy of them, or between any two halves.
pub(super) fn create(mut input: &[u8]) -> Outcome {
    let choice = usize::from(byte(&mut input));
    let (old, new) = match OLDS.get(choice % (OLDS.len() + 1)) {
        Some(old) => (old.clone(), changed(old.clone(), input)),
        None => {
            let old = part(&mut input).to_vec();
            (old, input.to_vec())
        }
    };
    let patches = patch::create_all(&old, &new, &PatchCodec::ALL, Level::FAST);
    for (codec, patch) in PatchCodec::ALL.into_iter().zip(patches) {
        let patch = patch.expect("a patch between so few bytes");
        let expected = Expected { codec, new_size: new.len() as u64 };
        let (again, result) = follow(&old, &patch, &expected);
        result.expect("a patch that was made here");
        assert!(again == new, "{codec:?}: something else than the new contents");
    }
    // Nothing to say about what is the same.
    if old == new { Outcome::Refused } else { Outcome::Read }
}
