//! Numbers as people read them, each with its unit. The same number always gives the same text.

use std::time::Duration;

use serde::Serialize;
use updraft_node::cli::words;

use crate::scenario::Counted;

/// What is shown where there is no number.
pub(super) const NONE: &str = "–";

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Seconds of the run's own clock.
    Seconds,
    /// Bytes.
    Bytes,
    /// A part of something, from 0 to 1.
    Part,
    /// Things.
    Things,
    /// How many times as much as something else.
    Times,
}

impl Unit {
    /// A number of this unit.
    pub fn show(self, number: f64) -> String {
        match self {
            Self::Seconds => seconds(number),
            Self::Bytes => bytes(number),
            Self::Part => part(number),
            Self::Things => things(number),
            Self::Times => ratio(number),
        }
    }
}

/// The unit of what a scenario counts.
pub(super) fn of(what: Counted) -> Unit {
    match what {
        Counted::GossipBytes | Counted::FetchedBytes => Unit::Bytes,
        Counted::SeederShare | Counted::Duplicates => Unit::Part,
        Counted::Lookups | Counted::Accusations | Counted::FailedInstalls | Counted::Alarms => {
            Unit::Things
        }
    }
}

/// A time: `812 ms`, `8.90 s`, `83.2 s`, `2 min 5 s`.
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    if seconds >= 119.95 {
        // Far below the end of a `Duration`: a run lasts at most a thousand days.
        return Duration::try_from_secs_f64(seconds.round())
            .map_or_else(|_| NONE.to_owned(), words::span);
    }
    match seconds {
        0.0 => "0 s".to_owned(),
        0.0..0.9995 => format!("{:.0} ms", seconds * 1e3),
        0.9995..9.995 => format!("{seconds:.2} s"),
        _ => format!("{seconds:.1} s"),
    }
}

/// A moment of a run in seconds, to the millisecond, so that it can be found in a timeline.
pub(super) fn exact(seconds: f64) -> String {
    if seconds.is_finite() { format!("{seconds:.3}") } else { NONE.to_owned() }
}

/// A round time on a scale: `5 s` where a measured one is `5.00 s`.
pub(super) fn tick(time: f64) -> String {
    if (1.0..119.5).contains(&time) && (time - time.round()).abs() < 1e-6 {
        return format!("{time:.0} s");
    }
    seconds(time)
}

/// A size: `412 KiB`, `13.0 MiB`.
pub fn bytes(bytes: f64) -> String {
    whole(bytes).map_or_else(|| NONE.to_owned(), words::size)
}

/// A part of something: `0 %`, `0.4 %`, `37.5 %`.
pub fn part(part: f64) -> String {
    if !part.is_finite() {
        return NONE.to_owned();
    }
    let percent = part * 100.0;
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        0.0..0.1 => format!("{percent:.3} %"),
        _ => format!("{percent:.1} %"),
    }
}

/// How many times as much: `1.12 ×`.
pub fn ratio(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.2} ×") } else { NONE.to_owned() }
}

/// A rate as lines are sold: `20 Mbit/s`.
pub fn rate(bytes_a_second: u64) -> String {
    const UNITS: [(&str, u128); 3] =
        [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000)];
    let bits = u128::from(bytes_a_second) * 8;
    let (unit, factor) =
        UNITS.into_iter().find(|(_, factor)| bits >= *factor).unwrap_or(("bit/s", 1));
    let tenths = (bits * 10 + factor / 2) / factor;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {unit}"),
        (whole, tenth) => format!("{whole}.{tenth} {unit}"),
    }
}

/// A number of things, in groups of three digits: `1 250 000`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            // A narrow space that does not break a line.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Whole things, or with one digit a mean of them.
fn things(number: f64) -> String {
    match whole(number) {
        Some(things) if number.fract() == 0.0 => count(things),
        Some(_) => format!("{number:.1}"),
        None => NONE.to_owned(),
    }
}

/// The nearest whole number, if there is one.
pub(super) fn whole(number: f64) -> Option<u64> {
    /// All whole numbers up to this one are exact as `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 2^53, where every whole number has a `u64`"
    )]
    (0.0..=EXACT).contains(&number).then(|| number.round() as u64)
}

/// A whole number for a picture, where the last digits do not matter.
#[expect(clippy::cast_precision_loss, reason = "pictures have a thousand points in each direction")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

/// What part `some` is of `all`; none of nothing.
pub(super) fn part_of(some: u64, all: u64) -> f64 {
    if all == 0 { f64::NAN } else { float(some) / float(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_units() {
        let times = [0.0, 0.0123, 1.0, 8.8999, 83.21, 119.9, 125.4, 90_061.0, f64::NAN, -1.0];
        assert_eq!(
            times.map(seconds),
            [
                "0 s",
                "12 ms",
                "1.00 s",
                "8.90 s",
                "83.2 s",
                "119.9 s",
                "2 min 5 s",
                "1 d 1 h",
                "–",
                "–"
            ]
        );
        assert_eq!([0.0, 0.0004, 0.375, 1.0].map(part), ["0 %", "0.040 %", "37.5 %", "100.0 %"]);
        assert_eq!(
            [2_500_000, 125, 7_000, 1, 156_250_000].map(rate),
            ["20 Mbit/s", "1 kbit/s", "56 kbit/s", "8 bit/s", "1.3 Gbit/s"]
        );
        assert_eq!(
            [0, 999, 1_000, 1_250_000].map(count),
            ["0", "999", "1\u{202f}000", "1\u{202f}250\u{202f}000"]
        );
        assert_eq!([1.12, f64::INFINITY].map(ratio), ["1.12 ×", "–"]);
        assert_eq!([20_971_520.0, f64::INFINITY, -1.0].map(bytes), ["20.0 MiB", "–", "–"]);
        assert_eq!([3.0, 3.25].map(|n| Unit::Things.show(n)), ["3", "3.2"]);
    }

    #[test]
    fn a_time_does_not_jump_where_its_unit_changes() {
        assert_eq!(
            [0.0, 0.5, 5.0, 90.0, 120.0].map(tick),
            ["0 s", "500 ms", "5 s", "90 s", "2 min"]
        );
        assert_eq!(
            [0.9994, 0.9996, 9.994, 9.996, 119.94, 119.96].map(seconds),
            ["999 ms", "1.00 s", "9.99 s", "10.0 s", "119.9 s", "2 min"]
        );
    }
}
