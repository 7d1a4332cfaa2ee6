//! Relocations: where each one applies becomes the distance from the one before.

/// Bytes of an `Elf64_Rela`: where, what kind and of which symbol, what is added.
const ENTRY: usize = 24;

/// Distances instead of addresses.
pub(super) fn normalise(table: &mut [u8]) -> Option<()> {
    let mut before = 0_u64;
    for entry in table.chunks_exact_mut(ENTRY) {
        let place = entry.first_chunk_mut::<8>()?;
        let address = u64::from_le_bytes(*place);
        *place = address.wrapping_sub(before).to_le_bytes();
        before = address;
    }
    Some(())
}

/// Addresses again.
pub(super) fn restore(table: &mut [u8]) -> Option<()> {
    let mut before = 0_u64;
    for entry in table.chunks_exact_mut(ENTRY) {
        let place = entry.first_chunk_mut::<8>()?;
        before = before.wrapping_add(u64::from_le_bytes(*place));
        *place = before.to_le_bytes();
    }
    Some(())
}
