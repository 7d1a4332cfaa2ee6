//! The new contents, from the body of a patch and the old contents.

use updraft_protocol::PatchCodec;

use super::{
    super::{
        header::{Fields, Header},
        streams::{Stream, StreamName, StreamSize},
    },
    Form,
    dense::{Dense, code_literals},
    fast::Fast,
    gaps::{Gap, MAX_APART, gaps, total},
    layout,
    pieces::{self, Piece, Sizes},
    rebuild::{Model, New, rebuild},
    streams::Followed,
    targets::Moves,
};
use crate::{
    entropy::{Numbers, Reader},
    error::PatchError,
    executable::{Normal, Side, Space, Tables, restore},
    read_at::ReadAt,
};

/// A patch is never larger than what it makes by more than this.
const MAX_OVERHEAD: u64 = 1024 * 1024;

/// The new contents. `old` is what the patch is for: its check was compared.
pub(in super::super) fn decode<P: ReadAt + ?Sized>(
    old: Vec<u8>,
    patch: &P,
    header: &Header,
) -> Result<Vec<u8>, PatchError> {
    let limit = header.new_size.saturating_add(MAX_OVERHEAD);
    if patch.size() > limit {
        return Err(PatchError::TooLarge { got: patch.size(), limit });
    }
    let mut bytes = vec![0; index(patch.size())];
    patch.read_exact_at(0, &mut bytes).map_err(PatchError::ReadPatch)?;
    let mut fields = Fields::<10>::read(&*bytes, header.len)?;
    let len = fields.number("size of what is coded")?;
    let first = header.len + fields.taken();
    let rest = first.checked_add(len).filter(|rest| *rest <= patch.size());
    let Some(rest) = rest else {
        return Err(PatchError::Length { expected: first.saturating_add(len), got: patch.size() });
    };
    let body = Body { patch: &bytes, rest };
    let mut coder = Reader::new(&bytes[index(first)..index(rest)]);
    let form = Numbers::new(1).code(&mut coder, 0, 0);
    let known = Known::read(&mut coder, old, index(header.new_size))?;
    let mut out = vec![0; known.new_size];
    match (header.codec, form) {
        (PatchCodec::RefdiffDense, form) if form == Form::Coded as u64 => {
            known.dense(coder, &body, &mut out)?;
        }
        (_, form) if form == Form::Coded as u64 => {
            let mut model = Fast::new(coder);
            known.model(&mut out, &mut model)?;
            ended(&model.into_coder())?;
            known.literals(&body, rest, &mut out)?;
        }
        (PatchCodec::RefdiffFast, form) if form == Form::Streams as u64 => {
            ended(&coder)?;
            known.streams(&body, &mut out)?;
        }
        (_, got) => return Err(PatchError::BadLayout { field: "form", got }),
    }
    known.restore(&mut out);
    Ok(out)
}

/// What was coded ends where it should.
fn ended(coder: &Reader<'_>) -> Result<(), PatchError> {
    if coder.is_ended() { Ok(()) } else { Err(PatchError::OtherEnd) }
}

/// A patch and where what comes after the coded begins in it.
struct Body<'p> {
    patch: &'p [u8],
    rest: u64,
}

/// What is known before bytes are coded.
struct Known {
    old: Side,
    space: Space,
    tables: Vec<Tables>,
    pieces: Vec<Piece>,
    gaps: Vec<Gap>,
    moves: Moves,
    new_size: usize,
}

impl Known {
    fn read(coder: &mut Reader<'_>, old: Vec<u8>, new_size: usize) -> Result<Self, PatchError> {
        let images = layout::old_images(coder, &old, Vec::new())?;
        let old = Normal::new(old, images);
        let told = layout::new_images(coder, (old.space.images(), &old.tables), new_size, &[])?;
        let (images, tables): (Vec<_>, Vec<_>) = told.into_iter().unzip();
        let space = Space::new(images);
        let sizes = Sizes { old: old.bytes.len(), new: new_size };
        let (fields, pieces) = rayon::join(
            || old.fields(),
            || {
                let whole = pieces::code(coder, sizes, &[])?;
                let pieces = pieces::cut(&whole, &old.space, &space, sizes)?;
                let moves = Moves::of(&pieces, &old.space, &space);
                Ok((pieces, moves))
            },
        );
        let (pieces, moves) = pieces?;
        let gaps = gaps(&pieces, new_size);
        Ok(Self { old: old.with(fields), space, tables, pieces, gaps, moves, new_size })
    }

    fn model<M: Model>(&self, out: &mut [u8], model: &mut M) -> Result<(), PatchError> {
        rebuild(&self.old, &self.space, &self.moves, &self.pieces, &mut New::Rebuilt(out), model)
    }

    fn dense(&self, coder: Reader<'_>, body: &Body<'_>, out: &mut [u8]) -> Result<(), PatchError> {
        let (rebuilt, literals) = rayon::join(
            || {
                let mut model = Dense::new(coder, self.new_size);
                self.model(out, &mut model)?;
                ended(&model.into_coder())
            },
            || {
                let mut coder = Reader::new(&body.patch[index(body.rest)..]);
                let tape =
                    code_literals(&mut coder, &self.old, &self.space, &self.moves, &self.gaps, &[]);
                ended(&coder).map(|()| tape)
            },
        );
        rebuilt?;
        literals?.lay(&self.gaps, out);
        Ok(())
    }

    fn streams(&self, body: &Body<'_>, out: &mut [u8]) -> Result<(), PatchError> {
        let mut fields = Fields::<40>::read(body.patch, body.rest)?;
        let mut size = || {
            let raw = fields.number("stream sizes")?;
            Ok(StreamSize { raw, packed: fields.number("stream sizes")? })
        };
        let (gaps, values) = (size()?, size()?);
        let first = body.rest + fields.taken();
        let literals =
            first.checked_add(gaps.packed).and_then(|end| end.checked_add(values.packed));
        let literals = literals.filter(|at| *at <= body.patch.size());
        let Some(literals) = literals else {
            let expected = first.saturating_add(gaps.packed).saturating_add(values.packed);
            return Err(PatchError::Length { expected, got: body.patch.size() });
        };
        let follow = |out: &mut [u8]| {
            let mut model = Followed::open(body.patch, first, gaps, values)?;
            self.model(out, &mut model)?;
            model.finish()
        };
        if total(&self.gaps) > MAX_APART {
            follow(out)?;
            return self.literals(body, literals, out);
        }
        let (read, followed) = rayon::join(|| self.literals_apart(body, literals), || follow(out));
        followed?;
        let mut literals = &*read?;
        for gap in &self.gaps {
            let (bytes, rest) = literals.split_at(gap.len);
            out[gap.new..gap.new + gap.len].copy_from_slice(bytes);
            literals = rest;
        }
        Ok(())
    }

    /// Reads the literals that begin at `at` of the patch into their gaps.
    fn literals(&self, body: &Body<'_>, at: u64, out: &mut [u8]) -> Result<(), PatchError> {
        let mut stream = self.open_literals(body, at)?;
        for gap in &self.gaps {
            stream.read_exact(&mut out[gap.new..gap.new + gap.len])?;
        }
        stream.finish()
    }

    /// Reads them one after the other.
    fn literals_apart(&self, body: &Body<'_>, at: u64) -> Result<Vec<u8>, PatchError> {
        let mut literals = vec![0; total(&self.gaps)];
        let mut stream = self.open_literals(body, at)?;
        stream.read_exact(&mut literals)?;
        stream.finish()?;
        Ok(literals)
    }

    fn open_literals<'p>(&self, body: &Body<'p>, at: u64) -> Result<Stream<'p, [u8]>, PatchError> {
        let size = StreamSize { raw: total(&self.gaps) as u64, packed: body.patch.size() - at };
        Stream::open(body.patch, StreamName::Literals, at, size)
    }

    /// Puts tables of the new images back that are in normal form.
    fn restore(&self, out: &mut [u8]) {
        for (image, tables) in self.space.images().iter().zip(&self.tables) {
            restore(out, image, *tables);
        }
    }
}

fn index(checked: u64) -> usize {
    usize::try_from(checked).expect("inside contents that are in memory")
}
