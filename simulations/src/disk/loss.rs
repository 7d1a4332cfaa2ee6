//! What a power cut takes: chosen by whoever cuts, never by chance of its own.

/// What a power cut takes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None of it: it was written long ago.
    Nothing,
    /// All of it.
    Everything,
    /// The bytes, sizes and modes of files and the modes of folders; names come through. The file that was written,
    /// renamed and never synced is empty.
    Data,
    /// Names that came, went or changed their place; bytes and modes come through.
    Names,
    /// Something else of each file and folder, decided by the number: the same number takes the same.
    Chosen(u64),
}

/// Which part of a disk a choice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes, sizes and modes.
    Data,
    /// Names in a folder.
    Names,
}

/// The choices of one power cut, in the order in which they are asked for.
#[derive(Debug)]
pub(super) struct Choices {
    loss: Loss,
    state: u64,
}

impl Choices {
    pub(super) fn new(loss: Loss) -> Self {
        let state = match loss {
            Loss::Chosen(seed) => seed,
            Loss::Nothing | Loss::Everything | Loss::Data | Loss::Names => 0,
        };
        Self { loss, state }
    }

    /// How many of the first of `count` things come through.
    pub(super) fn survivors(&mut self, part: Part, count: usize) -> usize {
        match (self.loss, part) {
            (Loss::Everything, _) | (Loss::Data, Part::Data) | (Loss::Names, Part::Names) => 0,
            (Loss::Nothing, _) | (Loss::Data, Part::Names) | (Loss::Names, Part::Data) => count,
            (Loss::Chosen(_), _) => self.up_to(count),
        }
    }

    /// Whether a file keeps the size to which it was written, with zeros in place of what is lost.
    pub(super) fn size_outlives_bytes(&mut self) -> bool {
        matches!(self.loss, Loss::Chosen(_)) && self.up_to(1) == 1
    }

    /// A number up to `most`. All and nothing are as likely together as everything between: these are the cases
    /// in which programs err.
    fn up_to(&mut self, most: usize) -> usize {
        let drawn = self.draw();
        let within = (drawn >> 2) % (most as u64 + 1);
        match drawn & 3 {
            0 => 0,
            1 => most,
            _ => usize::try_from(within).unwrap_or(most),
        }
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.state;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^ (drawn >> 31)
    }
}
