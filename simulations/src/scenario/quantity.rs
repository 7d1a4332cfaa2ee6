//! Times, rates and shares as people write them in a scenario: `30ms`, `20Mbit/s`, `5%`.
//!
//! Whole numbers with a unit, as in the node's configuration; a number without one is refused.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};
use updraft_node::config::{InvalidQuantity, parse_quantity, parse_size, show_size};
use updraft_protocol::ReleaseVersion;

/// Microseconds of virtual time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// Microseconds by which a clock is wrong: ahead, or behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skew(pub i64);

/// Bytes a second that a line carries one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineRate(pub u64);

/// Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Parts of a million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

/// The version of a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub ReleaseVersion);

/// A time, or one that chance picks between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The earliest.
    pub from: Time,
    /// The latest.
    pub to: Time,
}

const TIMES: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];
const TIME_UNITS: &str = "us ms s m h d";
/// Bits a second, as lines are sold.
const BITS: [(&str, u64); 3] = [("kbit/s", 125), ("Mbit/s", 125_000), ("Gbit/s", 125_000_000)];
const RATE_UNITS: &str = "kbit/s Mbit/s Gbit/s KiB/s MiB/s GiB/s";

impl Time {
    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// This part of a number, rounded to the nearest.
    pub fn of(self, number: usize) -> usize {
        let parts = number as u128 * u128::from(self.0);
        usize::try_from((parts + 500_000) / 1_000_000).unwrap_or(usize::MAX)
    }

    /// How many of so many things happen in a time if this part of them does in each minute.
    pub fn a_minute(self, number: usize, time: Time) -> u64 {
        (self.of(number) as u64).saturating_mul(time.0) / Time::from_secs(60).0
    }

    /// Between 0 and 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

fn show(value: u64, table: &[(&str, u64)]) -> String {
    let exact =
        table.iter().rev().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (unit, factor) = exact.copied().unwrap_or(table[0]);
    format!("{}{unit}", value / factor)
}

impl FromStr for Time {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        parse_quantity(text, &TIMES, TIME_UNITS).map(Self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if self.0 == 0 { "0s".to_owned() } else { show(self.0, &TIMES) })
    }
}

impl FromStr for Skew {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let (text, sign) = match text.strip_prefix('-') {
            Some(rest) => (rest, -1),
            None => (text.strip_prefix('+').unwrap_or(text), 1),
        };
        let value = parse_quantity(text, &TIMES, TIME_UNITS)?;
        i64::try_from(value).map(|value| Self(sign * value)).map_err(|_| InvalidQuantity::Overflow)
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.0 < 0 { "-" } else { "" }, Time(self.0.unsigned_abs()))
    }
}

impl FromStr for LineRate {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let form = InvalidQuantity::Form { units: RATE_UNITS };
        let rate = match text.strip_suffix("/s") {
            Some(size) if !size.ends_with("bit") => {
                parse_size(size).map_err(|error| match error {
                    InvalidQuantity::Form { .. } => form.clone(),
                    InvalidQuantity::Overflow => InvalidQuantity::Overflow,
                })?
            }
            _ => parse_quantity(text, &BITS, RATE_UNITS)?,
        };
        if rate == 0 { Err(form) } else { Ok(Self(rate)) }
    }
}

impl fmt::Display for LineRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(BITS[0].1) {
            f.write_str(&show(self.0, &BITS))
        } else {
            write!(f, "{}/s", show_size(self.0))
        }
    }
}

impl FromStr for Size {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        parse_size(text).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_size(self.0))
    }
}

/// Digits after the point of a share that are read: a share counts in parts of a million.
const DECIMALS: usize = 4;

impl FromStr for Share {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let form = || InvalidQuantity::Form { units: "%, from 0% to 100%" };
        let digits = text.strip_suffix('%').ok_or_else(form)?;
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > DECIMALS || !is_number(whole) || !is_number(part) {
            return Err(form());
        }
        let parts: u32 = format!("{whole}{part:0<DECIMALS$}").parse().map_err(|_| form())?;
        if parts > Self::ALL.0 { Err(form()) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        let part = format!("{part:0DECIMALS$}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            part => write!(f, "{whole}.{part}%"),
        }
    }
}

impl FromStr for Version {
    type Err = <ReleaseVersion as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Span {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let span = Self { from: from.parse()?, to: to.parse()? };
        let form = InvalidQuantity::Form { units: "us ms s m h d, the earlier time first" };
        if span.to < span.from { Err(form) } else { Ok(span) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            return self.from.fmt(f);
        }
        write!(f, "{}..{}", self.from, self.to)
    }
}

macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(|error| de::Error::custom(format!("`{text}` is {error}")))
            }
        }

        impl Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )*};
}
as_text!(Time, Skew, LineRate, Size, Share, Span, Version);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_shown_again() {
        for text in ["30ms", "90us", "10m", "0s", "3d"] {
            assert_eq!(text.parse::<Time>().map(|time| time.to_string()), Ok(text.to_owned()));
        }
        for text in ["20Mbit/s", "1Gbit/s", "56kbit/s", "3B/s"] {
            assert_eq!(text.parse::<LineRate>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        for (text, parts) in [("5%", 50_000), ("0.01%", 100), ("100%", 1_000_000)] {
            assert_eq!(text.parse(), Ok(Share(parts)));
            assert_eq!(Share(parts).to_string(), text);
        }
        assert_eq!("2MiB/s".parse(), Ok(LineRate(2 << 20)));
        assert_eq!("-10m".parse(), Ok(Skew(-600_000_000)));
        assert_eq!("+1s".parse::<Skew>().map(|skew| skew.to_string()), Ok("1s".to_owned()));
        let span = Span { from: Time(0), to: Time::from_secs(30) };
        assert_eq!("0s..30s".parse(), Ok(span));
        assert_eq!((span.to_string().as_str(), Share(333_333).of(9)), ("0s..30s", 3));
    }

    #[test]
    fn what_has_no_unit_or_makes_no_sense_is_refused() {
        assert!(["30", "ms", "1.5s", "-1s", ""].iter().all(|text| text.parse::<Time>().is_err()));
        let rates = ["0Mbit/s", "20Mbit", "20", "20MB/s"];
        assert!(rates.iter().all(|text| text.parse::<LineRate>().is_err()));
        let shares = ["101%", "-1%", "5", ".5%", "1.23456%", "%", "1.x%"];
        assert!(shares.iter().all(|text| text.parse::<Share>().is_err()));
        assert!("30s..1s".parse::<Span>().is_err());
    }
}
