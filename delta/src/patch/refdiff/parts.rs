//! Which parts the body of a refdiff patch has, and where: all that stands in front of them decides it.
//!
//! Nothing is decoded but the form. Who applies a patch and who only wants to know what it is made of walk alike.

use updraft_protocol::PatchCodec;

use super::{
    super::{
        body::{Body, Extent, Placed},
        header::Header,
        streams::StreamName,
    },
    Form, UNPACKED,
};
use crate::{
    entropy::{Numbers, Reader},
    error::PatchError,
    read_at::ReadAt,
};

/// Coded bytes that say which form it is. Of a form that there is, two bits and what a reader reads ahead; a number
/// that goes on behind them is none.
const FORM: usize = 16;

/// Where the parts lie.
#[derive(Debug)]
pub(in super::super) struct Places {
    pub(super) form: Form,
    pub(in super::super) coded: Extent,
    /// Lists of compressed streams.
    pub(in super::super) lists: Option<Placed>,
    /// What is not as predicted, in forms of streams.
    pub(in super::super) wrong: Option<Wrong>,
    pub(in super::super) literals: Extent,
}

/// What is not as predicted.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Wrong {
    pub(in super::super) gaps: Placed,
    pub(in super::super) values: Placed,
    /// Bytes of gaps and of values that are the first half's, in the form of halves.
    pub(super) first: [u64; 2],
}

impl Places {
    /// Walks over the body of a patch.
    pub(in super::super) fn of<P: ReadAt + ?Sized>(
        patch: &P,
        header: &Header,
    ) -> Result<Self, PatchError> {
        let mut body = Body::new(patch, header);
        let coded = body.number("size of what is coded")?;
        let first = body.peek::<FORM>()?;
        let first = &first[..usize::try_from(coded).unwrap_or(FORM).min(FORM)];
        let number = Numbers::new(1).code(&mut Reader::new(first), 0, 0);
        let form = form(header.codec, number & !UNPACKED)?;
        let coded = body.skip(coded)?;
        let lists = if number & UNPACKED == 0 {
            None
        } else {
            let size = body.size()?;
            Some(body.stream(StreamName::Containers, size)?)
        };
        let wrong = if form == Form::Coded { None } else { Some(wrong(&mut body, form)?) };
        Ok(Self { form, coded, lists, wrong, literals: body.rest() })
    }
}

fn form(codec: PatchCodec, got: u64) -> Result<Form, PatchError> {
    [Form::Coded, Form::Streams, Form::Halves]
        .into_iter()
        .filter(|form| *form == Form::Coded || codec == PatchCodec::RefdiffFast)
        .find(|form| *form as u64 == got)
        .ok_or(PatchError::Impossible { field: "form", got })
}

fn wrong<P: ReadAt + ?Sized>(body: &mut Body<'_, P>, form: Form) -> Result<Wrong, PatchError> {
    let (gaps, values) = (body.size()?, body.size()?);
    let first = match form {
        Form::Halves => [body.number("first half")?, body.number("first half")?],
        Form::Coded | Form::Streams => [0; 2],
    };
    let gaps = body.stream(StreamName::Gaps, gaps)?;
    let values = body.stream(StreamName::Values, values)?;
    Ok(Wrong { gaps, values, first })
}

#[cfg(test)]
mod tests {
    use super::{super::super::varint, *};
    use crate::{entropy::Writer, patch};

    /// A patch of this form, all of whose parts are empty.
    fn of_form(codec: PatchCodec, form: u64) -> Vec<u8> {
        let mut coder = Writer::new();
        Numbers::new(1).code(&mut coder, 0, form);
        let coded = coder.finish();
        let mut patch = Vec::new();
        Header::of(codec, b"old", b"new").write(&mut patch);
        varint::push(&mut patch, coded.len() as u64);
        patch.extend(coded);
        // Numbers that are all zero.
        patch.extend([0; 8]);
        patch
    }

    #[test]
    fn a_form_that_is_none_is_refused_by_who_walks() {
        let forms = [(PatchCodec::RefdiffFast, &[0, 1, 4][..]), (PatchCodec::RefdiffDense, &[0])];
        for (codec, legal) in forms {
            for form in (0..40).chain([1 << 20, 1 << 61]) {
                let parts = patch::parts(&of_form(codec, form));
                if legal.contains(&(form & !UNPACKED)) {
                    assert!(parts.is_ok(), "{codec:?} {form}: {parts:?}");
                } else {
                    let named = matches!(parts, Err(PatchError::Impossible { field: "form", .. }));
                    assert!(named, "{codec:?} {form}: {parts:?}");
                }
            }
        }
    }
}
