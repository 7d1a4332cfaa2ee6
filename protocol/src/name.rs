//! Names of things: component, channel, network, target.
//!
//! Every way in (`FromStr`, `TryFrom`, decoding) runs the same check, so a value of these types is always
//! fit for a path, a topic or a table. Nothing here knows which names exist.

use std::{fmt, str::FromStr};

use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};

/// Text that is no name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {rule}")]
pub struct InvalidName {
    kind: &'static str,
    /// At most 80 characters of what was given, fit for a log.
    text: String,
    rule: &'static str,
}

/// At most `most` characters of a text that may be hostile, fit for a log or a terminal: a line end would forge
/// a line, an escape sequence would move the cursor, a mark of direction would turn the text around.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let one = |c: char| {
        let escaped = c.escape_debug();
        if matches!(c, '"' | '\'' | '\\') { c.to_string() } else { escaped.to_string() }
    };
    text.chars().take(most).map(one).collect()
}

/// What the first character and the others of a name may be.
struct Alphabet {
    first: fn(u8) -> bool,
    rest: fn(u8) -> bool,
}

fn lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_valid(text: &str, max: usize, alphabet: &Alphabet) -> bool {
    let bytes = text.as_bytes();
    match bytes.split_first() {
        None => false,
        Some((first, rest)) => {
            bytes.len() <= max
                && (alphabet.first)(*first)
                && rest.iter().all(|byte| (alphabet.rest)(*byte))
                && bytes.last().is_some_and(|last| *last != b'.')
        }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $kind:literal, max $max:literal, $rule:literal, $alphabet:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Longest name, in bytes.
            pub const MAX: usize = $max;

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn checked(text: &str) -> Result<Self, InvalidName> {
                if is_valid(text, Self::MAX, &$alphabet) {
                    return Ok(Self(text.to_owned()));
                }
                Err(InvalidName { kind: $kind, text: shown(text, 80), rule: $rule })
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::checked(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::checked(&text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Encode for $name {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.0.encode(encoder)
            }
        }

        impl<C> Decode<C> for $name {
            fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
                let text = String::decode(decoder)?;
                Self::checked(&text).map_err(|error| DecodeError::OtherString(error.to_string()))
            }
        }

        bincode::impl_borrow_decode!($name);
    )*};
}

names! {
    /// What is updated: a program, a library, a set of files with one version.
    ComponentName: "component name", max 64,
        "1 to 64 of a-z 0-9 . _ -, the first a letter or digit, the last not a dot",
        Alphabet { first: lower_or_digit, rest: |b| lower_or_digit(b) || matches!(b, b'.' | b'_' | b'-') };
    /// A line of releases that nodes follow, such as `stable`.
    ChannelName: "channel name", max 32,
        "1 to 32 of a-z 0-9 -, the first a letter or digit",
        Alphabet { first: lower_or_digit, rest: |b| lower_or_digit(b) || b == b'-' };
    /// What people call a network. Two networks may share it; their [`NetworkId`](crate::NetworkId) differs.
    NetworkName: "network name", max 32,
        "1 to 32 of a-z 0-9 -, the first a letter or digit",
        Alphabet { first: lower_or_digit, rest: |b| lower_or_digit(b) || b == b'-' };
    /// Who answers for several keys: a company, a person, a site.
    OperatorName: "operator name", max 32,
        "1 to 32 of a-z 0-9 -, the first a letter or digit",
        Alphabet { first: lower_or_digit, rest: |b| lower_or_digit(b) || b == b'-' };
    /// The kind of machine an artifact is for: a target triple, or `any`.
    Target: "target", max 64,
        "a target triple such as x86_64-unknown-linux-gnu, or `any`",
        Alphabet { first: lower_or_digit, rest: |b| lower_or_digit(b) || matches!(b, b'.' | b'_' | b'-') };
}

impl Target {
    /// The target of artifacts that run everywhere.
    pub const ANY: &'static str = "any";

    /// Whether an artifact for this target runs on a machine of `machine`.
    pub fn runs_on(&self, machine: &Self) -> bool {
        self.0 == Self::ANY || self == machine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        for name in ["demo-app", "0ad", "lib.so_2", "a"] {
            assert!(name.parse::<ComponentName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn names_that_could_leave_a_folder_or_fold_together_are_refused() {
        let long = "a".repeat(65);
        for name in
            ["", ".", "..", "../x", "a/b", "A", "-a", "a.", "ä", "a\0", "a b", long.as_str()]
        {
            assert!(name.parse::<ComponentName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_error_names_the_kind_and_the_rule() {
        let error = "Demo App".parse::<ComponentName>().expect_err("capitals");
        assert_eq!(
            error.to_string(),
            "`Demo App` is not a component name: 1 to 64 of a-z 0-9 . _ -, the first a letter or digit, the last not a dot"
        );
    }

    #[test]
    fn a_hostile_name_cannot_forge_a_line_or_steer_a_terminal() {
        for text in ["a\nINFO all is well", "\u{1b}[2J", "\u{202e}txt.exe", "a\0"] {
            let shown = text.parse::<ComponentName>().expect_err("no name").to_string();
            assert!(!shown.contains(['\n', '\u{1b}', '\u{202e}', '\0']), "{shown:?}");
        }
        assert_eq!(shown("it's \"ünïcode\" \\", 80), "it's \"ünïcode\" \\");
        assert_eq!(shown("four", 3), "fou");
    }

    #[test]
    fn any_runs_on_every_machine_and_a_triple_on_its_own() {
        let machine: Target = "x86_64-unknown-linux-gnu".parse().expect("triple");
        let other: Target = "aarch64-unknown-linux-gnu".parse().expect("triple");
        let any: Target = Target::ANY.parse().expect("any");
        assert!(any.runs_on(&machine) && machine.runs_on(&machine) && !other.runs_on(&machine));
    }
}
