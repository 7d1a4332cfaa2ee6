//! How fast things go on this machine: measured while releases are fetched and built, and kept in the data directory from
//! one start to the next. Blocks where it keeps.
//!
//! Nothing depends on it but which of several good ways is taken: a file that is lost or damaged is a memory lost, and
//! never a reason not to start.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use updraft_delta::{Gauge, Measured, Rates};

use super::{context::lock, route::Means};
use crate::{memory, whole};

/// Bytes of what is kept: six lines, none longer than 18. A longer file is something else.
const MAX_FILE: u64 = 256;
/// Where the kernel does not say how much memory there is: what the least of today's machines has, halved.
const USUAL_MEMORY: u64 = 1024 * 1024 * 1024;

/// The gauges of one node. All clones are the same ones.
#[derive(Debug, Clone)]
pub(super) struct Gauges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    measured: Mutex<Measured>,
    /// Where it is kept. Whoever writes holds the lock, so that what is written last was measured last.
    file: Mutex<PathBuf>,
    memory: u64,
}

impl Gauges {
    /// With what was measured before. Blocks.
    pub(super) fn open(file: PathBuf) -> Self {
        let measured = read(&file).unwrap_or_else(|error| {
            let file = file.display();
            tracing::warn!(%file, %error, "how fast this machine is was forgotten, and is measured anew");
            Measured::default()
        });
        let memory = memory::total().map_or(USUAL_MEMORY, |total| total / 2);
        Self(Arc::new(Inner { measured: Mutex::new(measured), file: Mutex::new(file), memory }))
    }

    /// What this machine has for making contents, as far as is known now.
    pub(super) fn means(&self) -> Means {
        Means { rates: self.rates(), memory: self.0.memory }
    }

    fn rates(&self) -> Rates {
        lock(&self.0.measured).rates()
    }

    /// Contents were written. Blocks.
    pub(super) fn wrote(&self, gauge: Gauge, bytes: u64, took: Duration) {
        if lock(&self.0.measured).note(gauge, bytes, took) {
            self.keep();
        }
    }

    /// A blob came, so much from each holder that gave of it. Blocks.
    ///
    /// What all gave together is taken for the line: if it was not the line that held them up, then no line that is any
    /// wider would have helped. The next fetch from more holders shows it.
    pub(super) fn fetched(&self, given: &[u64], took: Duration) {
        let total: u64 = given.iter().sum();
        let holders = u64::try_from(given.len()).unwrap_or(u64::MAX).max(1);
        let counts = {
            let mut measured = lock(&self.0.measured);
            let line = measured.note(Gauge::Line, total, took);
            line | measured.note(Gauge::Holder, total / holders, took)
        };
        if counts {
            self.keep();
        }
    }

    fn keep(&self) {
        let file = lock(&self.0.file);
        let measured = lock(&self.0.measured).clone();
        if let Err(error) = write(&file, &measured) {
            let file = file.display();
            tracing::warn!(%file, %error, "how fast this machine is cannot be kept, and will be measured anew");
        }
    }
}

/// What is kept; nothing if there is no such file, or something else in it.
fn read(path: &Path) -> io::Result<Measured> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Measured::default()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    text.parse().map_err(io::Error::other)
}

fn write(path: &Path, measured: &Measured) -> io::Result<()> {
    whole::replace(path, |file| write!(file, "{measured}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_measured_is_known_at_the_next_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rates");
        let gauges = Gauges::open(path.clone());
        assert_eq!(gauges.means().rates, Rates::ASSUMED);
        assert!(gauges.means().memory > 0);
        gauges.wrote(Gauge::Dense, 1_000, SECOND);
        assert!(!path.exists(), "so few bytes say nothing");
        gauges.wrote(Gauge::Dense, 9 * MB, SECOND);
        gauges.fetched(&[4 * MB, 2 * MB], SECOND);
        let rates = Gauges::open(path).means().rates;
        assert_eq!(rates, gauges.means().rates);
        let measured = [rates.dense, rates.line, rates.holder, rates.fast].map(u64::from);
        assert_eq!(measured, [9 * MB, 6 * MB, 3 * MB, Rates::ASSUMED.fast.get()]);
    }

    #[test]
    fn a_damaged_file_is_a_memory_lost_and_nothing_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rates");
        for damaged in [&b"fast 9000000\nden"[..], b"\xff\xfe", b"hello\n", &[b'1'; 4_096]] {
            fs::write(&path, damaged).expect("own file");
            let gauges = Gauges::open(path.clone());
            assert_eq!(gauges.means().rates, Rates::ASSUMED);
            gauges.wrote(Gauge::Fast, 9 * MB, SECOND);
            assert_eq!(Gauges::open(path.clone()).means().rates.fast.get(), 9 * MB);
        }
    }

    #[test]
    fn what_is_kept_is_never_too_long_to_be_read() {
        let mut measured = Measured::default();
        for gauge in Gauge::ALL {
            measured.note(gauge, u64::MAX, SECOND);
        }
        assert!((measured.to_string().len() as u64) < MAX_FILE, "{measured}");
    }

    #[test]
    fn a_place_that_cannot_be_written_only_forgets() {
        let gauges = Gauges::open("/nowhere/at/all/rates".into());
        gauges.wrote(Gauge::Fast, 9 * MB, SECOND);
        assert_eq!(gauges.means().rates.fast.get(), 9 * MB);
    }
}
