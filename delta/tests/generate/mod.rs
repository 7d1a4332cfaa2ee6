//! Contents for tests and benches: always the same, and shaped like what releases consist of.

/// Bytes that look random, the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..len).map(|_| random.byte()).collect()
}

/// Something like an executable: a vocabulary of instructions, addresses among them, tables of pointers.
pub(crate) fn program(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let words: Vec<Vec<u8>> =
        (0..400).map(|i| noise(seed ^ (i + 1), 2 + usize::from(random.byte() % 9))).collect();
    let mut out = Vec::with_capacity(len + 16);
    while out.len() < len {
        // Low words are more frequent, as instructions are.
        let pick = random.below(20) * random.below(20);
        out.extend_from_slice(&words[pick]);
        if random.below(4) == 0 {
            let address = u32::try_from(out.len() + random.below(100_000)).unwrap_or(u32::MAX);
            out.extend_from_slice(&address.to_le_bytes());
        }
    }
    out.truncate(len);
    out
}

/// The next version: some functions changed, one added, one moved, and addresses shifted all over.
pub(crate) fn next_version(old: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut new = old.to_vec();
    let moved: Vec<u8> = new.drain(old.len() / 4..old.len() / 4 + old.len() / 50).collect();
    let at = new.len() / 2;
    new.splice(at..at, moved);
    let at = new.len() / 3;
    new.splice(at..at, program(seed + 1, old.len() / 200));
    for _ in 0..old.len() / 300 {
        let at = random.below(new.len());
        new[at] = new[at].wrapping_add(16);
    }
    new
}

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[4]
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let number = (0..4).fold(0_usize, |sum, _| sum << 8 | usize::from(self.byte()));
        number % limit
    }
}
