//! Past decoding: payloads of the fuzzer, really signed by keys that the first byte chooses, offered to somebody
//! who trusts the first root of the golden vectors. What is believed is compared with a model in plain words.

use std::{collections::BTreeSet, sync::LazyLock};

use updraft_protocol::{
    Head, KeyId, Manifest, Root, SecretKey, Signable, Signed, Verified, codec,
    head::{self, ChainError},
    root,
    signed::VerifyError,
    threshold::{Role, ThresholdNotMet},
};

use super::{Outcome, refused};

/// Whom a newcomer trusts: the first root, its channel's role, and the channel's first head.
struct Victim {
    root: Verified<Root>,
    role: Role,
    head: Verified<Head>,
}

static VICTIM: LazyLock<Victim> = LazyLock::new(|| {
    let signed: Signed<Root> = vector(include_str!("../../tests/vectors/root_1_signed.hex"));
    let root = root::trust_first(&signed, &signed.digest()).expect("the root of the vectors");
    let signed: Signed<Head> = vector(include_str!("../../tests/vectors/head_1_signed.hex"));
    let channel = signed.peek().expect("the head of the vectors").channel;
    let role = root.release_role(&channel).expect("the channel of the vectors").clone();
    let head = signed.verify(&root.network, &role).expect("the head of the vectors");
    Victim { root, role, head }
});

fn vector<T: Signable>(hex: &str) -> Signed<T> {
    let digits: String = hex.split_whitespace().collect();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    codec::decode(&bytes).expect("a golden vector")
}

type Keys = [SecretKey; 4];

/// Keys of the vectors, four of each kind: the first three are in the role of the root that is trusted.
static RELEASE_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([11, 12, 13, 14]));
static ROOT_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([1, 2, 3, 4]));

fn keys(numbers: [u8; 4]) -> Keys {
    numbers.map(|number| SecretKey::from_seed(&[number; 32]))
}

/// The keys whose bits are set.
fn chosen(bits: u8, keys: &Keys) -> Vec<&SecretKey> {
    let bit = |at: usize| bits >> at & 1 == 1;
    keys.iter().enumerate().filter(|(at, _)| bit(*at)).map(|(_, key)| key).collect()
}

/// `payload` as a signed object, whether or not it is a value of its type; `None` if it is too long. What is no
/// value is signed by nobody: nothing comes of it either way, and signing takes a hundred times as long.
fn signed<T: Signable>(payload: &[u8], keys: &[&SecretKey]) -> Option<Signed<T>> {
    let length = u64::try_from(payload.len()).expect("lengths fit");
    let bytes = [&length.to_le_bytes()[..], payload, &[0; 8]].concat();
    let mut signed: Signed<T> = codec::decode(&bytes).ok()?;
    if signed.peek().is_ok() {
        keys.iter().for_each(|key| signed.sign(key, &VICTIM.root.network));
    }
    Some(signed)
}

/// The model of all verification: a value, of this network, and enough distinct keys of the role.
fn believable<T: Signable>(
    payload: &[u8],
    keys: &[&SecretKey],
    role: &Role,
) -> Result<(T, BTreeSet<KeyId>), VerifyError> {
    let value: T = codec::decode(payload)?;
    let (got, expected) = (*value.network(), VICTIM.root.network);
    if got != expected {
        return Err(VerifyError::WrongNetwork { got, expected });
    }
    let of_role: BTreeSet<KeyId> = role.keys().iter().map(|key| key.id()).collect();
    let signers: BTreeSet<KeyId> =
        keys.iter().map(|key| key.public().id()).filter(|id| of_role.contains(id)).collect();
    let (have, need) = (signers.len(), role.threshold());
    if have < need {
        return Err(ThresholdNotMet { have, need }.into());
    }
    Ok((value, signers))
}

fn believe<T>(bytes: &[u8]) -> Outcome
where
    T: Signable + PartialEq + std::fmt::Debug,
{
    let Some((bits, payload)) = bytes.split_first() else { return Outcome::Refused };
    let keys = chosen(*bits, &RELEASE_KEYS);
    let Some(signed) = signed::<T>(payload, &keys) else { return Outcome::Refused };
    let verified = signed.verify(&VICTIM.root.network, &VICTIM.role);
    let outcome = verified.as_ref().map_or_else(refused, |_| Outcome::Read);
    let digest = signed.digest();
    let seen = verified.map(|verified| {
        assert_eq!(verified.digest(), digest);
        let signers = verified.signers().clone();
        (verified.into_inner(), signers)
    });
    assert_eq!(seen, believable(payload, &keys, &VICTIM.role));
    outcome
}

/// A head is believed if enough keys of its channel signed it.
pub(super) fn believe_head(bytes: &[u8]) -> Outcome {
    believe::<Head>(bytes)
}

/// A manifest is believed if enough keys of its channel signed it.
pub(super) fn believe_manifest(bytes: &[u8]) -> Outcome {
    believe::<Manifest>(bytes)
}

/// A head that everybody believes moves its channel by one link or not at all, and there is no way back.
pub(super) fn follow_head(bytes: &[u8]) -> Outcome {
    let keys = chosen(0b0011, &RELEASE_KEYS);
    let Some(signed) = signed::<Head>(bytes, &keys) else { return Outcome::Refused };
    let offered = match signed.verify(&VICTIM.root.network, &VICTIM.role) {
        Ok(offered) => offered,
        Err(error) => return refused(&error),
    };
    let trusted = &VICTIM.head;
    assert_eq!(head::continues(None, &offered).is_ok(), offered.seq == 1 && offered.prev.is_none());
    let verdict = head::continues(Some(trusted), &offered);
    let (before, seq) = (trusted.seq, offered.seq);
    match &verdict {
        Ok(()) => {
            assert!(seq == before + 1 && offered.prev == Some(trusted.digest()));
            let back = head::continues(Some(&offered), trusted);
            assert_eq!(back, Err(ChainError::Older { trusted: seq, offered: before }));
        }
        Err(ChainError::Older { .. }) => assert!(seq < before),
        Err(ChainError::Known { .. }) => assert_eq!(trusted.digest(), offered.digest()),
        Err(ChainError::Forked { .. }) => {
            assert!(seq == before && trusted.digest() != offered.digest());
        }
        Err(ChainError::Gap { .. }) => assert!(seq - before > 1),
        Err(ChainError::WrongLink { .. }) => {
            assert!(seq == before + 1 && offered.prev != Some(trusted.digest()));
        }
    }
    verdict.as_ref().map_or_else(refused, |()| Outcome::Read)
}

/// The next root is trusted if enough keys of the trusted one and enough of its own signed it, its number is the
/// next and it names the trusted one.
pub(super) fn follow_root(bytes: &[u8]) -> Outcome {
    let Some((bits, payload)) = bytes.split_first() else { return Outcome::Refused };
    let keys = chosen(*bits, &ROOT_KEYS);
    let Some(signed) = signed::<Root>(payload, &keys) else { return Outcome::Refused };
    let trusted = &VICTIM.root;
    let expected = believable::<Root>(payload, &keys, &trusted.root).is_ok_and(|(root, _)| {
        root.version == trusted.version + 1
            && root.prev == Some(trusted.digest())
            && believable::<Root>(payload, &keys, &root.root).is_ok()
    });
    let verdict = root::trust_next(trusted, &signed);
    assert_eq!(verdict.is_ok(), expected, "{verdict:?}");
    if let Ok(first) = root::trust_first(&signed, &signed.digest()) {
        assert!(first.version == 1 && verdict.is_err(), "one root is the first and the second");
    }
    verdict.as_ref().map_or_else(refused, |_| Outcome::Read)
}
