//! Makes the body of a patch: compares both sides once, and writes what either density needs.

use super::{
    super::{
        streams::{self, StreamName},
        varint,
    },
    Form, UNPACKED,
    dense::{Dense, code_literals},
    fast::Fast,
    flat::{Flat, Streams},
    gaps::{Gap, MAX_APART, gaps, total},
    images,
    pieces::{self, Piece, Sizes},
    rebuild::{Model, New, rebuild},
    streams::{Gathered, MAX_HALVES},
    targets::Moves,
    unchanged::Unchanged,
};
use crate::{
    blob::Level,
    entropy::{Numbers, Writer},
    error::{CreateError, PatchError},
    executable::{self, Side},
    matching::{self, Equivalence},
};

/// Up to so many wrong bytes, counters may be smaller than streams, and are quick enough.
const LITTLE: usize = 64 * 1024;

/// Both sides and what they have in common.
#[derive(Debug)]
pub(in super::super) struct Comparison {
    unchanged: Unchanged,
    streams: Streams,
    old: Side,
    new: Side,
    equivalences: Vec<Equivalence>,
    pieces: Vec<Piece>,
    gaps: Vec<Gap>,
    moves: Moves,
}

impl Comparison {
    /// Compares old and new contents.
    pub(in super::super) fn of(old: &[u8], new: &[u8]) -> Result<Self, CreateError> {
        let Flat { old, new, unchanged, streams } = Flat::of(old, new)?;
        let side = |contents: Vec<u8>| {
            let images = executable::find(&contents);
            Side::new(contents, images)
        };
        let (old, new) = rayon::join(|| side(old), || side(new));
        let mut equivalences = matching::resembling(&old, &new);
        keep_longest(&mut equivalences, pieces::most(new.bytes.len()));
        let sizes = Sizes { old: old.bytes.len(), new: new.bytes.len() };
        let whole: Vec<Piece> = equivalences.iter().map(Piece::of).collect();
        let pieces = pieces::cut(&whole, &old.space, &new.space, sizes);
        let pieces = pieces.map_err(CreateError::Untrue)?;
        let gaps = gaps(&pieces, sizes.new);
        let moves = Moves::of(&pieces, &old.space, &new.space);
        Ok(Self { unchanged, streams, old, new, equivalences, pieces, gaps, moves })
    }

    /// Codes everything up to the bytes of pieces.
    fn begin(&self, form: Form) -> Result<Writer, PatchError> {
        let (old, new) = (&self.old, &self.new);
        let sizes = Sizes { old: old.bytes.len(), new: new.bytes.len() };
        let mut coder = Writer::new();
        let unpacked = if self.streams.is_empty() { 0 } else { UNPACKED };
        Numbers::new(1).code(&mut coder, 0, form as u64 | unpacked);
        Unchanged::code(&mut coder, self.unchanged.sizes(), Some(&self.unchanged))?;
        images::old_images(&mut coder, &old.bytes, old.space.images().to_vec())?;
        let told: Vec<_> =
            new.space.images().iter().cloned().zip(new.tables.iter().copied()).collect();
        images::new_images(&mut coder, (old.space.images(), &old.tables), sizes.new, &told)?;
        pieces::code(&mut coder, sizes, &self.equivalences)?;
        Ok(coder)
    }

    fn model<M: Model>(&self, pieces: &[Piece], model: &mut M) -> Result<(), PatchError> {
        let mut new = New::Known(&self.new.bytes);
        rebuild(&self.old, &self.new.space, &self.moves, pieces, &mut new, model)
    }

    /// Appends the body of a dense patch to its header.
    pub(in super::super) fn dense(
        &self,
        level: Level,
        patch: &mut Vec<u8>,
    ) -> Result<(), CreateError> {
        let got = total(&self.gaps);
        if got > MAX_APART {
            return Err(CreateError::TooMuchNew { got: got as u64, limit: MAX_APART as u64 });
        }
        let (coded, literals) = rayon::join(
            || {
                let mut model = Dense::new(self.begin(Form::Coded)?, self.new.bytes.len());
                self.model(&self.pieces, &mut model)?;
                Ok(model.into_coder().finish())
            },
            || {
                let mut coder = Writer::new();
                let Self { old, new, moves, gaps, .. } = self;
                code_literals(&mut coder, old, &new.space, moves, gaps, &new.bytes);
                coder.finish()
            },
        );
        push_coded(patch, &coded.map_err(CreateError::Untrue)?);
        self.push_streams(level, patch)?;
        patch.extend_from_slice(&literals);
        Ok(())
    }

    /// Appends the body of a fast patch to its header.
    pub(in super::super) fn fast(
        &self,
        level: Level,
        patch: &mut Vec<u8>,
    ) -> Result<(), CreateError> {
        let wrong = self.wrong(MAX_HALVES).map_err(CreateError::Untrue)?;
        let mut body = self.streams(&wrong, level)?;
        if wrong.gathered.values.len() <= LITTLE {
            let coded = self.coded(level)?;
            if coded.len() < body.len() {
                body = coded;
            }
        }
        patch.extend_from_slice(&body);
        let literals = self.literals();
        let [literals] = streams::pack([(StreamName::Literals, &*literals)], level)
            .map_err(CreateError::Compress)?;
        patch.extend_from_slice(&literals.bytes);
        Ok(())
    }

    /// What is not as predicted: in halves if each stream has at most so many bytes.
    fn wrong(&self, most: usize) -> Result<Wrong, PatchError> {
        let gather = |pieces: &[Piece]| {
            let mut gathered = Gathered::default();
            self.model(pieces, &mut gathered).map(|()| gathered)
        };
        let (first, second) = pieces::halves(&self.pieces);
        let (first, second) = rayon::join(|| gather(first), || gather(second));
        let first = first?;
        let sizes = [first.gaps.len(), first.values.len()];
        let gathered = first.and(&second?);
        if gathered.gaps.len().max(gathered.values.len()) <= most {
            return Ok(Wrong { form: Form::Halves, gathered, first: Some(sizes) });
        }
        Ok(Wrong { form: Form::Streams, gathered: gather(&self.pieces)?, first: None })
    }

    /// Everything but the literals, what is not as predicted in streams.
    fn streams(&self, wrong: &Wrong, level: Level) -> Result<Vec<u8>, CreateError> {
        let Wrong { form, gathered, first } = wrong;
        let named = [(StreamName::Gaps, &*gathered.gaps), (StreamName::Values, &*gathered.values)];
        let packed = streams::pack(named, level).map_err(CreateError::Compress)?;
        let mut body = Vec::new();
        push_coded(&mut body, &self.begin(*form).map_err(CreateError::Untrue)?.finish());
        self.push_streams(level, &mut body)?;
        for stream in &packed {
            varint::push(&mut body, stream.size.raw);
            varint::push(&mut body, stream.size.packed);
        }
        for size in first.iter().flatten() {
            varint::push(&mut body, *size as u64);
        }
        packed.iter().for_each(|stream| body.extend_from_slice(&stream.bytes));
        Ok(body)
    }

    /// Everything but the literals, bit by bit.
    fn coded(&self, level: Level) -> Result<Vec<u8>, CreateError> {
        let mut model = Fast::new(self.begin(Form::Coded).map_err(CreateError::Untrue)?);
        self.model(&self.pieces, &mut model).map_err(CreateError::Untrue)?;
        let mut body = Vec::new();
        push_coded(&mut body, &model.into_coder().finish());
        self.push_streams(level, &mut body)?;
        Ok(body)
    }

    /// Appends where compressed streams are, if there are any.
    fn push_streams(&self, level: Level, body: &mut Vec<u8>) -> Result<(), CreateError> {
        if self.streams.is_empty() {
            return Ok(());
        }
        let lists = self.streams.write();
        let [packed] = streams::pack([(StreamName::Containers, &*lists)], level)
            .map_err(CreateError::Compress)?;
        varint::push(body, packed.size.raw);
        varint::push(body, packed.size.packed);
        body.extend_from_slice(&packed.bytes);
        Ok(())
    }

    fn literals(&self) -> Vec<u8> {
        let gaps = self.gaps.iter();
        gaps.flat_map(|gap| &self.new.bytes[gap.bytes()]).copied().collect()
    }
}

/// What is not as predicted, in one form of streams.
struct Wrong {
    form: Form,
    gathered: Gathered,
    /// Bytes of gaps and of values that are the first half's.
    first: Option<[usize; 2]>,
}

fn push_coded(patch: &mut Vec<u8>, coded: &[u8]) {
    varint::push(patch, coded.len() as u64);
    patch.extend_from_slice(coded);
}

/// Leaves the longest ones out of more than a patch may have.
fn keep_longest(equivalences: &mut Vec<Equivalence>, most: usize) {
    if equivalences.len() > most {
        let mut lengths: Vec<usize> =
            equivalences.iter().map(|equivalence| equivalence.len).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let least = lengths[most];
        equivalences.retain(|equivalence| equivalence.len > least);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            LazyLock,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
    };

    use updraft_protocol::PatchCodec;

    use super::*;
    use crate::{
        patch::{Expected, Header, apply},
        read_at::ReadAt,
    };

    /// Contents of which one byte in sixteen changes, in each its own way.
    static PAIR: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
        let byte = |i: u32| (i.wrapping_mul(2_654_435_761) ^ i.rotate_left(11)).to_le_bytes()[3];
        let old: Vec<u8> = (0..1_200_000).map(byte).collect();
        let mut new = old.clone();
        for (i, byte) in (0_u8..=255).cycle().zip(new.iter_mut().step_by(16)) {
            *byte = byte.wrapping_add(1 + i % 254);
        }
        (old, new)
    });

    static COMPARISON: LazyLock<Comparison> =
        LazyLock::new(|| Comparison::of(&PAIR.0, &PAIR.1).expect("compares"));

    /// The patch with streams that are in halves up to so many bytes, and what its numbers of halves are changed to.
    fn patch(most: usize, halves: impl Fn([usize; 2]) -> [usize; 2]) -> Vec<u8> {
        patch_of(&PAIR, &COMPARISON, most, halves)
    }

    fn patch_of(
        (old, new): &(Vec<u8>, Vec<u8>),
        comparison: &Comparison,
        most: usize,
        halves: impl Fn([usize; 2]) -> [usize; 2],
    ) -> Vec<u8> {
        let mut wrong = comparison.wrong(most).expect("gathers");
        wrong.first = wrong.first.map(halves);
        let mut patch = Vec::new();
        Header::of(PatchCodec::RefdiffFast, old, new).write(&mut patch);
        patch.extend(comparison.streams(&wrong, Level::FAST).expect("packs"));
        patch.extend(comparison.literals());
        patch
    }

    fn applied(patch: &[u8]) -> Result<Vec<u8>, PatchError> {
        let (old, new) = &*PAIR;
        let expected = Expected { codec: PatchCodec::RefdiffFast, new_size: new.len() as u64 };
        let mut out = Vec::new();
        apply(old, patch, &expected, &mut out).map(|_| out)
    }

    #[test]
    fn much_is_in_halves_and_very_much_is_not_and_both_come_back() {
        let (old, new) = &*PAIR;
        let mut made = Vec::new();
        Header::of(PatchCodec::RefdiffFast, old, new).write(&mut made);
        COMPARISON.fast(Level::FAST, &mut made).expect("makes a patch");
        let [halves, streams] = [usize::MAX, 0].map(|most| patch(most, |first| first));
        assert_eq!(made.len(), halves.len());
        for patch in [made, halves, streams] {
            assert!(applied(&patch).expect("applies") == *new);
        }
    }

    /// A patch that remembers how many of its bytes were read at once, at most.
    struct Watched<'p> {
        bytes: &'p [u8],
        most: AtomicUsize,
    }

    impl ReadAt for Watched<'_> {
        fn size(&self) -> u64 {
            self.bytes.size()
        }

        fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
            self.most.fetch_max(buf.len(), Relaxed);
            self.bytes.read_exact_at(offset, buf)
        }
    }

    #[test]
    fn streams_are_read_where_they_lie() {
        const BUFFER: usize = 32 * 1024;
        let old = PAIR.0.clone();
        let mut new = old.clone();
        // Differences in no order, so that they hardly pack.
        let mut state = 1_u32;
        for byte in new.iter_mut().step_by(12) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte ^= state.to_le_bytes()[3] | 1;
        }
        let pair = (old, new);
        let comparison = Comparison::of(&pair.0, &pair.1).expect("compares");
        let (old, new) = &pair;
        for most in [usize::MAX, 0] {
            let patch = patch_of(&pair, &comparison, most, |first| first);
            assert!(patch.len() > 2 * BUFFER, "{}", patch.len());
            let watched = Watched { bytes: &patch, most: AtomicUsize::new(0) };
            let expected = Expected { codec: PatchCodec::RefdiffFast, new_size: new.len() as u64 };
            apply(old, &watched, &expected, io::sink()).expect("applies");
            assert!(watched.most.into_inner() <= BUFFER);
        }
    }

    #[test]
    fn halves_that_cannot_be_are_refused() {
        for change in [[1_usize << 30, 0], [0, 1 << 30]] {
            let patch = patch(usize::MAX, |first| [first[0] + change[0], first[1] + change[1]]);
            let refused = applied(&patch).map(drop);
            assert!(
                matches!(refused, Err(PatchError::Impossible { field: "first half", .. })),
                "{refused:?}"
            );
        }
        // One value more for the first half: it has none to use it for, and the second one misses it.
        let patch = patch(usize::MAX, |[gaps, values]| [gaps, values + 1]);
        let refused = applied(&patch).map(drop);
        assert!(matches!(refused, Err(PatchError::Unused { left: 1, .. })), "{refused:?}");
    }

    #[test]
    fn streams_in_halves_are_refused_when_they_would_take_much_memory() {
        let (old, new) = &*PAIR;
        let mut patch = Vec::new();
        Header::of(PatchCodec::RefdiffFast, old, new).write(&mut patch);
        push_coded(&mut patch, &COMPARISON.begin(Form::Halves).expect("codes").finish());
        let got = MAX_HALVES as u64 + 1;
        for number in [got, 20, 1, 1, 1, 1] {
            varint::push(&mut patch, number);
        }
        patch.resize(patch.len() + 21, 0);
        let refused = applied(&patch).map(drop);
        assert!(
            matches!(refused, Err(PatchError::StreamSize { got: named, .. }) if named == got),
            "{refused:?}"
        );
    }
}
