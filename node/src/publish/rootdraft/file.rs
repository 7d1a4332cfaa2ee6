//! The text of a draft, `updraft-root-draft/1`. Pure: text in, text out.
//!
//! ```text
//! updraft-root-draft/1
//! message  rotate carol
//! chosen   stable
//! counted  b3:… b3:…
//! struck   b3:…
//! root     b3:…
//! signed
//!   <hexadecimal, 64 digits a line>
//! ```
//! `counted` and `struck` are there only if somebody listed votes or struck some off.
//! What counts is under `signed`: the encoded root and the signatures so far. Mail may change the line ends.
//! The digest catches what else it does to a text; it proves nothing about who wrote it.

use std::{collections::BTreeSet, str::FromStr};

use updraft_protocol::{Root, Signed, Wire, codec, limits::MAX_COUNTED};

use super::{DraftError, RootDraft, choice::Choice, is_line};

const FIRST_LINE: &str = "updraft-root-draft/1";
const COUNTED: &str = "counted  ";
const STRUCK: &str = "struck   ";
/// Bytes of a line.
const LINE: usize = 32;
/// Bytes of a digest and of what parts it from the next.
const DIGEST: usize = "b3:".len() + 64 + " ".len();
/// Most bytes of a draft's text: every byte as two digits, with line ends and indents, and a few lines before, of
/// which one may name every channel and two may name as many votes as a root.
pub const MAX_DRAFT: usize = Signed::<Root>::MAX * 9 / 4 + 8 * 1024 + 2 * MAX_COUNTED * DIGEST;

impl RootDraft {
    /// The text of a file.
    pub fn to_text(&self) -> Result<String, DraftError> {
        let bytes = codec::encode(&self.signed)?;
        let Choice { channels, counted, struck } = &self.chosen;
        let chosen = if channels.is_empty() { "-".to_owned() } else { words(channels) };
        let mut text = format!("{FIRST_LINE}\nmessage  {}\nchosen   {chosen}\n", self.message);
        for (name, votes) in [(COUNTED, counted), (STRUCK, struck)] {
            if !votes.is_empty() {
                text.push_str(&format!("{name}{}\n", words(votes)));
            }
        }
        text.push_str(&format!("root     {}\nsigned\n", self.signed.digest()));
        for line in bytes.chunks(LINE) {
            text.push_str("  ");
            line.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`DraftError::NotADraft`].
    pub fn parse(text: &str) -> Result<Self, DraftError> {
        let wrong = |reason: &str| DraftError::NotADraft(reason.to_owned());
        if text.len() > MAX_DRAFT {
            return Err(DraftError::NotADraft(format!("it is over {MAX_DRAFT} bytes")));
        }
        let mut lines = text.lines().map(str::trim_end).peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong("its first line is another"));
        }
        let message = field(&mut lines, "message")?.to_owned();
        if !is_line(&message) {
            return Err(DraftError::Message);
        }
        let channels = field(&mut lines, "chosen")?;
        let mut votes = |name: &str| match lines.next_if(|line| line.starts_with(name)) {
            Some(line) => named(&line[name.len()..], "it names a vote by no digest"),
            None => Ok(BTreeSet::new()),
        };
        let (counted, struck) = (votes(COUNTED)?, votes(STRUCK)?);
        let channels = if channels == "-" { "" } else { channels };
        let channels = named(channels, "it names no channel as chosen")?;
        let chosen = Choice { channels, counted, struck };
        let digest = field(&mut lines, "root")?.to_owned();
        field(&mut lines, "signed")?;
        let digits: String = lines.map(str::trim).collect();
        let bytes = bytes(&digits).ok_or_else(|| wrong("it has other than hexadecimal digits"))?;
        let signed: Signed<Root> = codec::decode(&bytes)
            .map_err(|error| DraftError::NotADraft(format!("a part is missing: {error}")))?;
        if signed.digest().to_string() != digest {
            return Err(wrong("it was changed on its way"));
        }
        let root = signed.peek().map_err(|error| DraftError::NotADraft(error.to_string()))?;
        chosen.fits(&root).map_err(wrong)?;
        Ok(Self { message, chosen, root, signed })
    }

    /// Whether a text says of itself that it is a draft.
    pub fn is_claimed_by(text: &[u8]) -> bool {
        text.starts_with(FIRST_LINE.as_bytes())
    }
}

/// The rest of the line that begins with this name.
fn field<'a>(lines: &mut impl Iterator<Item = &'a str>, name: &str) -> Result<&'a str, DraftError> {
    let line = lines.next().and_then(|line| line.strip_prefix(name)).map(str::trim);
    line.ok_or_else(|| DraftError::NotADraft(format!("the line `{name}` is missing")))
}

/// What the words of a line name.
fn named<T: FromStr + Ord>(line: &str, wrong: &str) -> Result<BTreeSet<T>, DraftError> {
    let names = line.split_whitespace().map(str::parse);
    names.collect::<Result<_, _>>().map_err(|_| DraftError::NotADraft(wrong.to_owned()))
}

fn words<T: ToString>(names: &BTreeSet<T>) -> String {
    names.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let byte = |at: usize| {
        let pair = &digits[at..at + 2];
        // `from_str_radix` takes a sign.
        let plain = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        plain.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    (0..digits.len()).step_by(2).map(byte).collect()
}
