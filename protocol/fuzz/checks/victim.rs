//! Whom the bytes are offered to: somebody who trusts the roots and heads of the samples. And the model of
//! what it may believe, in plain words, beside which the protocol is held. Payloads of the fuzzer are really
//! signed, by keys that the fuzzer chooses.

use std::{collections::BTreeSet, sync::LazyLock};

use updraft_protocol::{
    Head, KeyId, Role, Root, SecretKey, Signable, Signed, Verified, codec, root,
    signed::VerifyError, threshold::ThresholdNotMet,
};

use crate::samples;
pub(super) use crate::samples::NETWORK;

/// What somebody trusts.
pub(super) struct Victim {
    /// Roots 1 to 4 of the network.
    pub(super) roots: [Verified<Root>; 4],
    /// Heads 1 to 3 of its channel `stable`.
    pub(super) heads: [Verified<Head>; 3],
}

pub(super) static VICTIM: LazyLock<Victim> = LazyLock::new(|| {
    let [first, second, third, fourth] =
        [samples::root_1(), samples::root_2(), samples::root_3(), samples::root_4()]
            .map(|root| samples::signed(&root, &[1, 2, 3, 4]));
    let first = root::trust_first(&first, &first.digest()).expect("an honest root");
    let second = root::trust_next(&first, &second).expect("an honest root");
    let third = root::trust_next(&second, &third).expect("an honest root");
    let fourth = root::trust_next(&third, &fourth).expect("an honest root");
    let heads = [samples::head_1(), samples::head_2(), samples::head_3()].map(|head| {
        let head = samples::signed(&head, &[11, 12]);
        head.verify(&NETWORK, stable(&first)).expect("an honest head")
    });
    Victim { roots: [first, second, third, fourth], heads }
});

/// Who publishes on the channel of the victim's heads.
pub(super) fn stable(root: &Root) -> &Role {
    root.release_role(&samples::head_1().channel).expect("a channel of the samples")
}

pub(super) type Keys = [SecretKey; 4];

/// Keys of the samples, four of each kind; not all of them are in the role of their kind.
pub(super) static ROOT_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([1, 2, 3, 4]));
pub(super) static RELEASE_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([11, 12, 13, 14]));
pub(super) static WITNESS_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([21, 22, 23, 24]));
pub(super) static BRAKE_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([31, 32, 33, 34]));
pub(super) static BUILDER_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([41, 42, 43, 44]));
pub(super) static ELECTOR_KEYS: LazyLock<Keys> = LazyLock::new(|| keys([51, 52, 53, 58]));

fn keys(numbers: [u8; 4]) -> Keys {
    numbers.map(samples::key)
}

/// The keys whose bits are set, of the lowest four.
pub(super) fn chosen(bits: u8, keys: &Keys) -> Vec<&SecretKey> {
    let bit = |at: usize| bits >> at & 1 == 1;
    keys.iter().enumerate().filter(|(at, _)| bit(*at)).map(|(_, key)| key).collect()
}

/// `payload` as a signed object, whether or not it is a value of its type; `None` if it is too long. What is no
/// value is signed by nobody: nothing comes of it either way, and signing takes a hundred times as long.
pub(super) fn signed<T: Signable>(payload: &[u8], keys: &[&SecretKey]) -> Option<Signed<T>> {
    let length = u64::try_from(payload.len()).expect("lengths fit");
    let unsigned = [&length.to_le_bytes()[..], payload, &[0; 8]].concat();
    let mut signed: Signed<T> = codec::decode(&unsigned).ok()?;
    if signed.peek().is_ok() {
        keys.iter().for_each(|key| signed.sign(key, &NETWORK));
    }
    Some(signed)
}

/// Which keys of `role` are among those that signed.
pub(super) fn signers(keys: &[&SecretKey], role: &Role) -> BTreeSet<KeyId> {
    let of_role: BTreeSet<KeyId> = role.keys().iter().map(|key| key.id()).collect();
    keys.iter().map(|key| key.public().id()).filter(|id| of_role.contains(id)).collect()
}

/// A value of this network, or why it is none.
pub(super) fn of_network<T: Signable>(payload: &[u8]) -> Result<T, VerifyError> {
    let value: T = codec::decode(payload)?;
    let (got, expected) = (*value.network(), NETWORK);
    if got == expected { Ok(value) } else { Err(VerifyError::WrongNetwork { got, expected }) }
}

/// A value, of this network, and enough distinct keys of the role.
pub(super) fn believable<T: Signable>(
    payload: &[u8],
    keys: &[&SecretKey],
    role: &Role,
) -> Result<(T, BTreeSet<KeyId>), VerifyError> {
    let value = of_network(payload)?;
    let signers = signers(keys, role);
    let (have, need) = (signers.len(), role.threshold());
    if have < need { Err(ThresholdNotMet { have, need }.into()) } else { Ok((value, signers)) }
}
