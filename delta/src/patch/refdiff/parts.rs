//! What the parts of a refdiff patch are: those that its form has. Nothing is decoded but the form.

use super::{
    super::{
        parts::{Cursor, PartName},
        streams::StreamName,
    },
    Form, UNPACKED,
};
use crate::{
    entropy::{Numbers, Reader},
    error::PatchError,
    read_at::ReadAt,
};

/// More bytes than the number of a form takes, and than a reader reads ahead.
const FORM: usize = 16;

/// Walks over the body of a patch.
pub(in super::super) fn parts<P: ReadAt + ?Sized>(
    cursor: &mut Cursor<'_, P>,
) -> Result<(), PatchError> {
    let coded = cursor.number("size of what is coded")?;
    let first = cursor.peek::<FORM>()?;
    let first = &first[..usize::try_from(coded).unwrap_or(FORM).min(FORM)];
    let form = Numbers::new(1).code(&mut Reader::new(first), 0, 0);
    cursor.part(PartName::Coded, coded, None)?;
    if form & UNPACKED != 0 {
        let lists = cursor.size()?;
        cursor.stream(StreamName::Containers, lists)?;
    }
    let halves = form & !UNPACKED == Form::Halves as u64;
    if halves || form & !UNPACKED == Form::Streams as u64 {
        let (gaps, values) = (cursor.size()?, cursor.size()?);
        if halves {
            for _ in [&gaps, &values] {
                cursor.number("first half")?;
            }
        }
        cursor.stream(StreamName::Gaps, gaps)?;
        cursor.stream(StreamName::Values, values)?;
    }
    cursor.rest(StreamName::Literals)
}
