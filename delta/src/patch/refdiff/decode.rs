//! The new contents, from the body of a patch and the old contents.

use std::io::Write;

use updraft_protocol::PatchCodec;

use super::{
    super::{
        MAX_IN_MEMORY, Output,
        header::{Fields, Header},
        streams::{Stream, StreamName, StreamSize},
    },
    Form, UNPACKED,
    dense::{Dense, code_literals},
    fast::Fast,
    flat::Streams,
    gaps::{Gap, MAX_APART, gaps, total},
    images,
    pieces::{self, Piece, Sizes},
    rebuild::{Model, New, rebuild},
    streams::{Followed, MAX_HALVES},
    targets::Moves,
    unchanged::Unchanged,
    weave::Weaving,
};
use crate::{
    entropy::{Coder, Numbers, Reader},
    error::PatchError,
    executable::{Normal, Side, Space, Tables, restore},
    read_at::ReadAt,
};

/// A patch is never larger than what it makes by more than this.
const MAX_OVERHEAD: u64 = 1024 * 1024;
/// Lists of compressed streams. A million of them take some 10 MB; recipes of encoders nobody knows take more.
const MAX_LISTS: usize = 32 * 1024 * 1024;

/// Writes the new contents into `out`. `old` is what the patch is for: its check was compared.
pub(in super::super) fn decode<O, P, W>(
    old: &O,
    patch: &P,
    header: &Header,
    out: &mut Output<W>,
) -> Result<(), PatchError>
where
    O: ReadAt + ?Sized,
    P: ReadAt + ?Sized,
    W: Write,
{
    let limit = header.new_size.saturating_add(MAX_OVERHEAD);
    if patch.size() > limit {
        return Err(PatchError::TooLarge { got: patch.size(), limit });
    }
    let mut bytes = vec![0; index(patch.size())];
    patch.read_exact_at(0, &mut bytes).map_err(PatchError::ReadPatch)?;
    let mut body = Body::new(&bytes, header.len);
    let coded = body.fields("size of what is coded")?;
    let mut coder = Reader::new(body.take(coded)?);
    let form = Numbers::new(1).code(&mut coder, 0, 0);
    let sizes = Sizes { old: index(header.old_size), new: index(header.new_size) };
    let unchanged = Unchanged::code(&mut coder, sizes, None)?;
    let lists = if form & UNPACKED == 0 { None } else { Some(body.lists()?) };
    let streams = Streams::read(lists.as_deref(), &unchanged)?;
    let both = streams.both_sizes();
    if both > MAX_IN_MEMORY {
        return Err(PatchError::TooLarge { got: both, limit: MAX_IN_MEMORY });
    }
    let flat_old = streams.flat_old(old, &unchanged)?;
    let known = Known::read(&mut coder, flat_old, streams.new_size())?;
    let mut flat = vec![0; known.new_size];
    match (header.codec, form & !UNPACKED) {
        (PatchCodec::RefdiffDense, form) if form == Form::Coded as u64 => {
            known.dense(coder, &body, &mut flat)?;
        }
        (PatchCodec::RefdiffFast, form) if form == Form::Coded as u64 => {
            let mut model = Fast::new(coder);
            known.model(&known.pieces, 0, &mut flat, &mut model)?;
            ended(&model.into_coder())?;
            known.literals(&body, &mut flat)?;
        }
        (PatchCodec::RefdiffFast, form) if form == Form::Streams as u64 => {
            ended(&coder)?;
            known.streams(body, &mut flat)?;
        }
        (PatchCodec::RefdiffFast, form) if form == Form::Halves as u64 => {
            ended(&coder)?;
            known.halves(body, &mut flat)?;
        }
        (_, got) => return Err(PatchError::Impossible { field: "form", got }),
    }
    known.restore(&mut flat);
    drop(known);
    write(old, &unchanged, &streams, &flat, out)
}

/// Packs streams again, and puts what did not change between what did.
fn write<O: ReadAt + ?Sized, W: Write>(
    old: &O,
    unchanged: &Unchanged,
    streams: &Streams,
    flat: &[u8],
    out: &mut Output<W>,
) -> Result<(), PatchError> {
    let mut weaving = Weaving::new(old, unchanged, out);
    streams.pack(flat, &mut weaving).map_err(|error| weaving.failure().unwrap_or(error))?;
    weaving.finish()
}

/// What becomes of these old contents when everything up to the last wrong byte is what `coder` tells, whatever that
/// is; without streams and literals, which stay zeros.
pub(crate) fn follow<C: Coder + Send>(
    old: &[u8],
    new_size: usize,
    mut coder: C,
) -> Result<Vec<u8>, PatchError> {
    let sizes = Sizes { old: old.len(), new: new_size };
    let unchanged = Unchanged::code(&mut coder, sizes, None)?;
    let streams = Streams::read(None, &unchanged)?;
    let flat_old = streams.flat_old(old, &unchanged)?;
    let known = Known::read(&mut coder, flat_old, streams.new_size())?;
    let mut flat = vec![0; known.new_size];
    known.model(&known.pieces, 0, &mut flat, &mut Fast::new(coder))?;
    known.restore(&mut flat);
    let mut new = Vec::new();
    let mut out = Output::new(&mut new, new_size as u64);
    write(old, &unchanged, &streams, &flat, &mut out)?;
    out.pass_on()?;
    Ok(new)
}

/// What was coded ends where it should.
fn ended(coder: &Reader<'_>) -> Result<(), PatchError> {
    if coder.is_ended() { Ok(()) } else { Err(PatchError::OtherEnd) }
}

/// A patch, taken from the front.
struct Body<'p> {
    patch: &'p [u8],
    /// Where what was not taken yet begins.
    at: u64,
}

impl<'p> Body<'p> {
    fn new(patch: &'p [u8], at: u64) -> Self {
        Self { patch, at }
    }

    /// A number.
    fn fields(&mut self, field: &'static str) -> Result<u64, PatchError> {
        let mut fields = Fields::<10>::read(self.patch, self.at)?;
        let number = fields.number(field)?;
        self.at += fields.taken();
        Ok(number)
    }

    /// The size of a stream.
    fn size(&mut self) -> Result<StreamSize, PatchError> {
        Ok(StreamSize { raw: self.fields("stream sizes")?, packed: self.fields("stream sizes")? })
    }

    /// So many bytes.
    fn take(&mut self, len: u64) -> Result<&'p [u8], PatchError> {
        let end = self.at.saturating_add(len);
        if end > self.patch.size() {
            return Err(PatchError::Length { expected: end, got: self.patch.size() });
        }
        let bytes = &self.patch[index(self.at)..index(end)];
        self.at = end;
        Ok(bytes)
    }

    /// The stream of this size that comes next.
    fn stream(
        &mut self,
        name: StreamName,
        size: StreamSize,
    ) -> Result<Stream<'p, [u8]>, PatchError> {
        let stream = Stream::open(self.patch, name, self.at, size)?;
        self.take(size.packed)?;
        Ok(stream)
    }

    /// What is left.
    fn rest(&self) -> &'p [u8] {
        &self.patch[index(self.at)..]
    }

    /// All of the stream of this size that comes next.
    fn unpacked(
        &mut self,
        name: StreamName,
        size: StreamSize,
        limit: usize,
    ) -> Result<Vec<u8>, PatchError> {
        if size.raw > limit as u64 {
            return Err(PatchError::StreamSize {
                stream: name,
                got: size.raw,
                limit: limit as u64,
            });
        }
        let mut stream = self.stream(name, size)?;
        let mut bytes = vec![0; index(size.raw)];
        stream.read_exact(&mut bytes)?;
        stream.finish()?;
        Ok(bytes)
    }

    /// The lists of compressed streams.
    fn lists(&mut self) -> Result<Vec<u8>, PatchError> {
        let size = self.size()?;
        self.unpacked(StreamName::Containers, size, MAX_LISTS)
    }
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
    fn read<C: Coder + Send>(
        coder: &mut C,
        old: Vec<u8>,
        new_size: usize,
    ) -> Result<Self, PatchError> {
        let images = images::old_images(coder, &old, Vec::new())?;
        let old = Normal::new(old, images);
        let told = images::new_images(coder, (old.space.images(), &old.tables), new_size, &[])?;
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

    /// Makes these pieces; `out` is the new contents from `from` on.
    fn model<M: Model>(
        &self,
        pieces: &[Piece],
        from: usize,
        out: &mut [u8],
        model: &mut M,
    ) -> Result<(), PatchError> {
        let mut new = New::Rebuilt { bytes: out, from };
        rebuild(&self.old, &self.space, &self.moves, pieces, &mut new, model)
    }

    fn dense(&self, coder: Reader<'_>, body: &Body<'_>, out: &mut [u8]) -> Result<(), PatchError> {
        let (got, limit) = (total(&self.gaps) as u64, MAX_APART as u64);
        if got > limit {
            return Err(PatchError::TooMuchNew { got, limit });
        }
        let (rebuilt, literals) = rayon::join(
            || {
                let mut model = Dense::new(coder, self.new_size);
                self.model(&self.pieces, 0, out, &mut model)?;
                ended(&model.into_coder())
            },
            || {
                let mut coder = Reader::new(body.rest());
                let tape =
                    code_literals(&mut coder, &self.old, &self.space, &self.moves, &self.gaps, &[]);
                ended(&coder).map(|()| tape)
            },
        );
        rebuilt?;
        literals?.lay(&self.gaps, out);
        Ok(())
    }

    fn streams(&self, mut body: Body<'_>, out: &mut [u8]) -> Result<(), PatchError> {
        let (gaps, values) = (body.size()?, body.size()?);
        let gaps = body.stream(StreamName::Gaps, gaps)?;
        let values = body.stream(StreamName::Values, values)?;
        self.with_literals(&body, out, |out| {
            let mut model = Followed::new(gaps, values)?;
            self.model(&self.pieces, 0, out, &mut model)?;
            model.finish()
        })
    }

    fn halves(&self, mut body: Body<'_>, out: &mut [u8]) -> Result<(), PatchError> {
        let (gaps, values) = (body.size()?, body.size()?);
        let cuts = [body.fields("first half")?, body.fields("first half")?];
        let gaps = body.unpacked(StreamName::Gaps, gaps, MAX_HALVES)?;
        let values = body.unpacked(StreamName::Values, values, MAX_HALVES)?;
        let (gaps_before, gaps_after) = cut(&gaps, cuts[0])?;
        let (values_before, values_after) = cut(&values, cuts[1])?;
        let follow = |pieces: &[Piece], gaps, values, from, out: &mut [u8]| {
            let mut model = Followed::unpacked(gaps, values)?;
            self.model(pieces, from, out, &mut model)?;
            model.finish()
        };
        self.with_literals(&body, out, |out| {
            let (first, second) = pieces::halves(&self.pieces);
            let middle = second.first().map_or(out.len(), Piece::new_at);
            let (before, after) = out.split_at_mut(middle);
            let (first, second) = rayon::join(
                || follow(first, gaps_before, values_before, 0, before),
                || follow(second, gaps_after, values_after, middle, after),
            );
            first.and(second)
        })
    }

    /// Reads literals while `follow` makes the pieces.
    fn with_literals(
        &self,
        body: &Body<'_>,
        out: &mut [u8],
        follow: impl FnOnce(&mut [u8]) -> Result<(), PatchError> + Send,
    ) -> Result<(), PatchError> {
        if total(&self.gaps) > MAX_APART {
            follow(out)?;
            return self.literals(body, out);
        }
        let (read, followed) = rayon::join(|| self.literals_apart(body), || follow(out));
        followed?;
        let mut literals = &*read?;
        for gap in &self.gaps {
            let (bytes, rest) = literals.split_at(gap.len);
            out[gap.new..gap.new + gap.len].copy_from_slice(bytes);
            literals = rest;
        }
        Ok(())
    }

    /// Reads literals, which are the rest of the patch, into their gaps.
    fn literals(&self, body: &Body<'_>, out: &mut [u8]) -> Result<(), PatchError> {
        let mut stream = self.open_literals(body)?;
        for gap in &self.gaps {
            stream.read_exact(&mut out[gap.new..gap.new + gap.len])?;
        }
        stream.finish()
    }

    /// Reads them one after the other.
    fn literals_apart(&self, body: &Body<'_>) -> Result<Vec<u8>, PatchError> {
        let mut literals = vec![0; total(&self.gaps)];
        let mut stream = self.open_literals(body)?;
        stream.read_exact(&mut literals)?;
        stream.finish()?;
        Ok(literals)
    }

    fn open_literals<'p>(&self, body: &Body<'p>) -> Result<Stream<'p, [u8]>, PatchError> {
        let size = StreamSize { raw: total(&self.gaps) as u64, packed: body.rest().len() as u64 };
        Stream::open(body.patch, StreamName::Literals, body.at, size)
    }

    /// Puts tables of the new images back that are in normal form.
    fn restore(&self, out: &mut [u8]) {
        for (image, tables) in self.space.images().iter().zip(&self.tables) {
            restore(out, image, *tables);
        }
    }
}

/// What is the first half's, and what the second's.
fn cut(stream: &[u8], at: u64) -> Result<(&[u8], &[u8]), PatchError> {
    let halves = usize::try_from(at).ok().and_then(|at| stream.split_at_checked(at));
    halves.ok_or(PatchError::Impossible { field: "first half", got: at })
}

fn index(checked: u64) -> usize {
    usize::try_from(checked).expect("inside contents that are in memory")
}
