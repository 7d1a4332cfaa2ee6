//! The new contents, from the body of a patch and the old contents.

use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use updraft_protocol::PatchCodec;

use super::{
    super::{MAX_IN_MEMORY, Output, body::Extent, header::Header, streams::StreamName},
    Form,
    dense::{Dense, code_literals},
    fast::Fast,
    flat::Streams,
    gaps::{Gap, MAX_APART, gaps, total},
    images,
    parts::{Places, Wrong},
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
    P: ReadAt + Sync + ?Sized,
    W: Write,
{
    let Opened { places, coded, lists, sizes } = Opened::of(patch, header)?;
    make(old, sizes, lists, begun(&coded), out, |known, coder, flat| {
        let Some(wrong) = &places.wrong else {
            return match header.codec {
                PatchCodec::RefdiffDense => {
                    let literals = places.literals.read(patch)?;
                    known.dense(coder, &literals, flat)
                }
                PatchCodec::RefdiffFast | PatchCodec::BsdiffZstd => {
                    ended(&known.fast(coder, flat)?)?;
                    known.literals(patch, places.literals, flat)
                }
            };
        };
        ended(&coder)?;
        if places.form == Form::Halves {
            known.halves(patch, wrong, places.literals, flat)
        } else {
            known.streams(patch, wrong, places.literals, flat)
        }
    })
}

/// Bytes of the new contents that resemble no old ones, as the patch tells; nothing is made.
pub(in super::super) fn literals(
    old: &[u8],
    patch: &[u8],
    header: &Header,
) -> Result<usize, PatchError> {
    let Opened { coded, lists, sizes, .. } = Opened::of(patch, header)?;
    let (_, _, known) = told(old, sizes, lists, &mut begun(&coded))?;
    Ok(total(&known.gaps))
}

/// What becomes of these old contents when everything up to the last wrong byte is what `coder` tells, whatever that
/// is; without streams and literals, which stay zeros.
pub(crate) fn follow<C: Coder + Send>(
    old: &[u8],
    new_size: usize,
    coder: C,
) -> Result<Vec<u8>, PatchError> {
    let sizes = Sizes { old: old.len(), new: new_size };
    let mut new = Vec::new();
    let mut out = Output::new(&mut new, new_size as u64);
    make(old, sizes, None, coder, &mut out, |known, coder, flat| {
        known.fast(coder, flat).map(drop)
    })?;
    out.pass_on()?;
    Ok(new)
}

/// Reads what is told of the new contents, lets `fill` make their bytes, which are zeros, and writes them into `out`.
fn make<O, C, W>(
    old: &O,
    sizes: Sizes,
    lists: Option<Vec<u8>>,
    mut coder: C,
    out: &mut Output<W>,
    fill: impl FnOnce(&Known, C, &mut [u8]) -> Result<(), PatchError>,
) -> Result<(), PatchError>
where
    O: ReadAt + ?Sized,
    C: Coder + Send,
    W: Write,
{
    let (unchanged, streams, known) = told(old, sizes, lists, &mut coder)?;
    let mut flat = vec![0; known.new_size];
    fill(&known, coder, &mut flat)?;
    known.restore(&mut flat);
    drop(known);
    let mut weaving = Weaving::new(old, &unchanged, out);
    streams.pack(&flat, &mut weaving).map_err(|error| weaving.failure().unwrap_or(error))?;
    weaving.finish()
}

/// Reads what is told before bytes are.
fn told<O: ReadAt + ?Sized, C: Coder + Send>(
    old: &O,
    sizes: Sizes,
    lists: Option<Vec<u8>>,
    coder: &mut C,
) -> Result<(Unchanged, Streams, Known), PatchError> {
    let unchanged = Unchanged::code(coder, sizes, None)?;
    let streams = Streams::read(lists.as_deref(), &unchanged)?;
    drop(lists);
    let both = streams.both_sizes();
    if both > MAX_IN_MEMORY {
        return Err(PatchError::TooLarge { got: both, limit: MAX_IN_MEMORY });
    }
    let flat_old = streams.flat_old(old, &unchanged)?;
    let known = Known::read(coder, flat_old, streams.new_size())?;
    Ok((unchanged, streams, known))
}

/// The beginning of a patch.
struct Opened {
    places: Places,
    coded: Vec<u8>,
    lists: Option<Vec<u8>>,
    sizes: Sizes,
}

impl Opened {
    fn of<P: ReadAt + ?Sized>(patch: &P, header: &Header) -> Result<Self, PatchError> {
        let limit = header.new_size.saturating_add(MAX_OVERHEAD);
        if patch.size() > limit {
            return Err(PatchError::TooLarge { got: patch.size(), limit });
        }
        let places = Places::of(patch, header)?;
        let coded = places.coded.read(patch)?;
        let lists = places.lists.map(|lists| lists.unpack(patch, MAX_LISTS)).transpose()?;
        let sizes = Sizes { old: index(header.old_size), new: index(header.new_size) };
        Ok(Self { places, coded, lists, sizes })
    }
}

/// Reads what is coded, behind the form, by which its places were found.
fn begun(coded: &[u8]) -> Reader<'_> {
    let mut coder = Reader::new(coded);
    let _form = Numbers::new(1).code(&mut coder, 0, 0);
    coder
}

/// What was coded ends where it should.
fn ended(coder: &Reader<'_>) -> Result<(), PatchError> {
    if coder.is_ended() { Ok(()) } else { Err(PatchError::OtherEnd) }
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
                drop(whole);
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

    /// Makes all pieces by the fast model.
    fn fast<C: Coder>(&self, coder: C, out: &mut [u8]) -> Result<C, PatchError> {
        let mut model = Fast::new(coder);
        self.model(&self.pieces, 0, out, &mut model)?;
        Ok(model.into_coder())
    }

    fn dense(&self, coder: Reader<'_>, literals: &[u8], out: &mut [u8]) -> Result<(), PatchError> {
        let (got, limit) = (total(&self.gaps) as u64, MAX_APART as u64);
        if got > limit {
            return Err(PatchError::TooMuchNew { got, limit });
        }
        // Literals are most of the work; who is alone and has failed before them need not begin.
        let failed = AtomicBool::new(false);
        let (rebuilt, literals) = rayon::join(
            || {
                let mut model = Dense::new(coder, self.new_size);
                let rebuilt = self.model(&self.pieces, 0, out, &mut model);
                let rebuilt = rebuilt.and_then(|()| ended(&model.into_coder()));
                failed.store(rebuilt.is_err(), Relaxed);
                rebuilt
            },
            || {
                if failed.load(Relaxed) {
                    return Ok(None);
                }
                let mut coder = Reader::new(literals);
                let tape =
                    code_literals(&mut coder, &self.old, &self.space, &self.moves, &self.gaps, &[]);
                ended(&coder).map(|()| Some(tape))
            },
        );
        rebuilt?;
        if let Some(tape) = literals? {
            tape.lay(&self.gaps, out);
        }
        Ok(())
    }

    fn streams<P: ReadAt + Sync + ?Sized>(
        &self,
        patch: &P,
        wrong: &Wrong,
        literals: Extent,
        out: &mut [u8],
    ) -> Result<(), PatchError> {
        self.with_literals(patch, literals, out, |out| {
            let mut model = Followed::new(patch, wrong)?;
            self.model(&self.pieces, 0, out, &mut model)?;
            model.finish()
        })
    }

    fn halves<P: ReadAt + Sync + ?Sized>(
        &self,
        patch: &P,
        wrong: &Wrong,
        literals: Extent,
        out: &mut [u8],
    ) -> Result<(), PatchError> {
        let gaps = wrong.gaps.unpack(patch, MAX_HALVES)?;
        let values = wrong.values.unpack(patch, MAX_HALVES)?;
        let (gaps_before, gaps_after) = cut(&gaps, wrong.first[0])?;
        let (values_before, values_after) = cut(&values, wrong.first[1])?;
        let follow = |pieces: &[Piece], gaps, values, from, out: &mut [u8]| {
            let mut model = Followed::unpacked(gaps, values)?;
            self.model(pieces, from, out, &mut model)?;
            model.finish()
        };
        self.with_literals(patch, literals, out, |out| {
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
    fn with_literals<P: ReadAt + Sync + ?Sized>(
        &self,
        patch: &P,
        literals: Extent,
        out: &mut [u8],
        follow: impl FnOnce(&mut [u8]) -> Result<(), PatchError> + Send,
    ) -> Result<(), PatchError> {
        let all = total(&self.gaps);
        if all > MAX_APART {
            follow(out)?;
            return self.literals(patch, literals, out);
        }
        let apart = literals.stream(StreamName::Literals, all as u64);
        let (read, followed) = rayon::join(|| apart.unpack(patch, MAX_APART), || follow(out));
        followed?;
        let mut literals = &*read?;
        for gap in &self.gaps {
            let (bytes, rest) = literals.split_at(gap.len());
            out[gap.bytes()].copy_from_slice(bytes);
            literals = rest;
        }
        Ok(())
    }

    /// Reads literals into their gaps.
    fn literals<P: ReadAt + ?Sized>(
        &self,
        patch: &P,
        literals: Extent,
        out: &mut [u8],
    ) -> Result<(), PatchError> {
        let all = total(&self.gaps) as u64;
        let mut stream = literals.stream(StreamName::Literals, all).open(patch)?;
        for gap in &self.gaps {
            stream.read_exact(&mut out[gap.bytes()])?;
        }
        stream.finish()
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
