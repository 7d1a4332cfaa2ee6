//! Signatures that were found good, for threads that are many nodes at once.
//!
//! A simulated world checks each signature once for every node that receives it. Whether a signature is good depends on
//! the key, the message and the signature and on nothing else, so a thread may remember the answer under a hash of all
//! three, as Bitcoin Core does in its signature cache. Bad ones are never remembered: whoever sends them could push out
//! the good ones.
//!
//! A node sees a signature once or twice and has no use for this. A thread that has not asked for it remembers nothing.

use std::{cell::RefCell, collections::BTreeSet};

use crate::digest::{Digest, Hasher};

/// Signatures that are remembered, about 3 MiB; with the next one all are forgotten.
const MOST: usize = 1 << 16;

thread_local! {
    static PROVEN: RefCell<Option<BTreeSet<Digest>>> = const { RefCell::new(None) };
}

/// From now on this thread remembers which signatures it found good.
pub fn remember() {
    PROVEN.with_borrow_mut(|proven| {
        proven.get_or_insert_default();
    });
}

/// Whether `signature` over `message` by `key` is good: as `check` finds it, or found it before.
pub(crate) fn or_else(
    key: &[u8; 32],
    message: &[u8],
    signature: &[u8; 64],
    check: impl FnOnce() -> bool,
) -> bool {
    PROVEN.with_borrow_mut(|proven| {
        let Some(proven) = proven else { return check() };
        let name = name(key, message, signature);
        if proven.contains(&name) {
            return true;
        }
        let is_good = check();
        if is_good {
            if proven.len() == MOST {
                proven.clear();
            }
            proven.insert(name);
        }
        is_good
    })
}

/// The two that always have the same length come first, so that no other three have the same bytes in a row.
fn name(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(key);
    hasher.update(signature);
    hasher.update(message);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [1; 32];
    const SIGNATURE: [u8; 64] = [2; 64];

    fn never() -> bool {
        unreachable!("it was found good before")
    }

    #[test]
    fn a_good_signature_is_checked_once_and_a_bad_one_each_time() {
        remember();
        assert!(!or_else(&KEY, b"m", &SIGNATURE, || false));
        assert!(or_else(&KEY, b"m", &SIGNATURE, || true));
        assert!(or_else(&KEY, b"m", &SIGNATURE, never));
    }

    #[test]
    fn another_key_message_or_signature_is_another_question() {
        remember();
        assert!(or_else(&KEY, b"m", &SIGNATURE, || true));
        assert!(!or_else(&[9; 32], b"m", &SIGNATURE, || false));
        assert!(!or_else(&KEY, b"n", &SIGNATURE, || false));
        assert!(!or_else(&KEY, b"m", &[9; 64], || false));
        remember();
        assert!(or_else(&KEY, b"m", &SIGNATURE, never), "asking again forgets nothing");
    }

    #[test]
    fn a_thread_that_did_not_ask_checks_each_time() {
        assert!(or_else(&KEY, b"m", &SIGNATURE, || true));
        assert!(!or_else(&KEY, b"m", &SIGNATURE, || false));
    }

    #[test]
    fn more_than_fit_are_checked_again() {
        remember();
        for n in 0..=MOST as u64 {
            assert!(or_else(&KEY, &n.to_le_bytes(), &SIGNATURE, || true));
        }
        assert!(!or_else(&KEY, &0u64.to_le_bytes(), &SIGNATURE, || false), "forgotten with all");
        assert!(or_else(&KEY, &(MOST as u64).to_le_bytes(), &SIGNATURE, never));
    }
}
