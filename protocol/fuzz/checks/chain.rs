//! Past believing: what is signed by enough and may still stand in the wrong place. The first byte of an input
//! says what its victim knows.

use updraft_protocol::{
    ChannelBase, Head, Root,
    head::{self, ChainError},
    root,
};

use super::{
    Outcome, refused,
    victim::{NETWORK, RELEASE_KEYS, ROOT_KEYS, VICTIM, believable, chosen, signed, stable},
};

/// A head that everybody believes moves its channel by one link or not at all, and there is no way back. The two
/// lowest bits say which head is trusted, the next two where the channel begins.
pub(super) fn follow_head(bytes: &[u8]) -> Outcome {
    let Some((knows, payload)) = bytes.split_first() else { return Outcome::Refused };
    let keys = chosen(0b0011, &RELEASE_KEYS);
    let Some(signed) = signed::<Head>(payload, &keys) else { return Outcome::Refused };
    let offered = match signed.verify(&NETWORK, stable(&VICTIM.roots[0])) {
        Ok(offered) => offered,
        Err(error) => return refused(&error),
    };
    let trusted = match knows & 0b11 {
        0 => None,
        number => VICTIM.heads.get(usize::from(number) - 1),
    };
    let base = match knows >> 2 & 0b11 {
        1 => Some((0, None)),
        2 => Some((2, Some(VICTIM.heads[1].digest()))),
        _ => None,
    }
    .map(|(seq, head)| ChannelBase { channel: VICTIM.heads[0].channel.clone(), seq, head });
    let (last, digest) = match (trusted, &base) {
        (Some(head), _) => (head.seq, Some(head.digest())),
        (None, Some(base)) => (base.seq, base.head),
        (None, None) => (0, None),
    };
    let verdict = head::continues(base.as_ref(), trusted, &offered);
    let is_it = digest == Some(offered.digest());
    let is_next = u128::from(offered.seq) == u128::from(last) + 1 && offered.prev == digest;
    let channel = trusted.map(|head| &head.channel).or(base.as_ref().map(|base| &base.channel));
    let follows = is_next && channel.is_none_or(|channel| *channel == offered.channel);
    let expected = follows || (trusted.is_none() && is_it);
    assert_eq!(verdict.is_ok(), expected, "{verdict:?} after head {last}");
    match &verdict {
        Ok(()) => {
            if let Some(before) = trusted {
                let back = head::continues(base.as_ref(), Some(&offered), before);
                assert_eq!(back, Err(ChainError::Older { trusted: offered.seq, offered: last }));
            }
        }
        Err(ChainError::Older { .. }) => assert!(offered.seq < last),
        Err(ChainError::Known { .. }) => assert!(is_it),
        Err(ChainError::Forked { .. }) => assert!(offered.seq == last && !is_it),
        Err(ChainError::Gap { .. }) => assert!(offered.seq - last > 1),
        Err(ChainError::WrongLink { .. }) => assert_eq!(offered.seq - last, 1),
    }
    verdict.as_ref().map_or_else(refused, |()| Outcome::Read)
}

/// The next root is trusted if enough keys of the trusted one and enough of its own signed it, its number is the
/// next, it names the trusted one, and it keeps what must not be forgotten. The four lowest bits choose the
/// signers, the next two the root that is trusted.
pub(super) fn follow_root(bytes: &[u8]) -> Outcome {
    let Some((bits, payload)) = bytes.split_first() else { return Outcome::Refused };
    let keys = chosen(*bits, &ROOT_KEYS);
    let Some(signed) = signed::<Root>(payload, &keys) else { return Outcome::Refused };
    let trusted = &VICTIM.roots[usize::from(bits >> 4) % VICTIM.roots.len()];
    let expected = believable::<Root>(payload, &keys, &trusted.root).is_ok_and(|(root, _)| {
        root.version == trusted.version + 1
            && root.prev == Some(trusted.digest())
            && believable::<Root>(payload, &keys, &root.root).is_ok()
            && forgets_nothing(trusted, &root)
    });
    let verdict = root::trust_next(trusted, &signed);
    assert_eq!(verdict.is_ok(), expected, "{verdict:?}");
    if let Ok(first) = root::trust_first(&signed, &signed.digest()) {
        assert!(first.version == 1 && verdict.is_err(), "one root is the first and the second");
    }
    verdict.as_ref().map_or_else(refused, |_| Outcome::Read)
}

/// Revoked keys stay revoked, channels stay, one whose keys changed, or that had a base, has one, numbers of
/// electorates grow, and votes that counted go on counting.
fn forgets_nothing(trusted: &Root, next: &Root) -> bool {
    let revoked =
        trusted.revoked.iter().all(|old| next.revoked.iter().any(|kept| kept.key == old.key));
    let goes_on = trusted.release.iter().all(|old| {
        let has_base = |root: &Root| root.base(&old.channel).is_some();
        next.release_role(&old.channel).is_some_and(|role| {
            let needs_base = *role != old.role || has_base(trusted);
            has_base(next) || !needs_base
        })
    });
    let number = |root: &Root| root.electorate.as_ref().map(|electorate| electorate.epoch);
    let votes = trusted.electorate == next.electorate || number(trusted) < number(next);
    let counts = trusted.counts.iter().all(|proposal| next.counts.contains(proposal));
    revoked && goes_on && votes && counts
}
