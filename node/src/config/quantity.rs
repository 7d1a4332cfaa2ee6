//! Durations, sizes and rates as people write them: `90s`, `512MiB`, `2MiB/s`.
//!
//! Whole numbers with a unit and nothing else; a number without a unit is refused, because seconds and
//! minutes, or bytes and megabytes, are too far apart to guess.

use std::{fmt, num::NonZeroU64, str::FromStr, time::Duration};

/// Units of time with their seconds, the largest last.
const TIMES: [(&str, u64); 5] =
    [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 7 * 86_400)];

/// Units of size with their bytes, the largest last.
const SIZES: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Text that is no quantity of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// It is not a whole number followed by one of the units.
    #[error("not a whole number with one of the units {units}")]
    Form {
        /// The units there are.
        units: &'static str,
    },
    /// It does not fit into 64 bits.
    #[error("too large")]
    Overflow,
}

/// A whole number with one of the units of a table, in the unit that counts 1. `units` names them in the error.
pub fn parse_quantity(
    text: &str,
    table: &[(&str, u64)],
    units: &'static str,
) -> Result<u64, InvalidQuantity> {
    let form = || InvalidQuantity::Form { units };
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(form)?;
    let (digits, unit) = text.split_at(split);
    let (_, factor) = table.iter().find(|(name, _)| *name == unit).ok_or_else(form)?;
    if digits.is_empty() {
        return Err(form());
    }
    let number: u64 = digits.parse().map_err(|_| InvalidQuantity::Overflow)?;
    number.checked_mul(*factor).ok_or(InvalidQuantity::Overflow)
}

/// A duration such as `90s`, `15m`, `8h`, `3d` or `6w`.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidQuantity> {
    parse_quantity(text, &TIMES, "s m h d w").map(Duration::from_secs)
}

/// A size such as `512MiB`, in bytes.
pub fn parse_size(text: &str) -> Result<u64, InvalidQuantity> {
    parse_quantity(text, &SIZES, "B KiB MiB GiB TiB")
}

/// A size in the largest unit that shows it exactly, so that it can be read back.
pub fn show_size(bytes: u64) -> String {
    let exact =
        SIZES.iter().rev().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    let (unit, factor) = exact.copied().unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

/// How many bytes may move in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// As many as the line takes.
    Unlimited,
    /// At most this many bytes.
    BytesPerSecond(NonZeroU64),
}

impl Rate {
    /// Bytes in one second; `None` without a limit.
    pub const fn bytes_per_second(self) -> Option<NonZeroU64> {
        match self {
            Self::Unlimited => None,
            Self::BytesPerSecond(rate) => Some(rate),
        }
    }
}

impl FromStr for Rate {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        const UNITS: &str = "B/s KiB/s MiB/s GiB/s";
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let size = text.strip_suffix("/s").ok_or(InvalidQuantity::Form { units: UNITS })?;
        NonZeroU64::new(parse_quantity(size, &SIZES, UNITS)?)
            .map(Self::BytesPerSecond)
            .ok_or(InvalidQuantity::Form { units: UNITS })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::BytesPerSecond(bytes) => write!(f, "{}/s", show_size(bytes.get())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("8h", 28_800), ("3d", 259_200), ("6w", 3_628_800)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        assert_eq!("unlimited".parse(), Ok(Rate::Unlimited));
        assert_eq!("2MiB/s".parse::<Rate>().map(|rate| rate.to_string()), Ok("2MiB/s".to_owned()));
    }

    #[test]
    fn what_has_no_unit_or_another_one_is_refused() {
        for text in ["", "90", "s", "1.5h", "-1s", "5 m", "5min", "1S", "٣s"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
        for text in ["", "512", "512MB", "MiB", "1 GiB", "1gib"] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
        for text in ["0B/s", "2MiB", "2MiB/m", "none"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_instead_of_wrapping() {
        assert_eq!(parse_size("99999999999TiB"), Err(InvalidQuantity::Overflow));
        assert_eq!(parse_duration("99999999999999999999w"), Err(InvalidQuantity::Overflow));
    }

    proptest! {
        #[test]
        fn a_size_that_was_shown_can_be_read_back(bytes: u64) {
            prop_assert_eq!(parse_size(&show_size(bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String) {
            let _ = (parse_duration(&text), parse_size(&text), text.parse::<Rate>());
        }
    }
}
