//! How much memory this machine has, and how much of it is free: read when it is asked for, from the kernel.
//!
//! Says nothing about what may be done with it. What cannot be read is unknown, and never taken for little or for much.

use std::{fs, io::Read as _};

/// Where the kernel says so, and bytes of it that are read: it has about 60 lines of 28 bytes.
const FILE: &str = "/proc/meminfo";
const MAX_FILE: u64 = 16 * 1024;

/// The machine's memory in bytes; `None` if the kernel does not say.
pub fn total() -> Option<u64> {
    find(&read()?, "MemTotal")
}

/// What of it programs can have without others having to leave it; `None` if the kernel does not say.
pub fn available() -> Option<u64> {
    find(&read()?, "MemAvailable")
}

fn read() -> Option<String> {
    let mut text = String::new();
    fs::File::open(FILE).ok()?.take(MAX_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A line of the form `MemTotal:       24599208 kB`.
fn find(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read_and_nothing_else() {
        let text = "MemTotal:       24599208 kB\nMemFree:        22282388 kB\n\
                    MemAvailable:   23085264 kB\nHugePages_Total:       0\n";
        assert_eq!(find(text, "MemTotal"), Some(24_599_208 * 1_024));
        assert_eq!(find(text, "MemAvailable"), Some(23_085_264 * 1_024));
        assert_eq!(find(text, "Mem"), None, "a whole name");
        assert_eq!(find(text, "HugePages_Total"), None, "a number of what?");
        for text in ["", "MemTotal: many kB", "MemTotal: 99999999999999999999 kB", "MemTotal: 1 MB"]
        {
            assert_eq!(find(text, "MemTotal"), None, "{text:?}");
        }
        assert_eq!(find(&format!("MemTotal: {} kB", u64::MAX / 1_000), "MemTotal"), None);
    }

    #[test]
    fn this_machine_has_some() {
        let (total, available) = (total().expect("said"), available().expect("said"));
        assert!(0 < available && available <= total);
    }
}
