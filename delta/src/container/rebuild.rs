//! Packs a stream again by its recipe.
//!
//! Nothing of a recipe is trusted: whatever it says, the result has the announced length and inflates to the bytes
//! that went in, or there is none. Time and memory have bounds that follow from those bytes. Must give the same on
//! every machine and with every later version of this program.

use super::{
    bits::{BitReader, BitWriter},
    blocks,
    guess::Guess,
    habits::{HABITS, Habits},
    huffman::Lengths,
    inflate::{MAX_REPEAT, MAX_TOKENS, Token, WINDOW},
    recipe::{odd, wrong},
    search::same,
    trees::Plan,
};
use crate::{error::StreamError, patch::varint};

/// Steps that may be taken for each byte, on average; a step takes some 6 ns. Wheels of numpy at level 9 take 152
/// at most, contents made for it 4,096.
const WORK: u64 = 256;

/// Steps that packing so many bytes may take.
pub(super) fn most_work(raw: usize) -> u64 {
    // Short streams are not worth a verdict.
    (raw as u64 + 4096).saturating_mul(WORK)
}

/// Packs again what a stream of `packed` bytes held.
pub(super) fn rebuild(raw: &[u8], recipe: &[u8], packed: usize) -> Result<Vec<u8>, StreamError> {
    let out = up_to(raw, recipe, packed)?;
    if out.len() < packed {
        return Err(StreamError::Rest);
    }
    Ok(out)
}

/// Packs again what a stream of at most so many bytes held.
pub(super) fn up_to(raw: &[u8], recipe: &[u8], most: usize) -> Result<Vec<u8>, StreamError> {
    let mut said = Said { bytes: recipe };
    let row = said.size()?;
    let habits = HABITS.get(row).ok_or(StreamError::Recipe)?;
    let of_blocks = said.size()?;
    let blocks = Said { bytes: said.take(of_blocks)? };
    let mut reader = Reader {
        raw,
        habits,
        guess: Guess::new(raw, habits),
        work: most_work(raw.len()),
        at: 0,
        blocks,
        ordinary: 0,
        tokens: said,
        right: 0,
        kind: 0,
        out: BitWriter::default(),
        most,
    };
    reader.next_odd()?;
    reader.next_wrong()?;
    let mut tokens = Vec::new();
    loop {
        let last = reader.block(&mut tokens)?;
        if reader.out.len() > most {
            return Err(StreamError::Long);
        }
        if last {
            break;
        }
    }
    let used_up = reader.ordinary == u64::MAX && reader.right == u64::MAX;
    if reader.at != raw.len() || !used_up {
        return Err(StreamError::Recipe);
    }
    let out = reader.out.finish();
    if out.len() > most {
        return Err(StreamError::Long);
    }
    Ok(out)
}

/// What of a recipe has not been read.
struct Said<'a> {
    bytes: &'a [u8],
}

impl<'a> Said<'a> {
    fn number(&mut self) -> Result<u64, StreamError> {
        let mut number = varint::Partial::default();
        loop {
            match number.push(self.byte()?) {
                varint::Step::More => {}
                varint::Step::Done(value) => return Ok(value),
                varint::Step::Bad => return Err(StreamError::Recipe),
            }
        }
    }

    fn size(&mut self) -> Result<usize, StreamError> {
        usize::try_from(self.number()?).map_err(|_| StreamError::Recipe)
    }

    fn byte(&mut self) -> Result<u8, StreamError> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], StreamError> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(StreamError::Recipe)?;
        self.bytes = rest;
        Ok(taken)
    }
}

/// How one block is to be written.
struct Form<'a> {
    kind: u8,
    last: bool,
    count: Option<usize>,
    /// Codes of its own: bits, and the bytes they stand in.
    header: Option<(usize, &'a [u8])>,
}

/// A stream in the making.
struct Reader<'a> {
    raw: &'a [u8],
    habits: &'a Habits,
    guess: Guess<'a>,
    /// Steps that it may take.
    work: u64,
    /// Bytes of `raw` that are done.
    at: usize,
    blocks: Said<'a>,
    /// Blocks as expected until the next that is not; `u64::MAX` when none is left that is not.
    ordinary: u64,
    tokens: Said<'a>,
    /// Tokens as guessed until the next that is not; `u64::MAX` when none is left that is not.
    right: u64,
    /// What kind that one is.
    kind: u64,
    out: BitWriter,
    /// Bytes that may come out.
    most: usize,
}

impl<'a> Reader<'a> {
    fn next_odd(&mut self) -> Result<(), StreamError> {
        self.ordinary =
            if self.blocks.bytes.is_empty() { u64::MAX } else { self.blocks.number()? };
        Ok(())
    }

    fn next_wrong(&mut self) -> Result<(), StreamError> {
        self.right = u64::MAX;
        if !self.tokens.bytes.is_empty() {
            let number = self.tokens.number()?;
            (self.right, self.kind) = (number >> 2, number & 3);
        }
        Ok(())
    }

    /// Writes one block; whether it is the last.
    fn block(&mut self, tokens: &mut Vec<Token>) -> Result<bool, StreamError> {
        let form = if self.ordinary > 0 {
            self.ordinary -= u64::from(self.ordinary < u64::MAX);
            None
        } else {
            let form = self.form()?;
            self.next_odd()?;
            Some(form)
        };
        if let Some(Form { kind: odd::STORED, last, count, .. }) = form {
            self.stored(count.ok_or(StreamError::Recipe)?, last)?;
            return Ok(last);
        }
        let from = self.at;
        self.tokens(tokens, form.as_ref().and_then(|form| form.count))?;
        let last = form.as_ref().map_or(self.at == self.raw.len(), |form| form.last);
        let raw = &self.raw[from..self.at];
        if let Some(Form { header: Some((bits, bytes)), .. }) = form {
            let mut reader = BitReader::new(bytes);
            let lengths = Lengths::read(&mut reader)?;
            if reader.position() != bits {
                return Err(StreamError::Recipe);
            }
            // Only for its check of the lengths.
            lengths.decoders()?;
            blocks::begin(&mut self.out, 2, last);
            self.out.put_bits_of(bytes, bits);
            blocks::tokens(&mut self.out, &lengths, tokens, raw)?;
            return Ok(last);
        }
        let plan = Plan::new(&blocks::count(tokens, raw));
        if form.map_or(plan.fixed, |form| form.kind == odd::FIXED) {
            blocks::begin(&mut self.out, 1, last);
            blocks::tokens(&mut self.out, Lengths::fixed(), tokens, raw)?;
        } else {
            blocks::begin(&mut self.out, 2, last);
            let bits = plan.header.bits();
            self.out.put_bits_of(&plan.header.finish(), bits);
            blocks::tokens(&mut self.out, &plan.own, tokens, raw)?;
        }
        Ok(last)
    }

    /// Reads how a block that is not as expected is written.
    fn form(&mut self) -> Result<Form<'a>, StreamError> {
        let byte = self.blocks.byte()?;
        if byte > 15 {
            return Err(StreamError::Recipe);
        }
        let kind = byte & 3;
        let count = if byte & odd::COUNTED != 0 { Some(self.blocks.size()?) } else { None };
        let header = if kind == odd::GIVEN {
            let bits = self.blocks.size()?;
            Some((bits, self.blocks.take(bits.div_ceil(8))?))
        } else {
            None
        };
        Ok(Form { kind, last: byte & odd::LAST != 0, count, header })
    }

    fn stored(&mut self, size: usize, last: bool) -> Result<(), StreamError> {
        let bytes = self.raw[self.at..].get(..size).ok_or(StreamError::Recipe)?;
        if size > self.most.saturating_sub(self.out.len()) {
            return Err(StreamError::Long);
        }
        blocks::begin(&mut self.out, 0, last);
        blocks::stored(&mut self.out, bytes)?;
        self.at += size;
        self.guess.pass(u32::try_from(size).map_err(|_| StreamError::Recipe)?);
        Ok(())
    }

    /// The tokens of a block: so many, or as many as zlib puts into one.
    fn tokens(&mut self, tokens: &mut Vec<Token>, count: Option<usize>) -> Result<(), StreamError> {
        tokens.clear();
        let most = count.unwrap_or(self.habits.block);
        if most > MAX_TOKENS {
            return Err(StreamError::Recipe);
        }
        while tokens.len() < most && self.at < self.raw.len() {
            let guess = self.guess.token();
            let token = if self.right == 0 {
                let token = self.wrong(guess)?;
                self.next_wrong()?;
                token
            } else {
                self.right -= u64::from(self.right < u64::MAX);
                guess
            };
            self.guess.commit(token);
            self.at += token.len as usize;
            tokens.push(token);
            if self.guess.work() > self.work {
                return Err(StreamError::Work);
            }
        }
        if count.is_some_and(|count| tokens.len() < count) {
            return Err(StreamError::Recipe);
        }
        Ok(())
    }

    /// Reads the token that stands where another was guessed.
    fn wrong(&mut self, guess: Token) -> Result<Token, StreamError> {
        if self.kind == wrong::LITERAL {
            return if guess.is_literal() { Err(StreamError::Recipe) } else { Ok(Token::LITERAL) };
        }
        let distance = if self.kind == wrong::LENGTH {
            guess.distance
        } else {
            let [near, far] = [self.tokens.byte()?, self.tokens.byte()?];
            u32::from(u16::from_le_bytes([near, far])) + 1
        };
        let here = &self.raw[self.at..];
        let from = self.at.checked_sub(distance as usize).ok_or(StreamError::Recipe)?;
        let same = same(here, &self.raw[from..], here.len().min(MAX_REPEAT));
        let len =
            if self.kind == wrong::LONGEST { same } else { usize::from(self.tokens.byte()?) + 3 };
        let token = Token { len: u32::try_from(len).map_err(|_| StreamError::Recipe)?, distance };
        let possible = (1..=WINDOW).contains(&(distance as usize)) && (3..=same).contains(&len);
        if !possible || token == guess {
            return Err(StreamError::Recipe);
        }
        Ok(token)
    }
}
