//! How fast things go on one machine: what is assumed, and what was measured. Pure: durations are arguments.
//!
//! A rate is a mean that forgets: the last few measurements count most, so that a machine that has become busy, or has
//! moved to another line, is known as what it is now. Whoever keeps the text form loses nothing but a memory if it is
//! damaged.

use std::{collections::BTreeMap, fmt, num::NonZeroU64, str::FromStr, time::Duration};

use updraft_protocol::PatchCodec;

/// What goes at a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    /// What this node's own line takes in.
    Line,
    /// What one holder gives.
    Holder,
    /// Contents written when a whole artifact is unpacked.
    Unpack,
    /// Contents written when a plain patch is applied.
    Plain,
    /// Contents written when a fast patch is applied.
    Fast,
    /// Contents written when a dense patch is applied.
    Dense,
}

/// How fast things go here; bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// [`Gauge::Line`].
    pub line: NonZeroU64,
    /// [`Gauge::Holder`].
    pub holder: NonZeroU64,
    /// [`Gauge::Unpack`].
    pub unpack: NonZeroU64,
    /// [`Gauge::Plain`].
    pub plain: NonZeroU64,
    /// [`Gauge::Fast`].
    pub fast: NonZeroU64,
    /// [`Gauge::Dense`].
    pub dense: NonZeroU64,
}

/// What was measured on this machine, as means in bytes per second. As text a line for each: its name and its number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measured(BTreeMap<Gauge, NonZeroU64>);

/// This is not what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no list of measured rates")]
pub struct NotMeasured;

/// Fewer bytes than these say nothing: starting, syncing and waiting for an answer take as long as they do.
pub const LEAST_BYTES: u64 = 1024 * 1024;

/// No machine is slower or faster than this; a number beyond is a clock that jumped, or a disk that rotted.
const SLOWEST: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");
const FASTEST: NonZeroU64 = NonZeroU64::new(10_000_000_000).expect("not zero");

/// A measurement counts for a quarter of the mean: what is ten measurements old counts for a twentieth.
const SHARE: u128 = 4;

impl Gauge {
    /// All of them, in their order.
    pub const ALL: [Self; 6] =
        [Self::Line, Self::Holder, Self::Unpack, Self::Plain, Self::Fast, Self::Dense];

    /// What applying a patch of this codec is measured as.
    pub fn of(codec: PatchCodec) -> Self {
        match codec {
            PatchCodec::BsdiffZstd => Self::Plain,
            PatchCodec::RefdiffFast => Self::Fast,
            PatchCodec::RefdiffDense => Self::Dense,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Holder => "holder",
            Self::Unpack => "unpack",
            Self::Plain => "plain",
            Self::Fast => "fast",
            Self::Dense => "dense",
        }
    }
}

impl Rates {
    /// What is assumed until it was measured: a line of 100 Mbit/s, holders that give 20, and what unpacking and
    /// patching give on one core of the machine on which `cargo bench -p updraft-delta` was run last, rounded down. A
    /// wrong guess costs a few seconds, never correctness.
    pub const ASSUMED: Self = Self {
        line: NonZeroU64::new(12_500_000).expect("not zero"),
        holder: NonZeroU64::new(2_500_000).expect("not zero"),
        unpack: NonZeroU64::new(200_000_000).expect("not zero"),
        plain: NonZeroU64::new(60_000_000).expect("not zero"),
        fast: NonZeroU64::new(50_000_000).expect("not zero"),
        dense: NonZeroU64::new(4_000_000).expect("not zero"),
    };

    /// One of them.
    pub fn of(&self, gauge: Gauge) -> NonZeroU64 {
        match gauge {
            Gauge::Line => self.line,
            Gauge::Holder => self.holder,
            Gauge::Unpack => self.unpack,
            Gauge::Plain => self.plain,
            Gauge::Fast => self.fast,
            Gauge::Dense => self.dense,
        }
    }
}

impl Measured {
    /// Takes a measurement: `bytes` in `took`. Says whether it counts.
    pub fn note(&mut self, gauge: Gauge, bytes: u64, took: Duration) -> bool {
        if bytes < LEAST_BYTES {
            return false;
        }
        let seen = rate(bytes, took);
        let mean = self.0.get(&gauge).map_or(seen, |mean| mixed(*mean, seen));
        self.0.insert(gauge, mean);
        true
    }

    /// How fast things go: as measured, else as assumed.
    pub fn rates(&self) -> Rates {
        let of = |gauge| self.0.get(&gauge).copied().unwrap_or(Rates::ASSUMED.of(gauge));
        Rates {
            line: of(Gauge::Line),
            holder: of(Gauge::Holder),
            unpack: of(Gauge::Unpack),
            plain: of(Gauge::Plain),
            fast: of(Gauge::Fast),
            dense: of(Gauge::Dense),
        }
    }
}

/// Bytes per second, within what a machine can be.
fn rate(bytes: u64, took: Duration) -> NonZeroU64 {
    let nanos = took.as_nanos().max(1);
    let rate = u128::from(bytes) * 1_000_000_000 / nanos;
    NonZeroU64::new(u64::try_from(rate).unwrap_or(u64::MAX)).map_or(SLOWEST, within)
}

fn within(rate: NonZeroU64) -> NonZeroU64 {
    rate.clamp(SLOWEST, FASTEST)
}

fn mixed(mean: NonZeroU64, seen: NonZeroU64) -> NonZeroU64 {
    let mixed = (u128::from(mean.get()) * (SHARE - 1) + u128::from(seen.get())) / SHARE;
    let mixed = u64::try_from(mixed).ok().and_then(NonZeroU64::new);
    within(mixed.expect("a mean lies between what it is of"))
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(gauge, rate)| writeln!(f, "{} {rate}", gauge.as_str()))
    }
}

impl FromStr for Measured {
    type Err = NotMeasured;

    /// Every line has to be what is written: what is damaged in one place is believed in none.
    fn from_str(text: &str) -> Result<Self, NotMeasured> {
        let mut measured = Self::default();
        for line in text.lines() {
            let (name, number) = line.split_once(' ').ok_or(NotMeasured)?;
            let gauge = Gauge::ALL.into_iter().find(|gauge| gauge.as_str() == name);
            let rate: NonZeroU64 = number.parse().map_err(|_| NotMeasured)?;
            if within(rate) != rate || measured.0.insert(gauge.ok_or(NotMeasured)?, rate).is_some()
            {
                return Err(NotMeasured);
            }
        }
        Ok(measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_not_measured_is_assumed_and_the_first_measurement_counts_in_full() {
        let mut measured = Measured::default();
        assert_eq!(measured.rates(), Rates::ASSUMED);
        assert!(measured.note(Gauge::Dense, 9_000_000, SECOND));
        let expected =
            Rates { dense: NonZeroU64::new(9_000_000).expect("not zero"), ..Rates::ASSUMED };
        assert_eq!(measured.rates(), expected);
    }

    #[test]
    fn later_measurements_count_for_a_quarter() {
        let mut measured = Measured::default();
        measured.note(Gauge::Fast, 40_000_000, SECOND);
        measured.note(Gauge::Fast, 80_000_000, SECOND);
        assert_eq!(measured.rates().fast.get(), 50_000_000);
        for _ in 0..40 {
            measured.note(Gauge::Fast, 10_000_000, SECOND);
        }
        assert!(measured.rates().fast.get() < 10_100_000);
    }

    #[test]
    fn a_few_bytes_say_nothing() {
        let mut measured = Measured::default();
        assert!(!measured.note(Gauge::Plain, LEAST_BYTES - 1, SECOND));
        assert_eq!(measured, Measured::default());
        assert!(measured.note(Gauge::Plain, LEAST_BYTES, SECOND));
    }

    #[test]
    fn no_machine_is_slower_or_faster_than_the_bounds() {
        let mut measured = Measured::default();
        measured.note(Gauge::Line, LEAST_BYTES, Duration::MAX);
        measured.note(Gauge::Unpack, u64::MAX, Duration::ZERO);
        assert_eq!((measured.rates().line, measured.rates().unpack), (SLOWEST, FASTEST));
    }

    #[test]
    fn text_says_the_same_and_anything_else_says_nothing() {
        let mut measured = Measured::default();
        for (number, gauge) in (3..).zip(Gauge::ALL) {
            assert_eq!(measured.to_string().parse(), Ok(measured.clone()));
            measured.note(gauge, number * 1_000_000, SECOND);
        }
        let text = measured.to_string();
        assert_eq!(text.parse(), Ok(measured));
        assert!(text.starts_with("line 3000000\nholder 4000000\n"), "{text}");
        let slow = "fast 999\n";
        let wrong =
            ["fast", "fast 0\n", "fast -1\n", "slow 5000\n", "fast 5000\nfast 5000\n", slow];
        for text in wrong {
            assert_eq!(text.parse::<Measured>(), Err(NotMeasured), "{text:?}");
        }
        assert!("fast 1000\n".parse::<Measured>().is_ok());
        assert!("fast 10000000001\n".parse::<Measured>().is_err());
    }
}
