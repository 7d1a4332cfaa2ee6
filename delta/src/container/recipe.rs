//! What it takes to pack a stream again exactly as it was: whose habits it shows, and where it departs from them.
//!
//! ```text
//!  row of `habits`, bytes of blocks, blocks…, tokens…
//!  blocks: how many are as expected, then one that is not; again and again
//!  tokens: (how many are as guessed) × 4 + kind of the one that is not, and what it is; again and again
//! ```
//!
//! A stream of an encoder whose habits are known has a recipe of two bytes. Must never say that a stream can be
//! packed again without having done it.

use super::{
    bits::BitReader,
    blocks,
    guess::Guess,
    habits::{HABITS, Habits},
    inflate::{Block, Inflate, Kind, MAX_REPEAT, Token, Tokens},
    rebuild::{most_work, rebuild},
    search::same,
    trees::Plan,
};
use crate::{error::StreamError, patch::varint};

/// How a block that is not as expected is written: the lowest two bits of its first byte.
pub(super) mod odd {
    /// As it is.
    pub(in crate::container) const STORED: u8 = 0;
    /// With the fixed codes.
    pub(in crate::container) const FIXED: u8 = 1;
    /// With the codes that zlib would give it.
    pub(in crate::container) const OWN: u8 = 2;
    /// With codes that stand in the recipe, as they do in the stream.
    pub(in crate::container) const GIVEN: u8 = 3;
    /// Added when it is the last block.
    pub(in crate::container) const LAST: u8 = 4;
    /// Added when its number of tokens, or of stored bytes, follows.
    pub(in crate::container) const COUNTED: u8 = 8;
}

/// What stands where another token was guessed: the lowest two bits of the number that says where.
pub(super) mod wrong {
    /// A literal.
    pub(in crate::container) const LITERAL: u64 = 0;
    /// A repeat from as far back as guessed, of another length; less 3, the length follows.
    pub(in crate::container) const LENGTH: u64 = 1;
    /// A repeat as long as can be from elsewhere; less 1, the distance follows in two bytes.
    pub(in crate::container) const LONGEST: u64 = 2;
    /// A repeat; the distance and the length follow.
    pub(in crate::container) const BOTH: u64 = 3;
}

/// A recipe is at most this part of its stream, and compressed some 30 % of it: the recipes of 7-Zip's and zopfli's
/// streams, which show no habits that are known here. With more there would be little left to win.
pub(super) const WORTH: usize = 2;

/// Bytes of a stream that are tried with all habits before the likeliest of them see the whole stream.
const SAMPLE: usize = 64 << 10;

/// As many habits see the whole stream.
const FINALISTS: usize = 4;

/// How to pack a stream again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe(pub(super) Vec<u8>);

impl Recipe {
    /// For a stream and what it holds. `None` if no recipe gives it back or none is short enough.
    pub(super) fn new(packed: &[u8], raw: &[u8]) -> Option<Self> {
        let bytes = shortest(packed, raw)?;
        // Whatever was thought above, this alone counts.
        let again = rebuild(raw, &bytes, packed.len()).ok()?;
        (again == packed).then_some(Self(bytes))
    }

    /// Its bytes; the smaller, the better its encoder is known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// No recipe is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn shortest(packed: &[u8], raw: &[u8]) -> Option<Vec<u8>> {
    let most = packed.len() / WORTH;
    // Nearly all streams are of zlib's usual level, and are told by it at once.
    let nearly_none = most.min(16 + packed.len() / 1024).min(4096);
    if let Some(recipe) = write(packed, raw, 0, raw.len(), nearly_none) {
        return Some(recipe);
    }
    let whole = raw.len() <= SAMPLE;
    // The sample ends with a block, which may hold several times as much.
    let share = if whole { most } else { most.min(64 + 4 * (most / (raw.len() / SAMPLE))) };
    let mut tried: Vec<(usize, usize)> = Vec::new();
    let mut least = share;
    for row in 0..HABITS.len() {
        if let Some(recipe) = write(packed, raw, row, SAMPLE, share.min(2 * least + 32)) {
            least = least.min(recipe.len());
            tried.push((recipe.len(), row));
        }
    }
    tried.sort_unstable();
    let mut best: Option<Vec<u8>> = None;
    for (_, row) in tried.into_iter().take(if whole { 1 } else { FINALISTS }) {
        let most = best.as_ref().map_or(most, |best| best.len() - 1);
        best = write(packed, raw, row, raw.len(), most).or(best);
    }
    best
}

/// The recipe by one row of habits, of the blocks up to where so many bytes came; `None` when it gets longer than
/// `most` or the row takes too many steps.
pub(super) fn write(
    packed: &[u8],
    raw: &[u8],
    row: usize,
    until: usize,
    most: usize,
) -> Option<Vec<u8>> {
    let mut stream = Inflate::new(packed);
    let mut tokens = Tokens::default();
    let mut recipe = Writer::new(packed, raw, &HABITS[row], most);
    loop {
        tokens.clear();
        let block = stream.block(&mut tokens).ok()?;
        recipe.block(&block, tokens.as_slice()).ok()?;
        // Blocks without bytes may follow the last byte.
        if block.last || (until..raw.len()).contains(&recipe.at) {
            return recipe.finish(row).ok();
        }
    }
}

/// Which codes a block has.
struct Codes {
    /// One of `odd`.
    kind: u8,
    /// zlib would have chosen them.
    expected: bool,
    /// The bits that say which they are, how many and in which bytes, if zlib has no such codes.
    given: Option<(usize, Vec<u8>)>,
}

/// A recipe in the making.
struct Writer<'a> {
    packed: &'a [u8],
    raw: &'a [u8],
    habits: &'a Habits,
    guess: Guess<'a>,
    /// Bytes of `raw` that are done.
    at: usize,
    most: usize,
    blocks: Vec<u8>,
    /// Blocks as expected since the last one that was not.
    ordinary: u64,
    tokens: Vec<u8>,
    /// Tokens as guessed since the last one that was not.
    right: u64,
}

impl<'a> Writer<'a> {
    fn new(packed: &'a [u8], raw: &'a [u8], habits: &'a Habits, most: usize) -> Self {
        let guess = Guess::new(raw, habits);
        let (blocks, tokens) = (Vec::new(), Vec::new());
        Self { packed, raw, habits, guess, at: 0, most, blocks, ordinary: 0, tokens, right: 0 }
    }

    fn block(&mut self, block: &Block, tokens: &[Token]) -> Result<(), StreamError> {
        let from = self.at;
        for token in tokens {
            self.token(*token)?;
        }
        let codes = match &block.kind {
            Kind::Stored(size) => {
                self.at += size;
                self.guess.pass(u32::try_from(*size).expect("65,535 at most"));
                Codes { kind: odd::STORED, expected: false, given: None }
            }
            kind => {
                let plan = Plan::new(&blocks::count(tokens, &self.raw[from..]));
                self.codes(kind, plan)?
            }
        };
        let ended = self.at == self.raw.len();
        let counted = match block.kind {
            Kind::Stored(size) => Some(size),
            _ if tokens.len() == self.habits.block => None,
            _ => (!ended || tokens.len() > self.habits.block).then_some(tokens.len()),
        };
        if codes.expected && counted.is_none() && block.last == ended {
            self.ordinary += 1;
            return Ok(());
        }
        varint::push(&mut self.blocks, std::mem::take(&mut self.ordinary));
        let last = if block.last { odd::LAST } else { 0 };
        self.blocks.push(codes.kind | last | counted.map_or(0, |_| odd::COUNTED));
        if let Some(count) = counted {
            varint::push(&mut self.blocks, count as u64);
        }
        if let Some((bits, bytes)) = codes.given {
            varint::push(&mut self.blocks, bits as u64);
            self.blocks.extend_from_slice(&bytes);
        }
        self.check()
    }

    /// How a block that has codes is to be written.
    fn codes(&self, kind: &Kind, plan: Plan) -> Result<Codes, StreamError> {
        let Kind::Own(header) = kind else {
            return Ok(Codes { kind: odd::FIXED, expected: plan.fixed, given: None });
        };
        let (bits, bytes) = (plan.header.bits(), plan.header.finish());
        let written = BitReader::copy(self.packed, header.clone())?;
        if bits == header.len() && bytes == written {
            return Ok(Codes { kind: odd::OWN, expected: !plan.fixed, given: None });
        }
        Ok(Codes { kind: odd::GIVEN, expected: false, given: Some((header.len(), written)) })
    }

    #[inline]
    fn token(&mut self, token: Token) -> Result<(), StreamError> {
        let guess = self.guess.token();
        if token == guess {
            self.right += 1;
        } else {
            self.wrong(token, guess);
        }
        self.check()?;
        self.guess.commit(token);
        self.at += token.len as usize;
        Ok(())
    }

    fn wrong(&mut self, token: Token, guess: Token) {
        let here = &self.raw[self.at..];
        let there = &self.raw[self.at - token.distance as usize..];
        let longest = || same(here, there, here.len().min(MAX_REPEAT)) == token.len as usize;
        let kind = if token.is_literal() {
            wrong::LITERAL
        } else if token.distance == guess.distance {
            wrong::LENGTH
        } else if longest() {
            wrong::LONGEST
        } else {
            wrong::BOTH
        };
        varint::push(&mut self.tokens, std::mem::take(&mut self.right) << 2 | kind);
        let [near, far, ..] = token.distance.wrapping_sub(1).to_le_bytes();
        let [len, ..] = token.len.wrapping_sub(3).to_le_bytes();
        match kind {
            wrong::LITERAL => {}
            wrong::LENGTH => self.tokens.push(len),
            wrong::LONGEST => self.tokens.extend([near, far]),
            _ => self.tokens.extend([near, far, len]),
        }
    }

    fn len(&self) -> usize {
        // The row, and the length of what is said of blocks, of two bytes where that matters.
        3 + self.blocks.len() + self.tokens.len()
    }

    fn check(&self) -> Result<(), StreamError> {
        if self.len() > self.most {
            return Err(StreamError::Recipe);
        }
        if self.guess.work() > most_work(self.raw.len()) {
            return Err(StreamError::Work);
        }
        Ok(())
    }

    fn finish(self, row: usize) -> Result<Vec<u8>, StreamError> {
        self.check()?;
        let mut recipe = Vec::with_capacity(self.len());
        varint::push(&mut recipe, row as u64);
        varint::push(&mut recipe, self.blocks.len() as u64);
        recipe.extend_from_slice(&self.blocks);
        recipe.extend_from_slice(&self.tokens);
        Ok(recipe)
    }
}
