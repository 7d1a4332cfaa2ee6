//! The text of a draft, `updraft-root-draft/1`. Pure: text in, text out.
//!
//! ```text
//! updraft-root-draft/1
//! message  rotate carol
//! chosen   stable
//! root     b3:…
//! signed
//!   <hexadecimal, 64 digits a line>
//! ```
//! What counts is under `signed`: the encoded root and the signatures so far. Mail may change the line ends.
//! The digest catches what else it does to a text; it proves nothing about who wrote it.

use std::collections::BTreeSet;

use updraft_protocol::{ChannelName, Root, Signed, Wire, codec};

use super::{DraftError, RootDraft, is_line};

const FIRST_LINE: &str = "updraft-root-draft/1";
/// Bytes of a line.
const LINE: usize = 32;
/// Most bytes of a draft's text: every byte as two digits, with line ends and indents, and a few lines before, of
/// which one may name every channel.
pub const MAX_DRAFT: usize = Signed::<Root>::MAX * 9 / 4 + 8 * 1024;

impl RootDraft {
    /// The text of a file.
    pub fn to_text(&self) -> Result<String, DraftError> {
        let bytes = codec::encode(&self.signed)?;
        let chosen: Vec<_> = self.chosen.iter().map(ChannelName::as_str).collect();
        let mut text = format!(
            "{FIRST_LINE}\nmessage  {}\nchosen   {}\nroot     {}\nsigned\n",
            self.message,
            if chosen.is_empty() { "-".to_owned() } else { chosen.join(" ") },
            self.signed.digest()
        );
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
        let mut lines = text.lines().map(str::trim_end);
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong("its first line is another"));
        }
        let mut field = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)).map(str::trim);
            line.ok_or_else(|| DraftError::NotADraft(format!("the line `{name}` is missing")))
        };
        let message = field("message")?.to_owned();
        if !is_line(&message) {
            return Err(DraftError::Message);
        }
        let chosen = field("chosen")?.to_owned();
        let digest = field("root")?.to_owned();
        field("signed")?;
        let digits: String = lines.map(str::trim).collect();
        let bytes = bytes(&digits).ok_or_else(|| wrong("it has other than hexadecimal digits"))?;
        let signed: Signed<Root> = codec::decode(&bytes)
            .map_err(|error| DraftError::NotADraft(format!("a part is missing: {error}")))?;
        if signed.digest().to_string() != digest {
            return Err(wrong("it was changed on its way"));
        }
        let root = signed.peek().map_err(|error| DraftError::NotADraft(error.to_string()))?;
        let chosen = chosen.split_whitespace().filter(|word| *word != "-");
        let chosen: BTreeSet<ChannelName> = chosen
            .map(|name| name.parse().map_err(|_| wrong("it names no channel as chosen")))
            .collect::<Result<_, _>>()?;
        if chosen.iter().any(|channel| root.base(channel).is_none()) {
            return Err(wrong("a channel that was chosen goes on from nowhere"));
        }
        Ok(Self { message, chosen, root, signed })
    }

    /// Whether a text says of itself that it is a draft.
    pub fn is_claimed_by(text: &[u8]) -> bool {
        text.starts_with(FIRST_LINE.as_bytes())
    }
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
