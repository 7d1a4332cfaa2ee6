//! What happens in a random vote, and how it is written into a file.

use std::{fmt, str::FromStr};

use updraft_protocol::{Digest, Stance};

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    /// Time goes on by so many epochs.
    Wait(u64),
    /// An elector votes on a proposal at its node.
    Vote(usize, usize, Word),
    /// A liar says something with a number and an epoch of its choice, to one node.
    Lie(usize, usize, Word, u32, u64, usize),
    /// The message of this place among all so far reaches a node.
    Tell(usize, usize),
    /// The last messages, so many of them, reach everybody.
    Spread(usize),
    /// A height was reached, as the source of heights of one node says.
    Height(u64, usize),
    /// A node is started again from what it has kept.
    Restart(usize),
    /// The next root reaches a node.
    Root(usize),
    /// A node hears that an elector's key has taken itself back.
    Revoke(usize),
}

/// How somebody stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Word {
    Yes,
    No,
    Ready,
    Cancel,
}

const WORDS: [(Word, &str); 4] =
    [(Word::Yes, "yes"), (Word::No, "no"), (Word::Ready, "ready"), (Word::Cancel, "cancel")];

impl Word {
    pub(super) fn stance(self) -> Stance {
        match self {
            Self::Yes => Stance::Yes,
            Self::No => Stance::No,
            Self::Cancel => Stance::Cancel,
            Self::Ready => {
                Stance::Ready { artifact: Digest::of(b"artifact"), selftest: Digest::of(b"ok") }
            }
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = WORDS.iter().find(|(word, _)| word == self).map_or("", |(_, name)| *name);
        f.write_str(name)
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = WORDS.iter().find(|(_, name)| *name == text).map(|(word, _)| *word);
        word.ok_or_else(|| format!("`{text}` is no stance"))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(epochs) => write!(f, "wait {epochs}"),
            Self::Vote(elector, proposal, word) => write!(f, "vote {elector} {proposal} {word}"),
            Self::Lie(liar, proposal, word, seq, epoch, node) => {
                write!(f, "lie {liar} {proposal} {word} {seq} {epoch} {node}")
            }
            Self::Tell(message, node) => write!(f, "tell {message} {node}"),
            Self::Spread(messages) => write!(f, "spread {messages}"),
            Self::Height(height, node) => write!(f, "height {height} {node}"),
            Self::Restart(node) => write!(f, "restart {node}"),
            Self::Root(node) => write!(f, "root {node}"),
            Self::Revoke(node) => write!(f, "revoke {node}"),
        }
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || format!("`{line}` is no action");
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse().ok()).ok_or_else(wrong);
        let word = |at: usize| words.get(at).ok_or_else(wrong)?.parse();
        Ok(match words[0] {
            "wait" => Self::Wait(number(1)? as u64),
            "vote" => Self::Vote(number(1)?, number(2)?, word(3)?),
            "lie" => {
                let seq = u32::try_from(number(4)?).map_err(|_| wrong())?;
                Self::Lie(number(1)?, number(2)?, word(3)?, seq, number(5)? as u64, number(6)?)
            }
            "tell" => Self::Tell(number(1)?, number(2)?),
            "spread" => Self::Spread(number(1)?),
            "height" => Self::Height(number(1)? as u64, number(2)?),
            "restart" => Self::Restart(number(1)?),
            "root" => Self::Root(number(1)?),
            "revoke" => Self::Revoke(number(1)?),
            _ => return Err(wrong()),
        })
    }
}

/// A list of actions, one a line.
pub(super) fn in_words(actions: &[Action]) -> String {
    actions.iter().map(|action| format!("{action}\n")).collect()
}

/// Reads what [`in_words`] writes, with empty lines and comments.
pub(super) fn from_words(text: &str) -> Result<Vec<Action>, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::parse).collect()
}
