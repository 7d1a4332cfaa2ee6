//! PE's table of functions: a function begins soon after the one before ends, and is as long as it was.

/// Bytes of a `RUNTIME_FUNCTION`: begin, end, unwind data; each counted from the beginning of the image.
const ENTRY: usize = 12;

/// The gap before a function, its length, and how far its unwind data is from the one before.
pub(super) fn normalise(table: &mut [u8]) {
    let (mut ended, mut unwound) = (0_u32, 0_u32);
    for entry in table.chunks_exact_mut(ENTRY) {
        let [begin, end, unwind] = numbers(entry);
        let gaps =
            [begin.wrapping_sub(ended), end.wrapping_sub(begin), unwind.wrapping_sub(unwound)];
        (ended, unwound) = (end, unwind);
        set_numbers(entry, gaps);
    }
}

/// Addresses again.
pub(super) fn restore(table: &mut [u8]) {
    let (mut ended, mut unwound) = (0_u32, 0_u32);
    for entry in table.chunks_exact_mut(ENTRY) {
        let [gap, length, unwind] = numbers(entry);
        let begin = gap.wrapping_add(ended);
        ended = begin.wrapping_add(length);
        unwound = unwound.wrapping_add(unwind);
        set_numbers(entry, [begin, ended, unwound]);
    }
}

fn numbers(entry: &[u8]) -> [u32; 3] {
    [0, 4, 8].map(|at| u32::from_le_bytes(entry[at..at + 4].try_into().expect("four bytes")))
}

fn set_numbers(entry: &mut [u8], numbers: [u32; 3]) {
    for (bytes, number) in entry.chunks_exact_mut(4).zip(numbers) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
}
