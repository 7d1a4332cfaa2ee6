//! Makes the body of a patch: compares both sides once, and writes what either density needs.

use super::{
    super::{
        MAX_IN_MEMORY,
        streams::{self, StreamName},
        varint,
    },
    Form,
    dense::{Dense, code_literals},
    fast::Fast,
    flat::{Flat, Streams},
    gaps::{Gap, MAX_APART, gaps, total},
    images,
    pieces::{self, Piece, Sizes},
    rebuild::{Model, New, rebuild},
    streams::Gathered,
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
        let Flat { old, new, unchanged, streams } =
            Flat::of(old, new).map_err(CreateError::Container)?;
        let got = old.len() as u64 + new.len() as u64;
        if got > MAX_IN_MEMORY {
            return Err(CreateError::TooLarge { got, limit: MAX_IN_MEMORY });
        }
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
        let packed = u64::from(!self.streams.is_empty());
        Numbers::new(1).code(&mut coder, 0, form as u64 | packed << 1);
        Unchanged::code(&mut coder, self.unchanged.sizes(), Some(&self.unchanged))?;
        images::old_images(&mut coder, &old.bytes, old.space.images().to_vec())?;
        let told: Vec<_> =
            new.space.images().iter().cloned().zip(new.tables.iter().copied()).collect();
        images::new_images(&mut coder, (old.space.images(), &old.tables), sizes.new, &told)?;
        pieces::code(&mut coder, sizes, &self.equivalences)?;
        Ok(coder)
    }

    fn model<M: Model>(&self, model: &mut M) -> Result<(), PatchError> {
        let mut new = New::Known(&self.new.bytes);
        rebuild(&self.old, &self.new.space, &self.moves, &self.pieces, &mut new, model)
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
                self.model(&mut model)?;
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
        let mut gathered = Gathered::default();
        self.model(&mut gathered).map_err(CreateError::Untrue)?;
        let literals = self.literals();
        let named = [
            (StreamName::Gaps, &*gathered.gaps),
            (StreamName::Values, &*gathered.values),
            (StreamName::Literals, &*literals),
        ];
        let packed = streams::pack(named, level).map_err(CreateError::Compress)?;
        let [gaps, values, literals] = &packed;
        let mut body = Vec::new();
        push_coded(&mut body, &self.begin(Form::Streams).map_err(CreateError::Untrue)?.finish());
        self.push_streams(level, &mut body)?;
        for stream in [gaps, values] {
            varint::push(&mut body, stream.size.raw);
            varint::push(&mut body, stream.size.packed);
        }
        body.extend_from_slice(&gaps.bytes);
        body.extend_from_slice(&values.bytes);
        if gathered.values.len() <= LITTLE {
            let coded = self.coded(level)?;
            if coded.len() < body.len() {
                body = coded;
            }
        }
        patch.extend_from_slice(&body);
        patch.extend_from_slice(&literals.bytes);
        Ok(())
    }

    /// Everything but the literals, bit by bit.
    fn coded(&self, level: Level) -> Result<Vec<u8>, CreateError> {
        let mut model = Fast::new(self.begin(Form::Coded).map_err(CreateError::Untrue)?);
        self.model(&mut model).map_err(CreateError::Untrue)?;
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
        gaps.flat_map(|gap| &self.new.bytes[gap.new..gap.new + gap.len]).copied().collect()
    }
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
