//! What making and applying a patch took: time, processor time, memory, and where the bytes of the patch are.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use updraft_delta::patch::{Header, Part};

use super::{super::output::Output, name_of};

/// Work that is being measured.
#[derive(Debug)]
pub(super) struct Watch {
    begun: Instant,
    processor: Duration,
}

/// What work took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    /// By the clock.
    pub(super) time: Duration,
    /// Of all processors together.
    pub(super) processor: Duration,
}

impl Watch {
    /// Begins to measure.
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), processor: processor_time() }
    }

    /// What it took since.
    pub(super) fn end(&self) -> Took {
        let processor = processor_time().saturating_sub(self.processor);
        Took { time: self.begun.elapsed(), processor }
    }
}

/// Processor time of this process until now.
fn processor_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

impl Took {
    /// `1.25 s`.
    pub(super) fn words(self) -> String {
        seconds(self.time)
    }

    fn row(self) -> String {
        format!("{}, {} of processors", seconds(self.time), seconds(self.processor))
    }

    pub(super) fn in_json(self) -> Value {
        json!({ "seconds": self.time.as_secs_f64(), "cpuSeconds": self.processor.as_secs_f64() })
    }

    /// How fast `bytes` were made, in bytes a second.
    fn rate(self, bytes: u64) -> u64 {
        let rate = u128::from(bytes) * 1_000_000_000 / self.time.as_nanos().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Stats<'a> {
    pub(super) header: &'a Header,
    /// Bytes of the file of the patch.
    pub(super) bytes: u64,
    pub(super) create: Option<Took>,
    pub(super) apply: Took,
    pub(super) parts: &'a [Part],
}

impl Stats<'_> {
    /// Prints it as two tables.
    pub(super) fn show(&self, output: &Output) {
        let header = self.header;
        let row = |what: &str, value: String| [what.to_owned(), value];
        let mut rows = vec![
            row("old", format!("{} B", header.old_size)),
            row("new", format!("{} B", header.new_size)),
            row("patch", format!("{} B", self.bytes)),
            row("codec", name_of(header.codec).to_owned()),
        ];
        rows.extend(self.create.map(|took| row("create", took.row())));
        rows.push(row("apply", self.apply.row()));
        let rate = self.apply.rate(header.new_size) / 100_000;
        rows.push(row("apply speed", format!("{}.{} MB/s", rate / 10, rate % 10)));
        rows.extend(peak_memory().map(|peak| row("peak memory", super::super::words::size(peak))));
        output.table(["MEASURED", ""], rows);
        output.line("");
        show_parts(self.parts, output);
    }

    /// The same for programs.
    pub(super) fn in_json(&self) -> Value {
        json!({
            "create": self.create.map(Took::in_json),
            "apply": self.apply.in_json(),
            "applyBytesPerSecond": self.apply.rate(self.header.new_size),
            "peakMemoryBytes": peak_memory(),
            "parts": parts_in_json(self.parts),
        })
    }
}

/// Prints the parts of a patch as a table.
pub(super) fn show_parts(parts: &[Part], output: &Output) {
    let rows = parts.iter().map(|part| {
        let unpacked = part.unpacked.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        [part.name.to_string(), part.bytes.to_string(), unpacked]
    });
    output.table(["PART", "BYTES", "UNPACKED"], rows);
}

/// The parts of a patch for programs.
pub(super) fn parts_in_json(parts: &[Part]) -> Vec<Value> {
    let part = |part: &Part| {
        json!({
            "name": part.name.to_string(), "bytes": part.bytes, "unpackedBytes": part.unpacked,
        })
    };
    parts.iter().map(part).collect()
}

/// The most memory that this process had at any time, if the system says so.
fn peak_memory() -> Option<u64> {
    peak_of(&fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_what_the_kernel_says() {
        assert_eq!(peak_of("Name:\tx\nVmHWM:\t    5284 kB\nVmRSS:\t 1 kB\n"), Some(5284 * 1024));
        assert_eq!(peak_of("VmRSS:\t 1 kB\n"), None);
        assert_eq!(peak_of("VmHWM:\t many\n"), None);
        assert!(peak_memory().is_some_and(|bytes| bytes > 100_000), "Linux says it");
    }

    #[test]
    fn a_rate_is_bytes_a_second_and_never_divides_by_nothing() {
        let took = |time| Took { time, processor: Duration::ZERO };
        assert_eq!(took(Duration::from_millis(500)).rate(1_000), 2_000);
        assert_eq!(took(Duration::ZERO).rate(7), 7_000_000_000);
        assert_eq!(took(Duration::ZERO).rate(u64::MAX), u64::MAX);
    }
}
