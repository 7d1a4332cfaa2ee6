//! The journal: one durable line for each step, written before or after the step as the machine asks.
//!
//! A line is `length (2 bytes) ‖ first 8 bytes of the BLAKE3 hash of the text ‖ text`. Reading stops at the
//! first line that is not whole; what follows it was never promised to anybody. What is longer than one line is
//! not the work of a crash, so a copy of it is kept.
//!
//! What was read is never appended to: after a sync that failed, the system may show a line that never reached the
//! disk, and lines after it would be lost with it. The first step of a handle is written into a new file, behind
//! all that was read, and that file takes the place of the journal.

use std::{
    fmt::Display,
    io::{self, Read as _, Write as _},
    str::{FromStr, SplitAsciiWhitespace},
};

use updraft_protocol::{
    Timestamp,
    broken::{self, Break},
};

use super::{
    beneath::Folder,
    disk::{DiskFile, Kind},
    error::InstallError,
    machine::Record,
};

const NAME: &str = "journal";
const TEMPORARY: &str = ".journal.tmp";
const DAMAGED: &str = "journal.damaged";
/// First line of every journal.
const FORMAT: &str = "FORMAT 1";
/// Longest text of a line: three versions of 64 bytes, a digest and names take less than half of it.
const MAX_TEXT: usize = 512;
/// Bytes before the text.
const PREFIX: usize = 2 + 8;
/// A journal of more bytes is shortened as soon as nothing is under way: about 300 installations.
const CONDENSE_OVER: u64 = 64 * 1024;
/// A journal of more bytes was not written by this program.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The open journal.
#[derive(Debug)]
pub(super) struct Journal {
    /// What this handle has written; `None` before its first step.
    file: Option<Box<dyn DiskFile>>,
    /// The lines that were read, until they are written anew.
    read: Vec<u8>,
    bytes: u64,
    lines: u64,
}

impl Journal {
    /// Reads the journal, if there is one, and gives what it says. Changes nothing of it.
    pub(super) fn open(root: &Folder) -> Result<(Self, Vec<Record>), InstallError> {
        let mut read = read(root)?;
        if broken::is(Break::JournalIsForgotten) {
            read.clear();
        }
        let (lines, whole) = split(&read);
        let records = lines.iter().filter(|line| **line != FORMAT).map(|line| parse(line));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let mut lines = lines.len() as u64;
        if read.len() - whole > PREFIX + MAX_TEXT {
            tracing::warn!(journal = %root.path_of(NAME).display(), "damaged; a copy is kept");
            root.write_durable(TEMPORARY, DAMAGED, &read)?;
        }
        read.truncate(whole);
        if lines == 0 {
            (read, lines) = (line(FORMAT), 1);
        }
        Ok((Self { file: None, bytes: read.len() as u64, read, lines }, records))
    }

    /// A number that no earlier line of this journal was given.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Writes a step; durable when it returns. After an error nobody knows what is on the disk, and the
    /// journal has to be opened again.
    pub(super) fn append(&mut self, root: &Folder, record: &Record) -> Result<(), InstallError> {
        self.append_text(root, &text(record))
    }

    fn append_text(&mut self, root: &Folder, text: &str) -> Result<(), InstallError> {
        let line = line(text);
        if let Some(file) = &mut self.file {
            root.step_on_file("append", NAME)
                .and_then(|()| file.write_all(&line))
                .map_err(InstallError::io("write", root.path_of(NAME)))?;
            if !broken::is(Break::JournalIsNotSynced) {
                root.sync_file(&**file, NAME)?;
            }
        } else {
            self.file = Some(replace(root, &[&self.read[..], &line].concat())?);
            self.read = Vec::new();
        }
        self.bytes += line.len() as u64;
        self.lines += 1;
        Ok(())
    }

    /// Whether it is worth shortening.
    pub(super) fn is_long(&self) -> bool {
        self.bytes > CONDENSE_OVER
    }

    /// Puts a journal of these steps in the place of this one.
    pub(super) fn rewrite(
        &mut self,
        root: &Folder,
        records: &[Record],
    ) -> Result<(), InstallError> {
        let texts = std::iter::once(FORMAT.to_owned()).chain(records.iter().map(text));
        let bytes: Vec<u8> = texts.flat_map(|text| line(&text)).collect();
        self.file = Some(replace(root, &bytes)?);
        self.read = Vec::new();
        self.bytes = bytes.len() as u64;
        self.lines = records.len() as u64 + 1;
        Ok(())
    }
}

/// The bytes of the journal; none if there is none.
fn read(root: &Folder) -> Result<Vec<u8>, InstallError> {
    let mut bytes = Vec::new();
    let Some(file) = root.file(NAME)? else { return Ok(bytes) };
    let path = root.path_of(NAME);
    let failed = InstallError::io("read", &path);
    let done = match file.look_at() {
        Ok(found) if found.kind != Kind::File => Err(io::Error::other("not a regular file")),
        Ok(_) => file.take(MAX_BYTES + 1).read_to_end(&mut bytes),
        Err(error) => Err(error),
    };
    if done.map_err(failed)? as u64 > MAX_BYTES {
        return Err(InstallError::JournalTooLong { path, limit: MAX_BYTES });
    }
    Ok(bytes)
}

/// Puts a journal of these bytes in the place of the one there is, and opens it for more.
fn replace(root: &Folder, bytes: &[u8]) -> Result<Box<dyn DiskFile>, InstallError> {
    root.write_durable(TEMPORARY, NAME, bytes)?;
    root.log_file(NAME)
}

fn checksum(text: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(text).as_bytes();
    [a, b, c, d, e, f, g, h]
}

fn line(text: &str) -> Vec<u8> {
    let length =
        u16::try_from(text.len()).expect("lines have versions of at most 64 bytes in them");
    [&length.to_le_bytes()[..], &checksum(text.as_bytes()), text.as_bytes()].concat()
}

/// The texts of the whole lines at the beginning, and how many bytes they take.
fn split(bytes: &[u8]) -> (Vec<&str>, usize) {
    let (mut lines, mut at) = (Vec::new(), 0);
    while let Some((text, rest)) = first_line(&bytes[at..]) {
        lines.push(text);
        at = bytes.len() - rest.len();
    }
    (lines, at)
}

fn first_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (text, rest) = rest.split_at_checked(length)?;
    let is_whole = (1..=MAX_TEXT).contains(&length) && checksum(text) == *sum;
    Some((std::str::from_utf8(text).ok().filter(|_| is_whole)?, rest))
}

/// A word for something that may not be there.
fn word<T: Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn text(record: &Record) -> String {
    let name = record.name();
    match record {
        Record::Intent { to, tree, attempt } => format!("{name} {to} {tree} {attempt}"),
        Record::Staged { to } => format!("{name} {to}"),
        Record::Drop => name.to_owned(),
        Record::Try { to, at } => format!("{name} {to} {}", at.as_seconds()),
        Record::Revert { to, at } => format!("{name} {} {}", word(to.as_ref()), at.as_seconds()),
        Record::Commit { version } | Record::Gone { version } => format!("{name} {version}"),
        Record::Slot { version, tree, since } => {
            let since = since.map(Timestamp::as_seconds);
            format!("{name} {version} {tree} {}", word(since.as_ref()))
        }
        Record::Active { version, previous } => {
            format!("{name} {} {}", word(version.as_ref()), word(previous.as_ref()))
        }
    }
}

fn parse(line: &str) -> Result<Record, InstallError> {
    let mut words = line.split_ascii_whitespace();
    parse_words(&mut words)
        .filter(|_| words.next().is_none())
        .ok_or_else(|| InstallError::UnknownLine { line: line.chars().take(80).collect() })
}

fn parse_words(words: &mut SplitAsciiWhitespace<'_>) -> Option<Record> {
    fn next<T: FromStr>(words: &mut SplitAsciiWhitespace<'_>) -> Option<T> {
        words.next()?.parse().ok()
    }
    fn maybe<T: FromStr>(words: &mut SplitAsciiWhitespace<'_>) -> Option<Option<T>> {
        match words.next()? {
            "-" => Some(None),
            word => word.parse().ok().map(Some),
        }
    }
    let time = |seconds: u64| Timestamp::from_seconds(seconds);
    Some(match words.next()? {
        "INTENT" => Record::Intent { to: next(words)?, tree: next(words)?, attempt: next(words)? },
        "STAGED" => Record::Staged { to: next(words)? },
        "DROP" => Record::Drop,
        "TRY" => Record::Try { to: next(words)?, at: time(next(words)?) },
        "REVERT" => Record::Revert { to: maybe(words)?, at: time(next(words)?) },
        "COMMIT" => Record::Commit { version: next(words)? },
        "GONE" => Record::Gone { version: next(words)? },
        "SLOT" => Record::Slot {
            version: next(words)?,
            tree: next(words)?,
            since: maybe(words)?.map(time),
        },
        "ACTIVE" => Record::Active { version: maybe(words)?, previous: maybe(words)? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use updraft_protocol::{Digest, ReleaseVersion};

    use super::*;
    use crate::install::{real_disk::RealDisk, steps::Steps};

    fn version(text: &str) -> ReleaseVersion {
        text.parse().expect("a version")
    }

    fn records() -> Vec<Record> {
        let (version, tree) = (version("1.0.0-rc.1"), Digest::of(b"tree"));
        let at = Timestamp::from_seconds(7);
        vec![
            Record::Intent { to: version.clone(), tree, attempt: 3 },
            Record::Staged { to: version.clone() },
            Record::Drop,
            Record::Try { to: version.clone(), at },
            Record::Revert { to: None, at },
            Record::Revert { to: Some(version.clone()), at },
            Record::Commit { version: version.clone() },
            Record::Gone { version: version.clone() },
            Record::Slot { version: version.clone(), tree, since: None },
            Record::Slot { version: version.clone(), tree, since: Some(at) },
            Record::Active { version: Some(version), previous: None },
        ]
    }

    fn root(dir: &tempfile::TempDir) -> Folder {
        let disk = RealDisk::open(dir.path()).expect("opens");
        Folder::root(Arc::new(disk), dir.path(), Steps::default())
    }

    #[test]
    fn every_line_reads_back_after_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = Journal::open(&root(&dir)).expect("opens");
        for record in records() {
            journal.append(&root(&dir), &record).expect("written");
        }
        assert_eq!(Journal::open(&root(&dir)).expect("opens").1, records());
        journal.rewrite(&root(&dir), &records()[..2]).expect("shortened");
        journal.append(&root(&dir), &Record::Drop).expect("written");
        assert_eq!(Journal::open(&root(&dir)).expect("opens").1, records()[..3]);
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_lines_and_goes_on() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(NAME);
        let (mut journal, _) = Journal::open(&root(&dir)).expect("opens");
        for record in records() {
            journal.append(&root(&dir), &record).expect("written");
        }
        let bytes = std::fs::read(&path).expect("reads");
        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).expect("writes");
            let (mut journal, read) = Journal::open(&root(&dir)).expect("opens");
            assert_eq!(read, records()[..read.len()]);
            journal.append(&root(&dir), &Record::Drop).expect("goes on");
            let again = Journal::open(&root(&dir)).expect("opens").1;
            assert_eq!(again, [&read[..], &[Record::Drop]].concat());
        }
    }

    #[test]
    fn a_flipped_bit_is_never_read_as_a_step_and_the_rest_is_copied() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(NAME);
        let (mut journal, _) = Journal::open(&root(&dir)).expect("opens");
        for record in records() {
            journal.append(&root(&dir), &record).expect("written");
        }
        let bytes = std::fs::read(&path).expect("reads");
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            std::fs::write(&path, &flipped).expect("writes");
            let (journal, read) = Journal::open(&root(&dir)).expect("opens");
            assert_eq!(read, records()[..read.len()]);
            let damaged = dir.path().join(DAMAGED);
            let cut = bytes.len() - usize::try_from(journal.bytes).expect("fits");
            assert_eq!(damaged.exists(), cut > PREFIX + MAX_TEXT, "{at}");
            let _ = std::fs::remove_file(damaged);
        }
    }

    #[test]
    fn a_line_of_a_later_version_is_refused_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = Journal::open(&root(&dir)).expect("opens");
        journal.append_text(&root(&dir), "PROBE 1.0.0").expect("written");
        let before = std::fs::read(dir.path().join(NAME)).expect("reads");
        assert!(matches!(Journal::open(&root(&dir)), Err(InstallError::UnknownLine { .. })));
        assert_eq!(std::fs::read(dir.path().join(NAME)).expect("reads"), before);
    }

    #[test]
    fn words_too_many_or_too_few_are_no_step() {
        for line in ["COMMIT", "COMMIT 1.0.0 x", "TRY 1.0.0 -1", "REVERT x 1", "DROP it", ""] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
