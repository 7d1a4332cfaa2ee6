//! How encoders look for repeats, as far as it decides which ones they find.
//!
//! A recipe names its row by number. A row must never change and rows are only added at the end: every recipe that
//! was ever made is read with them. What an encoder does that no row says costs its recipes bytes, nothing else.

/// One encoder at one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Habits {
    pub(super) way: Way,
    pub(super) hash: Hash,
    /// The shortest repeat it writes.
    pub(super) least: u32,
    /// From this length on, a better repeat is looked for in a quarter of the steps.
    pub(super) good: u32,
    /// From this length on, none is looked for one byte further on; for greedy ways, what lies inside of longer
    /// repeats is not remembered.
    pub(super) lazy: u32,
    /// With this length it looks no further.
    pub(super) nice: u32,
    /// Places it looks at.
    pub(super) steps: u32,
    /// Repeats of 3 bytes, or 4 for Go, are not worth it from further away.
    pub(super) far: u32,
    /// Most tokens of a block.
    pub(super) block: usize,
}

/// In which order it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Repeats nothing, or runs with no pattern of its own.
    Never,
    /// Takes the first repeat there is (`deflate_fast`).
    Greedy,
    /// Looks one byte further before it takes one (`deflate_slow`).
    Lazy,
    /// As lazy, with Go's borders of the window.
    LazyGo,
    /// Looks behind a repeat before it takes it, and shifts the border between two (`deflate_medium` of zlib-ng).
    Shifting,
    /// As that without looking behind, as its levels below 5.
    Straight,
}

/// How the first bytes of a place are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// zlib's: three bytes shifted over each other, in 15 bits.
    Rolling15,
    /// The same with the most memory, in 16 bits.
    Rolling16,
    /// That of Chromium's and Node's zlib: four bytes in 15 bits.
    Chromium,
    /// That of zlib-ng and zlib-rs: four bytes in 16 bits.
    Ng,
    /// Go's: four bytes in 17 bits.
    Go,
}

impl Hash {
    /// Of the bytes at a place, if there are enough of them.
    #[inline]
    pub(super) fn of(self, bytes: &[u8]) -> Option<usize> {
        let word = |factor: u32, plus, shift| {
            let four = bytes.first_chunk::<4>()?;
            let word = if self == Self::Go {
                u32::from_be_bytes(*four)
            } else {
                u32::from_le_bytes(*four)
            };
            Some((word.wrapping_mul(factor).wrapping_add(plus) >> shift) as usize)
        };
        let rolling = |bits: u32, shift: u32| {
            let [a, b, c] = bytes.first_chunk::<3>()?.map(usize::from);
            Some((a << (2 * shift) ^ b << shift ^ c) & ((1_usize << bits) - 1))
        };
        match self {
            Self::Rolling15 => rolling(15, 5),
            Self::Rolling16 => rolling(16, 6),
            Self::Chromium => word(66_521, 66_521, 16).map(|hash| hash & 0x7fff),
            Self::Ng => word(2_654_435_761, 0, 16),
            Self::Go => word(0x1e35_a7bd, 0, 15),
        }
    }

    /// Values there are.
    pub(super) fn values(self) -> usize {
        match self {
            Self::Rolling15 | Self::Chromium => 1 << 15,
            Self::Rolling16 | Self::Ng => 1 << 16,
            Self::Go => 1 << 17,
        }
    }
}

/// zlib's level 1 to 9: good, lazy, nice, steps (`configuration_table` of its deflate.c; gzip, Info-ZIP, Go and
/// Chromium have the same).
const LEVELS: [[u32; 4]; 9] = [
    [4, 4, 8, 4],
    [4, 5, 16, 8],
    [4, 6, 32, 32],
    [4, 4, 16, 16],
    [8, 16, 32, 32],
    [8, 16, 128, 128],
    [8, 32, 128, 256],
    [32, 128, 258, 1024],
    [32, 258, 258, 4096],
];

/// The most tokens of a block with zlib's usual memory: its buffer holds 16,384, of which one stays free.
const BLOCK: usize = (1 << 14) - 1;

const fn row(way: Way, hash: Hash, [good, lazy, nice, steps]: [u32; 4]) -> Habits {
    Habits { way, hash, least: 3, good, lazy, nice, steps, far: 4096, block: BLOCK }
}

const fn zlib(level: usize, hash: Hash, block: usize) -> Habits {
    let way = if level < 4 { Way::Greedy } else { Way::Lazy };
    Habits { block, ..row(way, hash, LEVELS[level - 1]) }
}

/// Go never looks in fewer places, however good what it has.
const fn go(level: usize) -> Habits {
    let levels = row(Way::LazyGo, Hash::Go, LEVELS[level - 1]);
    Habits { least: 4, good: u32::MAX, block: BLOCK + 1, ..levels }
}

const fn ng(way: Way, levels: [u32; 4]) -> Habits {
    Habits { far: u32::MAX, ..row(way, Hash::Ng, levels) }
}

/// All rows. zlib's stand in the order of its levels; the first is the most frequent of all.
pub(super) const HABITS: [Habits; 42] = [
    // Python's zipfile, jar, pigz of one block and nearly everything else.
    zlib(6, Hash::Rolling15, BLOCK),
    zlib(9, Hash::Rolling15, BLOCK),
    zlib(1, Hash::Rolling15, BLOCK),
    zlib(2, Hash::Rolling15, BLOCK),
    zlib(3, Hash::Rolling15, BLOCK),
    zlib(4, Hash::Rolling15, BLOCK),
    zlib(5, Hash::Rolling15, BLOCK),
    zlib(7, Hash::Rolling15, BLOCK),
    zlib(8, Hash::Rolling15, BLOCK),
    // With `memLevel` 9.
    zlib(6, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(9, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(1, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(2, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(3, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(4, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(5, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(7, Hash::Rolling16, 2 * BLOCK + 1),
    zlib(8, Hash::Rolling16, 2 * BLOCK + 1),
    // Node, and so npm.
    zlib(6, Hash::Chromium, BLOCK),
    zlib(9, Hash::Chromium, BLOCK),
    zlib(1, Hash::Chromium, BLOCK),
    zlib(2, Hash::Chromium, BLOCK),
    zlib(3, Hash::Chromium, BLOCK),
    zlib(4, Hash::Chromium, BLOCK),
    zlib(5, Hash::Chromium, BLOCK),
    zlib(7, Hash::Chromium, BLOCK),
    zlib(8, Hash::Chromium, BLOCK),
    // zlib-ng and zlib-rs: maturin's wheels, .NET, Python on Windows. Levels 6, 5, 4, 3, 7, 8, 9, 2.
    ng(Way::Shifting, [8, 16, 128, 128]),
    ng(Way::Shifting, [8, 16, 32, 32]),
    ng(Way::Straight, [4, 12, 32, 24]),
    ng(Way::Straight, [4, 6, 16, 6]),
    ng(Way::Lazy, [8, 32, 128, 256]),
    ng(Way::Lazy, [32, 128, 258, 1024]),
    ng(Way::Lazy, [32, 258, 258, 4096]),
    ng(Way::Greedy, [4, 4, 8, 4]),
    // Go's compress/flate.
    go(6),
    go(9),
    go(4),
    go(5),
    go(7),
    go(8),
    // What does not look back.
    row(Way::Never, Hash::Rolling15, [0, 0, 0, 0]),
];
