//! Go's table of functions, `pclntab`: Go's tools write it into files of every format, and the numbers in it are
//! relative to tables within it. Source: `pcHeader` in Go's `runtime/symtab.go`.

use std::ops::Range;

use super::{Part, reader::Reader};

/// The fields of the header that say where its tables begin, counted from the header: function names,
/// compilation units, files, program counters, functions.
const TABLES: Range<u64> = 4..9;

/// The addresses of the tables of the first `pclntab` in this part of a file; none if it has none.
pub(super) fn tables(file: Reader<'_>, part: &Part) -> Vec<u64> {
    let Some(bytes) = file.bytes(part.offset, part.size) else { return Vec::new() };
    // The linker aligns it, and PE has it amid other data.
    let words = bytes.chunks_exact(8).zip((0_u64..).step_by(8));
    let mut headers = words.filter(|(word, _)| is_header(word));
    headers.find_map(|(_, header)| starts(Reader::new(bytes), part, header)).unwrap_or_default()
}

/// Magics of Go 1.18 and 1.20, two zeros, the alignment of instructions and the size of addresses.
fn is_header(word: &[u8]) -> bool {
    matches!(word, [0xf0 | 0xf1, 0xff, 0xff, 0xff, 0, 0, 1 | 2 | 4, 8])
}

/// Where the tables of the header at `header` of a part begin, if all of them lie in the part.
fn starts(bytes: Reader<'_>, part: &Part, header: u64) -> Option<Vec<u64>> {
    let start = |field: u64| {
        let start = header.checked_add(bytes.u64(header.checked_add(8 * field)?)?)?;
        (start < part.size).then_some(part.address.checked_add(start)?)
    };
    TABLES.map(start).collect()
}
