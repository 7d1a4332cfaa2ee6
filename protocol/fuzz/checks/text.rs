//! What holds for every text that was read: writing it and reading it again gives the same value.

use std::{
    fmt::{Debug, Display},
    str::{FromStr, from_utf8},
};

use bech32::{Bech32m, Hrp};
use updraft_protocol::{PublicKey, Ticket, codec, ticket::InvalidTicket};

use super::{Outcome, refused, show};

/// The value that text is, and its own form of writing it.
fn value<T>(bytes: &[u8]) -> Result<(T, String), Outcome>
where
    T: FromStr<Err: Display + Debug> + Display + Debug + PartialEq,
{
    let text = from_utf8(bytes).map_err(|_| Outcome::Refused)?;
    let value: T = text.parse().map_err(|error| refused(&error))?;
    show(&value);
    let written = value.to_string();
    match written.parse::<T>() {
        Ok(again) => assert_eq!(again, value, "{written} reads back as something else"),
        Err(error) => panic!("{written} does not read back: {error}"),
    }
    Ok((value, written))
}

/// A type that can be written in several ways: spaces around it, capitals, without a prefix.
pub(super) fn with_other_forms<T>(bytes: &[u8]) -> Outcome
where
    T: FromStr<Err: Display + Debug> + Display + Debug + PartialEq,
{
    value::<T>(bytes).map_or_else(|refusal| refusal, |_| Outcome::Read)
}

/// A type of which every text that reads is the only one of its value: it stands inside signed bytes.
pub(super) fn with_one_form<T>(bytes: &[u8]) -> Outcome
where
    T: FromStr<Err: Display + Debug> + Display + Debug + PartialEq,
{
    value::<T>(bytes).map_or_else(
        |refusal| refusal,
        |(_, written)| {
            assert_eq!(written.as_bytes(), bytes, "read in one form and written in another");
            Outcome::Read
        },
    )
}

/// Bytes as one line with a right checksum; `None` if they are too many for one.
fn armoured(prefix: &str, bytes: &[u8]) -> Option<String> {
    bech32::encode::<Bech32m>(Hrp::parse(prefix).expect("a prefix"), bytes).ok()
}

/// A ticket's line reads as what its bytes read as.
pub(super) fn armoured_ticket(bytes: &[u8]) -> Outcome {
    let Some(line) = armoured("updraft", bytes) else { return Outcome::Refused };
    let read = line.parse::<Ticket>();
    assert_eq!(read, codec::decode(bytes).map_err(InvalidTicket::Contents));
    match read {
        Ok(ticket) => {
            assert_eq!(ticket.to_string(), line);
            Outcome::Read
        }
        Err(error) => refused(&error),
    }
}

/// A public key's line reads as what its bytes read as, and no two lines are one key.
pub(super) fn armoured_public_key(bytes: &[u8]) -> Outcome {
    let Some(line) = armoured("updk", bytes) else { return Outcome::Refused };
    let read = line.parse::<PublicKey>();
    if let Ok(bytes) = <[u8; 32]>::try_from(bytes) {
        assert_eq!(read, PublicKey::from_bytes(&bytes));
    }
    match read {
        Ok(key) => {
            assert_eq!((key.to_string(), &key.as_bytes()[..]), (line, bytes));
            Outcome::Read
        }
        Err(error) => refused(&error),
    }
}
