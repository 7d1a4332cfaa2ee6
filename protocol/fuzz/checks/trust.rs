//! Past decoding: who is believed. The first byte of an input says which keys sign what follows, and what comes
//! of it is what the model says, to the last refusal.

use std::{collections::BTreeSet, fmt::Debug};

use updraft_protocol::{
    Brake, BuildAttestation, Equivocation, Head, Heartbeat, KeyId, Lift, Manifest, Revocation,
    Role, SecretKey, Signed, Verified, codec,
    equivocation::{Finding, ProvesNothing},
    signed::{Sentence, Signable, VerifyError},
    threshold::ThresholdNotMet,
};

use super::{
    Outcome, refused,
    victim::{
        BRAKE_KEYS, BUILDER_KEYS, Keys, NETWORK, RELEASE_KEYS, ROOT_KEYS, VICTIM, WITNESS_KEYS,
        believable, chosen, of_network, signed, signers, stable,
    },
};

/// Takes an input apart and offers it.
fn offered<T: Signable>(
    bytes: &[u8],
    keys: &'static Keys,
    offer: impl FnOnce(&Signed<T>, &[&SecretKey]) -> Outcome,
) -> Outcome {
    let Some((bits, payload)) = bytes.split_first() else { return Outcome::Refused };
    let keys = chosen(*bits, keys);
    signed(payload, &keys).map_or(Outcome::Refused, |signed| offer(&signed, &keys))
}

/// What was seen of a verification is what the model expects, and it is about the bytes that came.
fn compare<T: Signable + PartialEq + Debug>(
    signed: &Signed<T>,
    seen: Result<Verified<T>, VerifyError>,
    expected: Result<(T, BTreeSet<KeyId>), VerifyError>,
) -> Outcome {
    let outcome = seen.as_ref().map_or_else(refused, |_| Outcome::Read);
    let seen = seen.map(|verified| {
        assert_eq!(verified.digest(), signed.digest());
        let signers = verified.signers().clone();
        (verified.into_inner(), signers)
    });
    assert_eq!(seen, expected);
    outcome
}

/// Believed if enough keys of the channel signed it.
fn believe<T: Signable + PartialEq + Debug>(bytes: &[u8]) -> Outcome {
    offered::<T>(bytes, &RELEASE_KEYS, |signed, keys| {
        let role = stable(&VICTIM.roots[0]);
        let expected = believable(signed.payload(), keys, role);
        compare(signed, signed.verify(&NETWORK, role), expected)
    })
}

pub(super) fn believe_head(bytes: &[u8]) -> Outcome {
    believe::<Head>(bytes)
}

pub(super) fn believe_manifest(bytes: &[u8]) -> Outcome {
    believe::<Manifest>(bytes)
}

pub(super) fn believe_lift(bytes: &[u8]) -> Outcome {
    believe::<Lift>(bytes)
}

/// Believed if the key that it names is in the role and signed it, whoever else did.
fn speak<T>(bytes: &[u8], keys: &'static Keys, role: Option<&Role>) -> Outcome
where
    T: Sentence + PartialEq + Debug,
{
    let role = role.expect("root 3 of the samples has every role");
    offered::<T>(bytes, keys, |signed, keys| {
        let expected = of_network::<T>(signed.payload()).and_then(|value| {
            let speaker = value.speaker();
            if signers(keys, role).contains(&speaker) {
                return Ok((value, BTreeSet::from([speaker])));
            }
            Err(ThresholdNotMet { have: 0, need: 1 }.into())
        });
        compare(signed, signed.verify_sentence(&NETWORK, role), expected)
    })
}

pub(super) fn speak_heartbeat(bytes: &[u8]) -> Outcome {
    speak::<Heartbeat>(bytes, &WITNESS_KEYS, VICTIM.roots[2].witness.as_ref())
}

pub(super) fn speak_brake(bytes: &[u8]) -> Outcome {
    speak::<Brake>(bytes, &BRAKE_KEYS, VICTIM.roots[2].brake.as_ref())
}

pub(super) fn speak_attestation(bytes: &[u8]) -> Outcome {
    speak::<BuildAttestation>(bytes, &BUILDER_KEYS, VICTIM.roots[2].builder.as_ref())
}

/// A key of the root takes itself back.
pub(super) fn speak_revocation(bytes: &[u8]) -> Outcome {
    speak::<Revocation>(bytes, &ROOT_KEYS, Some(&VICTIM.roots[2].root))
}

/// Two heads prove what their signers did, and nothing else. An input is a byte whose halves choose the signers
/// of each head, two bytes with the length of the first head, and both heads.
pub(super) fn judge(bytes: &[u8]) -> Outcome {
    let [bits, low, high, rest @ ..] = bytes else { return Outcome::Refused };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let Some((one, other)) = rest.split_at_checked(length) else { return Outcome::Refused };
    let (keys_one, keys_other) = (chosen(*bits, &RELEASE_KEYS), chosen(bits >> 4, &RELEASE_KEYS));
    let (Some(signed_one), Some(signed_other)) =
        (signed::<Head>(one, &keys_one), signed::<Head>(other, &keys_other))
    else {
        return Outcome::Refused;
    };
    let proof = Equivocation::new(signed_one.clone(), signed_other.clone());
    let turned = Equivocation::new(signed_other, signed_one);
    assert!(one == other || proof.id() == turned.id(), "one finding, two names");
    assert_eq!(codec::encode(&proof).is_ok(), one != other, "a head proves nothing against itself");
    let seen = proof.judge(&VICTIM.roots[0]);
    let expected = judged([(one, &keys_one), (other, &keys_other)]);
    match (&seen, &expected) {
        // Which of two broken heads is named first depends on their digests.
        (Err(ProvesNothing::Unverified(_)), Err(ProvesNothing::Unverified(_))) => {}
        _ => assert_eq!(seen, expected),
    }
    seen.as_ref().map_or_else(refused, |_| Outcome::Read)
}

/// The model of [`judge`].
fn judged(heads: [(&[u8], &[&SecretKey]); 2]) -> Result<Finding, ProvesNothing> {
    let [(one_bytes, one_keys), (other_bytes, other_keys)] = heads;
    let (one, other) = (of_network::<Head>(one_bytes)?, of_network::<Head>(other_bytes)?);
    if one == other || (&one.channel, one.seq) != (&other.channel, other.seq) {
        return Err(ProvesNothing::NoConflict);
    }
    let (channel, seq) = (one.channel, one.seq);
    let Some(role) = VICTIM.roots[0].release_role(&channel) else {
        return Err(ProvesNothing::UnknownChannel(channel));
    };
    let (by_one, by_other) = (signers(one_keys, role), signers(other_keys, role));
    let both = &by_one & &by_other;
    if by_one.len().min(by_other.len()) >= role.threshold() {
        let keys = if both.is_empty() { &by_one | &by_other } else { both };
        return Ok(Finding::Fork { channel, seq, keys });
    }
    if both.is_empty() {
        return Err(ProvesNothing::NoCulprit(channel));
    }
    Ok(Finding::DoubleSigned { channel, seq, keys: both })
}
