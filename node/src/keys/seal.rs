//! Closes a seed with a password and opens it again. Pure but for the random bytes handed in.
//!
//! Argon2id makes guessing slow, XChaCha20-Poly1305 makes changes visible. The text before the box is
//! authenticated with it, so a name or public key cannot be moved to another secret.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use super::Password;

/// Bytes of salt: 128 bits, as RFC 9106 recommends.
pub(super) const SALT: usize = 16;
/// Bytes of nonce; random ones of 192 bits do not meet by chance.
pub(super) const NONCE: usize = 24;
/// Bytes of the closed seed: 32 and the tag.
pub(super) const BOX: usize = 48;

/// How slow guessing is. A file names its own cost, within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// The second choice of RFC 9106, section 4: 64 MiB and three passes, which a laptop does in a third of
    /// a second. One lane, because ours are computed one after the other.
    pub(super) const USUAL: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// A file from elsewhere must not take the machine down: 1 GiB.
    const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    const MAX_PASSES: u32 = 32;
    const MAX_LANES: u32 = 16;

    /// Reads `argon2id m=65536 t=3 p=1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next() != Some("argon2id") {
            return None;
        }
        let mut number = |name: &str, max: u32| -> Option<u32> {
            let digits = words.next()?.strip_prefix(name)?;
            digits.parse().ok().filter(|n| (1..=max).contains(n))
        };
        let cost = Self {
            memory_kib: number("m=", Self::MAX_MEMORY_KIB)?,
            passes: number("t=", Self::MAX_PASSES)?,
            lanes: number("p=", Self::MAX_LANES)?,
        };
        (words.next().is_none() && cost.params().is_some()).then_some(cost)
    }

    fn params(self) -> Option<Params> {
        Params::new(self.memory_kib, self.passes, self.lanes, None).ok()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argon2id m={} t={} p={}", self.memory_kib, self.passes, self.lanes)
    }
}

/// A seed behind a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) cost: Cost,
    pub(super) salt: [u8; SALT],
    pub(super) nonce: [u8; NONCE],
    pub(super) closed: [u8; BOX],
}

fn cipher(cost: Cost, salt: &[u8; SALT], password: &Password) -> Option<XChaCha20Poly1305> {
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
        .hash_password_into(password.as_bytes(), salt, key.as_mut_slice())
        .ok()?;
    XChaCha20Poly1305::new_from_slice(key.as_slice()).ok()
}

/// Closes `seed`. `None` only if the machine has not the memory that `cost` asks for.
pub(super) fn seal(
    seed: &[u8; 32],
    password: &Password,
    cost: Cost,
    salt: [u8; SALT],
    nonce: [u8; NONCE],
    label: &[u8],
) -> Option<Sealed> {
    let payload = Payload { msg: seed, aad: label };
    let closed = cipher(cost, &salt, password)?.encrypt(&XNonce::from(nonce), payload).ok()?;
    Some(Sealed { cost, salt, nonce, closed: closed.try_into().ok()? })
}

/// Opens a seed; `None` if the password or the label is another one.
pub(super) fn open(
    sealed: &Sealed,
    password: &Password,
    label: &[u8],
) -> Option<Zeroizing<[u8; 32]>> {
    let payload = Payload { msg: &sealed.closed, aad: label };
    let opened = cipher(sealed.cost, &sealed.salt, password)?
        .decrypt(&XNonce::from(sealed.nonce), payload)
        .ok()?;
    let opened = Zeroizing::new(opened);
    let mut seed = Zeroizing::new([0; 32]);
    if opened.len() != seed.len() {
        return None;
    }
    seed.copy_from_slice(&opened);
    Some(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).expect("a password")
    }

    /// As cheap as argon2 goes: these tests are about what opens, not about how slowly.
    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    fn sealed() -> Sealed {
        seal(&[7; 32], &password("right"), CHEAP, [1; SALT], [2; NONCE], b"label").expect("sealed")
    }

    #[test]
    fn only_the_right_password_and_label_open() {
        assert_eq!(*open(&sealed(), &password("right"), b"label").expect("opens"), [7; 32]);
        assert!(open(&sealed(), &password("wrong"), b"label").is_none());
        assert!(open(&sealed(), &password("right"), b"other").is_none());
    }

    #[test]
    fn every_changed_byte_keeps_it_closed() {
        for at in 0..BOX {
            let mut changed = sealed();
            changed.closed[at] ^= 1;
            assert!(open(&changed, &password("right"), b"label").is_none(), "byte {at}");
        }
    }

    #[test]
    fn a_cost_reads_back_and_absurd_ones_are_refused() {
        assert_eq!(Cost::parse(&Cost::USUAL.to_string()), Some(Cost::USUAL));
        for text in [
            "argon2id m=4294967295 t=3 p=1",
            "argon2id m=65536 t=4000000000 p=1",
            "argon2id m=65536 t=3 p=16777215",
            "argon2id m=0 t=1 p=1",
            "argon2id m=8 t=1 p=16",
            "argon2i m=65536 t=3 p=1",
            "argon2id m=65536 t=3 p=1 x=1",
            "argon2id",
        ] {
            assert_eq!(Cost::parse(text), None, "{text}");
        }
    }
}
