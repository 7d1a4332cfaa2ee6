//! Moves the ends of equivalences to where they belong: over what is equal beyond them, and between neighbours
//! to the place where both together explain most.

use super::Equivalence;

/// Stretching an end counts an equal byte as four and another as minus seven: about what bytes in and outside of
/// an alignment cost. It ends when this much would have to be won back.
const EQUAL: i64 = 4;
const DIFFERENT: i64 = -7;
const GIVE_UP: i64 = 60;
/// Bytes that a border between neighbours moves at most, and what it may lose on the way.
const BORDER_MOVES: usize = 512;
const BORDER_LOSES: i64 = 24;

/// Moves all ends.
pub(super) fn refine(old: &[u8], new: &[u8], found: &mut Vec<Equivalence>) {
    for index in 0..found.len() {
        let (before, rest) = found.split_at_mut(index);
        backwards(old, new, before.last_mut(), &mut rest[0]);
    }
    for index in 0..found.len() {
        let until = found.get(index + 1).map_or(new.len(), |next| next.new);
        forwards(old, new, until, &mut found[index]);
    }
    found.retain(|equivalence| equivalence.len > 0);
}

/// Stretches the beginning into the gap before; where there is none left, moves the border to the neighbour.
fn backwards(old: &[u8], new: &[u8], before: Option<&mut Equivalence>, part: &mut Equivalence) {
    let ended = before.as_ref().map_or(0, |before| before.new + before.len);
    let gap = &new[ended..part.new];
    let grown = reach(old[..part.old].iter().rev().zip(gap.iter().rev()));
    part.old -= grown;
    part.new -= grown;
    part.len += grown;
    let Some(before) = before else { return };
    if before.new + before.len != part.new {
        return;
    }
    let theirs = old[before.old..before.old + before.len].iter().rev();
    let ours = old[..part.old].iter().rev();
    let bytes = new[before.new..part.new].iter().rev();
    let (mut score, mut best, mut moved) = (0, 0, 0);
    for (index, ((theirs, ours), byte)) in
        theirs.zip(ours).zip(bytes).enumerate().take(BORDER_MOVES)
    {
        score += i64::from(ours == byte) - i64::from(theirs == byte);
        if score > best {
            (best, moved) = (score, index + 1);
        }
        if score < -BORDER_LOSES {
            break;
        }
    }
    before.len -= moved;
    part.old -= moved;
    part.new -= moved;
    part.len += moved;
}

/// Stretches the end into the gap behind.
fn forwards(old: &[u8], new: &[u8], until: usize, part: &mut Equivalence) {
    let old = &old[part.old + part.len..];
    let gap = &new[part.new + part.len..until];
    part.len += reach(old.iter().zip(gap));
}

/// How far pairs are worth following.
fn reach<'b>(pairs: impl Iterator<Item = (&'b u8, &'b u8)>) -> usize {
    let (mut score, mut best, mut reached) = (0, 0, 0);
    for (index, (a, b)) in pairs.enumerate() {
        score += if a == b { EQUAL } else { DIFFERENT };
        if score > best {
            (best, reached) = (score, index + 1);
        }
        if score < best - GIVE_UP {
            break;
        }
    }
    reached
}
