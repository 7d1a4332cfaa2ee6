//! Makes the body of a patch: compares both sides once, and writes what either density needs.

use updraft_protocol::PatchCodec;

use super::{
    super::{
        MAX_IN_MEMORY, Options,
        streams::{self, StreamName},
        varint,
    },
    Form,
    dense::{Dense, code_literals},
    fast::Fast,
    flat::{Flat, Streams},
    gaps::{Gap, MAX_APART, gaps, total},
    layout,
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
        Ok(Self { unchanged, streams, old, new, equivalences })
    }

    /// Appends the body of a patch to its header.
    pub(in super::super) fn encode(
        &self,
        options: &Options,
        patch: &mut Vec<u8>,
    ) -> Result<(), CreateError> {
        match options.codec {
            PatchCodec::RefdiffDense => self.dense(patch),
            PatchCodec::RefdiffFast | PatchCodec::BsdiffZstd => self.fast(options.level, patch),
        }
    }

    /// Codes everything up to the pieces.
    fn begin(&self, form: Form) -> Result<Begun, PatchError> {
        let (old, new) = (&self.old, &self.new);
        let sizes = Sizes { old: old.bytes.len(), new: new.bytes.len() };
        let mut coder = Writer::new();
        let packed = u64::from(!self.streams.is_empty());
        Numbers::new(1).code(&mut coder, 0, form as u64 | packed << 1);
        Unchanged::code(&mut coder, self.unchanged.sizes(), Some(&self.unchanged))?;
        layout::old_images(&mut coder, &old.bytes, old.space.images().to_vec())?;
        let told: Vec<_> =
            new.space.images().iter().cloned().zip(new.tables.iter().copied()).collect();
        layout::new_images(&mut coder, (old.space.images(), &old.tables), sizes.new, &told)?;
        let whole = pieces::code(&mut coder, sizes, &self.equivalences)?;
        let pieces = pieces::cut(&whole, &old.space, &new.space, sizes)?;
        let gaps = gaps(&pieces, sizes.new);
        let moves = Moves::of(&pieces, &old.space, &new.space);
        Ok(Begun { coder, pieces, gaps, moves })
    }

    fn model<M: Model>(&self, begun: &Begun, model: &mut M) -> Result<(), PatchError> {
        let mut new = New::Known(&self.new.bytes);
        rebuild(&self.old, &self.new.space, &begun.moves, &begun.pieces, &mut new, model)
    }

    fn dense(&self, patch: &mut Vec<u8>) -> Result<(), CreateError> {
        let mut begun = self.begin(Form::Coded).map_err(CreateError::Untrue)?;
        let got = total(&begun.gaps);
        if got > MAX_APART {
            return Err(CreateError::TooMuchNew { got: got as u64, limit: MAX_APART as u64 });
        }
        let coder = std::mem::replace(&mut begun.coder, Writer::new());
        let (coded, literals) = rayon::join(
            || {
                let mut model = Dense::new(coder, self.new.bytes.len());
                self.model(&begun, &mut model)?;
                Ok(model.into_coder().finish())
            },
            || {
                let mut coder = Writer::new();
                let Begun { gaps, moves, .. } = &begun;
                code_literals(&mut coder, &self.old, &self.new.space, moves, gaps, &self.new.bytes);
                coder.finish()
            },
        );
        push_coded(patch, &coded.map_err(CreateError::Untrue)?);
        self.push_streams(Level::PUBLISH, patch)?;
        patch.extend_from_slice(&literals);
        Ok(())
    }

    fn fast(&self, level: Level, patch: &mut Vec<u8>) -> Result<(), CreateError> {
        let begun = self.begin(Form::Streams).map_err(CreateError::Untrue)?;
        let mut gathered = Gathered::default();
        self.model(&begun, &mut gathered).map_err(CreateError::Untrue)?;
        let literals = self.literals(&begun.gaps);
        let named = [
            (StreamName::Gaps, &*gathered.gaps),
            (StreamName::Values, &*gathered.values),
            (StreamName::Literals, &*literals),
        ];
        let packed = streams::pack(named, level).map_err(CreateError::Compress)?;
        let [gaps, values, literals] = &*packed else { unreachable!("as many as were named") };
        let mut body = Vec::new();
        push_coded(&mut body, &begun.coder.finish());
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
        let mut begun = self.begin(Form::Coded).map_err(CreateError::Untrue)?;
        let mut model = Fast::new(std::mem::replace(&mut begun.coder, Writer::new()));
        self.model(&begun, &mut model).map_err(CreateError::Untrue)?;
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
        let packed = streams::pack([(StreamName::Containers, &*lists)], level)
            .map_err(CreateError::Compress)?;
        for stream in &packed {
            varint::push(body, stream.size.raw);
            varint::push(body, stream.size.packed);
            body.extend_from_slice(&stream.bytes);
        }
        Ok(())
    }

    fn literals(&self, gaps: &[Gap]) -> Vec<u8> {
        gaps.iter().flat_map(|gap| &self.new.bytes[gap.new..gap.new + gap.len]).copied().collect()
    }
}

/// What is coded before the bytes of pieces, and what follows from it.
#[derive(Debug)]
struct Begun {
    coder: Writer,
    pieces: Vec<Piece>,
    gaps: Vec<Gap>,
    moves: Moves,
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
